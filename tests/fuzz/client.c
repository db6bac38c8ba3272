/* SPDX-License-Identifier: MIT */
/*
 * What the command line prints of the answers of an evswitch, which for root may be any user's: --status,
 * --stats, --switch, --reload and --monitor, with replies of any bytes. Nothing that a terminal would
 * interpret comes out, and JSON stays JSON. A thread is the evswitch, since the commands wait for it.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/usock.h"
#include "base/util.h"
#include "control/commands.h"
#include "control/interface.h"
#include "fuzz.h"

static struct server {
	int listener;
	const uint8_t *reply;
	size_t size;
} server;

/* Answers one call, and hangs up once the client has. */
static void *answer(void *unused)
{
	struct pollfd called = { .fd = server.listener, .events = POLLIN };
	char byte;
	int fd;

	(void)unused;
	while (poll(&called, 1, -1) != 1)
		;
	fd = accept4(server.listener, NULL, NULL, SOCK_CLOEXEC);
	while (recv(fd, &byte, 1, 0) == 1 && byte != '\0')
		;
	send(fd, server.reply, server.size, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while (recv(fd, &byte, 1, 0) == 1)
		;
	close(fd);
	return NULL;
}

static void command(unsigned which)
{
	switch (which) {
	case 0:
	case 1:
		command_status(which);
		break;
	case 2:
	case 3:
		command_stats(which - 2);
		break;
	case 4:
	case 5:
		command_switch("next", which == 5 ? "mouse" : NULL);
		break;
	case 6:
		command_reload();
		break;
	default:
		command_monitor(which - 7);
	}
}

static void check(const char *text, bool json)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1)
		FUZZ_CHECK(json || fuzz_is_printable(text, (size_t)(end - text)), "%.*s",
			   (int)(end - text), text);
	FUZZ_CHECK(!*text, "no end of line: %s", text);
}

void fuzz_one(struct fuzz *fuzz)
{
	FILE *terminal = stdout;
	char dir[USOCK_PATH_MAX], path[2 * USOCK_PATH_MAX];
	unsigned which = fuzz_below(fuzz, 9);
	autofree char *text = NULL;
	pthread_t thread;
	size_t size;

	FUZZ_CHECK(usock_dir(dir) == 0, "directory");
	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, dir);
	server.listener = usock_listen(path, SOCK_STREAM, 0600);
	/* Or the command would go on to an evswitch that runs here. */
	FUZZ_CHECK(server.listener >= 0, "%s: %s", path, strerror(-server.listener));
	server.size = fuzz->left;
	server.reply = fuzz_take(fuzz, &server.size);
	pthread_create(&thread, NULL, answer, NULL);
	stdout = open_memstream(&text, &size);
	command(which);
	fclose(stdout);
	stdout = terminal;
	pthread_join(thread, NULL);
	close_fd(&server.listener);
	unlink(path);
	check(text, which == 1 || which == 3 || which == 8);
}
