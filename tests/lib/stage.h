/* SPDX-License-Identifier: MIT */
/*
 * A keyboard, a mouse, the program with one guest, and observers on what comes out at the host: what
 * most tests on a real kernel begin with.
 */
#pragma once

#include "core/shape.h"
#include "world.h"

struct stage {
	struct puppet keyboard, mouse;
	struct program program;
	struct observer host_keyboard, host_mouse;
	struct observer guest_keyboard, guest_media, guest_pointer; /* fd -1 until opened */
};

#define STAGE_CONF                                                                                 \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = input-linux\n"

/* Plugs both devices, starts the program with 'conf' and waits until it has grabbed them. */
void stage_open(struct stage *stage, const char *conf);
void stage_plug(struct stage *stage);
/* Starts the program on devices that are plugged, and observes the host's devices. */
void stage_start(struct stage *stage, const char *conf);
/* SIGTERM must end the program with 0; unplugs everything. */
void stage_close(struct stage *stage);
/* The same without the program, which has ended already. */
void stage_unplug(struct stage *stage);

/* The program ends with this code, and with it the host's devices. */
void stage_expect_end(struct stage *stage, int code);
/* SIGKILL, and waits until it is gone. */
void stage_kill(struct stage *stage);
/*
 * SIGKILL after so many microseconds, by a process of its own, so that the play goes on: toggles, typing
 * and motion, with a key and a button down, which come up after it. stage_expect_end is still to come.
 * 'turn' may be NULL.
 */
void stage_kill_in_play(struct stage *stage, unsigned us, void (*turn)(void *arg), void *arg);

/* Opens and grabs all nodes of guest one, as QEMU would; and lets go of them. */
void stage_guest_up(struct stage *stage);
void stage_guest_down(struct stage *stage);

/* A finger on the device that this node of the guest is for. */
void stage_play(struct stage *stage, enum shape_node node, const struct frame *frame);
/* Both Ctrl keys down and up. On the host the first shows: the caller expects it, or drains. */
void stage_toggle(struct stage *stage);
/* Toggles to the guest, and waits until the program says so; drains the host's observers. */
void stage_focus_guest(struct stage *stage);
/* Toggles to the host, and waits until the program says so. */
void stage_focus_host(struct stage *stage);
/*
 * After a return to the host that the user has not asked for: until what is typed is the host's again.
 * Nothing is down; drains the host's observers.
 */
void stage_await_quiet(struct stage *stage);
/* Sets a LED as a desktop does it: on its own keyboard, which is the program's clone. */
void stage_set_host_led(struct stage *stage, unsigned code, int value);
/* Reads and forgets what has come out at the host by now. */
void stage_drain_host(struct stage *stage);
/* The same of the guest's keyboard and pointer, sentinels too, once nothing more comes. */
void stage_drain_guest(struct stage *stage);
