/* SPDX-License-Identifier: MIT */
/*
 * The clipboard of the host's desktop: what was copied there, and what is offered there in a guest's
 * name. Text has LF. There are two implementations, X11 and Wayland's data control; desktop_open chooses. Whatever
 * other programs on the desktop do, no call blocks, and no transfer is larger than CLIP_SIZE_MAX or
 * stalls for longer than CLIP_STALL_MS.
 *
 * The owner embeds a struct desktop_client and owns what desktop_open returns. Callbacks come from
 * turns of the loop (see loop.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "clipboard/clip.h"

struct desktop;
struct desktop_client;

struct desktop_ops {
	/*
	 * Somebody has copied these types. 0: the clipboard is empty, has none of these types, or holds
	 * what a password manager has marked as secret. Not called for what desktop_offer offers.
	 */
	void (*copied)(struct desktop_client *client, unsigned types);
	/*
	 * The answer to desktop_fetch: 'size' bytes, valid during the call; NULL if they could not be
	 * had.
	 */
	void (*fetched)(struct desktop_client *client, enum clip_type type, const void *data,
			size_t size);
	/*
	 * A program pastes what is offered: answer with desktop_give. Called once for each type until
	 * that is answered, however many programs wait for it.
	 */
	void (*wanted)(struct desktop_client *client, enum clip_type type);
	/* The connection to the desktop is lost: call desktop_close, in a later turn. */
	void (*closed)(struct desktop_client *client);
};

struct desktop_client {
	const struct desktop_ops *ops;
};

/*
 * Connects to the desktop of this session, and logs which way was chosen: data control if
 * WAYLAND_DISPLAY is set and the compositor has it, else X11 by DISPLAY. The first 'copied' follows,
 * with what is on the clipboard now. NULL, and *error is -ENOTCONN if there is no desktop, -ENOTSUP if
 * it offers neither way (logged, with what to install or do), or another -errno.
 */
struct desktop *desktop_open(struct loop *loop, struct desktop_client *client, int *error);
/* "x11" or "wayland"; "none" for NULL. */
const char *desktop_kind(const struct desktop *desktop);
/* NULL is allowed. What was offered is gone from the clipboard. */
void desktop_close(struct desktop *desktop);

/*
 * Asks for what was copied, as one of the types that 'copied' announced. 'fetched' answers exactly
 * once, within CLIP_STALL_MS of silence, unless desktop_close comes first. 0; -EBUSY while such a fetch
 * of this type is not answered; or -ENOENT if that type is not there.
 */
int desktop_fetch(struct desktop *desktop, enum clip_type type);

/*
 * Puts these types on the clipboard, in place of what is there; 0: takes off what was offered, if it is
 * still there. 0 or -errno.
 */
int desktop_offer(struct desktop *desktop, unsigned types);

/*
 * Answers 'wanted' with a copy of 'size' bytes; NULL: they cannot be had. No effect if nobody waits for
 * that type any more.
 */
void desktop_give(struct desktop *desktop, enum clip_type type, const void *data, size_t size);
