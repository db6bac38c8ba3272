/* SPDX-License-Identifier: MIT */
/*
 * evswitch-clipboard and the real spice-vdagent, without a VM: its daemon connects to the socket as if that were the
 * port, and its session's part runs on a second X server, the guest's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "clipboard/scene.h"

#define LARGE 10000000

static struct {
	char display[16];
	pid_t server, daemon, agent, copier;
} guest;

/* --- the guest ----------------------------------------------------------------------------- */

static void start_agent(void)
{
	char port[128], socket[128], drop[160];

	snprintf(port, sizeof(port), "%s", scene_file("evswitch/" SCENE_GUEST "-clipboard.sock"));
	snprintf(socket, sizeof(socket), "%s", scene_file("vdagentd"));
	snprintf(drop, sizeof(drop), "--file-xfer-save-dir=%s", scene_file("drop"));
	guest.daemon =
		scene_spawn((const char *const[]){ "spice-vdagentd", "-x", "-X", "-f", "-u",
						   "/dev/null", "-s", port, "-S", socket, NULL },
			    NULL, NULL);
	scene_expect("test -S %s", socket);
	guest.agent = scene_spawn((const char *const[]){ "spice-vdagent", "-x", "-s", port, "-S",
							 socket, "-o", "0", drop, NULL },
				  guest.display, NULL);
	scene_expect_status("agent", "\"ready\"");
}

static void stop_agent(void)
{
	scene_end(&guest.agent);
	scene_end(&guest.daemon);
	scene_expect_status("connected", "false");
}

/* Copies a file in the guest. */
static void guest_copy(const char *target, const char *path)
{
	scene_end(&guest.copier);
	guest.copier = scene_spawn_copier(guest.display, target, path);
}

/* Runs a command with the guest's DISPLAY until it succeeds. */
#define guest_expect_run(format, ...)                                                              \
	scene_expect("DISPLAY=%s; " format, guest.display, __VA_ARGS__)

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* A text with lines and letters of two bytes, of this size. */
static const char *write_text(const char *name, size_t size)
{
	char *text = malloc(size);
	const char *path = scene_file(name);

	assert_non_null(text);
	for (size_t i = 0; i < size; i++)
		text[i] = i % 64 == 63 ? '\n' : (char)('a' + (i / 64 + i) % 26);
	write_file(path, text, size);
	free(text);
	return path;
}

static void tell_time(const char *what, uint64_t since_us)
{
	printf("    %s: %.1f ms\n", what, (double)(now_us() - since_us) / 1000);
}

/* --- text and images ----------------------------------------------------------------------- */

static void from_host(const char *target, const char *path, const char *what)
{
	const char *got = scene_file("got");
	uint64_t began;

	scene_copy_file(target, path);
	guest_expect_run("xclip -selection clipboard -o -t TARGETS 2>/dev/null | grep -qx %s",
			 target);
	began = now_us();
	assert_int_equal(scene_run("DISPLAY=%s xclip -selection clipboard -o -t %s > %s",
				   guest.display, target, got),
			 0);
	tell_time(what, began);
	assert_int_equal(scene_run("cmp %s %s", path, got), 0);
}

static void from_guest(const char *target, const char *path, const char *what)
{
	const char *got = scene_file("got");
	uint64_t began;

	scene_end(&guest.copier);
	scene_copy_nothing();
	guest_copy(target, path);
	scene_expect_target(target);
	began = now_us();
	assert_int_equal(scene_run("xclip -selection clipboard -o -t %s > %s", target, got), 0);
	tell_time(what, began);
	assert_int_equal(scene_run("cmp %s %s", path, got), 0);
}

static void test_text(void **state)
{
	static const char text[] = "Z\303\274rich\n\tund \346\235\261\344\272\254\n";

	(void)state;
	write_file(scene_file("text"), text, strlen(text));
	from_host("UTF8_STRING", scene_file("text"), "text to the guest");
	from_guest("UTF8_STRING", scene_file("text"), "text from the guest");
}

static void test_large_text(void **state)
{
	(void)state;
	from_host("UTF8_STRING", write_text("large", LARGE), "10 MB of text to the guest");
	from_guest("UTF8_STRING", write_text("large", LARGE), "10 MB of text from the guest");
}

/* The agent passes on what calls itself PNG as it is. */
static void test_image(void **state)
{
	(void)state;
	assert_int_equal(scene_run("head -c 2000000 /dev/urandom > %s", scene_file("image")), 0);
	from_host("image/png", scene_file("image"), "2 MB image to the guest");
	from_guest("image/png", scene_file("image"), "2 MB image from the guest");
}

/* More than the limit is copied: it is not there, and the next copy is. */
static void test_too_large(void **state)
{
	const char *got = scene_file("got");

	(void)state;
	scene_end(&guest.copier);
	scene_copy_nothing();
	guest_copy("UTF8_STRING", write_text("huge", 20000000));
	scene_expect_target("UTF8_STRING");
	scene_run("timeout 20 xclip -selection clipboard -o -t UTF8_STRING > %s 2>/dev/null", got);
	assert_int_equal(scene_run("test ! -s %s", got), 0);
	test_text(state);
}

static void test_focus(void **state)
{
	(void)state;
	scene_copy("host");
	guest_expect_run("test \"$(xclip -selection clipboard -o%s)\" = host", "");
	scene_focus("host");
	guest_expect_run("! xclip -selection clipboard -o%s >/dev/null 2>&1", "");
	scene_focus(SCENE_GUEST);
	guest_expect_run("test \"$(xclip -selection clipboard -o%s)\" = host", "");
}

static void test_agent_restarts(void **state)
{
	(void)state;
	stop_agent();
	start_agent();
	test_text(state);
}

/* --- files --------------------------------------------------------------------------------- */

/* The exit status of evswitch-clipboard --send; what it says is in the file "said". */
static int send_file(const char *path)
{
	return scene_run("%s --send " SCENE_GUEST " '%s' 2> %s", getenv("SCENE_PROGRAM"), path,
			 scene_file("said"));
}

static void expect_sent(const char *path, const char *name)
{
	char there[256];

	snprintf(there, sizeof(there), "%s/%s", scene_file("drop"), name);
	assert_int_equal(send_file(path), 0);
	assert_int_equal(scene_run("cmp '%s' '%s'", path, there), 0);
}

static void test_files(void **state)
{
	uint64_t began;

	(void)state;
	assert_int_equal(
		scene_run("head -c 5000000 /dev/urandom > '%s'", scene_file("f\303\274nf MB?.bin")),
		0);
	began = now_us();
	expect_sent(scene_file("f\303\274nf MB?.bin"), "f\303\274nf MB_.bin");
	tell_time("5 MB file to the guest, with the start of the program", began);
	write_file(scene_file("empty"), "", 0);
	expect_sent(scene_file("empty"), "empty");
}

/* A file is where the agent's folder should be. */
static void test_file_without_place(void **state)
{
	char drop[160], away[160];

	(void)state;
	snprintf(drop, sizeof(drop), "%s", scene_file("drop"));
	snprintf(away, sizeof(away), "%s", scene_file("away"));
	write_file(scene_file("small"), "x", 1);
	assert_int_equal(rename(drop, away), 0);
	write_file(drop, "", 0);
	assert_int_equal(send_file(scene_file("small")), 74);
	assert_int_equal(scene_run("grep -q 'small: not sent: ' %s", scene_file("said")), 0);
	assert_int_equal(unlink(drop), 0);
	assert_int_equal(rename(away, drop), 0);
	expect_sent(scene_file("small"), "small");
}

/* A client that is ended takes its file back. */
static void test_file_cancelled(void **state)
{
	pid_t sender;

	(void)state;
	assert_int_equal(scene_run("truncate -s 10G %s", scene_file("endless")), 0);
	sender = scene_spawn((const char *const[]){ getenv("SCENE_PROGRAM"), "--send", SCENE_GUEST,
						    scene_file("endless"), NULL },
			     NULL, NULL);
	scene_expect("test -s %s/endless", scene_file("drop"));
	scene_end(&sender);
	scene_expect("test ! -e %s/endless", scene_file("drop"));
	expect_sent(scene_file("small"), "small (1)");
}

static void test_file_errors(void **state)
{
	(void)state;
	assert_int_equal(send_file("/nonexistent"), 66);
	assert_int_equal(send_file("/"), 66);
	stop_agent();
	assert_int_equal(send_file(scene_file("small")), 74);
	assert_int_equal(scene_run("grep -q 'VM is off' %s", scene_file("said")), 0);
	assert_int_equal(scene_run("%s --send other %s 2>/dev/null", getenv("SCENE_PROGRAM"),
				   scene_file("small")),
			 69);
	start_agent();
	expect_sent(scene_file("small"), "small (2)");
}

/* While nothing is copied, nothing runs: a program that polls would be switched to again and again. */
static void test_idle(void **state)
{
	char command[256];

	(void)state;
	test_text(state);
	snprintf(command, sizeof(command), "grep -h ctxt_switches /proc/%d/status",
		 (int)scene_program());
	for (int tries = 0;; tries++) {
		/* What the last paste has caused may still be on its way. */
		if (scene_run("a=$(%s); sleep 3; test \"$a\" = \"$(%s)\"", command, command) == 0)
			break;
		assert_true(tries < 5);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),           cmocka_unit_test(test_large_text),
		cmocka_unit_test(test_image),          cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_focus),          cmocka_unit_test(test_agent_restarts),
		cmocka_unit_test(test_files),          cmocka_unit_test(test_file_without_place),
		cmocka_unit_test(test_file_cancelled), cmocka_unit_test(test_file_errors),
		cmocka_unit_test(test_idle),
	};
	int failed;

	scene_start(argc > 1 ? argv[1] : "build/evswitch-clipboard");
	scene_run("mkdir %s", scene_file("drop"));
	guest.server = scene_spawn_x_server(guest.display);
	start_agent();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	scene_end(&guest.copier);
	stop_agent();
	scene_end(&guest.server);
	scene_stop();
	return failed;
}
