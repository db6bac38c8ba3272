/* SPDX-License-Identifier: MIT */
/*
 * The desktop (desktop.h) of a Wayland compositor that has data control, by the programs of wl-clipboard.
 * Owns these processes: "wl-paste --watch", which runs all the time, one for each fetch, and "wl-copy".
 *
 * What comes of using these programs:
 * - wl-copy offers one type. Of several, text is offered, else PNG. It needs the data at once, so 'wanted'
 *   follows desktop_offer, and what was on the clipboard stays there until the answer.
 * - wl-copy keeps the data in a file in /tmp, which it removes when another program copies or clears, but
 *   not when a signal ends it. So it ignores the signals that end a session's programs, and it ends
 *   because the clipboard is cleared.
 * - wl-paste 2.1 does not tell that the clipboard was cleared: a fetch then has no data.
 * - "wl-paste --watch" reads the beginning of everything that is copied. What can be pasted only once
 *   ("wl-copy --paste-once") is then used up. It also tells of what we copy ourselves. So while a wl-copy
 *   of ours runs, what is new is compared with its data: the same data is not reported.
 * - What comes with x-kde-passwordManagerHint counts as secret, whatever the hint's value is. The types are
 *   listed again after each fetch, so that a password that was copied just then is not taken for what
 *   was there before.
 */
#pragma once

#include "clipboard/desktop.h"

/*
 * The compositor is that of WAYLAND_DISPLAY. A transfer ends after stall_ms without progress. Waits up to
 * WAYLAND_TRY_MS to see whether wl-paste works. NULL, and *error is -ENOENT if wl-paste is not
 * installed, -ENOTSUP if the compositor has no data control or cannot be reached, -ENOMEM, or another
 * -errno of program_start(). Logs nothing.
 */
#define WAYLAND_TRY_MS 2000
struct desktop *wayland_open(struct loop *loop, struct desktop_client *client, unsigned stall_ms,
			     int *error);
