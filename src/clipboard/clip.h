/* SPDX-License-Identifier: MIT */
/* Types of data on a clipboard, and their limits. Constants only. */
#pragma once

/* Data of one type, in bytes; what is larger is not passed on. */
#define CLIP_SIZE_MAX (16 * 1024 * 1024)
/* A transfer ends when its other side has done nothing for this long. */
#define CLIP_STALL_MS 5000

/* Text is UTF-8. A set of types has bit 1u << type. */
enum clip_type { CLIP_TEXT, CLIP_PNG, CLIP_BMP, CLIP_TYPES };
