/*
 * What the daemon and a guest's keeper say to each other over their SOCK_SEQPACKET socket. One message
 * a packet, of a fixed size. Either may be older than the other after an upgrade: the first three
 * fields stay what they are for ever, and a side that meets another version or size says so and leaves
 * things as they are.
 *
 *  keeper -> daemon  HELLO    what is kept, at once after connecting. Descriptors: for each node of
 *                             'nodes' its uinput, then for each of 'guards' its guard
 *                    BUSY     instead: another daemon is connected
 *                    STATE    of an end that the keeper drives, whenever it changes
 *  daemon -> keeper  NODE     keep this uinput node: its uinput descriptor, and its guard if it is open
 *                    OPEN     drive this end. Descriptors: the memory and the doorbell of an evring
 *                    RETIRE   let go of everything and end
 *                    BYE      I end in good order. Without it the keeper waits longer for the next one
 *
 * Whoever connects is the daemon from its first valid NODE or OPEN. Before that it only asks: its
 * connection neither keeps the keeper alive nor changes anything for the guest when it ends.
 *
 * Neither side trusts the other: whoever sends something that keeper_check refuses is disconnected.
 *
 * Version 2 releases what is down by the evring, in order with the frames; version 1 had a message for
 * it. Version 3 tells of the VM. A keeper of another version holds its guest's devices until the guest
 * has closed them.
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
/* The tests build a second program of another version. */
#ifndef KEEPER_VERSION
#define KEEPER_VERSION 3
#endif

/* How the daemon starts a keeper: "evswitch --keep GUEST", listening already (launch.h). */
#define KEEPER_OPTION "--keep"

/* The path of the socket of the guest's keeper. 0 or -errno, as usock_dir. */
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

/* What the guest's end is. The guest keeps what it has until it lets go, whatever the configuration says. */
struct keeper_identity {
	char via[KEEPER_VIA_MAX]; /* "": nothing is kept yet */
	char place
		[USOCK_PATH_MAX]; /* the directory of vhost-user sockets, or QMP's socket; else "" */
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
	/* libvirt's, whose QEMU alone may open the end; "": none is named, or its name is longer */
	char domain[KEEPER_DOMAIN_MAX];
};

struct keeper_state {
	/* Counts how often the guest's end went up. Frames of an older count are not delivered. */
	uint32_t generation;
	bool up;
	bool in_use; /* the guest has it open, up or not */
	uint16_t leds;
	/* Of an end that hears of its VM (qmp); else 0, which is RUN_STATE_UNKNOWN. As in struct vm. */
	uint8_t vm;               /* enum run_state */
	uint32_t resets, panics;  /* of the VM so far; they wrap */
	char why[KEEPER_WHY_MAX]; /* it is not up */
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

/* A message of this type with everything else zero. */
static inline struct keeper_message keeper_message(enum keeper_type type)
{
	return (struct keeper_message){ .magic = KEEPER_MAGIC,
					.version = KEEPER_VERSION,
					.size = sizeof(struct keeper_message),
					.type = type };
}

/*
 * Whether 'size' bytes that came are a message of this version, with every field in its range and
 * every string ended.
 */
enum keeper_fit keeper_check(const struct keeper_message *message, size_t size);

/* Whether so many descriptors belong to a message that fits. */
bool keeper_check_fds(const struct keeper_message *message, unsigned n_fds);

/* Whether both are the same end. */
bool keeper_same(const struct keeper_identity *a, const struct keeper_identity *b);
