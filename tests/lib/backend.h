/* SPDX-License-Identifier: MIT */
/*
 * Two of evswitch's vhost-user input devices in a process of their own, with a loop that does nothing
 * else, and a socket on which the test says what to send and asks how they are. A back end that
 * crashes or hangs fails the test that made it and no other. Everything is awaited with a deadline;
 * what fails ends the test with a message through cmocka.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/frame.h"
#include "vhost/vinput.h"

/* How long any answer may take: far more than a sanitizer on a busy machine needs. */
#define BACKEND_MS 60000
/* How long it is watched where nothing shall happen. */
#define BACKEND_QUIET_MS 30

enum { BACKEND_DEVICES = 2 };

struct backend_state {
	bool up, connected;
	uint16_t leds;
	unsigned changes;    /* calls of 'changed' */
	unsigned led_writes; /* those of them that found other LEDs than the one before */
	unsigned long turns; /* of its loop */
	uid_t asked;         /* the last user that 'admit' was asked about */
	char why[256];
};

/* What the process holds, whichever device has it. */
struct backend_holds {
	unsigned fds;
	unsigned shared;   /* mappings that are shared: guest memory */
	unsigned mappings; /* all of them */
};

struct backend {
	pid_t pid; /* 0: none runs */
	int control;
	char dir[32];
	char path[BACKEND_DEVICES][48];
};

/* A keyboard and mouse in one, with everything that the tests send. */
extern const struct vinput_model backend_model;

/* Starts the process; both sockets can be connected to at once. 'model' is for both devices. */
void backend_start(struct backend *backend, const struct vinput_model *model);
/* Frees both devices and ends; anything but a clean end, leaks included, fails the test. */
void backend_stop(struct backend *backend);
/* For a teardown: ends what a failed test left, without looking. */
void backend_kill(struct backend *backend);

void backend_send(struct backend *backend, unsigned device, const struct frame *frame);
void backend_release_all(struct backend *backend, unsigned device);
/* Who connects from now on is admitted, or is not. */
void backend_admit(struct backend *backend, bool admit);

/* All that was sent or kicked before has been worked on when this returns. */
void backend_sync(struct backend *backend);
struct backend_state backend_state(struct backend *backend, unsigned device);
struct backend_holds backend_holds(struct backend *backend);
/* Waits until the device is up or not, connected or not. */
void backend_await_up(struct backend *backend, unsigned device, bool up);
void backend_await_connected(struct backend *backend, unsigned device, bool connected);
/* With nothing to do it sleeps: a loop that turns and turns fails the test. */
void backend_expect_idle(struct backend *backend);
