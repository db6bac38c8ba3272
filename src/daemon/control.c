/* SPDX-License-Identifier: MIT */
/* The methods of io.evswitch on the control socket. */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "control/interface.h"
#include "daemon/internal.h"
#include "daemon/state.h"
#include "daemon/stats.h"

static void reply_state(struct varlink_client *client, struct json_object *parameters)
{
	struct json_object *reply = json_object_new_object();

	(void)parameters;
	json_object_object_add(reply, "state", state_json(varlink_owner(client)));
	varlink_reply(client, reply);
}

static void reply_stats(struct varlink_client *client, struct json_object *parameters)
{
	struct json_object *reply = json_object_new_object();

	(void)parameters;
	json_object_object_add(reply, "stats", stats_json(varlink_owner(client)));
	varlink_reply(client, reply);
}

static struct json_object *target_names(const struct daemon *daemon)
{
	struct json_object *names = json_object_new_array();

	for (unsigned i = 0; i <= daemon->conf->n_guests; i++)
		json_object_array_add(names,
				      json_object_new_string(forward_target_name(daemon, i)));
	return names;
}

static struct json_object *device_names(const struct daemon *daemon)
{
	struct json_object *names = json_object_new_array();

	for (unsigned i = 0; i < daemon->conf->n_devices; i++)
		json_object_array_add(names, json_object_new_string(daemon->conf->devices[i].name));
	return names;
}

/* Takes over 'names'. */
static void no_such(struct varlink_client *client, const char *error, const char *key,
		    const char *name, struct json_object *names)
{
	struct json_object *parameters = json_object_new_object();
	char plural[16];

	snprintf(plural, sizeof(plural), "%ss", key);
	json_object_object_add(parameters, key, json_object_new_string(name));
	json_object_object_add(parameters, plural, names);
	varlink_error(client, error, parameters);
}

static void refused(struct varlink_client *client, const char *name, const char *why)
{
	struct json_object *error = json_object_new_object();

	json_object_object_add(error, "target", json_object_new_string(name));
	json_object_object_add(error, "why", json_object_new_string(why));
	varlink_error(client, CONTROL_INTERFACE ".Refused", error);
}

/* The target of that name, ROUTER_NEXT for "next", or -1. */
static int find_target(const struct daemon *daemon, const char *name)
{
	if (strcmp(name, "next") == 0)
		return ROUTER_NEXT;
	for (unsigned i = 0; i <= daemon->conf->n_guests; i++)
		if (strcmp(name, forward_target_name(daemon, i)) == 0)
			return (int)i;
	return -1;
}

/*
 * Switches all devices of the section of that name. *target is where they are then. 0; -ENODEV if
 * there are none; or the last error of forward_switch_part.
 */
static int switch_device(struct daemon *daemon, const char *name, unsigned to, const char **target)
{
	int rc = -ENODEV;

	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];

		if (!input->source.conf || strcmp(input->source.conf->name, name) != 0 ||
		    !input->source.ready)
			continue;
		rc = forward_switch_part(daemon, ROUTER_DEVICE(i), to);
		if (rc < 0)
			break;
		*target = forward_target_of(daemon, input);
	}
	return rc;
}

static const char *why_refused(const struct daemon *daemon, const char *device, int rc)
{
	if (rc == -EPERM)
		return "the device is pinned to another target (target = in its section)";
	if (rc == -ENODEV && device[0])
		return "the device is not grabbed: run evswitch --status";
	return daemon->refused[0] ? daemon->refused : "there is no other target";
}

static void do_switch(struct varlink_client *client, const char *name, unsigned to,
		      const char *device)
{
	struct daemon *daemon = varlink_owner(client);
	const char *target = NULL;
	struct json_object *reply;
	int rc;

	daemon->refused[0] = '\0';
	rc = device[0] ? switch_device(daemon, device, to, &target) : forward_switch(daemon, to);
	if (rc < 0) {
		refused(client, name, why_refused(daemon, device, rc));
		return;
	}
	reply = json_object_new_object();
	json_object_object_add(
		reply, "target",
		json_object_new_string(
			target ?: forward_target_name(daemon, daemon->router.focus)));
	varlink_reply(client, reply);
}

static void switch_target(struct varlink_client *client, struct json_object *parameters)
{
	struct daemon *daemon = varlink_owner(client);
	const char *name = json_text(json_member(parameters, "target"));
	const char *device = json_text(json_member(parameters, "device"));
	int target = find_target(daemon, name);

	if (!name[0])
		varlink_invalid(client, "target");
	else if (json_member(parameters, "device") && !device[0])
		varlink_invalid(client, "device");
	else if (target < 0)
		no_such(client, CONTROL_INTERFACE ".NoSuchTarget", "target", name,
			target_names(daemon));
	else if (device[0] && !conf_find_device(daemon->conf, device))
		no_such(client, CONTROL_INTERFACE ".NoSuchDevice", "device", device,
			device_names(daemon));
	else
		do_switch(client, name, (unsigned)target, device);
}

static void reload(struct varlink_client *client, struct json_object *parameters)
{
	struct daemon *daemon = varlink_owner(client);

	(void)parameters;
	reload_ask(daemon, varlink_defer(client));
}

static const struct varlink_method methods[] = {
	{ .name = "Status", .fn = reply_state },
	{ .name = "Monitor", .fn = reply_state, .streams = true },
	{ .name = "Stats", .fn = reply_stats },
	{ .name = "Switch", .fn = switch_target },
	{ .name = "Reload", .fn = reload },
	{ 0 },
};

static const struct varlink_interface interface = {
	.name = CONTROL_INTERFACE,
	.description = control_interface,
	.vendor = "evswitch",
	.product = "evswitch",
	.url = CONTROL_URL,
	.methods = methods,
};

void control_open(struct daemon *daemon)
{
	char dir[USOCK_PATH_MAX];
	int rc = usock_dir(dir);

	if (rc == 0) {
		char path[2 * USOCK_PATH_MAX];

		snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, dir);
		rc = varlink_open(&daemon->control, &daemon->loop, path, &interface,
				  daemon->options->version, daemon);
	}
	if (rc < 0)
		log_warn("no control socket in %s: %s: --status, --switch and --monitor cannot "
			 "reach this evswitch",
			 dir, strerror(-rc));
	away_admit(daemon);
}

void control_close(struct daemon *daemon)
{
	varlink_close(&daemon->control);
}

static void tell_later(struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, tell_later);

	daemon->tells_later = false;
	daemon->changed = true;
}

int control_init(struct daemon *daemon)
{
	return timer_init(&daemon->tell_later, &daemon->loop, tell_later);
}

void control_tell(struct daemon *daemon)
{
	char line[sizeof("STATUS=") + STATE_LINE_MAX];

	daemon->changed = false;
	if (!pace_take(&daemon->tells, pace_now_ms())) {
		if (!daemon->tells_later)
			timer_arm(&daemon->tell_later, PACE_MS, 0);
		daemon->tells_later = true;
		return;
	}
	memcpy(line, "STATUS=", sizeof("STATUS="));
	state_line(daemon, line + strlen("STATUS="));
	if (strcmp(line, daemon->status) != 0) {
		snprintf(daemon->status, sizeof(daemon->status), "%s", line);
		notify_send(&daemon->notify, line);
	}
	varlink_changed(&daemon->control);
}
