/* SPDX-License-Identifier: MIT */
/*
 * A server of the Varlink protocol (https://varlink.org) on a unix socket: JSON objects, each ended
 * by a NUL. It admits our own user, root, and one further user (varlink_admit). It answers org.varlink.service by itself, and
 * passes the calls of one further interface to its methods. Trusts nothing that a client sends:
 * messages, clients and the work of a turn are bounded, and a client that does not read is not
 * waited for. The owner embeds the server, which owns its socket and its clients.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/listener.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/usock.h"

/* If one more connects, the client that has been silent for longest is closed, monitors last. */
#define VARLINK_CLIENTS_MAX 40
#define VARLINK_NOBODY      ((uid_t)-1)
#define VARLINK_CALL_MAX    4096  /* bytes of a call, with the NUL */
#define VARLINK_REPLY_MAX   65536 /* bytes of a reply, with the NUL */

struct json_object;
struct varlink;
struct varlink_client;

/*
 * Answers a call with varlink_reply or varlink_error, once, before it returns, or calls varlink_defer.
 * 'parameters' is NULL or of any type (json.h reads it), and valid until it returns.
 */
typedef void (*varlink_method_fn)(struct varlink_client *client, struct json_object *parameters);

struct varlink_method {
	const char *name; /* without the interface's; NULL ends a table */
	varlink_method_fn fn;
	bool streams; /* if called with "more", it is called again after each varlink_changed */
};

struct varlink_interface {
	const char *name, *description;     /* the description is the interface definition */
	const char *vendor, *product, *url; /* for GetInfo */
	const struct varlink_method *methods;
};

struct varlink {
	const struct varlink_interface *interface;
	const char *version; /* for GetInfo */
	void *owner;         /* for the methods */
	struct loop *loop;
	int fd;
	struct listener listener;
	struct varlink_client *clients[VARLINK_CLIENTS_MAX]; /* NULL: unused */
	uint64_t n_calls;                                    /* so far */
	uid_t admitted; /* varlink_admit's, or VARLINK_NOBODY */
	struct log_limit limit;
	char path[USOCK_PATH_MAX];
};

/*
 * Listens at 'path' with mode 0600. 0 or -errno of usock_listen; -EADDRINUSE: another server does.
 * varlink_close is safe in any case. 'interface' and 'version' must outlive the server.
 */
int varlink_open(struct varlink *varlink, struct loop *loop, const char *path,
		 const struct varlink_interface *interface, const char *version, void *owner);
/*
 * From now on this user may connect, too, in place of the last one, whose clients are closed.
 * VARLINK_NOBODY: none. No effect if the server is not open.
 */
void varlink_admit(struct varlink *varlink, uid_t user);
/* Closes all clients and removes the socket. */
void varlink_close(struct varlink *varlink);

/*
 * Calls the streaming methods again, for every client that waits for changes. A client that has not
 * read the last reply gets the newest state once it has. Allocates: not for the path of an event.
 */
void varlink_changed(struct varlink *varlink);

/*
 * Answers the call later, with varlink_answer, and reads no other one of this client until then. Returns
 * its ticket, which is never 0.
 */
uint64_t varlink_defer(struct varlink_client *client);
/*
 * Answers a deferred call, from outside the methods. 'error' as varlink_error's name; NULL: a reply.
 * Takes over 'parameters'; NULL: none. No effect if the client has gone.
 */
void varlink_answer(struct varlink *varlink, uint64_t ticket, const char *error,
		    struct json_object *parameters);

/* The 'owner' of the client's server. */
void *varlink_owner(const struct varlink_client *client);

/* Sends a reply. Takes over 'parameters'; NULL: none. */
void varlink_reply(struct varlink_client *client, struct json_object *parameters);
/* Sends an error; 'name' includes its interface's. Takes over 'parameters'; NULL: none. */
void varlink_error(struct varlink_client *client, const char *name, struct json_object *parameters);
/* org.varlink.service.InvalidParameter: the parameter is missing, or has a wrong type or value. */
void varlink_invalid(struct varlink_client *client, const char *parameter);
