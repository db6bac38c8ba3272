/* SPDX-License-Identifier: MIT */
/* The atoms that the parts of x11.c share: x11.c asks the server for them. */
#pragma once

#include <xcb/xcb.h>

#include "clipboard/desktop.h"

/* Reads from the clipboard that go on at once: one for each type, and two of x11.c's own. */
enum x11_read_id { X11_READ_TARGETS = CLIP_TYPES, X11_READ_HINT, X11_READS };
/* Properties that a read uses in turn. */
#define X11_READ_TURNS 8

enum x11_atom {
	X11_CLIPBOARD,
	X11_TARGETS,
	X11_TIMESTAMP,
	X11_INCR,
	X11_HINT,
	X11_UTF8_STRING,
	X11_TEXT_UTF8,
	X11_TEXT_PLAIN,
	X11_PNG,
	X11_BMP,
	X11_X_BMP,
	X11_MS_BMP,
	X11_CLOCK,
	X11_PROPERTY, /* the first of those for reads */
	X11_ATOMS = X11_PROPERTY + X11_READS * X11_READ_TURNS,
};

/* The targets of each type, the best first. */
static const struct {
	enum x11_atom target;
	enum clip_type type;
} x11_targets[] = {
	{ X11_UTF8_STRING, CLIP_TEXT }, { X11_TEXT_UTF8, CLIP_TEXT }, { X11_TEXT_PLAIN, CLIP_TEXT },
	{ X11_PNG, CLIP_PNG },          { X11_BMP, CLIP_BMP },        { X11_X_BMP, CLIP_BMP },
	{ X11_MS_BMP, CLIP_BMP },
};
