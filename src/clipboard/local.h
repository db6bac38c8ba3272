/* SPDX-License-Identifier: MIT */
/*
 * The local socket of evswitch-clipboard for one guest: $XDG_RUNTIME_DIR/evswitch/clipboard-GUEST.sock, for
 * its own user. A client sends one request, a JSON object ended by a NUL:
 *
 *   {"ask": "status"}                       the answer is one JSON object, ended by a NUL
 *   {"ask": "send", "name": "", "size": 0}  see transfer.h
 *
 * Embedded in its owner; owns the listening socket and the connections that have sent no request yet.
 */
#pragma once

#include <stdint.h>

#include "base/listener.h"
#include "base/loop.h"
#include "base/usock.h"

struct json_object;
struct local;

#define LOCAL_CLIENTS_MAX 16
#define LOCAL_REQUEST_MAX 4096 /* bytes in a request */

struct local_ops {
	/* The status, which the caller frees; NULL: no memory. */
	struct json_object *(*status)(struct local *local);
	/* A file is to be sent. Takes over 'fd'. */
	void (*send)(struct local *local, int fd, const char *name, uint64_t size);
};

struct local_client {
	struct local *local;
	struct watch watch;
	size_t used;
	char request[LOCAL_REQUEST_MAX];
};

struct local {
	const struct local_ops *ops;
	struct loop *loop;
	int fd; /* -1: not open */
	char path[2 * USOCK_PATH_MAX];
	struct listener listener;
	struct local_client client[LOCAL_CLIENTS_MAX];
};

/* The path of that socket. 0 or -ENAMETOOLONG. */
int local_path(const char *guest, char path[static USOCK_PATH_MAX]);

/* 0; -EADDRINUSE: another one serves this guest; or -errno. On success local_fini is due. */
int local_init(struct local *local, struct loop *loop, const char *guest,
	       const struct local_ops *ops);
void local_fini(struct local *local);

/* Sends a message to a client: takes over 'message', NULL: no effect. What it does not take at once is lost. */
void local_tell(int fd, struct json_object *message);
