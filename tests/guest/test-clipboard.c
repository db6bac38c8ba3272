/* SPDX-License-Identifier: MIT */
/*
 * The clipboard through a real QEMU, with what evswitch prints for its command line, to a real Linux with
 * spice-vdagent: the test VM, in which tests/guest/clipboard runs. The host is this machine, with an X server
 * of its own (clipboard/scene.h). One boot serves all tests, in their order.
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "clipboard/clip.h"
#include "clipboard/scene.h"

/* For an emulated machine on a busy one: its boot, or a command in it, which has a patience of its own. */
#define VM_WAIT_MS 300000

#define LARGE (10 * 1000 * 1000)
#define TEXT  "UTF8_STRING"

/* The words of tests/vm/run. */
#define WORDS_MAX 64

static struct machine {
	pid_t pid;
	int commands, monitor; /* its ends of these, owned; -1: none */
	unsigned number;       /* of the last command */
	char said[65536];      /* the answer to it */
} vm = { .commands = -1, .monitor = -1 };

/* --- the VM -------------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Waits for more of what arrives at 'fd', and keeps it in 'text' as a string. */
static void read_more(int fd, char *text, size_t size, int timeout_ms)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	size_t used = strlen(text);
	ssize_t got;

	if (poll(&ready, 1, timeout_ms) <= 0)
		fail_msg("nothing comes after this: %s", text);
	assert_true(used + 1 < size);
	got = read(fd, text + used, size - used - 1);
	if (got <= 0)
		fail_msg("the VM has ended, after this: %s", text);
	text[used + (size_t)got] = '\0';
}

/* Runs a command in the guest; returns its exit status. What it printed is in vm.said. */
__attribute__((format(printf, 1, 2))) static int in_guest(const char *format, ...)
{
	char command[1024], end[32], *found;
	va_list args;
	int used = snprintf(command, sizeof(command), "%u ", ++vm.number);

	va_start(args, format);
	used += vsnprintf(command + used, sizeof(command) - (size_t)used, format, args);
	va_end(args);
	command[used++] = '\n';
	assert_int_equal(write(vm.commands, command, (size_t)used), used);
	snprintf(end, sizeof(end), "= %u ", vm.number);
	vm.said[0] = '\0';
	while (!(found = strstr(vm.said, end)) || !strchr(found, '\n'))
		read_more(vm.commands, vm.said, sizeof(vm.said), VM_WAIT_MS);
	*found = '\0';
	return atoi(found + strlen(end));
}

#define guest_does(...)                                                                            \
	do {                                                                                       \
		if (in_guest(__VA_ARGS__) != 0)                                                    \
			fail_msg("in the guest: %s", vm.said);                                     \
	} while (0)

/* Does a QMP command without arguments. */
static void monitor(const char *command)
{
	char text[16384] = "", line[128];
	int size = snprintf(line, sizeof(line), "{\"execute\": \"%s\"}\n", command);

	assert_int_equal(write(vm.monitor, line, (size_t)size), size);
	while (!strstr(text, "\"return\""))
		read_more(vm.monitor, text, sizeof(text), VM_WAIT_MS);
}

static void open_monitor(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", scene_file("qmp.sock"));
	vm.monitor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(vm.monitor, (struct sockaddr *)&at, sizeof(at)), 0);
	monitor("qmp_capabilities");
}

/* Appends what "evswitch --qemu-args" prints, an option and its value a line, to the words. */
static unsigned add_printed_args(const char **words, unsigned n)
{
	static char text[4096];
	char command[512];
	FILE *file = fopen(scene_file("evswitch.conf"), "w");
	size_t size;

	assert_non_null(file);
	fprintf(file,
		"[device keyboard]\npath = /dev/input/event0\n"
		"[guest " SCENE_GUEST "]\nvia = qmp\nqmp = %s\nclipboard = focus\n",
		scene_file("qmp.sock"));
	fclose(file);
	snprintf(command, sizeof(command),
		 "\"$SCENE_BUILD\"/evswitch -c %s --qemu-args " SCENE_GUEST,
		 scene_file("evswitch.conf"));
	file = popen(command, "r");
	assert_non_null(file);
	size = fread(text, 1, sizeof(text) - 1, file);
	assert_int_equal(pclose(file), 0);
	text[size] = '\0';
	for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n")) {
		assert_true(n + 3 < WORDS_MAX);
		words[n++] = "--qemu";
		words[n++] = word;
	}
	return n;
}

static int start_vm(void **state)
{
	static char chardev[256];
	const char *words[WORDS_MAX] = { "tests/vm/run",
					 "--timeout",
					 "1500",
					 "--out",
					 scene_file("."),
					 "--qemu",
					 "-chardev",
					 "--qemu",
					 chardev,
					 "--qemu",
					 "-device",
					 "--qemu",
					 "virtserialport,chardev=commands,nr=3,name=commands" };
	int listener = listen_at(scene_file("commands.sock"));
	struct pollfd ready = { .fd = listener, .events = POLLIN };
	unsigned n = 13;

	(void)state;
	snprintf(chardev, sizeof(chardev), "socket,id=commands,path=%s",
		 scene_file("commands.sock"));
	n = add_printed_args(words, n);
	words[n++] = "--";
	words[n++] = "tests/guest/clipboard";
	vm.pid = fork();
	assert_true(vm.pid >= 0);
	if (vm.pid == 0) {
		int log = open(scene_file("vm.log"), O_WRONLY | O_CREAT, 0600);

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		execv(words[0], (char *const *)words);
		_exit(127);
	}
	assert_int_equal(poll(&ready, 1, VM_WAIT_MS), 1);
	vm.commands = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return 0;
}

static void stop_vm(bool failed)
{
	if (vm.pid > 0) {
		kill(vm.pid, SIGTERM);
		waitpid(vm.pid, NULL, 0);
	}
	close_fd(&vm.commands);
	close_fd(&vm.monitor);
	if (failed)
		scene_run("cat %s", scene_file("vm.log"));
}

/* --- both sides ---------------------------------------------------------------------------- */

/* The guest has the focus, and nothing is copied anywhere. */
static int begin(void **state)
{
	(void)state;
	scene_focus(SCENE_GUEST);
	guest_does("copy_nothing");
	scene_copy_nothing();
	guest_does("within_patience offers_nothing");
	return 0;
}

static void guest_copies(const char *text)
{
	guest_does("printf %%s '%s' >/run/guest/text; copy " TEXT " /run/guest/text", text);
}

static void expect_guest_paste(const char *text)
{
	guest_does("printf %%s '%s' >/run/guest/text; within_patience is " TEXT " /run/guest/text",
		   text);
}

/* What is offered may still be older. */
static void expect_host_paste(const char *text)
{
	assert_int_equal(
		scene_run(
			"printf %%s '%s' > %s; for i in $(seq 400); do xclip -selection clipboard "
			"-o -t " TEXT " 2>/dev/null | cmp -s - %s && exit; sleep 0.05; done; "
			"exit 1",
			text, scene_file("text"), scene_file("text")),
		0);
}

static void expect_both_ways(const char *text)
{
	char answer[64];

	scene_copy(text);
	expect_guest_paste(text);
	snprintf(answer, sizeof(answer), "%s, and back", text);
	guest_copies(answer);
	expect_host_paste(answer);
}

static double seconds_since(uint64_t began)
{
	return (double)(now_us() - began) / 1e6;
}

/* A file of lines that differ. */
static void write_lines(const char *path, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (size_t used = 0, n = 0; used < size; n++)
		used += (size_t)fprintf(file, "%zu. B\303\244ume\n", n * n);
	fclose(file);
}

/* A picture of noise, which no compression makes small. */
static void write_picture(const char *path)
{
	assert_int_equal(
		scene_run("python3 -c 'import os, struct, sys, zlib\n"
			  "def part(name, data):\n"
			  "  sum = zlib.crc32(name + data)\n"
			  "  return struct.pack(\">I\", len(data)) + name + data + "
			  "struct.pack(\">I\", sum)\n"
			  "rows = b\"\".join(b\"\\0\" + os.urandom(900) for i in range(200))\n"
			  "sys.stdout.buffer.write(b\"\\x89PNG\\r\\n\\x1a\\n\" + part(b\"IHDR\", "
			  "struct.pack(\">IIBBBBB\", 300, 200, 8, 2, 0, 0, 0)) + "
			  "part(b\"IDAT\", zlib.compress(rows)) + part(b\"IEND\", b\"\"))' > %s",
			  path),
		0);
}

/* --- the tests ----------------------------------------------------------------------------- */

/* The guest's agent runs, too, before anybody is at the other end of its port. */
static void test_qemu_starts_first(void **state)
{
	(void)state;
	guest_does("true");
	assert_int_equal(scene_program(), 0);
	open_monitor();
	guest_does("kill -0 \"${agents[@]}\"");
}

static void test_qemu_connects_later(void **state)
{
	uint64_t began = now_us();

	(void)state;
	scene_start_program();
	scene_expect_status("agent", "\"ready\"");
	print_message("agent there after %.2f s\n", seconds_since(began));
	scene_expect_status("files", "true");
}

static void test_text_to_guest(void **state)
{
	(void)state;
	scene_copy("gr\303\274n\nand a line");
	guest_does("within_patience offers " TEXT);
	guest_does("printf 'gr\\303\\274n\\nand a line' >/run/guest/text; is " TEXT
		   " /run/guest/text");
}

static void test_text_from_guest(void **state)
{
	(void)state;
	guest_does("printf 'gr\\303\\274n\\nand a line' >/run/guest/text; copy " TEXT
		   " /run/guest/text");
	scene_expect_paste("gr\303\274n\nand a line");
}

static void test_long_text_to_guest(void **state)
{
	uint64_t began;

	(void)state;
	write_lines(scene_file("long"), LARGE);
	scene_copy_file(TEXT, scene_file("long"));
	guest_does("within_patience offers " TEXT);
	began = now_us();
	guest_does("paste " TEXT " >/run/guest/pasted");
	print_message("10 MB pasted in the guest after %.2f s\n", seconds_since(began));
	guest_does("cmp /run/guest/pasted /out/long");
}

static void test_long_text_from_guest(void **state)
{
	uint64_t began;

	(void)state;
	write_lines(scene_file("long"), LARGE);
	guest_does("copy " TEXT " /out/long");
	scene_expect_target(TEXT);
	began = now_us();
	assert_int_equal(
		scene_run("xclip -selection clipboard -o -t " TEXT " > %s", scene_file("pasted")),
		0);
	print_message("10 MB pasted on the host after %.2f s\n", seconds_since(began));
	assert_int_equal(scene_run("cmp %s %s", scene_file("pasted"), scene_file("long")), 0);
}

static void test_image_to_guest(void **state)
{
	(void)state;
	write_picture(scene_file("picture"));
	scene_copy_file("image/png", scene_file("picture"));
	guest_does("within_patience offers image/png");
	guest_does("paste image/png | cmp - /out/picture");
}

static void test_image_from_guest(void **state)
{
	(void)state;
	write_picture(scene_file("picture"));
	guest_does("copy image/png /out/picture");
	scene_expect_target("image/png");
	assert_int_equal(scene_run("xclip -selection clipboard -o -t image/png | cmp - %s",
				   scene_file("picture")),
			 0);
}

/* The guest's is a name without a path; what that may not have is replaced. */
static void test_file(void **state)
{
	(void)state;
	assert_int_equal(scene_run("mkdir -p '%s/a b/c' && head -c 5000000 /dev/urandom > "
				   "'%s/a b/c/two  blanks.bin' && cd %s && "
				   "\"$SCENE_BUILD\"/evswitch-clipboard --send " SCENE_GUEST
				   " 'a b/c/../c/two  blanks.bin'",
				   scene_file("."), scene_file("."), scene_file(".")),
			 0);
	guest_does("cmp '/run/guest/files/two  blanks.bin' '/out/a b/c/two  blanks.bin'");
	guest_does("ls /run/guest/files");
	assert_string_equal(vm.said, "two  blanks.bin\n");
}

/* The next agent hears what is on the host's clipboard, without another copy. */
static void test_agent_restarts(void **state)
{
	(void)state;
	scene_copy("before");
	expect_guest_paste("before");
	guest_does("end_agent; within_patience offers_nothing");
	guest_does("start_agent");
	expect_guest_paste("before");
	expect_both_ways("another agent");
}

static void test_program_restarts(void **state)
{
	uint64_t began;

	(void)state;
	expect_both_ways("the first");
	scene_end_program();
	scene_copy("while none ran");
	began = now_us();
	scene_start_program();
	scene_expect_status("agent", "\"ready\"");
	print_message("agent there again after %.2f s\n", seconds_since(began));
	expect_guest_paste("while none ran");
	expect_both_ways("the second");
}

/* A file passes through the same port: what was said before has then been heard. */
static void test_focus_on_host(void **state)
{
	(void)state;
	scene_copy("for both");
	expect_guest_paste("for both");
	scene_focus("host");
	guest_does("within_patience offers_nothing");
	scene_copy("for the host alone");
	assert_int_equal(
		scene_run("echo > %s; \"$SCENE_BUILD\"/evswitch-clipboard --send " SCENE_GUEST
			  " %s",
			  scene_file("mark"), scene_file("mark")),
		0);
	guest_does("test -e /run/guest/files/mark && offers_nothing");
	scene_focus(SCENE_GUEST);
	expect_guest_paste("for the host alone");
}

/* It cannot be had, and the program that pastes is told so in time. */
static void test_paused(void **state)
{
	uint64_t began;

	(void)state;
	guest_copies("from a guest that pauses");
	expect_host_paste("from a guest that pauses");
	monitor("stop");
	began = now_us();
	assert_int_equal(
		scene_run("timeout 60 xclip -selection clipboard -o -t " TEXT " >/dev/null 2>&1"),
		1);
	print_message("a paste from a paused guest ended after %.2f s\n", seconds_since(began));
	assert_true(now_us() - began < 2 * CLIP_STALL_MS * 1000);
	monitor("cont");
	expect_host_paste("from a guest that pauses");
	expect_both_ways("it goes on");
}

/* What is copied on the host meanwhile is there when the guest goes on. */
static void test_copied_while_paused(void **state)
{
	(void)state;
	monitor("stop");
	scene_copy("one");
	scene_copy("two");
	scene_expect_status("offered", "true");
	monitor("cont");
	expect_guest_paste("two");
	expect_both_ways("it goes on");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_qemu_starts_first),
		cmocka_unit_test(test_qemu_connects_later),
		cmocka_unit_test_setup(test_text_to_guest, begin),
		cmocka_unit_test_setup(test_text_from_guest, begin),
		cmocka_unit_test_setup(test_long_text_to_guest, begin),
		cmocka_unit_test_setup(test_long_text_from_guest, begin),
		cmocka_unit_test_setup(test_image_to_guest, begin),
		cmocka_unit_test_setup(test_image_from_guest, begin),
		cmocka_unit_test_setup(test_file, begin),
		cmocka_unit_test_setup(test_agent_restarts, begin),
		cmocka_unit_test_setup(test_program_restarts, begin),
		cmocka_unit_test_setup(test_focus_on_host, begin),
		cmocka_unit_test_setup(test_paused, begin),
		cmocka_unit_test_setup(test_copied_while_paused, begin),
	};
	char *build = realpath(argc > 1 ? argv[1] : "build", NULL);
	char program[512];
	int failed;

	assert_non_null(build);
	setenv("SCENE_BUILD", build, 1);
	snprintf(program, sizeof(program), "%s/evswitch-clipboard", build);
	scene_start_without(program);
	failed = cmocka_run_group_tests(tests, start_vm, NULL);
	stop_vm(failed);
	scene_stop();
	free(build);
	return failed;
}
