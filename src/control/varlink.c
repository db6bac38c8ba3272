/* SPDX-License-Identifier: MIT */
/* Accepts clients, and reads calls and sends replies, a bounded amount in each turn. */
#include "control/varlink.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/peer-fd.h"
#include "base/text.h"
#include "base/util.h"

#define SERVICE "org.varlink.service"

struct varlink_client {
	struct varlink *varlink;
	struct watch watch;
	int fd;
	uid_t user;
	bool failed;    /* to be closed at the end of its callback */
	bool wants;     /* the call has "more" */
	bool oneway;    /* the call wants no reply */
	bool stale;     /* a streaming client has not been sent the last change */
	uint64_t heard; /* the server's n_calls at the last call */
	bool deferred;  /* that call is not answered yet; its ticket is 'heard' */
	const struct varlink_method *stream; /* NULL: not streaming */
	size_t in_size, out_size, out_sent;
	char in[VARLINK_CALL_MAX];
	char out[VARLINK_REPLY_MAX];
};

static void client_ready(struct watch *watch, uint32_t events);

/* --- out ----------------------------------------------------------------------------------- */

static void flush(struct varlink_client *client)
{
	ssize_t sent = send(client->fd, client->out + client->out_sent,
			    client->out_size - client->out_sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		client->failed = true;
	if (sent > 0)
		client->out_sent += (size_t)sent;
	if (client->out_sent == client->out_size)
		client->out_sent = client->out_size = 0;
}

/* Takes over 'message'. A client has at most one reply that it has not read (see client_ready). */
static void put(struct varlink_client *client, struct json_object *message)
{
	const char *text = json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN);
	size_t size = text ? strlen(text) + 1 : 0;

	if (size == 0 || client->out_size || size > sizeof(client->out)) {
		client->failed = true;
	} else if (!client->oneway) {
		memcpy(client->out, text, size);
		client->out_size = size;
		flush(client);
	}
	json_object_put(message);
}

static struct json_object *message_of(struct json_object *parameters)
{
	struct json_object *message = json_object_new_object();

	if (!parameters)
		parameters = json_object_new_object();
	json_object_object_add(message, "parameters", parameters);
	return message;
}

void varlink_reply(struct varlink_client *client, struct json_object *parameters)
{
	struct json_object *message = message_of(parameters);

	if (client->stream)
		json_object_object_add(message, "continues", json_object_new_boolean(true));
	put(client, message);
}

void varlink_error(struct varlink_client *client, const char *name, struct json_object *parameters)
{
	struct json_object *message = message_of(parameters);

	client->stream = NULL;
	json_object_object_add(message, "error", json_object_new_string(name));
	put(client, message);
}

static void error_about(struct varlink_client *client, const char *error, const char *key,
			const char *value)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_add(parameters, key, json_object_new_string(value));
	varlink_error(client, error, parameters);
}

void varlink_invalid(struct varlink_client *client, const char *parameter)
{
	error_about(client, SERVICE ".InvalidParameter", "parameter", parameter);
}

void *varlink_owner(const struct varlink_client *client)
{
	return client->varlink->owner;
}

/* --- org.varlink.service --------------------------------------------------------------------- */

static const char service_description[] =
	"# The Varlink service interface is provided by every varlink service.\n"
	"interface " SERVICE "\n"
	"\n"
	"method GetInfo() -> (\n"
	"  vendor: string, product: string, version: string, url: string, interfaces: []string\n"
	")\n"
	"method GetInterfaceDescription(interface: string) -> (description: string)\n"
	"\n"
	"error InterfaceNotFound (interface: string)\n"
	"error MethodNotFound (method: string)\n"
	"error MethodNotImplemented (method: string)\n"
	"error InvalidParameter (parameter: string)\n"
	"error PermissionDenied ()\n"
	"error ExpectedMore ()\n";

static void get_info(struct varlink_client *client, struct json_object *parameters)
{
	const struct varlink_interface *interface = client->varlink->interface;
	struct json_object *info = json_object_new_object();
	struct json_object *names = json_object_new_array();

	(void)parameters;
	json_object_object_add(info, "vendor", json_object_new_string(interface->vendor));
	json_object_object_add(info, "product", json_object_new_string(interface->product));
	json_object_object_add(info, "version", json_object_new_string(client->varlink->version));
	json_object_object_add(info, "url", json_object_new_string(interface->url));
	json_object_array_add(names, json_object_new_string(SERVICE));
	json_object_array_add(names, json_object_new_string(interface->name));
	json_object_object_add(info, "interfaces", names);
	varlink_reply(client, info);
}

static void get_description(struct varlink_client *client, struct json_object *parameters)
{
	const struct varlink_interface *interface = client->varlink->interface;
	const char *name = json_text(json_member(parameters, "interface"));
	struct json_object *reply;

	if (strcmp(name, interface->name) != 0 && strcmp(name, SERVICE) != 0) {
		error_about(client, SERVICE ".InterfaceNotFound", "interface", name);
		return;
	}
	reply = json_object_new_object();
	json_object_object_add(reply, "description",
			       json_object_new_string(strcmp(name, SERVICE) == 0
							      ? service_description
							      : interface->description));
	varlink_reply(client, reply);
}

static const struct varlink_method service_methods[] = {
	{ .name = "GetInfo", .fn = get_info },
	{ .name = "GetInterfaceDescription", .fn = get_description },
	{ 0 },
};

/* --- in ------------------------------------------------------------------------------------ */

/* "NAME" of "INTERFACE.NAME", or NULL if 'method' belongs to another interface. */
static const char *name_in(const char *method, const char *interface)
{
	size_t length = strlen(interface);

	if (!text_starts_with(method, interface) || method[length] != '.')
		return NULL;
	return method + length + 1;
}

static void call(struct varlink_client *client, const char *method, struct json_object *parameters)
{
	const struct varlink_interface *interface = client->varlink->interface;
	const char *name = name_in(method, interface->name);
	const struct varlink_method *found = name ? interface->methods : service_methods;

	if (!name)
		name = name_in(method, SERVICE);
	if (!name) {
		const char *dot = strrchr(method, '.');
		autofree char *unknown =
			strndup(method, dot ? (size_t)(dot - method) : strlen(method));

		error_about(client, SERVICE ".InterfaceNotFound", "interface", unknown ?: "");
		return;
	}
	while (found->name && strcmp(found->name, name) != 0)
		found++;
	if (!found->name) {
		error_about(client, SERVICE ".MethodNotFound", "method", method);
		return;
	}
	client->stream = client->wants && found->streams ? found : NULL;
	found->fn(client, parameters);
}

static void take_call(struct varlink_client *client, const char *text, size_t size)
{
	const char *fault;
	struct json_object *message = json_parse_object(text, size, &fault);
	const char *method = json_text(json_member(message, "method"));

	if (method[0]) {
		client->wants = json_is_true(json_member(message, "more"));
		client->oneway = json_is_true(json_member(message, "oneway"));
		client->heard = ++client->varlink->n_calls;
		client->stale = false;
		call(client, method, json_member(message, "parameters"));
		client->oneway &= client->deferred;
	} else {
		log_limited(&client->varlink->limit, LOG_LEVEL_INFO,
			    "control: closed a client that does not speak Varlink: %s",
			    fault ?: "it names no method");
		client->failed = true;
	}
	json_object_put(message);
}

/* At most one call, so that the next one waits until its reply was sent. */
static void take_bytes(struct varlink_client *client)
{
	const char *end = memchr(client->in, '\0', client->in_size);

	if (end) {
		size_t size = (size_t)(end - client->in);

		take_call(client, client->in, size);
		client->in_size -= size + 1;
		memmove(client->in, end + 1, client->in_size);
	} else if (client->in_size == sizeof(client->in)) {
		client->failed = true;
	}
}

static void read_socket(struct varlink_client *client)
{
	unsigned n_fds;
	ssize_t size = peer_fd_receive(client->fd, client->in + client->in_size,
				       sizeof(client->in) - client->in_size, NULL, 0, &n_fds);

	if (size > 0)
		client->in_size += (size_t)size;
	else if (size != -EAGAIN && size != -EINTR)
		client->failed = true;
}

/* --- clients --------------------------------------------------------------------------------- */

static void close_client(struct varlink_client *client)
{
	struct varlink *varlink = client->varlink;

	for (unsigned i = 0; i < VARLINK_CLIENTS_MAX; i++)
		if (varlink->clients[i] == client)
			varlink->clients[i] = NULL;
	watch_stop(&client->watch);
	close_fd(&client->fd);
	free(client);
}

static bool has_call(const struct varlink_client *client)
{
	return memchr(client->in, '\0', client->in_size) != NULL;
}

/*
 * While a reply is not sent, only waits for room. A socket with room is always ready, so a call that
 * was read already is taken in another turn.
 */
static uint32_t events_wanted(const struct varlink_client *client)
{
	if (client->deferred)
		return 0;
	if (client->out_size)
		return EPOLLOUT;
	if (client->in_size == sizeof(client->in))
		return EPOLLOUT;
	return has_call(client) ? EPOLLIN | EPOLLOUT : EPOLLIN;
}

/* Closes the client if it failed; otherwise waits for what it needs next. */
static void settle(struct varlink_client *client, uint32_t watched)
{
	uint32_t wanted = events_wanted(client);

	if (!client->failed && wanted != watched) {
		watch_stop(&client->watch);
		client->failed = watch_start_peer(&client->watch, client->varlink->loop, client->fd,
						  wanted, client_ready) < 0;
	}
	if (client->failed)
		close_client(client);
}

static void stream(struct varlink_client *client)
{
	client->stale = client->out_size > 0;
	if (!client->stale)
		client->stream->fn(client, NULL);
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct varlink_client *client = container_of(watch, struct varlink_client, watch);
	uint32_t watched = events_wanted(client);

	if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN))
		client->failed = true;
	else if (client->out_size)
		flush(client);
	else if (!has_call(client))
		read_socket(client);
	if (!client->failed && !client->out_size) {
		if (client->stream && client->stale)
			stream(client);
		else
			take_bytes(client);
	}
	settle(client, watched);
}

void varlink_changed(struct varlink *varlink)
{
	for (unsigned i = 0; i < VARLINK_CLIENTS_MAX; i++) {
		struct varlink_client *client = varlink->clients[i];
		uint32_t watched;

		if (!client || !client->stream)
			continue;
		watched = events_wanted(client);
		stream(client);
		settle(client, watched);
	}
}

uint64_t varlink_defer(struct varlink_client *client)
{
	client->deferred = true;
	return client->heard;
}

void varlink_answer(struct varlink *varlink, uint64_t ticket, const char *error,
		    struct json_object *parameters)
{
	for (unsigned i = 0; i < VARLINK_CLIENTS_MAX; i++) {
		struct varlink_client *client = varlink->clients[i];

		if (!client || !client->deferred || client->heard != ticket)
			continue;
		client->deferred = false;
		if (error)
			varlink_error(client, error, parameters);
		else
			varlink_reply(client, parameters);
		client->oneway = false;
		settle(client, 0);
		return;
	}
	json_object_put(parameters);
}

/* A free slot, which closing a client may provide. */
static unsigned find_slot(struct varlink *varlink)
{
	unsigned oldest = 0;

	for (unsigned i = 0; i < VARLINK_CLIENTS_MAX; i++) {
		const struct varlink_client *client = varlink->clients[i];
		const struct varlink_client *other = varlink->clients[oldest];

		if (!client)
			return i;
		if (!client->stream != !other->stream ? !client->stream
						      : client->heard < other->heard)
			oldest = i;
	}
	close_client(varlink->clients[oldest]);
	return oldest;
}

/* Takes over 'fd'. */
static void add_client(struct varlink *varlink, int fd, uid_t user)
{
	struct varlink_client *client = calloc(1, sizeof(*client));
	unsigned slot;

	if (!client ||
	    watch_start_peer(&client->watch, varlink->loop, fd, EPOLLIN, client_ready) < 0) {
		free(client);
		close_fd(&fd);
		return;
	}
	client->varlink = varlink;
	client->fd = fd;
	client->user = user;
	client->heard = ++varlink->n_calls;
	slot = find_slot(varlink);
	varlink->clients[slot] = client;
}

static bool is_admitted(const struct varlink *varlink, uid_t user)
{
	return user == 0 || user == geteuid() ||
	       (user != VARLINK_NOBODY && user == varlink->admitted);
}

static void connected(struct listener *listener, int fd)
{
	struct varlink *varlink = container_of(listener, struct varlink, listener);
	uid_t uid = usock_peer(fd);

	if (is_admitted(varlink, uid)) {
		add_client(varlink, fd, uid);
		return;
	}
	/* Programs of a user who is not active at the seat ask again and again. */
	log_limited(&varlink->limit,
		    varlink->admitted == VARLINK_NOBODY ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG,
		    "control: refused a client of user %u", (unsigned)uid);
	close_fd(&fd);
}

int varlink_open(struct varlink *varlink, struct loop *loop, const char *path,
		 const struct varlink_interface *interface, const char *version, void *owner)
{
	int rc;

	*varlink = (struct varlink){ .interface = interface,
				     .version = version,
				     .owner = owner,
				     .loop = loop,
				     .fd = -1,
				     .admitted = VARLINK_NOBODY };
	if (strlen(path) >= sizeof(varlink->path))
		return -ENAMETOOLONG;
	rc = usock_listen(path, SOCK_STREAM, 0600);
	if (rc < 0)
		return rc;
	varlink->fd = rc;
	memcpy(varlink->path, path, strlen(path) + 1);
	rc = listener_start(&varlink->listener, loop, varlink->fd, "control", connected);
	if (rc < 0)
		varlink_close(varlink);
	return rc;
}

void varlink_admit(struct varlink *varlink, uid_t user)
{
	if (!varlink->path[0] || varlink->admitted == user)
		return;
	varlink->admitted = user;
	/* Whoever connects is asked for: only the mode is for everybody. */
	chmod(varlink->path, user == VARLINK_NOBODY ? 0600 : 0666);
	for (unsigned i = 0; i < VARLINK_CLIENTS_MAX; i++)
		if (varlink->clients[i] && !is_admitted(varlink, varlink->clients[i]->user))
			close_client(varlink->clients[i]);
}

void varlink_close(struct varlink *varlink)
{
	for (unsigned i = 0; i < VARLINK_CLIENTS_MAX; i++)
		if (varlink->clients[i])
			close_client(varlink->clients[i]);
	listener_stop(&varlink->listener);
	if (varlink->path[0]) {
		unlink(varlink->path);
		varlink->path[0] = '\0';
		close_fd(&varlink->fd);
	}
}
