/* SPDX-License-Identifier: MIT */
/* The devices' process, and the test's end of the socket to it. */
#include "backend.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/loop.h"
#include "now.h"
#include "base/usock.h"
#include "base/util.h"

/* More than a turn in so many milliseconds, and the few that the questions take, are no timer's. */
#define IDLE_TURN_MS 5
#define IDLE_TURNS   6

enum op { SEND, RELEASE_ALL, ADMIT, ASK, SYNC, COUNT, STOP };

/* One packet on the socket; 'frame' is cut after its last event. */
struct request {
	enum op op;
	unsigned device;
	bool admit;
	struct frame frame;
};

#define WORD_BITS (8 * sizeof(unsigned long))

const struct vinput_model backend_model = {
	.name = "evswitch-test",
	.serial = "0123",
	.bustype = BUS_VIRTUAL,
	.vendor = 0x1234,
	.product = 0x5678,
	.version = 9,
	/* Every key of a keyboard, and the eight buttons of a mouse. */
	.keys.word = { ~1UL, ~0UL, ~0UL, 0,
		       [BTN_LEFT / WORD_BITS] = 0xffUL << BTN_LEFT % WORD_BITS },
	.rel = 1U << REL_X | 1U << REL_Y | 1U << REL_WHEEL | 1U << REL_HWHEEL |
	       1U << REL_WHEEL_HI_RES | 1U << REL_HWHEEL_HI_RES,
	.leds = 1U << LED_NUML | 1U << LED_CAPSL | 1U << LED_SCROLLL,
	.repeat = true,
};

/* --- in the devices' process ------------------------------------------------------------- */

struct device {
	struct server *server;
	struct vinput *vinput;
	unsigned changes, led_writes;
	uint16_t leds;
};

struct server {
	struct loop loop;
	struct watch control;
	bool ends, admit;
	uid_t asked;
	unsigned long turns;
	struct device device[BACKEND_DEVICES];
};

static bool admit(struct vinput *vinput, int fd)
{
	struct device *device = vinput_owner(vinput);

	device->server->asked = usock_peer(fd);
	return device->server->admit;
}

static void changed(struct vinput *vinput)
{
	struct device *device = vinput_owner(vinput);

	device->changes++;
	if (vinput_leds(vinput) != device->leds)
		device->led_writes++;
	device->leds = vinput_leds(vinput);
}

static void count_fds(struct backend_holds *holds)
{
	DIR *dir = opendir("/proc/self/fd");

	while (dir && readdir(dir))
		holds->fds++;
	if (dir)
		closedir(dir);
}

static void count_mappings(struct backend_holds *holds)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], perms[8];

	while (maps && fgets(line, sizeof(line), maps)) {
		holds->mappings++;
		if (sscanf(line, "%*s %7s", perms) == 1 && perms[3] == 's')
			holds->shared++;
	}
	if (maps)
		fclose(maps);
}

static void answer(struct server *server, const void *bytes, size_t size)
{
	if (send(server->control.fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size)
		server->ends = true;
}

static void answer_state(struct server *server, const struct device *device)
{
	struct backend_state state = {
		.up = vinput_up(device->vinput),
		.connected = vinput_connected(device->vinput),
		.leds = vinput_leds(device->vinput),
		.changes = device->changes,
		.led_writes = device->led_writes,
		.turns = server->turns,
		.asked = server->asked,
	};

	snprintf(state.why, sizeof(state.why), "%s", vinput_why(device->vinput));
	answer(server, &state, sizeof(state));
}

static void answer_holds(struct server *server)
{
	struct backend_holds holds = { 0 };

	count_fds(&holds);
	count_mappings(&holds);
	answer(server, &holds, sizeof(holds));
}

/* Front ends are peers: what they said may wait for its turn, or rest. */
static bool peers_wait(const struct server *server)
{
	struct pollfd peers = { .fd = server->loop.peers.watch.fd, .events = POLLIN };

	return poll(&peers, 1, 0) != 0;
}

static bool must_wait(const struct server *server)
{
	enum op op;

	return recv(server->control.fd, &op, sizeof(op), MSG_PEEK) == sizeof(op) && op == SYNC &&
	       peers_wait(server);
}

static void control_ready(struct watch *watch, uint32_t events)
{
	struct server *server = container_of(watch, struct server, control);
	struct request request;
	struct device *device;

	(void)events;
	if (must_wait(server))
		return;
	if (recv(watch->fd, &request, sizeof(request), 0) <= 0) {
		server->ends = true;
		return;
	}
	device = &server->device[request.device];
	switch (request.op) {
	case SEND:
		vinput_send(device->vinput, &request.frame);
		break;
	case RELEASE_ALL:
		vinput_release_all(device->vinput);
		break;
	case ADMIT:
		server->admit = request.admit;
		break;
	case ASK:
	case SYNC:
		answer_state(server, device);
		break;
	case COUNT:
		answer_holds(server);
		break;
	case STOP:
		server->ends = true;
		break;
	}
}

/* Exits with a status: leaks show only in a process that ends by exit(). */
static _Noreturn void serve(int control, const int *listener, const struct vinput_model *model)
{
	static const struct vinput_ops ops = { .admit = admit, .changed = changed };
	static struct server server;
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);       /* as the program does: a call descriptor may be a pipe */
	log_set_level(LOG_LEVEL_ERROR); /* it warns of every lie */
	server.admit = true;
	rc = loop_init(&server.loop);
	for (unsigned i = 0; i < BACKEND_DEVICES && rc == 0; i++) {
		server.device[i].server = &server;
		rc = vinput_new(&server.loop, listener[i], model, &ops, &server.device[i],
				&server.device[i].vinput);
	}
	if (rc == 0)
		rc = watch_start(&server.control, &server.loop, control, EPOLLIN, control_ready);
	while (rc == 0 && !server.ends) {
		rc = loop_turn(&server.loop, -1);
		server.turns++;
	}
	for (unsigned i = 0; i < BACKEND_DEVICES; i++)
		vinput_free(server.device[i].vinput);
	watch_stop(&server.control);
	loop_fini(&server.loop);
	exit(rc ? 1 : 0);
}

/* --- in the test's ----------------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

void backend_start(struct backend *backend, const struct vinput_model *model)
{
	struct timeval limit = { .tv_sec = BACKEND_MS / 1000 };
	int listener[BACKEND_DEVICES], pair[2];

	*backend = (struct backend){ .dir = "/tmp/evswitch-vhost-XXXXXX" };
	assert_non_null(mkdtemp(backend->dir));
	for (unsigned i = 0; i < BACKEND_DEVICES; i++) {
		snprintf(backend->path[i], sizeof(backend->path[i]), "%s/%u", backend->dir, i);
		listener[i] = listen_at(backend->path[i]);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fflush(NULL);
	backend->pid = fork();
	if (backend->pid == 0) {
		close(pair[0]);
		serve(pair[1], listener, model);
	}
	assert_true(backend->pid > 0);
	close(pair[1]);
	for (unsigned i = 0; i < BACKEND_DEVICES; i++)
		close(listener[i]);
	backend->control = pair[0];
	setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

static void remove_files(struct backend *backend)
{
	for (unsigned i = 0; i < BACKEND_DEVICES; i++)
		unlink(backend->path[i]);
	rmdir(backend->dir);
	close(backend->control);
	backend->pid = 0;
}

void backend_kill(struct backend *backend)
{
	if (!backend->pid)
		return;
	kill(backend->pid, SIGKILL);
	waitpid(backend->pid, NULL, 0);
	remove_files(backend);
}

/* Ends the test with what became of the process, which has not answered. */
static void tell_end(struct backend *backend)
{
	struct pollfd died = { .fd = (int)syscall(SYS_pidfd_open, backend->pid, 0),
			       .events = POLLIN };
	int dead = poll(&died, 1, 100), status = 0;

	close(died.fd);
	if (dead <= 0) {
		backend_kill(backend);
		fail_msg("the back end hangs");
	}
	waitpid(backend->pid, &status, 0);
	remove_files(backend);
	if (WIFSIGNALED(status))
		fail_msg("the back end died of %s", strsignal(WTERMSIG(status)));
	fail_msg("the back end ended with status %d", WEXITSTATUS(status));
}

static void request(struct backend *backend, const struct request *request, size_t size)
{
	if (send(backend->control, request, size, MSG_NOSIGNAL) != (ssize_t)size)
		tell_end(backend);
}

void backend_send(struct backend *backend, unsigned device, const struct frame *frame)
{
	struct request sent = { .op = SEND, .device = device };

	sent.frame.n = frame->n;
	sent.frame.resync = frame->resync;
	memcpy(sent.frame.ev, frame->ev, frame->n * sizeof(frame->ev[0]));
	request(backend, &sent,
		offsetof(struct request, frame.ev) + frame->n * sizeof(frame->ev[0]));
}

void backend_release_all(struct backend *backend, unsigned device)
{
	struct request sent = { .op = RELEASE_ALL, .device = device };

	request(backend, &sent, offsetof(struct request, frame));
}

void backend_admit(struct backend *backend, bool admitted)
{
	struct request sent = { .op = ADMIT, .admit = admitted };

	request(backend, &sent, offsetof(struct request, frame));
	backend_sync(backend);
}

static void ask(struct backend *backend, enum op op, unsigned device, void *reply, size_t size)
{
	struct request sent = { .op = op, .device = device };

	request(backend, &sent, offsetof(struct request, frame));
	if (recv(backend->control, reply, size, 0) != (ssize_t)size)
		tell_end(backend);
}

struct backend_state backend_state(struct backend *backend, unsigned device)
{
	struct backend_state state;

	ask(backend, ASK, device, &state, sizeof(state));
	return state;
}

struct backend_holds backend_holds(struct backend *backend)
{
	struct backend_holds holds;

	ask(backend, COUNT, 0, &holds, sizeof(holds));
	return holds;
}

/* What was ready before the first question is worked on in its turn of the loop at the latest. */
void backend_sync(struct backend *backend)
{
	struct backend_state state;

	ask(backend, SYNC, 0, &state, sizeof(state));
	backend_state(backend, 0);
}

void backend_await_up(struct backend *backend, unsigned device, bool up)
{
	long deadline = now_ms() + BACKEND_MS;
	struct backend_state state = backend_state(backend, device);

	while (state.up != up) {
		if (now_ms() > deadline)
			fail_msg("device %u does not get %s: %s", device, up ? "up" : "down",
				 state.why);
		state = backend_state(backend, device);
	}
	backend_sync(backend); /* with what the front end said behind that */
	/* Whoever is not up says why. */
	assert_int_equal(state.why[0] == '\0', up);
}

void backend_await_connected(struct backend *backend, unsigned device, bool connected)
{
	long deadline = now_ms() + BACKEND_MS;

	while (backend_state(backend, device).connected != connected)
		if (now_ms() > deadline)
			fail_msg("device %u does not get %s", device,
				 connected ? "connected" : "disconnected");
}

void backend_expect_idle(struct backend *backend)
{
	unsigned long before = backend_state(backend, 0).turns;
	struct pollfd control = { .fd = backend->control, .events = POLLIN };
	long start = now_ms();
	unsigned long turns;

	assert_int_equal(poll(&control, 1, BACKEND_QUIET_MS), 0);
	turns = backend_state(backend, 0).turns - before;
	assert_in_range(turns, 1, IDLE_TURNS + (now_ms() - start) / IDLE_TURN_MS);
}

void backend_stop(struct backend *backend)
{
	struct request sent = { .op = STOP };
	struct pollfd died = { .events = POLLIN };
	int status = -1;

	request(backend, &sent, offsetof(struct request, frame));
	died.fd = (int)syscall(SYS_pidfd_open, backend->pid, 0);
	if (poll(&died, 1, BACKEND_MS) != 1) {
		close(died.fd);
		backend_kill(backend);
		fail_msg("the back end does not end");
	}
	close(died.fd);
	waitpid(backend->pid, &status, 0);
	remove_files(backend);
	assert_int_equal(status, 0);
}
