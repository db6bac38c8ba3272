/* The launcher: what its programs hold, and in which order the hooks run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/hook.h"
#include "launch/launch.h"
#include "now.h"
#include "base/util.h"

#define WAIT_MS 20000

/* Hooks say their words into one pipe, and wait at another until they are let on. */
static struct scene {
	char dir[32];
	int said;
	int gate;
	struct conf conf;
	struct launcher launcher;
} scene;

enum { HOST, ONE, TWO };

static void make_fifo(const char *name, int *fd)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", scene.dir, name);
	assert_int_equal(mkfifo(path, 0600), 0);
	*fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(*fd >= 0);
}

static int set_up(void **state)
{
	(void)state;
	scene = (struct scene){ .dir = "/tmp/evswitch-launch-XXXXXX", .launcher = LAUNCHER_INIT };
	assert_non_null(mkdtemp(scene.dir));
	make_fifo("said", &scene.said);
	make_fifo("gate", &scene.gate);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", scene.dir, 1), 0);
	assert_int_equal(setenv("SCENE", scene.dir, 1), 0);
	/* A launcher that outlives its daemon is then this process's to wait for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	scene.conf.n_guests = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct conf_guest *guest = &scene.conf.guests[i];

		snprintf(guest->name, sizeof(guest->name), "%s", i ? "two" : "one");
		guest->on_enter = (char *)"echo enter $EVSWITCH_TARGET >$SCENE/said;"
					  "read line <$SCENE/gate";
		guest->on_leave = (char *)"echo leave $EVSWITCH_TARGET >$SCENE/said";
	}
	return 0;
}

static void start(void)
{
	assert_int_equal(launcher_start(&scene.launcher, &scene.conf), 0);
	launch_hooks(&scene.launcher, HOST);
}

static void expect(const char *words)
{
	struct pollfd in = { .fd = scene.said, .events = POLLIN };
	char line[64] = "";

	for (size_t i = 0; i < sizeof(line) - 1 && !strchr(line, '\n'); i++) {
		if (poll(&in, 1, WAIT_MS) != 1)
			fail_msg("no hook said \"%s\"", words);
		assert_int_equal(read(scene.said, line + i, 1), 1);
	}
	line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line, words);
}

static void expect_silence(void)
{
	struct pollfd in = { .fd = scene.said, .events = POLLIN };

	assert_int_equal(poll(&in, 1, 200), 0);
}

static void let_on(void)
{
	assert_int_equal(write(scene.gate, "\n", 1), 1);
}

static void await_end(pid_t launcher)
{
	assert_int_equal(waitpid(launcher, NULL, 0), launcher);
}

static void stop(void)
{
	pid_t pid = scene.launcher.pid;

	launcher_stop(&scene.launcher);
	await_end(pid);
}

static bool is_due(char *guest, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/evswitch/hooks", scene.dir);
	file = fopen(path, "re");
	if (!file)
		return false;
	guest[fread(guest, 1, size - 1, file)] = '\0';
	fclose(file);
	return true;
}

static int tear_down(void **state)
{
	char command[80], guest[32];

	(void)state;
	if (scene.launcher.fd >= 0) {
		kill(scene.launcher.pid, SIGKILL);
		stop();
	}
	assert_false(is_due(guest, sizeof(guest)));
	close(scene.said);
	close(scene.gate);
	snprintf(command, sizeof(command), "rm -r %s", scene.dir);
	return system(command);
}

/* A monitor that is told to show the guest and then the host must not be told so the other way round. */
static void hooks_run_in_order(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 100; i++) {
		launch_hooks(&scene.launcher, ONE);
		expect("enter one");
		launch_hooks(&scene.launcher, HOST);
		let_on();
		expect("leave one");
	}
	stop();
}

static void one_at_a_time(void **state)
{
	(void)state;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	launch_hooks(&scene.launcher, TWO);
	expect_silence();
	let_on();
	expect("leave one");
	expect("enter two");
	launch_hooks(&scene.launcher, HOST);
	expect_silence();
	let_on();
	expect("leave two");
	stop();
}

static void what_is_superseded_does_not_run(void **state)
{
	(void)state;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	for (unsigned i = 0; i < 50; i++) {
		launch_hooks(&scene.launcher, HOST);
		launch_hooks(&scene.launcher, TWO);
		launch_hooks(&scene.launcher, ONE);
	}
	let_on();
	expect_silence();
	launch_hooks(&scene.launcher, TWO);
	launch_hooks(&scene.launcher, HOST);
	expect("leave one");
	stop();
	expect_silence();
}

/* The event path must not wait for a launcher that does not run. */
static void nobody_waits_for_the_launcher(void **state)
{
	(void)state;
	start();
	assert_int_equal(kill(scene.launcher.pid, SIGSTOP), 0);
	for (unsigned i = 0; i < 100000; i++)
		launch_hooks(&scene.launcher, i % 3);
	launch_hooks(&scene.launcher, TWO);
	assert_int_equal(kill(scene.launcher.pid, SIGCONT), 0);
	expect("enter two");
	launch_hooks(&scene.launcher, HOST);
	let_on();
	expect("leave two");
	stop();
}

/* The daemon is gone while its launcher, which this is, still runs the hook of a guest. */
static pid_t leave_one_unfinished(void)
{
	pid_t pid;

	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	pid = scene.launcher.pid;
	launcher_stop(&scene.launcher);
	return pid;
}

static void on_leave_runs_after_the_end(void **state)
{
	pid_t pid = leave_one_unfinished();

	(void)state;
	expect_silence();
	let_on();
	expect("leave one");
	await_end(pid);
}

/* No signal that is meant for evswitch ends the launcher before what is due has run. */
static void signals_do_not_end_it(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGTSTP };

	(void)state;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
		assert_int_equal(kill(scene.launcher.pid, signals[i]), 0);
	launch_hooks(&scene.launcher, HOST);
	let_on();
	expect("leave one");
	stop();
}

static void the_next_one_runs_what_is_due(void **state)
{
	char guest[32];

	(void)state;
	start();
	launch_hooks(&scene.launcher, TWO);
	expect("enter two");
	assert_true(is_due(guest, sizeof(guest)));
	assert_string_equal(guest, "two");
	kill(scene.launcher.pid, SIGKILL);
	stop();
	expect_silence();
	start();
	expect("leave two");
	launch_hooks(&scene.launcher, ONE);
	let_on();
	expect("enter one");
	let_on();
	launch_hooks(&scene.launcher, HOST);
	expect("leave one");
	stop();
	start();
	expect_silence();
	stop();
}

/* One that finishes is waited for: two would run hooks side by side. */
static void the_next_one_waits(void **state)
{
	pid_t pid = leave_one_unfinished();

	(void)state;
	start();
	launch_hooks(&scene.launcher, TWO);
	expect_silence();
	let_on();
	expect("leave one");
	await_end(pid);
	expect("enter two");
	let_on();
	launch_hooks(&scene.launcher, HOST);
	expect("leave two");
	stop();
}

/* One that never ends must not hold back the others for ever. */
static void a_hook_that_hangs_is_left_alone(void **state)
{
	long begun;

	(void)state;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	begun = now_ms();
	launch_hooks(&scene.launcher, HOST);
	expect("leave one");
	assert_true(now_ms() - begun >= HOOK_MS / 2);
	let_on();
	stop();
}

/* What cannot be the guest's is not run. */
static void a_forged_file_does_nothing(void **state)
{
	char path[64];
	FILE *file;

	(void)state;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	kill(scene.launcher.pid, SIGKILL);
	stop();
	let_on();
	snprintf(path, sizeof(path), "%s/evswitch/hooks", scene.dir);
	file = fopen(path, "we");
	for (unsigned i = 0; i < 10000; i++)
		fputs("one; reboot", file);
	fclose(file);
	start();
	launch_hooks(&scene.launcher, TWO);
	expect("enter two"); /* and before that nothing */
	let_on();
	launch_hooks(&scene.launcher, HOST);
	expect("leave two");
	stop();
}

/* --- programs ------------------------------------------------------------------------------ */

static void holds_nothing(void **state)
{
	const char *const argv[] = { "sh", "-c", "ls /proc/self/fd", NULL };
	int out[2], stop_fd[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	size_t used = 0;
	ssize_t size;

	(void)state;
	start();
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(stop_fd, O_CLOEXEC), 0);
	assert_int_equal(
		launch(&scene.launcher, LAUNCH_CHILD, argv, (int[]){ null, out[1], stop_fd[0] }, 3),
		0);
	close(out[1]);
	close(stop_fd[0]);
	while ((size = read(out[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)size;
	assert_string_equal(text, "0\n1\n2\n3\n"); /* the last is the directory itself */
	close(out[0]);
	close(stop_fd[1]);
	close(null);
	stop();
}

static void errors(void **state)
{
	static char word[LAUNCH_SIZE_MAX + 1];
	const char *argv[40] = { "true", word, NULL };
	struct launcher none = LAUNCHER_INIT;

	(void)state;
	memset(word, 'a', LAUNCH_SIZE_MAX);
	start();
	assert_int_equal(launch(&scene.launcher, LAUNCH_CHILD, argv, NULL, 0), -E2BIG);
	for (unsigned i = 0; i < 39; i++)
		argv[i] = "a";
	assert_int_equal(launch(&scene.launcher, LAUNCH_CHILD, argv, NULL, 0), -E2BIG);
	argv[1] = NULL;
	assert_int_equal(launch(NULL, LAUNCH_CHILD, argv, NULL, 0), -ENOTCONN);
	assert_int_equal(launch(&none, LAUNCH_CHILD, argv, NULL, 0), -ENOTCONN);
	/* Without its descriptors it is not started, and the launcher lives on. */
	assert_int_equal(launch(&scene.launcher, LAUNCH_CHILD, argv, NULL, 0), 0);
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	let_on();
	launch_hooks(&scene.launcher, HOST);
	expect("leave one");
	stop();
	launcher_stop(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hooks_run_in_order),
		TEST(one_at_a_time),
		TEST(what_is_superseded_does_not_run),
		TEST(nobody_waits_for_the_launcher),
		TEST(on_leave_runs_after_the_end),
		TEST(signals_do_not_end_it),
		TEST(the_next_one_runs_what_is_due),
		TEST(the_next_one_waits),
		TEST(a_hook_that_hangs_is_left_alone),
		TEST(a_forged_file_does_nothing),
		TEST(holds_nothing),
		TEST(errors),
	};

	return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
