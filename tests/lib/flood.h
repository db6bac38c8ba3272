/* SPDX-License-Identifier: MIT */
/*
 * Peers that say so much that nobody could hear it all. Each is a process that dies with the test, and
 * gives way to all others, as if it had a processor of its own.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "vhost-guest.h"
#include "world.h"

/* What a monitor says, behind QEMU's greeting and the answers to what it is asked at first. */
struct flood_monitor {
	const char *name;
	const char *text; /* over and over; "": nothing */
	const char
		*rest; /* a message's, behind a chunk of that; NULL: the text is whole messages */
	bool ends;     /* after one time, and so does the connection */
};

/* Listens at 'path'; returns when the program has connected. */
pid_t flood_monitor(const struct flood_monitor *monitor, const char *path);
/* A guest that sets its LEDs through its node; when it is ended, Caps Lock is on. */
pid_t flood_leds(int evdev_fd);
/* A front end that sends messages that want no answer, and kicks both rings of a started device. */
pid_t flood_frontend(struct frontend *fe);
void flood_end(pid_t pid);

/* How often a keyboard's LEDs change in a second, over that time; what they come to is *shown. */
double flood_led_rate(const struct puppet *keyboard, unsigned ms, unsigned *shown);
