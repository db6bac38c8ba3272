/* SPDX-License-Identifier: MIT */
/*
 * What tests on a real kernel are made of: puppets (uinput devices that play the user's keyboard and
 * mouse), observers (clients of evdev nodes, as a desktop or QEMU is one) and the program under test
 * as a child process. Everything is awaited by events, with a deadline; what fails ends the test with
 * a message through cmocka.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "evdev/uinput.h"

/* How long anything may take in an emulated machine before it counts as not happening. */
#define WORLD_MS 60000
/* How long nothing must come for it to count as nothing. */
#define WORLD_QUIET_MS 150

/*
 * The teardown of every test: ends programs and unplugs puppets that a failed test left, and ends the
 * keepers of any.
 */
int world_reset(void **state);

/* --- puppets --------------------------------------------------------------------------------------- */

struct puppet {
	struct uinput uinput;
};

enum puppet_kind {
	PUPPET_KEYBOARD,
	PUPPET_MOUSE,
	PUPPET_MOUSE_CLICKS, /* its wheels send clicks alone */
	PUPPET_MOUSE_HIRES,  /* its wheels send high-resolution events alone */
	PUPPET_TABLET,
	PUPPET_TOUCHPAD
};

/* A USB device of that kind with this name, phys and product id; its node exists on return. */
void puppet_plug(struct puppet *puppet, enum puppet_kind kind, const char *name, const char *phys,
		 unsigned short product);
/* The same from any description, by libevdev, with this phys. */
void puppet_plug_model(struct puppet *puppet, const struct libevdev *model, const char *phys);
/* Plays n events and a SYN_REPORT, in one write. */
void puppet_play(struct puppet *puppet, const struct input_event *events, unsigned n);
void puppet_key(struct puppet *puppet, unsigned code, int value);
/* Down and up. */
void puppet_type(struct puppet *puppet, unsigned code);
void puppet_move(struct puppet *puppet, int dx, int dy);
/* The mask of LEDs that were written into the device since the last call, applied to *leds. */
bool puppet_read_leds(struct puppet *puppet, unsigned *leds, int timeout_ms);
/* Its LEDs, *leds so far, become these within timeout_ms, and stay so. */
void puppet_expect_leds(struct puppet *puppet, unsigned *leds, unsigned expected, int timeout_ms);
void puppet_unplug(struct puppet *puppet);

/* --- observers ------------------------------------------------------------------------------------- */

struct observer {
	int fd;
	char devnode[64];
};

struct seen {
	unsigned n;
	struct input_event ev[64]; /* up to and without the SYN_REPORT */
};

/* Waits for the node whose device has this phys and opens it. */
void observer_open(struct observer *observer, const char *phys);
/* Waits until there is this file, such as a link that udev makes. */
void wait_for_file(const char *path);
/* False where no such node comes within timeout_ms. The node's path goes to devnode (64 bytes). */
bool find_node(const char *phys, char *devnode, int timeout_ms);
void observer_grab(struct observer *observer);
/* The next whole frame but for sentinels (SYN_MT_REPORT), or false when none came in time. */
bool observer_frame(struct observer *observer, struct seen *seen, int timeout_ms);
/* The next frame is one event of this type, code and value. */
void observer_expect(struct observer *observer, unsigned type, unsigned code, int value);
/* The next frames are this key's down and up. */
void observer_expect_typed(struct observer *observer, unsigned code);
void observer_expect_nothing(struct observer *observer);
/* How many keys are down on the device now, by EVIOCGKEY. */
unsigned observer_keys_down(const struct observer *observer);
void observer_close(struct observer *observer);

/* Whether some other program has grabbed the node: one grab is tried and let go again. */
bool node_is_grabbed(const char *devnode);

/* --- the program ----------------------------------------------------------------------------------- */

struct program {
	pid_t pid;
	char conf[32]; /* the path of its configuration, by program_start */
	int err;       /* its stderr */
	char log[65536];
	size_t used, read_to; /* program_expect looks from read_to on */
};

/*
 * A new runtime directory for the programs from now on: their keepers, which outlive them for some
 * seconds, are then none of the next program's.
 */
void program_place(void);
/* Starts evswitch (the environment's EVSWITCH, or build/evswitch) with this configuration text. */
void program_start(struct program *program, const char *conf);
/* The text of its configuration is this from now on; the program has yet to be told. */
void program_configure(struct program *program, const char *conf);
/* The same with any arguments, NULL at the end. */
void program_exec(struct program *program, const char *const *argv);
/* The same on a terminal of its own: what it writes there is the log. */
void program_exec_on_terminal(struct program *program, const char *const *argv);
/* Types this on that terminal: "\n" is Enter, "\x03" Ctrl+C. */
void program_type(struct program *program, const char *text);
/* Waits until its stderr says this, after what was found before. */
void program_expect(struct program *program, const char *text);
/* The same, or false after timeout_ms (0: what it has said by now). */
bool program_says(struct program *program, const char *text, int timeout_ms);
void program_signal(struct program *program, int signo);
/* Its process evs-watchdog, which fails the test if there is none. */
pid_t program_watchdog(const struct program *program);
/* The same of evs-launcher. */
pid_t program_launcher(const struct program *program);
/* Stops it, and its watchdog first, which would else kill it after a while; and both go on. */
void program_pause(struct program *program);
void program_resume(struct program *program);
/* Waits for its end: the exit code, or 128 + signal. */
int program_wait(struct program *program);
/* SIGTERM, and it must end with 0. */
void program_stop(struct program *program);
/*
 * Waits until the keeper of a guest that nobody uses any more has ended, if there is one: who comes
 * next has one of its own.
 */
void keeper_await_gone(const char *guest);

#define COMMAND_OUTPUT_MAX 65536

/* Runs evswitch with these arguments to its end: the exit code, and all that it printed. */
int command_run(const char *arguments, char output[static COMMAND_OUTPUT_MAX]);
/* The same; this has to be its exit code, and a part of what it prints. */
void command_expect(const char *arguments, int code, const char *text);

/* The processor time of a process so far, in clock ticks. */
unsigned long process_ticks(pid_t pid);
/* Waits until its first thread sleeps: it has seen to all that could wake it before this call. */
void process_await_sleep(pid_t pid);
