/* SPDX-License-Identifier: MIT */
/* Checks chords against each other, and devices against each other. */
#include "conf/conf-check.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf-report.h"

#define ACTIONS_MAX (2 + (CONF_GUESTS_MAX + 1) * (1 + CONF_PARTS))

/* An action with a chord. The panic chord is always the first. */
struct action {
	const struct chord *chord;
	unsigned line; /* 0 = by default */
	char label[CONF_NAME_MAX + 64];
};

struct check {
	const struct conf *conf;
	struct conf_report *report;
	unsigned n;
	struct action action[ACTIONS_MAX];
};

/* Skips chords that are empty: not given, or invalid and already reported. */
static void add_action(struct check *check, const char *what, const char *whose,
		       const struct chord *chord, unsigned line)
{
	struct action *action = &check->action[check->n];

	if (chord->n == 0)
		return;
	action->chord = chord;
	action->line = line;
	if (line > 0)
		snprintf(action->label, sizeof(action->label), "'%s'%s (line %u)", what, whose,
			 line);
	else
		snprintf(action->label, sizeof(action->label), "'%s'%s (the default)", what, whose);
	check->n++;
}

static void add_hotkeys(struct check *check, const char *whose, const struct chord *all,
			unsigned line, const struct chord *part, const unsigned *part_line)
{
	add_action(check, "hotkey", whose, all, line);
	add_action(check, "hotkey-keyboard", whose, &part[CONF_KEYBOARDS],
		   part_line[CONF_KEYBOARDS]);
	add_action(check, "hotkey-pointer", whose, &part[CONF_POINTERS], part_line[CONF_POINTERS]);
}

static void add_actions(struct check *check, const struct conf_origin *origin)
{
	const struct conf *conf = check->conf;

	add_action(check, "panic", "", &conf->panic, origin->panic);
	add_action(check, "toggle", "", &conf->toggle, origin->toggle);
	add_hotkeys(check, " of [host]", &conf->host_hotkey, origin->host_hotkey,
		    conf->host_hotkey_part, origin->host_part);
	for (unsigned i = 0; i < conf->n_guests; i++) {
		char whose[CONF_NAME_MAX + 16];

		snprintf(whose, sizeof(whose), " of [guest %s]", conf->guests[i].name);
		add_hotkeys(check, whose, &conf->guests[i].hotkey, origin->guest_hotkey[i],
			    conf->guests[i].hotkey_part, origin->guest_part[i]);
	}
}

/* True if every key of 'a' is in 'b'. */
static bool within(const struct chord *a, const struct chord *b)
{
	for (unsigned i = 0; i < a->n; i++)
		if (!chord_has(b, a->code[i]))
			return false;
	return true;
}

/* Reports a conflicting pair once, at the later line. */
static void check_pair(struct check *check, const struct action *a, const struct action *b)
{
	bool a_in_b = within(a->chord, b->chord), b_in_a = within(b->chord, a->chord);
	const struct action *early = a->line < b->line ? a : b, *late = early == a ? b : a;

	if (a_in_b && b_in_a)
		conf_report(check->report, late->line,
			    "%s and %s have the same keys; choose different keys", late->label,
			    early->label);
	else if (a->chord != &check->conf->panic)
		return;
	else if (a_in_b)
		conf_report(check->report, late->line,
			    "%s contains the keys of %s, which would act in its place; choose "
			    "other keys",
			    b->label, a->label);
	else if (b_in_a)
		conf_report(check->report, late->line,
			    "%s is part of %s and would act before it; choose other keys", b->label,
			    a->label);
}

/* An 'always' key in a chord is ambiguous: depending on the order, it reaches the host or not. */
static void check_always(struct check *check, const struct action *action, unsigned always_line)
{
	unsigned code = action->chord->code[0];
	unsigned line = action->line > always_line ? action->line : always_line;

	if (action->chord->n == 1 && keyset_has(&check->conf->always, code))
		conf_report(check->report, line,
			    "%s is the key '%s' alone, which 'always' gives to the host; remove it "
			    "from one of the two",
			    action->label, keys_name(code).text);
}

static void check_chords(struct check *check, const struct conf_origin *origin)
{
	const struct chord *panic = &check->conf->panic;

	if (panic->n == 1)
		conf_report(check->report, origin->panic,
			    "'panic' is the single key %s, easily pressed by accident; give "
			    "at least 2 keys",
			    keys_name(panic->code[0]).text);
	for (unsigned i = 0; i < check->n; i++) {
		check_always(check, &check->action[i], origin->always);
		for (unsigned j = i + 1; j < check->n; j++)
			check_pair(check, &check->action[i], &check->action[j]);
	}
}

/* Reports a device once, against the first one with the same properties. */
static void check_device(const struct conf *conf, unsigned index, struct conf_report *report)
{
	const struct conf_device *device = &conf->devices[index];

	for (unsigned i = 0; i < index; i++) {
		const struct conf_device *other = &conf->devices[i];

		if (conf_device_is_blank(device) || !conf_same_match(device, other))
			continue;
		conf_report(
			report, device->line,
			"[device %s] matches the same as [device %s] at line %u; keep one of them",
			device->name, other->name, other->line);
		return;
	}
}

void conf_check(const struct conf *conf, const struct conf_origin *origin,
		struct conf_report *report)
{
	struct check check = { .conf = conf, .report = report };

	add_actions(&check, origin);
	check_chords(&check, origin);
	for (unsigned i = 1; i < conf->n_devices; i++)
		check_device(conf, i, report);
}
