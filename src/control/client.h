/* SPDX-License-Identifier: MIT */
/*
 * A client of the control socket, for the command line. It blocks, with a limit for each reply.
 * Owns its connection and the last reply.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/usock.h"

#define CLIENT_REPLY_MS 10000

struct json_object;

struct client {
	int fd; /* -1: not connected */
	char path[2 * USOCK_PATH_MAX];
	struct json_object *reply; /* the last whole message */
	size_t size;
	char *buffer; /* of VARLINK_REPLY_MAX bytes; holds what follows the last message */
};

#define CLIENT_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/*
 * Connects to the evswitch that serves this user: the user's own, else the system's; for root the
 * system's, else the only user's. 0; -ENOENT if none runs; -ENOTUNIQ if root finds several; or
 * -errno of connect() and of malloc(). client_close is safe in any case.
 */
int client_open(struct client *client);
/* The same for the system service, whoever runs one of their own. */
int client_open_system(struct client *client);
/*
 * The same for another server whose messages are JSON objects, each ended by a NUL, at this path. Its requests
 * are the caller's to send, on client->fd; the reply is client->reply.
 */
int client_open_at(struct client *client, const char *path);
void client_close(struct client *client);

/*
 * Calls "io.evswitch.METHOD"; 'more': it will send several replies. Takes over 'parameters'; NULL:
 * none. 0 or -errno of send().
 */
int client_call(struct client *client, const char *method, struct json_object *parameters,
		bool more);

/*
 * Waits for a reply, up to 'timeout_ms' (-1: without limit). 0, and client_parameters and
 * client_error describe it until the next call; -ETIMEDOUT; -ECONNRESET if evswitch has closed the
 * connection; -EPROTO if it is not a reply; or another -errno of recv().
 */
int client_wait(struct client *client, int timeout_ms);

/* The last reply's parameters, or NULL. */
struct json_object *client_parameters(const struct client *client);
/* The name of the last reply's error, without "io.evswitch."; "" if it was not one. */
const char *client_error(const struct client *client);
