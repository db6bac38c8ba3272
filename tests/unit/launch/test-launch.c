/* SPDX-License-Identifier: MIT */
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

/* 'words' is for the message. */
static void read_said(char line[static 128], const char *words)
{
	struct pollfd in = { .fd = scene.said, .events = POLLIN };

	memset(line, 0, 128);
	for (size_t i = 0; i < 127 && !strchr(line, '\n'); i++) {
		if (poll(&in, 1, WAIT_MS) != 1)
			fail_msg("no hook said \"%s\"", words);
		assert_int_equal(read(scene.said, line + i, 1), 1);
	}
	line[strcspn(line, "\n")] = '\0';
}

static void expect(const char *words)
{
	char line[128];

	read_said(line, words);
	assert_string_equal(line, words);
}

/* In any order, as two programs say them. */
static void expect_both(const char *one, const char *other)
{
	char line[128];

	read_said(line, one);
	if (strcmp(line, other) == 0)
		expect(one);
	else
		assert_string_equal(line, one);
	if (strcmp(line, one) == 0)
		expect(other);
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

static void stop(void)
{
	pid_t pid = scene.launcher.pid;

	launcher_stop(&scene.launcher);
	await_end(pid);
}

/* The last hook has said what it has to say, but may not have ended yet. */
static void await_nothing_due(void)
{
	char guest[32];

	for (unsigned tries = 0; tries < 3000; tries++) {
		if (!is_due(guest, sizeof(guest)) || !guest[0])
			return;
		usleep(10000);
	}
	fail_msg("due: %s", guest);
}

/* A hook has said its words, and ends a little later: until then its configuration counts. Nobody else tells. */
static void await_no_hook(void)
{
	char path[64], children[32];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", scene.launcher.pid,
		 scene.launcher.pid);
	for (unsigned tries = 0; tries < 3000; tries++) {
		FILE *file = fopen(path, "re");
		size_t size;

		assert_non_null(file);
		size = fread(children, 1, sizeof(children), file);
		fclose(file);
		if (size == 0)
			return;
		usleep(10000);
	}
	fail_msg("a hook does not end: %s", path);
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
	launch_hooks(&scene.launcher, HOST);
	expect("leave one");
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	launch_hooks(&scene.launcher, TWO);
	launch_hooks(&scene.launcher, HOST);
	let_on();
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

/* --- what their environment says, and how they end ------------------------------------------ */

#define SAY(words) ((char *)"echo " words " >$SCENE/said")

/* Both targets of a switch; of those in between nobody hears. */
static void from_and_to(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scene.conf.guests[i].on_enter = SAY("enter $EVSWITCH_TARGET: $FROM $TO $REASON");
		scene.conf.guests[i].on_leave = SAY("leave $EVSWITCH_TARGET: $FROM $TO $REASON");
	}
	assert_int_equal(setenv("FROM", "somebody else", 1), 0);
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one: host one");
	launch_hooks(&scene.launcher, TWO);
	expect("leave one: one two");
	expect("enter two: one two");
	launch_hooks(&scene.launcher, HOST);
	expect("leave two: two host");
	launch_hooks(&scene.launcher, TWO);
	expect("enter two: host two");
	launch_hooks(&scene.launcher, HOST);
	expect("leave two: two host");
	stop();
	unsetenv("FROM");
}

/* After the hooks of the switch that it led to. Of refusals that wait, the newest counts. */
static void lost_and_refused(void **state)
{
	(void)state;
	scene.conf.on_refused = SAY("refused: $FROM $TO $CAUSE: $REASON");
	for (unsigned i = 0; i < 2; i++)
		scene.conf.guests[i].on_lost = SAY("lost: $FROM $TO $CAUSE: $REASON");
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	launch_hook_event(&scene.launcher, HOOK_REFUSED, TWO, "vm-paused", "it is paused");
	launch_hook_event(&scene.launcher, HOOK_REFUSED, TWO, "vm-off", "it is off; $(reboot)");
	launch_hooks(&scene.launcher, HOST);
	launch_hook_event(&scene.launcher, HOOK_LOST, ONE, "vm-off", "it has ended");
	let_on();
	expect("leave one");
	expect("lost: one host vm-off: it has ended");
	expect("refused: one two vm-off: it is off; $(reboot)");
	/* Nonsense is ignored. */
	launch_hook_event(&scene.launcher, HOOK_LOST, HOST, "", "");
	launch_hook_event(&scene.launcher, HOOK_LOST, 3, "", "");
	launch_hook_event(&scene.launcher, HOOK_REFUSED, 4000000000, "", "");
	expect_silence();
	stop();
}

/* It says so when it is there, and when it gets SIGTERM. */
#define WHILE                                                                                      \
	((char *)"trap 'echo no more $TO >$SCENE/said; exit 1' TERM; echo while $FROM $TO "        \
		 ">$SCENE/said; while :; do sleep 1000 & wait; done")

static void while_it_has_the_focus(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		scene.conf.guests[i].on_leave = NULL;
		scene.conf.guests[i].run_while = WHILE;
	}
	start();
	for (unsigned i = 0; i < 20; i++) {
		launch_hooks(&scene.launcher, ONE);
		expect("enter one");
		let_on();
		expect("while host one");
		launch_hooks(&scene.launcher, TWO);
		expect_both("no more one", "enter two");
		let_on();
		expect("while one two");
		launch_hooks(&scene.launcher, HOST);
		expect("no more two");
	}
	stop();
	expect_silence();
}

static void while_ends_with_evswitch(void **state)
{
	(void)state;
	scene.conf.guests[0] =
		(struct conf_guest){ .name = "one", .run_while = WHILE, .on_leave = NULL };
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("while host one");
	stop(); /* which waits for the launcher, and that for the command */
	expect("no more one");
}

/* One that is superseded before it runs is not started. */
static void while_is_skipped_in_between(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++)
		scene.conf.guests[i].run_while = WHILE;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	launch_hooks(&scene.launcher, TWO);
	let_on();
	expect("leave one");
	expect("enter two");
	launch_hooks(&scene.launcher, HOST);
	let_on();
	expect("leave two");
	stop();
	expect_silence();
}

/* From now on, what the launcher logs is read here. Returns the old stderr. */
static int catch_log(int *log)
{
	int old = dup(STDERR_FILENO), ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	*log = ends[0];
	return old;
}

static void give_log_back(int old)
{
	dup2(old, STDERR_FILENO);
	close(old);
}

static void read_log(int log, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used < size - 1 && (n = read(log, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(log);
}

static void failures_are_logged(void **state)
{
	char text[4096];
	int log, old = catch_log(&log);

	(void)state;
	scene.conf.guests[0].on_enter = (char *)"echo enter >$SCENE/said; exit 3";
	scene.conf.guests[0].on_leave = (char *)"kill -SEGV $$";
	scene.conf.guests[1].on_enter =
		(char *)"echo enter >$SCENE/said; no-such-command-anywhere 2>/dev/null";
	scene.conf.guests[1].on_leave = SAY("end");
	start();
	give_log_back(old);
	launch_hooks(&scene.launcher, ONE);
	expect("enter");
	stop();
	read_log(log, text, sizeof(text));
	assert_non_null(strstr(text, "guest one: on-enter failed: its exit status is 3\n"));
	assert_non_null(strstr(text, "guest one: on-leave failed: signal 11 (Segmentation fault)"));
	old = catch_log(&log);
	start();
	give_log_back(old);
	launch_hooks(&scene.launcher, TWO);
	expect("enter");
	stop();
	expect("end");
	read_log(log, text, sizeof(text));
	assert_non_null(strstr(text, "on-enter failed: its exit status is 127 (sh does not find"));
	assert_null(strstr(text, "on-leave"));
}

/* The command, and what it has started, though that ignores SIGTERM. */
static void all_of_it_is_ended(void **state)
{
	struct pollfd ended = { .events = POLLIN };
	char path[64], byte;
	int alive;

	(void)state;
	make_fifo("alive", &alive);
	scene.conf.guests[0].on_enter =
		(char *)"trap '' TERM; sh -c 'exec 9>$SCENE/alive; echo enter >$SCENE/said; "
			"while :; do sleep 1000; done' & while :; do sleep 1000; done";
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter");
	launch_hooks(&scene.launcher, HOST);
	expect("leave one");
	stop();
	snprintf(path, sizeof(path), "%s/alive", scene.dir);
	close(alive);
	/* End of file once nobody has it open for writing. */
	alive = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ended.fd = alive;
	if (read(alive, &byte, 1) < 0)
		assert_int_equal(poll(&ended, 1, WAIT_MS), 1);
	assert_int_equal(read(alive, &byte, 1), 0);
	close(alive);
}

/* --- the examples ---------------------------------------------------------------------------- */

/* A program of this name comes first in PATH, and says how it was called. */
static void stand_in(const char *name)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", scene.dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\necho %s \"$*\" >$SCENE/said\n", name);
	fclose(file);
	assert_int_equal(chmod(path, 0700), 0);
}

/* The n-th example of this setting in conf/evswitch.conf. The caller frees it. */
static char *example(const char *setting, unsigned n)
{
	FILE *file = fopen("conf/evswitch.conf", "re");
	char line[1024], start[64], *found = NULL;

	assert_non_null(file);
	snprintf(start, sizeof(start), "#%s = ", setting);
	while (!found && fgets(line, sizeof(line), file))
		if (strncmp(line, start, strlen(start)) == 0 && n-- == 0)
			found = strndup(line + strlen(start), strcspn(line, "\n") - strlen(start));
	fclose(file);
	assert_non_null(found);
	return found;
}

/* Each example calls what it is meant to call, if its programs are what their names say. */
static void examples_work(void **state)
{
	static const struct {
		const char *enter, *leave;
	} says[] = {
		{ "ddcutil setvcp 60 0x11", "ddcutil setvcp 60 0x0f" },
		{ "pactl set-sink-mute @DEFAULT_SINK@ 1", "pactl set-sink-mute @DEFAULT_SINK@ 0" },
		{ "virsh -c qemu:///system attach-device win10 /h/headset.xml --live",
		  "virsh -c qemu:///system detach-device win10 /h/headset.xml --live" },
	};
	static const char *const programs[] = { "ddcutil", "pactl", "virsh", "notify-send",
						"systemd-inhibit" };
	char path[4096], *old = strdup(getenv("PATH"));

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(programs); i++)
		stand_in(programs[i]);
	snprintf(path, sizeof(path), "%s:%s", scene.dir, old);
	setenv("PATH", path, 1);
	setenv("HOME", "/h", 1);
	for (unsigned i = 0; i < ARRAY_SIZE(says); i++) {
		scene.conf.guests[0].on_enter = example("on-enter", i);
		scene.conf.guests[0].on_leave = example("on-leave", i);
		start();
		launch_hooks(&scene.launcher, ONE);
		expect(says[i].enter);
		stop();
		expect(says[i].leave);
		free(scene.conf.guests[0].on_enter);
		free(scene.conf.guests[0].on_leave);
	}
	scene.conf.guests[0] = (struct conf_guest){ .name = "one",
						    .on_lost = example("on-lost", 0),
						    .run_while = example("while", 0) };
	for (unsigned i = 0; i < 2; i++) {
		scene.conf.on_refused = example("on-refused", i);
		start();
		launch_hook_event(&scene.launcher, HOOK_REFUSED, TWO, "vm-off", "it is off");
		expect(i ? "virsh -c qemu:///system start two"
			 : "notify-send No input for two it is off");
		stop();
		free(scene.conf.on_refused);
	}
	scene.conf.on_refused = NULL;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("systemd-inhibit --what=idle --who=evswitch --why=A guest has the input sleep "
	       "infinity");
	launch_hook_event(&scene.launcher, HOOK_LOST, ONE, "vm-off", "it is off");
	expect("notify-send one has gone away it is off");
	stop();
	free(scene.conf.guests[0].on_lost);
	free(scene.conf.guests[0].run_while);
	setenv("PATH", old, 1);
	free(old);
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

/* --- another configuration --- */

static const struct conf_channel wire = { .name = "wire" };
static const struct conf_channel *const wires[] = { &wire, NULL };

static void no_fault(void *ctx, const char *message)
{
	(void)ctx;
	fail_msg("%s", message);
}

/* The guests by these lines, from now on; 'focus' as a number in those before, 'now' in these. */
static void take_over(const char *guests, unsigned focus, unsigned now)
{
	struct conf *conf = NULL;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/conf", scene.dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "[device k]\nname = k\n%s", guests);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(conf_load(path, wires, no_fault, NULL, &conf), 0);
	unlink(path);
	assert_int_equal(launch_replace(&scene.launcher, conf, focus), 0);
	launch_hooks(&scene.launcher, now);
	conf_free(conf);
}

#define TELL(words) "echo " words " $EVSWITCH_TARGET $FROM $TO >$SCENE/said\n"

/* A guest that stays does not notice, though it has another number and other commands now. */
static void replaced(void **state)
{
	(void)state;
	scene.conf.channels = wires;
	start();
	launch_hooks(&scene.launcher, ONE);
	expect("enter one");
	let_on();
	await_no_hook();
	take_over("[guest new]\n[guest one]\non-leave = " TELL(
			  "away") "[guest two]\non-enter = " TELL("hello"),
		  ONE, TWO);
	expect_silence();
	launch_hooks(&scene.launcher, 3);
	expect("away one one two");
	expect("hello two one two");
	launch_hooks(&scene.launcher, HOST);
	expect_silence();
	stop();
}

/* What is due runs first, by the configuration that it is of; then nothing of a guest that is gone. */
static void replaced_while_one_runs(void **state)
{
	(void)state;
	scene.conf.channels = wires;
	start();
	launch_hooks(&scene.launcher, TWO);
	expect("enter two");
	launch_hooks(&scene.launcher, HOST);
	take_over("[guest one]\non-enter = " TELL("hello") "on-leave = " TELL("away"), HOST, HOST);
	launch_hooks(&scene.launcher, ONE);
	expect_silence();
	let_on();
	expect("leave two");
	/* The earlier configuration knows this guest, too, and counts until nothing of it is due. */
	for (;;) {
		char line[128];

		launch_hooks(&scene.launcher, ONE);
		read_said(line, "hello one host one");
		launch_hooks(&scene.launcher, HOST);
		if (strcmp(line, "enter one") != 0) {
			assert_string_equal(line, "hello one host one");
			break;
		}
		let_on();
		expect("leave one");
	}
	expect("away one one host");
	stop();
}

/* From no command at all, and back. */
static void replaced_by_the_first_hooks(void **state)
{
	(void)state;
	scene.conf = (struct conf){ .channels = wires };
	start();
	take_over("[guest one]\non-enter = " TELL("hello") "on-leave = " TELL("away"), HOST, HOST);
	launch_hooks(&scene.launcher, ONE);
	expect("hello one host one");
	await_no_hook();
	take_over("[guest one]\n", ONE, ONE);
	launch_hooks(&scene.launcher, HOST);
	expect_silence();
	await_nothing_due();
	stop();
}

/* 'while' goes on unless it was changed or its guest is gone. */
static void replaced_while_while_runs(void **state)
{
	static const char same[] = "[guest one]\nwhile = echo begins >$SCENE/said; "
				   "trap 'echo ends >$SCENE/said; exit' TERM; sleep 100 & wait\n";

	(void)state;
	scene.conf = (struct conf){ .channels = wires };
	start();
	take_over(same, HOST, HOST);
	launch_hooks(&scene.launcher, ONE);
	expect("begins");
	take_over(same, ONE, ONE);
	expect_silence();
	take_over("[guest one]\nwhile = echo other >$SCENE/said; exec sleep 100\n", ONE, ONE);
	expect_both("ends", "other");
	launch_hooks(&scene.launcher, HOST);
	stop();
}

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
		TEST(from_and_to),
		TEST(lost_and_refused),
		TEST(while_it_has_the_focus),
		TEST(while_ends_with_evswitch),
		TEST(while_is_skipped_in_between),
		TEST(failures_are_logged),
		TEST(all_of_it_is_ended),
		TEST(examples_work),
		TEST(holds_nothing),
		TEST(errors),
		TEST(replaced),
		TEST(replaced_while_one_runs),
		TEST(replaced_by_the_first_hooks),
		TEST(replaced_while_while_runs),
	};

	return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
