/* SPDX-License-Identifier: MIT */
/*
 * evswitch in a memory cgroup of 8 MiB, without swap, beside a process that eats memory: typing goes on.
 * When the kernel takes evswitch itself, its devices are free, and its keeper keeps the guest's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "keepers.h"
#include "play.h"

#define GROUPS "/tmp/evswitch-cgroup"
#define GROUP  GROUPS "/limited"
#define LIMIT  "8388608"

static const char conf_path[] = "/tmp/evswitch-memory.conf";

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

static int make_group(void **state)
{
	(void)state;
	mkdir(GROUPS, 0700);
	if (mount("none", GROUPS, "cgroup2", 0, NULL) < 0)
		fail_msg("no cgroup2: %s", strerror(errno));
	put(GROUPS "/cgroup.subtree_control", "+memory");
	mkdir(GROUP, 0700);
	put(GROUP "/memory.max", LIMIT);
	if (access(GROUP "/memory.swap.max", F_OK) == 0)
		put(GROUP "/memory.swap.max", "0");
	return 0;
}

/* What its processes are: in the group from the first. */
static void start_limited(struct stage *stage)
{
	char command[300];

	unlink(conf_path);
	put(conf_path, STAGE_CONF);
	stage_plug(stage);
	snprintf(command, sizeof(command), "echo $$ >%s/cgroup.procs && exec %s -v -c %s", GROUP,
		 getenv("EVSWITCH") ?: "build/evswitch", conf_path);
	program_place();
	program_exec(&stage->program, (const char *const[]){ "/bin/sh", "-c", command, NULL });
	program_expect(&stage->program, "is grabbed");
	program_expect(&stage->program, "is grabbed");
	observer_open(&stage->host_keyboard, "evswitch/host/keyboard");
	observer_open(&stage->host_mouse, "evswitch/host/mouse");
}

static void adjust(pid_t pid, const char *score)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	put(path, score);
}

/*
 * Eats memory in the group until the kernel ends it; and how that was. With "1000" it is the first to be
 * taken; with "0" whoever has the most memory, and shared libraries count, too.
 */
static int eat(const char *score)
{
	int status;
	pid_t pid = play_fork();

	if (pid == 0) {
		int adjusted = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
		char number[16];
		int fd = open(GROUP "/cgroup.procs", O_WRONLY | O_CLOEXEC);
		int size = snprintf(number, sizeof(number), "%d", getpid());

		if (write(adjusted, score, strlen(score)) < 0 ||
		    write(fd, number, (size_t)size) != size)
			_exit(1);
		for (;;) {
			char *bytes = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

			if (bytes == MAP_FAILED)
				_exit(2);
		}
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

static unsigned long number_in(const char *path, const char *key)
{
	unsigned long number = 0;
	char line[128];
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			number = strtoul(line + strlen(key), NULL, 10);
	fclose(file);
	return number;
}

static void test_beside_an_eater(void **state)
{
	struct stage stage;
	struct play *play;

	(void)state;
	play = play_start();
	start_limited(&stage);
	printf("evswitch, its helpers and a keeper: %lu KiB\n",
	       number_in(GROUP "/memory.current", "") / 1024);
	play_read(play, &stage.host_keyboard, &stage.host_mouse);
	play_hands(play, &stage);
	for (unsigned meals = 0; meals < 5; meals++) {
		play_let(play, 5);
		assert_int_equal(eat("1000"), SIGKILL);
	}
	assert_true(number_in(GROUP "/memory.events", "oom_kill ") >= 5);
	play_let(play, 5);
	play_end(play, false);
	command_expect("--status", 0, "focus: host");
	stage_close(&stage);
}

static void test_it_is_taken(void **state)
{
	struct stage stage;
	pid_t keeper;

	(void)state;
	start_limited(&stage);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	keeper = keeper_find(0);
	adjust(stage.program.pid, "1000");
	puppet_key(&stage.keyboard, KEY_A, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 1);
	assert_int_equal(eat("0"), SIGKILL); /* after evswitch */
	stage_expect_end(&stage, 128 + SIGKILL);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_A, 0);
	puppet_key(&stage.keyboard, KEY_A, 0);
	assert_false(node_is_grabbed(stage.keyboard.uinput.devnode));
	assert_false(node_is_grabbed(stage.mouse.uinput.devnode));
	assert_int_equal(keeper_find(0), keeper);
	stage_start(&stage, STAGE_CONF);
	stage_focus_guest(&stage);
	puppet_key(&stage.keyboard, KEY_B, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_B, 1);
	puppet_key(&stage.keyboard, KEY_B, 0);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_B, 0);
	stage_close(&stage);
}

#define TEST(name) cmocka_unit_test_teardown(name, play_reset)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_beside_an_eater),
		TEST(test_it_is_taken),
	};

	return cmocka_run_group_tests_name("memory", tests, make_group, NULL);
}
