/*
 * A client of QEMU's machine protocol (QEMU's docs/interop/qmp-spec) on a monitor's unix socket. It
 * never blocks, and trusts nothing that comes: what breaks the protocol ends the connection. The
 * monitor is full control of the VM: the names of commands are the program's own, never a user's text.
 *
 * The caller owns it: after 'closed' it is good for nothing but qmp_close, and whoever wants to
 * connect again opens another. It owns its socket and its timer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/loop.h"

struct json_object;
struct qmp;

/* Commands without a reply; QEMU stops to read at 8. */
#define QMP_IN_FLIGHT_MAX 7
/* The longest arguments of qmp_command_text, without the NUL. */
#define QMP_TEXT_MAX 4096
/* How long the greeting and the answer to qmp_capabilities may take together. */
#define QMP_HANDSHAKE_MS 3000

/* qmp_close is legal within each of them. What they are given lives until they return. */
struct qmp_ops {
	/*
	 * Whether the user who listens at the socket may be told what the owner has to say; asked
	 * within qmp_open, before anything is sent. NULL: we ourselves and root.
	 */
	bool (*admit)(void *owner, uid_t uid);
	/* Commands are taken from now on. */
	void (*ready)(struct qmp *qmp);
	/* An event; 'data' is NULL where it has none. May be NULL. */
	void (*event)(struct qmp *qmp, const char *name, struct json_object *data);
	/*
	 * The connection has ended, or the handshake took too long; no reply comes any more. The
	 * reason is in words for the user, printable. Once at most, never within qmp_open or
	 * qmp_command.
	 */
	void (*closed)(struct qmp *qmp, const char *reason);
};

/*
 * The reply to a command: 'result' is what QEMU returned, and 'error' NULL; or 'error' is what QEMU
 * said was wrong, printable, and 'result' NULL. qmp_close is legal within.
 */
typedef void (*qmp_reply_fn)(struct qmp *qmp, struct json_object *result, const char *error,
			     void *ctx);

/*
 * What QEMU said is read through these alone: each takes NULL and a value of any type. A string with a
 * NUL in it, which C would cut, is none.
 */

/* The object's member of that name; NULL where there is none, or 'value' is no object. */
struct json_object *qmp_member(struct json_object *value, const char *key);
/* The string, or "". */
const char *qmp_text(struct json_object *value);
/* Whether it is the boolean true. */
bool qmp_is_true(struct json_object *value);
/* How many elements the array has, 0 where it is none; and one of them, or NULL. */
size_t qmp_length(struct json_object *value);
struct json_object *qmp_element(struct json_object *value, size_t i);

/*
 * Connects to the socket at 'path' and begins the handshake. The loop and the ops must outlive it.
 * 0 or -errno, in which case *out is NULL: -ENOENT, -ECONNREFUSED: no QEMU is there; -EACCES;
 * -EAGAIN: others wait for the monitor already; -ENAMETOOLONG; -EPERM: whoever listens there is not
 * admitted.
 */
int qmp_open(struct loop *loop, const char *path, const struct qmp_ops *ops, void *owner,
	     struct qmp **out);
/* What -EPERM means, for the user. */
#define QMP_NOT_ADMITTED                                                                           \
	"what listens there runs as another user, neither you nor root nor libvirt's QEMU: it is " \
	"told nothing"
/* Ends the connection without a further callback. NULL is ignored. */
void qmp_close(struct qmp *qmp);

void *qmp_owner(const struct qmp *qmp);

/* QEMU's version by its greeting, major * 100 + minor: 702 for 7.2; 0 while it is not ready. */
unsigned qmp_version(const struct qmp *qmp);
/* Commands that wait for their reply. */
unsigned qmp_in_flight(const struct qmp *qmp);

/*
 * Sends a command. The arguments (NULL for none) are put, also on failure. The reply may be NULL:
 * then an error in it is logged. 0, or -ENOTCONN: not ready, or closed; -EAGAIN: too many are in
 * flight or QEMU does not read; -EMSGSIZE; -ENOMEM.
 */
int qmp_command(struct qmp *qmp, const char *execute, struct json_object *arguments,
		qmp_reply_fn reply, void *ctx);
/*
 * Hot: no block, no malloc, no log. The same with the arguments as the text of a JSON object, of at
 * most QMP_TEXT_MAX bytes.
 */
int qmp_command_text(struct qmp *qmp, const char *execute, const char *arguments,
		     qmp_reply_fn reply, void *ctx);
