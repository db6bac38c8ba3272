/* SPDX-License-Identifier: MIT */
/* Accepts local clients and reads their requests. */
#include "clipboard/local.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/util.h"

int local_path(const char *guest, char path[static USOCK_PATH_MAX])
{
	char dir[USOCK_PATH_MAX];
	int rc = usock_dir_name(dir);

	if (rc < 0)
		return rc;
	rc = snprintf(path, USOCK_PATH_MAX, "%s/clipboard-%s.sock", dir, guest);
	return rc < USOCK_PATH_MAX ? 0 : -ENAMETOOLONG;
}

void local_tell(int fd, struct json_object *message)
{
	const char *text =
		message ? json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN) : NULL;

	/* It fits into the socket's buffer, unless the client reads nothing at all. */
	if (text)
		send(fd, text, strlen(text) + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	json_object_put(message);
}

static void refuse(struct local_client *client, const char *why)
{
	struct json_object *message = json_object_new_object();

	json_add_name(message, "error", why);
	local_tell(client->watch.fd, message);
	watch_close(&client->watch);
}

static void answer(struct local_client *client, struct json_object *request)
{
	struct local *local = client->local;
	const char *ask = json_text(json_member(request, "ask"));
	const char *name = json_text(json_member(request, "name"));
	int64_t size = json_number(json_member(request, "size"));

	if (strcmp(ask, "status") == 0) {
		local_tell(client->watch.fd, local->ops->status(local));
		watch_close(&client->watch);
	} else if (strcmp(ask, "send") == 0 && name[0] && size >= 0) {
		int fd = client->watch.fd;

		watch_stop(&client->watch);
		local->ops->send(local, fd, name, (uint64_t)size);
	} else {
		refuse(client, "this is no request that it knows");
	}
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct local_client *client = container_of(watch, struct local_client, watch);
	ssize_t got = recv(watch->fd, client->request + client->used,
			   sizeof(client->request) - client->used, MSG_DONTWAIT);
	struct json_object *request;
	const char *fault = NULL;
	char *end;

	(void)events;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		watch_close(watch);
		return;
	}
	client->used += (size_t)got;
	end = memchr(client->request, '\0', client->used);
	if (!end && client->used < sizeof(client->request))
		return;
	request = end ? json_parse_object(client->request, (size_t)(end - client->request), &fault)
		      : NULL;
	if (request)
		answer(client, request);
	else
		refuse(client, fault ? fault : "the request is too long");
	json_object_put(request);
}

static void accepted(struct listener *listener, int fd)
{
	struct local *local = container_of(listener, struct local, listener);
	struct local_client *client = local->client;

	while (client < local->client + LOCAL_CLIENTS_MAX && client->watch.loop)
		client++;
	if (client == local->client + LOCAL_CLIENTS_MAX) {
		close_fd(&fd);
		return;
	}
	client->local = local;
	client->used = 0;
	if (watch_start(&client->watch, local->loop, fd, EPOLLIN, client_ready) < 0)
		close_fd(&fd);
}

int local_init(struct local *local, struct loop *loop, const char *guest,
	       const struct local_ops *ops)
{
	char dir[USOCK_PATH_MAX];
	int rc = usock_dir(dir);

	local->ops = ops;
	local->loop = loop;
	local->fd = -1;
	if (rc == 0)
		rc = local_path(guest, local->path);
	if (rc == 0)
		rc = usock_listen(local->path, SOCK_STREAM, 0600);
	if (rc < 0)
		return rc;
	local->fd = rc;
	rc = listener_start(&local->listener, loop, local->fd, local->path, accepted);
	if (rc < 0)
		local_fini(local);
	return rc;
}

void local_fini(struct local *local)
{
	for (unsigned i = 0; i < LOCAL_CLIENTS_MAX; i++)
		watch_close(&local->client[i].watch);
	listener_stop(&local->listener);
	if (local->fd >= 0)
		unlink(local->path);
	close_fd(&local->fd);
}
