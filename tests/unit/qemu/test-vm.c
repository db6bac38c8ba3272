/* SPDX-License-Identifier: MIT */
/*
 * A guest's VM as it is told by a real QEMU and by a real virsh; the latter with libvirt's own test
 * driver, whose domain "test" runs. Needs qemu-system-x86_64 and virsh (libvirt-clients).
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "launch/child.h"
#include "launch/launch.h"
#include "qemu/vm.h"
#include "now.h"
#include "base/util.h"

#define WAIT_MS  30000
#define QUIET_MS 200

/* --- what is told ------------------------------------------------------------------------ */

/* As in the program, it has nothing open of what follows. */
static struct launcher launcher = LAUNCHER_INIT;

struct watcher {
	struct vm vm;
	struct loop loop;
	struct conf_guest guest;
	unsigned states, resets, panics, monitors, suspends, wakeups;
	const unsigned *close_at; /* within the callback that counts here */
};

static struct watcher *watcher_of(struct vm *vm)
{
	return container_of(vm, struct watcher, vm);
}

static void told(struct watcher *watcher, unsigned *count)
{
	(*count)++;
	if (watcher->close_at == count)
		vm_close(&watcher->vm);
}

static void on_told(struct vm *vm, unsigned news)
{
	struct watcher *watcher = watcher_of(vm);

	if (news & VM_STATE)
		told(watcher, &watcher->states);
	if (news & VM_RESET)
		told(watcher, &watcher->resets);
	if (news & VM_PANICKED)
		told(watcher, &watcher->panics);
	if (news & VM_MONITOR)
		told(watcher, &watcher->monitors);
}

static void on_event(struct vm *vm, const char *name, struct json_object *data)
{
	(void)data;
	if (strcmp(name, "SUSPEND") == 0)
		told(watcher_of(vm), &watcher_of(vm)->suspends);
	else if (strcmp(name, "WAKEUP") == 0)
		told(watcher_of(vm), &watcher_of(vm)->wakeups);
}

static const struct vm_ops ops = { .told = on_told, .event = on_event };

static void watcher_open(struct watcher *watcher, const char *libvirt, const char *qmp)
{
	*watcher = (struct watcher){
		.guest = { .name = "one", .libvirt = (char *)libvirt, .qmp = (char *)qmp }
	};
	assert_int_equal(loop_init(&watcher->loop), 0);
	watcher->loop.launcher = &launcher;
	assert_int_equal(vm_open(&watcher->vm, &watcher->loop, &watcher->guest, &ops), 0);
	assert_int_equal(watcher->vm.state, RUN_STATE_UNKNOWN);
}

static void watcher_close(struct watcher *watcher)
{
	vm_close(&watcher->vm);
	loop_fini(&watcher->loop);
}

static void await_state(struct watcher *watcher, enum run_state state)
{
	long deadline = now_ms() + WAIT_MS;

	while (watcher->vm.state != state && now_ms() < deadline)
		assert_int_equal(loop_turn(&watcher->loop, 100), 0);
	if (watcher->vm.state != state)
		fail_msg("it is %s instead of %s", run_state_name(watcher->vm.state),
			 run_state_name(state));
}

static void await_more(struct watcher *watcher, const unsigned *count, unsigned before)
{
	long deadline = now_ms() + WAIT_MS;

	while (*count == before && now_ms() < deadline)
		assert_int_equal(loop_turn(&watcher->loop, 100), 0);
	assert_true(*count > before);
}

static void turn_for(struct watcher *watcher, long ms)
{
	long deadline = now_ms() + ms;

	while (now_ms() < deadline)
		assert_int_equal(loop_turn(&watcher->loop, 20), 0);
}

/* --- a real QEMU ------------------------------------------------------------------------- */

struct machine {
	char dir[40], monitor[64], bios[64];
	pid_t pid;
	int ended; /* a pidfd */
};

static void machine_init(struct machine *machine, const unsigned char *code, size_t size)
{
	autoclose int fd = -1;

	*machine = (struct machine){ .dir = "/tmp/evswitch-vm-XXXXXX" };
	assert_non_null(mkdtemp(machine->dir));
	snprintf(machine->monitor, sizeof(machine->monitor), "%s/monitor", machine->dir);
	snprintf(machine->bios, sizeof(machine->bios), "%s/bios", machine->dir);
	fd = open(machine->bios, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 65536), 0);
	assert_int_equal(pwrite(fd, code, size, 65536 - 16), size);
}

/* It waits for "cont". */
static void machine_start(struct machine *machine)
{
	char monitor[128];

	snprintf(monitor, sizeof(monitor), "unix:%s,server=on,wait=off", machine->monitor);
	machine->pid = fork();
	if (machine->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execlp("qemu-system-x86_64", "qemu-system-x86_64", "-nodefaults", "-display",
		       "none", "-accel", "tcg", "-m", "16", "-S", "-bios", machine->bios, "-device",
		       "pvpanic", "-action", "panic=pause", "-qmp", monitor, (char *)NULL);
		_exit(127);
	}
	machine->ended = (int)syscall(SYS_pidfd_open, machine->pid, 0);
	assert_true(machine->ended >= 0);
}

static void machine_kill(struct machine *machine)
{
	kill(machine->pid, SIGKILL);
	close_fd(&machine->ended);
}

static void machine_fini(struct machine *machine)
{
	unlink(machine->bios);
	unlink(machine->monitor);
	assert_int_equal(rmdir(machine->dir), 0);
}

static const unsigned char cli_hlt_jmp[] = { 0xfa, 0xf4, 0xeb, 0xfd };
/* mov dx, 0x505; mov al, 1; out dx, al; hlt; jmp: tells pvpanic that it has panicked. */
static const unsigned char panic_hlt_jmp[] = {
	0xba, 0x05, 0x05, 0xb0, 0x01, 0xee, 0xf4, 0xeb, 0xfd
};

static void command(struct watcher *watcher, const char *execute)
{
	assert_non_null(vm_qmp(&watcher->vm));
	assert_int_equal(qmp_command(vm_qmp(&watcher->vm), execute, NULL, NULL, NULL), 0);
}

static void qemu_from_start_to_end(void **state)
{
	struct machine machine;
	struct watcher watcher;

	(void)state;
	machine_init(&machine, cli_hlt_jmp, sizeof(cli_hlt_jmp));
	watcher_open(&watcher, NULL, machine.monitor);
	await_state(&watcher, RUN_STATE_OFF);
	assert_null(vm_qmp(&watcher.vm));
	machine_start(&machine);
	await_state(&watcher, RUN_STATE_PRELAUNCH);
	assert_int_equal(watcher.monitors, 1);
	command(&watcher, "cont");
	await_state(&watcher, RUN_STATE_RUNNING);
	command(&watcher, "stop");
	await_state(&watcher, RUN_STATE_PAUSED);
	command(&watcher, "cont");
	await_state(&watcher, RUN_STATE_RUNNING);
	assert_int_equal(watcher.resets, 0);
	command(&watcher, "system_reset");
	await_more(&watcher, &watcher.resets, 0);
	assert_int_equal(watcher.vm.state, RUN_STATE_RUNNING);
	command(&watcher, "quit");
	await_state(&watcher, RUN_STATE_OFF);
	assert_null(vm_qmp(&watcher.vm));
	assert_int_equal(watcher.monitors, 2);
	close_fd(&machine.ended);

	machine_start(&machine);
	await_state(&watcher, RUN_STATE_PRELAUNCH);
	machine_kill(&machine);
	await_state(&watcher, RUN_STATE_OFF);
	assert_int_equal(watcher.panics, 0);
	watcher_close(&watcher);
	machine_fini(&machine);
}

static void qemu_panics(void **state)
{
	struct machine machine;
	struct watcher watcher;

	(void)state;
	machine_init(&machine, panic_hlt_jmp, sizeof(panic_hlt_jmp));
	watcher_open(&watcher, NULL, machine.monitor);
	machine_start(&machine);
	await_state(&watcher, RUN_STATE_PRELAUNCH);
	command(&watcher, "cont");
	await_more(&watcher, &watcher.panics, 0);
	await_state(&watcher, RUN_STATE_GUEST_PANICKED);
	watcher_close(&watcher);
	machine_kill(&machine);
	machine_fini(&machine);
}

/* The power management gets its ports by PCI, and its register is told to sleep (S3). */
static const unsigned char suspend[] = {
	0xba, 0xf8, 0x0c, 0x66, 0xb8, 0x40, 0x0b, 0x00, 0x80, 0x66, 0xef, /* 00:01.3, PMBASE */
	0xba, 0xfc, 0x0c, 0x66, 0xb8, 0x01, 0x06, 0x00, 0x00, 0x66, 0xef, /* at 0x600 */
	0xba, 0xf8, 0x0c, 0x66, 0xb8, 0x80, 0x0b, 0x00, 0x80, 0x66, 0xef, /* PMREGMISC */
	0xba, 0xfc, 0x0c, 0x66, 0xb8, 0x01, 0x00, 0x00, 0x00, 0x66, 0xef, /* on */
	0xba, 0x04, 0x06, 0xb8, 0x00, 0x24, 0xef, 0xf4, 0xeb, 0xfd,       /* PM1_CNT, hlt */
};
static const unsigned char jmp_f000_0000[] = { 0xea, 0x00, 0x00, 0x00, 0xf0 };

static void suspend_machine(struct machine *machine, struct watcher *watcher)
{
	int bios;

	machine_init(machine, jmp_f000_0000, sizeof(jmp_f000_0000));
	bios = open(machine->bios, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(bios, suspend, sizeof(suspend), 0), sizeof(suspend));
	close(bios);
	watcher_open(watcher, NULL, machine->monitor);
	machine_start(machine);
	await_state(watcher, RUN_STATE_PRELAUNCH);
	command(watcher, "cont");
	await_more(watcher, &watcher->suspends, 0);
	await_state(watcher, RUN_STATE_SUSPENDED);
}

static void press_key(struct watcher *watcher)
{
	const char *down = "{\"events\":[{\"type\":\"key\",\"data\":{\"down\":true,"
			   "\"key\":{\"type\":\"qcode\",\"data\":\"a\"}}}]}";

	assert_int_equal(
		qmp_command_text(vm_qmp(&watcher->vm), "input-send-event", down, NULL, NULL), 0);
}

/* QEMU takes input then, and a key wakes the machine, which here goes to sleep again. */
static void qemu_suspended(void **state)
{
	struct machine machine;
	struct watcher watcher;

	(void)state;
	suspend_machine(&machine, &watcher);
	watcher_close(&watcher);
	watcher_open(&watcher, NULL, machine.monitor);
	await_state(&watcher, RUN_STATE_SUSPENDED);
	press_key(&watcher);
	await_more(&watcher, &watcher.wakeups, 0);
	await_more(&watcher, &watcher.suspends, 0);
	await_state(&watcher, RUN_STATE_SUSPENDED);
	watcher_close(&watcher);
	machine_kill(&machine);
	machine_fini(&machine);
}

/* It does not run after that, and no event says so. */
static void qemu_reset_while_suspended(void **state)
{
	struct machine machine;
	struct watcher watcher;

	(void)state;
	suspend_machine(&machine, &watcher);
	command(&watcher, "system_reset");
	await_more(&watcher, &watcher.resets, 0);
	await_state(&watcher, RUN_STATE_PRELAUNCH);
	watcher_close(&watcher);
	machine_kill(&machine);
	machine_fini(&machine);
}

/* A monitor takes one client: the second waits, and is let in when the first leaves. */
static void qemu_has_another_client(void **state)
{
	struct machine machine;
	struct watcher first, second;

	(void)state;
	machine_init(&machine, cli_hlt_jmp, sizeof(cli_hlt_jmp));
	machine_start(&machine);
	watcher_open(&first, NULL, machine.monitor);
	await_state(&first, RUN_STATE_PRELAUNCH);
	watcher_open(&second, NULL, machine.monitor);
	turn_for(&second, QMP_HANDSHAKE_MS + 500);
	assert_int_equal(second.vm.state, RUN_STATE_UNKNOWN);
	assert_int_equal(second.monitors, 0);
	assert_true(second.vm.said[0] != '\0');
	watcher_close(&first);
	await_state(&second, RUN_STATE_PRELAUNCH);
	assert_string_equal(second.vm.said, "");
	watcher_close(&second);
	machine_kill(&machine);
	machine_fini(&machine);
}

/* Whatever callback it is, the owner may end it there. */
static void closed_within_a_callback(void **state)
{
	struct machine machine;
	struct watcher watcher;

	(void)state;
	machine_init(&machine, cli_hlt_jmp, sizeof(cli_hlt_jmp));
	machine_start(&machine);
	watcher_open(&watcher, NULL, machine.monitor);
	watcher.close_at = &watcher.monitors;
	await_more(&watcher, &watcher.monitors, 0);
	assert_null(vm_qmp(&watcher.vm));
	loop_fini(&watcher.loop);

	watcher_open(&watcher, NULL, machine.monitor);
	await_state(&watcher, RUN_STATE_PRELAUNCH);
	watcher.close_at = &watcher.states;
	command(&watcher, "cont");
	await_more(&watcher, &watcher.states, watcher.states);
	assert_null(vm_qmp(&watcher.vm));
	loop_fini(&watcher.loop);

	watcher_open(&watcher, "test", NULL);
	watcher.close_at = &watcher.states;
	await_more(&watcher, &watcher.states, 0);
	turn_for(&watcher, QUIET_MS);
	assert_int_equal(watcher.states, 1);
	loop_fini(&watcher.loop);
	machine_kill(&machine);
	machine_fini(&machine);
}

/* --- a real virsh ------------------------------------------------------------------------ */

static void virsh_knows_the_domain(void **state)
{
	struct watcher watcher;

	(void)state;
	watcher_open(&watcher, "test", NULL);
	await_state(&watcher, RUN_STATE_RUNNING);
	assert_true(child_runs(&watcher.vm.events));
	assert_null(vm_qmp(&watcher.vm));
	watcher_close(&watcher);
}

static void virsh_knows_no_such_domain(void **state)
{
	struct watcher watcher;

	(void)state;
	watcher_open(&watcher, "nosuch", NULL);
	await_state(&watcher, RUN_STATE_OFF);
	turn_for(&watcher, 1500); /* it is asked again, and the state stays */
	assert_int_equal(watcher.vm.state, RUN_STATE_OFF);
	assert_int_equal(watcher.states, 1);
	assert_string_equal(watcher.vm.said, "");
	watcher_close(&watcher);
}

static void virsh_cannot_connect(void **state)
{
	struct watcher watcher;

	(void)state;
	setenv("LIBVIRT_DEFAULT_URI", "test:///nosuch.xml", 1);
	watcher_open(&watcher, "test", NULL);
	for (long deadline = now_ms() + WAIT_MS; !watcher.vm.said[0] && now_ms() < deadline;)
		assert_int_equal(loop_turn(&watcher.loop, 100), 0);
	assert_non_null(strstr(watcher.vm.said, "nosuch.xml"));
	assert_int_equal(watcher.vm.state, RUN_STATE_UNKNOWN);
	setenv("LIBVIRT_DEFAULT_URI", "test:///default", 1);
	await_state(&watcher, RUN_STATE_RUNNING);
	watcher_close(&watcher);
}

static void start_launcher(void)
{
	launcher_stop(&launcher);
	assert_int_equal(launcher_start(&launcher, NULL), 0);
}

/* A virsh that says this for domstate and as an event of a domain that runs; what that comes to. */
static void virsh_says(const char *domstate, const char *event, enum run_state state,
		       unsigned panics)
{
	char dir[] = "/tmp/evswitch-virsh-XXXXXX", script[64], with[4096];
	autofree char *path = strdup(getenv("PATH"));
	struct watcher watcher;
	FILE *file;

	assert_non_null(mkdtemp(dir));
	snprintf(script, sizeof(script), "%s/virsh", dir);
	file = fopen(script, "w");
	fprintf(file,
		"#!/bin/sh\nlifecycle() { echo \"event 'lifecycle' for domain 'win10': $*\"; }\n"
		"case $3 in\ndomstate) %s ;;\nevent) %s ;;\nesac\nexec sleep 1000\n",
		domstate, event);
	assert_int_equal(fchmod(fileno(file), 0700), 0);
	fclose(file);
	snprintf(with, sizeof(with), "%s:%s", dir, path);
	setenv("PATH", with, 1);
	start_launcher();
	setenv("PATH", path, 1);
	watcher_open(&watcher, "win10", NULL);
	await_state(&watcher, state);
	if (panics)
		await_more(&watcher, &watcher.panics, panics - 1);
	assert_int_equal(watcher.panics, panics);
	assert_int_equal(watcher.vm.state, state);
	watcher_close(&watcher);
	start_launcher();
	unlink(script);
	assert_int_equal(rmdir(dir), 0);
}

/* libvirt's test driver cannot suspend a domain: the lines are those that virsh has for one of QEMU. */
static void virsh_tells_of_a_suspended_domain(void **state)
{
	(void)state;
	virsh_says("echo 'pmsuspended (unknown)'", ":", RUN_STATE_SUSPENDED, 0);
	virsh_says(":", "lifecycle PMSuspended Memory", RUN_STATE_SUSPENDED, 0);
}

static void virsh_tells_why_a_domain_is_paused(void **state)
{
	(void)state;
	virsh_says("[ \"$6\" = --reason ] && echo 'paused (I/O error)'", ":", RUN_STATE_IO_ERROR,
		   0);
	virsh_says(":", "lifecycle Suspended I/O Error", RUN_STATE_IO_ERROR, 0);
	virsh_says(":", "lifecycle Suspended Paused", RUN_STATE_PAUSED, 0);
}

/* 'libvirt =' may be a UUID; the events have the name. */
static void virsh_tells_of_a_domain_with_an_odd_name(void **state)
{
	(void)state;
	virsh_says(":", "echo \"event 'lifecycle' for domain 'a: Stopped b': Suspended Paused\"",
		   RUN_STATE_PAUSED, 0);
}

/* One that has loaded a kernel for its crash runs on. */
static void virsh_tells_of_a_crash(void **state)
{
	(void)state;
	virsh_says(":", "lifecycle Started Booted; lifecycle Crashed Panicked",
		   RUN_STATE_GUEST_PANICKED, 1);
	virsh_says(":", "lifecycle Started Booted; lifecycle Crashed Crashloaded",
		   RUN_STATE_RUNNING, 1);
}

static void find_virsh(char *path, size_t size)
{
	FILE *which = popen("command -v virsh", "r");

	assert_non_null(which);
	assert_non_null(fgets(path, (int)size, which));
	pclose(which);
	path[strcspn(path, "\n")] = '\0';
}

static void virsh_is_missing(void **state)
{
	autofree char *path = strdup(getenv("PATH"));
	char dir[] = "/tmp/evswitch-path-XXXXXX", virsh[64], link[64];
	struct watcher watcher;

	(void)state;
	assert_non_null(mkdtemp(dir));
	find_virsh(virsh, sizeof(virsh));
	snprintf(link, sizeof(link), "%s/virsh", dir);
	setenv("PATH", dir, 1);
	start_launcher();
	setenv("PATH", path, 1);
	watcher_open(&watcher, "test", NULL);
	for (long deadline = now_ms() + WAIT_MS; !watcher.vm.said[0] && now_ms() < deadline;)
		assert_int_equal(loop_turn(&watcher.loop, 100), 0);
	assert_string_equal(watcher.vm.said, "virsh: No such file or directory");
	assert_int_equal(watcher.vm.state, RUN_STATE_UNKNOWN);
	assert_int_equal(symlink(virsh, link), 0);
	await_state(&watcher, RUN_STATE_RUNNING);
	watcher_close(&watcher);
	unlink(link);
	rmdir(dir);
	start_launcher();
}

/* What the launcher has started. */
static void kill_children(void)
{
	char pattern[64];
	glob_t threads;
	unsigned killed = 0;

	snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/children", launcher.pid);
	assert_int_equal(glob(pattern, 0, NULL, &threads), 0);
	for (size_t i = 0; i < threads.gl_pathc; i++) {
		FILE *file = fopen(threads.gl_pathv[i], "r");
		int pid;

		while (file && fscanf(file, "%d", &pid) == 1)
			killed += kill(pid, SIGKILL) == 0;
		if (file)
			fclose(file);
	}
	globfree(&threads);
	assert_true(killed > 0);
}

static void virsh_dies_and_is_started_again(void **state)
{
	struct watcher watcher;

	(void)state;
	watcher_open(&watcher, "test", NULL);
	await_state(&watcher, RUN_STATE_RUNNING);
	kill_children();
	await_state(&watcher, RUN_STATE_UNKNOWN);
	await_state(&watcher, RUN_STATE_RUNNING);
	watcher_close(&watcher);
}

/* --- child ------------------------------------------------------------------------------- */

struct talk {
	struct child child;
	struct loop loop;
	char text[4096];
	unsigned ends;
	bool stop_at_line;
};

static void talk_line(struct child *child, const char *line)
{
	struct talk *talk = container_of(child, struct talk, child);
	size_t used = strlen(talk->text);

	snprintf(talk->text + used, sizeof(talk->text) - used, "%s|", line);
	if (talk->stop_at_line)
		child_stop(child);
}

static void talk_ended(struct child *child)
{
	container_of(child, struct talk, child)->ends++;
}

static const struct child_ops talk_ops = { .line = talk_line, .ended = talk_ended };

static void talk_start(struct talk *talk, const char *script, int input)
{
	const char *const argv[] = { "sh", "-c", script, NULL };

	*talk = (struct talk){ .child = CHILD_INIT };
	assert_int_equal(loop_init(&talk->loop), 0);
	talk->loop.launcher = &launcher;
	assert_int_equal(child_start(&talk->child, &talk->loop, argv, input, &talk_ops), 0);
}

static void talk_until(struct talk *talk, bool (*done)(struct talk *talk))
{
	long deadline = now_ms() + WAIT_MS;

	while (!done(talk) && now_ms() < deadline)
		assert_int_equal(loop_turn(&talk->loop, 100), 0);
	assert_true(done(talk));
}

static bool has_ended(struct talk *talk)
{
	return talk->ends == 1;
}

static bool has_line(struct talk *talk)
{
	return talk->text[0];
}

static void child_lines(void **state)
{
	char expected[CHILD_LINE_MAX + 16];
	struct talk talk;

	(void)state;
	talk_start(&talk,
		   "echo one; echo; echo two >&2; printf 'th'; printf 'ree\\n'; echo $LC_ALL; "
		   "cat; printf last",
		   -1);
	talk_until(&talk, has_ended);
	assert_string_equal(talk.text, "one|two|three|C|last|");
	assert_int_equal(talk.child.status, 0);
	assert_false(child_runs(&talk.child));
	loop_fini(&talk.loop);

	talk_start(&talk, "printf '%0600d\\nx\\n' 0", -1);
	talk_until(&talk, has_ended);
	snprintf(expected, sizeof(expected), "%0*d|x|", CHILD_LINE_MAX - 1, 0);
	assert_string_equal(talk.text, expected);
	loop_fini(&talk.loop);
}

static void child_reads_its_input(void **state)
{
	FILE *file = tmpfile();
	struct talk talk;

	(void)state;
	fputs("from a file\n", file);
	rewind(file);
	talk_start(&talk, "cat", fileno(file));
	fclose(file);
	talk_until(&talk, has_ended);
	assert_string_equal(talk.text, "from a file|");
	loop_fini(&talk.loop);
}

/* Also of one that has closed its outputs before, and of one that cannot be run. */
static void child_status(void **state)
{
	static const struct {
		const char *script;
		int status;
	} cases[] = {
		{ "exit 7", 7 },
		{ "kill -TERM $$", 128 + SIGTERM },
		{ "exec >&- 2>&-; read line; exit 3", 3 },
		{ "exec /no/such/program", 127 },
	};
	const char *const argv[] = { "/no/such/program", NULL };
	struct talk talk;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		talk_start(&talk, cases[i].script, -1);
		talk_until(&talk, has_ended);
		assert_int_equal(talk.child.status, cases[i].status);
		loop_fini(&talk.loop);
	}
	talk = (struct talk){ .child = CHILD_INIT };
	assert_int_equal(loop_init(&talk.loop), 0);
	talk.loop.launcher = &launcher;
	assert_int_equal(child_start(&talk.child, &talk.loop, argv, -1, &talk_ops), 0);
	talk_until(&talk, has_ended);
	assert_int_equal(talk.child.status, 127);
	assert_string_equal(talk.text, "error: /no/such/program: No such file or directory|");
	loop_fini(&talk.loop);
}

static void child_stopped_within_a_line(void **state)
{
	struct talk talk;

	(void)state;
	talk_start(&talk, "echo one; echo two; sleep 1000", -1);
	talk.stop_at_line = true;
	talk_until(&talk, has_line);
	assert_int_equal(loop_turn(&talk.loop, QUIET_MS), 0);
	assert_string_equal(talk.text, "one|");
	assert_int_equal(talk.ends, 0);
	assert_false(child_runs(&talk.child));
	loop_fini(&talk.loop);
}

/* Stopped, or left by an evswitch that was killed: it does not go on. */
static void child_ends_with_us(void **state)
{
	struct talk talk;
	pid_t us, child;
	int lines[2];
	char line[32] = "";

	(void)state;
	talk_start(&talk, "echo $$; exec sleep 1000", -1);
	talk_until(&talk, has_line);
	child = atoi(talk.text);
	assert_int_equal(kill(child, 0), 0);
	child_stop(&talk.child);
	for (long deadline = now_ms() + WAIT_MS; kill(child, 0) == 0 && now_ms() < deadline;)
		usleep(1000);
	assert_int_equal(kill(child, 0), -1);
	loop_fini(&talk.loop);

	assert_int_equal(pipe(lines), 0);
	us = fork();
	if (us == 0) {
		talk_start(&talk, "echo $$; exec sleep 1000", -1);
		while (!has_line(&talk))
			loop_turn(&talk.loop, 100);
		if (write(lines[1], talk.text, strlen(talk.text)) > 0)
			pause();
		_exit(1);
	}
	assert_true(read(lines[0], line, sizeof(line) - 1) > 0);
	child = atoi(line);
	kill(us, SIGKILL);
	for (long deadline = now_ms() + WAIT_MS; kill(child, 0) == 0 && now_ms() < deadline;)
		usleep(1000);
	assert_int_equal(kill(child, 0), -1);
	close(lines[0]);
	close(lines[1]);
}

/* virsh asks the test driver. */
static int set_up(void **state)
{
	(void)state;
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	start_launcher();
	unsetenv("LC_ALL");
	return setenv("LIBVIRT_DEFAULT_URI", "test:///default", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(qemu_from_start_to_end),
		cmocka_unit_test(qemu_panics),
		cmocka_unit_test(qemu_suspended),
		cmocka_unit_test(qemu_reset_while_suspended),
		cmocka_unit_test(qemu_has_another_client),
		cmocka_unit_test(closed_within_a_callback),
		cmocka_unit_test(virsh_knows_the_domain),
		cmocka_unit_test(virsh_knows_no_such_domain),
		cmocka_unit_test(virsh_cannot_connect),
		cmocka_unit_test(virsh_tells_of_a_suspended_domain),
		cmocka_unit_test(virsh_tells_why_a_domain_is_paused),
		cmocka_unit_test(virsh_tells_of_a_domain_with_an_odd_name),
		cmocka_unit_test(virsh_tells_of_a_crash),
		cmocka_unit_test(virsh_is_missing),
		cmocka_unit_test(virsh_dies_and_is_started_again),
		cmocka_unit_test(child_lines),
		cmocka_unit_test(child_reads_its_input),
		cmocka_unit_test(child_status),
		cmocka_unit_test(child_stopped_within_a_line),
		cmocka_unit_test(child_ends_with_us),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
