/* SPDX-License-Identifier: MIT */
/*
 * Files on their way into the guest. Each comes from a local client (send.h) as bytes on its connection,
 * and goes to the agent in VD_AGENT_FILE_XFER_* messages, as fast as the guest takes them: nothing but one
 * part is held. Messages to the client are JSON objects, each ended by a NUL:
 *
 *   {"go": true}       the guest takes it: send the bytes
 *   {"done": true}     it is in the guest
 *   {"error": "..."}   it is not, and why; the connection ends
 *
 * A client that disconnects cancels its transfer. Embedded in its owner; owns the connections.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"
#include "clipboard/agent.h"

#define TRANSFERS_MAX     8
#define TRANSFER_NAME_MAX 255         /* bytes in a file's name */
#define TRANSFER_PART     (64 * 1024) /* bytes sent to the agent at once */
#define TRANSFER_START_MS 10000       /* the guest's answer to VD_AGENT_FILE_XFER_START */

enum transfer_state { TRANSFER_FREE, TRANSFER_STARTS, TRANSFER_RUNS, TRANSFER_SENT };

struct transfer {
	struct transfers *transfers;
	enum transfer_state state;
	struct watch watch; /* the client's connection */
	struct timer start;
	uint32_t id;
	uint64_t left; /* bytes that the agent was not sent yet */
};

struct transfers {
	struct agent_sender sender;
	struct agent *agent;
	struct loop *loop;
	uint32_t last_id;
	struct transfer transfer[TRANSFERS_MAX];
};

/* Sets agent->sender. 0 or -errno of timer_init. 'agent' must outlive it. */
int transfers_init(struct transfers *transfers, struct loop *loop, struct agent *agent);
/* Also safe on zeroed transfers. */
void transfers_fini(struct transfers *transfers);

/*
 * Takes over 'fd', the client's connection, and asks the guest to take a file of this name and size. The
 * name is made safe: it loses its path, and what a file system, Windows or the message would take for
 * something else. Errors go to the client.
 */
void transfers_start(struct transfers *transfers, int fd, const char *name, uint64_t size);

/*
 * A name that is safe in the guest: at most TRANSFER_NAME_MAX bytes, and never empty. Pure. For tests.
 */
void transfer_safe_name(const char *name, char safe[static TRANSFER_NAME_MAX + 1]);
