/* SPDX-License-Identifier: MIT */
/*
 * A random walk over router, shape and backlog, against a model of its own: what the fingers do,
 * what each target therefore has down, and what its sink received. Checks I1 to I13 of router.h in
 * every step. walk [STEPS [SEED...]], or WALK_STEPS and WALK_SEED in the environment; the same seed
 * walks the same way. By default the seeds below; for others, WALK_SEED=$RANDOM.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backlog.h"
#include "core/router.h"
#include "pump.h"
#include "scenario.h"
#include "core/shape.h"
#include "base/util.h"

#define STEPS_DEFAULT 1000000 /* with each seed */
#define HISTORY       40

/* 38 has the crowd, and all targets; the last of them moves by more than one frame's steps can. */
static const uint64_t seeds[] = { 1, 2, 3, 4, 38, 1795908886 };

/*
 * PINNED is pinned to the host, and GUESTED to guest FULL. From CROWD on there are further keyboards,
 * with some seeds only.
 */
enum { KEYBOARD, SECOND, MOUSE, PINNED, GUESTED, CROWD, DEVICES = 40 };
enum {
	HOST,
	FULL,
	PLAIN,
	LAST = ROUTER_TARGETS - 1,
	TARGETS
}; /* odd guests have all rules of shape */
enum { PORTS = DEVICES + TARGETS - 1 };
enum { NONE = SHAPE_NODES };

/* The keys of this world, and the node that a guest gets each on. Sets of them are bit masks. */
static const struct key {
	uint16_t code;
	unsigned node;
} keys[] = {
	{ KEY_LEFTCTRL, SHAPE_KEYBOARD },  { KEY_RIGHTCTRL, SHAPE_KEYBOARD },
	{ KEY_LEFTSHIFT, SHAPE_KEYBOARD }, { KEY_RIGHTSHIFT, SHAPE_KEYBOARD },
	{ KEY_LEFTALT, SHAPE_KEYBOARD },   { KEY_RIGHTALT, SHAPE_KEYBOARD },
	{ KEY_LEFTMETA, SHAPE_KEYBOARD },  { KEY_RIGHTMETA, SHAPE_KEYBOARD },
	{ KEY_CAPSLOCK, SHAPE_KEYBOARD },  { KEY_F1, SHAPE_KEYBOARD },
	{ KEY_F2, SHAPE_KEYBOARD },        { KEY_F3, SHAPE_KEYBOARD },
	{ KEY_A, SHAPE_KEYBOARD },         { KEY_B, SHAPE_KEYBOARD },
	{ KEY_BACKSPACE, SHAPE_KEYBOARD }, { KEY_ESC, SHAPE_KEYBOARD },
	{ KEY_ENTER, SHAPE_KEYBOARD },     { KEY_SCROLLLOCK, SHAPE_KEYBOARD },
	{ KEY_MACRO1, SHAPE_KEYBOARD },    { KEY_MUTE, SHAPE_MEDIA },
	{ KEY_VOLUMEUP, SHAPE_MEDIA },     { BTN_LEFT, SHAPE_POINTER },
	{ BTN_RIGHT, SHAPE_POINTER },      { BTN_SIDE, SHAPE_POINTER },
	{ BTN_TASK, SHAPE_POINTER },       { BTN_SOUTH, NONE },
	{ BTN_TRIGGER_HAPPY1, NONE },      { KEY_MAX, NONE },
	{ KEY_OK, SHAPE_KEYBOARD },
};

enum { KEYS = ARRAY_SIZE(keys), MODIFIERS = 8 /* the first ones, as pairs */ };

#define MODIFIER_BITS ((1U << MODIFIERS) - 1)

/* The router's numbers of the devices; the crowd's are filled in. */
static unsigned slots[DEVICES] = { 0, 1, ROUTER_DEVICES - 1, 40, 7 };

static const struct chord panic_chord = { 3, { KEY_BACKSPACE, KEY_ESC, KEY_ENTER } };
static const struct hotkeys hotkeys = {
	.n = 15,
	.entry = {
		{ { 2, { KEY_LEFTCTRL, KEY_RIGHTCTRL } }, ROUTER_NEXT },
		{ { 2, { KEY_LEFTCTRL, KEY_F1 } }, HOST },
		{ { 2, { KEY_LEFTCTRL, KEY_F2 } }, FULL },
		{ { 2, { KEY_LEFTCTRL, KEY_F3 } }, PLAIN },
		{ { 3, { KEY_LEFTCTRL, KEY_A, KEY_F2 } }, ROUTER_NEXT },
		{ { 2, { KEY_LEFTMETA, BTN_RIGHT } }, PLAIN },
		{ { 1, { KEY_F3 } }, FULL },
		{ { 2, { KEY_LEFTSHIFT, KEY_F1 } }, LAST },
		{ { 2, { KEY_LEFTCTRL, KEY_MAX } }, LAST - 1 },
		{ { 2, { KEY_LEFTALT, KEY_F1 } }, ROUTER_ACTION(ROUTER_KEYBOARDS, FULL) },
		{ { 2, { KEY_LEFTALT, KEY_F2 } }, ROUTER_ACTION(ROUTER_POINTERS, FULL) },
		{ { 2, { KEY_LEFTALT, KEY_A } }, ROUTER_ACTION(ROUTER_POINTERS, ROUTER_NEXT) },
		{ { 2, { KEY_RIGHTALT, KEY_F1 } }, ROUTER_ACTION(ROUTER_KEYBOARDS, HOST) },
		{ { 2, { KEY_RIGHTALT, KEY_F2 } }, ROUTER_ACTION(ROUTER_POINTERS, HOST) },
		{ { 2, { KEY_RIGHTALT, KEY_A } }, ROUTER_ACTION(ROUTER_KEYBOARDS, PLAIN) },
	},
};
static const struct remap remaps[DEVICES] = {
	[KEYBOARD] = { 3,
		       { { KEY_CAPSLOCK, KEY_LEFTCTRL },
			 { KEY_ESC, KEY_CAPSLOCK },
			 { KEY_B, KEY_A } } },
	[MOUSE] = { 2, { { BTN_SIDE, KEY_LEFTMETA }, { BTN_TASK, KEY_MUTE } } },
};
static const struct shape_rules rules[2] = {
	[FULL % 2] = { .one_of_pair = true,
		       .wheel_clicks = true,
		       .no_hires_wheel = true,
		       .step_max = 127 },
};

/* What the walk has to have done: a walk that never did it proves nothing. */
/* clang-format off */
#define COUNTERS(X)                                                                                \
	X(frames) X(full_frames) X(presses) X(repeats) X(senseless_events) X(scan_codes)           \
	X(hotkey_switches) X(called_switches) X(refusals) X(passed_over) X(nowhere_to_go)          \
	X(switches_with_keys_held) X(menus) X(always_held_over_a_switch) X(panics) X(panics_again)          \
	X(panics_on_a_guest) X(panic_chords_played) X(resyncs) X(resync_presses)                   \
	X(resync_no_hotkey) X(unplugs) X(unplugs_with_keys_held) X(plugs) X(guests_down)           \
	X(guests_down_in_focus) X(deaths_within_a_frame) X(guests_up) X(key_on_two_devices)        \
	X(key_from_two_keys) X(pair_waits) X(motion_in_steps) X(clicks_in_steps) X(stalls)         \
	X(resumes) X(trickles) X(backlog_sums) X(backlog_cuts) X(overflows)                        \
	X(left_out_after_one) X(presses_after_a_loss) X(always_after_a_loss)                              \
	X(resets) X(resets_in_focus) X(resets_with_keys_held) X(ready) X(presses_for_nobody)        \
	X(motion_for_nobody) X(pinned_while_away) X(pinned_held_over_a_switch)                        \
	X(menu_key_kept_over_a_switch) X(high_codes) X(rests)                                          \
	X(replaced) X(replaced_away) X(part_moves) X(device_moves) X(pins_entered) X(gathered) X(left) X(recalls)                  \
	X(presses_of_a_part_that_was_not_lost) X(keys_kept_by_who_is_there) X(three_places)            \
	X(more_than_ten_keys_held) X(more_than_32_devices) X(focus_at_a_later_guest)               \
	X(always_modifiers) X(long_times) X(motion_after_a_loss) X(quiet_after_a_loss) X(hotkeys_after_a_loss) X(panics_after_a_loss)
/* clang-format on */

struct counters {
#define X(name) unsigned long name;
	COUNTERS(X)
#undef X
};

/* What one step does to the ports, by the model and by what came out: both must be equal. */
struct tally {
	uint8_t key[3][PORTS][KEYS]; /* releases, presses, repetitions */
	int rel[PORTS][REL_CNT];
	uint8_t other[PORTS];
	unsigned enters, moves, parts, lefts, panics, agains;
};

struct transition {
	uint8_t key;
	int value;
	long x; /* all motion that has to come before it */
};

struct node {
	struct backlog backlog;
	uint32_t emitted;      /* down, by the frames that shape made */
	uint32_t owed;         /* down, once all that waits was delivered */
	uint32_t down;         /* down, by what the sink received */
	uint32_t letting;      /* has to come up before anything else comes */
	long rel[REL_CNT];     /* motion that is owed */
	long pushed, received; /* on the axis x, since the last overflow */
	unsigned first, n;     /* of the transitions that are owed, in order */
	struct transition fifo[2 * BACKLOG_MAX];
};

struct guest {
	unsigned target;
	bool up, stalled;
	bool ready; /* while up: not between a reset and what follows it */
	bool dead;  /* within the frame in hand */
	struct shape shape;
	struct node node[SHAPE_NODES];
	int balance[3][KEYS]; /* of the frame in hand: into shape, minus out of it */
	long rel[REL_CNT];
	unsigned frames;
};

struct action {
	const char *what;
	unsigned long step;
	unsigned a, b;
	struct frame frame; /* n == 0: none */
};

struct walk {
	uint64_t seed, random;
	const uint8_t *input; /* chance, where it is given; NULL: 'random' is */
	size_t left;          /* of it */
	unsigned long step;
	unsigned n_targets, n_devices;
	struct counters counters;
	struct router router;
	struct keyset always_set;
	bool refuse[TARGETS]; /* in this step */
	struct guest guest[TARGETS];
	uint32_t down[PORTS]; /* by what the router sent */
	int64_t sent_at;      /* of the last event in this step: never runs back */
	unsigned sends;
	struct tally got, expected;

	/* The model. */
	int64_t now, panicked_at;
	unsigned focus;
	unsigned part_focus[ROUTER_PARTS];
	unsigned where[DEVICES]; /* the target that gets the device's events */
	bool entered[TARGETS];
	bool recalled;      /* the panic chord has moved GUESTED to the host */
	bool deaf[DEVICES]; /* the guest gave the device back; while 'lost' */
	bool lost;          /* I13: a guest gave devices back, and nothing was decided since */
	int64_t stirred;    /* since then: a key was down or moved; -1: nothing was seen */
	bool present[DEVICES];
	uint32_t fingers[DEVICES];
	uint32_t at[DEVICES][TARGETS]; /* the keys of the device that are down there */
	uint32_t port[PORTS];

	unsigned long actions;
	struct action history[HISTORY];
};

static int8_t key_of[KEY_CNT]; /* -1: none of this world's */
static uint32_t always_bits;   /* after the remap */
static uint32_t panic_bits;

/* One is a key whose release opens a menu. */
static const uint16_t always_keys[] = { KEY_MUTE, KEY_MACRO1, KEY_RIGHTMETA, KEY_RIGHTSHIFT };

static unsigned remapped_key[DEVICES][KEYS];
static uint32_t always_raw[DEVICES]; /* before it */

/* ---- failure ---- */

static void print_action(const struct action *action)
{
	char text[4096] = "";

	events_print(&action->frame, text, sizeof(text));
	fprintf(stderr, "%10lu  %s %u %u%s%s%s\n", action->step, action->what, action->a, action->b,
		action->frame.n ? " " : "",
		action->frame.n && action->frame.resync ? "resync " : "",
		action->frame.n ? text : "");
}

__attribute__((format(printf, 2, 3), noreturn)) static void fail(const struct walk *walk,
								 const char *what, ...)
{
	unsigned long first = walk->actions > HISTORY ? walk->actions - HISTORY : 0;
	va_list args;

	fprintf(stderr, "walk: seed %" PRIu64 ", step %lu: ", walk->seed, walk->step);
	va_start(args, what);
	vfprintf(stderr, what, args);
	va_end(args);
	fprintf(stderr, "\nthe last actions:\n");
	for (unsigned long i = first; i < walk->actions; i++)
		print_action(&walk->history[i % HISTORY]);
	fprintf(stderr, "again: WALK_STEPS=%lu WALK_SEED=%" PRIu64 " walk\n", walk->step + 1,
		walk->seed);
	exit(1);
}

#define CHECK(walk, condition, ...)                                                                \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0))                                             \
			fail(walk, __VA_ARGS__);                                                   \
	} while (0)

/* ---- chance ---- */

/* Of the input, as many bytes as distinguish n values. Zeros follow. */
static unsigned given_below(struct walk *walk, unsigned n)
{
	uint32_t value = 0;

	for (unsigned bits = 0; bits < 32 && (n - 1) >> bits; bits += 8) {
		value = value << 8 | (walk->left ? *walk->input : 0);
		walk->input += !!walk->left;
		walk->left -= !!walk->left;
	}
	return value % n;
}

static uint64_t random_u64(struct walk *walk)
{
	uint64_t z = walk->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned below(struct walk *walk, unsigned n)
{
	if (walk->input)
		return given_below(walk, n);
	return (unsigned)((random_u64(walk) >> 32) * n >> 32);
}

static bool one_in(struct walk *walk, unsigned n)
{
	return below(walk, n) == 0;
}

/* ---- what the sinks see ---- */

static int64_t time_of(const struct input_event *ev)
{
	return (int64_t)ev->time.tv_sec * 1000000 + ev->time.tv_usec;
}

static int key_index(const struct walk *walk, const struct input_event *ev)
{
	CHECK(walk, ev->code < KEY_CNT && key_of[ev->code] >= 0, "key %u came from nowhere",
	      ev->code);
	return key_of[ev->code];
}

/* I7; and a repetition only of what is down. */
static void receive_key(const struct walk *walk, uint32_t *down, int key, int value,
			const char *where)
{
	uint32_t bit = 1U << key;

	CHECK(walk, value >= 0 && value <= 2, "I7: %s: key %u gets the value %d", where,
	      keys[key].code, value);
	CHECK(walk, (value == 1) == !(*down & bit), "I7: %s: key %u gets %d while it is %s", where,
	      keys[key].code, value, *down & bit ? "down" : "up");
	if (value < 2)
		*down ^= bit;
}

/* I9 */
static void check_frame(const struct walk *walk, const struct frame *frame, const char *where)
{
	CHECK(walk, frame->n >= 2 && frame->n <= FRAME_MAX, "I9: %s: a frame of %u events", where,
	      frame->n);
	for (unsigned i = 0; i < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];
		bool end = ev->type == EV_SYN && ev->code == SYN_REPORT && ev->value == 0;

		CHECK(walk, end == (i == frame->n - 1), "I9: %s: event %u of %u", where, i,
		      frame->n);
		CHECK(walk, end || ev->type != EV_SYN, "I9: %s: EV_SYN %u", where, ev->code);
	}
}

static void check_pairs(const struct walk *walk, uint32_t down, const char *where)
{
	uint32_t lefts = 0x55 & MODIFIER_BITS;

	CHECK(walk, !(down & lefts & down >> 1), "%s: both keys of a pair are down: %x", where,
	      down);
}

static void check_drained(const struct walk *walk, const struct node *node)
{
	CHECK(walk, node->n == 0 && node->letting == 0, "backlog: %u transitions lost", node->n);
	CHECK(walk, node->owed == node->down, "backlog: %x is owed, %x is down", node->owed,
	      node->down);
	for (unsigned code = 0; code < REL_CNT; code++)
		CHECK(walk, node->rel[code] == 0, "backlog: motion %u differs by %ld", code,
		      node->rel[code]);
}

static void receive_transition(const struct walk *walk, struct node *node, int key, int value)
{
	const struct transition *next = &node->fifo[node->first];

	if (node->letting) {
		CHECK(walk, value == 0 && node->letting & 1U << key,
		      "backlog: key %u gets %d before all was let go", keys[key].code, value);
		node->letting &= ~(1U << key);
	} else {
		CHECK(walk, node->n > 0 && next->key == key && next->value == value,
		      "I11: backlog: key %u gets %d out of order", keys[key].code, value);
		CHECK(walk, next->x == node->received, "backlog: motion moved past key %u",
		      keys[key].code);
		node->first = (node->first + 1) % ARRAY_SIZE(node->fifo);
		node->n--;
	}
	receive_key(walk, &node->down, key, value, "sink");
}

static void sink_receive(const struct walk *walk, const struct guest *guest, struct node *node,
			 const struct frame *frame)
{
	int max = rules[guest->target % 2].step_max;

	check_frame(walk, frame, "sink");
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_KEY) {
			receive_transition(walk, node, key_index(walk, ev), ev->value);
			if (rules[guest->target % 2].one_of_pair)
				check_pairs(walk, node->down, "sink");
			continue;
		}
		CHECK(walk, ev->type == EV_REL && !node->letting, "backlog: event type %u",
		      ev->type);
		CHECK(walk, !max || abs(ev->value) <= max, "backlog: motion by %d", ev->value);
		node->rel[ev->code] -= ev->value;
		if (ev->code == REL_X)
			node->received += ev->value;
	}
}

static void drain(struct walk *walk, struct guest *guest, struct node *node, unsigned room)
{
	struct frame frame;

	while (backlog_pop(&node->backlog, room, &frame)) {
		CHECK(walk, frame.n <= room, "backlog: %u events for room of %u", frame.n, room);
		walk->counters.backlog_cuts += room < FRAME_MAX && frame.n == room;
		sink_receive(walk, guest, node, &frame);
	}
	CHECK(walk, backlog_empty(&node->backlog), "backlog: not empty, but nothing comes");
	check_drained(walk, node);
}

/* What the target is owed after this frame. Keys that an overflow let go stay up. */
static void owe(struct walk *walk, struct node *node, const struct frame *frame)
{
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];
		int key;

		if (ev->type == EV_REL)
			node->rel[ev->code] += ev->value;
		if (ev->type == EV_REL && ev->code == REL_X)
			node->pushed += ev->value;
		if (ev->type != EV_KEY)
			continue;
		key = key_index(walk, ev);
		if ((ev->value == 1) == !!(node->owed & 1U << key)) {
			walk->counters.left_out_after_one++;
			continue;
		}
		if (ev->value < 2)
			node->owed ^= 1U << key;
		CHECK(walk, node->n < ARRAY_SIZE(node->fifo), "backlog: holds too much");
		node->fifo[(node->first + node->n++) % ARRAY_SIZE(node->fifo)] =
			(struct transition){ (uint8_t)key, ev->value, node->pushed };
	}
}

static void push(struct walk *walk, struct node *node, const struct frame *frame)
{
	unsigned overflows = node->backlog.overflows, n = node->backlog.n;

	backlog_push(&node->backlog, frame);
	CHECK(walk, node->backlog.n <= BACKLOG_MAX, "I12: backlog: %u events", node->backlog.n);
	if (node->backlog.overflows != overflows) {
		CHECK(walk, n + frame->n > BACKLOG_MAX - FRAME_MAX, "backlog: gave way at %u", n);
		walk->counters.overflows++;
		node->letting = node->down;
		node->owed = 0;
		node->n = 0;
		node->pushed = node->received = 0;
		memset(node->rel, 0, sizeof(node->rel));
	} else if (n > 0 && node->backlog.n < n + frame->n && frame->ev[0].type == EV_REL) {
		walk->counters.backlog_sums++;
	}
	owe(walk, node, frame);
}

/* ---- what shape makes ---- */

static void emitted_rel(const struct walk *walk, struct guest *guest, const struct input_event *ev)
{
	const struct shape_rules *rule = &rules[guest->target % 2];

	CHECK(walk, ev->code < REL_CNT, "shape: axis %u", ev->code);
	if (rule->step_max && (ev->code == REL_X || ev->code == REL_Y))
		CHECK(walk, abs(ev->value) <= rule->step_max, "shape: motion by %d", ev->value);
	if (rule->wheel_clicks && ev->code == REL_WHEEL)
		CHECK(walk, abs(ev->value) <= 1, "shape: %d clicks", ev->value);
	CHECK(walk, !rule->no_hires_wheel || ev->code < REL_WHEEL_HI_RES, "shape: hi-res wheel");
	guest->rel[ev->code] -= ev->value;
}

static void emitted(struct walk *walk, struct guest *guest, enum shape_node which,
		    const struct frame *frame)
{
	struct node *node = &guest->node[which];

	check_frame(walk, frame, "shape");
	guest->frames++;
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];
		int key;

		CHECK(walk, ev->type == EV_KEY || (ev->type == EV_REL && which == SHAPE_POINTER),
		      "shape: type %u on node %u", ev->type, which);
		if (ev->type == EV_REL) {
			emitted_rel(walk, guest, ev);
			continue;
		}
		key = key_index(walk, ev);
		CHECK(walk, keys[key].node == which, "shape: key %u on node %u", ev->code, which);
		receive_key(walk, &node->emitted, key, ev->value, "shape");
		if (rules[guest->target % 2].one_of_pair)
			check_pairs(walk, node->emitted, "shape");
		guest->balance[ev->value][key]--;
	}
	if (guest->dead)
		return;
	push(walk, node, frame);
	if (!guest->stalled)
		drain(walk, guest, node, FRAME_MAX);
}

static bool carried(const struct guest *guest, int key)
{
	return keys[key].node != NONE &&
	       !(rules[guest->target % 2].one_of_pair && keys[key].code == KEY_SCROLLLOCK);
}

/* What a frame moves beyond its last step is lost. */
static long at_most(long value, long limit)
{
	return value > limit ? limit : value < -limit ? -limit : value;
}

/* Into shape, before it ran. */
static void note_into_shape(struct walk *walk, struct guest *guest, const struct frame *frame)
{
	memset(guest->balance, 0, sizeof(guest->balance));
	memset(guest->rel, 0, sizeof(guest->rel));
	guest->frames = 0;
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_KEY && carried(guest, key_of[ev->code]))
			guest->balance[ev->value][key_of[ev->code]]++;
		if (ev->type == EV_REL)
			guest->rel[ev->code] += ev->value;
	}
	if (rules[guest->target % 2].step_max)
		for (unsigned code = REL_X; code <= REL_Y; code++)
			guest->rel[code] =
				at_most(guest->rel[code],
					SHAPE_STEPS_MAX * rules[guest->target % 2].step_max);
	if (rules[guest->target % 2].wheel_clicks)
		guest->rel[REL_WHEEL] = at_most(guest->rel[REL_WHEEL], SHAPE_STEPS_MAX);
	walk->counters.motion_in_steps +=
		rules[guest->target % 2].step_max && labs(guest->rel[REL_X]) > 127;
	walk->counters.clicks_in_steps +=
		rules[guest->target % 2].wheel_clicks && labs(guest->rel[REL_WHEEL]) > 1;
}

/* I11: all transitions but those of pairs, and all motion, come out of shape as they went in. */
static void check_shape(struct walk *walk, struct guest *guest)
{
	const struct shape_rules *rule = &rules[guest->target % 2];

	CHECK(walk, guest->frames <= SHAPE_STEPS_MAX + 8, "I12: shape made %u frames",
	      guest->frames);
	for (unsigned value = 0; value < 3; value++)
		for (unsigned key = rule->one_of_pair ? MODIFIERS : 0; key < KEYS; key++)
			CHECK(walk, guest->balance[value][key] == 0,
			      "I11: shape: key %u, value %u: %d too few", keys[key].code, value,
			      guest->balance[value][key]);
	for (unsigned code = 0; code < REL_CNT; code++)
		CHECK(walk,
		      guest->rel[code] == 0 || (rule->no_hires_wheel && code >= REL_WHEEL_HI_RES),
		      "shape: motion %u: %ld too little", code, guest->rel[code]);
}

/* ---- what the router does ---- */

static struct walk *of_router(struct router *router)
{
	return container_of(router, struct walk, router);
}

static unsigned port_of(unsigned target, unsigned device)
{
	return target == HOST ? device : DEVICES + target - 1;
}

static void sent_event(struct walk *walk, unsigned port, const struct input_event *ev)
{
	int64_t at = time_of(ev);

	CHECK(walk, at >= walk->sent_at, "I9: an event came before an earlier one");
	walk->sent_at = at;
	if (ev->type == EV_KEY) {
		int key = key_index(walk, ev);

		receive_key(walk, &walk->down[port], key, ev->value, "port");
		walk->got.key[ev->value][port][key]++;
	} else if (ev->type == EV_REL) {
		walk->got.rel[port][ev->code] += ev->value;
	} else {
		CHECK(walk, ev->type == EV_SW || ev->type == EV_ABS, "type %u", ev->type);
		walk->got.other[port]++;
	}
}

static unsigned device_at(const struct walk *walk, unsigned slot)
{
	unsigned device = 0;

	while (device < DEVICES && slots[device] != slot)
		device++;
	CHECK(walk, device < DEVICES, "slot %u", slot);
	return device;
}

static void on_send(struct router *router, unsigned target, unsigned slot,
		    const struct frame *frame)
{
	struct walk *walk = of_router(router);
	unsigned device = device_at(walk, slot);
	struct guest *guest = &walk->guest[target];
	unsigned ready;

	CHECK(walk, target < walk->n_targets, "target %u", target);
	check_frame(walk, frame, "port");
	walk->sends++;
	walk->sent_at = 0; /* two places take turns: order holds within each of their frames */
	for (unsigned i = 0; i + 1 < frame->n; i++)
		sent_event(walk, port_of(target, device), &frame->ev[i]);
	if (target == HOST)
		return;
	CHECK(walk, guest->up && guest->ready, "I4: a frame for guest %u, which takes none",
	      target);
	note_into_shape(walk, guest, frame);
	ready = shape_frame(&guest->shape, frame);
	for (;; ready = shape_more(&guest->shape)) {
		for (unsigned node = 0; node < SHAPE_NODES; node++)
			if (ready >> node & 1)
				emitted(walk, guest, node, guest->shape.ready[node]);
		if (!(ready & SHAPE_MORE))
			break;
	}
	check_shape(walk, guest);
}

static bool can_enter(const struct walk *walk, unsigned target)
{
	const struct guest *guest = &walk->guest[target];

	return target == HOST || (guest->up && guest->ready && !walk->refuse[target]);
}

static int on_enter(struct router *router, unsigned target)
{
	struct walk *walk = of_router(router);

	walk->got.enters++;
	if (!can_enter(walk, target))
		return -ENOTCONN;
	shape_reset(&walk->guest[target].shape);
	return 0;
}

static void on_focused(struct router *router, unsigned from, unsigned to)
{
	struct walk *walk = of_router(router);

	CHECK(walk, router->focus == to, "focused from %u to %u", from, to);
	walk->got.moves++;
}

static void on_moved(struct router *router, unsigned part, unsigned to)
{
	struct walk *walk = of_router(router);

	CHECK(walk, part != ROUTER_ALL && to < walk->n_targets, "part %u moved to %u", part, to);
	walk->got.parts++;
}

/* I2, at the moment that it is promised for. */
static void on_left(struct router *router, unsigned target)
{
	struct walk *walk = of_router(router);

	CHECK(walk, target != HOST, "the host was left");
	walk->got.lefts++;
	if (walk->guest[target].up)
		CHECK(walk, !walk->down[port_of(target, 0)], "I2: guest %u keeps %x", target,
		      walk->down[port_of(target, 0)]);
}

static void on_panicked(struct router *router, bool again)
{
	struct walk *walk = of_router(router);

	CHECK(walk, router->focus == HOST, "I6: the focus is %u", router->focus);
	for (unsigned port = 0; port < PORTS; port++)
		CHECK(walk, !walk->down[port], "I6: port %u keeps %x", port, walk->down[port]);
	walk->got.panics++;
	walk->got.agains += again;
}

static const struct pump pump = {
	.send = on_send,
	.enter = on_enter,
	.focused = on_focused,
	.panicked = on_panicked,
	.moved = on_moved,
	.left = on_left,
};

/* ---- the model ---- */

static bool is_pinned(unsigned d)
{
	return d == PINNED || d == GUESTED;
}

/* Whether the target takes events. */
static bool is_ready(const struct walk *walk, unsigned target)
{
	return target == HOST || (walk->entered[target] && walk->guest[target].ready);
}

static uint32_t remap_bits(unsigned device, uint32_t raw)
{
	uint32_t bits = 0;

	for (; raw; raw &= raw - 1)
		bits |= 1U << remapped_key[device][__builtin_ctz(raw)];
	return bits;
}

static uint32_t all_down(const struct walk *walk)
{
	uint32_t down = 0;

	for (unsigned d = 0; d < walk->n_devices; d++)
		down |= remap_bits(d, walk->fingers[d]);
	return down;
}

static uint32_t guest_wants(const struct walk *walk, unsigned target)
{
	uint32_t down = 0;

	for (unsigned d = 0; d < walk->n_devices; d++)
		down |= remap_bits(d, walk->at[d][target]);
	return down;
}

/* Tallies what has changed on the ports since the last call. */
static void model_changed(struct walk *walk)
{
	for (unsigned port = 0; port < PORTS; port++) {
		uint32_t down = port < DEVICES ? remap_bits(port, walk->at[port][HOST])
					       : guest_wants(walk, port - DEVICES + 1);

		for (uint32_t changed = down ^ walk->port[port]; changed; changed &= changed - 1) {
			int key = __builtin_ctz(changed);

			walk->expected.key[down >> key & 1][port][key]++;
		}
		walk->port[port] = down;
	}
}

/* Where Alt or Meta comes up on a port with no Ctrl down, a tap of Ctrl goes before. */
static void model_menu(struct walk *walk, unsigned port, uint32_t kept)
{
	uint32_t ctrl = 1U << key_of[KEY_LEFTCTRL] | 1U << key_of[KEY_RIGHTCTRL];
	uint32_t menu = 1U << key_of[KEY_LEFTALT] | 1U << key_of[KEY_RIGHTALT] |
			1U << key_of[KEY_LEFTMETA] | 1U << key_of[KEY_RIGHTMETA];

	if (!(walk->port[port] & ~kept & menu) || walk->port[port] & ctrl)
		return;
	walk->expected.key[1][port][key_of[KEY_LEFTCTRL]]++;
	walk->expected.key[0][port][key_of[KEY_LEFTCTRL]]++;
	walk->counters.menus++;
}

static bool is_in_part(unsigned d, unsigned part)
{
	switch (part) {
	case ROUTER_ALL:
		return true;
	case ROUTER_KEYBOARDS:
		return d != MOUSE;
	case ROUTER_POINTERS:
		return d == MOUSE;
	default:
		return part == ROUTER_DEVICE(slots[d]);
	}
}

/* The devices that such a switch moves, as a bit mask. */
static uint64_t model_movers(const struct walk *walk, unsigned part, unsigned to, bool panics)
{
	uint64_t movers = 0;

	for (unsigned d = 0; d < walk->n_devices; d++)
		if (walk->present[d] && walk->where[d] != to &&
		    (is_pinned(d) ? panics || part == ROUTER_DEVICE(slots[d])
				  : is_in_part(d, part)))
			movers |= UINT64_C(1) << d;
	return movers;
}

/* What stays down on the port when these devices leave it. */
static uint32_t kept_on_port(const struct walk *walk, unsigned target, uint64_t movers)
{
	uint32_t kept = 0;

	for (unsigned d = 0; d < walk->n_devices; d++)
		if (!(movers >> d & 1))
			kept |= remap_bits(d, walk->at[d][target]);
	return kept;
}

/* The devices leave where they are: what only they have down there comes up. */
static void model_leave(struct walk *walk, uint64_t movers)
{
	for (unsigned target = FULL; target < walk->n_targets; target++) {
		uint64_t leave = 0;
		uint32_t kept;

		for (unsigned d = 0; d < walk->n_devices; d++)
			leave |= (uint64_t)(walk->where[d] == target) << d & movers;
		kept = kept_on_port(walk, target, leave);
		walk->counters.keys_kept_by_who_is_there += leave && kept;
		if (leave)
			model_menu(walk, port_of(target, 0), kept);
	}
	for (unsigned d = 0; d < walk->n_devices; d++) {
		unsigned target = walk->where[d];
		uint32_t kept = target == HOST ? walk->at[d][HOST] & always_raw[d] : 0;

		if (!(movers >> d & 1)) {
			walk->counters.pinned_held_over_a_switch +=
				d == PINNED && walk->at[d][HOST];
			continue;
		}
		walk->counters.menu_key_kept_over_a_switch +=
			remap_bits(d, kept) >> key_of[KEY_RIGHTMETA] & 1;
		if (target == HOST)
			model_menu(walk, d, remap_bits(d, kept));
		walk->counters.switches_with_keys_held += walk->at[d][target] != 0;
		walk->counters.always_held_over_a_switch += kept != 0;
		walk->at[d][target] = kept;
	}
}

/* Guests where nothing is any more are left. */
static void model_left(struct walk *walk)
{
	for (unsigned target = FULL; target < walk->n_targets; target++) {
		bool used = walk->focus == target || walk->part_focus[ROUTER_KEYBOARDS] == target ||
			    walk->part_focus[ROUTER_POINTERS] == target;

		for (unsigned d = 0; d < walk->n_devices; d++)
			used |= walk->present[d] && walk->where[d] == target;
		if (!walk->entered[target] || used)
			continue;
		walk->entered[target] = false;
		walk->expected.lefts++;
		walk->counters.left++;
	}
}

static void model_set_focus(struct walk *walk, unsigned part, unsigned to)
{
	if (part == ROUTER_ALL || part == ROUTER_KEYBOARDS)
		walk->part_focus[ROUTER_KEYBOARDS] = to;
	if (part == ROUTER_ALL || part == ROUTER_POINTERS)
		walk->part_focus[ROUTER_POINTERS] = to;
	if (walk->part_focus[ROUTER_KEYBOARDS] == walk->part_focus[ROUTER_POINTERS])
		walk->focus = walk->part_focus[ROUTER_KEYBOARDS];
}

static void model_move(struct walk *walk, unsigned part, unsigned to, bool panics)
{
	uint64_t movers = model_movers(walk, part, to, panics);
	unsigned from = walk->focus;

	model_leave(walk, movers);
	for (unsigned d = 0; d < walk->n_devices; d++)
		if (movers >> d & 1)
			walk->where[d] = to;
	model_set_focus(walk, part, to);
	walk->lost = false;
	if (part == ROUTER_ALL || walk->focus != from)
		walk->expected.moves++;
	else
		walk->expected.parts++;
	walk->counters.gathered += part == ROUTER_ALL && from == to;
	walk->counters.part_moves += part != ROUTER_ALL && part < ROUTER_PARTS;
	walk->counters.device_moves += part >= ROUTER_PARTS;
	walk->counters.pins_entered += part == ROUTER_DEVICE(slots[GUESTED]);
	model_left(walk);
	model_changed(walk);
}

static int model_try(struct walk *walk, unsigned part, unsigned target)
{
	if (target != HOST && !walk->entered[target]) {
		walk->expected.enters++;
		if (!can_enter(walk, target)) {
			walk->counters.refusals++;
			return -ENOTCONN;
		}
		walk->entered[target] = true;
	}
	model_move(walk, part, target, false);
	return 0;
}

static unsigned where_part_is(const struct walk *walk, unsigned part)
{
	if (part == ROUTER_ALL)
		return walk->focus;
	if (part < ROUTER_PARTS)
		return walk->part_focus[part];
	for (unsigned d = 0; d < walk->n_devices; d++)
		if (part == ROUTER_DEVICE(slots[d]))
			return walk->where[d];
	return HOST;
}

static bool is_there(const struct walk *walk, unsigned part, unsigned target, bool panics)
{
	if (where_part_is(walk, part) != target || model_movers(walk, part, target, panics))
		return false;
	if (target != HOST && !walk->entered[target])
		return false;
	return part != ROUTER_ALL || (walk->part_focus[ROUTER_KEYBOARDS] == target &&
				      walk->part_focus[ROUTER_POINTERS] == target);
}

/* Why a device cannot be moved there alone, or 0. */
static int check_device(const struct walk *walk, unsigned part, unsigned target)
{
	for (unsigned d = 0; d < walk->n_devices; d++) {
		if (part != ROUTER_DEVICE(slots[d]))
			continue;
		if (!walk->present[d])
			return -ENODEV;
		return is_pinned(d) && target != (d == GUESTED ? FULL : HOST) ? -EPERM : 0;
	}
	return -ENODEV;
}

static int model_switch(struct walk *walk, unsigned part, unsigned target)
{
	unsigned from = where_part_is(walk, part);
	int rc;

	walk->recalled = false;
	if (target != ROUTER_NEXT && target >= walk->n_targets)
		return -EINVAL;
	rc = part < ROUTER_PARTS ? 0 : check_device(walk, part, target);
	if (rc < 0)
		return rc;
	if (is_there(walk, part, target, false)) {
		walk->lost = false;
		return 0;
	}
	if (target != ROUTER_NEXT)
		return model_try(walk, part, target);
	for (unsigned i = 1; i < walk->n_targets; i++) {
		if (model_try(walk, part, (from + i) % walk->n_targets) == 0)
			return 0;
		walk->counters.passed_over++;
	}
	walk->counters.nowhere_to_go++;
	return -ENODEV;
}

static void model_panic(struct walk *walk)
{
	int64_t since = walk->now - walk->panicked_at;
	bool recalls = walk->present[GUESTED] && walk->where[GUESTED] != HOST;

	walk->counters.panics_after_a_loss += walk->lost;
	walk->lost = false;
	walk->expected.panics++;
	walk->counters.panics++;
	if (walk->panicked_at && since <= 2000000) {
		walk->expected.agains++;
		walk->counters.panics_again++;
	}
	walk->panicked_at = walk->now;
	walk->counters.panics_on_a_guest += walk->focus != HOST;
	walk->counters.recalls += recalls;
	walk->recalled |= recalls;
	if (!is_there(walk, ROUTER_ALL, HOST, true))
		model_move(walk, ROUTER_ALL, HOST, true);
	memset(walk->at, 0, sizeof(walk->at));
	model_changed(walk);
}

/* The action of the longest chord that 'key' completes, -1: none. Not how hotkey.c does it. */
static int model_hotkey(const struct walk *walk, unsigned key)
{
	uint32_t down = all_down(walk);
	unsigned longest = 0;
	int action = -1;

	for (unsigned i = 0; i < hotkeys.n; i++) {
		const struct chord *chord = &hotkeys.entry[i].chord;
		uint32_t bits = 0;

		for (unsigned k = 0; k < chord->n; k++)
			bits |= 1U << key_of[chord->code[k]];
		if ((bits >> key & 1) && (down & bits) == bits && !(down & MODIFIER_BITS & ~bits) &&
		    chord->n > longest) {
			longest = chord->n;
			action = hotkeys.entry[i].action;
		}
	}
	return action;
}

static void model_press(struct walk *walk, unsigned d, int key, bool resync)
{
	uint32_t bit = 1U << key, raw = 0;
	bool always, lost = walk->lost, deaf = lost && walk->deaf[d];
	unsigned code = remapped_key[d][key], from = walk->focus;
	int action;

	if (walk->fingers[d] & bit) {
		walk->counters.senseless_events++;
		return;
	}
	walk->counters.presses++;
	walk->counters.resync_presses += resync;
	walk->fingers[d] |= bit;
	for (unsigned i = 0; i < walk->n_devices; i++)
		raw |= walk->fingers[i];
	if ((panic_bits & bit) && (raw & panic_bits) == panic_bits) {
		model_panic(walk);
		return;
	}
	action = model_hotkey(walk, code);
	if (action >= 0 && !resync) {
		model_switch(walk, (unsigned)action / (ROUTER_NEXT + 1),
			     (unsigned)action % (ROUTER_NEXT + 1));
		walk->counters.hotkey_switches += walk->focus != from;
		walk->counters.hotkeys_after_a_loss += lost && walk->focus != from;
		return;
	}
	walk->counters.resync_no_hotkey += action >= 0;
	walk->counters.high_codes += keys[key].code >= 0x2c0;
	walk->counters.pinned_while_away += d == PINNED && walk->focus != HOST;
	always = always_bits >> code & 1;
	walk->counters.always_after_a_loss += always && deaf;
	walk->counters.always_modifiers += always && 1U << code & MODIFIER_BITS;
	walk->counters.presses_after_a_loss += !always && deaf;
	walk->counters.presses_of_a_part_that_was_not_lost += !always && lost && !deaf;
	walk->counters.presses_for_nobody += !always && !is_ready(walk, walk->where[d]);
	if (!always && (deaf || !is_ready(walk, walk->where[d]))) /* I13, I4 */
		return;
	walk->at[d][always ? HOST : walk->where[d]] |= bit;
	model_changed(walk);
}

static void model_key(struct walk *walk, unsigned d, const struct input_event *ev, bool resync)
{
	int key = key_of[ev->code];
	uint32_t bit = 1U << key;

	if (ev->value == 1) {
		model_press(walk, d, key, resync);
	} else if (ev->value == 0) {
		walk->counters.senseless_events += !(walk->fingers[d] & bit);
		walk->fingers[d] &= ~bit;
		for (unsigned target = 0; target < walk->n_targets; target++)
			walk->at[d][target] &= ~bit;
		model_changed(walk);
	} else if (walk->where[d] != HOST && (walk->at[d][walk->where[d]] & bit)) {
		walk->counters.repeats++;
		walk->expected.key[2][port_of(walk->where[d], d)][remapped_key[d][key]]++;
	}
}

/* I13: half a second with all up, and none that moved, since the loss or the last key. */
static void model_quiet(struct walk *walk, const struct input_event *ev)
{
	bool up = true;

	for (unsigned d = 0; d < walk->n_devices; d++)
		up &= walk->fingers[d] == 0;
	if (up && walk->now - walk->stirred >= 500000) {
		walk->counters.quiet_after_a_loss++;
		walk->lost = false;
	}
	if (!up || ev->type == EV_KEY)
		walk->stirred = walk->now;
}

/* The port that what device d sends belongs to. */
static unsigned side_of(const struct walk *walk, unsigned d)
{
	return port_of(walk->where[d], d);
}

static void model_frame(struct walk *walk, unsigned d, const struct frame *frame)
{
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		walk->now = time_of(ev);
		if (walk->lost)
			model_quiet(walk, ev);
		walk->counters.motion_after_a_loss += walk->lost && ev->type == EV_REL;
		if (ev->type == EV_KEY)
			model_key(walk, d, ev, frame->resync);
		else if (ev->type == EV_SW)
			walk->expected.other[d]++;
		else if (ev->type == EV_MSC)
			walk->counters.scan_codes++;
		else if (!is_ready(walk, walk->where[d]))
			walk->counters.motion_for_nobody++;
		else if (ev->type == EV_REL)
			walk->expected.rel[side_of(walk, d)][ev->code] += ev->value;
		else
			walk->expected.other[side_of(walk, d)]++;
	}
}

/* ---- what holds after each action ---- */

/* Of each pair one is down where any is wanted; all other keys are down that are wanted. */
static uint32_t one_of_each(const struct walk *walk, uint32_t wanted, uint32_t is)
{
	for (unsigned left = 0; left < MODIFIERS; left += 2) {
		uint32_t pair = 3U << left;

		if ((wanted & pair) != pair)
			continue;
		CHECK(walk, is & pair, "I11: neither key of a pair is down, both are wanted");
		wanted = (wanted & ~pair) | (is & pair);
	}
	return wanted;
}

static void check_guest(struct walk *walk, struct guest *guest)
{
	uint32_t wanted = guest_wants(walk, guest->target), on[SHAPE_NODES] = { 0 };

	for (uint32_t rest = wanted; rest; rest &= rest - 1)
		if (carried(guest, __builtin_ctz(rest)))
			on[keys[__builtin_ctz(rest)].node] |= rest & -rest;
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		const struct node *node = &guest->node[i];
		uint32_t want = on[i];

		if (rules[guest->target % 2].one_of_pair) {
			want = one_of_each(walk, want, node->emitted);
			walk->counters.pair_waits += want != on[i];
		}
		CHECK(walk, node->emitted == want, "guest %u, node %u: %x is down, not %x",
		      guest->target, i, node->emitted, want);
		CHECK(walk, !(node->owed & ~node->emitted), "I3: guest %u, node %u: %x",
		      guest->target, i, node->owed & ~node->emitted);
		CHECK(walk, walk->entered[guest->target] || !node->owed,
		      "I2: guest %u, node %u keeps %x", guest->target, i, node->owed);
		if (!guest->stalled)
			check_drained(walk, node);
	}
}

static void count_held(struct walk *walk)
{
	unsigned held = 0, present = 0;

	for (unsigned d = 0; d < walk->n_devices; d++) {
		held += (unsigned)__builtin_popcount(walk->fingers[d]);
		present += walk->present[d];
	}
	walk->counters.more_than_ten_keys_held += held > 10;
	walk->counters.more_than_32_devices += present > 32;
	walk->counters.focus_at_a_later_guest += walk->focus > PLAIN;
}

static void count_shared(struct walk *walk)
{
	unsigned places = 0;

	for (unsigned target = FULL; target < walk->n_targets; target++) {
		uint32_t first = 0, both = 0;

		for (unsigned d = 0; d < walk->n_devices; d++) {
			uint32_t raw = walk->at[d][target], bits = remap_bits(d, raw);

			both |= first & bits;
			first |= bits;
			walk->counters.key_from_two_keys +=
				__builtin_popcount(raw) > __builtin_popcount(bits);
		}
		walk->counters.key_on_two_devices += both != 0;
		places += first != 0;
	}
	walk->counters.three_places += places > 1 && kept_on_port(walk, HOST, 0);
}

/* Each device is where the model has it (I4), and has nothing down elsewhere (I2). */
static void check_places(struct walk *walk)
{
	const struct router *router = &walk->router;

	for (unsigned target = FULL; target < walk->n_targets; target++) {
		CHECK(walk, router->target[target].entered == walk->entered[target],
		      "guest %u: entered is %d", target, router->target[target].entered);
		CHECK(walk, !walk->entered[target] || walk->guest[target].up,
		      "I4: guest %u is down", target);
	}
	for (unsigned d = 0; d < walk->n_devices; d++) {
		unsigned target = walk->where[d];
		bool waits = walk->present[d] && d == GUESTED && !walk->recalled &&
			     (target != FULL || !walk->entered[FULL]);

		if (!walk->present[d])
			continue;
		CHECK(walk, router->device[slots[d]].target == target, "device %u is at %u, not %u",
		      d, router->device[slots[d]].target, target);
		CHECK(walk, target == HOST || walk->entered[target] || is_pinned(d),
		      "I4: device %u is at guest %u", d, target);
		CHECK(walk, target == HOST || !(walk->down[d] & ~always_bits),
		      "I2: the host keeps %x", walk->down[d]);
		CHECK(walk, router_pin_waits(router, slots[d]) == waits, "router_pin_waits");
	}
}

/* I1 to I5 and I7 to I11, by the model; what was sent in the step and what is down now. */
static void check_step(struct walk *walk)
{
	uint32_t fingers = all_down(walk);

	CHECK(walk, walk->router.focus == walk->focus, "the focus is %u, not %u",
	      walk->router.focus, walk->focus);
	check_places(walk);
	for (unsigned port = 0; port < PORTS; port++) {
		uint32_t down = walk->down[port];

		CHECK(walk, down == walk->port[port], "I1: port %u: %x is down, not %x", port, down,
		      walk->port[port]);
		CHECK(walk, !(down & ~fingers), "I3: port %u: no finger is on %x", port, down);
		if (port >= DEVICES && !walk->entered[port - DEVICES + 1])
			CHECK(walk, !down, "I2: port %u keeps %x", port, down);
	}
	CHECK(walk, memcmp(&walk->got, &walk->expected, sizeof(walk->got)) == 0,
	      "I5, I10, I11: what came out is not what the frame asks for");
	for (unsigned target = FULL; target < walk->n_targets; target++)
		check_guest(walk, &walk->guest[target]);
	CHECK(walk, router_idle(&walk->router) == !fingers, "router_idle");
	count_shared(walk);
	count_held(walk);
}

/* ---- actions ---- */

static struct action *begin(struct walk *walk, const char *what, unsigned a, unsigned b)
{
	struct action *action = &walk->history[walk->actions++ % HISTORY];

	action->what = what;
	action->step = walk->step;
	action->a = a;
	action->b = b;
	action->frame.n = 0;
	action->frame.resync = false;
	memset(&walk->got, 0, sizeof(walk->got));
	memset(&walk->expected, 0, sizeof(walk->expected));
	walk->sends = 0;
	for (unsigned target = FULL; target < walk->n_targets; target++)
		walk->refuse[target] = one_in(walk, 8);
	walk->now += 100 + below(walk, 5000);
	if (one_in(walk, 200))
		walk->now += below(walk, 3000000);
	if (one_in(walk, 20000)) { /* up to a year */
		walk->now += (int64_t)below(walk, 1U << 25) * 1000000;
		walk->counters.long_times++;
	}
	return action;
}

static void put(struct walk *walk, struct frame *frame, unsigned type, unsigned code, int value)
{
	int64_t at = walk->now + frame->n;
	struct input_event time = { .time = { .tv_sec = at / 1000000, .tv_usec = at % 1000000 } };

	frame_put(frame, &time, type, code, value);
}

static void clear_guest(struct guest *guest)
{
	shape_reset(&guest->shape);
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		struct node *node = &guest->node[i];

		backlog_reset(&node->backlog);
		node->emitted = node->owed = node->down = node->letting = 0;
		node->first = node->n = 0;
		node->pushed = node->received = 0;
		memset(node->rel, 0, sizeof(node->rel));
	}
}

/* All that was at the guest, and is not pinned, is the host's, and deaf. */
static void model_lose(struct walk *walk, unsigned target)
{
	for (unsigned d = 0; d < walk->n_devices; d++) {
		walk->deaf[d] &= walk->lost;
		if (walk->where[d] != target || is_pinned(d))
			continue;
		walk->where[d] = HOST;
		walk->deaf[d] = true;
	}
	for (unsigned part = ROUTER_KEYBOARDS; part < ROUTER_PARTS; part++)
		if (walk->part_focus[part] == target)
			model_set_focus(walk, part, HOST);
	if (walk->focus == target)
		walk->focus = HOST;
	walk->lost = true;
	walk->stirred = walk->now;
}

/* The guest has no longer anything down: as its sink and the daemon leave it. */
static void guest_is_down(struct walk *walk, struct guest *guest)
{
	walk->counters.guests_down++;
	walk->counters.guests_down_in_focus += walk->focus == guest->target;
	guest->up = guest->stalled = guest->dead = false;
	for (unsigned d = 0; d < walk->n_devices; d++)
		walk->at[d][guest->target] = 0;
	walk->port[port_of(guest->target, 0)] = walk->down[port_of(guest->target, 0)] = 0;
	if (walk->entered[guest->target])
		model_lose(walk, guest->target);
	CHECK(walk,
	      router_target_down(&walk->router, guest->target, walk->now) ==
		      walk->entered[guest->target],
	      "router_target_down");
	walk->entered[guest->target] = false;
	clear_guest(guest);
	model_left(walk);
	pump_leave(&pump, &walk->router);
}

/* The frame of the action, already filled. */
static void play(struct walk *walk, struct action *action)
{
	struct frame *frame = &action->frame;
	unsigned d = action->a;

	put(walk, frame, EV_SYN, SYN_REPORT, 0);
	walk->counters.frames++;
	walk->counters.full_frames += frame->n == FRAME_MAX;
	model_frame(walk, d, frame);
	pump_frame(&pump, &walk->router, slots[d], frame);
	CHECK(walk, walk->sends <= (2 + 4 * DEVICES) * (frame->n + 1), "I12: %u frames",
	      walk->sends);
	for (unsigned target = FULL; target < walk->n_targets; target++)
		if (walk->guest[target].dead)
			guest_is_down(walk, &walk->guest[target]);
	check_step(walk);
}

static void plug(struct walk *walk, unsigned d)
{
	begin(walk, "plug", d, 0);
	walk->counters.plugs++;
	walk->present[d] = true;
	walk->where[d] = walk->part_focus[ROUTER_KEYBOARDS];
	walk->deaf[d] = !is_pinned(d);
	router_add_device(&walk->router, slots[d], &remaps[d]);
	if (d == MOUSE) {
		walk->where[d] = walk->part_focus[ROUTER_POINTERS];
		router_set_pointer(&walk->router, slots[d]);
	}
	if (is_pinned(d)) {
		walk->where[d] = d == GUESTED ? FULL : HOST;
		router_pin_device(&walk->router, slots[d], walk->where[d]);
	}
	check_step(walk);
}

static void unplug(struct walk *walk, unsigned d)
{
	begin(walk, "unplug", d, 0);
	walk->counters.unplugs++;
	walk->counters.unplugs_with_keys_held += walk->fingers[d] != 0;
	walk->present[d] = false;
	walk->fingers[d] = 0;
	memset(walk->at[d], 0, sizeof(walk->at[d]));
	model_left(walk);
	model_changed(walk);
	pump_remove(&pump, &walk->router, slots[d]);
	check_step(walk);
}

static unsigned some_device(struct walk *walk)
{
	unsigned d = below(walk, walk->n_devices);

	for (unsigned i = 0; i < walk->n_devices; i++)
		if (walk->present[(d + i) % walk->n_devices])
			return (d + i) % walk->n_devices;
	plug(walk, d);
	return d;
}

/* Mostly what fingers do: few keys are down at a time. Sometimes what no keyboard does. */
static void put_key(struct walk *walk, struct frame *frame, uint32_t *down)
{
	unsigned key = below(walk, KEYS);

	/* Half of the time one of those that are down, so that there are not many. */
	if (*down && one_in(walk, 2)) {
		for (key = below(walk, KEYS); !(*down >> key & 1);)
			key = (key + 1) % KEYS;
		if (one_in(walk, 4)) {
			put(walk, frame, EV_KEY, keys[key].code, 2);
			return;
		}
	} else if (one_in(walk, 40)) {
		put(walk, frame, EV_KEY, keys[key].code, (int)below(walk, 3));
		return; /* changes nothing that is not as 'down' says, or is tallied by the model */
	}
	*down ^= 1U << key;
	put(walk, frame, EV_KEY, keys[key].code, *down >> key & 1);
}

static int some_motion(struct walk *walk)
{
	int size = one_in(walk, 50) ? 32767 : one_in(walk, 4) ? 600 : 20;

	return (int)below(walk, (unsigned)size) - size / 2;
}

static void put_something(struct walk *walk, struct frame *frame, uint32_t *down)
{
	static const uint8_t axes[] = { REL_X, REL_Y, REL_HWHEEL, REL_WHEEL_HI_RES };

	switch (below(walk, 12)) {
	case 0:
		put(walk, frame, EV_SW, SW_LID, (int)below(walk, 2));
		break;
	case 1:
		put(walk, frame, EV_MSC, MSC_SCAN, 7);
		break;
	case 2:
		put(walk, frame, EV_ABS, ABS_X, (int)below(walk, 100));
		break;
	case 3:
		put(walk, frame, EV_REL, REL_WHEEL, (int)below(walk, 9) - 4);
		break;
	case 4:
	case 5:
		put(walk, frame, EV_REL, axes[below(walk, 4)], some_motion(walk));
		break;
	default:
		put_key(walk, frame, down);
	}
}

static void random_frame(struct walk *walk)
{
	unsigned d = some_device(walk);
	struct action *action = begin(walk, "frame", d, 0);
	unsigned n = one_in(walk, 50) ? FRAME_MAX - 1 : 1 + below(walk, one_in(walk, 4) ? 9 : 2);
	uint32_t down = walk->fingers[d];

	while (n-- > 0)
		put_something(walk, &action->frame, &down);
	play(walk, action);
}

static void motion_frame(struct walk *walk)
{
	struct action *action = begin(walk, "motion", some_device(walk), 0);

	put(walk, &action->frame, EV_REL, REL_X, some_motion(walk));
	if (one_in(walk, 2))
		put(walk, &action->frame, EV_REL, REL_Y, some_motion(walk));
	play(walk, action);
}

static void key_frame(struct walk *walk, const char *what, unsigned d, unsigned code, int value)
{
	struct action *action = begin(walk, what, d, 0);

	put(walk, &action->frame, EV_KEY, code, value);
	play(walk, action);
}

static void release_all(struct walk *walk, unsigned d)
{
	struct action *action = begin(walk, "release", d, 0);

	for (uint32_t rest = walk->fingers[d]; rest; rest &= rest - 1)
		put(walk, &action->frame, EV_KEY, keys[__builtin_ctz(rest)].code, 0);
	play(walk, action);
}

/* Both hands, and an arm: keys of several devices go down, and stay. */
static void pile(struct walk *walk)
{
	for (unsigned n = 1 + below(walk, 4); n > 0; n--) {
		unsigned d = some_device(walk);
		struct action *action = begin(walk, "pile", d, 0);
		uint32_t up = ((1U << KEYS) - 1) & ~walk->fingers[d];

		for (; up; up &= up - 1)
			if (!one_in(walk, 4))
				put(walk, &action->frame, EV_KEY, keys[__builtin_ctz(up)].code, 1);
		play(walk, action);
	}
}

/* A chord of the table, by any keys that make its codes. */
static void hotkey(struct walk *walk)
{
	const struct chord *chord = &hotkeys.entry[below(walk, hotkeys.n)].chord;
	unsigned first = below(walk, chord->n);

	for (unsigned d = 0; d < walk->n_devices; d++)
		if (walk->present[d] && !one_in(walk, 4))
			release_all(walk, d);
	for (unsigned i = 0; i < chord->n; i++) {
		unsigned d = some_device(walk);
		int wanted = key_of[chord->code[(first + i) % chord->n]];
		unsigned key = below(walk, KEYS);

		for (unsigned tries = 0; tries < KEYS && (int)remapped_key[d][key] != wanted;
		     tries++)
			key = (key + 1) % KEYS;
		key_frame(walk, "chord", d, keys[key].code, 1);
	}
}

static void resync(struct walk *walk)
{
	unsigned d = some_device(walk);
	struct action *action = begin(walk, "dropped", d, 0);
	uint32_t flipped = 0;

	for (unsigned n = 1 + below(walk, 5); n > 0; n--)
		flipped |= 1U << below(walk, KEYS);
	if (one_in(walk, 8)) /* complete a hotkey, or panic */
		flipped = one_in(walk, 4) ? panic_bits & ~walk->fingers[d]
					  : 3U | (walk->fingers[d] & ~3U);
	action->frame.resync = true;
	for (uint32_t rest = flipped; rest; rest &= rest - 1) {
		int key = __builtin_ctz(rest);

		put(walk, &action->frame, EV_KEY, keys[key].code, !(walk->fingers[d] >> key & 1));
	}
	walk->counters.resyncs++;
	play(walk, action);
}

static void call_switch(struct walk *walk)
{
	const unsigned targets[] = { HOST,        FULL,        PLAIN,           LAST,
				     ROUTER_NEXT, ROUTER_NEXT, walk->n_targets, ROUTER_NEXT + 1 };
	unsigned target = targets[below(walk, ARRAY_SIZE(targets))], from = walk->focus;
	unsigned part = one_in(walk, 2) ? ROUTER_ALL : below(walk, ROUTER_PARTS);
	int expected, rc;

	if (one_in(walk, 4))
		part = ROUTER_DEVICE(slots[below(walk, walk->n_devices)]);
	begin(walk, "switch", target, part);
	expected = model_switch(walk, part, target);
	rc = pump_switch_part(&pump, &walk->router, part, target);
	CHECK(walk, rc == expected, "router_switch: %d, not %d", rc, expected);
	walk->counters.called_switches += walk->focus != from;
	check_step(walk);
}

/* As the daemon tries from time to time. */
static void try_pin(struct walk *walk)
{
	unsigned part = ROUTER_DEVICE(slots[GUESTED]);
	int expected, rc;

	if (!router_pin_waits(&walk->router, slots[GUESTED]))
		return;
	begin(walk, "pin", FULL, part);
	expected = model_switch(walk, part, FULL);
	rc = pump_switch_part(&pump, &walk->router, part, FULL);
	CHECK(walk, rc == expected, "pin: %d, not %d", rc, expected);
	check_step(walk);
}

/* Between keystrokes, a configuration that differs in nothing changes nothing. */
static void replace(struct walk *walk)
{
	unsigned map[ROUTER_TARGETS];

	if (!router_idle(&walk->router))
		return;
	for (unsigned target = 0; target < ROUTER_TARGETS; target++)
		map[target] = target;
	begin(walk, "replace", 0, 0);
	router_replace(&walk->router, &hotkeys, &panic_chord, &walk->always_set, walk->n_targets,
		       map);
	for (unsigned d = 0; d < walk->n_devices; d++)
		if (walk->present[d])
			router_set_remap(&walk->router, slots[d], &remaps[d]);
	walk->counters.replaced++;
	walk->counters.replaced_away += walk->focus != HOST;
	check_step(walk);
}

static void guest_dies(struct walk *walk, struct guest *guest)
{
	begin(walk, "down", guest->target, 0);
	guest_is_down(walk, guest);
	check_step(walk);
}

static void guest_dies_within_a_frame(struct walk *walk, struct guest *guest)
{
	guest->dead = true;
	walk->counters.deaths_within_a_frame++;
	random_frame(walk);
}

static void guest_rises(struct walk *walk, struct guest *guest)
{
	begin(walk, "up", guest->target, 0);
	walk->counters.guests_up++;
	guest->up = guest->ready = true;
	check_step(walk);
}

/* It knows of nothing that was down; what waited for it is nobody's. */
static void guest_is_reset(struct walk *walk, struct guest *guest, bool ready)
{
	begin(walk, ready ? "ready" : "reset", guest->target, 0);
	walk->counters.resets += !ready;
	walk->counters.ready += ready;
	walk->counters.resets_in_focus += walk->focus == guest->target;
	walk->counters.resets_with_keys_held += walk->port[port_of(guest->target, 0)] != 0;
	guest->ready = ready;
	guest->stalled = false;
	for (unsigned d = 0; d < walk->n_devices; d++)
		walk->at[d][guest->target] = 0;
	walk->port[port_of(guest->target, 0)] = walk->down[port_of(guest->target, 0)] = 0;
	router_target_reset(&walk->router, guest->target, ready);
	clear_guest(guest);
	check_step(walk);
}

static void stall(struct walk *walk, struct guest *guest)
{
	begin(walk, "stall", guest->target, 0);
	walk->counters.stalls++;
	guest->stalled = true;
}

/* With little room to begin with, then with all. */
static void resume(struct walk *walk, struct guest *guest)
{
	unsigned room = one_in(walk, 2) ? FRAME_MAX : 2 + below(walk, 6);

	begin(walk, "resume", guest->target, room);
	walk->counters.resumes++;
	guest->stalled = false;
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		drain(walk, guest, &guest->node[i], room);
	check_step(walk);
}

/* A stalled sink takes a few frames, and stalls again. */
static void trickle(struct walk *walk, struct guest *guest)
{
	unsigned room = below(walk, 8), n = below(walk, 6);

	begin(walk, "trickle", guest->target, room);
	walk->counters.trickles++;
	for (; n > 0; n--) {
		struct node *node = &guest->node[below(walk, SHAPE_NODES)];
		struct frame frame;

		if (!backlog_pop(&node->backlog, room, &frame))
			continue;
		CHECK(walk, frame.n <= room, "backlog: %u events for room of %u", frame.n, room);
		sink_receive(walk, guest, node, &frame);
	}
	check_step(walk);
}

static void change_guest(struct walk *walk)
{
	bool focused = walk->focus != HOST && one_in(walk, 2);
	unsigned target = focused ? walk->focus : 1 + below(walk, walk->n_targets - 1);
	struct guest *guest = &walk->guest[target];
	unsigned chance = below(walk, 100);

	if (!guest->up)
		guest_rises(walk, guest);
	else if (!guest->ready && chance >= 12)
		guest_is_reset(walk, guest, one_in(walk, 2));
	else if (chance >= 90)
		guest_is_reset(walk, guest, one_in(walk, 2)); /* also one that is over at once */
	else if (chance < 6)
		guest_dies(walk, guest);
	else if (chance < 12)
		guest_dies_within_a_frame(walk, guest);
	else if (!guest->stalled)
		stall(walk, guest);
	else if (chance < 60)
		trickle(walk, guest);
	else
		resume(walk, guest);
}

/* I6: from here, the panic chord reaches the host. */
static void play_panic(struct walk *walk)
{
	unsigned d = some_device(walk), first = below(walk, 3);
	unsigned long panics = walk->counters.panics;

	for (unsigned i = 0; i < 3; i++) {
		unsigned code = panic_chord.code[(first + i) % 3];

		if (walk->fingers[d] >> key_of[code] & 1)
			key_frame(walk, "panic", d, code, 0);
		key_frame(walk, "panic", d, code, 1);
	}
	CHECK(walk, walk->counters.panics > panics && walk->router.focus == HOST, "I6");
	for (unsigned port = 0; port < PORTS; port++)
		CHECK(walk, !walk->down[port], "I6: port %u keeps %x", port, walk->down[port]);
	for (unsigned target = FULL; target < walk->n_targets; target++)
		for (unsigned i = 0; i < SHAPE_NODES; i++)
			CHECK(walk, !walk->guest[target].node[i].owed, "I6: guest %u", target);
	walk->counters.panic_chords_played++;
}

/* All up for about half a second, with motion or none. */
static void rest(struct walk *walk)
{
	walk->counters.rests++;
	for (unsigned d = 0; d < walk->n_devices; d++)
		if (walk->fingers[d])
			release_all(walk, d);
	if (one_in(walk, 2))
		motion_frame(walk);
	walk->now += 490000 + below(walk, 20000);
	if (one_in(walk, 2))
		motion_frame(walk);
	else
		random_frame(walk);
}

static void step(struct walk *walk)
{
	unsigned chance = below(walk, 1000);
	unsigned d = below(walk, walk->n_devices);

	if (chance < 5)
		pile(walk);
	else if (chance < 10)
		rest(walk);
	else if (chance < 30)
		replace(walk);
	else if (chance < 700)
		random_frame(walk);
	else if (chance < 800)
		motion_frame(walk);
	else if (chance < 860)
		hotkey(walk);
	else if (chance < 890)
		resync(walk);
	else if (chance < 930)
		change_guest(walk);
	else if (chance < 945)
		call_switch(walk);
	else if (chance < 950)
		try_pin(walk);
	else if (chance < 955)
		play_panic(walk);
	else if (chance < 980 && walk->present[d])
		release_all(walk, d);
	else if (walk->present[d] && (d < CROWD || one_in(walk, 8)))
		unplug(walk, d);
	else if (!walk->present[d])
		plug(walk, d);
}

/* ---- the program ---- */

/* The lowest numbers that are free. */
static void init_slots(void)
{
	for (unsigned d = CROWD; d < DEVICES; d++) {
		bool taken = true;

		for (slots[d] = d > CROWD ? slots[d - 1] + 1 : 0; taken; slots[d] += taken) {
			taken = false;
			for (unsigned i = 0; i < CROWD; i++)
				taken |= slots[i] == slots[d];
		}
	}
}

static void init_tables(void)
{
	init_slots();
	memset(key_of, -1, sizeof(key_of));
	for (unsigned i = 0; i < KEYS; i++)
		key_of[keys[i].code] = (int8_t)i;
	for (unsigned i = 0; i < ARRAY_SIZE(always_keys); i++)
		always_bits |= 1U << key_of[always_keys[i]];
	for (unsigned i = 0; i < panic_chord.n; i++)
		panic_bits |= 1U << key_of[panic_chord.code[i]];
	for (unsigned d = 0; d < DEVICES; d++) {
		for (unsigned i = 0; i < KEYS; i++)
			remapped_key[d][i] = i;
		for (unsigned i = 0; i < remaps[d].n; i++)
			remapped_key[d][key_of[remaps[d].entry[i].from]] =
				(unsigned)key_of[remaps[d].entry[i].to];
		for (unsigned i = 0; i < KEYS; i++)
			always_raw[d] |= (always_bits >> remapped_key[d][i] & 1) << i;
	}
}

static void init_walk(struct walk *walk, uint64_t seed)
{
	static const unsigned targets[] = { 2, 3, TARGETS, 4 };
	struct counters counters = walk->counters;

	memset(walk, 0, sizeof(*walk));
	walk->counters = counters;
	walk->seed = walk->random = seed;
	walk->now = 1000000;
	walk->n_targets = targets[seed % ARRAY_SIZE(targets)];
	walk->n_devices = CROWD;
	if (seed % 19 == 0) { /* and the clock passes 2^31 seconds */
		walk->n_devices = DEVICES;
		walk->now = ((INT64_C(1) << 31) - 60) * 1000000;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(always_keys); i++)
		keyset_add(&walk->always_set, always_keys[i]);
	router_init(&walk->router, &hotkeys, &panic_chord, &walk->always_set, walk->n_targets);
	for (unsigned target = FULL; target < walk->n_targets; target++) {
		struct guest *guest = &walk->guest[target];

		guest->target = target;
		shape_init(&guest->shape, &rules[target % 2]);
		for (unsigned i = 0; i < SHAPE_NODES; i++)
			backlog_init(&guest->node[i].backlog, rules[target % 2].step_max);
	}
}

/* 0, or 1 where something was never done. */
static int print_counters(const struct counters *counters)
{
	int missing = 0;

#define X(name)                                                                                    \
	printf("%12lu  " #name "%s\n", counters->name, counters->name ? "" : "  <- never");        \
	missing |= counters->name == 0;
	COUNTERS(X)
#undef X
	return missing;
}

static void walk_seed(struct walk *walk, unsigned long steps, uint64_t seed)
{
	init_walk(walk, seed);
	printf("%lu steps with seed %" PRIu64 ", %u targets\n", steps, seed, walk->n_targets);
	for (; walk->step < steps; walk->step++)
		step(walk);
}

static uint64_t number(int argc, char **argv, int nth, const char *name, uint64_t otherwise)
{
	const char *text = argc > nth ? argv[nth] : getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
	static struct walk walk;
	unsigned long steps = number(argc, argv, 1, "WALK_STEPS", STEPS_DEFAULT);
	uint64_t seed = number(argc, argv, 2, "WALK_SEED", 0);
	int missing;

	setvbuf(stdout, NULL, _IOLBF, 0);
	init_tables();
	for (size_t i = 0; !seed && i < ARRAY_SIZE(seeds); i++)
		walk_seed(&walk, steps, seeds[i]);
	if (seed)
		walk_seed(&walk, steps, seed);
	for (int i = 3; i < argc; i++)
		walk_seed(&walk, steps, strtoull(argv[i], NULL, 10));
	missing = print_counters(&walk.counters);
	printf("%d passed, %d failed\n", !missing, missing);
	return missing;
}
