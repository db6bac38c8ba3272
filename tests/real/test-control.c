/* SPDX-License-Identifier: MIT */
/*
 * The control socket on a real kernel: the commands that ask and move a running evswitch, Varlink as
 * other clients speak it, and clients that are silent or flood.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/usock.h"
#include "base/util.h"
#include "now.h"
#include "stage.h"

#define REPLY_MAX 65536

/* --- a client of its own ----------------------------------------------------------------------- */

static void socket_path(char path[static 256])
{
	snprintf(path, 256, "%s/evswitch/control.sock", getenv("XDG_RUNTIME_DIR") ?: "/run");
}

static int connect_client(void)
{
	struct timeval timeout = { .tv_sec = WORLD_MS / 1000 };
	char path[256];
	int fd;

	socket_path(path);
	/* -EAGAIN: the others that wait to be accepted fill the queue. */
	while ((fd = usock_connect(path, SOCK_STREAM)) == -EAGAIN)
		usleep(1000);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	return fd;
}

static void send_call(int fd, const char *call)
{
	ssize_t size = (ssize_t)strlen(call) + 1;

	assert_int_equal(send(fd, call, (size_t)size, MSG_NOSIGNAL), size);
}

/* The next message, which the caller frees. */
static struct json_object *receive(int fd)
{
	static char text[REPLY_MAX];
	const char *fault;
	struct json_object *message;
	size_t used = 0;

	do {
		assert_true(used < sizeof(text));
		assert_int_equal(recv(fd, text + used, 1, 0), 1);
	} while (text[used++] != '\0');
	message = json_parse_object(text, used - 1, &fault);
	if (!message)
		fail_msg("%s: %s", fault, text);
	return message;
}

/* The reply to a call must be an error of this name. */
static void expect_error(int fd, const char *call, const char *name)
{
	struct json_object *reply;

	send_call(fd, call);
	reply = receive(fd);
	assert_string_equal(json_text(json_member(reply, "error")), name);
	json_object_put(reply);
}

static void expect_closed(int fd)
{
	char byte;
	ssize_t got = recv(fd, &byte, 1, 0);

	assert_true(got == 0 || (got < 0 && errno == ECONNRESET));
	close(fd);
}

/* --- tests --------------------------------------------------------------------------------------- */

static void test_nobody_runs(void **state)
{
	(void)state;
	program_place();
	command_expect("--status", EX_UNAVAILABLE, "evswitch is not running: start it");
	command_expect("--switch host", EX_UNAVAILABLE, "systemctl --user start evswitch");
	command_expect("--monitor", EX_UNAVAILABLE, "evswitch is not running");
	command_expect("--stats", EX_UNAVAILABLE, "systemctl --user start evswitch");
}

static void test_status(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF "[device ghost]\nname = nowhere\n");
	command_expect("--status", EX_OK, "focus: host\n");
	command_expect("--status", EX_OK, "\"test keyboard\": events go to host\n");
	command_expect("--status", EX_OK, "device ghost: absent: not plugged in");
	command_expect("--status", EX_OK,
		       "guest one (input-linux): down: no VM has taken its devices");
	command_expect("--status --json", EX_OK, "\"cause\":\"not-open\"");
	stage_guest_up(&stage);
	command_expect("--status", EX_OK, "guest one (input-linux): can take the focus\n");
	stage_focus_guest(&stage);
	command_expect("--status", EX_OK, "focus: one\n");
	command_expect("--status", EX_OK, "\"test mouse\": events go to one\n");
	stage_close(&stage);
}

/* What evswitch --stats --json prints, which the caller frees. */
static struct json_object *stats(void)
{
	char output[COMMAND_OUTPUT_MAX];
	const char *fault;
	struct json_object *object;

	assert_int_equal(command_run("--stats --json", output), EX_OK);
	object = json_parse_object(output, strlen(output), &fault);
	if (!object)
		fail_msg("%s: %s", fault, output);
	return object;
}

/* A number of the device or target ("devices" or "targets") of that name. */
static int64_t counted(const char *list, const char *name, const char *key)
{
	struct json_object *all = stats(), *entries = json_member(all, list);
	int64_t number = -1;

	for (size_t i = 0; i < json_length(entries); i++) {
		struct json_object *entry = json_element(entries, i);

		if (strcmp(json_text(json_member(entry, "name")), name) == 0)
			number = json_number(json_member(entry, key));
	}
	json_object_put(all);
	return number;
}

static void play_moves(struct stage *stage, struct observer *at, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		puppet_move(&stage->mouse, i % 2 ? -3 : 3, 0);
		observer_expect(at, EV_REL, REL_X, i % 2 ? -3 : 3);
	}
}

#define MOVES 100

static void test_stats(void **state)
{
	struct stage stage;
	int64_t sent, at_grab;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	command_expect("--stats", EX_OK, "since evswitch started, ");
	assert_int_equal(counted("devices", "mouse", "frames"), 0);
	assert_int_equal(counted("targets", "one", "frames"), 0);
	at_grab = counted("targets", "host", "frames"); /* of the switches' state */
	play_moves(&stage, &stage.host_mouse, MOVES);
	puppet_key(&stage.keyboard, KEY_A, 1);
	puppet_key(&stage.keyboard, KEY_A, 0);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 1);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 0);
	assert_int_equal(counted("devices", "mouse", "frames"), MOVES);
	assert_int_equal(counted("devices", "mouse", "events"), MOVES);
	assert_int_equal(counted("devices", "mouse", "longest"), 1);
	assert_int_equal(counted("devices", "keyboard", "frames"), 2);
	assert_int_equal(counted("targets", "host", "frames"), at_grab + MOVES + 2);
	assert_int_equal(counted("targets", "host", "motion"), 3 * MOVES);
	command_expect("--switch one", EX_UNAVAILABLE, "cannot switch to one: ");
	assert_int_equal(counted("targets", "one", "refused"), 1);
	stage_guest_up(&stage);
	command_expect("--switch one", EX_OK, "focus: one\n");
	sent = counted("targets", "one", "frames");
	play_moves(&stage, &stage.guest_pointer, MOVES);
	assert_int_equal(counted("targets", "one", "frames"), sent + MOVES);
	assert_int_equal(counted("targets", "one", "motion"), 3 * MOVES);
	assert_int_equal(counted("targets", "host", "motion"), 3 * MOVES);
	assert_int_equal(counted("devices", "mouse", "frames"), 2 * MOVES);
	assert_int_equal(counted("targets", "one", "refused"), 1);
	stage_close(&stage);
}

/* As many frames are timed as is said, and all are somewhere in the histogram. */
static void test_latency(void **state)
{
	struct json_object *all, *latency, *buckets;
	int64_t every, timed, inside = 0;
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	play_moves(&stage, &stage.host_mouse, MOVES);
	command_expect("--stats", EX_OK, "  median ");
	all = stats();
	latency = json_member(all, "latency");
	buckets = json_member(all, "buckets");
	every = json_number(json_member(all, "timed_every"));
	timed = json_number(json_member(latency, "frames")) +
		json_number(json_member(latency, "late"));
	assert_in_range(timed, MOVES / every, MOVES / every + 1);
	assert_int_equal(json_number(json_member(latency, "early")), 0);
	for (size_t i = 0; i < json_length(buckets); i++)
		inside += json_number(json_member(json_element(buckets, i), "frames"));
	assert_int_equal(inside, json_number(json_member(latency, "frames")));
	assert_in_range(json_number(json_member(latency, "median_us")), 1,
			json_number(json_member(latency, "p99_us")));
	assert_in_range(json_number(json_member(latency, "p99_us")), 1,
			json_number(json_member(latency, "max_us")));
	json_object_put(all);
	stage_close(&stage);
}

/* The kernel's queue overflows, a keyboard's LED changes; both are still known after a replug. */
static void test_stats_of_losses_and_leds(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	assert_int_equal(counted("devices", "mouse", "losses"), 0);
	program_pause(&stage.program);
	for (unsigned i = 0; i < 2000; i++)
		puppet_move(&stage.mouse, 1 + (int)(i % 2), 0);
	program_resume(&stage.program);
	program_expect(&stage.program, "events were lost");
	assert_int_equal(counted("devices", "mouse", "losses"), 1);
	puppet_unplug(&stage.mouse);
	program_expect(&stage.program, "is gone");
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc049);
	program_expect(&stage.program, "is grabbed");
	assert_int_equal(counted("devices", "mouse", "losses"), 1);
	stage_set_host_led(&stage, LED_CAPSL, 1);
	for (long deadline = now_ms() + WORLD_MS;
	     counted("targets", "host", "led_changes") < 1 && now_ms() < deadline;)
		continue;
	assert_int_equal(counted("targets", "host", "led_changes"), 1);
	stage_close(&stage);
}

static void test_switch(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	command_expect("--switch one", EX_UNAVAILABLE, "cannot switch to one: ");
	command_expect("--switch one", EX_UNAVAILABLE, "; more from: evswitch --check\n");
	command_expect("--status", EX_OK, "the last switch was refused: guest one: ");
	command_expect("--switch nobody", EX_USAGE, "there is no target called \"nobody\"");
	command_expect("--switch nobody", EX_USAGE, "there are: host, one\n");
	stage_guest_up(&stage);
	command_expect("--switch one", EX_OK, "focus: one\n");
	puppet_key(&stage.keyboard, KEY_A, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 1);
	/* What is held is released where it is down, and nothing sticks. */
	command_expect("--switch next", EX_OK, "focus: host\n");
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 0);
	puppet_key(&stage.keyboard, KEY_A, 0);
	puppet_key(&stage.keyboard, KEY_B, 1);
	puppet_key(&stage.keyboard, KEY_B, 0);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_B, 1);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_B, 0);
	stage_close(&stage);
}

static void test_switch_device(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF "[device ghost]\nname = nowhere\n"
				      "[device third]\nname = test keyboard\nphys = none\n");
	stage_guest_up(&stage);
	command_expect("--switch one --device nobody", EX_USAGE,
		       "there is no device called \"nobody\"");
	command_expect("--switch one --device nobody", EX_USAGE,
		       "there are: keyboard, mouse, ghost, third\n");
	command_expect("--switch one --device ghost", EX_UNAVAILABLE, "the device is not grabbed");
	command_expect("--switch one --device mouse", EX_OK, "device mouse: one\n");
	command_expect("--status", EX_OK, "\"test keyboard\": events go to host\n");
	puppet_move(&stage.mouse, 3, 0);
	observer_expect(&stage.guest_pointer, EV_REL, REL_X, 3);
	puppet_key(&stage.keyboard, KEY_A, 1);
	puppet_key(&stage.keyboard, KEY_A, 0);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 1);
	observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 0);
	command_expect("--switch host --device mouse", EX_OK, "device mouse: host\n");
	puppet_move(&stage.mouse, 4, 0);
	observer_expect(&stage.host_mouse, EV_REL, REL_X, 4);
	stage_close(&stage);
}

static void expect_focus(int fd, const char *focus)
{
	struct json_object *reply = receive(fd);
	struct json_object *state = json_member(json_member(reply, "parameters"), "state");

	assert_true(json_is_true(json_member(reply, "continues")));
	assert_string_equal(json_text(json_member(state, "focus")), focus);
	json_object_put(reply);
}

static void await_focus(int fd, const char *focus)
{
	for (bool found = false; !found;) {
		struct json_object *reply = receive(fd);
		struct json_object *state = json_member(json_member(reply, "parameters"), "state");

		found = strcmp(json_text(json_member(state, "focus")), focus) == 0;
		json_object_put(reply);
	}
}

static void test_monitor(void **state)
{
	struct stage stage;
	int fd;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	fd = connect_client();
	send_call(fd, "{\"method\":\"io.evswitch.Monitor\",\"more\":true}");
	expect_focus(fd, "host");
	stage_focus_guest(&stage);
	await_focus(fd, "one");
	stage_focus_host(&stage);
	await_focus(fd, "host");
	/* The daemon's end closes the connection, and takes its socket away. */
	stage_close(&stage);
	for (char byte; recv(fd, &byte, 1, 0) > 0;)
		continue;
	expect_closed(fd);
	command_expect("--status", EX_UNAVAILABLE, "evswitch is not running");
}

/* Waits for a state in which guest 'index' has this 'clipboard' as text; NULL: none. */
static void await_clipboard(int fd, unsigned index, const char *expected)
{
	for (bool found = false; !found;) {
		struct json_object *reply = receive(fd);
		struct json_object *state = json_member(json_member(reply, "parameters"), "state");
		struct json_object *guest = json_element(json_member(state, "guests"), index);
		struct json_object *clipboard = json_member(guest, "clipboard");
		const char *text =
			json_object_to_json_string_ext(clipboard, JSON_C_TO_STRING_NOSLASHESCAPE);

		assert_non_null(guest);
		found = expected ? clipboard && strcmp(text, expected) == 0 : !clipboard;
		if (!found)
			printf("not yet: %s\n", text);
		json_object_put(reply);
	}
}

#define OTHER_DIR "[evswitch]\nsocket-dir = /run/other\n"
#define CLIPBOARD(socket, when, direction)                                                         \
	"{\"socket\":\"" socket "\",\"when\":\"" when "\",\"direction\":\"" direction "\""

/* The guest keeps its devices over these reloads, and yet has the clipboard of the new file. */
static void test_clipboard(void **state)
{
	struct stage stage;
	int fd, other;

	(void)state;
	stage_open(&stage, OTHER_DIR STAGE_CONF "[guest two]\nclipboard = no\n");
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	fd = connect_client();
	send_call(fd, "{\"method\":\"io.evswitch.Monitor\",\"more\":true}");
	await_clipboard(fd, 0, CLIPBOARD("/run/other/one-clipboard.sock", "focus", "both") "}");
	program_configure(&stage.program, OTHER_DIR STAGE_CONF
			  "clipboard = always\nclipboard-direction = from-guest\n"
			  "[guest two]\nlibvirt = win\nclipboard-direction = to-guest\n");
	command_expect("--reload", EX_OK, "reloaded: focus: one");
	await_clipboard(fd, 0,
			CLIPBOARD("/run/other/one-clipboard.sock", "always", "from_guest") "}");
	other = connect_client();
	send_call(other, "{\"method\":\"io.evswitch.Status\"}");
	await_clipboard(other, 1,
			CLIPBOARD("/run/other/two-clipboard.sock", "focus",
				  "to_guest") ",\"domain\":\"win\"}");
	close(other);
	program_configure(&stage.program,
			  OTHER_DIR STAGE_CONF "clipboard = no\n[guest two]\nlibvirt = win\n");
	command_expect("--reload", EX_OK, "reloaded: focus: one");
	await_clipboard(fd, 0, NULL);
	close(fd);
	stage_close(&stage);
}

/* Where no socket-dir is given, its socket is beside the control socket. */
static void test_clipboard_by_default(void **state)
{
	struct stage stage;
	char expected[512];
	int fd;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	snprintf(expected, sizeof(expected),
		 CLIPBOARD("%s/evswitch/one-clipboard.sock", "focus", "both") "}",
		 getenv("XDG_RUNTIME_DIR") ?: "/run");
	fd = connect_client();
	send_call(fd, "{\"method\":\"io.evswitch.Status\"}");
	await_clipboard(fd, 0, expected);
	close(fd);
	stage_close(&stage);
}

static void test_monitor_prints_lines(void **state)
{
	const char *program = getenv("EVSWITCH") ?: "build/evswitch";
	const char *const argv[] = { "/bin/sh", "-c", "exec \"$0\" --monitor >&2", program, NULL };
	struct program monitor = { 0 };
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	program_exec(&monitor, argv);
	program_expect(&monitor, "focus: host\n");
	stage_focus_guest(&stage);
	program_expect(&monitor, "focus: one\n");
	puppet_unplug(&stage.mouse);
	program_expect(&monitor, "focus: one; mouse: absent\n");
	stage_focus_host(&stage);
	program_expect(&monitor, "focus: host; mouse: absent\n");
	stage_kill(&stage);
	program_expect(&monitor, "evswitch has closed the connection");
	assert_int_equal(program_wait(&monitor), EX_UNAVAILABLE);
	puppet_unplug(&stage.keyboard);
}

static void test_varlink(void **state)
{
	static const char calls[] =
		"{\"method\":\"io.evswitch.Status\",\"oneway\":true}\0"
		"{\"method\":\"io.evswitch.Switch\",\"parameters\":{\"target\":\"x\"}}\0"
		"{\"method\":\"io.evswitch.Status\"}";
	struct json_object *reply, *parameters;
	struct stage stage;
	int fd;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	fd = connect_client();
	send_call(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
	reply = receive(fd);
	parameters = json_member(reply, "parameters");
	assert_string_equal(json_text(json_member(parameters, "product")), "evswitch");
	assert_int_equal(json_length(json_member(parameters, "interfaces")), 2);
	json_object_put(reply);
	send_call(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
		      "\"parameters\":{\"interface\":\"io.evswitch\"}}");
	reply = receive(fd);
	parameters = json_member(reply, "parameters");
	assert_non_null(strstr(json_text(json_member(parameters, "description")),
			       "\ninterface io.evswitch\n"));
	json_object_put(reply);
	expect_error(fd, "{\"method\":\"io.evswitch.Explode\"}",
		     "org.varlink.service.MethodNotFound");
	expect_error(fd, "{\"method\":\"com.example.Hello\"}",
		     "org.varlink.service.InterfaceNotFound");
	expect_error(fd, "{\"method\":\"nodots\"}", "org.varlink.service.InterfaceNotFound");
	expect_error(fd, "{\"method\":\"io.evswitch.Switch\"}",
		     "org.varlink.service.InvalidParameter");
	expect_error(fd, "{\"method\":\"io.evswitch.Switch\",\"parameters\":{\"target\":[1]}}",
		     "org.varlink.service.InvalidParameter");
	/* Two calls in one message are answered in order; a oneway call is not answered. */
	assert_int_equal(send(fd, calls, sizeof(calls), MSG_NOSIGNAL), sizeof(calls));
	reply = receive(fd);
	assert_string_equal(json_text(json_member(reply, "error")), "io.evswitch.NoSuchTarget");
	json_object_put(reply);
	reply = receive(fd);
	assert_non_null(json_member(json_member(reply, "parameters"), "state"));
	json_object_put(reply);
	close(fd);
	stage_close(&stage);
}

static void test_hostile_clients(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "{}", "{\"method\":7}", "\xff\xfe" };
	char large[8192];
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int fd = connect_client();

		send_call(fd, bad[i]);
		expect_closed(fd);
	}
	memset(large, ' ', sizeof(large));
	{
		int fd = connect_client();

		send(fd, large, sizeof(large), MSG_NOSIGNAL);
		expect_closed(fd);
	}
	command_expect("--status", EX_OK, "focus: host\n");
	stage_close(&stage);
}

/* Sixteen that say nothing, sixteen that never read what they ask for; keys and commands go on. */
static void test_silent_and_flooding_clients(void **state)
{
	struct stage stage;
	int silent[16], flooding[16];

	(void)state;
	stage_open(&stage, STAGE_CONF);
	for (unsigned i = 0; i < 16; i++) {
		silent[i] = connect_client();
		flooding[i] = connect_client();
		assert_int_equal(fcntl(flooding[i], F_SETFL, O_NONBLOCK), 0);
	}
	for (unsigned key = 0; key < 100; key++) {
		static const char call[] = "{\"method\":\"io.evswitch.Monitor\",\"more\":true}";

		for (unsigned i = 0; i < 16; i++)
			while (send(flooding[i], call, sizeof(call), MSG_NOSIGNAL) > 0)
				continue;
		puppet_key(&stage.keyboard, KEY_A, 1);
		puppet_key(&stage.keyboard, KEY_A, 0);
		observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 1);
		observer_expect(&stage.host_keyboard, EV_KEY, KEY_A, 0);
	}
	command_expect("--status", EX_OK, "focus: host\n");
	for (unsigned i = 0; i < 16; i++) {
		close(silent[i]);
		close(flooding[i]);
	}
	stage_close(&stage);
}

/* However many connect, one more is served: the one that was silent for longest makes room. */
static void test_too_many_clients(void **state)
{
	struct stage stage;
	int fds[100];

	(void)state;
	stage_open(&stage, STAGE_CONF);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = connect_client();
		/* Its turn has come once it is answered. */
		expect_error(fds[i], "{\"method\":\"x.y\"}",
			     "org.varlink.service.InterfaceNotFound");
	}
	command_expect("--status", EX_OK, "focus: host\n");
	expect_closed(fds[0]);
	for (unsigned i = 1; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	stage_close(&stage);
}

/* In a user's runtime directory; root finds it there, another user does not get in. */
static void test_who_may_connect(void **state)
{
	struct stage stage;
	struct stat status;
	char path[256];
	pid_t child;
	int ended;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	socket_path(path);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	/* Even where the file lets everybody in, the peer's user decides. */
	assert_int_equal(chmod(path, 0666), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char byte;
		int fd = connect_client();

		close(fd);
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		fd = usock_connect(path, SOCK_STREAM);
		if (fd < 0)
			_exit(errno == EACCES || fd == -EACCES ? 0 : 3);
		fcntl(fd, F_SETFL, 0);
		_exit(recv(fd, &byte, 1, 0) <= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &ended, 0), child);
	assert_int_equal(ended, 0);
	command_expect("--status", EX_OK, "focus: host\n");
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_nobody_runs, world_reset),
		cmocka_unit_test_teardown(test_status, world_reset),
		cmocka_unit_test_teardown(test_stats, world_reset),
		cmocka_unit_test_teardown(test_latency, world_reset),
		cmocka_unit_test_teardown(test_stats_of_losses_and_leds, world_reset),
		cmocka_unit_test_teardown(test_switch, world_reset),
		cmocka_unit_test_teardown(test_switch_device, world_reset),
		cmocka_unit_test_teardown(test_monitor, world_reset),
		cmocka_unit_test_teardown(test_clipboard, world_reset),
		cmocka_unit_test_teardown(test_clipboard_by_default, world_reset),
		cmocka_unit_test_teardown(test_monitor_prints_lines, world_reset),
		cmocka_unit_test_teardown(test_varlink, world_reset),
		cmocka_unit_test_teardown(test_hostile_clients, world_reset),
		cmocka_unit_test_teardown(test_silent_and_flooding_clients, world_reset),
		cmocka_unit_test_teardown(test_too_many_clients, world_reset),
		cmocka_unit_test_teardown(test_who_may_connect, world_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
