/* SPDX-License-Identifier: MIT */
/* Floods, each in a process of its own. */
#include "flood.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"

#define CHUNK_SIZE 65536

static volatile sig_atomic_t ended;

static void end(int signo)
{
	(void)signo;
	ended = 1;
}

/* As fork: 0 in the peer. */
static pid_t start_peer(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* However nice, a process is not preempted by each that wakes; an idle one is. */
	if (sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 }) < 0)
		abort();
	return 0;
}

void flood_end(pid_t pid)
{
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* --- a monitor ------------------------------------------------------------------------------- */

static const char greeting[] =
	"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7}},"
	"\"capabilities\":[]}}{\"return\":{},\"id\":0}"
	"{\"return\":{\"status\":\"running\"},\"id\":1}";

static size_t fill(const struct flood_monitor *monitor, char chunk[static CHUNK_SIZE])
{
	size_t room = CHUNK_SIZE - 1024, size = strlen(monitor->text);
	char *at = chunk;

	if (monitor->rest)
		at = stpcpy(at, "{\"event\":\"A\",\"data\":[");
	do {
		at = stpcpy(at, monitor->text);
	} while (size && !monitor->ends && at + size < chunk + room);
	if (monitor->rest)
		at = stpcpy(at, monitor->rest);
	return (size_t)(at - chunk);
}

/* What it is asked lies unread, as it says everything in advance. */
static _Noreturn void play_monitor(const struct flood_monitor *monitor, int listener, int connected)
{
	static const uint64_t one = 1;
	static char chunk[CHUNK_SIZE];
	size_t size = fill(monitor, chunk);

	for (;;) {
		autoclose int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (write(connected, &one, sizeof(one)) < 0 ||
		    send(peer, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0)
			continue;
		if (size == 0)
			pause();
		while (send(peer, chunk, size, MSG_NOSIGNAL) >= 0 && !monitor->ends)
			;
		if (monitor->ends)
			usleep(1000); /* it is answered before it ends */
	}
}

pid_t flood_monitor(const struct flood_monitor *monitor, const char *path)
{
	autoclose int connected = eventfd(0, EFD_CLOEXEC);
	struct pollfd come = { .fd = connected, .events = POLLIN };
	autoclose int listener = usock_listen(path, SOCK_STREAM, 0600);
	pid_t pid;

	assert_true(listener >= 0);
	/* The monitor waits, which usock's sockets do not. */
	assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
	pid = start_peer();
	if (pid == 0)
		play_monitor(monitor, listener, connected);
	assert_int_equal(poll(&come, 1, WORLD_MS), 1);
	return pid;
}

/* --- a guest's LEDs -------------------------------------------------------------------------- */

static void set_led(int fd, int value)
{
	struct input_event ev[] = { { .type = EV_LED, .code = LED_CAPSL, .value = value },
				    { .type = EV_SYN, .code = SYN_REPORT } };

	if (write(fd, ev, sizeof(ev)) != sizeof(ev))
		abort();
}

pid_t flood_leds(int evdev_fd)
{
	pid_t pid = start_peer();

	if (pid > 0)
		return pid;
	signal(SIGTERM, end);
	for (int value = 0; !ended; value = !value) {
		set_led(evdev_fd, value);
	}
	set_led(evdev_fd, 1);
	_exit(0);
}

/* --- a front end ----------------------------------------------------------------------------- */

pid_t flood_frontend(struct frontend *fe)
{
	static const uint64_t one = 1;
	const struct {
		struct vhost_user_header header;
		struct vhost_vring_state state;
	} enable = { { VHOST_USER_SET_VRING_ENABLE, VHOST_USER_VERSION, sizeof(enable.state) },
		     { EVENTQ, 1 } };
	pid_t pid = start_peer();

	if (pid > 0)
		return pid;
	for (;;) {
		for (unsigned i = 0; i < RINGS; i++)
			if (write(fe->ring[i].kick, &one, sizeof(one)) < 0)
				abort();
		/* While the socket is full, kicks go on. */
		if (send(fe->sock, &enable, sizeof(enable), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno != EAGAIN)
			abort();
	}
}

/* --- what comes of it -------------------------------------------------------------------------- */

double flood_led_rate(const struct puppet *keyboard, unsigned ms, unsigned *shown)
{
	struct pollfd in = { .fd = keyboard->uinput.fd, .events = POLLIN };
	uint64_t until = now_us() + ms * 1000ULL;
	unsigned changes = 0;

	while (now_us() < until) {
		struct input_event ev[16];
		ssize_t size = poll(&in, 1, 10) == 1 ? read(in.fd, ev, sizeof(ev)) : 0;

		for (ssize_t i = 0; i < size / (ssize_t)sizeof(*ev); i++)
			if (ev[i].type == EV_LED) {
				*shown = ev[i].value ? 1U << ev[i].code : 0;
				changes++;
			}
	}
	return changes * 1000.0 / ms;
}
