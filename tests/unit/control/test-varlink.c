/* SPDX-License-Identifier: MIT */
/*
 * The Varlink server with a small interface: calls in any pieces, several in one, clients that do not
 * read, changes that are merged, and bytes that chance has written.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "base/json.h"
#include "base/usock.h"
#include "base/util.h"
#include "chance.h"
#include "control/varlink.h"
#include "now.h"

#define WAIT_MS 60000
#define ROUNDS  3000

static struct scene {
	struct loop loop;
	struct varlink varlink;
	char dir[32], path[64];
	int value; /* what Get and Watch reply */
} scene;

static void get(struct varlink_client *client, struct json_object *parameters)
{
	struct json_object *reply = json_object_new_object();

	(void)parameters;
	assert_ptr_equal(varlink_owner(client), &scene);
	json_object_object_add(reply, "value", json_object_new_int(scene.value));
	varlink_reply(client, reply);
}

static void echo(struct varlink_client *client, struct json_object *parameters)
{
	struct json_object *text = json_member(parameters, "text");

	if (!text)
		varlink_invalid(client, "text");
	else
		varlink_error(client, "test.unit.Echo", json_object_get(parameters));
}

/* Larger than what a socket takes at once, smaller than VARLINK_REPLY_MAX. */
static void large(struct varlink_client *client, struct json_object *parameters)
{
	struct json_object *reply = json_object_new_object();
	static char text[VARLINK_REPLY_MAX - 100];

	(void)parameters;
	memset(text, 'x', sizeof(text) - 1);
	json_object_object_add(reply, "text", json_object_new_string(text));
	varlink_reply(client, reply);
}

static const struct varlink_method methods[] = {
	{ .name = "Get", .fn = get },
	{ .name = "Watch", .fn = get, .streams = true },
	{ .name = "Echo", .fn = echo },
	{ .name = "Large", .fn = large, .streams = true },
	{ 0 },
};

static const struct varlink_interface interface = {
	.name = "test.unit",
	.description = "interface test.unit\n",
	.vendor = "v",
	.product = "p",
	.url = "u",
	.methods = methods,
};

static int set_up(void **state)
{
	(void)state;
	scene.value = 1;
	snprintf(scene.dir, sizeof(scene.dir), "/tmp/test-varlink-XXXXXX");
	assert_non_null(mkdtemp(scene.dir));
	snprintf(scene.path, sizeof(scene.path), "%s/socket", scene.dir);
	assert_int_equal(loop_init(&scene.loop), 0);
	assert_int_equal(
		varlink_open(&scene.varlink, &scene.loop, scene.path, &interface, "7", &scene), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	varlink_close(&scene.varlink);
	loop_fini(&scene.loop);
	assert_int_equal(access(scene.path, F_OK), -1);
	return rmdir(scene.dir);
}

/* One turn; the loop rests for a moment when clients have used their share of the processor. */
static void turn(void)
{
	assert_int_equal(loop_turn(&scene.loop, 5), 0);
}

/* The queue of the socket holds few clients: makes the server accept those before. */
static int client(void)
{
	long deadline = now_ms() + WAIT_MS;
	int fd;

	while ((fd = usock_connect(scene.path, SOCK_STREAM)) == -EAGAIN && now_ms() < deadline)
		turn();
	assert_true(fd >= 0);
	return fd;
}

/* One of another user. */
static int client_of(uid_t user)
{
	int fd;

	assert_int_equal(seteuid(user), 0);
	fd = usock_connect(scene.path, SOCK_STREAM);
	assert_int_equal(seteuid(0), 0);
	return fd;
}

static void send_bytes(int fd, const char *bytes, size_t size)
{
	assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
}

/* 1 and a byte, or 0 at the end of the connection. */
static ssize_t next_byte(int fd, char *byte)
{
	long deadline = now_ms() + WAIT_MS;
	ssize_t got;

	while ((got = recv(fd, byte, 1, 0)) < 0 && errno == EAGAIN && now_ms() < deadline)
		turn();
	return got < 0 && errno == ECONNRESET ? 0 : got;
}

/* The next message; the caller frees it. */
static struct json_object *next(int fd)
{
	static char text[VARLINK_REPLY_MAX];
	struct json_object *message;
	const char *fault;
	size_t used = 0;

	do
		assert_int_equal(next_byte(fd, text + used), 1);
	while (text[used++]);
	message = json_parse_object(text, used - 1, &fault);
	assert_non_null(message);
	return message;
}

static void expect_reply(int fd, int value, bool continues)
{
	struct json_object *message = next(fd);
	struct json_object *parameters = json_member(message, "parameters");

	assert_int_equal(json_number(json_member(parameters, "value")), value);
	assert_int_equal(json_is_true(json_member(message, "continues")), continues);
	json_object_put(message);
}

static void expect_closed(int fd)
{
	ssize_t got;
	char byte;

	do
		got = next_byte(fd, &byte);
	while (got == 1);
	assert_int_equal(got, 0);
	close(fd);
}

static void call_get(int fd)
{
	static const char call[] = "{\"method\":\"test.unit.Get\"}";

	send_bytes(fd, call, sizeof(call));
}

static void calls_in_any_pieces(void **state)
{
	static const char calls[] = "{\"method\":\"test.unit.Get\"}\0"
				    "{\"method\":\"test.unit.Get\",\"oneway\":true}\0"
				    " {\"method\" : \"test.unit.Get\"} ";
	int fd = client();

	(void)state;
	for (size_t piece = 1; piece <= sizeof(calls); piece++) {
		for (size_t at = 0; at < sizeof(calls); at += piece) {
			send_bytes(fd, calls + at,
				   piece < sizeof(calls) - at ? piece : sizeof(calls) - at);
		}
		expect_reply(fd, 1, false);
		expect_reply(fd, 1, false);
	}
	/* That was all: the next reply is to the next call. */
	scene.value = 2;
	call_get(fd);
	expect_reply(fd, 2, false);
	close(fd);
}

static void changes_are_merged(void **state)
{
	static const char call[] = "{\"method\":\"test.unit.Watch\",\"more\":true}";
	int fd = client();

	(void)state;
	send_bytes(fd, call, sizeof(call));
	expect_reply(fd, 1, true);
	for (scene.value = 2; scene.value < 1000; scene.value++)
		varlink_changed(&scene.varlink);
	/* It does not read. Whatever fits was sent, and then at most one more: the newest. */
	for (struct json_object *message = NULL;;) {
		int value;

		message = next(fd);
		value = (int)json_number(json_member(json_member(message, "parameters"), "value"));
		json_object_put(message);
		if (value >= 999)
			break;
	}
	close(fd);
}

static void large_replies_wait(void **state)
{
	static const char call[] = "{\"method\":\"test.unit.Large\",\"more\":true}";
	int fd = client();

	(void)state;
	send_bytes(fd, call, sizeof(call));
	send_bytes(fd, call, sizeof(call));
	json_object_put(next(fd));
	json_object_put(next(fd));
	for (unsigned i = 0; i < 50; i++)
		varlink_changed(&scene.varlink);
	for (unsigned i = 0; i < 3; i++)
		json_object_put(next(fd));
	/* Without "more" the method answers once. */
	close(fd);
	fd = client();
	send_bytes(fd, call, strlen("{\"method\":\"test.unit.Large\""));
	send_bytes(fd, "}", 2);
	json_object_put(next(fd));
	varlink_changed(&scene.varlink);
	call_get(fd);
	expect_reply(fd, 1, false);
	close(fd);
}

static void errors_and_parameters(void **state)
{
	static const char call[] =
		"{\"method\":\"test.unit.Echo\",\"parameters\":{\"text\":\"\\u00e4\"}}";
	struct json_object *message;
	int fd = client();

	(void)state;
	send_bytes(fd, call, sizeof(call));
	message = next(fd);
	assert_string_equal(json_text(json_member(message, "error")), "test.unit.Echo");
	assert_string_equal(json_text(json_member(json_member(message, "parameters"), "text")),
			    "\u00e4");
	json_object_put(message);
	close(fd);
}

static void ends_what_is_no_call(void **state)
{
	static const char *const bad[] = { "",
					   "x",
					   "{}",
					   "[1]",
					   "{\"method\":\"\"}",
					   "{\"method\":[]}",
					   "{\"method\":\"a\\u0000b\"}" };
	char full[VARLINK_CALL_MAX];
	int fd, pair[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fd = client();
		send_bytes(fd, bad[i], strlen(bad[i]) + 1);
		expect_closed(fd);
	}
	memset(full, ' ', sizeof(full));
	fd = client();
	send_bytes(fd, full, sizeof(full));
	expect_closed(fd);
	/* A descriptor is none of its business. */
	fd = client();
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(usock_send(fd, "{", 1, pair, 2), 0);
	expect_closed(fd);
	close(pair[0]);
	close(pair[1]);
}

static void monitors_stay_longest(void **state)
{
	static const char call[] = "{\"method\":\"test.unit.Watch\",\"more\":true}";
	int monitor = client(), others[2 * VARLINK_CLIENTS_MAX];

	(void)state;
	send_bytes(monitor, call, sizeof(call));
	expect_reply(monitor, 1, true);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		others[i] = client();
	expect_closed(others[0]);
	scene.value = 2;
	varlink_changed(&scene.varlink);
	expect_reply(monitor, 2, true);
	call_get(others[ARRAY_SIZE(others) - 1]);
	expect_reply(others[ARRAY_SIZE(others) - 1], 2, false);
	for (size_t i = 1; i < ARRAY_SIZE(others); i++)
		close(others[i]);
	close(monitor);
}

/* Calls with bytes changed, cut and repeated; the server outlives them and serves the next client. */
static void chance(void **state)
{
	static const char call[] = "{\"method\":\"test.unit.Watch\",\"more\":true,\"oneway\":false,"
				   "\"parameters\":{\"text\":[1,2,{\"a\":null}]}}";
	int fd;

	(void)state;
	chance_seed();
	for (unsigned round = 0; round < ROUNDS; round++) {
		char bytes[3 * sizeof(call)];
		size_t size = 0;

		for (unsigned copy = 0; copy < 3; copy++) {
			size_t part = (size_t)rand() % (sizeof(call) + 1);

			memcpy(bytes + size, call, part);
			size += part;
		}
		for (unsigned n = (unsigned)rand() % 4; n > 0 && size > 0; n--)
			bytes[(size_t)rand() % size] = (char)rand();
		fd = client();
		send(fd, bytes, size, MSG_NOSIGNAL);
		for (unsigned i = 0; i < 6; i++)
			assert_int_equal(loop_turn(&scene.loop, 0), 0);
		if (rand() % 2)
			varlink_changed(&scene.varlink);
		close(fd);
	}
	fd = client();
	call_get(fd);
	expect_reply(fd, 1, false);
	close(fd);
}

/* The server asks who connected only later, as here, when somebody else may be admitted. */
static void one_more_user(void **state)
{
	int own, fd, late;

	(void)state;
	if (geteuid() != 0) {
		print_message("skip: other users: only root can be one\n");
		skip();
	}
	assert_int_equal(chmod(scene.dir, 0755), 0);
	own = client();
	call_get(own);
	expect_reply(own, 1, false);
	assert_int_equal(client_of(65534), -EACCES);
	varlink_admit(&scene.varlink, 65534);
	fd = client_of(65534);
	call_get(fd);
	expect_reply(fd, 1, false);
	varlink_admit(&scene.varlink, 65534); /* no change */
	call_get(fd);
	expect_reply(fd, 1, false);
	late = client_of(65534);
	varlink_admit(&scene.varlink, 1501);
	expect_closed(fd);
	expect_closed(late);
	late = client_of(65534);
	expect_closed(late);
	varlink_admit(&scene.varlink, VARLINK_NOBODY);
	assert_int_equal(client_of(1501), -EACCES);
	call_get(own);
	expect_reply(own, 1, false);
	close(own);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(calls_in_any_pieces),  TEST(changes_are_merged),
		TEST(large_replies_wait),   TEST(errors_and_parameters),
		TEST(ends_what_is_no_call), TEST(monitors_stay_longest),
		TEST(one_more_user),        TEST(chance),
	};

	return cmocka_run_group_tests_name("varlink", tests, NULL, NULL);
}
