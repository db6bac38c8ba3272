/* SPDX-License-Identifier: MIT */
/* A look at a guest's keepers, and the play of one. */
#include "keepers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "base/util.h"
#include "world.h"

#define IDLE_MS 4000

static char guest_name[32] = "one";

void keepers_look_at(const char *guest)
{
	snprintf(guest_name, sizeof(guest_name), "%s", guest);
}

static bool is_keeper(const char *pid)
{
	char path[300], text[128], arguments[64];
	int size = snprintf(arguments, sizeof(arguments), "evswitch%c--keep%c%s", 0, 0, guest_name);
	autoclose int fd = -1;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text)) == size + 1 &&
	       memcmp(text, arguments, (size_t)size + 1) == 0;
}

static pid_t scan(pid_t but)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (dir && !found && (entry = readdir(dir)))
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != but &&
		    is_keeper(entry->d_name))
			found = atoi(entry->d_name);
	if (dir)
		closedir(dir);
	return found;
}

bool keeper_runs(void)
{
	return scan(0) > 0;
}

/* Until its launcher has ended too, it is that one's to wait for. */
void keepers_kill(void)
{
	pid_t keeper;

	while ((keeper = scan(0)) > 0) {
		kill(keeper, SIGKILL);
		if (waitpid(keeper, NULL, 0) < 0)
			usleep(1000);
	}
}

/* No event tells of a process that another one starts. */
pid_t keeper_find(pid_t but)
{
	long deadline = now_ms() + WORLD_MS;
	pid_t found;

	while (!(found = scan(but))) {
		if (now_ms() > deadline)
			fail_msg("no keeper of guest %s runs", guest_name);
		usleep(1000);
	}
	return found;
}

long keeper_await_end(pid_t keeper, int timeout_ms)
{
	autoclose int died = (int)syscall(SYS_pidfd_open, keeper, 0);
	struct pollfd wait = { .fd = died, .events = POLLIN };
	long since = now_ms();

	if (died >= 0 && poll(&wait, 1, timeout_ms) != 1)
		fail_msg("the keeper runs on after %d ms", timeout_ms);
	waitpid(keeper, NULL, WNOHANG);
	return now_ms() - since;
}

unsigned keeper_holds(pid_t keeper, const char *path)
{
	size_t size = strlen(path);
	bool begins = path[size - 1] == '*';
	char name[300], target[256];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(name, sizeof(name), "/proc/%d/fd", keeper);
	dir = opendir(name);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		ssize_t got;

		snprintf(name, sizeof(name), "/proc/%d/fd/%s", keeper, entry->d_name);
		got = readlink(name, target, sizeof(target) - 1);
		if (got <= 0)
			continue;
		target[got] = '\0';
		n += begins ? strncmp(target, path, size - 1) == 0 : strcmp(target, path) == 0;
	}
	closedir(dir);
	return n;
}

void keeper_await_holds(pid_t keeper, const char *path, unsigned n)
{
	long deadline = now_ms() + WORLD_MS;

	while (keeper_holds(keeper, path) != n)
		if (now_ms() > deadline)
			fail_msg("it has %u of %s instead of %u", keeper_holds(keeper, path), path,
				 n);
}

static unsigned long count_sleeps(pid_t keeper)
{
	char path[64], line[256];
	unsigned long n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", keeper);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
			break;
	fclose(file);
	return n;
}

void keeper_expect_idle(pid_t keeper, const char *when)
{
	unsigned long sleeps = count_sleeps(keeper), ticks = process_ticks(keeper);

	usleep(IDLE_MS * 1000); /* a period to measure, not a wait */
	sleeps = count_sleeps(keeper) - sleeps;
	ticks = process_ticks(keeper) - ticks;
	printf("%s: in %d ms it slept %lu times and ran for %lu ticks\n", when, IDLE_MS, sleeps,
	       ticks);
	assert_in_range(sleeps, 0, 20);
	assert_in_range(ticks, 0, (unsigned long)sysconf(_SC_CLK_TCK) * IDLE_MS / 1000 / 20);
}

/* --- the socket -------------------------------------------------------------------------- */

static void get_path(char path[static USOCK_PATH_MAX])
{
	assert_int_equal(keeper_path(guest_name, path), 0);
}

int keeper_play(void)
{
	char path[USOCK_PATH_MAX];
	int listener;

	get_path(path);
	listener = usock_listen(path, SOCK_SEQPACKET, 0600);
	if (listener < 0)
		fail_msg("%s: %s", path, strerror(-listener));
	return listener;
}

static void await(int fd)
{
	struct pollfd in = { .fd = fd, .events = POLLIN };

	if (poll(&in, 1, WORLD_MS) != 1)
		fail_msg("nothing comes at the keeper's socket");
}

int keeper_accept(int listener)
{
	int fd;

	await(listener);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(fd >= 0);
	return fd;
}

void keeper_expect_silence(int connection)
{
	struct keeper_message message;
	int fds[USOCK_FDS_MAX];
	unsigned n_fds;
	ssize_t size;

	do {
		await(connection);
		size = usock_receive(connection, &message, sizeof(message), fds, &n_fds);
		assert_int_equal(n_fds, 0);
		if (size > 0)
			assert_int_equal(message.type, KEEPER_BYE);
	} while (size > 0);
	close(connection);
}

void keeper_unplay(int listener)
{
	char path[USOCK_PATH_MAX];

	get_path(path);
	unlink(path);
	close(listener);
}

int keeper_connect(void)
{
	char path[USOCK_PATH_MAX];
	int fd;

	get_path(path);
	fd = usock_connect(path, SOCK_SEQPACKET);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(-fd));
	return fd;
}

void keeper_crowd(void)
{
	char path[USOCK_PATH_MAX];
	int fd;

	get_path(path);
	while ((fd = usock_connect(path, SOCK_SEQPACKET)) >= 0)
		close(fd);
	assert_int_equal(fd, -EAGAIN);
}

void keeper_receive(int connection, struct keeper_message *message)
{
	int fds[USOCK_FDS_MAX];
	unsigned n_fds;
	ssize_t size;

	await(connection);
	size = usock_receive(connection, message, sizeof(*message), fds, &n_fds);
	while (n_fds)
		close_fd(&fds[--n_fds]);
	assert_int_equal(size, sizeof(*message));
}
