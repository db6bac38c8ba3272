/* SPDX-License-Identifier: MIT */
/* Follows Monitor. */
#include "clipboard/focus.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

/* Replies in one turn; evswitch merges what its client is too slow to read. */
#define REPLIES_MAX 1000

/* True if it fits. */
static bool copy(char *to, size_t size, const char *text)
{
	return snprintf(to, size, "%s", text) < (int)size;
}

static void take_clipboard(struct focus *focus, struct json_object *clipboard)
{
	const char *direction = json_text(json_member(clipboard, "direction"));
	const char *path = json_text(json_member(clipboard, "socket"));

	focus->wanted = path[0] == '/' && copy(focus->socket, sizeof(focus->socket), path) &&
			copy(focus->domain, sizeof(focus->domain),
			     json_text(json_member(clipboard, "domain")));
	focus->always = strcmp(json_text(json_member(clipboard, "when")), "always") == 0;
	focus->to_guest = strcmp(direction, "from_guest") != 0;
	focus->from_guest = strcmp(direction, "to_guest") != 0;
}

static void take_state(struct focus *focus, struct json_object *state)
{
	struct json_object *guests = json_member(state, "guests");

	focus->here = strcmp(json_text(json_member(state, "focus")), focus->guest) == 0;
	focus->wanted = false;
	for (size_t i = 0; i < json_length(guests); i++) {
		struct json_object *guest = json_element(guests, i);

		if (strcmp(json_text(json_member(guest, "name")), focus->guest) == 0)
			take_clipboard(focus, json_member(guest, "clipboard"));
	}
}

static void close_client(struct focus *focus)
{
	watch_stop(&focus->watch);
	client_close(&focus->client);
	focus->connected = focus->here = false;
}

static void tell_wait(struct focus *focus, int rc)
{
	if (focus->told)
		return;
	focus->told = true;
	if (rc == -ENOENT || rc == -ECONNRESET || rc == -EPIPE)
		log_info("evswitch does not run: waiting for it");
	else
		log_warn("cannot follow evswitch: %s: trying again", strerror(-rc));
}

static void readable(struct watch *watch, uint32_t events)
{
	struct focus *focus = container_of(watch, struct focus, watch);
	bool changed = false;
	int rc = 0;

	(void)events;
	for (unsigned i = 0; rc == 0; i++) {
		rc = client_wait(&focus->client, 0);
		if (rc == 0 && (client_error(&focus->client)[0] || i == REPLIES_MAX))
			rc = -EPROTO;
		if (rc < 0)
			break;
		focus->told = false;
		focus->connected = changed = true;
		take_state(focus, json_member(client_parameters(&focus->client), "state"));
	}
	if (rc < 0 && rc != -ETIMEDOUT) {
		close_client(focus);
		tell_wait(focus, rc);
		timer_arm(&focus->again, FOCUS_AGAIN_MS, 0);
		changed = true;
	}
	if (changed)
		focus->changed(focus);
}

static void connect_now(struct timer *timer)
{
	struct focus *focus = container_of(timer, struct focus, again);
	int rc = client_open(&focus->client);

	if (rc == 0)
		rc = client_call(&focus->client, "Monitor", NULL, true);
	if (rc == 0)
		rc = watch_start(&focus->watch, focus->loop, focus->client.fd, EPOLLIN, readable);
	if (rc == 0)
		return;
	close_client(focus);
	tell_wait(focus, rc);
	timer_arm(&focus->again, FOCUS_AGAIN_MS, 0);
}

int focus_init(struct focus *focus, struct loop *loop, const char *guest, focus_fn changed)
{
	int rc;

	*focus = (struct focus){
		.changed = changed, .guest = guest, .loop = loop, .client = CLIENT_INIT
	};
	rc = timer_init(&focus->again, loop, connect_now);
	if (rc == 0)
		timer_arm(&focus->again, 1, 0);
	return rc;
}

void focus_fini(struct focus *focus)
{
	close_client(focus);
	timer_fini(&focus->again);
}
