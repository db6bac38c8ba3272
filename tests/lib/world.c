/* SPDX-License-Identifier: MIT */
/* Puppets, observers and the program under test, on a real kernel. */
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <linux/uinput.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "keeper/keeper-message.h"
#include "now.h"
#include "base/usock.h"
#include "base/util.h"

/* What a failed test leaves behind: a grabbed device would fail all that follow. */
static struct {
	pid_t pid[16];
	int fd[128];
	unsigned n_pids, n_fds;
} leftovers;

/* Before it has named itself, a keeper has the name of what it was loaded from. */
static bool is_started(const char *comm)
{
	return strcmp(comm, "evs-keeper") == 0 || strcmp(comm, "exe") == 0 ||
	       strcmp(comm, "evs-launcher") == 0 || strcmp(comm, "evs-watchdog") == 0 ||
	       strcmp(comm, "evswitch") == 0;
}

static pid_t find_child(pid_t parent, bool (*is_wanted)(const char *comm))
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (dir && !found && (entry = readdir(dir))) {
		char path[300], comm[32];
		FILE *file;
		int its_parent;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = atoi(entry->d_name) > 0 ? fopen(path, "re") : NULL;
		if (file && fscanf(file, "%*d (%31[^)]) %*c %d", comm, &its_parent) == 2 &&
		    its_parent == parent && is_wanted(comm))
			found = atoi(entry->d_name);
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* What a process that is gone has started is this one's child: program_exec saw to it. */
static pid_t find_started(void)
{
	return find_child(getpid(), is_started);
}

int world_reset(void **state)
{
	pid_t started;

	(void)state;
	for (unsigned i = 0; i < leftovers.n_pids; i++) {
		kill(leftovers.pid[i], SIGKILL);
		waitpid(leftovers.pid[i], NULL, 0);
	}
	for (unsigned i = 0; i < leftovers.n_fds; i++)
		ioctl(leftovers.fd[i], UI_DEV_DESTROY);
	leftovers.n_pids = leftovers.n_fds = 0;
	while ((started = find_started()) > 0) {
		kill(started, SIGKILL);
		waitpid(started, NULL, 0);
	}
	return 0;
}

static bool wait_readable(int fd, long deadline)
{
	long left = deadline - now_ms();
	struct pollfd in = { .fd = fd, .events = POLLIN };

	return poll(&in, 1, left > 0 ? (int)left : 0) == 1;
}

/* --- puppets -------------------------------------------------------------------------- */

static void enable(struct libevdev *model, unsigned type, unsigned first, unsigned last)
{
	for (unsigned code = first; code <= last; code++)
		assert_int_equal(libevdev_enable_event_code(model, type, code, NULL), 0);
}

static void enable_abs(struct libevdev *model, unsigned code, int maximum)
{
	struct input_absinfo abs = { .maximum = maximum, .resolution = 10 };

	assert_int_equal(libevdev_enable_event_code(model, EV_ABS, code, &abs), 0);
}

/* A real keyboard has a few hundred keys; this one has all, so that every code can be played. */
static void describe_keyboard(struct libevdev *model)
{
	enable(model, EV_KEY, 1, 0xff);
	enable(model, EV_KEY, KEY_OK, 0x21f);
	enable(model, EV_KEY, 0x224, 0x2bf);
	enable(model, EV_LED, LED_NUML, LED_SCROLLL);
	enable(model, EV_MSC, MSC_SCAN, MSC_SCAN);
	enable(model, EV_SW, SW_LID, SW_LID);
	libevdev_enable_event_type(model, EV_REP);
}

static void describe_mouse(struct libevdev *model, enum puppet_kind kind)
{
	enable(model, EV_KEY, BTN_MISC, BTN_MISC + 0x1f);
	enable(model, EV_REL, REL_X, REL_Y);
	if (kind != PUPPET_MOUSE_HIRES) {
		enable(model, EV_REL, REL_HWHEEL, REL_HWHEEL);
		enable(model, EV_REL, REL_WHEEL, REL_WHEEL);
	}
	if (kind != PUPPET_MOUSE_CLICKS)
		enable(model, EV_REL, REL_WHEEL_HI_RES, REL_HWHEEL_HI_RES);
	enable(model, EV_MSC, MSC_SCAN, MSC_SCAN);
}

static void describe(struct libevdev *model, enum puppet_kind kind)
{
	if (kind == PUPPET_KEYBOARD)
		describe_keyboard(model);
	if (kind == PUPPET_MOUSE || kind == PUPPET_MOUSE_CLICKS || kind == PUPPET_MOUSE_HIRES)
		describe_mouse(model, kind);
	if (kind == PUPPET_TABLET || kind == PUPPET_TOUCHPAD) {
		enable_abs(model, ABS_X, 20000);
		enable_abs(model, ABS_Y, 10000);
		enable(model, EV_KEY, BTN_TOUCH, BTN_TOUCH);
		enable(model, EV_KEY, BTN_LEFT, BTN_RIGHT);
	}
	if (kind == PUPPET_TABLET)
		enable(model, EV_KEY, BTN_TOOL_PEN, BTN_TOOL_PEN);
	if (kind == PUPPET_TOUCHPAD) {
		enable(model, EV_KEY, BTN_TOOL_FINGER, BTN_TOOL_FINGER);
		libevdev_enable_property(model, INPUT_PROP_POINTER);
	}
}

void puppet_plug_model(struct puppet *puppet, const struct libevdev *model, const char *phys)
{
	int rc = uinput_open(&puppet->uinput, model, phys);

	if (rc < 0)
		fail_msg("cannot make a uinput device: %s", strerror(-rc));
	if (leftovers.n_fds < ARRAY_SIZE(leftovers.fd))
		leftovers.fd[leftovers.n_fds++] = puppet->uinput.fd;
}

void puppet_plug(struct puppet *puppet, enum puppet_kind kind, const char *name, const char *phys,
		 unsigned short product)
{
	struct libevdev *model = libevdev_new();

	assert_non_null(model);
	libevdev_set_name(model, name);
	libevdev_set_id_bustype(model, BUS_USB);
	libevdev_set_id_vendor(model, 0x046d);
	libevdev_set_id_product(model, product);
	libevdev_set_id_version(model, 0x111);
	describe(model, kind);
	puppet_plug_model(puppet, model, phys);
	libevdev_free(model);
}

void puppet_play(struct puppet *puppet, const struct input_event *events, unsigned n)
{
	struct input_event frame[64] = { 0 };

	assert_true(n < ARRAY_SIZE(frame));
	memcpy(frame, events, n * sizeof(*events));
	frame[n] = (struct input_event){ .type = EV_SYN, .code = SYN_REPORT };
	assert_int_equal(write(puppet->uinput.fd, frame, (n + 1) * sizeof(*frame)),
			 (n + 1) * sizeof(*frame));
}

void puppet_key(struct puppet *puppet, unsigned code, int value)
{
	struct input_event ev = { .type = EV_KEY, .code = (uint16_t)code, .value = value };

	puppet_play(puppet, &ev, 1);
}

void puppet_type(struct puppet *puppet, unsigned code)
{
	puppet_key(puppet, code, 1);
	puppet_key(puppet, code, 0);
}

void puppet_move(struct puppet *puppet, int dx, int dy)
{
	struct input_event ev[] = { { .type = EV_REL, .code = REL_X, .value = dx },
				    { .type = EV_REL, .code = REL_Y, .value = dy } };

	puppet_play(puppet, ev, 2);
}

bool puppet_read_leds(struct puppet *puppet, unsigned *leds, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;
	bool any = false;

	while (!any && wait_readable(puppet->uinput.fd, deadline)) {
		struct input_event ev;

		while (read(puppet->uinput.fd, &ev, sizeof(ev)) == sizeof(ev)) {
			if (ev.type != EV_LED)
				continue;
			*leds = ev.value ? *leds | 1U << ev.code : *leds & ~(1U << ev.code);
			any = true;
		}
	}
	return any;
}

void puppet_expect_leds(struct puppet *puppet, unsigned *leds, unsigned expected, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	while (*leds != expected)
		if (!puppet_read_leds(puppet, leds, (int)(deadline - now_ms())))
			fail_msg("the device's LEDs are 0x%x instead of 0x%x", *leds, expected);
	puppet_read_leds(puppet, leds, WORLD_QUIET_MS);
	assert_int_equal(*leds, expected);
}

void puppet_unplug(struct puppet *puppet)
{
	for (unsigned i = 0; i < leftovers.n_fds; i++)
		if (leftovers.fd[i] == puppet->uinput.fd)
			leftovers.fd[i] = leftovers.fd[--leftovers.n_fds];
	uinput_close(&puppet->uinput);
}

/* --- observers ------------------------------------------------------------------------ */

static bool node_has_phys(const char *event, const char *phys)
{
	char path[300], text[256] = "";
	autoclose int fd = -1;
	ssize_t size;

	snprintf(path, sizeof(path), "/sys/class/input/%s/device/phys", event);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (size <= 0)
		return false;
	text[size - 1] = '\0'; /* a newline */
	return strcmp(text, phys) == 0;
}

static bool scan_nodes(const char *phys, char *devnode)
{
	DIR *dir = opendir("/dev/input");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "event", 5) != 0 || !node_has_phys(entry->d_name, phys))
			continue;
		snprintf(devnode, 64, "/dev/input/%.40s", entry->d_name);
		found = true;
	}
	if (dir)
		closedir(dir);
	return found;
}

void wait_for_file(const char *path)
{
	long deadline = now_ms() + WORLD_MS;

	/* Neither udev's directory nor its link need be there: there is nothing to watch. */
	while (access(path, F_OK) < 0) {
		if (now_ms() > deadline)
			fail_msg("%s: there is none", path);
		usleep(5000);
	}
}

bool find_node(const char *phys, char *devnode, int timeout_ms)
{
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	long deadline = now_ms() + timeout_ms;
	char buf[4096];

	inotify_add_watch(watch, "/dev/input", IN_CREATE | IN_ATTRIB);
	while (!scan_nodes(phys, devnode)) {
		if (!wait_readable(watch, deadline))
			return false;
		if (read(watch, buf, sizeof(buf)) < 0)
			return false;
	}
	return true;
}

void observer_open(struct observer *observer, const char *phys)
{
	long deadline = now_ms() + WORLD_MS;

	/* The one that was found may have been the last program's, on its way out. */
	do {
		if (!find_node(phys, observer->devnode, WORLD_MS))
			fail_msg("no node with phys %s", phys);
		observer->fd = open(observer->devnode, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	} while (observer->fd < 0 && (errno == ENODEV || errno == ENOENT) && now_ms() < deadline);
	if (observer->fd < 0)
		fail_msg("%s: %s", observer->devnode, strerror(errno));
}

void observer_grab(struct observer *observer)
{
	assert_int_equal(ioctl(observer->fd, EVIOCGRAB, 1), 0);
}

/* Event by event, so that what follows the frame stays in the kernel's queue. */
bool observer_frame(struct observer *observer, struct seen *seen, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	seen->n = 0;
	for (;;) {
		struct input_event ev;

		if (read(observer->fd, &ev, sizeof(ev)) == sizeof(ev)) {
			if (ev.type == EV_SYN && ev.code == SYN_MT_REPORT)
				continue;
			if (ev.type == EV_SYN && ev.code == SYN_REPORT && seen->n)
				return true;
			if (ev.type == EV_SYN && ev.code == SYN_REPORT)
				continue;
			assert_true(seen->n < ARRAY_SIZE(seen->ev));
			seen->ev[seen->n++] = ev;
		} else if (errno != EAGAIN || !wait_readable(observer->fd, deadline)) {
			return false;
		}
	}
}

/* The kernel's own repetitions come whenever a key is held for long: no test depends on them. */
static bool next_but_repeats(struct observer *observer, struct seen *seen, int timeout_ms)
{
	while (observer_frame(observer, seen, timeout_ms))
		if (seen->n != 1 || seen->ev[0].type != EV_KEY || seen->ev[0].value != 2)
			return true;
	return false;
}

void observer_expect(struct observer *observer, unsigned type, unsigned code, int value)
{
	struct seen seen;

	if (!next_but_repeats(observer, &seen, WORLD_MS))
		fail_msg("%s: nothing came, expected %s:%d", observer->devnode,
			 libevdev_event_code_get_name(type, code), value);
	if (seen.n != 1 || seen.ev[0].type != type || seen.ev[0].code != code ||
	    seen.ev[0].value != value)
		fail_msg("%s: %u events, the first %s:%d; expected %s:%d", observer->devnode,
			 seen.n, libevdev_event_code_get_name(seen.ev[0].type, seen.ev[0].code),
			 seen.ev[0].value, libevdev_event_code_get_name(type, code), value);
}

void observer_expect_typed(struct observer *observer, unsigned code)
{
	observer_expect(observer, EV_KEY, code, 1);
	observer_expect(observer, EV_KEY, code, 0);
}

void observer_expect_nothing(struct observer *observer)
{
	struct seen seen;

	if (next_but_repeats(observer, &seen, WORLD_QUIET_MS))
		fail_msg("%s: %u events came, the first %s:%d; expected none", observer->devnode,
			 seen.n, libevdev_event_code_get_name(seen.ev[0].type, seen.ev[0].code),
			 seen.ev[0].value);
}

unsigned observer_keys_down(const struct observer *observer)
{
	unsigned char bits[KEY_CNT / 8] = { 0 };
	unsigned n = 0;

	assert_true(ioctl(observer->fd, EVIOCGKEY(sizeof(bits)), bits) >= 0);
	for (unsigned i = 0; i < sizeof(bits); i++)
		n += (unsigned)__builtin_popcount(bits[i]);
	return n;
}

void observer_close(struct observer *observer)
{
	close_fd(&observer->fd);
}

bool node_is_grabbed(const char *devnode)
{
	autoclose int fd = open(devnode, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return ioctl(fd, EVIOCGRAB, 1) < 0 && errno == EBUSY;
}

/* --- the program ---------------------------------------------------------------------- */

/* This machine may be emulated beside others: then a turn of the loop can take long. */
static void set_patience(void)
{
	setenv("EVSWITCH_PATIENCE", "20", 0);
}

void program_exec(struct program *program, const char *const *argv)
{
	int ends[2];

	*program = (struct program){ .err = -1 };
	/* Keepers outlive it. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	program->pid = fork();
	if (program->pid == 0) {
		set_patience();
		dup2(ends[1], STDERR_FILENO);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (leftovers.n_pids < ARRAY_SIZE(leftovers.pid))
		leftovers.pid[leftovers.n_pids++] = program->pid;
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	program->err = ends[0];
}

static _Noreturn void become_on_terminal(const char *terminal, const char *const *argv)
{
	int fd;

	set_patience();
	setsid();
	fd = open(terminal, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(126);
	for (int standard = 0; standard < 3; standard++)
		dup2(fd, standard);
	execv(argv[0], (char *const *)argv);
	_exit(127);
}

void program_exec_on_terminal(struct program *program, const char *const *argv)
{
	char terminal[64];
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	*program = (struct program){ .err = fd };
	assert_true(fd >= 0);
	assert_int_equal(grantpt(fd), 0);
	assert_int_equal(unlockpt(fd), 0);
	assert_int_equal(ptsname_r(fd, terminal, sizeof(terminal)), 0);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	program->pid = fork();
	if (program->pid == 0)
		become_on_terminal(terminal, argv);
	if (leftovers.n_pids < ARRAY_SIZE(leftovers.pid))
		leftovers.pid[leftovers.n_pids++] = program->pid;
}

void program_type(struct program *program, const char *text)
{
	assert_int_equal(write(program->err, text, strlen(text)), strlen(text));
}

void program_place(void)
{
	char dir[] = "/tmp/evswitch-run-XXXXXX";

	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("XDG_RUNTIME_DIR", dir, 1), 0);
}

void program_configure(struct program *program, const char *conf)
{
	int fd = open(program->conf, O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, conf, strlen(conf)), strlen(conf));
	close(fd);
}

void program_start(struct program *program, const char *conf)
{
	char path[sizeof(program->conf)] = "/tmp/evswitch-test-XXXXXX";
	const char *binary = getenv("EVSWITCH") ?: "build/evswitch";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, conf, strlen(conf)), strlen(conf));
	close(fd);
	program_exec(program, (const char *const[]){ binary, "-v", "-c", path, NULL });
	memcpy(program->conf, path, sizeof(path));
}

static bool said(struct program *program, const char *text)
{
	char *at = strstr(program->log + program->read_to, text);

	if (!at)
		return false;
	program->read_to = (size_t)(at - program->log) + strlen(text);
	return true;
}

/* False where there is nothing more to come. */
static bool read_log(struct program *program)
{
	size_t room = sizeof(program->log) - 1 - program->used;
	ssize_t size = read(program->err, program->log + program->used, room);

	if (size <= 0)
		return false;
	program->used += (size_t)size;
	program->log[program->used] = '\0';
	return true;
}

bool program_says(struct program *program, const char *text, int timeout_ms)
{
	long deadline = now_ms() + timeout_ms;

	while (!said(program, text))
		if (!wait_readable(program->err, deadline) || !read_log(program))
			return false;
	return true;
}

void program_expect(struct program *program, const char *text)
{
	if (!program_says(program, text, WORLD_MS))
		fail_msg("the program never said \"%s\"; it said:\n%s", text, program->log);
}

void program_signal(struct program *program, int signo)
{
	assert_int_equal(kill(program->pid, signo), 0);
}

static bool is_watchdog(const char *comm)
{
	return strcmp(comm, "evs-watchdog") == 0;
}

pid_t program_watchdog(const struct program *program)
{
	pid_t pid = find_child(program->pid, is_watchdog);

	assert_true(pid > 0);
	return pid;
}

static bool is_launcher(const char *comm)
{
	return strcmp(comm, "evs-launcher") == 0;
}

pid_t program_launcher(const struct program *program)
{
	pid_t pid = find_child(program->pid, is_launcher);

	assert_true(pid > 0);
	return pid;
}

void program_pause(struct program *program)
{
	assert_int_equal(kill(program_watchdog(program), SIGSTOP), 0);
	program_signal(program, SIGSTOP);
}

void program_resume(struct program *program)
{
	program_signal(program, SIGCONT);
	assert_int_equal(kill(program_watchdog(program), SIGCONT), 0);
}

static void forget(pid_t pid)
{
	for (unsigned i = 0; i < leftovers.n_pids; i++)
		if (leftovers.pid[i] == pid)
			leftovers.pid[i] = leftovers.pid[--leftovers.n_pids];
}

/* Its stderr does not end with it: its keepers have it too. */
int program_wait(struct program *program)
{
	autoclose int died = (int)syscall(SYS_pidfd_open, program->pid, 0);
	struct pollfd wait[] = { { .fd = died, .events = POLLIN },
				 { .fd = program->err, .events = POLLIN } };
	long deadline = now_ms() + WORLD_MS;
	int status;

	while (!wait[0].revents) {
		long left = deadline - now_ms();

		if (left <= 0 || poll(wait, 2, (int)left) <= 0) {
			kill(program->pid, SIGKILL);
			fail_msg("the program did not end; it said:\n%s", program->log);
		}
		if (wait[1].revents && !read_log(program))
			wait[1].fd = -1;
	}
	while (read_log(program))
		;
	close_fd(&program->err);
	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	forget(program->pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void program_stop(struct program *program)
{
	int code;

	program_signal(program, SIGTERM);
	code = program_wait(program);
	if (code != 0)
		fail_msg("the program ended with %d; it said:\n%s", code, program->log);
}

void keeper_await_gone(const char *guest)
{
	autoclose int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	long deadline = now_ms() + WORLD_MS;
	char path[USOCK_PATH_MAX], dir[USOCK_PATH_MAX], buf[4096];

	assert_int_equal(usock_dir(dir), 0);
	assert_int_equal(keeper_path(guest, path), 0);
	inotify_add_watch(watch, dir, IN_DELETE);
	while (access(path, F_OK) == 0) {
		if (!wait_readable(watch, deadline))
			fail_msg("the keeper of guest %s does not end", guest);
		if (read(watch, buf, sizeof(buf)) < 0)
			break;
	}
}

int command_run(const char *arguments, char output[static COMMAND_OUTPUT_MAX])
{
	char command[512];
	size_t used = 0, got;
	FILE *pipe;
	int status;

	snprintf(command, sizeof(command), "%s %s 2>&1", getenv("EVSWITCH") ?: "build/evswitch",
		 arguments);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	while ((got = fread(output + used, 1, COMMAND_OUTPUT_MAX - 1 - used, pipe)) > 0)
		used += got;
	output[used] = '\0';
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

void command_expect(const char *arguments, int code, const char *text)
{
	char output[COMMAND_OUTPUT_MAX];
	int got = command_run(arguments, output);

	if (got != code || !strstr(output, text))
		fail_msg("evswitch %s: exit %d, not %d, or \"%s\" is missing in: %s", arguments,
			 got, code, text, output);
}

unsigned long process_ticks(pid_t pid)
{
	unsigned long user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file,
				"%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
				&user, &system),
			 2);
	fclose(file);
	return user + system;
}

void process_await_sleep(pid_t pid)
{
	long deadline = now_ms() + WORLD_MS;
	char path[64], state;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, pid);
	do {
		FILE *file = fopen(path, "re");

		assert_non_null(file);
		assert_int_equal(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
		fclose(file);
		if (now_ms() > deadline)
			fail_msg("process %d does not come to rest", pid);
	} while (state != 'S');
}
