/* SPDX-License-Identifier: MIT */
/*
 * The qmp channel: what arrives in a real QEMU, by QEMU's own trace, and what it does where QEMU
 * refuses or is silent, by a peer that the test plays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <linux/input.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/backlog.h"
#include "core/keyset.h"
#include "base/log.h"
#include "base/loop.h"
#include "now.h"
#include "qemu/qcode.h"
#include "qemu.h"
#include "qemu/qinput.h"
#include "qemu/qmp.h"
#include "base/util.h"

#define AWAIT_MS 60000
#define QUIET_MS 150

static struct loop loop;
static struct qinput *qinput;
static unsigned changes; /* of qinput_up */
static bool was_up;
static bool free_on_change;
static char dir[40], path[64], control_path[64];

/* Turns the loop until it is so. */
#define AWAIT(condition)                                                                           \
	for (long deadline_ = now_ms() + AWAIT_MS; !(condition);) {                                \
		if (now_ms() > deadline_)                                                          \
			fail_msg("never: %s; it is %s", #condition,                                \
				 qinput ? qinput_why(qinput) : "freed");                           \
		assert_int_equal(loop_turn(&loop, 20), 0);                                         \
	}

static void changed(struct qinput *it)
{
	assert_ptr_equal(qinput_owner(it), &changes);
	changes += qinput_up(it) != was_up;
	was_up = qinput_up(it);
	if (free_on_change) {
		qinput_free(it);
		qinput = NULL;
	}
}

static const struct qinput_ops ops = { .changed = changed };

static void open_channel(void)
{
	assert_int_equal(qinput_new(&loop, "one", path, &ops, &changes, &qinput), 0);
	assert_false(qinput_up(qinput));
	assert_int_equal(changes, 0);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what)))
		n++, text++;
	return n;
}

/* --- frames -------------------------------------------------------------------------------- */

static struct frame frame;

static void add(unsigned type, unsigned code, int value)
{
	static const struct input_event now = { 0 };

	frame_put(&frame, &now, type, code, value);
}

static void send_now(void)
{
	static const struct input_event now = { 0 };

	frame_close(&frame, &now);
	qinput_send(qinput, &frame);
	frame.n = 0;
}

static void key(unsigned code, int value)
{
	add(EV_KEY, code, value);
	send_now();
}

static void move(int dx, int dy)
{
	add(EV_REL, REL_X, dx);
	add(EV_REL, REL_Y, dy);
	send_now();
}

/* --- a real QEMU --------------------------------------------------------------------------- */

static struct qemu qemu;
static struct qmp *control;
static unsigned control_ready, control_replies;

static void on_control_ready(struct qmp *qmp)
{
	(void)qmp;
	control_ready++;
}

static void on_control_closed(struct qmp *qmp, const char *reason)
{
	(void)reason;
	qmp_close(qmp);
	control = NULL;
}

static void on_control_reply(struct qmp *qmp, struct json_object *result, const char *error,
			     void *ctx)
{
	(void)qmp;
	(void)result;
	(void)ctx;
	if (error)
		fail_msg("QEMU refuses: %s", error);
	control_replies++;
}

static const struct qmp_ops control_ops = { .ready = on_control_ready,
					    .closed = on_control_closed };

/* A command on the other monitor, and its reply. */
static void order(const char *execute, const char *arguments)
{
	unsigned before = control_replies;

	if (!control) {
		control_ready = 0;
		assert_int_equal(qmp_open(&loop, control_path, &control_ops, NULL, &control), 0);
		AWAIT(control_ready);
	}
	assert_int_equal(qmp_command_text(control, execute, arguments, on_control_reply, NULL), 0);
	AWAIT(control_replies > before || !control);
}

static void start_qemu(const char *option, const char *value, const char *third, const char *fourth)
{
	char monitor[100], other[100];
	const char *const args[] = { "-qmp", monitor, "-qmp", other, option,
				     value,  third,   fourth, NULL };

	snprintf(monitor, sizeof(monitor), "unix:%s,server=on,wait=off", path);
	snprintf(other, sizeof(other), "unix:%s,server=on,wait=off", control_path);
	qemu_start(&qemu, args);
}

static void start(void)
{
	start_qemu(NULL, NULL, NULL, NULL);
	open_channel();
	AWAIT(qinput_up(qinput));
	assert_int_equal(changes, 1);
	assert_string_equal(qinput_why(qinput), "");
}

/* The next event that QEMU got, while the channel goes on working. */
static bool next(struct qemu_event *event, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	while (!qemu_event(&qemu, event, 0)) {
		if (now_ms() > deadline)
			return false;
		assert_int_equal(loop_turn(&loop, 2), 0);
	}
	return true;
}

static void expect(const char *texts)
{
	struct qemu_event event;
	char text[QEMU_NAME_MAX + 16], *copy = strdup(texts), *rest = copy, *word;

	while ((word = strsep(&rest, " "))) {
		if (!next(&event, AWAIT_MS))
			fail_msg("QEMU got no %s of \"%s\"", word, texts);
		qemu_event_text(&event, text, sizeof(text));
		if (strcmp(text, word) != 0)
			fail_msg("QEMU got %s instead of %s of \"%s\"", text, word, texts);
	}
	free(copy);
}

static void expect_nothing(void)
{
	struct qemu_event event;

	if (next(&event, QUIET_MS))
		fail_msg("QEMU got %s", event.name);
}

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	changes = 0;
	free_on_change = was_up = false;
	frame = (struct frame){ 0 };
	strcpy(dir, "/tmp/evswitch-qinput-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qmp", dir);
	snprintf(control_path, sizeof(control_path), "%s/control", dir);
	return loop_init(&loop);
}

static int teardown(void **state)
{
	qinput_free(steal_ptr(&qinput));
	qmp_close(steal_ptr(&control));
	loop_fini(&loop);
	qemu_kill(&qemu, SIGKILL);
	unlink(path);
	unlink(control_path);
	rmdir(dir);
	return qemu_reset(state);
}

/* --- names --------------------------------------------------------------------------------- */

/* QEMU's version as the channel sees it, by the other monitor. */
static unsigned version(void)
{
	order("query-status", NULL);
	return qmp_version(control);
}

static void every_code_arrives(void **state)
{
	unsigned unknown = 0, known = 0;
	unsigned running;

	(void)state;
	start();
	running = version();
	for (unsigned code = 0; code < KEY_CNT; code++) {
		const char *name = qcode_button(code);
		char text[64];

		if (!name)
			name = qcode_key(code, running);
		key(code, 1);
		key(code, 0);
		unknown += !name;
		known += !!name;
		if (!name)
			continue;
		snprintf(text, sizeof(text), "+%s -%s", name, name);
		expect(text);
	}
	expect_nothing();
	assert_int_equal(qinput_stats(qinput).unknown, unknown);
	assert_int_equal(qinput_stats(qinput).refused, 0);
	/* Where QEMU's reply comes late, up to four events share a command. */
	assert_in_range(qinput_stats(qinput).commands, known / 2, known * 2);
	print_message("           %u codes arrived, %u were counted as unknown to QEMU %u\n", known,
		      unknown, running);
}

/* The reply to query-qmp-schema is longer than what the channel's own client takes. */
static struct json_object *ask_schema(void)
{
	static const char hello[] = "{\"execute\":\"qmp_capabilities\"}"
				    "{\"execute\":\"query-qmp-schema\"}";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *message = NULL, *found = NULL;
	FILE *stream;
	char line[1 << 20];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", control_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, hello, strlen(hello)), strlen(hello));
	stream = fdopen(fd, "r");
	while (!found && fgets(line, sizeof(line), stream)) {
		message = json_tokener_parse_ex(tokener, line, (int)strlen(line));
		if (json_object_object_get_ex(message, "return", &found) &&
		    json_object_is_type(found, json_type_array))
			json_object_get(found);
		else
			found = NULL;
		json_object_put(message);
	}
	fclose(stream);
	json_tokener_free(tokener);
	assert_non_null(found);
	return found;
}

static bool has_string(struct json_object *array, const char *text)
{
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(array, i)), text) == 0)
			return true;
	return false;
}

/* The names of the enumeration that has this one. */
static struct json_object *find_enum(struct json_object *schema, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(schema); i++) {
		struct json_object *values, *entry = json_object_array_get_idx(schema, i);

		if (json_object_object_get_ex(entry, "values", &values) && has_string(values, name))
			return values;
	}
	fail();
	return NULL;
}

static void expect_a_code_for_all(struct json_object *names, unsigned running)
{
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));
		unsigned codes = 0;

		for (unsigned code = 0; code < KEY_CNT; code++) {
			const char *mine = qcode_key(code, running);

			codes += mine && strcmp(mine, name) == 0;
		}
		if (strcmp(name, "unmapped") == 0 || strcmp(name, "asterisk") == 0 ||
		    strcmp(name, "sysrq") == 0)
			assert_int_equal(codes, 0);
		else if (codes != 1)
			fail_msg("%u codes have QEMU's name %s", codes, name);
	}
}

static void names_are_qemus(void **state)
{
	struct json_object *schema, *keys, *buttons;
	unsigned running;

	(void)state;
	start_qemu(NULL, NULL, NULL, NULL);
	running = version();
	qmp_close(steal_ptr(&control));
	schema = ask_schema();
	keys = find_enum(schema, "muhenkan");
	buttons = find_enum(schema, "wheel-up");
	expect_a_code_for_all(keys, running);
	for (unsigned code = 0; code < KEY_CNT; code++) {
		const char *name = qcode_key(code, running);

		assert_true(!name || has_string(keys, name));
		assert_true(name || !qcode_key(code, QCODE_NEWEST) ||
			    !has_string(keys, qcode_key(code, QCODE_NEWEST)));
		assert_true(!qcode_button(code) || has_string(buttons, qcode_button(code)));
		assert_int_equal(qcode_carries(EV_KEY, code),
				 qcode_key(code, QCODE_NEWEST) || qcode_button(code));
	}
	assert_true(has_string(buttons, qcode_click(REL_WHEEL, false, running)));
	assert_true(has_string(buttons, qcode_click(REL_HWHEEL, true, running)));
	assert_true(has_string(buttons, qcode_click(REL_HWHEEL, false, running)));
	json_object_put(schema);
}

/* QEMU's numbers are scan codes of the first set, which up to F12 are the codes of evdev. */
static void names_mean_the_key(void **state)
{
	(void)state;
	start_qemu(NULL, NULL, NULL, NULL);
	for (unsigned code = KEY_ESC; code <= KEY_F12; code++) {
		const char *name = qcode_key(code, QCODE_NEWEST);
		char text[160];

		if (!name)
			continue;
		snprintf(text, sizeof(text),
			 "{\"events\":[{\"type\":\"key\",\"data\":{\"down\":true,\"key\":"
			 "{\"type\":\"number\",\"data\":%u}}}]}",
			 code);
		order("input-send-event", text);
		snprintf(text, sizeof(text), "+%s", name);
		expect(text);
		qemu.n_down = 0;
	}
}

static void what_is_carried(void **state)
{
	(void)state;
	assert_true(qcode_carries(EV_KEY, KEY_F13));
	assert_null(qcode_key(KEY_F13, 702));
	assert_string_equal(qcode_key(KEY_F24, 800), "f24");
	assert_false(qcode_carries(EV_KEY, KEY_RESERVED));
	assert_false(qcode_carries(EV_KEY, KEY_MICMUTE));
	assert_false(qcode_carries(EV_KEY, BTN_FORWARD));
	assert_false(qcode_carries(EV_KEY, KEY_MAX));
	assert_false(qcode_carries(EV_KEY, UINT_MAX));
	assert_true(qcode_carries(EV_REL, REL_X) && qcode_carries(EV_REL, REL_Y));
	assert_true(qcode_carries(EV_REL, REL_WHEEL) && qcode_carries(EV_REL, REL_HWHEEL));
	assert_false(qcode_carries(EV_REL, REL_WHEEL_HI_RES) || qcode_carries(EV_REL, REL_Z));
	assert_false(qcode_carries(EV_ABS, ABS_X) || qcode_carries(EV_LED, LED_NUML));
	assert_null(qcode_click(REL_HWHEEL, true, 602));
}

static void unknown_keys_are_said_once(void **state)
{
	char text[4096] = "";
	int saved = dup(STDERR_FILENO), ends[2];
	struct pollfd said = { .events = POLLIN };

	(void)state;
	log_set_level(LOG_LEVEL_WARN);
	start();
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	said.fd = ends[0];
	dup2(ends[1], STDERR_FILENO);
	for (unsigned i = 0; i < 3; i++) {
		key(KEY_MICMUTE, 1);
		key(KEY_MICMUTE, 2);
		key(KEY_MICMUTE, 0);
		key(BTN_TASK, 1);
		key(BTN_TASK, 0);
		AWAIT(poll(&said, 1, 0) == 1);
		for (long end = now_ms() + QUIET_MS; now_ms() < end;)
			assert_int_equal(loop_turn(&loop, 10), 0);
	}
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(qinput_stats(qinput).unknown, 6);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_int_equal(count(text, "no name for micmute"), 1);
	assert_int_equal(count(text, "no name for btn_task"), 1);
	assert_int_equal(count(text, "no name for"), 2);
	close(ends[0]);
	close(ends[1]);
}

/* --- motion and order ---------------------------------------------------------------------- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Reads motion until it has added up to this, and not beyond. */
static unsigned expect_motion(long x, long y)
{
	struct qemu_event event;
	unsigned events = 0;

	while (x || y) {
		if (!next(&event, AWAIT_MS))
			fail_msg("%ld, %ld are missing", x, y);
		assert_int_equal(event.kind, QEMU_MOTION);
		*(event.name[0] == 'x' ? &x : &y) -= event.value;
		events++;
	}
	return events;
}

static void a_burst_of_motion_adds_up(void **state)
{
	long x = 0, y = 0;

	(void)state;
	start();
	for (int i = 0; i < 8000; i++) {
		int dx = i % 7 - 2, dy = 3 - i % 11;

		move(dx, dy);
		x += dx;
		y += dy;
	}
	expect_motion(x, y);
	expect_nothing();
	assert_in_range(qinput_stats(qinput).commands, 2, 10);
	assert_int_equal(qinput_stats(qinput).overflows, 0);
}

static void motion_of_8000_hz_adds_up(void **state)
{
	long x = 0, y = 0;
	unsigned events;
	double begin, took;

	(void)state;
	start();
	begin = seconds();
	for (int i = 0; i < 8000;) {
		for (int due = (int)((seconds() - begin) * 8000); i < due && i < 8000; i++) {
			int dx = i % 9 + 1, dy = i % 5 + 1;

			move(dx, dy);
			x += dx;
			y += dy;
		}
		assert_int_equal(loop_turn(&loop, 1), 0);
	}
	took = seconds() - begin;
	print_message("           8000 frames in %.2f s: %.0f commands/s of x and y\n", took,
		      (double)qinput_stats(qinput).commands / took);
	events = expect_motion(x, y);
	expect_nothing();
	assert_in_range(events, 2, 15999);
	assert_int_equal(qinput_stats(qinput).refused, 0);
}

static void every_transition_in_its_place(void **state)
{
	static const unsigned codes[] = { KEY_A, BTN_LEFT, KEY_LEFTCTRL, BTN_RIGHT };
	static const char *const names[] = { "a", "left", "ctrl", "right" };
	struct qemu_event event;
	long x = 0;

	(void)state;
	start();
	for (int i = 0; i < 48; i++) {
		key(codes[i / 2 % 4], i % 2 == 0);
		move(i + 1, 0);
	}
	for (int i = 0; i < 48; i++) {
		for (; next(&event, AWAIT_MS) && event.kind == QEMU_MOTION;)
			x += event.value;
		assert_string_equal(event.name, names[i / 2 % 4]);
		assert_int_equal(event.value, i % 2 == 0);
		/* Just what was moved before it. */
		assert_int_equal(x, i * (i + 1) / 2);
	}
	expect("x+48");
	expect_nothing();
}

static void typing_is_fast(void **state)
{
	double begin, took;
	char text[32];

	(void)state;
	start();
	begin = seconds();
	for (unsigned i = 0; i < 200; i++) {
		unsigned code = KEY_Q + i % 10;

		key(code, i % 20 < 10);
		snprintf(text, sizeof(text), "%c%s", i % 20 < 10 ? '+' : '-',
			 qcode_key(code, QCODE_NEWEST));
		expect(text);
	}
	took = seconds() - begin;
	print_message("           200 keys one after the other: %.2f ms each, arrival included\n",
		      took * 1000 / 200);
	assert_int_equal(qinput_stats(qinput).commands, 200);
}

static void wheels_click(void **state)
{
	(void)state;
	start();
	add(EV_REL, REL_WHEEL, 3);
	add(EV_REL, REL_WHEEL_HI_RES, 360);
	send_now();
	add(EV_REL, REL_WHEEL, -1);
	add(EV_REL, REL_HWHEEL, 1);
	send_now();
	add(EV_REL, REL_HWHEEL, -1);
	send_now();
	expect("+wheel-up -wheel-up +wheel-up -wheel-up +wheel-up -wheel-up "
	       "+wheel-down -wheel-down +wheel-right -wheel-right +wheel-left -wheel-left");
	expect_nothing();
}

static void endless_wheel_ends(void **state)
{
	struct qemu_event event;
	unsigned clicks = 0;

	(void)state;
	start();
	add(EV_REL, REL_WHEEL, INT_MAX);
	add(EV_REL, REL_X, INT_MIN);
	add(EV_REL, REL_Y, INT_MAX);
	send_now();
	key(KEY_A, 1);
	while (next(&event, AWAIT_MS) && event.kind == QEMU_BUTTON)
		clicks++;
	assert_int_equal(clicks, 2 * 128);
	assert_int_equal(event.value, INT_MIN);
	expect("y+2147483647 +a");
}

static void repetitions_pass(void **state)
{
	(void)state;
	start();
	key(KEY_A, 2);
	key(KEY_A, 1);
	expect("+a");
	AWAIT(qinput_stats(qinput).commands == 1);
	key(KEY_A, 2);
	expect("~a");
	key(KEY_A, 0);
	expect("-a");
	expect_nothing();
}

static void everything_is_released(void **state)
{
	(void)state;
	start();
	key(KEY_LEFTSHIFT, 1);
	key(KEY_A, 1);
	key(BTN_LEFT, 1);
	move(5, 0);
	qinput_release_all(qinput);
	expect("+shift +a +left x+5 -a -shift -left");
	qinput_release_all(qinput);
	expect_nothing();
}

/* --- its VM -------------------------------------------------------------------------------- */

static void paused_and_resumed(void **state)
{
	(void)state;
	start();
	key(KEY_LEFTCTRL, 1);
	key(BTN_LEFT, 1);
	expect("+ctrl +left");
	order("stop", NULL);
	AWAIT(!qinput_up(qinput));
	assert_int_equal(changes, 2);
	assert_non_null(strstr(qinput_why(qinput), "paused"));
	key(KEY_LEFTCTRL, 0);
	key(KEY_B, 1);
	move(3, 3);
	qinput_release_all(qinput);
	expect_nothing();
	order("cont", NULL);
	expect("-ctrl -left");
	AWAIT(qinput_up(qinput));
	assert_int_equal(changes, 3);
	key(KEY_B, 0);
	key(KEY_LEFTCTRL, 1);
	expect("+ctrl");
	expect_nothing();
}

static void pause_in_mid_typing(void **state)
{
	(void)state;
	start();
	/* QEMU gets 'stop' on the other monitor while some of these are on their way. */
	for (unsigned i = 0; i < 20; i++) {
		key(KEY_A, 1);
		key(KEY_B, 1);
		key(KEY_A, 0);
		key(KEY_B, 0);
	}
	order("stop", NULL);
	AWAIT(!qinput_up(qinput));
	order("cont", NULL);
	AWAIT(qinput_up(qinput));
	key(KEY_Z, 1);
	for (struct qemu_event event; next(&event, AWAIT_MS) && event.name[0] != 'z';)
		;
	assert_int_equal(qemu.n_down, 1);
	assert_string_equal(qemu.down[0], "z");
}

/* What was pressed after the reset and before we heard of it would else be down for ever. */
static void reset_releases(void **state)
{
	(void)state;
	start();
	key(KEY_LEFTCTRL, 1);
	expect("+ctrl");
	order("system_reset", NULL);
	expect("-ctrl");
	assert_true(qinput_up(qinput));
	assert_int_equal(changes, 1);
	key(KEY_LEFTCTRL, 0);
	expect_nothing();
	key(KEY_A, 1);
	expect("+a");
}

static void off_and_on_again(void **state)
{
	(void)state;
	start();
	key(KEY_LEFTCTRL, 1);
	expect("+ctrl");
	order("quit", NULL);
	AWAIT(!qinput_up(qinput));
	assert_int_equal(changes, 2);
	AWAIT(strstr(qinput_why(qinput), "its VM is off"));
	key(KEY_LEFTCTRL, 0);
	qemu_kill(&qemu, SIGTERM);
	qmp_close(steal_ptr(&control));
	start_qemu(NULL, NULL, NULL, NULL);
	AWAIT(qinput_up(qinput));
	assert_int_equal(changes, 3);
	expect_nothing();
	key(KEY_A, 1);
	expect("+a");
}

static void killed(void **state)
{
	(void)state;
	start();
	key(KEY_A, 1);
	expect("+a");
	qemu_kill(&qemu, SIGKILL);
	AWAIT(!qinput_up(qinput));
	assert_int_equal(changes, 2);
	assert_non_null(strstr(qinput_why(qinput), "closed its monitor"));
}

static void not_there_yet(void **state)
{
	(void)state;
	open_channel();
	AWAIT(strstr(qinput_why(qinput), "its VM is off"));
	start_qemu(NULL, NULL, NULL, NULL);
	AWAIT(qinput_up(qinput));
	key(KEY_A, 1);
	expect("+a");
}

static void started_paused(void **state)
{
	(void)state;
	start_qemu(NULL, NULL, NULL, NULL);
	order("stop", NULL);
	open_channel();
	AWAIT(strstr(qinput_why(qinput), "its VM is paused"));
	assert_int_equal(changes, 0);
	order("cont", NULL);
	AWAIT(qinput_up(qinput));
}

static void qemu_hangs(void **state)
{
	long begin;

	(void)state;
	start();
	qemu_freeze(&qemu);
	begin = now_ms();
	for (unsigned i = 0; i < 100; i++) {
		key(KEY_A, 1);
		move(1, 1);
		key(KEY_A, 0);
		assert_int_equal(loop_turn(&loop, 0), 0);
	}
	assert_true(now_ms() - begin < AWAIT_MS / 2);
	assert_true(qinput_up(qinput));
	assert_true(qinput_stats(qinput).commands <= 2);
	assert_true(qinput_stats(qinput).overflows > 0);
	kill(qemu.pid, SIGCONT);
	key(KEY_Z, 1);
	for (struct qemu_event event; next(&event, AWAIT_MS) && event.name[0] != 'z';)
		;
	assert_int_equal(qemu.n_down, 1);
}

static void keys_go_on_without_a_mouse(void **state)
{
	(void)state;
	start_qemu("-M", "pc,i8042=off,usb=on", "-device", "usb-kbd");
	open_channel();
	AWAIT(qinput_up(qinput));
	for (unsigned i = 0; i < 3; i++) {
		key(KEY_A, 1);
		move(1, 1);
		key(BTN_LEFT, 1);
		key(BTN_LEFT, 0);
		key(KEY_A, 0);
		expect("+a -a");
	}
	AWAIT(qinput_stats(qinput).refused >= 9);
	/* The button's release is owed, and not tried for ever. */
	expect_nothing();
	assert_in_range(qinput_stats(qinput).refused, 9, 20);
}

/* --- a peer that the test plays ------------------------------------------------------------ */

#define GREETING "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7}}}}"

static struct {
	int listener, fd;
	struct json_tokener *tokener;
	unsigned n;
	char commands[400][2048]; /* of input-send-event, their events */
	unsigned id[400];
	bool silent, refuses; /* of input-send-event alone */
	unsigned others;      /* commands that are none of that */
	const char *status;   /* the machine's */
	unsigned held[8]; /* queries of it behind commands without a reply: QEMU keeps the order */
	unsigned n_held;
} peer;

static void peer_accept(void)
{
	AWAIT((peer.fd = accept4(peer.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0);
	peer.n_held = 0;
}

static void peer_say(const char *text)
{
	ssize_t sent = send(peer.fd, text, strlen(text), MSG_NOSIGNAL);

	/* The test may have freed the channel. */
	assert_true(sent == (ssize_t)strlen(text) || errno == EPIPE);
}

static void peer_reply(unsigned id, bool refuse)
{
	char text[200];

	snprintf(text, sizeof(text), "{\"id\":%u,%s}", id,
		 refuse ? "\"error\":{\"desc\":\"VM not running\"}" : "\"return\":{}");
	peer_say(text);
}

static void peer_tell_status(unsigned id)
{
	char text[200];

	snprintf(text, sizeof(text), "{\"id\":%u,\"return\":{\"running\":%s,\"status\":\"%s\"}}",
		 id, strcmp(peer.status, "running") == 0 ? "true" : "false", peer.status);
	peer_say(text);
}

static void peer_take(struct json_object *message)
{
	const char *execute = json_object_get_string(json_object_object_get(message, "execute"));
	unsigned id = (unsigned)json_object_get_int(json_object_object_get(message, "id"));
	struct json_object *arguments = json_object_object_get(message, "arguments");

	if (strcmp(execute, "input-send-event") != 0) {
		peer.others++;
		if (strcmp(execute, "query-status") == 0 && peer.silent)
			peer.held[peer.n_held++] = id;
		else if (strcmp(execute, "query-status") == 0)
			peer_tell_status(id);
		else
			peer_reply(id, false);
		return;
	}
	assert_true(peer.n < ARRAY_SIZE(peer.commands));
	snprintf(peer.commands[peer.n], sizeof(peer.commands[0]), "%s",
		 json_object_to_json_string_ext(json_object_object_get(arguments, "events"),
						JSON_C_TO_STRING_PLAIN));
	peer.id[peer.n++] = id;
	if (!peer.silent)
		peer_reply(id, peer.refuses);
}

/* False where there was nothing to read. */
static bool peer_read(void)
{
	char text[65536];
	ssize_t size = recv(peer.fd, text, sizeof(text), MSG_DONTWAIT);
	int at = 0;

	for (unsigned i = 0; !peer.silent && i < peer.n_held; i++)
		peer_tell_status(peer.held[i]);
	if (!peer.silent)
		peer.n_held = 0;
	while (at < size) {
		struct json_object *message =
			json_tokener_parse_ex(peer.tokener, text + at, (int)size - at);

		if (!message && json_tokener_get_error(peer.tokener) != json_tokener_continue)
			fail_msg("no JSON: %.*s", (int)size - at, text + at);
		at += (int)json_tokener_get_parse_end(peer.tokener);
		if (message)
			peer_take(message);
		json_object_put(message);
	}
	return size > 0;
}

/* Whether the channel has not read all that the peer said. */
static bool is_unread(void)
{
	int bytes = 0;

	return ioctl(peer.fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

/* Until all that is on its way has arrived, on both sides: then some turns change nothing any more. */
static void talk(void)
{
	long deadline = now_ms() + AWAIT_MS;

	for (unsigned still = 0; still < 100; still++) {
		if (peer_read() || is_unread())
			still = 0;
		if (now_ms() > deadline)
			fail_msg("the channel does not read what it is told");
		assert_int_equal(loop_turn(&loop, is_unread() ? 1 : 0), 0);
	}
}

static int setup_peer(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	setup(state);
	memset(&peer, 0, sizeof(peer));
	peer.status = "running";
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	peer.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(peer.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(peer.listener, 4), 0);
	peer.tokener = json_tokener_new();
	open_channel();
	peer_accept();
	peer_say(GREETING);
	talk();
	return !qinput_up(qinput);
}

static int teardown_peer(void **state)
{
	json_tokener_free(peer.tokener);
	close_fd(&peer.listener);
	close_fd(&peer.fd);
	return teardown(state);
}

/* The events after which a machine is in another state, and that: its monitor answers by it. */
static const struct {
	const char *event, *status;
} statuses[] = {
	{ "STOP", "paused" },       { "RESUME", "running" },
	{ "SUSPEND", "suspended" }, { "WAKEUP", "running" },
	{ "SHUTDOWN", "shutdown" }, { "GUEST_PANICKED", "guest-panicked" },
	{ "RESET", "prelaunch" },
};

/* QEMU's: stopped once is stopped, whatever else stops it; a reset leaves one that runs as it is. */
static void change_status(const char *event)
{
	bool runs = strcmp(peer.status, "running") == 0;

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (strcmp(event, statuses[i].event) == 0 &&
		    !(strcmp(event, "RESET") == 0 && runs) &&
		    !(strcmp(event, "STOP") == 0 && !runs))
			peer.status = statuses[i].status;
}

static void event(const char *name)
{
	char text[100];

	change_status(name);
	snprintf(text, sizeof(text), "{\"event\":\"%s\",\"data\":{\"action\":\"pause\"}}", name);
	peer_say(text);
	talk();
}

/* What QEMU's devices take for one report: no button twice, keys alone, a few of them. */
static void commands_are_reports(void **state)
{
	(void)state;
	peer.silent = true;
	for (unsigned i = 0; i < 15; i++) {
		key(KEY_A, 1);
		key(KEY_KATAKANAHIRAGANA, 1);
		key(KEY_A, 0);
		key(KEY_KATAKANAHIRAGANA, 0);
		key(KEY_B, i % 2 == 0);
		key(BTN_LEFT, 1);
		key(BTN_LEFT, 0);
		talk();
	}
	assert_int_equal(peer.n, 2);
	peer.silent = false;
	peer_reply(peer.id[0], false);
	peer_reply(peer.id[1], false);
	talk();
	assert_int_equal(qinput_stats(qinput).overflows, 0);
	assert_in_range(peer.n, 30, 100);
	for (unsigned i = 0; i < peer.n; i++) {
		unsigned keys = count(peer.commands[i], "qcode");
		unsigned buttons = count(peer.commands[i], "left");

		assert_in_range(keys, 0, 4);
		assert_in_range(buttons, 0, 1);
		assert_int_equal(keys && buttons, 0);
		assert_int_equal(keys || buttons, 1);
	}
}

static void the_longest_frames_fit(void **state)
{
	static const unsigned buttons[] = { BTN_LEFT,  BTN_RIGHT,     BTN_MIDDLE, BTN_SIDE,
					    BTN_EXTRA, BTN_GEAR_DOWN, BTN_GEAR_UP };

	(void)state;
	for (int down = 1; down >= 0; down--) {
		for (unsigned i = 0; i < ARRAY_SIZE(buttons); i++)
			add(EV_KEY, buttons[i], down);
		add(EV_REL, REL_X, INT_MIN);
		add(EV_REL, REL_Y, INT_MIN);
		add(EV_REL, REL_WHEEL, INT_MIN);
		add(EV_REL, REL_HWHEEL, INT_MIN);
		for (unsigned code = KEY_ESC; code < KEY_ESC + 40; code++)
			add(EV_KEY, code, down);
		send_now();
		talk();
	}
	for (unsigned code = 0; code < KEY_CNT; code++) {
		key(code, 1);
		talk();
	}
	qinput_release_all(qinput);
	talk();
	assert_in_range(peer.n, 100, 399);
}

/* Of the commands from 'first' on: how many release this key. */
static unsigned releases(unsigned first, const char *name)
{
	char text[64];
	unsigned n = 0;

	snprintf(text, sizeof(text), "false,\"key\":{\"type\":\"qcode\",\"data\":\"%s\"", name);
	for (unsigned i = first; i < peer.n; i++)
		n += count(peer.commands[i], text);
	return n;
}

static void refused_releases_are_owed(void **state)
{
	(void)state;
	key(KEY_A, 1);
	key(KEY_B, 1);
	talk();
	peer.refuses = true;
	key(KEY_A, 0);
	talk();
	assert_int_equal(peer.n, 3);
	assert_int_equal(qinput_stats(qinput).refused, 1);
	peer.refuses = false;
	key(KEY_C, 1);
	talk();
	assert_int_equal(peer.n, 5);
	assert_non_null(strstr(peer.commands[3], "\"c\""));
	assert_int_equal(releases(4, "a"), 1);
	assert_int_equal(releases(0, "b"), 0);
}

static void a_press_settles_what_was_owed(void **state)
{
	(void)state;
	key(KEY_A, 1);
	talk();
	peer.refuses = true;
	key(KEY_A, 0);
	talk();
	peer.refuses = false;
	key(KEY_A, 1);
	talk();
	assert_int_equal(peer.n, 3);
	key(KEY_A, 0);
	talk();
	assert_int_equal(peer.n, 4);
}

static void releases_in_flight_are_owed_over_a_pause(void **state)
{
	(void)state;
	key(KEY_A, 1);
	talk();
	peer.silent = true;
	key(KEY_A, 0);
	talk();
	event("STOP");
	assert_false(qinput_up(qinput));
	peer_reply(peer.id[1], true);
	peer.silent = false;
	event("RESUME");
	assert_true(qinput_up(qinput));
	assert_int_equal(peer.n, 3);
	assert_string_equal(peer.commands[2], peer.commands[1]);
}

static void releases_that_wait_are_owed_over_a_pause(void **state)
{
	static const unsigned codes[] = { KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G };
	unsigned before;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++)
		key(codes[i], 1);
	talk();
	before = peer.n;
	peer.silent = true;
	for (unsigned i = 0; i < ARRAY_SIZE(codes); i++)
		key(codes[i], 0);
	talk();
	peer_reply(peer.id[before], false);
	talk();
	/* In flight are b, and c to f; g waits. */
	assert_int_equal(peer.n, before + 3);
	event("STOP");
	peer_reply(peer.id[before + 1], true);
	peer_reply(peer.id[before + 2], true);
	peer.silent = false;
	event("RESUME");
	assert_int_equal(releases(before + 3, "a"), 0);
	for (const char *const *name = (const char *const[]){ "b", "c", "d", "e", "f", "g", NULL };
	     *name; name++)
		assert_int_equal(releases(before + 3, *name), 1);
}

static void releases_are_owed_over_a_reconnection(void **state)
{
	(void)state;
	key(KEY_A, 1);
	key(KEY_B, 1);
	talk();
	peer.silent = true;
	key(KEY_A, 0);
	talk();
	close_fd(&peer.fd);
	AWAIT(!qinput_up(qinput));
	peer_accept();
	peer_say(GREETING);
	peer.silent = false;
	talk();
	assert_true(qinput_up(qinput));
	assert_int_equal(changes, 3);
	assert_int_equal(peer.n, 4);
	assert_int_equal(count(peer.commands[3], "false"), 2);
	assert_int_equal(count(peer.commands[3], "true"), 0);
}

/* QEMU was told to let it run on: it may be about to boot, and takes input. */
static void panic_of_a_vm_that_goes_on(void **state)
{
	(void)state;
	peer_say("{\"event\":\"GUEST_PANICKED\",\"data\":{\"action\":\"run\"}}");
	event("NIC_RX_FILTER_CHANGED");
	assert_true(qinput_up(qinput));
	assert_int_equal(changes, 1);
	event("RESET");
	assert_true(qinput_up(qinput));
	peer_say("{\"event\":\"GUEST_PANICKED\"}");
	AWAIT(!qinput_up(qinput));
}

static void panic_and_shutdown(void **state)
{
	(void)state;
	event("GUEST_PANICKED");
	assert_string_equal(qinput_why(qinput), "its guest has panicked");
	event("STOP");
	assert_string_equal(qinput_why(qinput), "its guest has panicked");
	assert_int_equal(changes, 2);
	peer.status = "running"; /* without an event that says so */
	event("RESET");
	assert_true(qinput_up(qinput));
	event("SHUTDOWN");
	event("STOP");
	assert_string_equal(qinput_why(qinput), "its VM has shut down");
	event("RESUME");
	assert_true(qinput_up(qinput));
	event("NIC_RX_FILTER_CHANGED");
	assert_int_equal(changes, 5);
}

/*
 * Every run state of QEMU (qapi/run-state.json), after an event that says less: the reset of a machine, which
 * leaves one that does not run in prelaunch.
 */
static void every_state_is_asked(void **state)
{
	(void)state;
	for (enum run_state is = RUN_STATE_OFF + 1; is < RUN_STATES; is++) {
		uint32_t resets = qinput_vm(qinput)->resets;

		peer.status = run_state_name(is);
		peer_say("{\"event\":\"RESET\"}");
		talk();
		assert_int_equal(qinput_vm(qinput)->state, is);
		assert_int_equal(qinput_up(qinput), run_state_takes_input(is));
		assert_string_equal(qinput_why(qinput), run_state_why(is));
		assert_int_equal(qinput_vm(qinput)->resets, resets + 1);
	}
}

/* QEMU takes input for it, which wakes it, also where it is stopped and continued meanwhile (9.0). */
static void suspended_is_not_paused(void **state)
{
	(void)state;
	event("SUSPEND");
	assert_int_equal(qinput_vm(qinput)->state, RUN_STATE_SUSPENDED);
	assert_true(qinput_up(qinput));
	key(KEY_A, 1);
	talk();
	assert_int_equal(peer.n, 1);
	peer.status = "paused";
	event("STOP");
	assert_false(qinput_up(qinput));
	peer.status = "suspended";
	peer_say("{\"event\":\"RESUME\"}");
	talk();
	assert_int_equal(qinput_vm(qinput)->state, RUN_STATE_SUSPENDED);
	assert_true(qinput_up(qinput));
	event("WAKEUP");
	assert_int_equal(qinput_vm(qinput)->state, RUN_STATE_RUNNING);
	assert_int_equal(changes, 3);
}

static void panics_are_counted(void **state)
{
	(void)state;
	peer_say("{\"event\":\"GUEST_CRASHLOADED\",\"data\":{\"action\":\"run\"}}");
	AWAIT(qinput_vm(qinput)->panics == 1);
	peer_say("{\"event\":\"GUEST_PANICKED\",\"data\":{\"action\":\"run\"}}");
	AWAIT(qinput_vm(qinput)->panics == 2);
	assert_true(qinput_up(qinput));
	event("GUEST_PANICKED");
	AWAIT(qinput_vm(qinput)->panics == 3);
	assert_int_equal(qinput_vm(qinput)->state, RUN_STATE_GUEST_PANICKED);
	assert_false(qinput_up(qinput));
}

/* Each asks for the state, and they come faster than QEMU answers: it is asked once more in all. */
static void many_resets(void **state)
{
	char text[64 * sizeof("{\"event\":\"RESET\"}")] = "";
	unsigned before = peer.others;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		strcat(text, "{\"event\":\"RESET\"}");
	peer_say(text);
	AWAIT(!is_unread());
	talk();
	assert_in_range(peer.others, before + 1, before + 2);
	assert_true(qinput_up(qinput));
}

static void broken_peer(void **state)
{
	(void)state;
	key(KEY_A, 1);
	peer_say("{]");
	AWAIT(!qinput_up(qinput));
	assert_non_null(strstr(qinput_why(qinput), "not a QEMU monitor"));
	assert_int_equal(changes, 2);
	key(KEY_A, 0);
}

static void freed_when_down(void **state)
{
	(void)state;
	free_on_change = true;
	event("STOP");
	assert_null(qinput);
}

static void freed_when_gone(void **state)
{
	(void)state;
	free_on_change = true;
	close_fd(&peer.fd);
	AWAIT(!qinput);
}

static void freed_when_up(void **state)
{
	(void)state;
	key(KEY_A, 1);
	event("STOP");
	free_on_change = true;
	event("RESUME");
	assert_null(qinput);
}

static void odd_frames(void **state)
{
	(void)state;
	frame.n = 0;
	qinput_send(qinput, &frame);
	send_now();
	add(EV_ABS, ABS_X, 5);
	add(EV_MSC, MSC_SCAN, 5);
	add(EV_REL, REL_DIAL, 5);
	send_now();
	move(0, 0);
	add(EV_REL, REL_WHEEL, 0);
	send_now();
	key(KEY_A, 0);
	talk();
	assert_int_equal(peer.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define PEER(name) cmocka_unit_test_setup_teardown(name, setup_peer, teardown_peer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_code_arrives),
		TEST(names_are_qemus),
		TEST(names_mean_the_key),
		TEST(what_is_carried),
		TEST(unknown_keys_are_said_once),
		TEST(a_burst_of_motion_adds_up),
		TEST(motion_of_8000_hz_adds_up),
		TEST(every_transition_in_its_place),
		TEST(typing_is_fast),
		TEST(wheels_click),
		TEST(endless_wheel_ends),
		TEST(repetitions_pass),
		TEST(everything_is_released),
		TEST(paused_and_resumed),
		TEST(pause_in_mid_typing),
		TEST(reset_releases),
		TEST(off_and_on_again),
		TEST(killed),
		TEST(not_there_yet),
		TEST(started_paused),
		TEST(qemu_hangs),
		TEST(keys_go_on_without_a_mouse),
		PEER(commands_are_reports),
		PEER(the_longest_frames_fit),
		PEER(refused_releases_are_owed),
		PEER(a_press_settles_what_was_owed),
		PEER(releases_in_flight_are_owed_over_a_pause),
		PEER(releases_that_wait_are_owed_over_a_pause),
		PEER(releases_are_owed_over_a_reconnection),
		PEER(panic_of_a_vm_that_goes_on),
		PEER(panic_and_shutdown),
		PEER(every_state_is_asked),
		PEER(suspended_is_not_paused),
		PEER(panics_are_counted),
		PEER(many_resets),
		PEER(broken_peer),
		PEER(freed_when_down),
		PEER(freed_when_gone),
		PEER(freed_when_up),
		PEER(odd_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
