/* SPDX-License-Identifier: MIT */
/* Finds the control socket, calls a method and reads its replies. */
#include "control/client.h"

#include <glob.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/text.h"
#include "base/util.h"
#include "control/interface.h"
#include "control/varlink.h"

#define RETRY_MS 10
#define OF_USERS "/run/user/*/evswitch/" CONTROL_SOCKET

static int try_path(struct client *client, const char *path)
{
	int fd = usock_connect(path, SOCK_STREAM);

	/* The queue is full of clients that wait to be accepted: that takes a moment. */
	for (int waited = 0; fd == -EAGAIN && waited < CLIENT_REPLY_MS; waited += RETRY_MS) {
		poll(NULL, 0, RETRY_MS);
		fd = usock_connect(path, SOCK_STREAM);
	}
	if (fd < 0)
		return fd;
	client->fd = fd;
	snprintf(client->path, sizeof(client->path), "%s", path);
	return 0;
}

static int try_own(struct client *client)
{
	char path[USOCK_PATH_MAX + sizeof("/" CONTROL_SOCKET)];
	char dir[USOCK_PATH_MAX];

	if (env_path("XDG_RUNTIME_DIR")) {
		int rc = usock_dir_name(dir);

		if (rc < 0)
			return rc;
	} else { /* without a session, as in cron or ssh */
		snprintf(dir, sizeof(dir), "/run/user/%u/evswitch", (unsigned)geteuid());
	}
	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, dir);
	return try_path(client, path);
}

/* Sockets of the users, for root. Those of instances that are gone refuse the connection. */
static int try_users(struct client *client)
{
	glob_t found;
	int rc = -ENOENT;

	if (glob(OF_USERS, GLOB_NOSORT, NULL, &found) != 0)
		return rc;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct client other = { .fd = -1 };

		if (try_path(&other, found.gl_pathv[i]) < 0)
			continue;
		if (rc == 0) {
			close_fd(&other.fd);
			rc = -ENOTUNIQ;
			break;
		}
		client->fd = other.fd;
		memcpy(client->path, other.path, sizeof(other.path));
		rc = 0;
	}
	globfree(&found);
	return rc;
}

static bool is_absent(int rc)
{
	return rc == -ENOENT || rc == -ECONNREFUSED || rc == -ENOTDIR;
}

static int prepare(struct client *client)
{
	*client = (struct client)CLIENT_INIT;
	client->buffer = malloc(VARLINK_REPLY_MAX);
	return client->buffer ? 0 : -ENOMEM;
}

int client_open_at(struct client *client, const char *path)
{
	int rc = prepare(client);

	if (rc == 0)
		rc = try_path(client, path);
	return is_absent(rc) ? -ENOENT : rc;
}

int client_open_system(struct client *client)
{
	return client_open_at(client, CONTROL_SYSTEM_SOCKET);
}

int client_open(struct client *client)
{
	int rc = prepare(client);

	if (rc < 0)
		return rc;
	rc = try_own(client);
	if (is_absent(rc) || rc == -EACCES) /* the system service may not look into /run/user */
		rc = try_path(client, CONTROL_SYSTEM_SOCKET);
	if (is_absent(rc) && geteuid() == 0)
		rc = try_users(client);
	return is_absent(rc) ? -ENOENT : rc;
}

void client_close(struct client *client)
{
	json_object_put(client->reply);
	free(client->buffer);
	close_fd(&client->fd);
	*client = (struct client)CLIENT_INIT;
}

/* A call is small and the first on its connection, so it fits into the socket's buffer. */
int client_call(struct client *client, const char *method, struct json_object *parameters,
		bool more)
{
	struct json_object *call = json_object_new_object();
	char name[128];
	const char *text;
	ssize_t sent;

	snprintf(name, sizeof(name), CONTROL_INTERFACE ".%s", method);
	json_object_object_add(call, "method", json_object_new_string(name));
	if (parameters)
		json_object_object_add(call, "parameters", parameters);
	if (more)
		json_object_object_add(call, "more", json_object_new_boolean(true));
	text = json_object_to_json_string_ext(call, JSON_C_TO_STRING_PLAIN);
	sent = text ? send(client->fd, text, strlen(text) + 1, MSG_NOSIGNAL) : -1;
	json_object_put(call);
	return sent < 0 ? -errno : 0;
}

/* Takes a whole message out of the buffer: 1, 0 if there is none, -EPROTO. */
static int take_message(struct client *client)
{
	const char *end = memchr(client->buffer, '\0', client->size), *fault;

	if (!end)
		return client->size == VARLINK_REPLY_MAX ? -EPROTO : 0;
	json_object_put(client->reply);
	client->reply = json_parse_object(client->buffer, (size_t)(end - client->buffer), &fault);
	client->size -= (size_t)(end + 1 - client->buffer);
	memmove(client->buffer, end + 1, client->size);
	return client->reply ? 1 : -EPROTO;
}

static int receive(struct client *client, int timeout_ms)
{
	struct pollfd ready = { .fd = client->fd, .events = POLLIN };
	int n = poll(&ready, 1, timeout_ms);
	ssize_t got;

	if (n <= 0)
		return n == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
	got = recv(client->fd, client->buffer + client->size, VARLINK_REPLY_MAX - client->size, 0);
	if (got == 0)
		return -ECONNRESET;
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	client->size += (size_t)got;
	return 0;
}

int client_wait(struct client *client, int timeout_ms)
{
	int rc;

	while ((rc = take_message(client)) == 0) {
		rc = receive(client, timeout_ms);
		if (rc < 0)
			return rc;
	}
	return rc < 0 ? rc : 0;
}

struct json_object *client_parameters(const struct client *client)
{
	return json_member(client->reply, "parameters");
}

const char *client_error(const struct client *client)
{
	const char *error = json_text(json_member(client->reply, "error"));

	return text_starts_with(error, CONTROL_INTERFACE ".")
		       ? error + strlen(CONTROL_INTERFACE ".")
		       : error;
}
