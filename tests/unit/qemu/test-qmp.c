/* SPDX-License-Identifier: MIT */
/*
 * The client of the monitor: against peers that do all that a monitor should not, and a real QEMU.
 * The peer is the test itself at the other end of a socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lingering.h"
#include "base/log.h"
#include "base/loop.h"
#include "now.h"
#include "qemu.h"
#include "qemu/qmp.h"
#include "base/util.h"

#define AWAIT_MS 20000
#define NOBODY   65534
#define GREETING                                                                                   \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "         \
	"\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define NEGOTIATED "{\"return\": {}, \"id\": 0}\r\n"

enum close_in { NOWHERE, READY, EVENT, REPLY, CLOSED };

struct client {
	struct qmp *qmp;
	unsigned ready, events, replies, errors, closed;
	char reason[600], event[64], error[600];
	char order[64]; /* the ctx of each reply, a letter */
	int data;       /* of the last event: its member "n", or -1 */
	enum close_in close_in;
};

static struct loop loop;
static struct client client;
static char dir[32], path[64];
static int listener = -1, peer = -1;

/* --- the client's side --------------------------------------------------------------------- */

static void close_if(struct qmp *qmp, enum close_in now)
{
	if (client.close_in != now)
		return;
	qmp_close(qmp);
	client.qmp = NULL;
}

static void on_ready(struct qmp *qmp)
{
	assert_ptr_equal(qmp_owner(qmp), &client);
	client.ready++;
	close_if(qmp, READY);
}

static void on_event(struct qmp *qmp, const char *name, struct json_object *data)
{
	struct json_object *n;

	client.events++;
	snprintf(client.event, sizeof(client.event), "%s", name);
	client.data =
		data && json_object_object_get_ex(data, "n", &n) ? json_object_get_int(n) : -1;
	close_if(qmp, EVENT);
}

static void on_closed(struct qmp *qmp, const char *reason)
{
	client.closed++;
	snprintf(client.reason, sizeof(client.reason), "%s", reason);
	close_if(qmp, CLOSED);
}

static void on_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	assert_true(!result || !error);
	client.order[client.replies++] = *(const char *)ctx;
	if (error) {
		client.errors++;
		snprintf(client.error, sizeof(client.error), "%s", error);
	}
	close_if(qmp, REPLY);
}

static const struct qmp_ops ops = { .ready = on_ready, .event = on_event, .closed = on_closed };

/* Turns the loop until *count is at least this. */
static void await(const unsigned *count, unsigned least)
{
	long deadline = now_ms() + AWAIT_MS;

	while (*count < least) {
		if (now_ms() > deadline)
			fail_msg("it never came; closed: %u, because: %s", client.closed,
				 client.reason);
		assert_int_equal(loop_turn(&loop, 100), 0);
	}
}

/* Until the client has read all that the peer said, and what is ready then. */
static void settle(void)
{
	long deadline = now_ms() + AWAIT_MS;
	int unread = 0;

	while (peer >= 0 && ioctl(peer, SIOCOUTQ, &unread) == 0 && unread > 0) {
		assert_true(now_ms() < deadline);
		assert_int_equal(loop_turn(&loop, 1), 0);
	}
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(loop_turn(&loop, 0), 0);
}

static int ask(const char *execute, const char *text, const char *letter)
{
	return qmp_command_text(client.qmp, execute, text, on_reply, (void *)(uintptr_t)letter);
}

/* --- the peer's side ----------------------------------------------------------------------- */

static int setup(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	client = (struct client){ 0 };
	strcpy(dir, "/tmp/evswitch-qmp-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/qmp", dir);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	return loop_init(&loop);
}

static int teardown(void **state)
{
	qmp_close(client.qmp);
	client.qmp = NULL;
	loop_fini(&loop);
	close_fd(&peer);
	close_fd(&listener);
	unlink(path);
	rmdir(dir);
	return qemu_reset(state);
}

static void say_bytes(const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(peer, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EPIPE)
			return;
		if (sent < 0)
			assert_int_equal(errno, EAGAIN);
		else
			bytes += sent, size -= (size_t)sent;
		assert_int_equal(loop_turn(&loop, 0), 0);
	}
}

static void say(const char *text)
{
	say_bytes(text, strlen(text));
}

static void connect_peer(void)
{
	assert_int_equal(qmp_open(&loop, path, &ops, &client, &client.qmp), 0);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
}

/* What the client wrote, all that there is. */
static const char *heard(void)
{
	static char text[65536];
	ssize_t size = recv(peer, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

static void get_ready(void)
{
	connect_peer();
	say(GREETING NEGOTIATED);
	await(&client.ready, 1);
	heard();
}

/* The client ends the connection, and says this of it. */
static void expect_closed(const char *reason)
{
	await(&client.closed, 1);
	if (!strstr(client.reason, reason))
		fail_msg("it says \"%s\" and not \"%s\"", client.reason, reason);
	assert_int_equal(ask("stop", NULL, "x"), -ENOTCONN);
	settle();
	assert_int_equal(client.closed, 1);
}

/* --- how it should be ---------------------------------------------------------------------- */

static void ready_after_the_handshake(void **state)
{
	(void)state;
	connect_peer();
	assert_int_equal(qmp_version(client.qmp), 0);
	assert_int_equal(ask("stop", NULL, "x"), -ENOTCONN);
	say(GREETING);
	settle();
	assert_int_equal(client.ready, 0);
	assert_string_equal(heard(), "{\"execute\":\"qmp_capabilities\",\"id\":0}");
	say(NEGOTIATED);
	await(&client.ready, 1);
	assert_int_equal(qmp_version(client.qmp), 702);
	settle();
	assert_string_equal(heard(), "");
}

static void commands_in_order(void **state)
{
	(void)state;
	get_ready();
	assert_int_equal(ask("stop", NULL, "a"), 0);
	assert_int_equal(ask("cont", "{\"b\":[]}", "b"), 0);
	assert_int_equal(qmp_in_flight(client.qmp), 2);
	assert_string_equal(heard(), "{\"execute\":\"stop\",\"id\":1}"
				     "{\"execute\":\"cont\",\"id\":2,\"arguments\":{\"b\":[]}}");
	say("{\"return\":{},\"id\":1}\r\n{\"return\":[],\"id\":2}\r\n");
	await(&client.replies, 2);
	assert_string_equal(client.order, "ab");
	assert_int_equal(client.errors, 0);
	assert_int_equal(qmp_in_flight(client.qmp), 0);
}

static void ids_go_round(void **state)
{
	char reply[64];

	(void)state;
	get_ready();
	for (unsigned i = 1; i < 35; i++) {
		assert_int_equal(ask("stop", NULL, "a"), 0);
		snprintf(reply, sizeof(reply), "{\"return\":{},\"id\":%u}", i % 10);
		say(reply);
		await(&client.replies, i);
	}
	assert_int_equal(client.closed, 0);
}

static void arguments_are_objects(void **state)
{
	struct json_object *arguments = json_object_new_object();

	(void)state;
	get_ready();
	json_object_object_add(arguments, "id", json_object_new_string("a\"b"));
	assert_int_equal(qmp_command(client.qmp, "device_del", arguments, on_reply, "a"), 0);
	assert_string_equal(heard(), "{\"execute\":\"device_del\",\"id\":1,"
				     "\"arguments\":{\"id\":\"a\\\"b\"}}");
}

static void errors_are_told(void **state)
{
	(void)state;
	get_ready();
	ask("stop", NULL, "a");
	ask("stop", NULL, "b");
	ask("stop", NULL, "c");
	qmp_command_text(client.qmp, "stop", NULL, NULL, NULL);
	say("{\"id\":1,\"error\":{\"class\":\"GenericError\",\"desc\":\"no \\u0007 such\"}}");
	await(&client.replies, 1);
	assert_string_equal(client.error, "no \\x07 such");
	say("{\"id\":2,\"error\":{}}");
	await(&client.replies, 2);
	assert_string_equal(client.error, "no reason given");
	say("{\"id\":3,\"error\":{\"desc\":{\"desc\":1}}}");
	await(&client.errors, 3);
	say("{\"id\":4,\"error\":{\"desc\":\"to nobody\"}}");
	settle();
	assert_int_equal(qmp_in_flight(client.qmp), 0);
	assert_int_equal(client.closed, 0);
}

static void events_are_told(void **state)
{
	(void)state;
	get_ready();
	ask("stop", NULL, "a");
	say("{\"timestamp\":{\"seconds\":1},\"event\":\"STOP\"}\r\n"
	    "{\"event\":\"RESET\",\"data\":{\"n\":7}}\r\n{\"return\":{},\"id\":1}\r\n");
	await(&client.replies, 1);
	assert_int_equal(client.events, 2);
	assert_string_equal(client.event, "RESET");
	assert_int_equal(client.data, 7);
	say("{\"event\":\"STOP\",\"data\":[1]}");
	await(&client.events, 3);
	assert_int_equal(client.data, -1);
}

static void byte_by_byte(void **state)
{
	static const char text[] = GREETING NEGOTIATED "{\"event\":\"J\xc3\xa4\"}";

	(void)state;
	connect_peer();
	for (const char *at = text; *at; at++) {
		say_bytes(at, 1);
		settle();
	}
	await(&client.events, 1);
	assert_string_equal(client.event, "J\xc3\xa4");
}

static void pretty_is_understood(void **state)
{
	(void)state;
	connect_peer();
	say("{\r\n    \"QMP\": {\r\n        \"version\": {\r\n            \"qemu\": {\r\n"
	    "\"micro\": 0,\r\n\"minor\": 1,\r\n\"major\": 10\r\n}\r\n}\r\n}\r\n}\r\n"
	    "{\r\n    \"return\": {\r\n    },\r\n    \"id\": 0\r\n}\r\n");
	await(&client.ready, 1);
	assert_int_equal(qmp_version(client.qmp), 1001);
}

static void long_messages_pass(void **state)
{
	char *text = malloc(60100);

	(void)state;
	assert_non_null(text);
	get_ready();
	for (unsigned i = 1; i <= 3; i++) {
		sprintf(text, "{\"event\":\"LONG\",\"data\":{\"n\":3,\"x\":\"%060000d\"}}\r\n", 0);
		say(text);
		await(&client.events, i);
		assert_int_equal(client.data, 3);
	}
	free(text);
}

/* --- a peer that is no monitor ------------------------------------------------------------- */

static void hostile(const char *text, size_t size, const char *reason)
{
	get_ready();
	say_bytes(text, size);
	expect_closed(reason);
}

static void endless_message(void **state)
{
	char *text = malloc(1 << 20);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 1 << 20);
	memcpy(text, "{\"event\":\"", 10);
	hostile(text, 1 << 20, "64 KiB");
	free(text);
}

static void endless_blanks(void **state)
{
	char *text = malloc(1 << 20);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', 1 << 20);
	hostile(text, 1 << 20, "64 KiB");
	free(text);
}

static void deep_nesting(void **state)
{
	char text[2000];

	(void)state;
	memset(text, '[', sizeof(text));
	hostile(text, sizeof(text), "nesting too deep");
}

static void deep_nesting_in_a_greeting(void **state)
{
	char text[3000];

	(void)state;
	for (unsigned i = 0; i < sizeof(text) / 6; i++)
		memcpy(text + 6 * i, "{\"a\": ", 6);
	connect_peer();
	say_bytes(text, sizeof(text));
	expect_closed("nesting too deep");
}

static void nul_byte(void **state)
{
	static const char text[] = "{\"event\":\0\"STOP\"}";

	(void)state;
	hostile(text, sizeof(text), "NUL");
	assert_int_equal(client.events, 0);
}

static void nul_escaped(void **state)
{
	(void)state;
	get_ready();
	say("{\"event\":\"STOP\\u0000\"}");
	expect_closed("neither a reply nor an event");
	assert_int_equal(client.events, 0);
}

static void broken_utf8(void **state)
{
	(void)state;
	get_ready();
	ask("stop", NULL, "a");
	say("{\"event\":\"\xff\xc0\x80\"}{\"event\":\"\\ud800\"}"
	    "{\"id\":1,\"error\":{\"desc\":\"\xff\xed\xa0\x80\"}}");
	await(&client.replies, 1);
	assert_int_equal(client.events, 2);
	assert_string_equal(client.error, "\\xff\\xed\\xa0\\x80");
}

static void no_json(void **state)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	(void)state;
	hostile(text, strlen(text), "not a QEMU monitor");
}

static void other_json(void **state)
{
	static const char *const texts[] = { "null ",         "[] ",
					     "17 ",           "\"event\" ",
					     "{} ",           "{\"event\":1}",
					     "{\"error\":1}", "{\"event\":null,\"data\":{}}" };

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		hostile(texts[i], strlen(texts[i]), "not a QEMU monitor");
		if (i + 1 < ARRAY_SIZE(texts)) {
			teardown(state);
			setup(state);
		}
	}
}

static void absurd_numbers(void **state)
{
	(void)state;
	get_ready();
	say("{\"event\":\"A\",\"data\":{\"n\":99999999999999999999999999}}"
	    "{\"event\":\"B\",\"data\":{\"n\":1e999}}{\"event\":\"C\",\"data\":{\"n\":\"1\"}}");
	await(&client.events, 3);
	assert_int_equal(client.closed, 0);
}

static void reply_with(const char *reply)
{
	get_ready();
	ask("stop", NULL, "a");
	ask("stop", NULL, "b");
	say(reply);
	expect_closed("sent an unexpected reply");
	assert_int_equal(client.replies, 0);
}

static void wrong_id(void **state)
{
	(void)state;
	reply_with("{\"return\":{},\"id\":7}");
}

static void replies_out_of_order(void **state)
{
	(void)state;
	reply_with("{\"return\":{},\"id\":2}");
}

static void id_of_another_type(void **state)
{
	(void)state;
	reply_with("{\"return\":{},\"id\":\"1\"}");
}

static void no_id(void **state)
{
	(void)state;
	reply_with("{\"error\":{\"desc\":\"JSON parse error\"}}");
}

static void huge_id(void **state)
{
	(void)state;
	reply_with("{\"return\":{},\"id\":4294967297}");
}

static void unasked_reply(void **state)
{
	static const char text[] = "{\"return\":{},\"id\":1}";

	(void)state;
	hostile(text, strlen(text), "sent an unexpected reply");
}

static void bad_greetings(void **state)
{
	static const char *const texts[] = {
		NEGOTIATED,
		"{\"event\":\"STOP\"}",
		"{\"QMP\":[]}",
		"{\"QMP\":{\"version\":{\"qemu\":{\"major\":\"7\",\"minor\":2}}}}",
		"{\"QMP\":{\"version\":{\"qemu\":{\"major\":-7,\"minor\":2}}}}",
		"{\"QMP\":{\"version\":{\"qemu\":{\"major\":7}}}}",
		"{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":99999999999}}}}",
	};

	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		connect_peer();
		say(texts[i]);
		expect_closed("it sent no valid greeting");
		if (i + 1 < ARRAY_SIZE(texts)) {
			teardown(state);
			setup(state);
		}
	}
}

static void capabilities_refused(void **state)
{
	(void)state;
	connect_peer();
	say(GREETING "{\"id\":0,\"error\":{\"desc\":\"not today\"}}");
	expect_closed("not today");
	assert_int_equal(client.ready, 0);
}

static void silence(void **state)
{
	long start = now_ms();

	(void)state;
	connect_peer();
	expect_closed("it serves another client");
	assert_true(now_ms() - start >= QMP_HANDSHAKE_MS - 100);
}

static void silence_after_the_greeting(void **state)
{
	(void)state;
	connect_peer();
	say(GREETING);
	expect_closed("does not answer qmp_capabilities");
}

static void half_a_greeting(void **state)
{
	(void)state;
	connect_peer();
	say_bytes(GREETING, 30);
	expect_closed("sends no greeting");
}

static void immediate_end(void **state)
{
	(void)state;
	connect_peer();
	close_fd(&peer);
	expect_closed("closed its monitor immediately");
}

static void end_within_a_message(void **state)
{
	(void)state;
	get_ready();
	say("{\"event\":");
	close_fd(&peer);
	expect_closed("QEMU closed its monitor");
}

static void end_with_commands_in_flight(void **state)
{
	(void)state;
	get_ready();
	ask("stop", NULL, "a");
	/* Unread bytes make it a reset of the connection. */
	close_fd(&peer);
	await(&client.closed, 1);
	assert_int_equal(client.replies, 0);
	assert_int_equal(qmp_in_flight(client.qmp), 0);
}

static unsigned ticks;

static void tick(struct timer *timer)
{
	(void)timer;
	ticks++;
}

static void flood_of_events(void **state)
{
	static const char event[] = "{\"event\":\"X\"}";
	struct timer timer = { 0 };
	char *text = malloc(100000 * strlen(event) + 1);

	(void)state;
	assert_non_null(text);
	for (unsigned i = 0; i < 100000; i++)
		memcpy(text + i * strlen(event), event, sizeof(event));
	get_ready();
	ticks = 0;
	assert_int_equal(timer_init(&timer, &loop, tick), 0);
	timer_arm(&timer, 1, 1);
	say(text);
	await(&client.events, 100000);
	assert_int_equal(client.closed, 0);
	assert_true(ticks >= 5);
	timer_fini(&timer);
	free(text);
}

/* What else is ready waits for a few of them only. */
static void few_messages_a_turn(void **state)
{
	char text[100 * sizeof("{\"event\":\"X\"}")] = "";

	(void)state;
	get_ready();
	for (unsigned i = 0; i < 100; i++)
		strcat(text, "{\"event\":\"X\"}");
	assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	for (unsigned before = 0; client.events < 100; before = client.events) {
		assert_int_equal(loop_turn(&loop, -1), 0);
		assert_in_range(client.events - before, 0, 16);
	}
	settle();
	assert_int_equal(client.events, 100);
}

/* --- bounds -------------------------------------------------------------------------------- */

static void say_array(unsigned n)
{
	char text[8192] = "{\"event\":\"X\",\"data\":[0";

	while (--n)
		strcat(text, ",0");
	strcat(text, "]}");
	say(text);
}

static void many_values(void **state)
{
	(void)state;
	get_ready();
	say_array(1000);
	await(&client.events, 1);
	say_array(1100);
	expect_closed("more than 1024 values");
	assert_int_equal(client.events, 1);
}

static void in_flight_is_bounded(void **state)
{
	(void)state;
	get_ready();
	for (unsigned i = 0; i < QMP_IN_FLIGHT_MAX; i++)
		assert_int_equal(ask("stop", NULL, "a"), 0);
	assert_int_equal(ask("stop", NULL, "b"), -EAGAIN);
	say("{\"return\":{},\"id\":1}");
	await(&client.replies, 1);
	assert_int_equal(ask("stop", NULL, "c"), 0);
}

/* The client's end of the connection, as a descriptor of this process. */
static int find_client_fd(void)
{
	for (int fd = 3; fd < 100; fd++) {
		struct sockaddr_un address = { 0 };
		socklen_t size = sizeof(address);

		if (getpeername(fd, (struct sockaddr *)&address, &size) == 0 &&
		    strcmp(address.sun_path, path) == 0)
			return fd;
	}
	fail();
	return -1;
}

static void long_arguments(char *text, size_t size)
{
	snprintf(text, size, "{\"x\":\"%0*d\"}", (int)size - 9, 0);
}

static void peer_that_never_reads(void **state)
{
	char arguments[3001];
	unsigned taken = 0;
	size_t size = 0;
	int least = 1;

	(void)state;
	get_ready();
	assert_int_equal(setsockopt(find_client_fd(), SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)),
			 0);
	long_arguments(arguments, sizeof(arguments));
	while (ask("stop", arguments, "a") == 0)
		taken++;
	/* The socket holds some, the client two at most, and neither waits for the peer. */
	assert_in_range(taken, 3, QMP_IN_FLIGHT_MAX - 1);
	size = strlen(heard());
	assert_true(size < taken * strlen(arguments));
	for (unsigned i = 0; i < 100; i++) {
		settle();
		size += strlen(heard());
	}
	assert_true(size > taken * strlen(arguments));
	assert_int_equal(ask("stop", NULL, "b"), 0);
	assert_non_null(strstr(heard(), "stop"));
}

static void long_commands_are_refused(void **state)
{
	char arguments[QMP_TEXT_MAX + 2];

	(void)state;
	get_ready();
	long_arguments(arguments, sizeof(arguments));
	assert_int_equal(ask("stop", arguments, "a"), -EMSGSIZE);
	assert_string_equal(heard(), "");
}

/* --- closed from within -------------------------------------------------------------------- */

static void close_in(enum close_in when)
{
	client.close_in = when;
	connect_peer();
	say(GREETING NEGOTIATED);
	settle();
	if (client.qmp)
		ask("stop", NULL, "a");
	say("{\"event\":\"X\"}{\"return\":{},\"id\":1}{\"event\":\"Y\"}nonsense");
	settle();
	assert_null(client.qmp);
	assert_true(client.closed == (when == CLOSED));
}

/* --- descriptors that it passes ------------------------------------------------------------ */

static void passed_descriptor_lingers(void **state)
{
	struct lingering lingering;

	(void)state;
	get_ready();
	lingering_open(&lingering);
	lingering_pass(&lingering, peer, '\n');
	expect_closed("it passed descriptors");
	lingering_close(&lingering);
}

static void unread_descriptor_lingers(void **state)
{
	struct lingering lingering;

	(void)state;
	get_ready();
	lingering_open(&lingering);
	lingering_pass(&lingering, peer, '\n');
	qmp_close(client.qmp);
	client.qmp = NULL;
	lingering_close(&lingering);
}

static void close_in_ready(void **state)
{
	(void)state;
	close_in(READY);
	assert_int_equal(client.events, 0);
}

static void close_in_event(void **state)
{
	(void)state;
	close_in(EVENT);
	assert_int_equal(client.events, 1);
	assert_int_equal(client.replies, 0);
}

static void close_in_reply(void **state)
{
	(void)state;
	close_in(REPLY);
	assert_int_equal(client.replies, 1);
	assert_int_equal(client.events, 1);
}

static void close_in_closed(void **state)
{
	(void)state;
	close_in(CLOSED);
	assert_int_equal(client.events, 2);
}

static void close_in_the_timeout(void **state)
{
	(void)state;
	client.close_in = CLOSED;
	connect_peer();
	await(&client.closed, 1);
	assert_null(client.qmp);
}

/* --- where nobody is ----------------------------------------------------------------------- */

static int open_at(const char *where)
{
	int rc = qmp_open(&loop, where, &ops, &client, &client.qmp);

	assert_true((rc == 0) == (client.qmp != NULL));
	return rc;
}

static void nobody_there(void **state)
{
	char where[200];

	(void)state;
	assert_int_equal(open_at(""), -ENOENT);
	snprintf(where, sizeof(where), "%s/other", dir);
	assert_int_equal(open_at(where), -ENOENT);
	snprintf(where, sizeof(where), "/%0150d", 0);
	assert_int_equal(open_at(where), -ENAMETOOLONG);
	close_fd(&listener);
	assert_int_equal(open_at(path), -ECONNREFUSED);
}

static bool admits;

static bool admit(void *owner, uid_t uid)
{
	assert_ptr_equal(owner, &client);
	assert_int_equal(uid, NOBODY);
	return admits;
}

/* It would be told all that is typed. */
static void listener_of_another_user(void **state)
{
	struct qmp_ops asks = ops;

	(void)state;
	if (geteuid() != 0)
		skip();
	asks.admit = admit;
	/* The kernel notes who calls listen. */
	assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(seteuid(0), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(qmp_open(&loop, path, i == 0 ? &ops : &asks, &client, &client.qmp),
				 -EPERM);
		assert_null(client.qmp);
		peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		assert_int_equal(
			poll(&(struct pollfd){ .fd = peer, .events = POLLIN }, 1, AWAIT_MS), 1);
		assert_int_equal(recv(peer, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
		close_fd(&peer);
	}
	admits = true;
	assert_int_equal(qmp_open(&loop, path, &asks, &client, &client.qmp), 0);
}

static void others_wait_already(void **state)
{
	struct qmp *waiting[8] = { NULL };
	unsigned n = 0;

	(void)state;
	while (n < ARRAY_SIZE(waiting) && open_at(path) == 0)
		waiting[n++] = client.qmp;
	assert_in_range(n, 1, ARRAY_SIZE(waiting) - 1);
	assert_int_equal(open_at(path), -EAGAIN);
	while (n > 0)
		qmp_close(waiting[--n]);
}

/* --- a real QEMU --------------------------------------------------------------------------- */

static struct qemu qemu;

static void start_qemu(const char *more)
{
	char chardev[128], monitor[64];
	const char *const args[] = { "-chardev", chardev, "-mon", monitor, NULL };

	close_fd(&listener);
	unlink(path);
	snprintf(chardev, sizeof(chardev), "socket,id=qmp,path=%s,server=on,wait=off", path);
	snprintf(monitor, sizeof(monitor), "chardev=qmp,mode=control%s", more);
	qemu_start(&qemu, args);
}

static void connect_to_qemu(const char *more)
{
	start_qemu(more);
	assert_int_equal(open_at(path), 0);
	await(&client.ready, 1);
}

static void qemu_answers(void **state)
{
	(void)state;
	connect_to_qemu("");
	assert_true(qmp_version(client.qmp) >= 700);
	assert_int_equal(ask("query-status", NULL, "a"), 0);
	assert_int_equal(ask("no-such-command", NULL, "b"), 0);
	assert_int_equal(ask("stop", "{\"x\":1}", "c"), 0);
	await(&client.replies, 3);
	assert_string_equal(client.order, "abc");
	assert_int_equal(client.errors, 2);
	assert_non_null(strstr(client.error, "'x'"));
	qemu_kill(&qemu, SIGTERM);
}

static void qemu_answers_all_in_flight(void **state)
{
	(void)state;
	connect_to_qemu("");
	for (unsigned i = 0; i < QMP_IN_FLIGHT_MAX; i++)
		assert_int_equal(ask("query-status", NULL, &"abcdefg"[i]), 0);
	await(&client.replies, QMP_IN_FLIGHT_MAX);
	assert_string_equal(client.order, "abcdefg");
	qemu_kill(&qemu, SIGTERM);
}

static void qemu_tells_events(void **state)
{
	(void)state;
	connect_to_qemu("");
	ask("stop", NULL, "a");
	await(&client.events, 1);
	assert_string_equal(client.event, "STOP");
	ask("cont", NULL, "b");
	await(&client.events, 2);
	assert_string_equal(client.event, "RESUME");
	ask("quit", NULL, "c");
	await(&client.closed, 1);
	assert_string_equal(client.event, "SHUTDOWN");
	qemu_kill(&qemu, SIGTERM);
}

static void qemu_is_pretty(void **state)
{
	(void)state;
	connect_to_qemu(",pretty=on");
	ask("query-status", NULL, "a");
	await(&client.replies, 1);
	assert_int_equal(client.errors, 0);
	qemu_kill(&qemu, SIGTERM);
}

static void qemu_serves_one_at_a_time(void **state)
{
	struct qmp *first;

	(void)state;
	connect_to_qemu("");
	first = steal_ptr(&client.qmp);
	assert_int_equal(open_at(path), 0);
	await(&client.closed, 1);
	assert_non_null(strstr(client.reason, "it serves another client"));
	qmp_close(client.qmp);
	qmp_close(first);
	assert_int_equal(open_at(path), 0);
	await(&client.ready, 2);
	qemu_kill(&qemu, SIGTERM);
}

static void qemu_is_killed(void **state)
{
	(void)state;
	connect_to_qemu("");
	qemu_kill(&qemu, SIGKILL);
	expect_closed("QEMU closed its monitor");
}

static void qemu_hangs(void **state)
{
	(void)state;
	start_qemu("");
	qemu_freeze(&qemu);
	assert_int_equal(open_at(path), 0);
	await(&client.closed, 1);
	assert_non_null(strstr(client.reason, "QEMU hangs"));
	kill(qemu.pid, SIGCONT);
	qemu_kill(&qemu, SIGTERM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_after_the_handshake),
		TEST(commands_in_order),
		TEST(ids_go_round),
		TEST(arguments_are_objects),
		TEST(errors_are_told),
		TEST(events_are_told),
		TEST(byte_by_byte),
		TEST(pretty_is_understood),
		TEST(long_messages_pass),
		TEST(endless_message),
		TEST(endless_blanks),
		TEST(deep_nesting),
		TEST(deep_nesting_in_a_greeting),
		TEST(nul_byte),
		TEST(nul_escaped),
		TEST(broken_utf8),
		TEST(no_json),
		TEST(other_json),
		TEST(absurd_numbers),
		TEST(wrong_id),
		TEST(replies_out_of_order),
		TEST(id_of_another_type),
		TEST(no_id),
		TEST(huge_id),
		TEST(unasked_reply),
		TEST(bad_greetings),
		TEST(capabilities_refused),
		TEST(silence),
		TEST(silence_after_the_greeting),
		TEST(half_a_greeting),
		TEST(immediate_end),
		TEST(end_within_a_message),
		TEST(end_with_commands_in_flight),
		TEST(flood_of_events),
		TEST(few_messages_a_turn),
		TEST(many_values),
		TEST(in_flight_is_bounded),
		TEST(peer_that_never_reads),
		TEST(long_commands_are_refused),
		TEST(passed_descriptor_lingers),
		TEST(unread_descriptor_lingers),
		TEST(close_in_ready),
		TEST(close_in_event),
		TEST(close_in_reply),
		TEST(close_in_closed),
		TEST(close_in_the_timeout),
		TEST(nobody_there),
		TEST(listener_of_another_user),
		TEST(others_wait_already),
		TEST(qemu_answers),
		TEST(qemu_answers_all_in_flight),
		TEST(qemu_tells_events),
		TEST(qemu_is_pretty),
		TEST(qemu_serves_one_at_a_time),
		TEST(qemu_is_killed),
		TEST(qemu_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
