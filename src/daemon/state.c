/* SPDX-License-Identifier: MIT */
/* Collects what devices, guests and router know. */
#include "daemon/state.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/usock.h"
#include "qemu/guest-xml.h"

#define ABSENT_WHY "not plugged in, or the section does not match it: run evswitch --check"

/* For explanations, which are longer than a log_str and already printable. */
static void add_words(struct json_object *object, const char *key, const char *words)
{
	if (words[0])
		json_object_object_add(object, key, json_object_new_string(words));
}

static struct json_object *config_json(const struct daemon *daemon)
{
	struct json_object *config = json_object_new_object();

	json_add_name(config, "path", daemon->options->path);
	json_object_object_add(config, "modified_ns",
			       json_object_new_int64(daemon->conf->modified_ns));
	return config;
}

static void add_source(struct json_object *device, const struct source *source)
{
	json_add_name(device, "node", source->device.devnode);
	json_add_name(device, "model", source->clone.identity.name);
	json_add_name(device, "state", source->ready ? "forwarded" : "waiting");
	if (!source->ready)
		add_words(device, "why", source_why_waiting(source));
}

/* 'input' is NULL if the section has matched no node. */
static struct json_object *device_json(const struct daemon *daemon,
				       const struct conf_device *section, const struct input *input)
{
	struct json_object *device = json_object_new_object();

	json_add_name(device, "name", section->name);
	if (input && source_is_plugged(&input->source)) {
		add_source(device, &input->source);
	} else {
		json_add_name(device, "state", "absent");
		add_words(device, "why", ABSENT_WHY);
	}
	json_add_name(device, "target", input ? forward_target_of(daemon, input) : "host");
	return device;
}

static struct json_object *devices_json(const struct daemon *daemon)
{
	struct json_object *devices = json_object_new_array();

	for (unsigned i = 0; i < daemon->conf->n_devices; i++) {
		const struct conf_device *section = &daemon->conf->devices[i];
		bool any = false;

		for (unsigned j = 0; j < ROUTER_DEVICES; j++) {
			if (daemon->input[j].source.conf != section)
				continue;
			any = true;
			json_object_array_add(devices,
					      device_json(daemon, section, &daemon->input[j]));
		}
		if (!any)
			json_object_array_add(devices, device_json(daemon, section, NULL));
	}
	return devices;
}

/* Nothing is added where no clipboard is wanted, nor where its socket's path would be too long. */
static void add_clipboard(struct json_object *object, const struct conf *conf,
			  const struct conf_guest *section)
{
	static const char *const directions[] = { "both", "to_guest", "from_guest" };
	char dir[USOCK_PATH_MAX], path[GUEST_PATH_SIZE];
	struct json_object *clipboard;

	if (section->clipboard == CONF_CLIPBOARD_NO ||
	    (!conf->socket_dir && (usock_dir_name(dir) < 0 || strlen(dir) > CONF_SOCKET_DIR_MAX)))
		return;
	guest_clipboard_path(section, conf->socket_dir ?: dir, path);
	clipboard = json_object_new_object();
	json_add_name(clipboard, "socket", path);
	json_add_name(clipboard, "when",
		      section->clipboard == CONF_CLIPBOARD_ALWAYS ? "always" : "focus");
	json_add_name(clipboard, "direction", directions[section->clipboard_direction]);
	if (section->libvirt)
		json_add_name(clipboard, "domain", section->libvirt);
	json_object_object_add(object, "clipboard", clipboard);
}

/* A guest that outlived a reload refers to the section that it was opened with; 'section' is in force. */
static struct json_object *guest_json(const struct daemon *daemon, struct guest *guest,
				      const struct conf_guest *section)
{
	struct json_object *object = json_object_new_object();
	struct guest_why why;

	guest_why_down(guest, &why);
	json_add_name(object, "name", guest->conf->name);
	json_add_name(object, "via", guest->conf->via->name);
	json_object_object_add(object, "up", json_object_new_boolean(why.text[0] == '\0'));
	json_add_name(object, "cause", guest_cause_name(why.cause));
	add_words(object, "why", why.text);
	json_add_name(object, "vm", run_state_name(guest_vm(guest)));
	add_clipboard(object, daemon->conf, section);
	return object;
}

static void add_notice(struct json_object *state, const char *key, const struct notice *notice)
{
	struct json_object *object;

	if (notice->number == 0)
		return;
	object = json_object_new_object();
	json_object_object_add(object, "number", json_object_new_int64(notice->number));
	json_add_name(object, "guest", notice->guest);
	json_add_name(object, "focus", notice->focus);
	json_add_name(object, "cause", notice->cause);
	add_words(object, "why", notice->reason);
	json_object_object_add(state, key, object);
}

struct json_object *state_json(struct daemon *daemon)
{
	struct json_object *state = json_object_new_object();
	struct json_object *guests = json_object_new_array();
	char line[STATE_LINE_MAX];

	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		json_object_array_add(guests, guest_json(daemon, &daemon->output[i]->guest,
							 &daemon->conf->guests[i]));
	state_line(daemon, line);
	json_add_name(state, "version", daemon->options->version);
	json_object_object_add(state, "pid", json_object_new_int(getpid()));
	add_words(state, "summary", line);
	json_add_name(state, "focus", forward_target_name(daemon, daemon->router.focus));
	json_object_object_add(
		state, "ready",
		json_object_new_boolean(router_takes(&daemon->router, daemon->router.focus)));
	add_words(state, "refused", daemon->refused);
	add_notice(state, "last_lost", &daemon->notices[HOOK_LOST]);
	add_notice(state, "last_refused", &daemon->notices[HOOK_REFUSED]);
	json_object_object_add(state, "config", config_json(daemon));
	json_object_object_add(state, "devices", devices_json(daemon));
	json_object_object_add(state, "guests", guests);
	return state;
}

/* --- one line ------------------------------------------------------------------------------ */

static void append(char line[static STATE_LINE_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void append(char line[static STATE_LINE_MAX], const char *format, ...)
{
	size_t used = strlen(line);
	va_list args;

	va_start(args, format);
	text_vprint(line + used, STATE_LINE_MAX - used, format, args);
	va_end(args);
}

static void append_parts(const struct daemon *daemon, char line[static STATE_LINE_MAX])
{
	const struct router *router = &daemon->router;

	for (unsigned part = ROUTER_KEYBOARDS; part < ROUTER_PARTS; part++)
		if (router->part_focus[part] != router->focus)
			append(line, "; %s: %s", forward_part_name(part),
			       forward_target_name(daemon, router->part_focus[part]));
}

void state_line(const struct daemon *daemon, char line[static STATE_LINE_MAX])
{
	line[0] = '\0';
	append(line, "focus: %s%s", forward_target_name(daemon, daemon->router.focus),
	       router_takes(&daemon->router, daemon->router.focus)
		       ? ""
		       : ", which does not take input yet");
	append_parts(daemon, line);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		const struct source *source = &daemon->input[i].source;

		if (source->conf && !source->ready)
			append(line, "; %s: %s", source->conf->name,
			       source_is_plugged(source) ? source_why_waiting(source) : "absent");
	}
	for (unsigned i = 0; i < daemon->conf->n_devices; i++)
		if (!plug_has(daemon, &daemon->conf->devices[i]))
			append(line, "; %s: absent", daemon->conf->devices[i].name);
}
