/* SPDX-License-Identifier: MIT */
/* The program evswitch-clipboard between a desktop and an agent, played by the test: what is copied, and for whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "clipboard/clip.h"
#include "clipboard/guest.h"
#include "clipboard/scene.h"

#define TEXT VD_AGENT_CLIPBOARD_UTF8_TEXT
#define PNG  VD_AGENT_CLIPBOARD_IMAGE_PNG

static struct guest guest;

/* A guest with the focus, whose agent is ready. */
static void begin(uint32_t caps)
{
	scene_configure("focus", "both");
	scene_focus(SCENE_GUEST);
	scene_copy_nothing();
	guest_init(&guest, scene_connect(), caps);
	guest_announce(&guest);
	scene_expect_status("agent", "\"ready\"");
}

static int finish(void **state)
{
	(void)state;
	guest_fini(&guest);
	scene_expect_status("connected", "false");
	return 0;
}

static void expect_word(uint32_t word)
{
	assert_int_equal(guest_word(&guest), word);
}

/* The rest of the last message. */
static void expect_text(const char *text)
{
	assert_int_equal((size_t)guest.last.size, strlen(text));
	assert_memory_equal(guest.last.data, text, strlen(text));
}

static void say_clipboard(const void *prefix, size_t prefix_size, uint32_t type, const char *text)
{
	char data[4096];

	memcpy(data, prefix, prefix_size);
	memcpy(data + prefix_size, &type, sizeof(type));
	memcpy(data + prefix_size + sizeof(type), text, strlen(text));
	guest_say(&guest, VD_AGENT_CLIPBOARD, data, prefix_size + sizeof(type) + strlen(text));
}

/* --- Windows ------------------------------------------------------------------------------- */

static void expect_windows_grab(uint32_t type)
{
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	expect_word(type);
	assert_int_equal(guest.last.size, 0);
}

/* No selection, no serial, and CRLF. */
static void test_windows_pastes(void **state)
{
	(void)state;
	begin(GUEST_WINDOWS);
	scene_copy("one\ntwo\r\nthr\303\251\303\251\n");
	expect_windows_grab(TEXT);
	for (int i = 0; i < 2; i++) {
		guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, TEXT);
		guest_expect(&guest, VD_AGENT_CLIPBOARD);
		expect_word(TEXT);
		expect_text("one\r\ntwo\r\nthr\303\251\303\251\r\n");
	}
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, PNG);
	guest_expect(&guest, VD_AGENT_CLIPBOARD);
	expect_word(VD_AGENT_CLIPBOARD_NONE);
}

static void test_windows_copies(void **state)
{
	(void)state;
	begin(GUEST_WINDOWS);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, TEXT, PNG, 4711);
	scene_expect_target("image/png");
	assert_int_equal(scene_run("xclip -selection clipboard -o -t UTF8_STRING > %s &",
				   scene_file("pasted")),
			 0);
	guest_expect(&guest, VD_AGENT_CLIPBOARD_REQUEST);
	expect_word(TEXT);
	say_clipboard("", 0, TEXT, "a\r\nb\r\n");
	assert_int_equal(scene_run("timeout 20 sh -c 'until printf \"a\\nb\\n\" | cmp -s - %s; do "
				   "sleep 0.02; done'",
				   scene_file("pasted")),
			 0);
}

/* An image that a program on the host offers, larger than a message's chunk, and than X's requests. */
static void test_windows_pastes_an_image(void **state)
{
	static char expected[3000000];
	FILE *file;

	(void)state;
	begin(GUEST_WINDOWS);
	for (size_t i = 0; i < sizeof(expected); i++)
		expected[i] = (char)(i * 7 + i / 251);
	file = fopen(scene_file("image"), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(expected, sizeof(expected), 1, file), 1);
	fclose(file);
	scene_copy_file("image/png", scene_file("image"));
	expect_windows_grab(PNG);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, PNG);
	guest_expect(&guest, VD_AGENT_CLIPBOARD);
	expect_word(PNG);
	assert_int_equal(guest.last.size, sizeof(expected));
	assert_memory_equal(guest.last.data, expected, sizeof(expected));
}

/* An agent that has only BMP: two points, red and blue, 24 bits each, as PNG on the host; and BMP as it was. */
static void test_windows_copies_bmp(void **state)
{
	static const unsigned char bmp[] = { 'B', 'M', 62, 0, 0,   0,   0, 0, 0, 0, 54, 0, 0,
					     0,   40,  0,  0, 0,   2,   0, 0, 0, 1, 0,  0, 0,
					     1,   0,   24, 0, 0,   0,   0, 0, 8, 0, 0,  0, 0,
					     0,   0,   0,  0, 0,   0,   0, 0, 0, 0, 0,  0, 0,
					     0,   0,   0,  0, 255, 255, 0, 0, 0, 0 };
	char data[4 + sizeof(bmp)] = { VD_AGENT_CLIPBOARD_IMAGE_BMP };

	(void)state;
	begin(GUEST_WINDOWS);
	memcpy(data + 4, bmp, sizeof(bmp));
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, VD_AGENT_CLIPBOARD_IMAGE_BMP);
	scene_expect_target("image/bmp");
	scene_expect_target("image/png");
	unlink(scene_file("png"));
	scene_run("xclip -selection clipboard -o -t image/png > %s &", scene_file("png"));
	guest_expect(&guest, VD_AGENT_CLIPBOARD_REQUEST);
	expect_word(VD_AGENT_CLIPBOARD_IMAGE_BMP);
	guest_say(&guest, VD_AGENT_CLIPBOARD, data, sizeof(data));
	/* Two points of red and blue, as pngtopnm would print them. */
	scene_expect("pngtopnm -plain %s 2>/dev/null | tr -s ' \\n' ' ' | grep -q 'P3 2 1 255 255 "
		     "0 0 0 0 255'",
		     scene_file("png"));
}

/* What is no picture is none on the host, either, and nobody waits for it. */
static void test_windows_copies_no_bmp(void **state)
{
	char data[100] = { VD_AGENT_CLIPBOARD_IMAGE_BMP, 0, 0, 0, 'B', 'M' };

	(void)state;
	begin(GUEST_WINDOWS);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, VD_AGENT_CLIPBOARD_IMAGE_BMP);
	scene_expect_target("image/png");
	scene_run(
		"{ xclip -selection clipboard -o -t image/png > %s 2>/dev/null; echo $? > %s; } &",
		scene_file("png"), scene_file("ended"));
	guest_expect(&guest, VD_AGENT_CLIPBOARD_REQUEST);
	guest_say(&guest, VD_AGENT_CLIPBOARD, data, sizeof(data));
	scene_expect("test -s %s", scene_file("ended"));
	assert_int_equal(scene_run("test ! -s %s", scene_file("png")), 0);
}

/* Windows waits three seconds. xclip is stopped: it owns the clipboard and does not answer. */
static void test_windows_is_not_kept_waiting(void **state)
{
	uint64_t began;

	(void)state;
	begin(GUEST_WINDOWS);
	scene_copy("late");
	expect_windows_grab(TEXT);
	kill(scene_copier(), SIGSTOP);
	began = now_us();
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, TEXT);
	guest_expect(&guest, VD_AGENT_CLIPBOARD);
	expect_word(VD_AGENT_CLIPBOARD_NONE);
	assert_true(now_us() - began < 3000000);
	kill(scene_copier(), SIGCONT);
	/* It has come meanwhile, or comes now. */
	do {
		guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, TEXT);
		guest_expect(&guest, VD_AGENT_CLIPBOARD);
	} while (guest_word(&guest) == VD_AGENT_CLIPBOARD_NONE && now_us() - began < 20000000);
	expect_text("late");
}

/* --- Linux --------------------------------------------------------------------------------- */

/* Selections and serials; ours begin at 0 and count the guest's, too. */
static void test_linux_serials(void **state)
{
	const uint32_t clipboard = 0;

	(void)state;
	begin(GUEST_LINUX);
	scene_copy("host");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	expect_word(0);
	expect_word(0);
	expect_word(TEXT);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, 0, 1, TEXT);
	scene_expect_status("offered", "false");
	scene_run("xclip -selection clipboard -o -t UTF8_STRING > %s &", scene_file("pasted"));
	guest_expect(&guest, VD_AGENT_CLIPBOARD_REQUEST);
	expect_word(0);
	expect_word(TEXT);
	say_clipboard(&clipboard, sizeof(clipboard), TEXT, "guest");
	scene_copy("host again");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	expect_word(0);
	expect_word(2);
}

/* Both have copied at once: the host's counts, on both sides. */
static void test_linux_grab_that_has_lost(void **state)
{
	(void)state;
	begin(GUEST_LINUX);
	scene_copy("host");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, 0, 0, TEXT);
	guest_expect_nothing(&guest);
	scene_expect_paste("host");
}

/* What is only marked in the guest stays there. */
static void test_linux_primary(void **state)
{
	(void)state;
	begin(GUEST_LINUX);
	scene_copy("host");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, VD_AGENT_CLIPBOARD_SELECTION_PRIMARY, 0,
			TEXT);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, VD_AGENT_CLIPBOARD_SELECTION_PRIMARY,
			TEXT);
	guest_expect(&guest, VD_AGENT_CLIPBOARD);
	expect_word(0);
	expect_word(VD_AGENT_CLIPBOARD_NONE);
	scene_expect_paste("host");
}

/* --- the focus ----------------------------------------------------------------------------- */

/* The guest hears of the host's clipboard when it gets the focus, and no more once it has lost it. */
static void test_focus_to_guest(void **state)
{
	(void)state;
	begin(GUEST_LINUX);
	scene_focus("host");
	scene_expect_status("open", "false");
	scene_copy("for the host alone");
	scene_focus(SCENE_GUEST);
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	expect_word(0);
	expect_word(0); /* the first that it hears of */
	scene_focus("host");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_RELEASE);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, 0, TEXT);
	guest_expect(&guest, VD_AGENT_CLIPBOARD);
	expect_word(0);
	expect_word(VD_AGENT_CLIPBOARD_NONE);
}

/* What a guest without the focus copies is not taken, and the host's is not offered over it afterwards. */
static void test_focus_from_guest(void **state)
{
	(void)state;
	begin(GUEST_LINUX);
	scene_copy("host");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	scene_focus("host");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_RELEASE);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, 0, 1, TEXT);
	guest_expect_nothing(&guest);
	scene_expect_paste("host");
	scene_focus(SCENE_GUEST);
	guest_expect_nothing(&guest);
	scene_expect_paste("host");
}

/* An application in the guest takes a moment to copy, and the user has switched already. */
static void test_focus_just_lost(void **state)
{
	(void)state;
	begin(GUEST_LINUX);
	scene_focus("host");
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, 0, 0, PNG);
	scene_expect_target("image/png");
}

static void test_always(void **state)
{
	(void)state;
	begin(GUEST_WINDOWS);
	scene_focus("host");
	scene_configure("always", "both");
	scene_copy("at any time");
	expect_windows_grab(TEXT);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, PNG);
	scene_expect_target("image/png");
}

static void test_to_guest_alone(void **state)
{
	(void)state;
	begin(GUEST_WINDOWS);
	scene_configure("focus", "to_guest");
	scene_copy("host");
	expect_windows_grab(TEXT);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, PNG);
	guest_expect_nothing(&guest);
	scene_expect_paste("host");
	/* What the guest has copied stays there, too. */
	scene_focus("host");
	scene_expect_status("open", "false");
	scene_focus(SCENE_GUEST);
	guest_expect_nothing(&guest);
}

static void test_from_guest_alone(void **state)
{
	(void)state;
	begin(GUEST_WINDOWS);
	scene_configure("focus", "from_guest");
	scene_copy("host");
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, PNG);
	scene_expect_target("image/png");
	guest_expect_nothing(&guest);
}

/* Without evswitch, nobody knows who has the focus. */
static void test_evswitch_ends(void **state)
{
	(void)state;
	begin(GUEST_WINDOWS);
	scene_copy("host");
	expect_windows_grab(TEXT);
	scene_end_evswitch();
	guest_expect(&guest, VD_AGENT_CLIPBOARD_RELEASE);
	scene_focus(SCENE_GUEST);
	expect_windows_grab(TEXT);
}

/* The guest that has offered it is gone. */
static void test_guest_ends(void **state)
{
	(void)state;
	begin(GUEST_WINDOWS);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, TEXT);
	scene_expect_target("UTF8_STRING");
	guest_fini(&guest);
	scene_expect_target("");
	begin(GUEST_LINUX);
}

/* Another agent starts, after a login or an update: it begins anew. */
static void test_agent_restarts(void **state)
{
	(void)state;
	begin(GUEST_LINUX);
	scene_copy("host");
	guest_expect(&guest, VD_AGENT_CLIPBOARD_GRAB);
	expect_word(0);
	expect_word(0);
	guest.caps = GUEST_WINDOWS;
	guest_announce(&guest);
	expect_windows_grab(TEXT);
}

/* The guest hears that it ends, and has whole messages up to then: what comes next could not be read otherwise. */
static void test_program_ends(void **state)
{
	const size_t size = 8000000;

	(void)state;
	begin(GUEST_WINDOWS);
	assert_int_equal(
		scene_run("head -c %zu /dev/zero | tr '\\0' x > %s", size, scene_file("image")), 0);
	scene_copy_file("image/png", scene_file("image"));
	expect_windows_grab(PNG);
	guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, PNG);
	/* It has begun to send. */
	assert_int_equal(
		poll(&(struct pollfd){ .fd = guest.fd, .events = POLLIN }, 1, GUEST_WAIT_MS), 1);
	kill(scene_program(), SIGTERM);
	guest_expect(&guest, VD_AGENT_CLIPBOARD);
	expect_word(PNG);
	assert_int_equal((size_t)guest.last.size, size);
	guest_expect(&guest, VD_AGENT_CLIENT_DISCONNECTED);
	guest_expect_end(&guest);
	scene_end_program();
	scene_start_program();
}

/* --- a guest that lies --------------------------------------------------------------------- */

/* The program still serves a guest afterwards: the teardown sees it go on. */
static void expect_service(void)
{
	guest_fini(&guest);
	scene_expect_status("connected", "false");
	begin(GUEST_WINDOWS);
	scene_copy("still there");
	expect_windows_grab(TEXT);
}

/* CVE-2026-41476: a list of types that says it is longer than its message. There, types are counted by the size. */
static void test_hostile_grab_sizes(void **state)
{
	uint32_t types[1000];

	(void)state;
	begin(GUEST_LINUX);
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		types[i] = (uint32_t)i + 100;
	types[0] = types[1] = 0;
	for (size_t size = 0; size < 16; size++)
		guest_say(&guest, VD_AGENT_CLIPBOARD_GRAB, types, size);
	guest_say(&guest, VD_AGENT_CLIPBOARD_GRAB, types, sizeof(types));
	guest_expect_nothing(&guest);
	expect_service();
}

/* Messages that are too short for their fields. */
static void test_hostile_short_messages(void **state)
{
	const char zeros[16] = "";

	(void)state;
	begin(GUEST_LINUX);
	for (uint32_t type = 0; type < VD_AGENT_END_MESSAGE + 2; type++)
		for (size_t size = 0; size < sizeof(zeros); size++)
			if (type != VD_AGENT_ANNOUNCE_CAPABILITIES &&
			    type != VD_AGENT_CLIPBOARD_REQUEST)
				guest_say(&guest, type, zeros, size);
	guest_expect_nothing(&guest);
	expect_service();
}

/* CVE-2026-65976: a byte is announced, and 16 MiB come. */
static void test_hostile_more_than_announced(void **state)
{
	static uint8_t data[16 * 1024 * 1024];
	VDIChunkHeader chunk = { .port = VDP_CLIENT_PORT, .size = sizeof(data) };
	VDAgentMessage message = { .protocol = VD_AGENT_PROTOCOL,
				   .type = VD_AGENT_CLIPBOARD,
				   .size = 1 };

	(void)state;
	begin(GUEST_LINUX);
	memcpy(data, &message, sizeof(message));
	guest_send(&guest, &chunk, sizeof(chunk));
	guest_send(&guest, data, sizeof(data));
	guest_expect_end(&guest);
	expect_service();
}

/* 4 GiB are announced and some come: nothing is allocated for the rest, and what is too large is skipped. */
static void test_hostile_size_that_never_comes(void **state)
{
	static uint8_t data[32 * 1024 * 1024];
	__attribute__((unused)) char command[256];
	VDAgentMessage message = { .protocol = VD_AGENT_PROTOCOL,
				   .type = VD_AGENT_CLIPBOARD,
				   .size = sizeof(data) - sizeof(message) };
	VDIChunkHeader chunk = { .port = VDP_CLIENT_PORT, .size = sizeof(data) };

	(void)state;
	begin(GUEST_WINDOWS);
	memcpy(data, &message, sizeof(message));
	guest_send(&guest, &chunk, sizeof(chunk));
	guest_send(&guest, data, sizeof(data));
	guest_expect_nothing(&guest);
	message.size = UINT32_MAX;
	chunk.size = UINT32_MAX;
	guest_send(&guest, &chunk, sizeof(chunk));
	guest_send(&guest, &message, sizeof(message));
	guest_send(&guest, data, sizeof(data));
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
	/* 16 MiB are one clipboard's limit; the peak is in KiB. */
	snprintf(command, sizeof(command),
		 "test $(sed -n 's/VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/%d/status) -lt 65536",
		 (int)scene_program());
	assert_int_equal(scene_run("%s", command), 0);
#endif
	expect_service();
}

/* CVE-2023-6683: requests before anything was announced. */
static void test_hostile_before_announcing(void **state)
{
	(void)state;
	scene_copy_nothing();
	guest_init(&guest, scene_connect(), GUEST_WINDOWS);
	for (int i = 0; i < 100; i++) {
		guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, TEXT);
		guest_say_words(&guest, VD_AGENT_CLIPBOARD_GRAB, TEXT);
		guest_say_words(&guest, VD_AGENT_CLIPBOARD, TEXT, 0x41414141);
		guest_say_words(&guest, VD_AGENT_FILE_XFER_STATUS, 1, 0);
		guest_say_words(&guest, VD_AGENT_CLIPBOARD_RELEASE, 0);
	}
	guest_announce(&guest);
	guest_expect_nothing(&guest);
	expect_service();
}

/* Every request is answered, however many come at once. */
static void test_hostile_thousand_requests(void **state)
{
	unsigned data = 0, none = 0;

	(void)state;
	begin(GUEST_WINDOWS);
	scene_copy("wanted");
	expect_windows_grab(TEXT);
	for (int i = 0; i < 1000; i++)
		guest_say_words(&guest, VD_AGENT_CLIPBOARD_REQUEST, TEXT);
	for (int i = 0; i < 1000; i++) {
		guest_expect(&guest, VD_AGENT_CLIPBOARD);
		if (guest_word(&guest) == TEXT)
			data++;
		else
			none++;
	}
	assert_true(data > 0);
	assert_int_equal(data + none, 1000);
	expect_service();
}

/* It asks for much and reads nothing: that costs the connection, not memory. */
static void test_hostile_does_not_read(void **state)
{
	uint32_t call[16] = { 0 };
	VDIChunkHeader chunk = { .port = VDP_CLIENT_PORT, .size = sizeof(VDAgentMessage) + 4 };
	VDAgentMessage message = { .protocol = VD_AGENT_PROTOCOL,
				   .type = VD_AGENT_CLIPBOARD_REQUEST,
				   .size = 4 };
	size_t size = sizeof(chunk) + sizeof(message) + 4;

	(void)state;
	begin(GUEST_WINDOWS);
	memcpy(call, &chunk, sizeof(chunk));
	memcpy((char *)call + sizeof(chunk), &message, sizeof(message));
	for (;;) {
		ssize_t sent = send(guest.fd, call, size, MSG_NOSIGNAL);

		if (sent < 0)
			break;
	}
	guest_fini(&guest);
	begin(GUEST_WINDOWS);
}

/* The bytes of a conversation, one by one. */
static void test_bytes_one_by_one(void **state)
{
	uint8_t bytes[sizeof(VDIChunkHeader) + sizeof(VDAgentMessage) + 4];
	VDIChunkHeader chunk = { .port = VDP_CLIENT_PORT, .size = sizeof(bytes) - sizeof(chunk) };
	VDAgentMessage message = { .protocol = VD_AGENT_PROTOCOL,
				   .type = VD_AGENT_CLIPBOARD_GRAB,
				   .size = 4 };
	const uint32_t type = PNG;

	(void)state;
	begin(GUEST_WINDOWS);
	memcpy(bytes, &chunk, sizeof(chunk));
	memcpy(bytes + sizeof(chunk), &message, sizeof(message));
	memcpy(bytes + sizeof(chunk) + sizeof(message), &type, sizeof(type));
	for (size_t i = 0; i < sizeof(bytes); i++)
		guest_send(&guest, bytes + i, 1);
	scene_expect_target("image/png");
}

/* Not messages at all. */
static void test_hostile_garbage(void **state)
{
	static const char *const garbage[] = { "GET / HTTP/1.1\r\n\r\n", "\1\0\0\0",
					       "\3\0\0\0\1\0\0\0x" };
	static const size_t sizes[] = { 18, 8, 9 };
	char zeros[64] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		begin(GUEST_LINUX);
		guest_send(&guest, i == 1 ? zeros : garbage[i], sizes[i]);
		guest_expect_end(&guest);
		guest_fini(&guest);
		scene_expect_status("connected", "false");
	}
	begin(GUEST_LINUX);
	expect_service();
}

/* Announcements without end: each is answered, and nothing grows. */
static void test_hostile_announcements(void **state)
{
	(void)state;
	begin(GUEST_LINUX);
	for (int i = 0; i < 200; i++)
		guest_announce(&guest);
	expect_service();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_windows_pastes, finish),
		cmocka_unit_test_teardown(test_windows_copies, finish),
		cmocka_unit_test_teardown(test_windows_pastes_an_image, finish),
		cmocka_unit_test_teardown(test_windows_copies_bmp, finish),
		cmocka_unit_test_teardown(test_windows_copies_no_bmp, finish),
		cmocka_unit_test_teardown(test_windows_is_not_kept_waiting, finish),
		cmocka_unit_test_teardown(test_linux_serials, finish),
		cmocka_unit_test_teardown(test_linux_grab_that_has_lost, finish),
		cmocka_unit_test_teardown(test_linux_primary, finish),
		cmocka_unit_test_teardown(test_focus_to_guest, finish),
		cmocka_unit_test_teardown(test_focus_from_guest, finish),
		cmocka_unit_test_teardown(test_focus_just_lost, finish),
		cmocka_unit_test_teardown(test_always, finish),
		cmocka_unit_test_teardown(test_to_guest_alone, finish),
		cmocka_unit_test_teardown(test_from_guest_alone, finish),
		cmocka_unit_test_teardown(test_evswitch_ends, finish),
		cmocka_unit_test_teardown(test_guest_ends, finish),
		cmocka_unit_test_teardown(test_agent_restarts, finish),
		cmocka_unit_test_teardown(test_program_ends, finish),
		cmocka_unit_test_teardown(test_hostile_grab_sizes, finish),
		cmocka_unit_test_teardown(test_hostile_short_messages, finish),
		cmocka_unit_test_teardown(test_hostile_more_than_announced, finish),
		cmocka_unit_test_teardown(test_hostile_size_that_never_comes, finish),
		cmocka_unit_test_teardown(test_hostile_before_announcing, finish),
		cmocka_unit_test_teardown(test_hostile_thousand_requests, finish),
		cmocka_unit_test_teardown(test_hostile_does_not_read, finish),
		cmocka_unit_test_teardown(test_bytes_one_by_one, finish),
		cmocka_unit_test_teardown(test_hostile_garbage, finish),
		cmocka_unit_test_teardown(test_hostile_announcements, finish),
	};
	int failed;

	scene_start(argc > 1 ? argv[1] : "build/evswitch-clipboard");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_stop();
	return failed;
}
