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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_windows_pastes, finish),
		cmocka_unit_test_teardown(test_windows_copies, finish),
		cmocka_unit_test_teardown(test_windows_pastes_an_image, finish),
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
	};
	int failed;

	scene_start(argc > 1 ? argv[1] : "build/evswitch-clipboard");
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_stop();
	return failed;
}
