/* Checks chords against each other, and devices against each other. */
#include "conf/conf-check.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf-report.h"

#define ACTIONS_MAX (3 + CONF_GUESTS_MAX)

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

static void add_actions(struct check *check, const struct conf_origin *origin)
{
	const struct conf *conf = check->conf;

	add_action(check, "panic", "", &conf->panic, origin->panic);
	add_action(check, "toggle", "", &conf->toggle, origin->toggle);
	add_action(check, "hotkey", " of [host]", &conf->host_hotkey, origin->host_hotkey);
	for (unsigned i = 0; i < conf->n_guests; i++) {
		char whose[CONF_NAME_MAX + 16];

		snprintf(whose, sizeof(whose), " of [guest %s]", conf->guests[i].name);
		add_action(check, "hotkey", whose, &conf->guests[i].hotkey,
			   origin->guest_hotkey[i]);
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
			    "%s and %s are the same keys; give each keys of its own", late->label,
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
			    "'panic' is the one key %s, which would be pressed by accident; give "
			    "at least 2 keys",
			    keys_name(panic->code[0]).text);
	for (unsigned i = 0; i < check->n; i++) {
		check_always(check, &check->action[i], origin->always);
		for (unsigned j = i + 1; j < check->n; j++)
			check_pair(check, &check->action[i], &check->action[j]);
	}
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_match(const struct conf_device *a, const struct conf_device *b)
{
	return !conf_device_is_blank(a) && same_text(a->path, b->path) &&
	       same_text(a->match_name, b->match_name) && same_text(a->phys, b->phys) &&
	       same_text(a->uniq, b->uniq) && a->has_id == b->has_id && a->vendor == b->vendor &&
	       a->product == b->product;
}

/* Reports a device once, against the first one with the same properties. */
static void check_device(const struct conf *conf, unsigned index, struct conf_report *report)
{
	const struct conf_device *device = &conf->devices[index];

	for (unsigned i = 0; i < index; i++) {
		const struct conf_device *other = &conf->devices[i];

		if (!same_match(device, other))
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
