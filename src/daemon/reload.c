/* SPDX-License-Identifier: MIT */
/*
 * Replaces the configuration while evswitch runs. The new file is checked as a whole first. Then
 * everything that takes time is prepared, and the exchange waits for a moment at which no key is
 * down. What is equal in both stays: devices stay grabbed, clones and endpoints exist, and the focus
 * does not move.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/shortage.h"
#include "base/util.h"
#include "control/interface.h"
#include "daemon/internal.h"
#include "daemon/state.h"

/* How often to look at what the exchange waits for, beside each turn of the loop. */
#define RELOAD_TRY_MS 500
#define RELOAD_MS     8000 /* how long it waits */

#define WHY_MAX 256

#define NEEDS_FDS 16 /* of the file, a clone, and a guest's timers, socket and nodes */

/* --- the answer ---------------------------------------------------------------------------- */

/* 'error' as varlink_answer. Takes over 'parameters'. */
static void answer(struct daemon *daemon, const char *error, struct json_object *parameters)
{
	struct reload *reload = &daemon->reload;

	timer_arm(&reload->timer, 0, 0);
	reload->stage = RELOAD_NONE;
	notify_send(&daemon->notify, "READY=1");
	daemon->changed = true;
	if (reload->ticket)
		varlink_answer(&daemon->control, reload->ticket, error, parameters);
	else
		json_object_put(parameters);
	reload->ticket = 0;
}

static void give_up(struct daemon *daemon, const char *why)
{
	struct json_object *parameters = json_object_new_object();

	log_error("%s is not reloaded: %s", log_str(daemon->options->path).text, why);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.conf)
			source_give_up(&daemon->input[i].source);
	conf_free(daemon->reload.next);
	daemon->reload.next = NULL;
	json_object_object_add(parameters, "why", json_object_new_string(why));
	answer(daemon, CONTROL_INTERFACE ".ReloadFailed", parameters);
}

static void succeed(struct daemon *daemon)
{
	struct json_object *parameters = json_object_new_object();

	plug_tell_missing(daemon);
	json_object_object_add(parameters, "state", state_json(daemon));
	answer(daemon, NULL, parameters);
}

/* --- preparations -------------------------------------------------------------------------- */

/*
 * Finds the new section of a source: by its node, or if udev does not know that, by its own section. 0; 1
 * if a clone was created; or -errno of source_prepare.
 */
static int judge(struct input *input)
{
	struct daemon *daemon = input->daemon;
	struct reload *reload = &daemon->reload;
	struct source *source = &input->source;
	const struct conf_device *same = conf_find_device(reload->next, source->conf->name);
	int rc;

	input->judged = true;
	input->next = same && conf_same_match(same, source->conf) ? same : NULL;
	if (!source_is_plugged(source))
		return 0;
	reload->judging = input;
	hotplug_ask(&daemon->hotplug, source->device.devnode);
	reload->judging = NULL;
	if (!input->next)
		return 0;
	rc = source_prepare(source, input->next);
	return rc < 0 ? rc : !source_is_prepared(source);
}

/*
 * Creates one clone in a turn, since that takes the kernel tens of milliseconds. 0; 1: it has to be called
 * again; or -errno and why.
 */
static int judge_all(struct daemon *daemon, char why[static WHY_MAX])
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];
		int rc = input->source.conf && !input->judged ? judge(input) : 0;

		if (rc < 0)
			snprintf(why, WHY_MAX, "device %s: cannot create another clone: %s",
				 input->source.conf->name, strerror(-rc));
		if (rc > 0)
			timer_arm(&daemon->reload.timer, 1, RELOAD_TRY_MS);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* True if the exchange has to wait; 'why' says for what. */
static bool has_to_wait(const struct daemon *daemon, char why[static WHY_MAX])
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		const struct source *source = &daemon->input[i].source;

		if (!source->conf || source_is_prepared(source))
			continue;
		snprintf(why, WHY_MAX,
			 "device %s: udev has not announced its new clone (is udev running? "
			 "systemctl status systemd-udevd)",
			 source->conf->name);
		return true;
	}
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		if (keyset_empty(&daemon->router.device[i].raw))
			continue;
		snprintf(why, WHY_MAX,
			 "device %s: a key or button is held down: release it, and reload again",
			 daemon->input[i].source.conf->name);
		return true;
	}
	return false;
}

static void expired(struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, reload.timer);
	char why[WHY_MAX] = "";

	if (daemon->reload.stage != RELOAD_WAITS)
		return;
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		const struct source *source = &daemon->input[i].source;

		if (source->conf && !source_is_prepared(source))
			hotplug_ask(&daemon->hotplug, source->heir.uinput.devnode);
	}
	if (now_us() >= daemon->reload.until_us && has_to_wait(daemon, why))
		give_up(daemon, why);
}

/* --- the exchange -------------------------------------------------------------------------- */

/* map[target]: its number in the new configuration; ROUTER_GONE if the guest is gone or was changed. */
static void make_map(const struct daemon *daemon, const struct conf *next,
		     unsigned map[static ROUTER_TARGETS])
{
	for (unsigned target = 0; target < ROUTER_TARGETS; target++)
		map[target] = target == ROUTER_HOST ? ROUTER_HOST : ROUTER_GONE;
	for (unsigned i = 0; i < daemon->conf->n_guests; i++) {
		const struct conf_guest *before = &daemon->conf->guests[i];
		const struct conf_guest *now = conf_find_guest(next, before->name);

		if (now && conf_same_guest(daemon->conf, before, next, now))
			map[i + 1] = (unsigned)(now - next->guests) + 1;
	}
}

/* The guests of the new configuration: those that stay, and new ones that are not open. 0 or -ENOMEM. */
static int make_outputs(struct daemon *daemon, const struct conf *next,
			const unsigned map[static ROUTER_TARGETS],
			struct output *outputs[static CONF_GUESTS_MAX])
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		if (map[i + 1] != ROUTER_GONE)
			outputs[map[i + 1] - 1] = daemon->output[i];
	for (unsigned i = 0; i < next->n_guests; i++) {
		if (outputs[i])
			continue;
		outputs[i] = output_new(daemon, next);
		if (outputs[i])
			continue;
		for (unsigned j = 0; j < i; j++)
			if (outputs[j]->conf == next)
				free(outputs[j]);
		return -ENOMEM;
	}
	return 0;
}

/* Nothing is at a guest that is going to be closed, but devices that are pinned to it. */
static void leave_gone(struct daemon *daemon, const unsigned map[static ROUTER_TARGETS],
		       struct output *gone[static CONF_GUESTS_MAX])
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++) {
		if (map[i + 1] != ROUTER_GONE)
			continue;
		forward_lose(daemon, i + 1,
			     conf_find_guest(daemon->reload.next, daemon->conf->guests[i].name)
				     ? "its configuration was changed"
				     : "it is no longer configured");
		gone[i] = daemon->output[i];
	}
}

/* No device refers to them any more. */
static void close_gone(struct output *gone[static CONF_GUESTS_MAX])
{
	for (unsigned i = 0; i < CONF_GUESTS_MAX; i++) {
		if (gone[i])
			guest_close(&gone[i]->guest);
		free(gone[i]);
	}
}

/* Returns devices that no section matches to the host. */
static void retire_sources(struct daemon *daemon)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];

		if (!input->source.conf || input->next)
			continue;
		if (source_is_plugged(&input->source))
			log_info("device %s: %s is returned to the host", input->source.conf->name,
				 input->source.device.devnode);
		forward_remove(input);
		source_retire(&input->source);
	}
}

static void adopt_sources(struct daemon *daemon)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];

		if (!input->source.conf)
			continue;
		forward_adopt(input, source_adopt(&input->source, input->next));
	}
}

static void open_new_guests(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++) {
		struct output *output = daemon->output[i];
		int rc;

		if (output->guest.conf)
			continue;
		rc = guest_open(&output->guest, daemon->conf, &daemon->conf->guests[i],
				&daemon->loop, &forward_guest_ops);
		if (rc < 0)
			output->guest.open_error = rc;
	}
}

/* Frees configurations that no guest was opened with; 'before' was in use until now. */
static void drop_confs(struct daemon *daemon, struct conf *before)
{
	struct reload *reload = &daemon->reload;
	unsigned n = 0;

	reload->earlier[reload->n_earlier++] = before;
	for (unsigned i = 0; i < reload->n_earlier; i++) {
		bool used = false;

		for (unsigned j = 0; j < daemon->conf->n_guests; j++)
			used |= daemon->output[j]->conf == reload->earlier[i];
		if (used)
			reload->earlier[n++] = reload->earlier[i];
		else
			conf_free(reload->earlier[i]);
	}
	reload->n_earlier = n;
}

static bool same_devices(const struct conf *a, const struct conf *b)
{
	bool same = a->n_devices == b->n_devices;

	for (unsigned i = 0; i < a->n_devices && same; i++)
		same = conf_same_match(&a->devices[i], &b->devices[i]);
	return same;
}

static void exchange(struct daemon *daemon)
{
	struct conf *before = daemon->conf, *next = daemon->reload.next;
	struct output *outputs[CONF_GUESTS_MAX] = { NULL }, *gone[CONF_GUESTS_MAX] = { NULL };
	bool looks = !same_devices(before, next);
	unsigned map[ROUTER_TARGETS], focus;
	int rc;

	make_map(daemon, next, map);
	if (make_outputs(daemon, next, map, outputs) < 0) {
		give_up(daemon, strerror(ENOMEM));
		return;
	}
	leave_gone(daemon, map, gone);
	retire_sources(daemon);
	focus = daemon->router.focus;
	memcpy(daemon->output, outputs, sizeof(outputs));
	daemon->conf = next;
	daemon->reload.next = NULL;
	forward_replace(daemon, map);
	adopt_sources(daemon);
	close_gone(gone);
	rc = launch_replace(&daemon->launcher, next, focus);
	if (rc < 0)
		log_warn("hooks do not run until evswitch is restarted: %s", strerror(-rc));
	launch_hooks(&daemon->launcher, daemon->router.focus);
	open_new_guests(daemon);
	drop_confs(daemon, before);
	log_info("%s is reloaded", log_str(daemon->options->path).text);
	daemon->reload.stage = RELOAD_LOOKS;
	plug_replace(daemon, looks);
	forward_tell_moved(daemon);
}

/* --- the request --------------------------------------------------------------------------- */

/* 'ctx' is a JSON array. */
static void note_fault(void *ctx, const char *message)
{
	log_error("%s", message);
	json_object_array_add(ctx, json_object_new_string(message));
}

static void tell_reloading(const struct daemon *daemon)
{
	char line[64];

	snprintf(line, sizeof(line), "RELOADING=1\nMONOTONIC_USEC=%llu",
		 (unsigned long long)now_us());
	notify_send(&daemon->notify, line);
}

static void begin(struct daemon *daemon, uint64_t ticket)
{
	struct json_object *faults = json_object_new_array();
	struct reload *reload = &daemon->reload;
	struct conf *next = NULL;
	int rc;

	if (reload->stage == RELOAD_WAITS)
		give_up(daemon, "another reload has replaced this one");
	else if (reload->stage == RELOAD_LOOKS)
		succeed(daemon);
	tell_reloading(daemon);
	reload->ticket = ticket;
	if (shortage_check(NEEDS_FDS) < 0) {
		give_up(daemon, "out of descriptors (the limit is LimitNOFILE= of the service, or "
				"ulimit -n): nothing is changed");
		json_object_put(faults);
		return;
	}
	rc = conf_load(daemon->options->path, daemon->conf->channels, note_fault, faults, &next);
	if (rc < 0) {
		struct json_object *parameters = json_object_new_object();

		log_error("%s is not reloaded: nothing is changed",
			  log_str(daemon->options->path).text);
		json_object_object_add(parameters, "faults", faults);
		answer(daemon, CONTROL_INTERFACE ".ConfigurationInvalid", parameters);
		return;
	}
	json_object_put(faults);
	reload->next = next;
	reload->stage = RELOAD_WAITS;
	reload->until_us = now_us() + RELOAD_MS * 1000;
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		daemon->input[i].judged = false;
	timer_arm(&reload->timer, RELOAD_TRY_MS, RELOAD_TRY_MS);
}

void reload_ask(struct daemon *daemon, uint64_t ticket)
{
	daemon->reload.asked = true;
	if (ticket)
		daemon->reload.asked_ticket = ticket;
}

void reload_turn(struct daemon *daemon)
{
	struct reload *reload = &daemon->reload;
	char why[WHY_MAX];
	int rc;

	if (reload->asked) {
		uint64_t ticket = reload->asked_ticket;

		reload->asked = false;
		reload->asked_ticket = 0;
		begin(daemon, ticket);
	}
	if (reload->stage == RELOAD_LOOKS && !hotplug_is_scanning(&daemon->hotplug))
		succeed(daemon);
	if (reload->stage != RELOAD_WAITS)
		return;
	rc = judge_all(daemon, why);
	if (rc < 0)
		give_up(daemon, why);
	else if (rc == 0 && !has_to_wait(daemon, why))
		exchange(daemon);
}

int reload_init(struct daemon *daemon)
{
	return timer_init(&daemon->reload.timer, &daemon->loop, expired);
}

void reload_fini(struct daemon *daemon)
{
	struct reload *reload = &daemon->reload;

	timer_fini(&reload->timer);
	conf_free(reload->next);
	while (reload->n_earlier)
		conf_free(reload->earlier[--reload->n_earlier]);
}
