/* SPDX-License-Identifier: MIT */
/*
 * The clipboard of an X server: a real one, Xvfb, which this program starts. The other X clients are xclip,
 * and one of this program's own that does what no sound client does. Both are served in one loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xcb/xcb.h>

#include "base/util.h"
#include "clipboard/desktop.h"
#include "clipboard/x11.h"
#include "desk-owner.h"

#define SHORT_MS 500

/* The server of 'here', which lives for all tests. */
static pid_t server;

/* How the other client answers a request for a target. */
enum how { WHOLE, INCR, REFUSE, SILENT };
struct reply {
	const char *target;
	enum how how;
	const char *type;
	uint8_t format;
	const void *data;
	size_t size; /* in bytes */
	uint32_t announced;
	size_t stalls; /* INCR: after so many bytes; 0: never */
};

/* The other client: an owner with a table of replies, or a requestor. */
static struct other {
	xcb_connection_t *conn;
	struct watch watch;
	xcb_window_t window;
	const struct reply *replies;
	unsigned n_replies;
	/* As owner: of the transfer by INCR; what was asked last, for a late answer. */
	struct reply sends;
	bool sending;
	xcb_selection_request_event_t request;
	size_t sent;
	unsigned n_requests;
	bool done;
	/* As requestor. */
	unsigned n_notified, n_refused, n_values;
	xcb_atom_t notified;
} other;

/* --- the server and the loop --------------------------------------------------------------- */

static void start_server(void)
{
	int displayfd[2];
	char number[16] = "", name[16], word[8];
	ssize_t n;

	assert_int_equal(pipe(displayfd), 0);
	snprintf(word, sizeof(word), "%d", displayfd[1]);
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		execlp("Xvfb", "Xvfb", "-displayfd", word, "-nolisten", "tcp", "-noreset", NULL);
		_exit(127);
	}
	close(displayfd[1]);
	for (size_t i = 0; !strchr(number, '\n'); i += (size_t)n) {
		struct pollfd in = { .fd = displayfd[0], .events = POLLIN };

		assert_int_equal(poll(&in, 1, WAIT_MS), 1);
		n = read(displayfd[0], number + i, sizeof(number) - 1 - i);
		if (n <= 0)
			fail_msg("Xvfb does not start");
	}
	close(displayfd[0]);
	number[strcspn(number, "\n")] = '\0';
	snprintf(name, sizeof(name), ":%s", number);
	setenv("DISPLAY", name, 1);
	unsetenv("WAYLAND_DISPLAY");
}

static void stop_server(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void other_handle(const xcb_generic_event_t *event);

static void serve_other(void)
{
	xcb_generic_event_t *event;

	while (other.conn && (event = xcb_poll_for_event(other.conn))) {
		other_handle(event);
		free(event);
	}
}

static void other_readable(struct watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
}

static xcb_atom_t atom(const char *name)
{
	autofree xcb_intern_atom_reply_t *reply = xcb_intern_atom_reply(
		other.conn, xcb_intern_atom(other.conn, 0, (uint16_t)strlen(name), name), NULL);

	assert_non_null(reply);
	return reply->atom;
}

static xcb_window_t other_window(void)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
	xcb_window_t window = xcb_generate_id(other.conn);

	xcb_create_window(other.conn, XCB_COPY_FROM_PARENT, window,
			  xcb_setup_roots_iterator(xcb_get_setup(other.conn)).data->root, 0, 0, 1,
			  1, 0, XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT,
			  XCB_CW_EVENT_MASK, &mask);
	return window;
}

static void open_other(void)
{
	other = (struct other){ .conn = xcb_connect(NULL, NULL) };
	assert_int_equal(xcb_connection_has_error(other.conn), 0);
	assert_int_equal(watch_start(&other.watch, &here.loop, xcb_get_file_descriptor(other.conn),
				     EPOLLIN, other_readable),
			 0);
	other.window = other_window();
}

static void close_other(void)
{
	if (!other.conn)
		return;
	watch_stop(&other.watch);
	xcb_disconnect(steal_ptr(&other.conn));
}

static void open_with(unsigned stall_ms)
{
	int error = 0;

	here.desktop = x11_open(&here.loop, &here.client, stall_ms, &error);
	assert_non_null(here.desktop);
	assert_int_equal(here.n_copied, 0);
	WAIT(here.n_copied == 1);
}

static int set_up(void **state)
{
	(void)state;
	desk_begin(serve_other);
	open_other();
	/* What an earlier test has left. */
	xcb_set_selection_owner(other.conn, XCB_NONE, atom("CLIPBOARD"), XCB_CURRENT_TIME);
	xcb_flush(other.conn);
	atom("TARGETS"); /* the server has done that */
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	desktop_close(here.desktop);
	close_other();
	desk_end();
	return 0;
}

static int set_up_all(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	desk_make_dir();
	start_server();
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	stop_server();
	desk_remove_dir();
	return 0;
}

static xcb_window_t clipboard_owner(void)
{
	autofree xcb_get_selection_owner_reply_t *reply = xcb_get_selection_owner_reply(
		other.conn, xcb_get_selection_owner(other.conn, atom("CLIPBOARD")), NULL);

	assert_non_null(reply);
	return reply->owner;
}

/* Until others see it. */
static void offer_now(unsigned types)
{
	xcb_window_t before = clipboard_owner();

	offer(types);
	WAIT(clipboard_owner() != before);
}

/* --- xclip --------------------------------------------------------------------------------- */

/* xclip goes into the background when it owns the clipboard. */
static void xclip_copy(const char *options, const void *data, size_t size)
{
	char command[256];

	desk_write("in", data, size);
	snprintf(command, sizeof(command),
		 "timeout 20 xclip -selection clipboard %s -i %s/in >/dev/null 2>&1", options,
		 here.dir);
	assert_int_equal(system(command), 0);
}

/* Into the file 'name'. */
static pid_t xclip_paste(const char *options, const char *name)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "exec timeout 20 xclip -selection clipboard %s -o >%s/%s 2>/dev/null", options,
		 here.dir, name);
	return desk_run(command);
}

/* --- the other client ---------------------------------------------------------------------- */

static void other_notify(const xcb_selection_request_event_t *request, xcb_atom_t property)
{
	union {
		xcb_selection_notify_event_t event;
		char bytes[32];
	} message = { .event = { .response_type = XCB_SELECTION_NOTIFY,
				 .time = request->time,
				 .requestor = request->requestor,
				 .selection = request->selection,
				 .target = request->target,
				 .property = property } };

	xcb_send_event(other.conn, 0, request->requestor, 0, message.bytes);
	xcb_flush(other.conn);
}

static void put(const xcb_selection_request_event_t *request, const char *type, uint8_t format,
		const void *data, size_t size)
{
	xcb_change_property(other.conn, XCB_PROP_MODE_REPLACE, request->requestor,
			    request->property, atom(type), format, (uint32_t)(size / (format / 8)),
			    data);
}

static void other_answer(const xcb_selection_request_event_t *request)
{
	const uint32_t mask = XCB_EVENT_MASK_PROPERTY_CHANGE;
	const struct reply *reply = NULL;

	other.n_requests++;
	other.request = *request;
	for (unsigned i = 0; i < other.n_replies && !reply; i++)
		if (atom(other.replies[i].target) == request->target)
			reply = &other.replies[i];
	if (!reply || reply->how == REFUSE) {
		other_notify(request, XCB_NONE);
	} else if (reply->how == WHOLE) {
		put(request, reply->type, reply->format, reply->data, reply->size);
		other_notify(request, request->property);
	} else if (reply->how == INCR) {
		other.sends = *reply;
		other.sending = true;
		other.sent = 0;
		other.done = false;
		xcb_change_window_attributes(other.conn, request->requestor, XCB_CW_EVENT_MASK,
					     &mask);
		put(request, "INCR", 32, &reply->announced, 4);
		other_notify(request, request->property);
	}
}

/* The property that it sends by is deleted. */
static void other_go_on(const xcb_property_notify_event_t *event)
{
	const struct reply *reply = &other.sends;
	size_t size;

	if (!other.sending || other.done || event->window != other.request.requestor ||
	    event->atom != other.request.property)
		return;
	if (reply->stalls && other.sent >= reply->stalls)
		return;
	size = reply->size - other.sent;
	if (size > 256 * 1024)
		size = 256 * 1024;
	put(&other.request, reply->type, reply->format, (const char *)reply->data + other.sent,
	    size);
	xcb_flush(other.conn);
	other.sent += size;
	other.done = size == 0;
}

static void other_handle(const xcb_generic_event_t *event)
{
	const void *is = event;
	const xcb_property_notify_event_t *property = is;
	const xcb_selection_notify_event_t *notify = is;

	switch (event->response_type & 0x7f) {
	case XCB_SELECTION_REQUEST:
		other_answer(is);
		break;
	case XCB_PROPERTY_NOTIFY:
		if (property->state == XCB_PROPERTY_DELETE)
			other_go_on(property);
		else
			other.n_values++;
		break;
	case XCB_SELECTION_NOTIFY:
		other.n_notified++;
		other.n_refused += notify->property == XCB_NONE;
		other.notified = notify->property;
		break;
	}
}

/* Makes it the owner, with these replies; 'copied' follows. */
static void other_owns(const struct reply *replies, unsigned n)
{
	other.replies = replies;
	other.n_replies = n;
	xcb_set_selection_owner(other.conn, other.window, atom("CLIPBOARD"), XCB_CURRENT_TIME);
	xcb_flush(other.conn);
}

static void other_copies(const struct reply *replies, unsigned n)
{
	unsigned before = here.n_copied;

	other_owns(replies, n);
	WAIT(here.n_copied != before);
	assert_int_equal(here.n_copied, before + 1);
}

/* TARGETS with these two, and how the first of them is answered. */
static void other_has(struct reply replies[2], xcb_atom_t targets[2], struct reply reply)
{
	targets[0] = atom("TARGETS");
	targets[1] = atom(reply.target);
	replies[0] = (struct reply){ "TARGETS", WHOLE, "ATOM", 32, targets, 8, 0, 0 };
	replies[1] = reply;
	other_copies(replies, 2);
}

static void other_asks(xcb_window_t window, const char *target, const char *property,
		       xcb_timestamp_t time)
{
	xcb_convert_selection(other.conn, window, atom("CLIPBOARD"), atom(target),
			      property ? atom(property) : XCB_NONE, time);
	xcb_flush(other.conn);
}

static xcb_get_property_reply_t *other_reads(xcb_window_t window, const char *property, bool delete)
{
	return xcb_get_property_reply(other.conn,
				      xcb_get_property(other.conn, delete, window, atom(property),
						       XCB_GET_PROPERTY_TYPE_ANY, 0, 1u << 20),
				      NULL);
}

/* --- what others copy ---------------------------------------------------------------------- */

static void test_empty(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	assert_int_equal(here.types, 0);
	assert_int_equal(fetch(CLIP_TEXT), -ENOENT);
}

static void test_text(void **state)
{
	static const char text[] = "gr\303\274n\nblau";

	(void)state;
	open_with(CLIP_STALL_MS);
	xclip_copy("", text, strlen(text));
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, TEXT);
	assert_int_equal(fetch(CLIP_PNG), -ENOENT);
	assert_int_equal(fetch(CLIP_TEXT), 0);
	assert_int_equal(fetch(CLIP_TEXT), -EBUSY);
	WAIT(here.n_fetched[CLIP_TEXT] == 1);
	expect_data(CLIP_TEXT, text, strlen(text));
	/* Once more. */
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, text, strlen(text));
}

static void test_text_from_before(void **state)
{
	(void)state;
	xclip_copy("", "before", 6);
	WAIT(clipboard_owner() != XCB_NONE);
	open_with(CLIP_STALL_MS);
	assert_int_equal(here.types, TEXT);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "before", 6);
}

static void test_image(void **state)
{
	static const unsigned char png[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0 };

	(void)state;
	open_with(CLIP_STALL_MS);
	xclip_copy("-t image/png", png, sizeof(png));
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, PNG);
	fetch_now(CLIP_PNG);
	expect_data(CLIP_PNG, png, sizeof(png));
}

static void test_large_text(void **state)
{
	autofree unsigned char *text = pattern(10 * MIB);

	(void)state;
	open_with(CLIP_STALL_MS);
	xclip_copy("", text, 10 * MIB);
	WAIT(here.n_copied == 2);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, text, 10 * MIB);
}

static void test_owner_vanishes(void **state)
{
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	other_has(replies, targets,
		  (struct reply){ "UTF8_STRING", WHOLE, "UTF8_STRING", 8, "hello", 5, 0, 0 });
	assert_int_equal(here.types, TEXT);
	xcb_destroy_window(other.conn, other.window);
	xcb_flush(other.conn);
	WAIT(here.n_copied == 3);
	assert_int_equal(here.types, 0);
	assert_int_equal(fetch(CLIP_TEXT), -ENOENT);
}

static void test_other_selections(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	xcb_set_selection_owner(other.conn, other.window, atom("PRIMARY"), XCB_CURRENT_TIME);
	/* A later change is told of, so the earlier one would have been. */
	xclip_copy("", "text", 4);
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, TEXT);
	assert_int_equal(other.n_requests, 0);
}

static void expect_text_of(const char *target, const char *type, const char *data, size_t size,
			   const char *text)
{
	struct reply replies[2];
	xcb_atom_t targets[2];

	other_has(replies, targets, (struct reply){ target, WHOLE, type, 8, data, size, 0, 0 });
	assert_int_equal(here.types, TEXT);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, text, strlen(text));
}

static void test_kinds_of_text(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	expect_text_of("STRING", "STRING", "gr\374n", 4, "gr\303\274n");
	expect_text_of("text/plain", "text/plain", "a\r\nb\rc\r\n", 8, "a\nb\rc\n");
	expect_text_of("text/plain;charset=utf-8", "UTF8_STRING", "end\0\0", 5, "end");
	expect_text_of("UTF8_STRING", "UTF8_STRING", "", 0, "");
}

/* By each of its names, as programs ported from elsewhere have it. */
static void test_bitmaps(void **state)
{
	static const char *const names[] = { "image/bmp", "image/x-bmp", "image/x-MS-bmp" };
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	for (unsigned i = 0; i < 3; i++) {
		other_has(replies, targets,
			  (struct reply){ names[i], WHOLE, names[i], 8, "BM\0\r\n", 5, 0, 0 });
		assert_int_equal(here.types, 1u << CLIP_BMP);
		fetch_now(CLIP_BMP);
		expect_data(CLIP_BMP, "BM\0\r\n", 5);
	}
	offer_now(1u << CLIP_BMP);
	for (unsigned i = 0; i < 3; i++) {
		autofree xcb_get_property_reply_t *reply = NULL;

		other_asks(other.window, names[i], "ANSWER", XCB_CURRENT_TIME);
		WAIT(here.n_wanted[CLIP_BMP] == i + 1);
		give(CLIP_BMP, "BM", 2);
		WAIT(other.n_notified == i + 1);
		reply = other_reads(other.window, "ANSWER", true);
		assert_int_equal(reply->type, atom(names[i]));
		assert_int_equal(xcb_get_property_value_length(reply), 2);
	}
}

/* --- secrets ------------------------------------------------------------------------------- */

static unsigned types_with_hint(struct reply hint)
{
	const xcb_atom_t targets[] = { atom("UTF8_STRING"), atom("x-kde-passwordManagerHint") };
	const struct reply replies[] = {
		{ "TARGETS", WHOLE, "ATOM", 32, targets, sizeof(targets), 0, 0 },
		{ "UTF8_STRING", WHOLE, "UTF8_STRING", 8, "password", 8, 0, 0 },
		hint,
	};

	hint.target = "x-kde-passwordManagerHint";
	other_copies(replies, 3);
	if (!here.types)
		assert_int_equal(fetch(CLIP_TEXT), -ENOENT);
	return here.types;
}

#define HINT "x-kde-passwordManagerHint"
static void test_secrets(void **state)
{
	(void)state;
	open_with(SHORT_MS);
	assert_int_equal(types_with_hint((struct reply){ HINT, WHOLE, HINT, 8, "secret", 6, 0, 0 }),
			 0);
	assert_int_equal(
		types_with_hint((struct reply){ HINT, WHOLE, HINT, 8, "secret\0", 7, 0, 0 }), 0);
	assert_int_equal(types_with_hint((struct reply){ HINT, WHOLE, HINT, 8, "public", 6, 0, 0 }),
			 TEXT);
	/* What cannot be read. */
	assert_int_equal(types_with_hint((struct reply){ .target = HINT, .how = REFUSE }), 0);
	assert_int_equal(types_with_hint((struct reply){ .target = HINT, .how = SILENT }), 0);
	assert_int_equal(types_with_hint((struct reply){ HINT, WHOLE, HINT, 8, "", 0, 0, 0 }), 0);
	assert_int_equal(
		types_with_hint((struct reply){ HINT, WHOLE, HINT, 32, "secretse", 8, 0, 0 }), 0);
}

/* A fetch that goes on when somebody copies a password gets nothing of that. */
static void test_owner_changes_during_fetch(void **state)
{
	static const struct reply silent[] = { { .target = "TARGETS", .how = SILENT } };
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	other_has(replies, targets, (struct reply){ .target = "UTF8_STRING", .how = SILENT });
	assert_int_equal(fetch(CLIP_TEXT), 0);
	WAIT(other.n_requests == 2);
	other_owns(silent, 1);
	WAIT(here.n_fetched[CLIP_TEXT] == 1);
	assert_null(here.data[CLIP_TEXT]);
	assert_int_equal(fetch(CLIP_TEXT), -ENOENT);
}

/* --- hostile owners ------------------------------------------------------------------------ */

static unsigned types_of_targets(const char *type, uint8_t format, const void *data, size_t size)
{
	const struct reply replies[] = { { "TARGETS", WHOLE, type, format, data, size, 0, 0 } };

	other_copies(replies, 1);
	return here.types;
}

static void test_targets(void **state)
{
	const size_t many = 100000;
	autofree xcb_atom_t *targets = calloc(many, sizeof(*targets));

	(void)state;
	open_with(CLIP_STALL_MS);
	for (size_t i = 0; i < many; i++)
		targets[i] = XCB_ATOM_WM_TRANSIENT_FOR;
	targets[3999] = atom("UTF8_STRING");
	assert_int_equal(types_of_targets("ATOM", 32, targets, 4000 * 4), TEXT);
	assert_int_equal(types_of_targets("ATOM", 32, targets, many * 4), 0);
	assert_int_equal(types_of_targets("TARGETS", 32, targets + 3999, 4), TEXT);
	assert_int_equal(types_of_targets("STRING", 32, targets + 3999, 4), 0);
	assert_int_equal(types_of_targets("ATOM", 8, targets + 3999, 4), 0);
	assert_int_equal(types_of_targets("ATOM", 32, targets, 0), 0);
	other_copies(NULL, 0); /* refuses */
	assert_int_equal(here.types, 0);
}

/* Asks for what this reply is for, and it cannot be had. */
static void expect_none(struct reply reply)
{
	enum clip_type type = strcmp(reply.target, "image/png") == 0 ? CLIP_PNG : CLIP_TEXT;
	struct reply replies[2];
	xcb_atom_t targets[2];

	other_has(replies, targets, reply);
	fetch_now(type);
	assert_null(here.data[type]);
}

static void test_wrong_types(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	expect_none((struct reply){ "UTF8_STRING", WHOLE, "ATOM", 8, "text", 4, 0, 0 });
	expect_none((struct reply){ "UTF8_STRING", WHOLE, "UTF8_STRING", 32, "text", 4, 0, 0 });
	expect_none((struct reply){ "UTF8_STRING", WHOLE, "UTF8_STRING", 16, "text", 4, 0, 0 });
	expect_none((struct reply){ "image/png", WHOLE, "UTF8_STRING", 8, "text", 4, 0, 0 });
	expect_none((struct reply){ .target = "UTF8_STRING", .how = REFUSE });
}

static void test_too_large(void **state)
{
	autofree unsigned char *text = pattern(17 * MIB);
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	/* It says so. */
	expect_none((struct reply){ "UTF8_STRING", INCR, "UTF8_STRING", 8, text, 17 * MIB, 17 * MIB,
				    0 });
	assert_true(other.sent < 4 * MIB);
	/* It says one byte. The sender is let go on to its end. */
	expect_none((struct reply){ "UTF8_STRING", INCR, "UTF8_STRING", 8, text, 17 * MIB, 1, 0 });
	WAIT(other.done);
	/* The most that goes. */
	other_has(replies, targets,
		  (struct reply){ "UTF8_STRING", INCR, "UTF8_STRING", 8, text, 16 * MIB, 1, 0 });
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, text, 16 * MIB);
}

static void test_too_large_at_once(void **state)
{
	autofree unsigned char *text = pattern(17 * MIB);

	(void)state;
	open_with(CLIP_STALL_MS);
	xcb_prefetch_maximum_request_length(other.conn);
	if (xcb_get_maximum_request_length(other.conn) < 17 * MIB / 4 + 8) {
		/* In two halves. */
		xclip_copy("", text, 17 * MIB);
		WAIT(here.n_copied == 2);
		fetch_now(CLIP_TEXT);
		assert_null(here.data[CLIP_TEXT]);
		return;
	}
	expect_none((struct reply){ "UTF8_STRING", WHOLE, "UTF8_STRING", 8, text, 17 * MIB, 0, 0 });
}

static void test_stalls(void **state)
{
	autofree unsigned char *text = pattern(MIB);
	long began;

	(void)state;
	open_with(SHORT_MS);
	began = now_ms();
	expect_none((struct reply){ .target = "UTF8_STRING", .how = SILENT });
	assert_true(now_ms() - began >= SHORT_MS);
	expect_none((struct reply){ "UTF8_STRING", INCR, "UTF8_STRING", 8, text, MIB, MIB,
				    256 * 1024 });
	assert_true(now_ms() - began >= 2 * SHORT_MS);
}

/* An answer that comes when it was given up is not taken for that to the next fetch. */
static void test_late_answer(void **state)
{
	struct reply replies[2];
	xcb_atom_t targets[2];
	xcb_selection_request_event_t late;

	(void)state;
	open_with(SHORT_MS);
	other_has(replies, targets, (struct reply){ .target = "UTF8_STRING", .how = SILENT });
	fetch_now(CLIP_TEXT);
	assert_null(here.data[CLIP_TEXT]);
	late = other.request;
	assert_int_equal(fetch(CLIP_TEXT), 0);
	WAIT(other.request.property != late.property);
	put(&late, "UTF8_STRING", 8, "late", 4);
	other_notify(&late, late.property);
	put(&other.request, "UTF8_STRING", 8, "new", 3);
	other_notify(&other.request, other.request.property);
	WAIT(here.n_fetched[CLIP_TEXT] == 2);
	expect_data(CLIP_TEXT, "new", 3);
}

/* What says that there is an answer, and what refuses, for a request that was given up. */
static void test_false_announcement(void **state)
{
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	other_has(replies, targets, (struct reply){ .target = "UTF8_STRING", .how = SILENT });
	assert_int_equal(fetch(CLIP_TEXT), 0);
	WAIT(other.n_requests == 2);
	other.request.time--;
	other_notify(&other.request, XCB_NONE);
	other.request.time++;
	other_notify(&other.request, other.request.property);
	other_notify(&other.request, other.request.property);
	atom("TARGETS"); /* the server has done that */
	for (unsigned i = 0; i < 10; i++)
		turn();
	assert_int_equal(here.n_fetched[CLIP_TEXT], 0);
	put(&other.request, "UTF8_STRING", 8, "true", 4);
	other_notify(&other.request, other.request.property);
	WAIT(here.n_fetched[CLIP_TEXT] == 1);
	expect_data(CLIP_TEXT, "true", 4);
}

/* Each value of a transfer has the type of the first. */
static void test_type_changes(void **state)
{
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	other_has(replies, targets,
		  (struct reply){ "UTF8_STRING", INCR, "UTF8_STRING", 8, "abcd", 4, 4, 0 });
	assert_int_equal(fetch(CLIP_TEXT), 0);
	WAIT(other.sent == 4);
	other.sends.type = "image/png";
	other.sends.size = 8;
	other.sends.data = "abcdefgh";
	WAIT(here.n_fetched[CLIP_TEXT] == 1);
	assert_null(here.data[CLIP_TEXT]);
}

/* A client that keeps the server to itself. */
static void test_server_grabbed(void **state)
{
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	other_has(replies, targets,
		  (struct reply){ "UTF8_STRING", WHOLE, "UTF8_STRING", 8, "text", 4, 0, 0 });
	alarm(WAIT_MS / 1000); /* ends this program if a call waits for the server */
	xcb_grab_server(other.conn);
	atom("TARGETS"); /* the server has done that */
	assert_int_equal(fetch(CLIP_TEXT), 0);
	for (unsigned i = 0; i < 10; i++)
		turn();
	assert_int_equal(here.n_fetched[CLIP_TEXT], 0);
	assert_int_equal(other.n_requests, 1);
	xcb_ungrab_server(other.conn);
	xcb_flush(other.conn);
	WAIT(here.n_fetched[CLIP_TEXT] == 1);
	expect_data(CLIP_TEXT, "text", 4);
	xcb_grab_server(other.conn);
	atom("TARGETS");
	offer(TEXT);
	for (unsigned i = 0; i < 10; i++)
		turn();
	assert_int_equal(clipboard_owner(), other.window);
	xcb_ungrab_server(other.conn);
	WAIT(clipboard_owner() != other.window);
	alarm(0);
}

/* Each is told of, and what comes last counts. */
static void test_many_owners(void **state)
{
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	for (unsigned i = 0; i < 1000; i++) {
		xcb_set_selection_owner(other.conn, i % 2 ? XCB_NONE : other.window,
					atom("CLIPBOARD"), XCB_CURRENT_TIME);
	}
	targets[0] = atom("TARGETS");
	targets[1] = atom("image/png");
	replies[0] = (struct reply){ "TARGETS", WHOLE, "ATOM", 32, targets, 8, 0, 0 };
	replies[1] = (struct reply){ "image/png", WHOLE, "image/png", 8, "last", 4, 0, 0 };
	other_owns(replies, 2);
	WAIT(here.types == PNG);
	fetch_now(CLIP_PNG);
	expect_data(CLIP_PNG, "last", 4);
}

/* --- what is offered ----------------------------------------------------------------------- */

static void test_offer(void **state)
{
	pid_t one, two;

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	one = xclip_paste("", "one");
	WAIT(here.n_wanted[CLIP_TEXT] == 1);
	two = xclip_paste("-t UTF8_STRING", "two");
	give(CLIP_TEXT, "guest", 5);
	assert_int_equal(desk_await(one), 0);
	desk_expect("one", "guest", 5);
	/* Whether the second one was in time for the first answer, or not. */
	WAIT(here.n_wanted[CLIP_TEXT] == 2 || waitpid(two, NULL, WNOHANG | WNOWAIT) == two);
	give(CLIP_TEXT, "guest", 5);
	assert_int_equal(desk_await(two), 0);
	desk_expect("two", "guest", 5);
	/* Nothing of it was copied. */
	assert_int_equal(here.n_copied, 1);
	assert_int_equal(fetch(CLIP_TEXT), -ENOENT);
}

static void test_wanted_once(void **state)
{
	xcb_window_t windows[3];

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	for (unsigned i = 0; i < 3; i++) {
		windows[i] = other_window();
		other_asks(windows[i], "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	}
	/* This one is answered after the others have come. */
	other_asks(other.window, "TARGETS", "TYPES", XCB_CURRENT_TIME);
	WAIT(other.n_notified == 1);
	assert_int_equal(here.n_wanted[CLIP_TEXT], 1);
	give(CLIP_TEXT, "all", 3);
	WAIT(other.n_notified == 4);
	assert_int_equal(other.n_refused, 0);
	for (unsigned i = 0; i < 3; i++) {
		autofree xcb_get_property_reply_t *reply = other_reads(windows[i], "ANSWER", true);

		assert_int_equal(reply->type, atom("UTF8_STRING"));
		assert_int_equal(xcb_get_property_value_length(reply), 3);
		assert_memory_equal(xcb_get_property_value(reply), "all", 3);
	}
	/* Nobody waits any more. */
	give(CLIP_TEXT, "late", 4);
	other_asks(other.window, "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == 2);
	assert_int_equal(other.n_notified, 4);
}

static void test_offer_targets(void **state)
{
	static const char text[] = "TARGETS\nTIMESTAMP\nUTF8_STRING\ntext/"
				   "plain;charset=utf-8\ntext/plain\nimage/png\n";

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT | PNG);
	assert_int_equal(desk_await(xclip_paste("-t TARGETS", "targets")), 0);
	desk_expect("targets", text, strlen(text));
	assert_int_equal(here.n_wanted[CLIP_TEXT] + here.n_wanted[CLIP_PNG], 0);
}

static void test_offer_large(void **state)
{
	autofree unsigned char *text = pattern(10 * MIB);
	pid_t one, two;

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT | PNG);
	one = xclip_paste("", "one");
	two = xclip_paste("-t image/png", "two");
	WAIT(here.n_wanted[CLIP_TEXT] && here.n_wanted[CLIP_PNG]);
	give(CLIP_TEXT, text, 10 * MIB);
	give(CLIP_PNG, text, 3 * MIB);
	assert_int_equal(desk_await(one), 0);
	assert_int_equal(desk_await(two), 0);
	desk_expect("one", text, 10 * MIB);
	desk_expect("two", text, 3 * MIB);
}

static void test_offer_not_to_be_had(void **state)
{
	autofree unsigned char *text = pattern(17 * MIB);

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	other_asks(other.window, "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == 1);
	give(CLIP_TEXT, NULL, 0);
	WAIT(other.n_refused == 1);
	other_asks(other.window, "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == 2);
	give(CLIP_TEXT, text, 17 * MIB);
	WAIT(other.n_refused == 2);
}

static void test_withdraw(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	other_asks(other.window, "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == 1);
	offer(0);
	/* Who waits is told. */
	WAIT(other.n_refused == 1);
	WAIT(clipboard_owner() == XCB_NONE);
	/* That question is void, so there is another one. */
	offer_now(TEXT);
	other_asks(other.window, "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == 2);
	/* What others copy is not taken off. */
	xclip_copy("", "host", 4);
	WAIT(here.types == TEXT);
	assert_int_equal(here.n_copied, 2);
	offer(0);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "host", 4);
}

static void test_offer_again(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	other_asks(other.window, "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == 1);
	/* That was of the old one. */
	offer(TEXT);
	WAIT(other.n_refused == 1);
	give(CLIP_TEXT, "old", 3);
	other_asks(other.window, "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == 2);
	give(CLIP_TEXT, "new", 3);
	WAIT(other.n_notified == 2);
	assert_int_equal(other.n_refused, 1);
	assert_int_equal(here.n_copied, 1);
}

static void test_lost_to_another(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	xclip_copy("", "host", 4);
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, TEXT);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "host", 4);
	assert_int_equal(here.n_wanted[CLIP_TEXT], 0);
}

/* --- hostile requestors -------------------------------------------------------------------- */

static void test_odd_requests(void **state)
{
	autofree xcb_get_property_reply_t *stamp = NULL;
	autofree xcb_get_property_reply_t *reply = NULL;
	uint32_t since;

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	other_asks(other.window, "TIMESTAMP", "STAMP", XCB_CURRENT_TIME);
	WAIT(other.n_notified == 1);
	stamp = other_reads(other.window, "STAMP", true);
	assert_int_equal(stamp->type, XCB_ATOM_INTEGER);
	assert_int_equal(xcb_get_property_value_length(stamp), 4);
	memcpy(&since, xcb_get_property_value(stamp), 4);
	/* No property: the target is meant. */
	other_asks(other.window, "UTF8_STRING", NULL, since);
	WAIT(here.n_wanted[CLIP_TEXT] == 1);
	give(CLIP_TEXT, "text", 4);
	WAIT(other.n_notified == 2);
	assert_int_equal(other.notified, atom("UTF8_STRING"));
	reply = other_reads(other.window, "UTF8_STRING", true);
	assert_int_equal(xcb_get_property_value_length(reply), 4);
	/* From before; not offered; unknown. */
	other_asks(other.window, "UTF8_STRING", "ANSWER", since - 1);
	other_asks(other.window, "image/png", "ANSWER", since);
	other_asks(other.window, "MULTIPLE", "ANSWER", since);
	other_asks(other.window, "EVSWITCH_NONE", "ANSWER", since);
	WAIT(other.n_notified == 6);
	assert_int_equal(other.n_refused, 4);
	assert_int_equal(here.n_wanted[CLIP_TEXT], 1);
}

static void test_many_requests(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	for (unsigned i = 0; i < 1000; i++) {
		char property[16];

		snprintf(property, sizeof(property), "ANSWER_%u", i);
		other_asks(other.window, "UTF8_STRING", property, XCB_CURRENT_TIME);
	}
	WAIT(other.n_refused == 1000 - 32);
	assert_int_equal(here.n_wanted[CLIP_TEXT], 1);
	give(CLIP_TEXT, "text", 4);
	WAIT(other.n_notified == 1000);
	assert_int_equal(other.n_refused, 1000 - 32);
}

/* Begins a transfer by INCR to this window. */
static void begin_incr(xcb_window_t window, const char *property, const void *data, size_t size)
{
	unsigned notified = other.n_notified, wants = here.n_wanted[CLIP_TEXT];
	autofree xcb_get_property_reply_t *reply = NULL;

	other_asks(window, "UTF8_STRING", property, XCB_CURRENT_TIME);
	WAIT(here.n_wanted[CLIP_TEXT] == wants + 1);
	give(CLIP_TEXT, data, size);
	WAIT(other.n_notified == notified + 1);
	reply = other_reads(window, property, false);
	assert_int_equal(reply->type, atom("INCR"));
	assert_int_equal(*(uint32_t *)xcb_get_property_value(reply), size);
}

static void delete_property(xcb_window_t window, const char *property)
{
	xcb_delete_property(other.conn, window, atom(property));
	xcb_flush(other.conn);
}

static void test_requestor_vanishes(void **state)
{
	autofree unsigned char *text = pattern(MIB);
	unsigned values;
	pid_t paste;

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	/* More than go on at once. */
	for (unsigned i = 0; i < 20; i++) {
		xcb_window_t window = other_window();

		begin_incr(window, "ANSWER", text, MIB);
		values = other.n_values;
		delete_property(window, "ANSWER");
		WAIT(other.n_values > values);
		xcb_destroy_window(other.conn, window);
		xcb_flush(other.conn);
	}
	paste = xclip_paste("", "one");
	WAIT(here.n_wanted[CLIP_TEXT] == 21);
	give(CLIP_TEXT, text, MIB);
	assert_int_equal(desk_await(paste), 0);
	desk_expect("one", text, MIB);
}

/* Gone before it gets anything. */
static void test_requestor_gone(void **state)
{
	autofree unsigned char *text = pattern(MIB);
	xcb_window_t windows[8];

	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	for (unsigned i = 0; i < 8; i++) {
		windows[i] = other_window();
		other_asks(windows[i], "UTF8_STRING", "ANSWER", XCB_CURRENT_TIME);
	}
	other_asks(other.window, "TARGETS", "TYPES", XCB_CURRENT_TIME);
	WAIT(other.n_notified == 1);
	for (unsigned i = 0; i < 8; i++)
		xcb_destroy_window(other.conn, windows[i]);
	xcb_flush(other.conn);
	assert_int_not_equal(clipboard_owner(), XCB_NONE); /* the server has done that */
	give(CLIP_TEXT, text, MIB);
	/* All eight transfers end, or this one would be refused. */
	other_asks(other.window, "TARGETS", "TYPES", XCB_CURRENT_TIME);
	WAIT(other.n_notified == 2);
	begin_incr(other.window, "ANSWER", text, MIB);
}

static void test_requestor_stalls(void **state)
{
	autofree unsigned char *text = pattern(MIB);

	(void)state;
	open_with(SHORT_MS);
	offer_now(TEXT);
	for (unsigned i = 0; i < 8; i++) {
		char property[16];

		snprintf(property, sizeof(property), "ANSWER_%u", i);
		begin_incr(other.window, property, text, MIB);
	}
	/* They are dropped, and leave room for another. */
	for (unsigned refused = other.n_refused, tries = 0;; tries++) {
		unsigned wants = here.n_wanted[CLIP_TEXT], notified = other.n_notified;

		other_asks(other.window, "UTF8_STRING", "MORE", XCB_CURRENT_TIME);
		WAIT(here.n_wanted[CLIP_TEXT] == wants + 1);
		give(CLIP_TEXT, text, MIB);
		WAIT(other.n_notified == notified + 1);
		if (other.n_refused == refused)
			break;
		refused = other.n_refused;
		assert_true(tries < 100000);
	}
}

/* --- the desktop --------------------------------------------------------------------------- */

static void test_choice(void **state)
{
	autofree char *display = strdup(getenv("DISPLAY"));
	int error = 0;

	(void)state;
	here.desktop = desktop_open(&here.loop, &here.client, &error);
	assert_non_null(here.desktop);
	WAIT(here.n_copied == 1);
	desktop_close(here.desktop);
	/* No compositor is there, but an X server. */
	setenv("WAYLAND_DISPLAY", "evswitch-none", 1);
	here.desktop = desktop_open(&here.loop, &here.client, &error);
	assert_non_null(here.desktop);
	WAIT(here.n_copied == 2);
	desktop_close(here.desktop);
	unsetenv("DISPLAY");
	here.desktop = desktop_open(&here.loop, &here.client, &error);
	assert_null(here.desktop);
	assert_int_equal(error, -ENOTSUP);
	unsetenv("WAYLAND_DISPLAY");
	assert_null(desktop_open(&here.loop, &here.client, &error));
	assert_int_equal(error, -ENOTCONN);
	setenv("DISPLAY", ":65000", 1);
	assert_null(desktop_open(&here.loop, &here.client, &error));
	assert_int_equal(error, -ENOTCONN);
	setenv("DISPLAY", display, 1);
}

/* What was offered is gone. */
static void test_close(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	offer_now(TEXT);
	desktop_close(here.desktop);
	here.desktop = NULL;
	WAIT(clipboard_owner() == XCB_NONE);
}

static void test_server_ends(void **state)
{
	struct reply replies[2];
	xcb_atom_t targets[2];

	(void)state;
	open_with(CLIP_STALL_MS);
	other_has(replies, targets, (struct reply){ .target = "UTF8_STRING", .how = SILENT });
	assert_int_equal(fetch(CLIP_TEXT), 0);
	WAIT(other.n_requests == 2);
	close_other();
	stop_server();
	WAIT(here.n_closed == 1);
	for (unsigned i = 0; i < 10; i++)
		turn();
	assert_int_equal(here.n_closed, 1);
	offer(TEXT);
	start_server();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_text),
		TEST(test_text_from_before),
		TEST(test_image),
		TEST(test_large_text),
		TEST(test_owner_vanishes),
		TEST(test_other_selections),
		TEST(test_kinds_of_text),
		TEST(test_bitmaps),
		TEST(test_secrets),
		TEST(test_owner_changes_during_fetch),
		TEST(test_targets),
		TEST(test_wrong_types),
		TEST(test_too_large),
		TEST(test_too_large_at_once),
		TEST(test_stalls),
		TEST(test_late_answer),
		TEST(test_false_announcement),
		TEST(test_type_changes),
		TEST(test_server_grabbed),
		TEST(test_many_owners),
		TEST(test_offer),
		TEST(test_wanted_once),
		TEST(test_offer_targets),
		TEST(test_offer_large),
		TEST(test_offer_not_to_be_had),
		TEST(test_withdraw),
		TEST(test_offer_again),
		TEST(test_lost_to_another),
		TEST(test_odd_requests),
		TEST(test_many_requests),
		TEST(test_requestor_vanishes),
		TEST(test_requestor_gone),
		TEST(test_requestor_stalls),
		TEST(test_choice),
		TEST(test_close),
		TEST(test_server_ends),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
