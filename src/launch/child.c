/* SPDX-License-Identifier: MIT */
/* A pipe for the program's output, and a socket to the launcher for its status and termination. */
#include "launch/child.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "launch/launch.h"
#include "base/util.h"

#define READ_SIZE 512 /* bytes for each turn of the loop: a few lines */

/* --- lines --------------------------------------------------------------------------------- */

/* False if the callback stopped the program or started another. */
static bool end_line(struct child *child)
{
	char line[CHILD_LINE_MAX];
	unsigned generation = child->generation;

	memcpy(line, child->text, child->used);
	line[child->used] = '\0';
	child->used = 0;
	child->cut = false;
	if (line[0])
		child->ops->line(child, line);
	return child->generation == generation;
}

static bool take(struct child *child, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n') {
			if (!end_line(child))
				return false;
		} else if (child->used == sizeof(child->text) - 1) {
			child->cut = true;
		} else if (!child->cut) {
			child->text[child->used++] = text[i] ? text[i] : ' ';
		}
	}
	return true;
}

static void end_if_over(struct child *child)
{
	if (!child_runs(child))
		child->ops->ended(child);
}

static void output_ready(struct watch *watch, uint32_t events)
{
	struct child *child = container_of(watch, struct child, output);
	char text[READ_SIZE];
	ssize_t size = read(watch->fd, text, sizeof(text));

	(void)events;
	if (size > 0) {
		take(child, text, (size_t)size);
		return;
	}
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!end_line(child))
		return;
	watch_close(&child->output);
	end_if_over(child);
}

/* If the launcher could not start the program, it closes its end without sending a status. */
static void control_ready(struct watch *watch, uint32_t events)
{
	struct child *child = container_of(watch, struct child, control);
	ssize_t size = recv(watch->fd, &child->status, sizeof(child->status), MSG_DONTWAIT);

	(void)events;
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (size != sizeof(child->status))
		child->status = -1;
	watch_close(&child->control);
	end_if_over(child);
}

/* --- start and end ------------------------------------------------------------------------- */

/* The launcher has duplicates of the program's ends after this. */
static int start_program(const struct loop *loop, const char *const *argv, int input, int output,
			 int control)
{
	autoclose int null = input < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	int fds[] = { input < 0 ? null : input, output, control };

	return fds[0] < 0 ? -errno : launch(loop->launcher, LAUNCH_CHILD, argv, fds, 3);
}

int child_start(struct child *child, struct loop *loop, const char *const *argv, int input,
		const struct child_ops *ops)
{
	int said[2] = { -1, -1 }, control[2] = { -1, -1 }, rc = 0;

	*child = (struct child){ .ops = ops, .status = -1, .generation = child->generation + 1 };
	if (pipe2(said, O_CLOEXEC) < 0 || fcntl(said[0], F_SETFL, O_NONBLOCK) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		rc = -errno;
	if (rc == 0)
		rc = start_program(loop, argv, input, said[1], control[1]);
	if (rc == 0)
		rc = watch_start_peer(&child->control, loop, control[0], EPOLLIN, control_ready);
	if (rc == 0)
		rc = watch_start_peer(&child->output, loop, said[0], EPOLLIN, output_ready);
	close_fd(&said[1]);
	close_fd(&control[1]);
	if (rc < 0) {
		watch_stop(&child->control);
		close_fd(&said[0]);
		close_fd(&control[0]);
	}
	return rc;
}

bool child_runs(const struct child *child)
{
	return child->output.loop || child->control.loop;
}

void child_stop(struct child *child)
{
	watch_close(&child->control);
	watch_close(&child->output);
	child->generation++;
	child->used = 0;
}
