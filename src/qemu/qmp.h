/* SPDX-License-Identifier: MIT */
/*
 * A client for QEMU's machine protocol (QEMU's docs/interop/qmp-spec) on a monitor's unix socket.
 * It never blocks and trusts no input: a protocol violation ends the connection. A monitor has full
 * control of the VM, so the names of commands are constants of this program, never a user's text.
 *
 * The caller owns it. After 'closed', only qmp_close is legal; to reconnect, open another one. It
 * owns its socket and its timer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/loop.h"

struct json_object;
struct qmp;

/* Commands that may await a reply at a time; at 8, QEMU stops reading. */
#define QMP_IN_FLIGHT_MAX 7
/* The longest arguments of qmp_command_text, without the NUL. */
#define QMP_TEXT_MAX 4096
/* Limit for the greeting and the reply to qmp_capabilities together. */
#define QMP_HANDSHAKE_MS 3000

/* Each may call qmp_close. The arguments are valid until the callback returns. */
struct qmp_ops {
	/*
	 * True if the process that listens at the socket, of user 'uid', may receive commands.
	 * Called from qmp_open, before anything is sent. NULL: our own user and root may.
	 */
	bool (*admit)(void *owner, uid_t uid);
	/* Commands can be sent from now on. */
	void (*ready)(struct qmp *qmp);
	/* An event; 'data' is NULL if it has none. The callback may be NULL. */
	void (*event)(struct qmp *qmp, const char *name, struct json_object *data);
	/*
	 * The connection has ended, or the handshake timed out; no further reply will arrive. The
	 * reason is for the user, and printable. Called at most once, never from qmp_open or
	 * qmp_command.
	 */
	void (*closed)(struct qmp *qmp, const char *reason);
};

/*
 * The reply to a command: QEMU's result and a NULL 'error', or a NULL 'result' and QEMU's error
 * message, printable. May call qmp_close.
 */
typedef void (*qmp_reply_fn)(struct qmp *qmp, struct json_object *result, const char *error,
			     void *ctx);

/*
 * Connects to the socket at 'path' and starts the handshake. The loop and the ops must outlive it.
 * 0, or -errno and *out is NULL. -ENOENT, -ECONNREFUSED: no QEMU listens there; -EACCES; -EAGAIN:
 * other clients are already waiting for the monitor; -ENAMETOOLONG; -EPERM: 'admit' refused the
 * peer.
 */
int qmp_open(struct loop *loop, const char *path, const struct qmp_ops *ops, void *owner,
	     struct qmp **out);
/* Explains -EPERM to the user. */
#define QMP_NOT_ADMITTED                                                                           \
	"the monitor's socket is served by another user, neither you nor root nor "                \
	"libvirt's QEMU: nothing is sent to it"
/* Disconnects and frees, without any further callback. NULL is ignored. */
void qmp_close(struct qmp *qmp);

void *qmp_owner(const struct qmp *qmp);

/* QEMU's version from its greeting, major * 100 + minor: 702 for 7.2; 0 until it is ready. */
unsigned qmp_version(const struct qmp *qmp);
/* The number of commands that await their reply. */
unsigned qmp_in_flight(const struct qmp *qmp);

/*
 * Sends a command. Takes over the reference to 'arguments' (NULL: none), even on failure. If
 * 'reply' is NULL, the reply is ignored. 0 or -errno. -ENOTCONN: not ready, or closed; -EAGAIN: too
 * many commands are in flight, or QEMU does not read; -EMSGSIZE; -ENOMEM.
 */
int qmp_command(struct qmp *qmp, const char *execute, struct json_object *arguments,
		qmp_reply_fn reply, void *ctx);
/*
 * Hot: does not block, allocate or log. As qmp_command, with the arguments as the text of a JSON
 * object of at most QMP_TEXT_MAX bytes.
 */
int qmp_command_text(struct qmp *qmp, const char *execute, const char *arguments,
		     qmp_reply_fn reply, void *ctx);
