/* SPDX-License-Identifier: MIT */
/*
 * The agent in a guest (spice-vdagent, or Windows' vdagent), whose peer this is: who has the clipboard, its
 * data, and files for the guest. The protocol is spice-protocol's, spice-1/spice/vd_agent.h. The
 * connection comes from QEMU, which keeps it whether or not an agent runs.
 *
 * The guest is not trusted: nothing that arrives costs more than one message of its size limit, makes
 * us wait, or ends more than the connection. Embedded in its owner; owns the connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/loop.h"
#include "clipboard/agent-message.h"
#include "clipboard/clip.h"

/*
 * AGENT_AWAY: QEMU is not connected. AGENT_SILENT: it is, and no agent has answered yet. AGENT_OLD: the
 * agent knows no clipboard on demand. AGENT_READY: it can be used.
 */
enum agent_state { AGENT_AWAY, AGENT_SILENT, AGENT_OLD, AGENT_READY };

struct agent;

struct agent_ops {
	/* 'state' is another one, or another agent runs: nobody has the guest's clipboard. */
	void (*changed)(struct agent *agent);
	/* In the guest these types were copied; bits of other types are dropped. */
	void (*grabbed)(struct agent *agent, unsigned types);
	/* What was copied in the guest is gone. */
	void (*released)(struct agent *agent);
	/*
	 * A program in the guest pastes: answer by agent_give. What is not answered after AGENT_ANSWER_MS
	 * is refused, since Windows lets the program that pastes wait.
	 */
	void (*requested)(struct agent *agent, enum clip_type type);
	/*
	 * The answer to agent_request; text has the guest's line ends. 'data' is valid during the call;
	 * NULL: it cannot be had, is too large, or the guest has stalled for CLIP_STALL_MS.
	 */
	void (*received)(struct agent *agent, enum clip_type type, const void *data, size_t size);
};

/* Whoever sends files; has the other half of the callbacks. Embedded in its owner. */
struct agent_sender;

struct agent_sender_ops {
	/* The agent is gone, another one runs, or it has just come: transfers have ended. */
	void (*changed)(struct agent_sender *sender);
	/*
	 * VD_AGENT_FILE_XFER_STATUS for the transfer 'id'; 'result' is any number. 'disk_free' is in
	 * bytes, -1: unknown.
	 */
	void (*file_status)(struct agent_sender *sender, uint32_t id, uint32_t result,
			    int64_t disk_free);
	/* All that was sent has been taken by QEMU: the next part of a file may follow. */
	void (*drained)(struct agent_sender *sender);
};

struct agent_sender {
	const struct agent_sender_ops *ops;
};

/* Requests of the guest that wait for an answer; further ones are refused at once. */
#define AGENT_REQUESTS_MAX 16
/* How long an answer may take; then the guest hears that there is none. */
#define AGENT_ANSWER_MS 500

struct agent {
	const struct agent_ops *ops;
	struct agent_sender *sender; /* set by its owner; NULL: none */
	struct loop *loop;
	const char *guest; /* its name, for messages */
	enum agent_state state;
	bool crlf;  /* its line ends */
	bool files; /* it takes files */

	/* Internal. */
	struct watch watch; /* started while connected */
	bool wants_output;  /* it also watches for EPOLLOUT */
	uint32_t caps;      /* that the agent has announced */
	bool unanswered;    /* our last announcement */
	uint32_t serial;    /* of the next VD_AGENT_CLIPBOARD_GRAB */
	struct agent_reader reader;
	struct agent_queue queue;
	struct timer stall;  /* while an answer, or the rest of a message, is to come */
	struct timer answer; /* while requests wait: fires for the oldest */
	unsigned n_requests; /* that the owner has not answered */
	struct agent_wait {
		enum clip_type type;
		int64_t until_ms; /* CLOCK_MONOTONIC */
	} requests[AGENT_REQUESTS_MAX];
	unsigned asked; /* bit 1u << type: agent_request waits for an answer */
	struct log_limit limit;
};

/* Prepares it, not connected. 0 or -errno of timer_init. 'guest' must outlive it. */
int agent_init(struct agent *agent, struct loop *loop, const char *guest,
	       const struct agent_ops *ops);
void agent_fini(struct agent *agent);

/*
 * Takes over 'fd', a non-blocking stream socket from QEMU, and announces itself: 'state' is then
 * AGENT_SILENT. A connection that is there already ends. On failure -errno, and 'fd' is closed.
 */
int agent_connect(struct agent *agent, int fd);

/*
 * Ends the connection; agent_fini does the same. Tells the agent that its peer goes, so that nobody in
 * the guest waits for what was offered, and waits up to AGENT_END_MS until QEMU has taken all that was
 * sent: the agent could not tell the next peer's message from the rest of one. Calls back the sender, if
 * there is one.
 */
#define AGENT_END_MS 3000
void agent_disconnect(struct agent *agent);

/* These types were copied on the host; 0: what was announced is gone. No effect unless AGENT_READY. */
void agent_grab(struct agent *agent, unsigned types);

/*
 * Asks for what was copied in the guest; 'received' answers, once, or 'changed' comes first. 0; -EBUSY
 * if that type was asked for already; -ENOTCONN unless AGENT_READY.
 */
int agent_request(struct agent *agent, enum clip_type type);

/*
 * Answers the oldest request of this type. NULL: it cannot be had. Text must have the guest's line ends.
 * False if none waits any more.
 */
bool agent_give(struct agent *agent, enum clip_type type, const void *data, size_t size);

/*
 * VD_AGENT_FILE_XFER_START, _DATA and _STATUS for the transfer 'id'. 'name' is a file's name without
 * a path. 0; -ENOTCONN; or -ENOMEM.
 */
int agent_file_start(struct agent *agent, uint32_t id, const char *name, uint64_t size);
int agent_file_data(struct agent *agent, uint32_t id, const void *data, size_t size);
int agent_file_cancel(struct agent *agent, uint32_t id);
/* True if QEMU has taken all that was sent. */
bool agent_is_drained(const struct agent *agent);
