/* SPDX-License-Identifier: MIT */
/*
 * Joins the clipboards of the host's desktop and of a guest. What was copied last, on either side, is
 * offered to the other where the rules allow it; the data is fetched when somebody pastes. Embedded in its
 * owner; owns the connections to the desktop and to the agent.
 *
 * While the clipboard is open (usually, while the guest has the focus), what was copied on the host is
 * offered to the guest, and what is copied in the guest is taken. It closes EXCHANGE_GRACE_MS later than
 * the rules say: an application may take that long to copy, and the user is already on the way.
 *
 * A guest that offers BMP and no PNG has PNG offered for it, since few programs take BMP.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "clipboard/agent.h"
#include "clipboard/desktop.h"
#include "clipboard/picture.h"

#define EXCHANGE_GRACE_MS 1000

struct exchange_rules {
	bool to_guest, from_guest; /* the directions that are allowed */
	bool open;
};

struct exchange {
	struct agent agent;
	struct desktop_client client;
	struct desktop *desktop;
	bool ended; /* the desktop has: the owner calls exchange_fini, in a later turn */

	/* Internal. */
	struct loop *loop;
	struct exchange_rules rules;
	bool open;            /* rules.open, and a while longer */
	struct timer grace;   /* armed for that while */
	unsigned host_types;  /* copied on the host, and not by us */
	unsigned guest_types; /* copied in the guest, and offered on the desktop */
	bool png_is_wanted;   /* it has only BMP: make PNG of it when that comes */
	struct picture picture;
	bool host_is_newest;   /* what was copied last was copied on the host */
	unsigned offered;      /* types that the guest was told of */
	unsigned fetching;     /* bit 1u << type: desktop_fetch waits for an answer */
	struct exchange_late { /* came too late for the guest that asked, which may ask again */
		void *data;    /* owned; NULL: none */
		size_t size;
	} late[CLIP_TYPES];
};

/*
 * Connects to the desktop; 'guest' is the guest's name, for messages. 0; -errno of desktop_open, which logs
 * it; or of timer_init. exchange_fini is safe in any case.
 */
int exchange_init(struct exchange *exchange, struct loop *loop, const char *guest);
void exchange_fini(struct exchange *exchange);

/* Applies these rules from now on. */
void exchange_set_rules(struct exchange *exchange, const struct exchange_rules *rules);

/* QEMU is connected, as agent_connect. 0 or -errno of agent_connect. */
int exchange_connect(struct exchange *exchange, int fd);
/* Ends that connection. */
void exchange_disconnect(struct exchange *exchange);
