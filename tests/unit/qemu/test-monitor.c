/* SPDX-License-Identifier: MIT */
/*
 * Monitors that say every field wrong: what a QEMU would answer, with each value in turn left out or in
 * place of it what no QEMU says. Whoever reads a monitor lives on, and takes no such value for a
 * machine that runs. And monitors that refuse, do not answer, or are closed at a command, while devices
 * are added and removed: that ends, and leaves nothing in QEMU that is not named. The monitor is the
 * test itself, with a session of its own for each wrong value.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/channel.h"
#include "qemu/attach.h"
#include "qemu/vm.h"
#include "base/log.h"
#include "now.h"
#include "qemu/qinput.h"
#include "qemu/qmp.h"
#include "base/usock.h"
#include "base/util.h"

#define SESSION_MS 30000
#define STEP_MS    20
#define NOBODY     65534
#define TEXT_MAX   16384

/* --- what it says -------------------------------------------------------------------------- */

struct message {
	const char *name; /* the command that it answers, or the event; "": the greeting */
	const char *text;
};

#define EVENT(name, data)                                                                          \
	{                                                                                          \
		name, "{\"timestamp\":{\"seconds\":1,\"microseconds\":2},\"event\":\"" name        \
		      "\",\"data\":" data "}"                                                      \
	}
#define PORT(id) "{\"name\":\"" id "\",\"type\":\"child<pcie-root-port>\"}"

static const struct message messages[] = {
	{ "", "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":22,\"minor\":2,\"major\":7},"
	      "\"package\":\"\"},\"capabilities\":[\"oob\"]}}" },
	{ "qmp_capabilities", "{\"return\":{}}" },
	{ "query-status",
	  "{\"return\":{\"running\":true,\"singlestep\":false,\"status\":\"running\"}}" },
	{ "qom-get", "{\"return\":\"pc-q35-7.2-machine\"}" },
	{ "qom-list", "{\"return\":[" PORT("p1") "," PORT("p2") "," PORT("p3") "]}" },
	{ "device_add", "{\"return\":{}}" },
	{ "device_del", "{\"return\":{}}" },
	{ "input-send-event",
	  "{\"error\":{\"class\":\"GenericError\",\"desc\":\"VM not running\"}}" },
	EVENT("DEVICE_DELETED", "{\"device\":\"@\",\"path\":\"/machine/peripheral/@\"}"),
	EVENT("DEVICE_UNPLUG_GUEST_ERROR", "{\"device\":\"@\",\"path\":\"/machine/@\"}"),
	EVENT("GUEST_PANICKED", "{\"action\":\"pause\",\"info\":{\"type\":\"hyper-v\"}}"),
	EVENT("STOP", "{}"),
	EVENT("RESET", "{\"guest\":true,\"reason\":\"guest-reset\"}"),
	EVENT("SHUTDOWN", "{\"guest\":true,\"reason\":\"guest-shutdown\"}"),
	EVENT("RESUME", "{}"),
};

#define NESTED "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"
#define LONG64 "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr"

/* NULL: the value and its key are left out. */
static const char *const wrong_values[] = {
	NULL,
	"null",
	"true",
	"false",
	"0",
	"-1",
	"1.5",
	"1e400",
	"-99999999999999999999999999",
	"18446744073709551616",
	"\"\"",
	"\"\\u0000\"",
	"\"running\\u0000\"",
	"\"\\ud800\"",
	"\"%s%n\\u001b[2J\"",
	"\"" LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 LONG64 "\"",
	"[]",
	"[null]",
	"[[],{},\"a\",1]",
	"{}",
	"{\"name\":null,\"type\":null}",
	"{\"device\":{},\"status\":[],\"desc\":1}",
	"[[[[[[[[]]]]]]]]",
	NESTED,
};

/* Which value of which message is wrong, and what it is. */
struct wrong {
	const struct message *message; /* NULL: all is right */
	unsigned place;
	const char *value;
};

static struct wrong wrong;

#define PLACEHOLDER "\"the wrong value\""

static struct json_object *placeholder(void)
{
	return json_object_new_string("the wrong value");
}

/*
 * Puts the placeholder in place of the value with that number, counted down from *place as they stand
 * in the text, or leaves that out. True where it was within.
 */
static bool put_placeholder(struct json_object *value, unsigned *place, bool leave_out)
{
	if (json_object_is_type(value, json_type_object)) {
		json_object_object_foreach(value, key, inner)
		{
			if ((*place)-- == 0) {
				if (leave_out)
					json_object_object_del(value, key);
				else
					json_object_object_add(value, key, placeholder());
				return true;
			}
			if (put_placeholder(inner, place, leave_out))
				return true;
		}
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			if ((*place)-- == 0) {
				if (leave_out)
					json_object_array_del_idx(value, i, 1);
				else
					json_object_array_put_idx(value, i, placeholder());
				return true;
			}
			if (put_placeholder(json_object_array_get_idx(value, i), place, leave_out))
				return true;
		}
	}
	return false;
}

static unsigned count_places(const struct message *message)
{
	unsigned n = 0;

	for (;; n++) {
		struct json_object *value = json_tokener_parse(message->text);
		unsigned place = n;
		bool is_within;

		assert_non_null(value);
		is_within = put_placeholder(value, &place, true);
		json_object_put(value);
		if (!is_within)
			return n;
	}
}

static void replace(char text[static TEXT_MAX], const char *what, const char *by)
{
	char whole[TEXT_MAX], *at;

	while ((at = strstr(text, what))) {
		int used = snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(at - text), text, by,
				    at + strlen(what));

		assert_true(used < TEXT_MAX);
		memcpy(text, whole, (size_t)used + 1);
	}
}

/* The message with the device's and the command's id, and with what is wrong of it. */
static void compose(const struct message *message, const char *device, int id,
		    char text[static TEXT_MAX])
{
	struct json_object *value = json_tokener_parse(message->text);
	unsigned place = wrong.place;

	if (id >= 0)
		json_object_object_add(value, "id", json_object_new_int(id));
	if (wrong.message == message)
		put_placeholder(value, &place, !wrong.value);
	snprintf(text, TEXT_MAX, "%s\r\n",
		 json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	json_object_put(value);
	replace(text, "@", device);
	if (wrong.value)
		replace(text, PLACEHOLDER, wrong.value);
}

/* --- how it says it ------------------------------------------------------------------------ */

static struct loop loop;
static char dir[40], path[64];
static int listener = -1, peer = -1;
static struct json_tokener *commands;
static bool tells_events, told_events; /* once in a session */
static struct vm vm;
static struct attach attach;

/* What the monitor does at a command instead of answering it: to the one of that number, or to each. */
struct fault {
	const char *command;
	unsigned nth; /* from 1; 0: each */
	enum { CLOSES, IS_MUTE, REFUSES, CANCELS } how;
};

#define FAULTS_MAX 2

static struct fault faults[FAULTS_MAX];
static unsigned seen[FAULTS_MAX]; /* such commands so far */
static char asked[4096];          /* "device_add:evswitch-one-keyboard ", and so on */

static const struct message *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (strcmp(messages[i].name, name) == 0)
			return &messages[i];
	fail_msg("nobody knows what a monitor says to %s", name);
	return NULL;
}

static void say(const char *name, const char *device, int id)
{
	char text[TEXT_MAX];

	compose(find(name), device, id, text);
	/* The client may have ended the connection by now. */
	if (send(peer, text, strlen(text), MSG_NOSIGNAL) < 0)
		close_fd(&peer);
}

static void say_events(void)
{
	static const char *const names[] = { "GUEST_PANICKED", "STOP",   "RESET",
					     "SHUTDOWN",       "RESUME", "RESET" };

	told_events = true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		say(names[i], "", -1);
}

static const char *string_in(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value ? json_object_get_string(value) : "";
}

static void refuse(int id)
{
	char text[128];
	int size = snprintf(text, sizeof(text),
			    "{\"error\":{\"class\":\"GenericError\",\"desc\":\"not now\"},"
			    "\"id\":%d}\r\n",
			    id);

	assert_int_equal(send(peer, text, (size_t)size, MSG_NOSIGNAL), size);
}

/* True where the command is not to be answered any more. */
static bool go_wrong(const char *name, int id)
{
	for (size_t i = 0; i < FAULTS_MAX; i++) {
		const struct fault *fault = &faults[i];

		if (!fault->command || strcmp(name, fault->command) != 0)
			continue;
		seen[i]++;
		if (fault->nth && fault->nth != seen[i])
			continue;
		if (fault->how == CLOSES)
			close_fd(&peer);
		else if (fault->how == REFUSES)
			refuse(id);
		else if (fault->how == CANCELS)
			attach_cancel(&attach);
		return fault->how != CANCELS;
	}
	return false;
}

static void note(const char *name, struct json_object *arguments)
{
	size_t used = strlen(asked);

	if (strncmp(name, "device_", strlen("device_")) == 0)
		snprintf(asked + used, sizeof(asked) - used, "%s:%s ", name,
			 string_in(arguments, "id"));
}

static void answer(struct json_object *command)
{
	const char *name = string_in(command, "execute");
	struct json_object *id = NULL, *arguments = NULL;

	json_object_object_get_ex(command, "id", &id);
	json_object_object_get_ex(command, "arguments", &arguments);
	note(name, arguments);
	if (go_wrong(name, json_object_get_int(id)))
		return;
	say(name, "", json_object_get_int(id));
	if (strcmp(name, "query-status") == 0 && tells_events && !told_events)
		say_events();
	if (strcmp(name, "device_del") != 0)
		return;
	if (wrong.message == find("DEVICE_UNPLUG_GUEST_ERROR"))
		say("DEVICE_UNPLUG_GUEST_ERROR", string_in(arguments, "id"), -1);
	say("DEVICE_DELETED", string_in(arguments, "id"), -1);
}

static void greet(void)
{
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (peer < 0)
		return;
	json_tokener_reset(commands);
	told_events = false;
	say("", "", -1);
}

/* False where the client has ended the connection, or has read all and has nothing to say. */
static bool serve(void)
{
	char text[TEXT_MAX];
	int unread = 0;
	ssize_t size = recv(peer, text, sizeof(text), MSG_DONTWAIT);

	const char *at = text;

	while (size > 0 && peer >= 0) {
		struct json_object *command = json_tokener_parse_ex(commands, at, (int)size);
		size_t used = json_tokener_get_parse_end(commands);

		if (command)
			answer(command);
		json_object_put(command);
		at += used;
		size -= (ssize_t)used;
	}
	if (at > text)
		return peer >= 0;
	if (size == 0)
		close_fd(&peer);
	return size < 0 && errno == EAGAIN && ioctl(peer, SIOCOUTQ, &unread) == 0 && unread > 0;
}

static unsigned step_ms;
static bool removes;        /* what was added, at once */
static unsigned removal_ms; /* which may take so long */

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	strcpy(dir, "/tmp/evswitch-monitor-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qmp", dir);
	listener = usock_listen(path, SOCK_STREAM, 0600);
	assert_true(listener >= 0);
	commands = json_tokener_new();
	wrong = (struct wrong){ 0 };
	tells_events = false;
	memset(faults, 0, sizeof(faults));
	memset(seen, 0, sizeof(seen));
	asked[0] = '\0';
	step_ms = STEP_MS;
	removes = true;
	removal_ms = SESSION_MS;
	attach = (struct attach){ 0 };
	return loop_init(&loop);
}

static int teardown(void **state)
{
	(void)state;
	json_tokener_free(commands);
	loop_fini(&loop);
	close_fd(&peer);
	close_fd(&listener);
	unlink(path);
	return rmdir(dir);
}

/* --- who listens --------------------------------------------------------------------------- */

/* What a session came to. */
struct outcome {
	bool ready, up; /* up: the machine runs */
	unsigned done;  /* attach_add and attach_remove */
	int rc;         /* of the first of them that failed */
	char words[ATTACH_WORDS_SIZE];
};

static struct outcome outcome;

/* Until nobody has anything more to say. */
static void play_session(void)
{
	long deadline = now_ms() + SESSION_MS;

	for (; peer < 0 && now_ms() < deadline; greet())
		assert_int_equal(loop_turn(&loop, 1), 0);
	assert_true(peer >= 0);
	do {
		assert_int_equal(loop_turn(&loop, attach.doing ? 1 : 0), 0);
	} while ((serve() || (peer >= 0 && attach.doing)) && now_ms() < deadline);
	assert_true(now_ms() < deadline);
	close_fd(&peer);
}

static void attach_ended(struct attach *it, int rc, const char *words)
{
	const char *why;

	assert_true((rc == 0) == !words);
	if (rc < 0 && outcome.rc == 0) {
		outcome.rc = rc;
		snprintf(outcome.words, sizeof(outcome.words), "%s", words);
	}
	if (outcome.done++ > 0 || !removes)
		return;
	it->whole_ms = removal_ms;
	attach_remove(it, attach_ended, &why);
}

static void vm_told(struct vm *it, unsigned news)
{
	const char *why;

	if (!(news & (VM_STATE | VM_MONITOR)))
		return;
	attach_told(&attach);
	outcome.ready |= vm_qmp(it) != NULL;
	if (it->state == RUN_STATE_RUNNING && !outcome.up && outcome.ready) {
		outcome.up = true;
		attach.step_ms = step_ms;
		attach_add(&attach, attach_ended, &why);
	}
}

static void vm_event(struct vm *it, const char *name, struct json_object *data)
{
	(void)it;
	attach_event(&attach, name, data);
}

static const struct vm_ops vm_ops = { .told = vm_told, .event = vm_event };

static const struct conf_guest guest = { .name = "one", .qmp = path };

static void open_vm(void)
{
	outcome = (struct outcome){ 0 };
	assert_int_equal(vm_open(&vm, &loop, &guest, &vm_ops), 0);
	assert_int_equal(
		attach_init(&attach, &loop, &vm, &channel_find("virtio-input")->qemu, "/tmp"), 0);
}

static void close_vm(void)
{
	vm_close(&vm);
	attach_fini(&attach);
	attach = (struct attach){ 0 };
}

static void listen_by_vm(void)
{
	open_vm();
	play_session();
	close_vm();
}

static void qinput_changed(struct qinput *qinput)
{
	static const struct input_event report = { .type = EV_SYN };
	struct frame frame = { 0 };

	if (!qinput_up(qinput) || outcome.up)
		return;
	outcome.up = true;
	frame_put(&frame, &report, EV_KEY, KEY_A, 1);
	frame_close(&frame, &report);
	qinput_send(qinput, &frame);
}

static const struct qinput_ops qinput_ops = { .changed = qinput_changed };

static void listen_by_qinput(void)
{
	struct qinput *qinput;

	outcome = (struct outcome){ 0 };
	assert_int_equal(qinput_new(&loop, "one", path, &qinput_ops, NULL, &qinput), 0);
	play_session();
	qinput_free(qinput);
}

/* --- every field --------------------------------------------------------------------------- */

static void say_each_wrong(const struct message *message, void (*listen_by)(void))
{
	unsigned n = count_places(message);

	assert_true(n > 0);
	for (unsigned place = 0; place < n; place++) {
		for (size_t i = 0; i < ARRAY_SIZE(wrong_values); i++) {
			wrong = (struct wrong){ message, place, wrong_values[i] };
			listen_by();
		}
	}
	wrong = (struct wrong){ 0 };
}

static void test_vm(void **state)
{
	(void)state;
	listen_by_vm();
	assert_int_equal(outcome.done, 2);
	assert_int_equal(outcome.rc, 0);
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		bool is_event = strstr(messages[i].text, "\"event\"");

		if (strcmp(messages[i].name, "input-send-event") == 0)
			continue;
		tells_events = is_event;
		say_each_wrong(&messages[i], listen_by_vm);
	}
	tells_events = false;
	listen_by_vm();
	assert_int_equal(outcome.done, 2);
	assert_int_equal(outcome.rc, 0);
}

static void test_qinput(void **state)
{
	(void)state;
	listen_by_qinput();
	assert_true(outcome.up);
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		bool is_event = strstr(messages[i].text, "\"event\"");

		if (strncmp(messages[i].name, "qom-", 4) == 0 ||
		    strncasecmp(messages[i].name, "device_", 7) == 0)
			continue;
		tells_events = is_event;
		say_each_wrong(&messages[i], listen_by_qinput);
	}
	tells_events = false;
	listen_by_qinput();
	assert_true(outcome.up);
}

/* --- a status that is none ------------------------------------------------------------------ */

/* {"return": {"running", "singlestep", "status"}}: in this order. */
enum { RETURN, RUNNING, SINGLESTEP, STATUS };

/* Leaves out what tells of the state, or puts each wrong value there. */
static void expect_up_by(unsigned place, void (*listen_by)(void))
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong_values); i++) {
		const char *value = wrong_values[i];
		bool is_right = place == RUNNING && value && strcmp(value, "true") == 0;

		wrong = (struct wrong){ find("query-status"), place, value };
		listen_by();
		if (outcome.up != is_right)
			fail_msg("a machine whose state is %s counts as one that %s",
				 value ? value : "left out", is_right ? "is stopped" : "runs");
	}
}

static void test_vm_by_status(void **state)
{
	(void)state;
	expect_up_by(RETURN, listen_by_vm);
	expect_up_by(RUNNING, listen_by_vm);
	expect_up_by(STATUS, listen_by_vm);
}

static void test_qinput_by_status(void **state)
{
	(void)state;
	expect_up_by(RETURN, listen_by_qinput);
	expect_up_by(RUNNING, listen_by_qinput);
	expect_up_by(STATUS, listen_by_qinput);
}

/* --- whose it is ---------------------------------------------------------------------------- */

/* It is told nothing, whoever would listen to it. */
static void expect_refused(void (*listen_by)(void))
{
	if (geteuid() != 0) {
		puts("skip: another user's monitor takes root");
		skip();
	}
	/* The kernel notes who calls listen. */
	assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(seteuid(0), 0);
	listen_by();
	assert_false(outcome.up);
	assert_false(outcome.ready);
}

static void test_vm_of_another_user(void **state)
{
	(void)state;
	expect_refused(listen_by_vm);
}

static void test_qinput_of_another_user(void **state)
{
	(void)state;
	expect_refused(listen_by_qinput);
}

/* --- adding and removing, by a monitor that fails ------------------------------------------- */

/* Until so many of attach_add and attach_remove have ended, over all the monitor's sessions. */
static void play_until_done(unsigned done)
{
	long deadline = now_ms() + SESSION_MS;

	while (outcome.done < done) {
		if (now_ms() > deadline)
			fail_msg("after %d ms it has not ended; QEMU was asked: %s", SESSION_MS,
				 asked);
		assert_int_equal(loop_turn(&loop, 1), 0);
		if (peer < 0)
			greet();
		else
			serve();
	}
}

static void play_until_asked(const char *what)
{
	long deadline = now_ms() + SESSION_MS;

	while (!strstr(asked, what)) {
		assert_true(now_ms() < deadline);
		assert_int_equal(loop_turn(&loop, 1), 0);
		if (peer < 0)
			greet();
		else
			serve();
	}
}

#define KEYBOARD "evswitch-one-keyboard"
#define MEDIA    "evswitch-one-media"
#define POINTER  "evswitch-one-pointer"
#define KEPT     "; not removed: " KEYBOARD " " MEDIA " " POINTER ": shut the VM down"

/* A step has much time, and so has adding: what ends a removal is the limit of the whole. */
static void open_slow_vm(void)
{
	step_ms = SESSION_MS;
	open_vm();
	attach.whole_ms = SESSION_MS;
}

static void test_monitor_closes_at_each_removal(void **state)
{
	(void)state;
	faults[0] = (struct fault){ "device_del", 0, CLOSES };
	removal_ms = 1000;
	open_slow_vm();
	play_until_done(2);
	assert_int_equal(outcome.rc, -ETIMEDOUT);
	assert_true(seen[0] > 1); /* it was tried again */
	assert_non_null(strstr(outcome.words, "takes too long"));
	assert_non_null(strstr(outcome.words, KEPT));
	close_vm();
}

static void test_monitor_closes_once(void **state)
{
	(void)state;
	faults[0] = (struct fault){ "device_del", 2, CLOSES };
	open_slow_vm();
	play_until_done(2);
	assert_int_equal(outcome.rc, 0);
	close_vm();
}

/* What QEMU had already is taken away from it again, also where the monitor is closed at that. */
static void test_monitor_closes_at_undoing(void **state)
{
	(void)state;
	faults[0] = (struct fault){ "device_add", 2, REFUSES };
	faults[1] = (struct fault){ "device_del", 1, CLOSES };
	removes = false;
	open_slow_vm();
	play_until_done(1);
	assert_int_equal(outcome.rc, -EIO);
	assert_string_equal(outcome.words, "QEMU: not now");
	assert_string_equal(asked, "device_add:" KEYBOARD " device_add:" MEDIA
				   " device_del:" KEYBOARD " device_del:" KEYBOARD " ");
	close_vm();
}

/* QEMU may have it, though nobody heard so. */
static void test_monitor_closes_at_addition(void **state)
{
	(void)state;
	faults[0] = (struct fault){ "device_add", 1, CLOSES };
	removes = false;
	open_slow_vm();
	play_until_done(1);
	assert_int_equal(outcome.rc, -ENOTCONN);
	assert_int_equal(attach.added, 1u << SHAPE_KEYBOARD);
	close_vm();
}

static void test_removal_waits_for_monitor(void **state)
{
	const char *why = "";

	(void)state;
	faults[0] = (struct fault){ "device_add", 1, CLOSES };
	removes = false;
	open_slow_vm();
	play_until_done(1);
	if (attach_remove(&attach, attach_ended, &why) < 0)
		fail_msg("%s", why);
	outcome.rc = 0;
	play_until_done(2);
	assert_int_equal(outcome.rc, 0);
	assert_non_null(strstr(asked, "device_del:" KEYBOARD));
	close_vm();
}

static void test_addition_is_cancelled(void **state)
{
	(void)state;
	faults[0] = (struct fault){ "device_add", 2, CANCELS };
	removes = false;
	open_slow_vm();
	play_until_done(1);
	assert_int_equal(outcome.rc, -ECANCELED);
	assert_string_equal(asked, "device_add:" KEYBOARD " device_add:" MEDIA
				   " device_del:" KEYBOARD " device_del:" MEDIA " ");
	close_vm();
}

static void test_removal_is_given_up(void **state)
{
	(void)state;
	faults[0] = (struct fault){ "device_del", 0, IS_MUTE };
	open_slow_vm();
	play_until_asked("device_del");
	attach_give_up(&attach);
	assert_int_equal(outcome.done, 2);
	assert_int_equal(outcome.rc, -ECANCELED);
	assert_non_null(strstr(outcome.words, "interrupted" KEPT));
	close_vm();
}

/* One that QEMU was asked for and has not answered counts as there. */
static void test_addition_is_given_up(void **state)
{
	(void)state;
	faults[0] = (struct fault){ "device_add", 2, IS_MUTE };
	removes = false;
	open_slow_vm();
	play_until_asked("device_add:" MEDIA);
	attach_give_up(&attach);
	assert_int_equal(outcome.rc, -ECANCELED);
	assert_non_null(strstr(outcome.words, "not removed: " KEYBOARD " " MEDIA ": shut"));
	close_vm();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vm),
		TEST(test_vm_by_status),
		TEST(test_qinput),
		TEST(test_qinput_by_status),
		TEST(test_vm_of_another_user),
		TEST(test_qinput_of_another_user),
		TEST(test_monitor_closes_at_each_removal),
		TEST(test_monitor_closes_once),
		TEST(test_monitor_closes_at_undoing),
		TEST(test_monitor_closes_at_addition),
		TEST(test_removal_waits_for_monitor),
		TEST(test_addition_is_cancelled),
		TEST(test_removal_is_given_up),
		TEST(test_addition_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
