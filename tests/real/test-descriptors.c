/* SPDX-License-Identifier: MIT */
/*
 * evswitch runs out of descriptors, at start and later. What needs one then waits, and is told once:
 * nothing spins, what is grabbed goes on, no device is grabbed that cannot be served, and everything
 * works as soon as there are descriptors again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "control/client.h"
#include "keepers.h"
#include "now.h"
#include "stage.h"
#include "vhost-guest.h"

#define KEYBOARD "[device keyboard]\nname = test keyboard\n"
#define MOUSE    "[device mouse]\nname = test mouse\n"
#define THIRD    "[device third]\nname = test third\n"
#define ONE      "[guest one]\nvia = input-linux\n"

#define NO_DESCRIPTORS "Too many open files"

/* --- starving a process ---------------------------------------------------------------------------- */

static void set_limit(pid_t pid, rlim_t descriptors)
{
	struct rlimit limit;

	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = descriptors;
	assert_int_equal(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

static bool has_descriptor(pid_t pid, unsigned fd)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%u", pid, fd);
	return lstat(path, &status) == 0;
}

/* From now on it can open 'left' descriptors, those that it has stay. */
static void starve(pid_t pid, unsigned left)
{
	unsigned limit = 0;

	process_await_sleep(pid);
	for (;; limit++) {
		if (has_descriptor(pid, limit))
			continue;
		if (left == 0)
			break;
		left--;
	}
	set_limit(pid, limit);
}

static void feed(pid_t pid)
{
	set_limit(pid, 1024);
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		n++;
	}
	return n;
}

/* It sleeps, and has complained of this exactly once. */
static void expect_rest(struct program *program, pid_t pid, const char *complaint)
{
	program_expect(program, complaint);
	keeper_expect_idle(pid, complaint);
	program_says(program, "this never comes", 0);
	assert_int_equal(count(program->log, complaint), 1);
}

static void expect_typed(struct puppet *keyboard, struct observer *host, unsigned code)
{
	puppet_type(keyboard, code);
	observer_expect_typed(host, code);
}

/* --- tests ----------------------------------------------------------------------------------------- */

/* With none left, and with some, which are too few: enough for udev's files alone, or for a half of it. */
static void test_a_device(void **state)
{
	static const unsigned left[] = { 0, 1, 5, 16, 18, 20 };
	struct observer host;
	struct puppet third;
	struct stage stage;

	(void)state;
	stage_open(&stage, KEYBOARD MOUSE THIRD ONE);
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		pid_t pid = stage.program.pid;

		print_message("%u descriptors left\n", left[i]);
		starve(pid, left[i]);
		puppet_plug(&third, PUPPET_KEYBOARD, "test third", "test/third", 0xc003);
		expect_typed(&stage.keyboard, &stage.host_keyboard, KEY_A);
		if (left[i] < 16) {
			program_expect(&stage.program, "have to wait: " NO_DESCRIPTORS);
			keeper_expect_idle(pid, "a device waits");
			assert_false(node_is_grabbed(third.uinput.devnode));
			assert_false(program_says(&stage.program, "have to wait", 0));
		}
		feed(pid);
		program_expect(&stage.program, "test third) is grabbed");
		observer_open(&host, "evswitch/host/third");
		expect_typed(&third, &host, KEY_B);
		expect_typed(&stage.keyboard, &stage.host_keyboard, KEY_C);
		observer_close(&host);
		puppet_unplug(&third);
		program_expect(&stage.program, "is gone");
	}
	stage_close(&stage);
}

/* The clone is there, so only the real node is opened, and then once more to watch it. */
static void test_a_replugged_device(void **state)
{
	struct stage stage;
	char devnode[64];

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	puppet_unplug(&stage.mouse);
	program_expect(&stage.program, "is gone");
	starve(stage.program.pid, 0);
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	assert_true(find_node("test/mouse", devnode, WORLD_MS));
	expect_rest(&stage.program, stage.program.pid, "have to wait: " NO_DESCRIPTORS);
	/* Away and back once more: what was missed is not taken for what came after it. */
	puppet_unplug(&stage.mouse);
	puppet_plug(&stage.mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	expect_typed(&stage.keyboard, &stage.guest_keyboard, KEY_A);
	feed(stage.program.pid);
	program_expect(&stage.program, "is grabbed");
	stage_drain_guest(&stage);
	puppet_move(&stage.mouse, 3, 0);
	observer_expect(&stage.guest_pointer, EV_REL, REL_X, 3);
	stage_close(&stage);
}

/* Its connection waits. */
static void test_a_client(void **state)
{
	struct client client;
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	starve(stage.program.pid, 0);
	assert_int_equal(client_open(&client), 0);
	assert_int_equal(client_call(&client, "Status", NULL, false), 0);
	expect_rest(&stage.program, stage.program.pid, "control: cannot accept a connection");
	expect_typed(&stage.keyboard, &stage.host_keyboard, KEY_A);
	feed(stage.program.pid);
	assert_int_equal(client_wait(&client, WORLD_MS), 0);
	assert_string_equal(client_error(&client), "");
	client_close(&client);
	command_expect("--status", 0, "focus: host");
	stage_close(&stage);
}

/* A reload is refused as a whole. */
static void test_a_reload(void **state)
{
	struct client client;
	struct stage stage;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	program_configure(&stage.program, KEYBOARD MOUSE ONE "[guest two]\nvia = input-linux\n");
	starve(stage.program.pid, 1); /* for the client */
	assert_int_equal(client_open(&client), 0);
	assert_int_equal(client_call(&client, "Reload", NULL, false), 0);
	assert_int_equal(client_wait(&client, WORLD_MS), 0);
	assert_string_equal(client_error(&client), "ReloadFailed");
	client_close(&client);
	program_expect(&stage.program, "is not reloaded: out of descriptors");
	expect_typed(&stage.keyboard, &stage.host_keyboard, KEY_A);
	feed(stage.program.pid);
	command_expect("--reload", 0, "reloaded: focus: host");
	command_expect("--status", 0, "guest two");
	stage_close(&stage);
}

/* Is there a process that has ended, and that nobody has waited for? */
static bool has_zombie(pid_t parent)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char path[300], status = 0;
		int ppid = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = atoi(entry->d_name) > 0 ? fopen(path, "re") : NULL;
		if (!file)
			continue;
		found = fscanf(file, "%*d (%*[^)]) %c %d", &status, &ppid) == 2 && ppid == parent &&
			status == 'Z';
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return found;
}

#define RAN "/tmp/evswitch-hook-ran"

static void await_and_remove(const char *path)
{
	wait_for_file(path);
	unlink(path);
}

static void test_a_hook(void **state)
{
	struct stage stage;
	pid_t launcher;
	size_t read_to;

	(void)state;
	unlink(RAN);
	stage_open(&stage, STAGE_CONF "on-enter = touch " RAN "\non-leave = touch " RAN "\n");
	launcher = program_launcher(&stage.program);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	await_and_remove(RAN);
	keeper_await_holds(launcher, "anon_inode:[pidfd]", 1); /* of the keeper */
	starve(launcher, 0);
	/* Two processes write: the launcher's line may come before the focus is reported. */
	read_to = stage.program.read_to;
	stage_focus_host(&stage);
	stage_drain_host(&stage);
	stage.program.read_to = read_to;
	expect_rest(&stage.program, launcher, "cannot run \"touch " RAN "\": " NO_DESCRIPTORS);
	assert_int_not_equal(access(RAN, F_OK), 0);
	assert_false(has_zombie(launcher));
	feed(launcher);
	stage_focus_guest(&stage);
	await_and_remove(RAN);
	stage_close(&stage);
}

/* What passes descriptors to it, such as a reload: it is no reason to end. */
static void test_the_launcher(void **state)
{
	struct stage stage;
	pid_t launcher;

	(void)state;
	unlink(RAN);
	stage_open(&stage, STAGE_CONF);
	launcher = program_launcher(&stage.program);
	starve(launcher, 0);
	program_configure(&stage.program, STAGE_CONF "on-enter = touch " RAN "\n");
	command_expect("--reload", 0, "reloaded: focus: host");
	expect_rest(&stage.program, launcher, "evs-launcher is out of descriptors");
	feed(launcher);
	command_expect("--reload", 0, "reloaded: focus: host");
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	await_and_remove(RAN);
	stage_close(&stage);
}

/* QEMU connects to a keeper that cannot accept it; the daemon is not concerned. */
static void test_a_front_end(void **state)
{
	static struct vhost_guest guest;
	char path[USOCK_PATH_MAX];
	struct stage stage;
	unsigned holds;
	pid_t keeper;
	int early;

	(void)state;
	guest = (struct vhost_guest){ 0 };
	stage_open(&stage, KEYBOARD MOUSE "[guest one]\nvia = vhost-user\n");
	keeper = keeper_find(0);
	holds = keeper_holds(keeper, "*");
	vhost_guest_up(&guest, "one");
	vhost_guest_down(&guest);
	keeper_await_holds(keeper, "*", holds);
	starve(keeper, 0);
	vhost_guest_path("one", SHAPE_KEYBOARD, path);
	early = usock_connect(path, SOCK_STREAM);
	assert_true(early >= 0);
	expect_rest(&stage.program, keeper, "cannot accept a connection");
	expect_typed(&stage.keyboard, &stage.host_keyboard, KEY_A);
	close(early);
	feed(keeper);
	program_expect(&stage.program, "one-keyboard: the front end disconnected");
	vhost_guest_up(&guest, "one");
	stage_focus_guest(&stage);
	puppet_key(&stage.keyboard, KEY_B, 1);
	guest_expect_key(&guest.fe[SHAPE_KEYBOARD], KEY_B, 1);
	puppet_key(&stage.keyboard, KEY_B, 0);
	guest_expect_key(&guest.fe[SHAPE_KEYBOARD], KEY_B, 0);
	vhost_guest_down(&guest);
	stage_close(&stage);
	keepers_kill();
}

/* A keeper that cannot accept the next evswitch: its VM keeps its devices, and gets them back. */
static void test_a_keeper(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	stage_open(&stage, STAGE_CONF);
	stage_guest_up(&stage);
	keeper = keeper_find(0);
	stage_kill(&stage);
	starve(keeper, 0);
	program_start(&stage.program, STAGE_CONF);
	/* Its keeper complains to the first one's stderr, of which nobody reads any more. */
	program_expect(&stage.program, "its keeper does not answer");
	keeper_expect_idle(keeper, "a keeper without descriptors");
	keeper_expect_idle(stage.program.pid, "who waits for it");
	feed(keeper);
	program_expect(&stage.program, "is grabbed");
	program_expect(&stage.program, "is grabbed");
	observer_open(&stage.host_keyboard, "evswitch/host/keyboard");
	observer_open(&stage.host_mouse, "evswitch/host/mouse");
	program_expect(&stage.program, "guest one: pointer is ");
	stage_focus_guest(&stage);
	expect_typed(&stage.keyboard, &stage.guest_keyboard, KEY_A);
	assert_int_equal(keeper_find(0), keeper);
	stage_close(&stage);
}

/* --- at start -------------------------------------------------------------------------------------- */

static const char conf_path[] = "/tmp/evswitch-descriptors.conf";

static void start_with(struct program *program, unsigned limit)
{
	char command[300];

	program_place();
	snprintf(command, sizeof(command), "ulimit -n %u && exec %s -v -c %s", limit,
		 getenv("EVSWITCH") ?: "build/evswitch", conf_path);
	program_exec(program, (const char *const[]){ "/bin/sh", "-c", command, NULL });
}

/* It has ended by itself, and said why; or it runs, and serves what it has grabbed. True: all of it. */
static bool try_start(struct stage *stage, unsigned limit)
{
	struct program *program = &stage->program;
	bool all = false;
	long deadline = now_ms() + WORLD_MS;
	siginfo_t end = { 0 };

	start_with(program, limit);
	while (!all && !strstr(program->log, "have to wait") && now_ms() < deadline &&
	       waitid(P_PID, (id_t)program->pid, &end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       end.si_pid == 0)
		all = program_says(program, "is grabbed", 20) &&
		      program_says(program, "is grabbed", WORLD_MS);
	return all;
}

/* With every number of descriptors, from the lowest with which a program can be loaded. */
static void test_start(void **state)
{
	FILE *conf = fopen(conf_path, "we");
	unsigned limit = 4, ended = 0;
	struct stage stage;
	bool all = false;

	(void)state;
	assert_non_null(conf);
	fputs(STAGE_CONF, conf);
	fclose(conf);
	stage_plug(&stage);
	assert_int_equal(system("udevadm settle -t 300"), 0);
	for (; !all && limit < 100; limit++) {
		int code;

		all = try_start(&stage, limit);
		kill(stage.program.pid, SIGTERM);
		code = program_wait(&stage.program);
		print_message("%u descriptors: %s, exit code %d\n", limit,
			      all ? "all grabbed" : "not all", code);
		if (code >= 128)
			fail_msg("signal %d; it said:\n%s", code - 128, stage.program.log);
		ended += code != 0;
		if (!all && !strstr(stage.program.log, NO_DESCRIPTORS) &&
		    !strstr(stage.program.log, "error while loading shared libraries"))
			fail_msg("%u: it does not say why; it said:\n%s", limit, stage.program.log);
		assert_false(node_is_grabbed(stage.keyboard.uinput.devnode));
		assert_false(node_is_grabbed(stage.mouse.uinput.devnode));
	}
	assert_true(all);
	assert_true(ended > 0);
	stage_unplug(&stage);
	unlink(conf_path);
}

#define TEST(name) cmocka_unit_test_teardown(name, world_reset)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_device),    TEST(test_a_replugged_device),
		TEST(test_a_client),    TEST(test_a_reload),
		TEST(test_a_hook),      TEST(test_the_launcher),
		TEST(test_a_front_end), TEST(test_a_keeper),
		TEST(test_start),
	};

	return cmocka_run_group_tests_name("descriptors", tests, NULL, NULL);
}
