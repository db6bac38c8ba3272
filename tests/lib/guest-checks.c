/* SPDX-License-Identifier: MIT */
/* The checks that all guests and all sources of events share. */
#include "guest-checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include <cmocka.h>

#include "now.h"
#include "scenario.h"
#include "base/util.h"

/* What a reader of the slowest node has room for, 64 events, holds this many keys' downs and ups. */
#define KEYS_AT_ONCE 8

#define CHECKS_MAX 32

/* --- the program ------------------------------------------------------------------------- */

struct entry {
	struct rig *rig;
	const struct rig_check *check;
};

/* The guest that a failed check left half done would fail the next one too. */
static void perform(void **state)
{
	const struct entry *entry = *state;
	struct rig *rig = entry->rig;

	if (rig->unfinished)
		rig->reset(rig);
	if (!rig->machine.pid)
		rig->boot(rig);
	rig->unfinished = true;
	entry->check->run(rig);
	rig->unfinished = false;
}

static unsigned pick(const char *kind, const struct rig_check *checks, unsigned n,
		     const struct rig_check **picked)
{
	unsigned used = 0;

	for (unsigned i = 0; i < n; i++)
		if (!checks[i].only || strcmp(checks[i].only, kind) == 0)
			picked[used++] = &checks[i];
	return used;
}

int rig_main(struct rig *rig, const struct rig_check *checks, unsigned n, int (*open)(void **state),
	     int (*close)(void **state), int argc, char **argv)
{
	const struct rig_check *picked[CHECKS_MAX];
	struct CMUnitTest tests[CHECKS_MAX] = { 0 };
	struct entry entries[CHECKS_MAX];
	int failed;

	if (argc < 3 || n > CHECKS_MAX)
		return EX_USAGE;
	n = pick(argv[1], checks, n, picked);
	if (strcmp(argv[2], "--skip") == 0) {
		printf("skip: %s\n0 passed, 0 failed, %u skipped\n", argc > 3 ? argv[3] : "", n);
		return 0;
	}
	rig->kind = argv[1];
	rig->boot_script = argv[2];
	for (unsigned i = 0; i < n; i++) {
		entries[i] = (struct entry){ rig, picked[i] };
		tests[i] = (struct CMUnitTest){ .name = picked[i]->name,
						.test_func = perform,
						.initial_state = &entries[i] };
	}
	if (argc > 3)
		cmocka_set_test_filter(argv[3]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	failed = _cmocka_run_group_tests(rig->kind, tests, n, open, close);
	machine_reset();
	return failed != 0;
}

void rig_describe(struct vinput_model *model, enum shape_node node)
{
	static const struct shape_rules rules = { 0 };

	*model = (struct vinput_model){ .bustype = BUS_VIRTUAL };
	for (unsigned code = 0; code < KEY_CNT; code++)
		if (shape_carries(&rules, node, EV_KEY, code))
			keyset_add(&model->keys, code);
	for (unsigned code = 0; code < REL_CNT; code++)
		if (shape_carries(&rules, node, EV_REL, code))
			model->rel |= 1U << code;
	if (node == SHAPE_KEYBOARD)
		model->leds = 1U << LED_NUML | 1U << LED_CAPSL | 1U << LED_SCROLLL;
}

/* --- what checks are made of ------------------------------------------------------------- */

static void parse(const char *events, struct frame *frame)
{
	const char *bad;

	if (!events_parse(events, frame, &bad))
		fail_msg("not an event: %s", bad);
}

void rig_play(struct rig *rig, enum shape_node node, const char *events)
{
	struct frame frame;

	parse(events, &frame);
	rig->ops->send(rig->source, node, &frame);
}

void rig_expect_same(struct rig *rig, enum shape_node node, const char *events)
{
	rig_play(rig, node, events);
	machine_expect(&rig->machine, shape_node_name(node), events);
}

void rig_expect_typed(struct rig *rig, enum shape_node node, const char *key)
{
	char events[64];

	snprintf(events, sizeof(events), "%s:1", key);
	rig_expect_same(rig, node, events);
	snprintf(events, sizeof(events), "%s:0", key);
	rig_expect_same(rig, node, events);
}

void rig_expect_soon(struct rig *rig, const char *question, const char *answer)
{
	long deadline = now_ms() + MACHINE_MS;
	char said[MACHINE_LINE];

	do {
		machine_ask(&rig->machine, question, said);
		if (strcmp(said, answer) == 0)
			return;
	} while (now_ms() < deadline);
	fail_msg("%s: the guest says \"%s\" instead of \"%s\"", question, said, answer);
}

void rig_expect_up(struct rig *rig, bool up)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		rig->ops->expect_up(rig->source, node, up);
}

static void expect_all_typed(struct rig *rig)
{
	rig_expect_typed(rig, SHAPE_KEYBOARD, "a");
	rig_expect_typed(rig, SHAPE_MEDIA, "volumeup");
	rig_expect_typed(rig, SHAPE_POINTER, "btn_left");
	rig_expect_same(rig, SHAPE_POINTER, "rel_x:3 rel_y:-4");
	machine_expect_no_more(&rig->machine);
}

/* "down" of the keyboard -> "down keyboard"; 'more' is behind it. */
static void ask_node(struct rig *rig, const char *what, unsigned node, const char *more,
		     const char *answer)
{
	char question[32];

	snprintf(question, sizeof(question), "%s %s%s", what, shape_node_name(node), more);
	machine_expect_answer(&rig->machine, question, answer);
}

void rig_expect_nothing_down(struct rig *rig)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		ask_node(rig, "down", node, "", "");
}

/* --- what they are ----------------------------------------------------------------------- */

void check_names(struct rig *rig)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		const struct vinput_model *model = &rig->model[node];
		char about[300];

		snprintf(about, sizeof(about), "%04x:%04x:%04x:%04x \"%s\" \"%s\"", model->bustype,
			 model->vendor, model->product, model->version, model->name, model->serial);
		ask_node(rig, "about", node, "", about);
	}
}

static void print_number(char *text, unsigned number)
{
	size_t used = strlen(text);

	snprintf(text + used, MACHINE_LINE - used, used ? " %u" : "%u", number);
}

static void print_bits(char *text, uint32_t bits)
{
	*text = '\0';
	for (unsigned i = 0; i < 32; i++)
		if (bits & 1U << i)
			print_number(text, i);
}

static void print_keys(char *text, const struct keyset *keys)
{
	*text = '\0';
	keyset_for_each (code, keys)
		print_number(text, code);
}

static uint32_t types_of(const struct vinput_model *model)
{
	return 1U << EV_SYN | !keyset_empty(&model->keys) << EV_KEY | (model->rel != 0) << EV_REL |
	       (model->leds != 0) << EV_LED | model->repeat << EV_REP;
}

void check_capabilities(struct rig *rig)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		const struct vinput_model *model = &rig->model[node];
		char bits[MACHINE_LINE];

		print_bits(bits, types_of(model));
		ask_node(rig, "bits", node, " 0", bits);
		print_keys(bits, &model->keys);
		ask_node(rig, "bits", node, " 1", bits);
		print_bits(bits, model->rel);
		ask_node(rig, "bits", node, " 2", bits);
		print_bits(bits, model->leds);
		ask_node(rig, "bits", node, " 17", bits);
	}
}

/* --- what gets there --------------------------------------------------------------------- */

static void key_frame(struct frame *frame, unsigned code, int value)
{
	struct input_event now = { 0 };

	frame->n = 0;
	frame->resync = false;
	frame_put(frame, &now, EV_KEY, code, value);
	frame_close(frame, &now);
}

static void send_key(struct rig *rig, unsigned node, unsigned code, int value)
{
	struct frame frame;

	key_frame(&frame, code, value);
	rig->ops->send(rig->source, node, &frame);
}

static void expect_key(struct rig *rig, unsigned node, unsigned code, int value)
{
	struct frame frame;

	key_frame(&frame, code, value);
	machine_expect_frame(&rig->machine, shape_node_name(node), &frame);
}

static void expect_keys(struct rig *rig, unsigned node, const unsigned *code, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		send_key(rig, node, code[i], 1);
		send_key(rig, node, code[i], 0);
	}
	for (unsigned i = 0; i < n; i++) {
		expect_key(rig, node, code[i], 1);
		expect_key(rig, node, code[i], 0);
	}
}

void check_every_key(struct rig *rig)
{
	unsigned codes[KEYS_AT_ONCE], n = 0;

	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		keyset_for_each (code, &rig->model[node].keys) {
			codes[n++] = code;
			if (n < KEYS_AT_ONCE)
				continue;
			expect_keys(rig, node, codes, n);
			n = 0;
		}
		expect_keys(rig, node, codes, n);
		n = 0;
	}
	machine_expect_no_more(&rig->machine);
	rig_expect_nothing_down(rig);
}

/* Not so long that the guest's own kernel would cut them, which it does at eight on a keyboard. */
void check_long_frames(struct rig *rig)
{
	rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:1 leftshift:1 a:1 b:1 c:1 d:1");
	ask_node(rig, "down", SHAPE_KEYBOARD, "", "29 30 32 42 46 48");
	rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:0 leftshift:0 a:0 b:0 c:0 d:0");
	rig_expect_same(rig, SHAPE_POINTER,
			"btn_left:1 btn_right:1 rel_x:5 rel_y:-6 rel_wheel:1 rel_wheel_hi_res:120");
	rig_expect_same(rig, SHAPE_POINTER, "btn_left:0 btn_right:0 rel_x:-5");
	rig_expect_nothing_down(rig);
}

void check_motion(struct rig *rig)
{
	rig_expect_same(rig, SHAPE_POINTER, "rel_x:1");
	rig_expect_same(rig, SHAPE_POINTER, "rel_y:-1");
	rig_expect_same(rig, SHAPE_POINTER, "rel_x:127 rel_y:-128");
	rig_expect_same(rig, SHAPE_POINTER, "rel_x:-32768 rel_y:32767");
	for (unsigned i = 0; i < 200; i++)
		rig_expect_same(rig, SHAPE_POINTER, i & 1 ? "rel_x:2 rel_y:-3" : "rel_x:-2");
	machine_expect_no_more(&rig->machine);
}

void check_wheels(struct rig *rig)
{
	rig_expect_same(rig, SHAPE_POINTER, "rel_wheel:1 rel_wheel_hi_res:120");
	rig_expect_same(rig, SHAPE_POINTER, "rel_wheel:-3 rel_wheel_hi_res:-360");
	rig_expect_same(rig, SHAPE_POINTER, "rel_wheel_hi_res:15");
	rig_expect_same(rig, SHAPE_POINTER, "rel_hwheel:2 rel_hwheel_hi_res:240");
	rig_expect_same(rig, SHAPE_POINTER, "rel_hwheel:-1 rel_hwheel_hi_res:-120");
	rig_expect_same(rig, SHAPE_POINTER, "rel_hwheel_hi_res:-30");
	machine_expect_no_more(&rig->machine);
}

/* EV_REP: the guest's own kernel repeats. */
void check_repeat(struct rig *rig)
{
	rig_expect_same(rig, SHAPE_KEYBOARD, "y:1");
	machine_expect(&rig->machine, "keyboard", "y:2");
	machine_expect(&rig->machine, "keyboard", "y:2");
	rig_play(rig, SHAPE_KEYBOARD, "y:0");
	machine_expect(&rig->machine, "keyboard", "y:0");
}

void check_leds(struct rig *rig)
{
	static const struct {
		const char *question;
		unsigned leds;
	} steps[] = {
		{ "led 1 1", 1U << LED_CAPSL },
		{ "led 0 1", 1U << LED_CAPSL | 1U << LED_NUML },
		{ "led 2 1", 1U << LED_CAPSL | 1U << LED_NUML | 1U << LED_SCROLLL },
		{ "led 1 0", 1U << LED_NUML | 1U << LED_SCROLLL },
		{ "led 0 0", 1U << LED_SCROLLL },
		{ "led 2 0", 0 },
	};

	machine_expect_answer(&rig->machine, "led 0 0", "1");
	machine_expect_answer(&rig->machine, "led 1 0", "1");
	machine_expect_answer(&rig->machine, "led 2 0", "1");
	rig->ops->expect_leds(rig->source, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(steps); i++) {
		machine_expect_answer(&rig->machine, steps[i].question, "1");
		rig->ops->expect_leds(rig->source, steps[i].leds);
	}
}

/* --- a guest that takes nothing ---------------------------------------------------------- */

static void play_often(struct rig *rig, enum shape_node node, const char *events, unsigned times)
{
	struct frame frame;

	parse(events, &frame);
	while (times--)
		rig->ops->send(rig->source, node, &frame);
}

void check_unread(struct rig *rig)
{
	machine_expect_answer(&rig->machine, "stall", "");
	for (unsigned i = 0; i < 300; i++) {
		rig_play(rig, SHAPE_KEYBOARD, "b:1");
		rig_play(rig, SHAPE_KEYBOARD, "b:0");
		rig_play(rig, SHAPE_POINTER, "rel_x:1 rel_y:1 btn_right:1");
		rig_play(rig, SHAPE_POINTER, "btn_right:0");
		if (i % 10 == 0)
			machine_expect_answer(&rig->machine, "quiet 1", "");
	}
	rig_play(rig, SHAPE_KEYBOARD, "leftshift:1 c:1");
	rig_play(rig, SHAPE_POINTER, "btn_left:1");
	rig_expect_soon(rig, "down keyboard", "42 46");
	rig_expect_soon(rig, "down pointer", "272");
	rig_play(rig, SHAPE_KEYBOARD, "leftshift:0 c:0");
	rig_play(rig, SHAPE_POINTER, "btn_left:0");
	rig_expect_soon(rig, "down keyboard", "");
	rig_expect_soon(rig, "down pointer", "");
	machine_expect_answer(&rig->machine, "read", "");
	machine_drain(&rig->machine);
	expect_all_typed(rig);
}

/* Its sums of motion, added up over the answers, become these. */
static void expect_sums(struct rig *rig, int x, int y, int wheel)
{
	long deadline = now_ms() + MACHINE_MS;
	int sum[3] = { 0 };

	while (sum[0] != x || sum[1] != y || sum[2] != wheel) {
		char said[MACHINE_LINE];
		int more[3];

		if (now_ms() > deadline)
			fail_msg("the guest moved by %d, %d, %d instead of %d, %d, %d", sum[0],
				 sum[1], sum[2], x, y, wheel);
		machine_ask(&rig->machine, "sums", said);
		assert_int_equal(sscanf(said, "%d %d %d", &more[0], &more[1], &more[2]), 3);
		for (unsigned i = 0; i < 3; i++)
			sum[i] += more[i];
	}
}

static void start_sums(struct rig *rig)
{
	char said[MACHINE_LINE];

	machine_expect_no_more(&rig->machine);
	machine_expect_answer(&rig->machine, "quiet 1", "");
	machine_ask(&rig->machine, "sums", said);
}

void check_frozen(struct rig *rig)
{
	start_sums(rig);
	machine_freeze(&rig->machine);
	for (unsigned i = 0; i < 20; i++) {
		rig_play(rig, SHAPE_KEYBOARD, "b:1");
		rig_play(rig, SHAPE_KEYBOARD, "b:0");
	}
	rig_play(rig, SHAPE_KEYBOARD, "leftshift:1 c:1");
	play_often(rig, SHAPE_POINTER, "rel_x:1 rel_y:-2", 2000);
	rig_play(rig, SHAPE_POINTER, "btn_left:1");
	play_often(rig, SHAPE_POINTER, "rel_x:3 rel_wheel:1", 1000);
	rig_play(rig, SHAPE_POINTER, "btn_left:0 btn_right:1");
	play_often(rig, SHAPE_POINTER, "rel_y:5", 1000);
	machine_thaw(&rig->machine);
	expect_sums(rig, 5000, 1000, 1000);
	rig_expect_soon(rig, "down keyboard", "42 46");
	rig_expect_soon(rig, "down pointer", "273");
	rig_play(rig, SHAPE_KEYBOARD, "leftshift:0 c:0");
	rig_play(rig, SHAPE_POINTER, "btn_right:0");
	rig_expect_soon(rig, "down keyboard", "");
	rig_expect_soon(rig, "down pointer", "");
	machine_drain(&rig->machine);
	expect_all_typed(rig);
}

/* More than anyone keeps: what was down has gone up, what was pressed last is down. */
void check_frozen_long(struct rig *rig)
{
	rig_expect_same(rig, SHAPE_KEYBOARD, "a:1");
	rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
	machine_expect_answer(&rig->machine, "quiet 1", "");
	machine_freeze(&rig->machine);
	for (unsigned i = 0; i < 1000; i++) {
		rig_play(rig, SHAPE_KEYBOARD, "b:1");
		rig_play(rig, SHAPE_KEYBOARD, "b:0");
		rig_play(rig, SHAPE_POINTER, "btn_right:1 rel_x:1");
		rig_play(rig, SHAPE_POINTER, "btn_right:0 rel_x:-1");
	}
	rig_play(rig, SHAPE_KEYBOARD, "c:1");
	rig_play(rig, SHAPE_POINTER, "btn_middle:1");
	machine_thaw(&rig->machine);
	rig_expect_soon(rig, "down keyboard", "46");
	rig_expect_soon(rig, "down pointer", "274");
	rig_play(rig, SHAPE_KEYBOARD, "a:0 c:0");
	rig_play(rig, SHAPE_POINTER, "btn_left:0 btn_middle:0");
	rig_expect_soon(rig, "down keyboard", "");
	rig_expect_soon(rig, "down pointer", "");
	machine_drain(&rig->machine);
	expect_all_typed(rig);
}

/* --- a guest that goes and comes --------------------------------------------------------- */

static void reload(struct rig *rig, enum shape_node node, const char *held, const char *lost)
{
	char words[32];

	rig_expect_same(rig, node, held);
	ask_node(rig, "unbind", node, "", "1");
	snprintf(words, sizeof(words), "gone %s", shape_node_name(node));
	machine_await(&rig->machine, words);
	machine_drain(&rig->machine); /* its kernel may have told of the keys' end */
	rig->ops->expect_up(rig->source, node, false);
	rig_play(rig, node, lost);
	ask_node(rig, "bind", node, "", "1");
	snprintf(words, sizeof(words), "up %s", shape_node_name(node));
	machine_await(&rig->machine, words);
	rig->ops->expect_up(rig->source, node, true);
	machine_expect_no_more(&rig->machine);
	rig_expect_nothing_down(rig);
}

void check_driver_reloaded(struct rig *rig)
{
	for (unsigned i = 0; i < 5; i++) {
		machine_expect_answer(&rig->machine, "led 1 1", "1");
		rig->ops->expect_leds(rig->source, 1U << LED_CAPSL);
		reload(rig, SHAPE_KEYBOARD, "leftctrl:1 x:1", "y:1");
		rig->ops->expect_leds(rig->source, 0);
		rig_play(rig, SHAPE_KEYBOARD, "leftctrl:0 x:0 y:0");
		reload(rig, SHAPE_MEDIA, "mute:1", "mute:0");
		reload(rig, SHAPE_POINTER, "btn_left:1", "btn_right:1 rel_x:7");
		rig_play(rig, SHAPE_POINTER, "btn_left:0 btn_right:0");
		expect_all_typed(rig);
	}
	check_names(rig);
	check_capabilities(rig);
}

void check_rebooted(struct rig *rig)
{
	for (unsigned i = 0; i < 2; i++) {
		rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:1");
		rig_expect_same(rig, SHAPE_POINTER, "btn_left:1");
		machine_expect_answer(&rig->machine, "led 1 1", "1");
		rig->ops->expect_leds(rig->source, 1U << LED_CAPSL);
		machine_tell(&rig->machine, "reboot");
		machine_await_nodes(&rig->machine);
		rig_expect_up(rig, true);
		rig->ops->expect_leds(rig->source, 0);
		rig_expect_nothing_down(rig);
		rig_play(rig, SHAPE_KEYBOARD, "leftctrl:0");
		rig_play(rig, SHAPE_POINTER, "btn_left:0");
		expect_all_typed(rig);
	}
}

void check_killed(struct rig *rig)
{
	for (unsigned i = 0; i < 2; i++) {
		rig_expect_same(rig, SHAPE_KEYBOARD, "leftctrl:1");
		machine_kill(&rig->machine);
		rig_expect_up(rig, false);
		rig_play(rig, SHAPE_KEYBOARD, "leftctrl:0");
		rig->boot(rig);
		rig_expect_nothing_down(rig);
		expect_all_typed(rig);
	}
	check_leds(rig);
}
