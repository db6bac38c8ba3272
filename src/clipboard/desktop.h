/* SPDX-License-Identifier: MIT */
/*
 * The clipboard of the host's desktop: what was copied there, and what is offered there in a guest's
 * name. Text has LF. There are two implementations, X11 (x11.h) and Wayland's data control (wayland.h, which names its
 * limits); desktop_open chooses. Whatever other programs on the desktop do, no call blocks, and no
 * transfer is larger than CLIP_SIZE_MAX or stalls for longer than CLIP_STALL_MS. Opening and closing may
 * take a while: up to WAYLAND_TRY_MS, and about a second.
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
	 * what a password manager has marked as secret; this may be said again. Not called for what
	 * desktop_offer offers or takes off.
	 */
	void (*copied)(struct desktop_client *client, unsigned types);
	/*
	 * The answer to desktop_fetch: 'size' bytes, valid during the call; NULL if they could not be
	 * had. As soon as somebody copies anew, 'copied' follows, and this fetch has no data: what is
	 * there now may be a password.
	 */
	void (*fetched)(struct desktop_client *client, enum clip_type type, const void *data,
			size_t size);
	/*
	 * A program pastes what is offered: answer with desktop_give. Called once for each type until
	 * that is answered, however many programs wait for it. Where data has to be there before
	 * anybody pastes (Wayland), it follows desktop_offer, for one of the types.
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
 * with what is on the clipboard now. NULL, and *error is -ENOTCONN if there is no desktop or its X server
 * cannot be reached, -ENOTSUP if it offers neither way, or another -errno. It is logged why, with what to
 * install or do.
 */
struct desktop *desktop_open(struct loop *loop, struct desktop_client *client, int *error);
/* "x11" or "wayland"; "none" for NULL. */
const char *desktop_kind(const struct desktop *desktop);
/* NULL is allowed. What was offered is gone from the clipboard. */
void desktop_close(struct desktop *desktop);

/*
 * Asks for what was copied, as one of the types that 'copied' announced. 'fetched' answers exactly
 * once, within CLIP_STALL_MS of silence, unless desktop_close comes first. 0; -EBUSY while such a fetch
 * of this type is not answered; -ENOENT if that type is not there; or another -errno, if no program can be
 * started. Then 'fetched' is not called.
 */
int desktop_fetch(struct desktop *desktop, enum clip_type type);

/*
 * Puts these types on the clipboard, in place of what is there; 0: takes off what was offered, if it is
 * still there. Who waits for data of an earlier offer gets none, so 'wanted' is called anew: do not answer
 * it with data of that offer. Returns 0: what fails later is logged.
 */
int desktop_offer(struct desktop *desktop, unsigned types);

/*
 * Answers 'wanted' with a copy of 'size' bytes; NULL: they cannot be had. No effect if nobody waits for
 * that type any more.
 */
void desktop_give(struct desktop *desktop, enum clip_type type, const void *data, size_t size);
