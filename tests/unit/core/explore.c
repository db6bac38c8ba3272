/* SPDX-License-Identifier: MIT */
/*
 * Breadth-first search over the states of the router as it ships, with shape behind each guest:
 * from a fresh router, everything that can happen in a world of few devices, keys and targets
 * happens in every state that is found, and after each action I1 to I13 of router.h are checked,
 * against a model that keeps sets of bits. All worlds but the first are searched to the end: these
 * are all states that they have. The first has everything at once, and is searched as far as
 * STATES: explore [STATES [WORLD]], or EXPLORE_STATES in the environment.
 *
 * Some of the invariants are more than a comparison with the model. I6: the panic chord is played
 * in every state, whatever is down; after at most four events all is up and at the host. I12: the
 * frames of an action are counted. I11 has no queue to bound here: the router has none, and what a
 * channel keeps waiting (backlog.c) is part of the random walk.
 *
 * The exceptions are those of router.h. 'Always' keys stay down at the host while their device is
 * elsewhere (I2). The tap of Ctrl that shuts a menu is a press without a finger, and over within the
 * action (I3, I5). A pinned device stays at a guest that is down, and what it sends reaches nobody
 * (I4, I11). From the end of a guest to the quiet, presses reach nobody, either (I13).
 *
 * A state is the bytes of struct router in which it differs from a fresh one, those of shape's
 * pairs, and what this program knows itself (struct ghost). States are compared in full. What
 * router.h calls internal must be over at ROUTER_DONE: before each action it is overwritten with
 * nonsense, which the router must not read.
 *
 * Time is abstracted, so that there are finitely many states. The router remembers two times. All
 * events of an action have the same time, and a rest between two actions is one of three: a little
 * too short for the quiet of I13, just long enough for it, and too long for ROUTER_PANIC_AGAIN_US.
 * The age of the last panic chord counts as none up to the latter, since the router only compares
 * it; beyond, as if there had been none. The age of the last key event of I13 is exact up to
 * ROUTER_QUIET_US.
 *
 * SYN_DROPPED and the resync are one action: in between, a device's frames are not passed to the
 * router, and what the others do then is an action before it. A resync leads from every state to
 * every set of keys. Targets refuse, die, are reset and come back at any moment between frames;
 * within a frame the daemon does not tell the router.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/util.h"
#include "core/router.h"
#include "core/shape.h"
#include "pump.h"
#include "scenario.h"

#define STATES_DEFAULT 100000  /* of the first world; about 12 million transitions */
#define STATES_MAX     4000000 /* more than any other has */
#define NOW_US         INT64_C(1000000000)

enum { KEYBOARD, MOUSE, SECOND, DEVICES };
enum { HOST, FULL, PLAIN, TARGETS }; /* guest FULL has all rules of shape */
enum { PORTS = DEVICES + TARGETS - 1 };
enum { KEYS = 4, ALL_KEYS = (1 << KEYS) - 1 };

/*
 * A device's keys, before the remap. One of the modifiers opens a menu, and two make the panic
 * chord.
 */
static const uint16_t keys[KEYS] = { KEY_LEFTCTRL, KEY_LEFTALT, KEY_F1, KEY_A };
/* What comes out, a bit each. */
static const uint16_t codes[] = {
	KEY_LEFTCTRL, KEY_LEFTALT, KEY_F1, KEY_A, KEY_RIGHTALT, KEY_MUTE
};

static const struct chord panic_chord = { 2, { KEY_LEFTALT, KEY_A } };
#define PANIC_KEYS (1U << 1 | 1U << 3) /* of 'keys' */

static const struct hotkeys hotkeys = {
	.n = 5,
	.entry = {
		{ { 2, { KEY_LEFTCTRL, KEY_F1 } }, ROUTER_NEXT },
		{ { 3, { KEY_LEFTCTRL, KEY_F1, KEY_A } }, HOST },
		{ { 2, { KEY_LEFTALT, KEY_F1 } }, ROUTER_ACTION(ROUTER_KEYBOARDS, PLAIN) },
		{ { 2, { KEY_RIGHTALT, KEY_F1 } }, ROUTER_ACTION(ROUTER_KEYBOARDS, HOST) },
		{ { 2, { KEY_LEFTCTRL, KEY_A } }, ROUTER_ACTION(ROUTER_POINTERS, ROUTER_NEXT) },
	},
};

/* The mouse has an 'always' key and one of a pair; on the second keyboard two keys make one code. */
static const struct remap remaps[DEVICES] = {
	[MOUSE] = { 2, { { KEY_A, KEY_MUTE }, { KEY_F1, KEY_RIGHTALT } } },
	[SECOND] = { 1, { { KEY_A, KEY_LEFTALT } } },
};
static const char *const device_names[DEVICES] = { "keyboard", "mouse", "second" };
static const char *const target_names[TARGETS] = { "host", "full", "plain" };

static const struct shape_rules rules[TARGETS] = {
	[FULL] = { .one_of_pair = true,
		   .wheel_clicks = true,
		   .no_hires_wheel = true,
		   .step_max = 127 },
};

enum verb {
	KEY,     /* a key of the device moves */
	ODD,     /* what no keyboard does: it comes up or goes down once more, or repeats */
	TWO,     /* two keys move in one frame */
	RESYNC,  /* SYN_DROPPED, and then exactly these are down */
	OTHER,   /* motion, a lid and a scan code */
	SWITCH,  /* of a part, to a target */
	PIN,     /* the device, to a target */
	PLUG,    /* or unplug the device */
	DOWN,    /* the guest */
	RESET,   /* the guest; ready or not */
	REPLACE, /* the configuration: the same; guests swapped; the last guest gone; there again */
	PANIC,   /* I6: the chord, played on the device, whatever is down */
	REST,    /* for a while */
	VERBS
};
static const char *const verb_names[VERBS] = { "key",     "odd",   "two",  "resync", "other",
					       "switch",  "pin",   "plug", "down",   "reset",
					       "replace", "panic", "rest" };

struct action {
	uint8_t verb, a, b, c;
};
enum { ACTIONS_MAX = 512 };

/* Everything can happen in each, but with these devices and keys only: bit n is number n. */
static const struct world {
	const char *name;
	unsigned devices, keys;
	bool is_large; /* not by default */
} worlds[] = {
	{ "all", 7, ALL_KEYS, false },
	{ "chords", 1U << KEYBOARD, ALL_KEYS, false },
	{ "mouse", 1U << MOUSE, ALL_KEYS, false },
	{ "pinned", 1U << SECOND, PANIC_KEYS, false },
	{ "places", 7, 1, false },
	{ "shared", 1U << KEYBOARD | 1U << SECOND, PANIC_KEYS, true },
	{ "across", 1U << KEYBOARD | 1U << MOUSE, 1U << 0 | 1U << 2, true },
};

/* What a search must have done: one that never did it proves nothing. */
/* clang-format off */
#define COUNTERS(X)                                                                                \
	X(presses) X(releases) X(odd_events) X(repeats) X(resync_presses) X(shared_keys)           \
	X(hotkeys) X(panics) X(panics_again) X(recalls) X(refusals) X(focused) X(moved) X(left)    \
	X(menus) X(always_presses) X(pairs_held_back) X(presses_for_nobody) X(losses)              \
	X(presses_dropped_after_a_loss) X(quiet) X(resets) X(pins) X(replaced)
/* clang-format on */

static struct counters {
#define X(name) unsigned long name;
	COUNTERS(X)
#undef X
} counters;

/* What this program knows by itself: a model of the router. Bits of key sets are those of 'keys'. */
struct ghost {
	int32_t age_us; /* while lost: since the last key event */
	uint8_t fingers[DEVICES];
	uint8_t host[DEVICES], guest[DEVICES]; /* those that are down there because of the device */
	uint8_t where[DEVICES], pin[DEVICES];  /* 0 while the device is absent */
	uint8_t present, entered, ready, deaf; /* a bit for each device or target */
	uint8_t keyboards, pointers, focus;
	uint8_t n_targets;
	uint8_t lost, recalled; /* I13; the panic chord moved pinned devices */
	uint8_t recent,
		decided; /* the panic chord is not long ago; it, or a hotkey, has ever been */
	uint8_t emitted[TARGETS]; /* by shape, of 'codes' */
};

/* Everything that an action starts from. */
struct setting {
	struct router router;
	struct shape shape[TARGETS];
	struct ghost ghost;
};

/* A run of bytes of struct setting that belongs to a state. */
#define RUN(member, size)                                                                          \
	{                                                                                          \
		offsetof(struct setting, member), (size)                                           \
	}
static const struct run {
	size_t at, size;
} runs[] = {
	RUN(router, offsetof(struct router, device[DEVICES])),
	RUN(shape[FULL].pair, sizeof(struct shape_pair[SHAPE_PAIRS])),
	RUN(shape[PLAIN].pair, sizeof(struct shape_pair[SHAPE_PAIRS])),
	RUN(ghost, sizeof(struct ghost)),
};
enum { DIFFS_MAX = 160 };

/* A state in the arena: where it came from, and its bytes that differ from a fresh setting. */
struct state {
	uint32_t from;
	uint16_t action; /* its number, and in the lowest bits who refuses */
	uint16_t n;
	struct diff {
		uint16_t at;
		uint8_t byte;
	} __attribute__((packed)) diff[];
};

struct search {
	const struct world *world;
	struct action action[ACTIONS_MAX];
	unsigned n_actions;
	unsigned char *arena;
	size_t used, room;
	uint64_t *place; /* of each state in the arena */
	uint32_t *table; /* of the hash: a state's number plus one */
	uint32_t n, limit, mask;
	unsigned long transitions;

	struct setting fresh, now;
	/* Of the action under way. */
	uint32_t state;
	unsigned refusing, asked, entered, ready; /* guests, a bit each */
	unsigned number;                          /* of the action, as in struct state */
	bool printing;
	uint8_t down[PORTS]; /* of 'codes' */
	unsigned sends, presses, panics, agains, moves;
	unsigned motions, motion_at, lids; /* how many came out, and where */
};

static struct search search;

/* ---- failure: the shortest way to it ---- */

static bool perform(struct search *s, unsigned number);

static void print_action(const struct search *s, unsigned number)
{
	const struct action *action = &s->action[number >> TARGETS];

	printf("! %s %u %u %u", verb_names[action->verb], action->a, action->b, action->c);
	for (unsigned target = FULL; target < TARGETS; target++)
		if (number >> target & 1)
			printf(", %s refuses", target_names[target]);
	putchar('\n');
}

static const struct state *state_at(const struct search *s, uint32_t n)
{
	return (const struct state *)(s->arena + s->place[n]);
}

static void print_way(struct search *s)
{
	static uint16_t way[1U << 16];
	unsigned n = 0;

	way[n++] = (uint16_t)s->number;
	for (uint32_t i = s->state; i; i = state_at(s, i)->from)
		way[n++] = state_at(s, i)->action;
	s->printing = true;
	s->now = s->fresh;
	while (n > 0)
		perform(s, way[--n]);
}

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *what, ...)
{
	struct search *s = &search;
	va_list args;

	printf("explore: world %s: ", s->world->name);
	va_start(args, what);
	vprintf(what, args);
	va_end(args);
	putchar('\n');
	if (!s->printing) { /* else this is the way, and its end */
		printf("the shortest way there:\n");
		print_way(s);
	}
	printf("0 passed, 1 failed\n");
	exit(1);
}

#define CHECK(condition, ...)                                                                      \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0))                                             \
			fail(__VA_ARGS__);                                                         \
	} while (0)

/* ---- codes ---- */

static unsigned code_bit(unsigned code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i] == code)
			return 1U << i;
	fail("key %u came from nowhere", code);
}

/* The bits of the codes that these keys of the device make. */
static unsigned made_by[DEVICES][ALL_KEYS + 1];
static struct keyset set_of[ALL_KEYS + 1];
static unsigned always_keys[DEVICES];
static unsigned always_bit, ctrl_bit, menu_bits;

static void init_codes(void)
{
	for (unsigned d = 0; d < DEVICES; d++) {
		for (unsigned set = 1; set <= ALL_KEYS; set++) {
			unsigned key = (unsigned)__builtin_ctz(set), code = keys[key];

			for (unsigned i = 0; i < remaps[d].n; i++)
				if (remaps[d].entry[i].from == keys[key])
					code = remaps[d].entry[i].to;
			made_by[d][set] = made_by[d][set & (set - 1)] | code_bit(code);
			always_keys[d] |= (code == KEY_MUTE) << key & set;
			set_of[set] = set_of[set & (set - 1)];
			keyset_add(&set_of[set], keys[key]);
		}
	}
	always_bit = code_bit(KEY_MUTE);
	ctrl_bit = code_bit(KEY_LEFTCTRL);
	menu_bits = code_bit(KEY_LEFTALT) | code_bit(KEY_RIGHTALT);
}

/* ---- what the ports get ---- */

static unsigned port_of(unsigned target, unsigned device)
{
	return target == HOST ? device : DEVICES + target - 1;
}

/* What must be down on each port. */
static void expected_down(const struct ghost *g, uint8_t down[static PORTS])
{
	memset(down, 0, PORTS);
	for (unsigned d = 0; d < DEVICES; d++) {
		unsigned port = port_of(g->where[d], d);

		down[d] |= (uint8_t)made_by[d][g->host[d]];
		counters.shared_keys += (down[port] & made_by[d][g->guest[d]]) != 0;
		down[port] |= (uint8_t)made_by[d][g->guest[d]];
	}
}

/* I9 */
static void check_frame(const struct frame *frame)
{
	CHECK(frame->n >= 2 && frame->n <= FRAME_MAX, "I9: a frame of %u events", frame->n);
	for (unsigned i = 0; i < frame->n; i++)
		CHECK((frame->ev[i].type == EV_SYN) == (i == frame->n - 1),
		      "I9: event %u of %u has type %u", i, frame->n, frame->ev[i].type);
}

/* I7 */
static uint8_t check_key(uint8_t down, const struct input_event *ev, const char *where)
{
	unsigned bit = code_bit(ev->code);

	CHECK(ev->value >= 0 && ev->value <= 2, "I7: %s: value %d", where, ev->value);
	CHECK((ev->value == 1) == !(down & bit), "I7: %s: key %u gets %d", where, ev->code,
	      ev->value);
	return (uint8_t)(ev->value == 2 ? down : down ^ bit);
}

static void print_frame(const char *mark, const char *port, const struct frame *frame)
{
	char text[1024];

	events_print(frame, text, sizeof(text));
	printf("%s %s %s\n", mark, port, text);
}

static void shaped(struct search *s, unsigned target, const struct frame *frame)
{
	uint8_t *emitted = &s->now.ghost.emitted[target];

	check_frame(frame);
	for (unsigned i = 0; i + 1 < frame->n; i++)
		if (frame->ev[i].type == EV_KEY)
			*emitted = check_key(*emitted, &frame->ev[i], "shape");
	if (rules[target].one_of_pair)
		CHECK((*emitted & menu_bits) != menu_bits, "shape: both keys of a pair are down");
}

static void pass_to_shape(struct search *s, unsigned target, const struct frame *frame)
{
	struct shape *shape = &s->now.shape[target];
	unsigned ready = shape_frame(shape, frame), rounds = 0;

	for (;; ready = shape_more(shape)) {
		for (unsigned node = 0; node < SHAPE_NODES; node++)
			if (ready >> node & 1)
				shaped(s, target, shape->ready[node]);
		if (!(ready & SHAPE_MORE))
			break;
		CHECK(++rounds <= SHAPE_STEPS_MAX, "I12: shape makes no end");
	}
}

static void on_send(struct router *router, unsigned target, unsigned d, const struct frame *frame)
{
	struct search *s = &search;
	unsigned port = port_of(target, d);

	CHECK(target < s->now.ghost.n_targets && d < DEVICES, "target %u, device %u", target, d);
	CHECK(target == HOST || (s->entered & s->ready) >> target & 1,
	      "I4: a frame for %s, which takes none", target_names[target]);
	CHECK(++s->sends <= 8 * DEVICES, "I12: %u frames", s->sends);
	check_frame(frame);
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		if (ev->type == EV_REL) {
			s->motions++;
			s->motion_at = target;
			continue;
		}
		if (ev->type == EV_SW && target == HOST) {
			s->lids++;
			continue;
		}
		CHECK(ev->type == EV_KEY, "type %u at target %u", ev->type, target);
		s->down[port] = check_key(s->down[port], &frame->ev[i], "port");
		s->presses += frame->ev[i].value == 1;
		counters.repeats += frame->ev[i].value == 2;
	}
	if (s->printing)
		print_frame(">", target == HOST ? device_names[d] : target_names[target], frame);
	if (target != HOST)
		pass_to_shape(s, target, frame);
	(void)router;
}

static int on_enter(struct router *router, unsigned target)
{
	struct search *s = &search;

	CHECK(target != HOST && target < s->now.ghost.n_targets, "asked for target %u", target);
	CHECK(!(s->entered >> target & 1), "asked for %s, which is entered", target_names[target]);
	s->asked |= 1U << target;
	counters.refusals += s->refusing >> target & 1;
	if (s->refusing >> target & 1)
		return -ENOTCONN;
	shape_reset(&s->now.shape[target]);
	s->entered |= 1U << target;
	s->ready |= 1U << target;
	(void)router;
	return 0;
}

static void on_focused(struct router *router, unsigned from, unsigned to)
{
	CHECK(router->focus == to, "focused from %u to %u", from, to);
	search.moves++;
	counters.focused++;
}

static void on_moved(struct router *router, unsigned part, unsigned to)
{
	CHECK(part != ROUTER_ALL && to < router->n_targets, "part %u moved to %u", part, to);
	search.moves++;
	counters.moved++;
}

/* I2, at the moment that it is promised for. */
static void on_left(struct router *router, unsigned target)
{
	struct search *s = &search;

	CHECK(s->entered >> target & 1, "%s was left without being entered", target_names[target]);
	CHECK(!s->down[port_of(target, 0)], "I2: %s was left with keys down", target_names[target]);
	s->entered &= ~(1U << target);
	s->ready &= ~(1U << target);
	counters.left++;
	(void)router;
}

static void on_panicked(struct router *router, bool again)
{
	CHECK(router->focus == HOST, "I6: the focus is %u", router->focus);
	for (unsigned port = 0; port < PORTS; port++)
		CHECK(!search.down[port], "I6: keys stay down on port %u", port);
	search.panics++;
	search.agains += again;
	counters.panics_again += again;
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

static bool is_part(unsigned part, unsigned d)
{
	return part == ROUTER_DEVICE(d) || part == ROUTER_ALL ||
	       part == (d == MOUSE ? ROUTER_POINTERS : ROUTER_KEYBOARDS);
}

static unsigned place_of(const struct ghost *g, unsigned part)
{
	switch (part) {
	case ROUTER_ALL:
		return g->focus;
	case ROUTER_KEYBOARDS:
		return g->keyboards;
	case ROUTER_POINTERS:
		return g->pointers;
	default:
		return g->where[part - ROUTER_PARTS];
	}
}

/* Guests where nothing is any more are left. */
static void model_leave(struct ghost *g)
{
	unsigned used = 1U << g->focus | 1U << g->keyboards | 1U << g->pointers;

	for (unsigned d = 0; d < DEVICES; d++)
		if (g->present >> d & 1)
			used |= 1U << g->where[d];
	g->entered &= (uint8_t)used;
	g->ready &= (uint8_t)used;
}

static void model_set_focus(struct ghost *g, unsigned part, unsigned to)
{
	if (part == ROUTER_ALL || part == ROUTER_KEYBOARDS)
		g->keyboards = (uint8_t)to;
	if (part == ROUTER_ALL || part == ROUTER_POINTERS)
		g->pointers = (uint8_t)to;
	if (g->keyboards == g->pointers)
		g->focus = g->keyboards;
}

/* I2: what a device leaves comes up there; at the host, 'always' keys stay down. */
static void model_move(struct ghost *g, unsigned part, unsigned to, bool panics)
{
	for (unsigned d = 0; d < DEVICES; d++) {
		if (!(g->present >> d & 1) || !is_part(part, d) || g->where[d] == to)
			continue;
		if (g->pin[d] != ROUTER_FREE && !panics && part != ROUTER_DEVICE(d))
			continue;
		if (g->where[d] == HOST)
			g->host[d] &= (uint8_t)always_keys[d];
		g->guest[d] = 0;
		g->where[d] = (uint8_t)to;
	}
	if (to != HOST && !(g->entered >> to & 1)) {
		g->entered |= (uint8_t)(1U << to);
		g->ready |= (uint8_t)(1U << to);
	}
	model_set_focus(g, part, to);
	model_leave(g);
	g->lost = false;
}

static int model_switch(struct ghost *g, unsigned refusing, unsigned part, unsigned target)
{
	unsigned no = refusing & ~g->entered, d = part - ROUTER_PARTS, from;

	g->recalled = false;
	if (target != ROUTER_NEXT && target >= g->n_targets)
		return -EINVAL;
	if (part >= ROUTER_PARTS && !(g->present >> d & 1))
		return -ENODEV;
	if (part >= ROUTER_PARTS && g->pin[d] != ROUTER_FREE && g->pin[d] != target)
		return -EPERM;
	if (target != ROUTER_NEXT && no >> target & 1)
		return -ENOTCONN;
	from = place_of(g, part);
	for (unsigned i = 1; target == ROUTER_NEXT; i++) {
		if (i == g->n_targets)
			return -ENODEV;
		if (!(no >> (from + i) % g->n_targets & 1))
			target = (from + i) % g->n_targets;
	}
	model_move(g, part, target, false);
	return 0;
}

static void model_panic(struct ghost *g)
{
	counters.panics++;
	for (unsigned d = 0; d < DEVICES; d++)
		g->recalled |=
			g->present >> d & 1 && g->pin[d] != ROUTER_FREE && g->where[d] != HOST;
	counters.recalls += g->recalled;
	model_move(g, ROUTER_ALL, HOST, true);
	memset(g->host, 0, sizeof(g->host));
	g->recent = g->decided = true;
}

/* The action of the longest chord that a press of the code completes, or -1. */
static int model_hotkey(const struct ghost *g, unsigned pressed)
{
	unsigned modifiers = ctrl_bit | menu_bits, down = 0, longest = 0;
	int action = -1;

	for (unsigned d = 0; d < DEVICES; d++)
		down |= made_by[d][g->fingers[d]];
	for (unsigned i = 0; i < hotkeys.n; i++) {
		const struct chord *chord = &hotkeys.entry[i].chord;
		unsigned bits = 0;

		for (unsigned k = 0; k < chord->n; k++)
			bits |= code_bit(chord->code[k]);
		if (!(pressed & bits) || (down & bits) != bits || down & modifiers & ~bits ||
		    chord->n <= longest)
			continue;
		longest = chord->n;
		action = hotkeys.entry[i].action;
	}
	return action;
}

static bool completes_panic(const struct ghost *g, unsigned key)
{
	unsigned raw = 0;

	for (unsigned d = 0; d < DEVICES; d++)
		raw |= g->fingers[d];
	return PANIC_KEYS >> key & 1 && (raw & PANIC_KEYS) == PANIC_KEYS;
}

/* I8, I10, I11, I13 */
static void model_press(struct ghost *g, unsigned refusing, unsigned d, unsigned key, bool resync)
{
	unsigned bit = 1U << key;
	int action;

	g->fingers[d] |= (uint8_t)bit;
	counters.resync_presses += resync;
	if (completes_panic(g, key)) {
		model_panic(g);
		return;
	}
	action = resync ? -1 : model_hotkey(g, made_by[d][bit]);
	if (action >= 0) {
		counters.hotkeys++;
		g->decided = true;
		model_switch(g, refusing, (unsigned)action / (ROUTER_NEXT + 1),
			     (unsigned)action % (ROUTER_NEXT + 1));
	} else if (always_keys[d] & bit) {
		counters.always_presses++;
		g->host[d] |= (uint8_t)bit;
	} else if (g->lost && g->deaf >> d & 1) {
		counters.presses_dropped_after_a_loss++;
	} else if (g->where[d] == HOST) {
		g->host[d] |= (uint8_t)bit;
	} else if (g->ready >> g->where[d] & 1) {
		g->guest[d] |= (uint8_t)bit;
	} else {
		counters.presses_for_nobody++;
	}
}

static bool no_fingers(const struct ghost *g)
{
	for (unsigned d = 0; d < DEVICES; d++)
		if (g->fingers[d])
			return false;
	return true;
}

/* I13 */
static void model_quiet(struct ghost *g, bool is_key)
{
	if (!g->lost)
		return;
	if (no_fingers(g) && g->age_us >= ROUTER_QUIET_US) {
		g->lost = false;
		counters.quiet++;
	} else if (is_key || !no_fingers(g)) {
		g->age_us = 0;
	}
}

static void model_key(struct search *s, unsigned d, const struct input_event *ev, bool resync)
{
	struct ghost *g = &s->now.ghost;
	unsigned key = 0, bit;

	while (keys[key] != ev->code)
		key++;
	bit = 1U << key;
	if (ev->value == 0) {
		counters.releases++;
		g->fingers[d] &= (uint8_t)~bit;
		g->host[d] &= (uint8_t)~bit;
		g->guest[d] &= (uint8_t)~bit;
	} else if (ev->value == 1 && !(g->fingers[d] & bit)) {
		counters.presses++;
		model_press(g, s->refusing, d, key, resync);
	}
}

/* The guest has nothing down any more. */
static void model_forget(struct search *s, unsigned target)
{
	struct ghost *g = &s->now.ghost;

	for (unsigned d = 0; d < DEVICES; d++)
		if (g->where[d] == target)
			g->guest[d] = 0;
	g->emitted[target] = s->down[port_of(target, 0)] = 0;
	shape_reset(&s->now.shape[target]);
}

/* All that was at the guest, and is not pinned, is the host's, and deaf. */
static void model_down(struct search *s, unsigned target)
{
	struct ghost *g = &s->now.ghost;

	model_forget(s, target);
	for (unsigned d = 0; d < DEVICES; d++) {
		if (!g->lost)
			g->deaf &= (uint8_t) ~(1U << d);
		if (g->where[d] != target || g->pin[d] != ROUTER_FREE)
			continue;
		g->where[d] = HOST;
		g->deaf |= (uint8_t)(1U << d);
	}
	if (g->keyboards == target)
		model_set_focus(g, ROUTER_KEYBOARDS, HOST);
	if (g->pointers == target)
		model_set_focus(g, ROUTER_POINTERS, HOST);
	if (g->focus == target)
		g->focus = HOST;
	g->entered &= (uint8_t) ~(1U << target);
	g->ready &= (uint8_t) ~(1U << target);
	g->lost = true;
	g->age_us = 0;
	s->entered = g->entered;
	s->ready = g->ready;
	counters.losses++;
}

/* ---- what holds after each action ---- */

static bool is_set(const struct keyset *set, unsigned bits)
{
	return memcmp(set, &set_of[bits], sizeof(*set)) == 0;
}

static void check_focus(const struct search *s)
{
	const struct router *router = &s->now.router;
	const struct ghost *g = &s->now.ghost;

	CHECK(router->focus == g->focus, "the focus is %u, not %u", router->focus, g->focus);
	CHECK(g->focus == HOST || g->entered >> g->focus & 1, "I4: the focus is at %s",
	      target_names[g->focus]);
	CHECK(router->part_focus[ROUTER_KEYBOARDS] == g->keyboards, "keyboards go to %u, not to %u",
	      router->part_focus[ROUTER_KEYBOARDS], g->keyboards);
	CHECK(router->part_focus[ROUTER_POINTERS] == g->pointers, "pointers go to %u, not to %u",
	      router->part_focus[ROUTER_POINTERS], g->pointers);
	CHECK(s->entered == g->entered, "entered are %x, not %x", s->entered, g->entered);
	CHECK(router->deaf == g->lost, "I13: deaf is %d", router->deaf);
	CHECK(!g->lost || NOW_US - router->quiet_since_us == g->age_us,
	      "I13: quiet for %d us, not %d", (int)(NOW_US - router->quiet_since_us), g->age_us);
	CHECK((router->panicked_at.tv_sec != 0) == g->recent, "I6: the last panic chord");
	CHECK(router->recalled == g->recalled, "recalled is %d", router->recalled);
	CHECK(router->decided == g->decided, "decided is %d", router->decided);
	for (unsigned target = FULL; target < TARGETS; target++) {
		CHECK(router->target[target].entered == (g->entered >> target & 1),
		      "%s: entered is %d", target_names[target], router->target[target].entered);
		CHECK(router->target[target].ready == (g->ready >> target & 1), "%s: ready is %d",
		      target_names[target], router->target[target].ready);
	}
}

static void check_device(const struct router *router, const struct ghost *g, unsigned d)
{
	const struct router_device *device = &router->device[d];
	const char *name = device_names[d];
	bool present = g->present >> d & 1;
	bool waits = present && g->pin[d] < g->n_targets && g->pin[d] != HOST && !g->recalled &&
		     (g->where[d] != g->pin[d] || !(g->entered >> g->pin[d] & 1));

	CHECK(device->present == present, "%s: present is %d", name, device->present);
	CHECK(router_pin_waits(router, d) == waits, "%s: router_pin_waits", name);
	CHECK(is_set(&device->raw, g->fingers[d]), "I3: %s: what is held differs", name);
	CHECK(is_set(&device->at_host, g->host[d]), "I1, I2: %s: what it has at the host differs",
	      name);
	CHECK(is_set(&device->at_guest, g->guest[d]), "I1, I2: %s: what it has at a guest differs",
	      name);
	CHECK(!((g->host[d] | g->guest[d]) & ~g->fingers[d]), "I3: %s: no finger is on it", name);
	CHECK(!(g->host[d] & g->guest[d]), "I5: %s: a key is down twice", name);
	if (!present)
		return;
	CHECK(device->target == g->where[d], "%s is at %u, not %u", name, device->target,
	      g->where[d]);
	CHECK(device->pin == g->pin[d], "%s: pinned to %u", name, device->pin);
	CHECK(!g->lost || device->deaf == (g->deaf >> d & 1), "I13: %s: deaf is %d", name,
	      device->deaf);
	CHECK(g->where[d] == HOST ? !g->guest[d] : !(g->host[d] & ~always_keys[d]),
	      "I2: %s has keys down where it is not", name);
	CHECK(g->pin[d] != ROUTER_FREE || g->where[d] == HOST || g->entered >> g->where[d] & 1,
	      "I4: %s is at %s", name, target_names[g->where[d]]);
}

static void check_guest(const struct search *s, unsigned target)
{
	unsigned wanted = s->down[port_of(target, 0)], is = s->now.ghost.emitted[target];

	CHECK(!wanted || s->entered >> target & 1, "I2: %s keeps %x", target_names[target], wanted);
	if (rules[target].one_of_pair && (wanted & menu_bits) == menu_bits) {
		CHECK(is & menu_bits, "I11: shape: neither key of a pair is down");
		counters.pairs_held_back++;
		wanted = (wanted & ~menu_bits) | (is & menu_bits);
	}
	CHECK(is == wanted, "I11: shape: %x is down at %s, not %x", is, target_names[target],
	      wanted);
}

static void check_invariants(const struct search *s)
{
	const struct router *router = &s->now.router;
	const struct router_work *work = &router->work;
	uint8_t down[PORTS];

	check_focus(s);
	for (unsigned d = 0; d < DEVICES; d++)
		check_device(router, &s->now.ghost, d);
	expected_down(&s->now.ghost, down);
	for (unsigned port = 0; port < PORTS; port++)
		CHECK(down[port] == s->down[port], "I1: port %u: %x is down, not %x", port,
		      s->down[port], down[port]);
	for (unsigned target = FULL; target < TARGETS; target++)
		check_guest(s, target);
	CHECK(router_idle(router) == no_fingers(&s->now.ghost), "router_idle");
	CHECK(work->stage == STAGE_IDLE && !work->frame && !work->tapped && !work->moves &&
		      !work->panics,
	      "work is left at ROUTER_DONE");
	CHECK(router->n_devices <= DEVICES, "n_devices is %u", router->n_devices);
}

/* ---- actions; false: not possible in this state ---- */

static const struct timeval now = { NOW_US / 1000000, 0 };

static void add_event(struct frame *frame, unsigned type, unsigned code, int value)
{
	struct input_event at = { .time = now };

	frame_put(frame, &at, type, code, value);
}

static bool play_frame(struct search *s, unsigned d, struct frame *frame)
{
	bool recent = s->now.ghost.recent;
	unsigned long panics = counters.panics;
	unsigned presses = 0;

	s->sends = s->presses = s->panics = s->agains = s->moves = 0;
	for (unsigned i = 0; i < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];

		model_quiet(&s->now.ghost, ev->type == EV_KEY);
		presses += ev->type == EV_KEY && ev->value == 1;
		if (ev->type == EV_KEY)
			model_key(s, d, ev, frame->resync);
	}
	add_event(frame, EV_SYN, SYN_REPORT, 0);
	if (s->printing)
		print_frame("<", device_names[d], frame);
	pump_frame(&pump, &s->now.router, d, frame);
	CHECK(s->panics == counters.panics - panics, "I6: %u panics", s->panics);
	CHECK(s->agains == s->panics - (s->panics && !recent), "I6: %u are second panic chords",
	      s->agains);
	/* Beside them there is the tap of Ctrl, where a switch shuts a menu. */
	CHECK(s->presses <= presses + (s->moves ? PORTS : 0), "I5: %u presses came of %u",
	      s->presses, presses);
	counters.menus += s->presses > presses;
	return true;
}

static bool play_key(struct search *s, unsigned d, unsigned key, int value)
{
	struct frame frame = { 0 };

	add_event(&frame, EV_KEY, keys[key], value);
	return play_frame(s, d, &frame);
}

static bool is_held(const struct search *s, unsigned d, unsigned key)
{
	return s->now.ghost.fingers[d] >> key & 1;
}

static bool play_odd(struct search *s, unsigned d, unsigned key, bool repeat)
{
	counters.odd_events++;
	return play_key(s, d, key, repeat ? 2 : is_held(s, d, key));
}

static bool play_two(struct search *s, unsigned d, unsigned first, unsigned second)
{
	struct frame frame = { 0 };

	add_event(&frame, EV_KEY, keys[first], !is_held(s, d, first));
	add_event(&frame, EV_KEY, keys[second], !is_held(s, d, second));
	return play_frame(s, d, &frame);
}

static bool play_resync(struct search *s, unsigned d, unsigned wanted)
{
	struct frame frame = { .resync = true };

	for (unsigned key = 0; key < KEYS; key++)
		if ((wanted >> key & 1) != is_held(s, d, key))
			add_event(&frame, EV_KEY, keys[key], wanted >> key & 1);
	return frame.n > 0 && play_frame(s, d, &frame);
}

static bool play_other(struct search *s, unsigned d, bool motion)
{
	struct frame frame = { 0 };

	const struct ghost *g = &s->now.ghost;
	bool takes = g->where[d] == HOST || g->ready >> g->where[d] & 1;

	add_event(&frame, EV_REL, REL_X, 300);
	if (!motion) {
		add_event(&frame, EV_SW, SW_LID, 1);
		add_event(&frame, EV_MSC, MSC_SCAN, 7);
	}
	s->motions = s->lids = 0;
	play_frame(s, d, &frame);
	CHECK(s->motions == takes && (!takes || s->motion_at == g->where[d]),
	      "I5, I11: motion came out %u times, at %u", s->motions, s->motion_at);
	CHECK(s->lids == !motion, "I5, I11: a lid came out %u times", s->lids);
	return true;
}

static bool play_switch(struct search *s, unsigned part, unsigned target)
{
	int expected = model_switch(&s->now.ghost, s->refusing, part, target);
	int rc = pump_switch_part(&pump, &s->now.router, part, target);

	CHECK(rc == expected, "router_switch_part: %d, not %d", rc, expected);
	return true;
}

static bool play_pin(struct search *s, unsigned d, unsigned target)
{
	struct ghost *g = &s->now.ghost;

	if (!(g->present >> d & 1) || g->fingers[d] || g->pin[d] == target ||
	    (target != ROUTER_FREE && target >= g->n_targets))
		return false;
	g->pin[d] = (uint8_t)target;
	g->where[d] = (uint8_t)target;
	if (target == ROUTER_FREE)
		g->where[d] = d == MOUSE ? g->pointers : g->keyboards;
	g->deaf &= (uint8_t) ~(1U << d);
	model_leave(g);
	router_pin_device(&s->now.router, d, target);
	pump_leave(&pump, &s->now.router);
	counters.pins++;
	return true;
}

static void plug(struct search *s, unsigned d)
{
	struct ghost *g = &s->now.ghost;

	g->present |= (uint8_t)(1U << d);
	g->deaf |= (uint8_t)(1U << d);
	g->where[d] = d == MOUSE ? g->pointers : g->keyboards;
	g->pin[d] = ROUTER_FREE;
	router_add_device(&s->now.router, d, &remaps[d]);
	if (d == MOUSE)
		router_set_pointer(&s->now.router, d);
}

static void unplug(struct search *s, unsigned d)
{
	struct ghost *g = &s->now.ghost;

	g->present &= (uint8_t) ~(1U << d);
	g->deaf &= (uint8_t) ~(1U << d);
	g->fingers[d] = g->host[d] = g->guest[d] = 0;
	model_leave(g);
	pump_remove(&pump, &s->now.router, d);
	g->where[d] = g->pin[d] = 0;
}

static bool play_plug(struct search *s, unsigned d)
{
	if (s->now.ghost.present >> d & 1)
		unplug(s, d);
	else
		plug(s, d);
	return true;
}

static bool play_down(struct search *s, unsigned target)
{
	bool entered = s->now.ghost.entered >> target & 1;

	if (entered)
		model_down(s, target);
	CHECK(router_target_down(&s->now.router, target, NOW_US) == entered, "router_target_down");
	model_leave(&s->now.ghost);
	pump_leave(&pump, &s->now.router);
	return true;
}

static bool play_reset(struct search *s, unsigned target, bool ready)
{
	struct ghost *g = &s->now.ghost;

	if (g->entered >> target & 1) {
		model_forget(s, target);
		g->ready = (uint8_t)((g->ready & ~(1U << target)) | (unsigned)ready << target);
		s->ready = g->ready;
		counters.resets++;
	}
	router_target_reset(&s->now.router, target, ready);
	return true;
}

static unsigned renumber_bits(unsigned bits, const unsigned *map)
{
	unsigned to = 0;

	for (unsigned target = 0; target < TARGETS; target++)
		if (bits >> target & 1 && map[target] != ROUTER_GONE)
			to |= 1U << map[target];
	return to;
}

static void model_replace(struct search *s, const unsigned *map)
{
	struct ghost *g = &s->now.ghost;

	g->keyboards = (uint8_t)map[g->keyboards];
	g->pointers = (uint8_t)map[g->pointers];
	g->focus = (uint8_t)map[g->focus];
	s->entered = g->entered = (uint8_t)renumber_bits(g->entered, map);
	s->ready = g->ready = (uint8_t)renumber_bits(g->ready, map);
	for (unsigned d = 0; d < DEVICES; d++) {
		bool pinned = g->present >> d & 1 && g->pin[d] != ROUTER_FREE;

		if (!(g->present >> d & 1))
			continue;
		g->where[d] = map[g->where[d]] == ROUTER_GONE ? HOST : (uint8_t)map[g->where[d]];
		if (pinned)
			g->pin[d] = map[g->pin[d]] == ROUTER_GONE ? HOST : (uint8_t)map[g->pin[d]];
	}
}

/* As reload.c does it: between keystrokes only. */
static bool play_replace(struct search *s, unsigned how)
{
	static const unsigned swapped[TARGETS] = { HOST, PLAIN, FULL };
	struct ghost *g = &s->now.ghost;
	unsigned map[ROUTER_TARGETS], n_targets = how == 2 ? PLAIN : TARGETS;

	if (!no_fingers(g) || (how != 3 && g->n_targets != TARGETS) ||
	    (how == 3 && g->n_targets == TARGETS))
		return false;
	for (unsigned target = 0; target < ROUTER_TARGETS; target++)
		map[target] = how == 1 && target < TARGETS ? swapped[target] : target;
	if (how == 2) {
		map[PLAIN] = ROUTER_GONE;
		play_down(s, PLAIN);
	}
	model_replace(s, map);
	g->n_targets = (uint8_t)n_targets;
	router_replace(&s->now.router, s->now.router.hotkeys, &panic_chord, s->now.router.always,
		       n_targets, map);
	for (unsigned d = 0; d < DEVICES; d++)
		if (g->present >> d & 1)
			router_set_remap(&s->now.router, d, &remaps[d]);
	counters.replaced++;
	return true;
}

/* I6: at most four events, and all is at the host and up. */
static bool play_panic(struct search *s, unsigned d)
{
	const struct ghost *g = &s->now.ghost;

	for (unsigned key = 0; key < KEYS; key++) {
		if (!(PANIC_KEYS >> key & 1))
			continue;
		if (is_held(s, d, key))
			play_key(s, d, key, 0);
		play_key(s, d, key, 1);
	}
	CHECK(s->panics > 0 && g->focus == HOST && !g->entered, "I6: no panic");
	for (unsigned i = 0; i < DEVICES; i++)
		CHECK(g->where[i] == HOST, "I6: %s is at %u", device_names[i], g->where[i]);
	for (unsigned port = 0; port < PORTS; port++)
		CHECK(!s->down[port], "I6: port %u keeps %x", port, s->down[port]);
	return true;
}

/* The router's two times move back instead of the clock forward. */
static bool play_rest(struct search *s, unsigned how)
{
	static const int rests[] = { ROUTER_QUIET_US - 1, ROUTER_QUIET_US,
				     ROUTER_PANIC_AGAIN_US + 1 };
	struct router *router = &s->now.router;
	struct ghost *g = &s->now.ghost;

	if (router->deaf)
		router->quiet_since_us -= rests[how];
	if (g->lost)
		g->age_us = g->age_us + rests[how] > ROUTER_QUIET_US ? ROUTER_QUIET_US
								     : g->age_us + rests[how];
	if (rests[how] <= ROUTER_PANIC_AGAIN_US)
		return true;
	g->recent = false;
	if (router->panicked_at.tv_sec)
		router->panicked_at = (struct timeval){ 0 };
	return true;
}

static bool play(struct search *s, const struct action *action)
{
	unsigned a = action->a, b = action->b, c = action->c;

	switch ((enum verb)action->verb) {
	case KEY:
		return play_key(s, a, b, !is_held(s, a, b));
	case ODD:
		return play_odd(s, a, b, c);
	case TWO:
		return play_two(s, a, b, c);
	case RESYNC:
		return play_resync(s, a, b);
	case OTHER:
		return play_other(s, a, b);
	case SWITCH:
		return play_switch(s, a, b);
	case PIN:
		return play_pin(s, a, b);
	case PLUG:
		return play_plug(s, a);
	case DOWN:
		return play_down(s, a);
	case RESET:
		return play_reset(s, a, b);
	case REPLACE:
		return play_replace(s, a);
	case PANIC:
		return play_panic(s, a);
	default:
		return play_rest(s, a);
	}
}

/* What the next action must not depend on gets one value. */
static void settle(struct search *s)
{
	struct router *router = &s->now.router;
	struct route route;

	if (router->work.handed)
		CHECK(router_next(router, &route) == ROUTER_DONE && !route.host && !route.guest,
		      "a step after ROUTER_DONE");
	CHECK(router->out[0].n == 0 && router->out[1].n == 0, "I9: events are left over");
	if (router->panicked_at.tv_sec)
		router->panicked_at = now;
	if (!s->now.ghost.lost)
		s->now.ghost.age_us = 0;
	if (!router->deaf)
		router->quiet_since_us = 0;
	else if (NOW_US - router->quiet_since_us > ROUTER_QUIET_US)
		router->quiet_since_us = NOW_US - ROUTER_QUIET_US;
	/* router_add_device writes all of it. */
	for (unsigned d = 0; d < DEVICES; d++)
		if (!router->device[d].present)
			router->device[d] = s->fresh.router.device[d];
}

static void spoil_work(struct router_work *work)
{
	const unsigned nonsense = 0x5a5a5a5a;

	work->ev = work->at = NULL;
	work->device = work->part = work->to = work->others = work->cursor = nonsense;
	work->again = work->next = true;
	work->rc = (int)nonsense;
}

static bool perform(struct search *s, unsigned number)
{
	const struct action *action = &s->action[number >> TARGETS];
	const struct ghost *g = &s->now.ghost;
	bool done;

	s->number = number;
	s->refusing = number & ((1U << TARGETS) - 1);
	s->entered = g->entered;
	s->ready = g->ready;
	s->asked = s->sends = 0;
	expected_down(g, s->down);
	spoil_work(&s->now.router.work);
	if (s->printing)
		print_action(s, number);
	if ((action->verb <= OTHER || action->verb == PANIC) && !(g->present >> action->a & 1))
		return false;
	done = play(s, action);
	settle(s);
	check_invariants(s);
	return done;
}

/* ---- states ---- */

static size_t encode(const struct search *s, struct diff *diff)
{
	const unsigned char *is = (const unsigned char *)&s->now;
	const unsigned char *was = (const unsigned char *)&s->fresh;
	size_t n = 0, base = 0;

	for (size_t r = 0; r < ARRAY_SIZE(runs); base += runs[r++].size) {
		for (size_t i = 0; i < runs[r].size;) {
			size_t at = runs[r].at + i;
			uint64_t a, b;

			if (i + sizeof(a) <= runs[r].size) {
				memcpy(&a, is + at, sizeof(a));
				memcpy(&b, was + at, sizeof(b));
				if (a == b) {
					i += sizeof(a);
					continue;
				}
			}
			for (size_t end = i + 8; i < end && i < runs[r].size; i++, at++) {
				if (is[at] == was[at])
					continue;
				CHECK(n < DIFFS_MAX, "a state is too long");
				diff[n++] = (struct diff){ (uint16_t)(base + i), is[at] };
			}
		}
	}
	return n;
}

static void restore(struct search *s, const struct state *state)
{
	unsigned char *is = (unsigned char *)&s->now;
	const unsigned char *was = (const unsigned char *)&s->fresh;
	size_t base = 0, r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(runs); i++)
		memcpy(is + runs[i].at, was + runs[i].at, runs[i].size);
	for (unsigned i = 0; i < state->n; i++) {
		while (state->diff[i].at >= base + runs[r].size)
			base += runs[r++].size;
		is[runs[r].at + state->diff[i].at - base] = state->diff[i].byte;
	}
}

static uint64_t hash_of(const struct diff *diff, size_t n)
{
	uint64_t hash = n;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ ((uint64_t)diff[i].at << 8 | diff[i].byte)) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

/* False if the state is new and there is no room for it. */
static bool add_state(struct search *s)
{
	struct diff diff[DIFFS_MAX];
	size_t n = encode(s, diff), size = sizeof(struct state) + n * sizeof(*diff);
	uint32_t slot = (uint32_t)(hash_of(diff, n) >> 16) & s->mask;
	struct state *state;

	for (; s->table[slot]; slot = (slot + 1) & s->mask) {
		const struct state *known = state_at(s, s->table[slot] - 1);

		if (known->n == n && memcmp(known->diff, diff, n * sizeof(*diff)) == 0)
			return true;
	}
	if (s->n == s->limit || s->used + size > s->room)
		return false;
	state = (struct state *)(s->arena + s->used);
	*state = (struct state){ s->state, (uint16_t)s->number, (uint16_t)n };
	memcpy(state->diff, diff, n * sizeof(*diff));
	s->place[s->n] = s->used;
	s->table[slot] = ++s->n;
	s->used += (size + 7) & ~(size_t)7;
	return true;
}

/* ---- the search ---- */

static void add_action(struct search *s, enum verb verb, unsigned a, unsigned b, unsigned c)
{
	if (s->n_actions == ACTIONS_MAX)
		abort();
	s->action[s->n_actions++] =
		(struct action){ (uint8_t)verb, (uint8_t)a, (uint8_t)b, (uint8_t)c };
}

static void add_keys(struct search *s, unsigned d)
{
	unsigned used = s->world->keys;

	for (unsigned key = 0; key < KEYS; key++) {
		if (!(used >> key & 1))
			continue;
		add_action(s, KEY, d, key, 0);
		add_action(s, ODD, d, key, false);
		add_action(s, ODD, d, key, true);
		for (unsigned other = 0; other < KEYS; other++)
			if (other != key && used >> other & 1)
				add_action(s, TWO, d, key, other);
	}
	for (unsigned set = 0; set <= ALL_KEYS; set++)
		if (!(set & ~used))
			add_action(s, RESYNC, d, set, 0);
	add_action(s, PANIC, d, 0, 0);
}

static void add_switches(struct search *s, unsigned part)
{
	for (unsigned target = 0; target < TARGETS; target++)
		add_action(s, SWITCH, part, target, 0);
	add_action(s, SWITCH, part, ROUTER_NEXT, 0);
}

static void add_device(struct search *s, unsigned d)
{
	add_keys(s, d);
	add_action(s, OTHER, d, false, 0);
	add_action(s, OTHER, d, true, 0);
	add_action(s, PLUG, d, 0, 0);
	add_switches(s, ROUTER_DEVICE(d));
	for (unsigned target = 0; d == SECOND && target < TARGETS; target++)
		add_action(s, PIN, d, target, 0);
	if (d == SECOND)
		add_action(s, PIN, d, ROUTER_FREE, 0);
}

static void init_actions(struct search *s)
{
	for (unsigned d = 0; d < DEVICES; d++)
		if (s->world->devices >> d & 1)
			add_device(s, d);
	for (unsigned part = 0; part < ROUTER_PARTS; part++)
		add_switches(s, part);
	for (unsigned target = FULL; target < TARGETS; target++) {
		add_action(s, DOWN, target, 0, 0);
		add_action(s, RESET, target, false, 0);
		add_action(s, RESET, target, true, 0);
	}
	for (unsigned how = 0; how < 4; how++)
		add_action(s, REPLACE, how, 0, 0);
	for (unsigned how = 0; how < 3; how++)
		add_action(s, REST, how, 0, 0);
}

static void *reserve(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED) {
		perror("explore: mmap");
		exit(1);
	}
	return at;
}

static void init_search(struct search *s, const struct world *world, uint32_t limit)
{
	static struct keyset always;
	uint32_t slots = 1U << 10;

	keyset_add(&always, KEY_MUTE);
	memset(s, 0, sizeof(*s));
	s->world = world;
	s->limit = limit;
	while (slots < 2 * (uint64_t)limit)
		slots *= 2;
	s->mask = slots - 1;
	s->room = (size_t)limit * (sizeof(struct state) + 8 + DIFFS_MAX * sizeof(struct diff));
	s->arena = reserve(s->room);
	s->place = reserve(limit * sizeof(*s->place));
	s->table = reserve(slots * sizeof(*s->table));
	router_init(&s->fresh.router, &hotkeys, &panic_chord, &always, TARGETS);
	for (unsigned target = FULL; target < TARGETS; target++)
		shape_init(&s->fresh.shape[target], &rules[target]);
	s->fresh.ghost.n_targets = TARGETS;
	s->now = s->fresh;
	init_actions(s);
}

static void end_search(struct search *s)
{
	munmap(s->arena, s->room);
	munmap(s->place, s->limit * sizeof(*s->place));
	munmap(s->table, (s->mask + (size_t)1) * sizeof(*s->table));
}

/* True if a state was found that there is no room for. */
static bool try_action(struct search *s, unsigned number)
{
	bool full = false;
	unsigned asked = 0;

	for (unsigned refusing = 0; refusing < 1U << TARGETS; refusing += 1U << FULL) {
		if (refusing & ~asked)
			continue;
		restore(s, state_at(s, s->state));
		if (!perform(s, number << TARGETS | refusing))
			break;
		s->transitions++;
		asked |= s->asked;
		/* Where the world has not the chord's keys, it is played, and leads out of the world. */
		if (s->action[number].verb != PANIC || !(PANIC_KEYS & ~s->world->keys))
			full |= !add_state(s);
	}
	return full;
}

static void search_world(struct search *s, const struct world *world, uint32_t limit)
{
	unsigned depth = 0, complete = 0;
	uint32_t level_end = 1;
	bool full = false;

	init_search(s, world, limit);
	add_state(s);
	for (s->state = 0; s->state < s->n; s->state++) {
		if (s->state == level_end) {
			depth++;
			level_end = s->n;
		}
		for (unsigned i = 0; i < s->n_actions; i++)
			full |= try_action(s, i);
		if (!full)
			complete = depth + 1;
	}
	CHECK(!full || world == worlds, "more states than there is room for");
	printf("%-8s %9" PRIu32 " states, %10lu transitions, %s %u actions deep, %zu MB\n",
	       world->name, s->n, s->transitions, full ? "all" : "closed:", full ? complete : depth,
	       s->used >> 20);
	end_search(s);
}

/* 0, or 1 where something was never done. */
static int print_counters(void)
{
	int missing = 0;

#define X(name)                                                                                    \
	printf("%12lu  " #name "%s\n", counters.name, counters.name ? "" : "  <- never");          \
	missing |= counters.name == 0;
	COUNTERS(X)
#undef X
	return missing;
}

int main(int argc, char **argv)
{
	const char *states = argc > 1 ? argv[1] : getenv("EXPLORE_STATES");
	uint32_t limit = states ? (uint32_t)strtoul(states, NULL, 10) : STATES_DEFAULT;
	unsigned long transitions = 0;
	int missing;

	setvbuf(stdout, NULL, _IOLBF, 0);
	init_codes();
	for (size_t i = 0; i < ARRAY_SIZE(worlds); i++) {
		if (argc > 2 ? strcmp(argv[2], worlds[i].name) != 0
			     : worlds[i].is_large && limit <= STATES_DEFAULT)
			continue;
		search_world(&search, &worlds[i], i == 0 ? limit : STATES_MAX);
		transitions += search.transitions;
	}
	missing = argc > 2 ? 0 : print_counters();
	printf("%lu transitions\n%d passed, %d failed\n", transitions, !missing, missing);
	return missing;
}
