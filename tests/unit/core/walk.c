/*
 * A random walk over router, shape and backlog, against a model of its own: what the fingers do,
 * what each target therefore has down, and what its sink received. Checks I1 to I13 of router.h in
 * every step. walk [STEPS [SEED]], or WALK_STEPS and WALK_SEED in the environment; the same seed walks
 * the same way. By default the seeds below; for others, WALK_SEED=$RANDOM.
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

/* The last of them moves by more than one frame's steps can. */
static const uint64_t seeds[] = { 1, 2, 3, 4, 1795908886 };

enum { KEYBOARD, SECOND, MOUSE, PINNED, DEVICES };
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

/* The router's numbers of the devices. */
static const unsigned slots[DEVICES] = { 0, 1, ROUTER_DEVICES - 1, 40 };

static const struct chord panic_chord = { 3, { KEY_BACKSPACE, KEY_ESC, KEY_ENTER } };
static const struct hotkeys hotkeys = {
	.n = 9,
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
	X(motion_after_a_loss) X(quiet_after_a_loss) X(hotkeys_after_a_loss) X(panics_after_a_loss)
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
	unsigned enters, moves, panics, agains;
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
	unsigned long step;
	unsigned n_targets;
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
	bool lost;       /* I13: the guest gave the focus back, and nothing was decided since */
	int64_t stirred; /* since then: a key was down or moved; -1: nothing was seen */
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
static const uint16_t always_keys[] = { KEY_MUTE, KEY_MACRO1, KEY_RIGHTMETA };

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

static uint64_t random_u64(struct walk *walk)
{
	uint64_t z = walk->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static unsigned below(struct walk *walk, unsigned n)
{
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

/* I2, at the moment that it is promised for. */
static void on_focused(struct router *router, unsigned from, unsigned to)
{
	struct walk *walk = of_router(router);

	CHECK(walk, router->focus == to && from != to, "focused from %u to %u", from, to);
	walk->got.moves++;
	for (unsigned d = 0; from == HOST && d < PINNED; d++)
		CHECK(walk, !(walk->down[d] & ~always_bits), "I2: the host keeps %x",
		      walk->down[d]);
	if (from != HOST && walk->guest[from].up)
		CHECK(walk, !walk->down[port_of(from, 0)], "I2: guest %u keeps %x", from,
		      walk->down[port_of(from, 0)]);
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
	.send = on_send, .enter = on_enter, .focused = on_focused, .panicked = on_panicked
};

/* ---- the model ---- */

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

	for (unsigned d = 0; d < DEVICES; d++)
		down |= remap_bits(d, walk->fingers[d]);
	return down;
}

static uint32_t guest_wants(const struct walk *walk, unsigned target)
{
	uint32_t down = 0;

	for (unsigned d = 0; d < DEVICES; d++)
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

static void model_forget(struct walk *walk, unsigned target, bool keep_always)
{
	walk->counters.pinned_held_over_a_switch += target == HOST && walk->at[PINNED][HOST];
	for (unsigned d = 0; d < PINNED; d++) {
		if (walk->at[d][target])
			walk->counters.switches_with_keys_held++;
		walk->at[d][target] &= keep_always ? always_raw[d] : 0;
		if (walk->at[d][target])
			walk->counters.always_held_over_a_switch++;
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

/* The focus leaves its target: all that is down there comes up. */
static void model_leave(struct walk *walk)
{
	if (walk->focus != HOST) {
		model_menu(walk, port_of(walk->focus, 0), 0);
	} else {
		for (unsigned d = 0; d < PINNED; d++) {
			uint32_t kept = remap_bits(d, walk->at[d][HOST] & always_raw[d]);

			walk->counters.menu_key_kept_over_a_switch +=
				kept >> key_of[KEY_RIGHTMETA] & 1;
			model_menu(walk, d, kept);
		}
	}
	model_forget(walk, walk->focus, walk->focus == HOST);
}

static int model_try(struct walk *walk, unsigned target)
{
	walk->expected.enters += target != HOST;
	if (!can_enter(walk, target)) {
		walk->counters.refusals++;
		return -ENOTCONN;
	}
	model_leave(walk);
	walk->focus = target;
	walk->lost = false;
	walk->expected.moves++;
	model_changed(walk);
	return 0;
}

static int model_switch(struct walk *walk, unsigned target)
{
	unsigned from = walk->focus;

	if (target == from) {
		walk->lost = false;
		return 0;
	}
	if (target < walk->n_targets)
		return model_try(walk, target);
	if (target != ROUTER_NEXT)
		return -EINVAL;
	for (unsigned i = 1; i < walk->n_targets; i++) {
		if (model_try(walk, (from + i) % walk->n_targets) == 0)
			return 0;
		walk->counters.passed_over++;
	}
	walk->counters.nowhere_to_go++;
	return -ENODEV;
}

static void model_panic(struct walk *walk)
{
	int64_t since = walk->now - walk->panicked_at;

	walk->counters.panics_after_a_loss += walk->lost;
	walk->lost = false;
	walk->expected.panics++;
	walk->counters.panics++;
	if (walk->panicked_at && since <= 2000000) {
		walk->expected.agains++;
		walk->counters.panics_again++;
	}
	walk->panicked_at = walk->now;
	walk->expected.moves += walk->focus != HOST;
	walk->counters.panics_on_a_guest += walk->focus != HOST;
	if (walk->focus != HOST)
		model_leave(walk);
	memset(walk->at, 0, sizeof(walk->at));
	walk->focus = HOST;
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

/* Whether what has the focus takes events. */
static bool is_ready(const struct walk *walk)
{
	return walk->focus == HOST || walk->guest[walk->focus].ready;
}

static void model_press(struct walk *walk, unsigned d, int key, bool resync)
{
	uint32_t bit = 1U << key, raw = 0;
	bool always, lost = walk->lost;
	unsigned code = remapped_key[d][key], from = walk->focus;
	int action;

	if (walk->fingers[d] & bit) {
		walk->counters.senseless_events++;
		return;
	}
	walk->counters.presses++;
	walk->counters.resync_presses += resync;
	walk->fingers[d] |= bit;
	for (unsigned i = 0; i < DEVICES; i++)
		raw |= walk->fingers[i];
	if ((panic_bits & bit) && (raw & panic_bits) == panic_bits) {
		model_panic(walk);
		return;
	}
	action = model_hotkey(walk, code);
	if (action >= 0 && !resync) {
		model_switch(walk, (unsigned)action);
		walk->counters.hotkey_switches += walk->focus != from;
		walk->counters.hotkeys_after_a_loss += lost && walk->focus != from;
		return;
	}
	walk->counters.resync_no_hotkey += action >= 0;
	walk->counters.high_codes += keys[key].code >= 0x2c0;
	walk->counters.pinned_while_away += d == PINNED && walk->focus != HOST;
	always = d == PINNED || always_bits >> code & 1;
	walk->counters.always_after_a_loss += always && lost;
	walk->counters.presses_after_a_loss += !always && lost;
	walk->counters.presses_for_nobody += !always && !is_ready(walk);
	if (!always && (lost || !is_ready(walk))) /* I13, I4 */
		return;
	walk->at[d][always ? HOST : walk->focus] |= bit;
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
	} else if (walk->focus != HOST && (walk->at[d][walk->focus] & bit)) {
		walk->counters.repeats++;
		walk->expected.key[2][port_of(walk->focus, d)][remapped_key[d][key]]++;
	}
}

/* I13: half a second with all up, and none that moved, since the loss or the last key. */
static void model_quiet(struct walk *walk, const struct input_event *ev)
{
	bool up = true;

	for (unsigned d = 0; d < DEVICES; d++)
		up &= walk->fingers[d] == 0;
	if (up && walk->now - walk->stirred >= 500000) {
		walk->counters.quiet_after_a_loss++;
		walk->lost = false;
	}
	if (!up || ev->type == EV_KEY)
		walk->stirred = walk->now;
}

/* The port that what device d sends belongs to. */
static unsigned place_of(const struct walk *walk, unsigned d)
{
	return port_of(d == PINNED ? HOST : walk->focus, d);
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
		else if (d != PINNED && !is_ready(walk))
			walk->counters.motion_for_nobody++;
		else if (ev->type == EV_REL)
			walk->expected.rel[place_of(walk, d)][ev->code] += ev->value;
		else
			walk->expected.other[place_of(walk, d)]++;
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
		CHECK(walk, guest->target == walk->focus || !node->owed,
		      "I2: guest %u, node %u keeps %x", guest->target, i, node->owed);
		if (!guest->stalled)
			check_drained(walk, node);
	}
}

static void count_shared(struct walk *walk)
{
	uint32_t first = 0, both = 0;

	for (unsigned d = 0; d < DEVICES && walk->focus != HOST; d++) {
		uint32_t raw = walk->at[d][walk->focus], bits = remap_bits(d, raw);

		both |= first & bits;
		first |= bits;
		walk->counters.key_from_two_keys +=
			__builtin_popcount(raw) > __builtin_popcount(bits);
	}
	walk->counters.key_on_two_devices += both != 0;
}

/* I1 to I5 and I7 to I11, by the model; what was sent in the step and what is down now. */
static void check_step(struct walk *walk)
{
	uint32_t fingers = all_down(walk);

	CHECK(walk, walk->router.focus == walk->focus, "the focus is %u, not %u",
	      walk->router.focus, walk->focus);
	CHECK(walk, walk->focus == HOST || walk->guest[walk->focus].up, "I4: guest %u is down",
	      walk->focus);
	for (unsigned port = 0; port < PORTS; port++) {
		uint32_t down = walk->down[port];

		CHECK(walk, down == walk->port[port], "I1: port %u: %x is down, not %x", port, down,
		      walk->port[port]);
		CHECK(walk, !(down & ~fingers), "I3: port %u: no finger is on %x", port, down);
		if (port < PINNED && walk->focus != HOST)
			CHECK(walk, !(down & ~always_bits), "I2: the host keeps %x", down);
		if (port >= DEVICES && port != port_of(walk->focus, 0))
			CHECK(walk, !down, "I2: port %u keeps %x", port, down);
	}
	CHECK(walk, memcmp(&walk->got, &walk->expected, sizeof(walk->got)) == 0,
	      "I5, I10, I11: what came out is not what the frame asks for");
	for (unsigned target = FULL; target < walk->n_targets; target++)
		check_guest(walk, &walk->guest[target]);
	CHECK(walk, router_idle(&walk->router) == !fingers, "router_idle");
	count_shared(walk);
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

/* The guest has no longer anything down: as its sink and the daemon leave it. */
static void guest_is_down(struct walk *walk, struct guest *guest)
{
	walk->counters.guests_down++;
	walk->counters.guests_down_in_focus += walk->focus == guest->target;
	guest->up = guest->stalled = guest->dead = false;
	for (unsigned d = 0; d < DEVICES; d++)
		walk->at[d][guest->target] = 0;
	walk->port[port_of(guest->target, 0)] = walk->down[port_of(guest->target, 0)] = 0;
	if (walk->focus == guest->target) {
		walk->focus = HOST;
		walk->lost = true;
		walk->stirred = walk->now;
		walk->expected.moves++;
	}
	pump_down(&pump, &walk->router, guest->target, walk->now);
	clear_guest(guest);
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
	CHECK(walk, walk->sends <= (2 + 2 * DEVICES) * (frame->n + 1), "I12: %u frames",
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
	router_add_device(&walk->router, slots[d], &remaps[d]);
	if (d == PINNED)
		router_pin_device(&walk->router, slots[d]);
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
	model_changed(walk);
	pump_remove(&pump, &walk->router, slots[d]);
	check_step(walk);
}

static unsigned some_device(struct walk *walk)
{
	unsigned d = below(walk, DEVICES);

	for (unsigned i = 0; i < DEVICES; i++)
		if (walk->present[(d + i) % DEVICES])
			return (d + i) % DEVICES;
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

/* A chord of the table, by any keys that make its codes. */
static void hotkey(struct walk *walk)
{
	const struct chord *chord = &hotkeys.entry[below(walk, hotkeys.n)].chord;
	unsigned first = below(walk, chord->n);

	for (unsigned d = 0; d < DEVICES; d++)
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
	int expected, rc;

	begin(walk, "switch", target, 0);
	expected = model_switch(walk, target);
	rc = pump_switch(&pump, &walk->router, target);
	CHECK(walk, rc == expected, "router_switch: %d, not %d", rc, expected);
	walk->counters.called_switches += walk->focus != from;
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
	for (unsigned d = 0; d < DEVICES; d++)
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
	for (unsigned d = 0; d < DEVICES; d++)
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
	unsigned d = below(walk, DEVICES);

	if (chance < 10)
		rest(walk);
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
	else if (chance < 950)
		call_switch(walk);
	else if (chance < 955)
		play_panic(walk);
	else if (chance < 980 && walk->present[d])
		release_all(walk, d);
	else if (walk->present[d])
		unplug(walk, d);
	else
		plug(walk, d);
}

/* ---- the program ---- */

static void init_tables(void)
{
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
	missing = print_counters(&walk.counters);
	printf("%d passed, %d failed\n", !missing, missing);
	return missing;
}
