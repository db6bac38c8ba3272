/* SPDX-License-Identifier: MIT */
/*
 * Where evswitch's focus is, and what its configuration says of the guest's clipboard: a client of
 * Monitor on the control socket (io.evswitch.varlink). While evswitch does not run, it tries again every
 * FOCUS_AGAIN_MS. Embedded in its owner; owns the connection.
 */
#pragma once

#include <stdbool.h>

#include "base/loop.h"
#include "base/usock.h"
#include "control/client.h"

#define FOCUS_AGAIN_MS 2000

/* Bytes in the name of a libvirt domain, including the NUL. */
#define FOCUS_DOMAIN_MAX 256

struct focus;
/* What the fields below say has changed. */
typedef void (*focus_fn)(struct focus *focus);

struct focus {
	focus_fn changed;
	bool connected; /* to evswitch; the fields below keep what it said last */
	bool here;      /* the guest has the focus; false without a connection */
	/*
	 * The configuration has the guest, and does not say 'clipboard = no'. Without it, the following
	 * fields mean nothing.
	 */
	bool wanted;
	bool always; /* 'clipboard = always': whatever has the focus */
	bool to_guest, from_guest;
	char socket[USOCK_PATH_MAX];   /* where QEMU is to connect */
	char domain[FOCUS_DOMAIN_MAX]; /* of 'libvirt ='; "": not given */

	/* Internal. */
	const char *guest;
	struct loop *loop;
	struct client client;
	struct watch watch;
	struct timer again;
	bool told; /* logged: it waits for evswitch */
};

/* Starts to connect: 'changed' follows. 'guest' must outlive it. 0 or -errno of timer_init. */
int focus_init(struct focus *focus, struct loop *loop, const char *guest, focus_fn changed);
void focus_fini(struct focus *focus);
