/* SPDX-License-Identifier: MIT */
/*
 * The control socket: clients that connect, send bytes in any pieces, read or do not, and go; while the
 * state changes and a deferred call is answered. Each reply is one JSON object. Reaches the Varlink server
 * with an interface of the target's own; the methods of evswitch need a whole daemon.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/usock.h"
#include "base/util.h"
#include "control/varlink.h"
#include "fuzz-loop.h"
#include "fuzz.h"

#define CLIENTS 3

static struct scene {
	struct loop loop;
	struct varlink varlink;
	char path[80];
	uint64_t ticket;
	struct client {
		int fd;
		size_t n;
		char reply[2 * VARLINK_REPLY_MAX];
	} client[CLIENTS];
} scene;

static void echo(struct varlink_client *client, struct json_object *parameters)
{
	if (!json_member(parameters, "text"))
		varlink_invalid(client, "text");
	else
		varlink_reply(client, json_object_get(parameters));
}

static void large(struct varlink_client *client, struct json_object *parameters)
{
	struct json_object *reply = json_object_new_object();
	static char text[VARLINK_REPLY_MAX - 100];

	(void)parameters;
	memset(text, 'x', sizeof(text) - 1);
	json_object_object_add(reply, "text", json_object_new_string(text));
	varlink_reply(client, reply);
}

static void later(struct varlink_client *client, struct json_object *parameters)
{
	(void)parameters;
	scene.ticket = varlink_defer(client);
}

static const struct varlink_method methods[] = {
	{ .name = "Echo", .fn = echo },
	{ .name = "Watch", .fn = large, .streams = true },
	{ .name = "Later", .fn = later },
	{ 0 },
};

static const struct varlink_interface interface = {
	.name = "t.t", .description = "", .vendor = "", .product = "", .url = "", .methods = methods
};

/* Keeps what is not yet a whole reply. */
static void read_replies(struct client *client)
{
	ssize_t got = recv(client->fd, client->reply + client->n, sizeof(client->reply) - client->n,
			   MSG_DONTWAIT);
	char *end;

	client->n += got > 0 ? (size_t)got : 0;
	while ((end = memchr(client->reply, '\0', client->n))) {
		size_t size = (size_t)(end - client->reply);
		struct json_object *reply = json_tokener_parse(client->reply);

		FUZZ_CHECK(reply, "no reply: %.*s", (int)size, client->reply);
		json_object_put(reply);
		client->n -= size + 1;
		memmove(client->reply, end + 1, client->n);
	}
}

static void act(struct fuzz *fuzz)
{
	uint8_t what = fuzz_u8(fuzz);
	struct client *client = &scene.client[what / 8 % CLIENTS];
	size_t size;
	const uint8_t *bytes;

	if (client->fd < 0) {
		client->fd = usock_connect(scene.path, SOCK_STREAM);
		client->n = 0;
	}
	switch (what % 8) {
	case 0:
		close_fd(&client->fd);
		break;
	case 1:
		read_replies(client);
		break;
	case 2:
		varlink_changed(&scene.varlink);
		break;
	case 3:
		varlink_answer(&scene.varlink, scene.ticket, what & 128 ? "t.t.No" : NULL, NULL);
		break;
	default:
		size = fuzz_u8(fuzz) * (what & 128 ? 16u : 1u);
		bytes = fuzz_take(fuzz, &size);
		send(client->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (what & 64)
		fuzz_settle(&scene.loop);
}

void fuzz_one(struct fuzz *fuzz)
{
	snprintf(scene.path, sizeof(scene.path), "%s/control", fuzz_dir());
	loop_init(&scene.loop);
	FUZZ_CHECK(varlink_open(&scene.varlink, &scene.loop, scene.path, &interface, "1", &scene) ==
			   0,
		   "%s", scene.path);
	for (unsigned i = 0; i < CLIENTS; i++)
		scene.client[i].fd = -1;
	while (fuzz->left)
		act(fuzz);
	fuzz_settle(&scene.loop);
	for (unsigned i = 0; i < CLIENTS; i++)
		close_fd(&scene.client[i].fd);
	fuzz_settle(&scene.loop);
	for (unsigned i = 0; i < VARLINK_CLIENTS_MAX; i++)
		FUZZ_CHECK(!scene.varlink.clients[i], "a client stays");
	varlink_close(&scene.varlink);
	loop_fini(&scene.loop);
}
