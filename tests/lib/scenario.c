/* SPDX-License-Identifier: MIT */
/* Reads scenarios and plays them. */
#include "scenario.h"

#include <ctype.h>
#include <errno.h>
#include <libevdev/libevdev.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define EVENT_NAME_MAX 40
#define BLANKS         " \t"

/* ---- events as text ---- */

static bool event_from_name(const char *name, size_t length, struct input_event *ev)
{
	char full[EVENT_NAME_MAX + 4] = "KEY_";
	int type;

	if (length == 0 || length >= EVENT_NAME_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		full[4 + i] = (char)toupper((unsigned char)name[i]);
	type = libevdev_event_type_from_code_name(full + 4);
	if (type >= 0) {
		ev->type = (uint16_t)type;
		ev->code = (uint16_t)libevdev_event_code_from_code_name(full + 4);
		return true;
	}
	type = libevdev_event_code_from_name(EV_KEY, full);
	ev->type = EV_KEY;
	ev->code = (uint16_t)type;
	return type >= 0;
}

static bool event_parse(const char *word, size_t length, struct input_event *ev)
{
	const char *colon = memchr(word, ':', length);
	char *end;

	if (!colon || !event_from_name(word, (size_t)(colon - word), ev))
		return false;
	ev->value = (int)strtol(colon + 1, &end, 10);
	return end == word + length && end > colon + 1;
}

bool events_parse(const char *text, struct frame *frame, const char **bad)
{
	struct input_event ev = { 0 };

	frame->n = 0;
	frame->resync = false;
	for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
		size_t length = strcspn(text, BLANKS);

		*bad = text;
		if (!frame_has_room(frame) || !event_parse(text, length, &ev))
			return false;
		frame_add(frame, &ev);
		text += length;
	}
	memset(&ev, 0, sizeof(ev));
	frame_close(frame, &ev);
	return true;
}

void events_print(const struct frame *frame, char *text, size_t size)
{
	FILE *out = fmemopen(text, size, "w");

	if (!out)
		abort();
	for (unsigned i = 0; i < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];
		const char *name = libevdev_event_code_get_name(ev->type, ev->code);

		if (i + 1 == frame->n && ev->type == EV_SYN && ev->code == SYN_REPORT)
			break;
		if (i > 0)
			fputc(' ', out);
		if (name && strncmp(name, "KEY_", 4) == 0)
			name += 4;
		for (const char *c = name ? name : ""; *c; c++)
			fputc(tolower((unsigned char)*c), out);
		if (!name)
			fprintf(out, "%u/0x%x", ev->type, ev->code);
		fprintf(out, ":%d", ev->value);
	}
	fclose(out);
	if (frame->n <= 1)
		text[0] = '\0';
	text[size - 1] = '\0';
}

/* ---- reading ---- */

struct reader {
	struct scenario *scenario;
	unsigned line;
	bool failed;
	unsigned n_ports;
	struct port { /* devices and ports alike: what is down there, by the scenario's own lines */
		char name[SCENARIO_PORT_MAX];
		struct keyset down;
	} port[64];
};

__attribute__((format(printf, 2, 3))) static void fail(struct reader *reader, const char *what, ...)
{
	va_list args;

	fprintf(stderr, "%s:%u: ", reader->scenario->file, reader->line);
	va_start(args, what);
	vfprintf(stderr, what, args);
	va_end(args);
	fputc('\n', stderr);
	reader->failed = true;
}

static struct port *find_port(struct reader *reader, const char *name)
{
	unsigned i = 0;

	while (i < reader->n_ports && strcmp(reader->port[i].name, name) != 0)
		i++;
	if (i == ARRAY_SIZE(reader->port))
		abort();
	if (i == reader->n_ports) {
		reader->port[reader->n_ports++] = (struct port){ 0 };
		snprintf(reader->port[i].name, sizeof(reader->port[i].name), "%s", name);
	}
	return &reader->port[i];
}

/* A guest that went down holds nothing any more. */
static void forget_ports(struct reader *reader, const char *guest)
{
	size_t length = strlen(guest);

	for (unsigned i = 0; i < reader->n_ports; i++)
		if (strncmp(reader->port[i].name, guest, length) == 0 &&
		    reader->port[i].name[length] == '/')
			reader->port[i].down = (struct keyset){ 0 };
}

/* What the kernel's input core would swallow must not be written. */
static void check_frame(struct reader *reader, const char *port, const struct frame *frame)
{
	struct keyset *down = &find_port(reader, port)->down;

	if (frame->n == 1)
		fail(reader, "no events");
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_REL && ev->value == 0)
			fail(reader, "motion by 0 does not pass a kernel");
		if (ev->type != EV_KEY)
			continue;
		if ((ev->value == 1) == keyset_has(down, ev->code))
			fail(reader, "key %u of %s: %s", ev->code, port,
			     ev->value == 1 ? "it is already down" : "it is not down");
		if (ev->value == 1)
			keyset_add(down, ev->code);
		if (ev->value == 0)
			keyset_remove(down, ev->code);
	}
}

static struct scenario_device *find_device(struct scenario *scenario, const char *name)
{
	for (unsigned i = 0; i < scenario->n_devices; i++)
		if (strcmp(scenario->device[i].name, name) == 0)
			return &scenario->device[i];
	return NULL;
}

static void note_events(struct scenario_device *device, const struct frame *frame)
{
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_KEY)
			keyset_add(&device->keys, ev->code);
		else if (ev->type == EV_REL)
			device->rel |= 1U << ev->code;
		else if (ev->type == EV_MSC)
			device->msc |= 1U << ev->code;
		else if (ev->type == EV_SW)
			device->sw |= 1U << ev->code;
	}
}

static const struct verb {
	char mark;
	const char *word; /* NULL: none, the name follows at once */
	enum scenario_verb verb;
	bool named, of_device;
} verbs[] = {
	{ '<', NULL, SCENARIO_FRAME, true, true },
	{ '>', NULL, SCENARIO_OUTPUT, true, false },
	{ '!', "up", SCENARIO_UP, true, false },
	{ '!', "down", SCENARIO_DOWN, true, false },
	{ '!', "plug", SCENARIO_PLUG, true, true },
	{ '!', "unplug", SCENARIO_UNPLUG, true, true },
	{ '!', "dropped", SCENARIO_DROPPED, true, true },
	{ '!', "switch", SCENARIO_SWITCH, true, false },
	{ '!', "wait", SCENARIO_WAIT, true, false },
	{ '?', "focus", SCENARIO_FOCUS, true, false },
	{ '?', "quit", SCENARIO_QUIT, false, false },
};

/* The next word into 'word'; the rest of the line is returned. */
static const char *next_word(const char *text, char *word, size_t size)
{
	size_t length;

	text += strspn(text, BLANKS);
	length = strcspn(text, BLANKS);
	snprintf(word, size, "%.*s", (int)length, text);
	text += length;
	return text + strspn(text, BLANKS);
}

static const struct verb *find_verb(const char **text)
{
	char mark = *(*text)++;

	for (unsigned i = 0; i < ARRAY_SIZE(verbs); i++) {
		char word[SCENARIO_NAME_MAX];
		const char *rest;

		if (verbs[i].mark != mark)
			continue;
		if (!verbs[i].word)
			return &verbs[i];
		rest = next_word(*text, word, sizeof(word));
		if (strcmp(word, verbs[i].word) == 0) {
			*text = rest;
			return &verbs[i];
		}
	}
	return NULL;
}

static void read_frame(struct reader *reader, struct scenario_step *step, const char *text)
{
	const char *bad;

	if (!events_parse(text, &step->frame, &bad)) {
		fail(reader, "not an event (NAME:VALUE): %s", bad);
		return;
	}
	check_frame(reader, step->name, &step->frame);
	if (step->verb == SCENARIO_FRAME)
		note_events(find_device(reader->scenario, step->name), &step->frame);
}

static void read_keys(struct reader *reader, struct scenario_step *step, const char *text)
{
	struct scenario_device *device = find_device(reader->scenario, step->name);

	while (*text) {
		struct input_event ev = { 0 };
		char word[EVENT_NAME_MAX];

		text = next_word(text, word, sizeof(word));
		if (!event_from_name(word, strlen(word), &ev) || ev.type != EV_KEY)
			fail(reader, "not a key: %s", word);
		keyset_add(&step->down, ev.code);
		keyset_add(&device->keys, ev.code);
	}
	find_port(reader, step->name)->down = step->down;
}

static void read_rest(struct reader *reader, struct scenario_step *step, const char *text)
{
	if (step->verb == SCENARIO_FRAME || step->verb == SCENARIO_OUTPUT)
		read_frame(reader, step, text);
	else if (step->verb == SCENARIO_DROPPED)
		read_keys(reader, step, text);
	else if (*text)
		fail(reader, "unexpected: %s", text);
	if (step->verb == SCENARIO_WAIT)
		step->ms = (unsigned)strtoul(step->name, NULL, 10);
	if (step->verb == SCENARIO_DOWN)
		forget_ports(reader, step->name);
	if (step->verb == SCENARIO_UNPLUG)
		find_port(reader, step->name)->down = (struct keyset){ 0 };
}

static void read_step(struct reader *reader, const char *text)
{
	struct scenario *scenario = reader->scenario;
	struct scenario_step *step = &scenario->step[scenario->n_steps];
	const struct verb *verb = find_verb(&text);

	if (scenario->n_steps == SCENARIO_STEPS_MAX) {
		fail(reader, "more than %d lines", SCENARIO_STEPS_MAX);
		return;
	}
	if (!verb) {
		fail(reader, "a line begins with <, >, !, ? or #, and a verb that exists");
		return;
	}
	step->verb = verb->verb;
	step->line = reader->line;
	if (verb->named)
		text = next_word(text, step->name, sizeof(step->name));
	if (verb->named && !step->name[0])
		fail(reader, "a name is missing");
	else if (verb->of_device && !find_device(scenario, step->name))
		fail(reader, "no [device %s] in the configuration", step->name);
	else
		read_rest(reader, step, text);
	scenario->n_steps++;
}

/* Of the configuration only the names of the devices matter here. */
static void read_conf_line(struct reader *reader, const char *text)
{
	struct scenario *scenario = reader->scenario;
	struct scenario_device *device = &scenario->device[scenario->n_devices];

	if (strncmp(text, "[device ", 8) != 0)
		return;
	if (scenario->n_devices == SCENARIO_DEVICES_MAX) {
		fail(reader, "more than %d devices", SCENARIO_DEVICES_MAX);
		return;
	}
	snprintf(device->name, sizeof(device->name), "%.*s", (int)strcspn(text + 8, "]"), text + 8);
	scenario->n_devices++;
}

static void cut_comment(char *line)
{
	char *mark = strchr(line, '#');

	if (mark)
		*mark = '\0';
	for (size_t end = strlen(line); end > 0 && strchr(BLANKS, line[end - 1]); end--)
		line[end - 1] = '\0';
}

/* Cuts the text into lines in place, but for the configuration: that stays one text. */
static void read_lines(struct reader *reader)
{
	struct scenario *scenario = reader->scenario;
	bool in_play = false;
	char *next;

	for (char *line = scenario->text; *line && !reader->failed; line = next) {
		size_t length = strcspn(line, "\n");
		char text[1024];

		next = line + length + (line[length] == '\n');
		reader->line++;
		snprintf(text, sizeof(text), "%.*s", (int)length, line);
		if (!scenario->conf && strcmp(text, "[conf]") == 0) {
			scenario->conf = next;
		} else if (!in_play && strcmp(text, "[play]") == 0 && scenario->conf) {
			scenario->conf_size = (size_t)(line - scenario->conf);
			in_play = true;
		} else if (in_play) {
			cut_comment(text);
			if (text[0])
				read_step(reader, text);
		} else if (scenario->conf) {
			read_conf_line(reader, text);
		} else if (text[0] && text[0] != '#') {
			fail(reader, "only comments may stand before [conf]");
		}
	}
	if (!in_play && !reader->failed)
		fail(reader, "no [conf] and [play]");
}

static char *read_file(const char *file)
{
	FILE *in = fopen(file, "re");
	char *text = NULL;
	size_t size = 0;

	if (!in)
		return NULL;
	if (getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		text = NULL;
		errno = ENODATA;
	}
	fclose(in);
	return text;
}

struct scenario *scenario_load(const char *file)
{
	struct scenario *scenario = calloc(1, sizeof(*scenario));
	struct reader *reader = calloc(1, sizeof(*reader));
	bool failed;

	if (!scenario || !reader)
		abort();
	reader->scenario = scenario;
	scenario->file = file;
	scenario->text = read_file(file);
	if (scenario->text)
		read_lines(reader);
	else
		fail(reader, "cannot read it: %s", strerror(errno));
	failed = reader->failed;
	free(reader);
	if (!failed)
		return scenario;
	scenario_free(scenario);
	return NULL;
}

void scenario_free(struct scenario *scenario)
{
	if (!scenario)
		return;
	free(scenario->text);
	free(scenario);
}

/* ---- playing ---- */

struct player {
	const struct scenario *scenario;
	const struct scenario_world_ops *ops;
	void *world;
	unsigned n_out;
	bool taken[SCENARIO_OUT_MAX];
	struct scenario_out out[SCENARIO_OUT_MAX];
};

static bool wrong(struct player *player, unsigned line, const char *what, const char *detail)
{
	fprintf(stderr, "%s:%u: %s%s\n", player->scenario->file, line, what, detail);
	return false;
}

/* Values of the events are compared, not their times. */
static bool same_events(const struct frame *a, const struct frame *b)
{
	if (a->n != b->n)
		return false;
	for (unsigned i = 0; i < a->n; i++)
		if (a->ev[i].type != b->ev[i].type || a->ev[i].code != b->ev[i].code ||
		    a->ev[i].value != b->ev[i].value)
			return false;
	return true;
}

static void print_outputs(const struct player *player)
{
	char text[2048];

	fprintf(stderr, "  what came out:\n");
	for (unsigned i = 0; i < player->n_out; i++) {
		events_print(&player->out[i].frame, text, sizeof(text));
		fprintf(stderr, "    > %s %s\n", player->out[i].port, text);
	}
	if (player->n_out == 0)
		fprintf(stderr, "    nothing\n");
}

/* The oldest frame of the step's port that was not yet asked for has to be the step's. */
static bool take_output(struct player *player, const struct scenario_step *step)
{
	for (unsigned i = 0; i < player->n_out; i++) {
		if (player->taken[i] || strcmp(player->out[i].port, step->name) != 0)
			continue;
		player->taken[i] = true;
		return same_events(&player->out[i].frame, &step->frame);
	}
	return false;
}

/* Checks the n steps from 'step', all outputs, against what came out of the line before them. */
static bool check_outputs(struct player *player, const struct scenario_step *step, unsigned n,
			  unsigned line)
{
	int rc = player->ops->collect(player->world, n, player->out);

	if (rc < 0)
		return wrong(player, line, "the world failed: ", strerror(-rc));
	player->n_out = (unsigned)rc;
	memset(player->taken, 0, sizeof(player->taken));
	for (unsigned i = 0; i < n; i++) {
		if (!take_output(player, &step[i])) {
			wrong(player, step[i].line, "this is not what came next on ", step[i].name);
			print_outputs(player);
			return false;
		}
	}
	if (player->n_out > n) {
		wrong(player, line, "more came out of this than is written", "");
		print_outputs(player);
		return false;
	}
	return true;
}

static int act(struct player *player, const struct scenario_step *step)
{
	const struct scenario_world_ops *ops = player->ops;

	switch (step->verb) {
	case SCENARIO_FRAME:
		return ops->frame(player->world, step->name, &step->frame);
	case SCENARIO_UP:
		return ops->guest_up(player->world, step->name);
	case SCENARIO_DOWN:
		return ops->guest_down(player->world, step->name);
	case SCENARIO_PLUG:
		return ops->plug(player->world, step->name);
	case SCENARIO_UNPLUG:
		return ops->unplug(player->world, step->name);
	case SCENARIO_DROPPED:
		return ops->dropped(player->world, step->name, &step->down);
	case SCENARIO_SWITCH:
		return ops->switch_to(player->world, step->name);
	case SCENARIO_WAIT:
		return ops->wait(player->world, step->ms);
	case SCENARIO_OUTPUT: /* taken by the line before it */
	case SCENARIO_FOCUS:
	case SCENARIO_QUIT:
		return -EINVAL;
	}
	return -EINVAL;
}

static bool check_focus(struct player *player, const struct scenario_step *step)
{
	const char *want = step->verb == SCENARIO_QUIT ? "quit" : step->name;
	const char *focus = player->ops->focus(player->world, want);

	return strcmp(focus, want) == 0 ||
	       wrong(player, step->line, "it is not so: the focus is ", focus);
}

static bool play_steps(struct player *player)
{
	const struct scenario *scenario = player->scenario;

	for (unsigned i = 0; i < scenario->n_steps;) {
		const struct scenario_step *step = &scenario->step[i++];
		unsigned outputs = 0;
		int rc;

		if (step->verb == SCENARIO_OUTPUT)
			return wrong(player, step->line, "nothing stands before it", "");
		if (step->verb == SCENARIO_FOCUS || step->verb == SCENARIO_QUIT) {
			if (!check_focus(player, step))
				return false;
			continue;
		}
		while (i + outputs < scenario->n_steps &&
		       scenario->step[i + outputs].verb == SCENARIO_OUTPUT)
			outputs++;
		rc = act(player, step);
		if (rc < 0)
			return wrong(player, step->line, "the world failed: ", strerror(-rc));
		if (!check_outputs(player, &scenario->step[i], outputs, step->line))
			return false;
		i += outputs;
	}
	return true;
}

bool scenario_play(const struct scenario *scenario, const struct scenario_world_ops *ops,
		   void *world)
{
	struct player *player = calloc(1, sizeof(*player));
	bool passed;
	int rc;

	if (!player)
		abort();
	*player = (struct player){ .scenario = scenario, .ops = ops, .world = world };
	rc = ops->start(world, scenario);
	passed = rc == 0 ? play_steps(player)
			 : wrong(player, 1, "it did not start: ", strerror(-rc));
	ops->stop(world);
	free(player);
	return passed;
}
