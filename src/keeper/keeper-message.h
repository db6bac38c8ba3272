/* SPDX-License-Identifier: MIT */
/*
 * The protocol between the daemon and a guest's keeper, over a SOCK_SEQPACKET socket. Each packet
 * is one message of fixed size, with file descriptors as ancillary data. After an upgrade either
 * side may be older than the other. So the first three fields of a message never change, and a side
 * that receives another version or size logs it and changes nothing.
 *
 *  keeper -> daemon  HELLO   first message: what is kept. Descriptors: the uinput descriptor of each
 *                            node in 'nodes', then the guard of each node in 'guards'
 *                    BUSY    instead of HELLO: another daemon is connected
 *                    STATE   whenever the state of an endpoint driven by the keeper changes
 *  daemon -> keeper  NODE    keep this node. Descriptors: uinput, and the guard if it is open
 *                    OPEN    drive this endpoint. Descriptors: the memory and doorbell of an evring
 *                    RETIRE  close everything and exit
 *                    BYE     orderly shutdown of the daemon. Without it the keeper waits longer for
 *                            the next one
 *
 * A client becomes the daemon with its first valid NODE or OPEN. Until then it only queries: its
 * connection does not keep the keeper alive, and closing it does not affect the guest.
 *
 * Neither side trusts the other: a peer whose message keeper_check rejects is disconnected.
 *
 * Version 2 requests releases through the evring, in order with the frames; version 1 had a message
 * for it. Version 3 adds the VM's state, resets, panics and refusals, and
 * whether LEDs are known. A keeper of another version holds its
 * guest's devices until the guest has closed them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/shape.h"
#include "evdev/uinput.h"
#include "qemu/runstate.h"
#include "base/usock.h"

#define KEEPER_MAGIC 0x4b535645 /* "EVSK" */
/* Tests build a second program with another version. */
#ifndef KEEPER_VERSION
#define KEEPER_VERSION 4
#endif

/* The daemon starts a keeper as "evswitch --keep GUEST" with a listening socket (launch.h). */
#define KEEPER_OPTION "--keep"

/* Stores the path of the keeper's socket for this guest. 0 or -errno, as usock_dir. */
int keeper_path(const char *guest, char path[static USOCK_PATH_MAX]);

#define KEEPER_VIA_MAX    16
#define KEEPER_WHY_MAX    256
#define KEEPER_DOMAIN_MAX 128

enum keeper_type {
	KEEPER_HELLO = 1,
	KEEPER_BUSY,
	KEEPER_STATE,
	KEEPER_NODE,
	KEEPER_OPEN,
	KEEPER_RETIRE,
	KEEPER_BYE,
};

/*
 * Identifies a guest's endpoint. If it differs from the configuration, it stays in effect until the
 * guest closes its devices.
 */
struct keeper_identity {
	char via[KEEPER_VIA_MAX]; /* "": nothing is kept yet */
	/* The directory of vhost-user's sockets, or the socket of qmp's monitor; else "". */
	char socket_path[USOCK_PATH_MAX];
	struct shape_rules rules;
};

struct keeper_hello {
	struct keeper_identity identity;
	bool in_use;           /* the guest has it open */
	uint8_t nodes, guards; /* bit n: node n */
	char devnode[SHAPE_NODES][UINPUT_DEVNODE_MAX];
};

struct keeper_node {
	struct keeper_identity identity;
	uint8_t which;
	char devnode[UINPUT_DEVNODE_MAX];
};

struct keeper_open {
	struct keeper_identity identity;
	/*
	 * The libvirt domain whose QEMU alone may open the endpoint; "": any, or the name is too
	 * long.
	 */
	char domain[KEEPER_DOMAIN_MAX];
};

struct keeper_state {
	/* Incremented each time the endpoint goes up. Frames of an older generation are dropped. */
	uint32_t generation;
	bool up;
	bool in_use;     /* the guest has the endpoint open, whether up or not */
	bool leds_known; /* the guest has set its lock LEDs */
	uint16_t leds;   /* lock LEDs: bit n is LED code n */
	/* With qmp, the VM as in struct vm; else 0, which is RUN_STATE_UNKNOWN. */
	uint8_t vm;               /* enum run_state */
	uint32_t resets, panics;  /* counters of the VM; they wrap around */
	bool other_domain;        /* a VM of another domain was refused, and none is connected */
	char why[KEEPER_WHY_MAX]; /* if not up: the reason, for the user */
};

struct keeper_message {
	uint32_t magic, version, size;
	uint32_t type;
	union {
		struct keeper_hello hello;
		struct keeper_node node;
		struct keeper_open open;
		struct keeper_state state;
	};
};

enum keeper_fit { KEEPER_FITS, KEEPER_OTHER_VERSION, KEEPER_NONSENSE };

/* A message of this type whose payload is zero. */
static inline struct keeper_message keeper_message(enum keeper_type type)
{
	return (struct keeper_message){ .magic = KEEPER_MAGIC,
					.version = KEEPER_VERSION,
					.size = sizeof(struct keeper_message),
					.type = type };
}

/*
 * Checks that the 'size' bytes received are a message of this version, that all fields are in range
 * and all strings terminated. KEEPER_OTHER_VERSION if only version or size differ.
 */
enum keeper_fit keeper_check(const struct keeper_message *message, size_t size);

/* True if a message that fits has the right number of descriptors. */
bool keeper_check_fds(const struct keeper_message *message, unsigned n_fds);

/* True if both describe the same endpoint. */
bool keeper_same(const struct keeper_identity *a, const struct keeper_identity *b);
