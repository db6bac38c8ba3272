/* SPDX-License-Identifier: MIT */
/*
 * Who sits at the input devices: watches logind for the user whose session is active at a seat, and
 * says whether that is another user than ours. Root's evswitch and the system service belong to no
 * user's session, so nobody is another user to them. Where logind does not run, where the seat has no
 * active session (before anybody has logged in), and where logind does not know the seat, nobody is:
 * there is no session whose input could be taken. Owns its monitor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/loop.h"

#define SEAT_NAME_MAX 64
/* The seat of a device of which udev names none, see sd-login(3). */
#define SEAT_DEFAULT "seat0"

struct seats;
/* From the loop: the active session of a seat may have changed. */
typedef void (*seats_fn)(struct seats *seats);

struct seats {
	struct sd_login_monitor *monitor; /* NULL: nobody is another user, or active */
	bool is_system;                   /* nobody is another user */
	struct watch watch;
	seats_fn changed;
};

/*
 * 'is_system': for the system service. 0, also where there is no logind to watch; or -errno: then
 * nobody is another user.
 */
int seats_init(struct seats *seats, struct loop *loop, bool is_system, seats_fn changed);
/* Also safe on a zeroed struct. */
void seats_fini(struct seats *seats);

/*
 * True, and *user, if the session of another user is active at the seat. Reads a small file in memory.
 */
bool seats_have_other(const struct seats *seats, const char *seat, uid_t *user);
/* True, and *user, if a session is active at the seat. Likewise. */
bool seats_have_active(const struct seats *seats, const char *seat, uid_t *user);
/* The name of a user for people, or "user 1001". Asks the user database, which may be slow. */
void seat_user_name(uid_t user, char *name, size_t size);
