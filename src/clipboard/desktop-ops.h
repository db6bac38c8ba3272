/* SPDX-License-Identifier: MIT */
/*
 * What is behind struct desktop (desktop.h): each implementation embeds one and fills in its table.
 * desktop.c passes every call on to that.
 */
#pragma once

#include "clipboard/desktop.h"

struct desktop_way {
	const char *kind; /* as desktop_kind */
	int (*fetch)(struct desktop *desktop, enum clip_type type);
	int (*offer)(struct desktop *desktop, unsigned types);
	void (*give)(struct desktop *desktop, enum clip_type type, const void *data, size_t size);
	void (*close)(struct desktop *desktop); /* frees it, too */
};

struct desktop {
	const struct desktop_way *way;
	struct loop *loop;
	struct desktop_client *client;
};
