/* Two pipes: the child's end of one tells that the child has ended, and our end of the other ends it. */
#include "launch/child.h"

#include <fcntl.h>
#include <string.h>

#include "launch/launch.h"
#include "base/util.h"

#define READ_SIZE 512 /* in one turn of the loop: a few lines */

/* --- lines --------------------------------------------------------------------------------- */

/* False where the callback stopped the child, or started another. */
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

static void read_pipe(struct watch *watch, uint32_t events)
{
	struct child *child = container_of(watch, struct child, pipe);
	char text[READ_SIZE];
	ssize_t size = read(child->pipe.fd, text, sizeof(text));

	(void)events;
	if (size > 0) {
		take(child, text, (size_t)size);
		return;
	}
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!end_line(child))
		return;
	child_stop(child);
	child->ops->ended(child);
}

/* --- start and end ------------------------------------------------------------------------- */

/* The child's ends of both pipes are the launcher's after it. */
static int start_program(const struct loop *loop, const char *const *argv, int input, int output,
			 int stop)
{
	autoclose int null = input < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	int fds[] = { input < 0 ? null : input, output, stop };

	return fds[0] < 0 ? -errno : launch(loop->launcher, LAUNCH_CHILD, argv, fds, 3);
}

int child_start(struct child *child, struct loop *loop, const char *const *argv, int input,
		const struct child_ops *ops)
{
	int said[2] = { -1, -1 }, stop[2] = { -1, -1 }, rc = 0;

	*child = (struct child){ .ops = ops, .stop = -1, .generation = child->generation + 1 };
	if (pipe2(said, O_CLOEXEC) < 0 || pipe2(stop, O_CLOEXEC) < 0 ||
	    fcntl(said[0], F_SETFL, O_NONBLOCK) < 0)
		rc = -errno;
	child->stop = stop[1];
	if (rc == 0)
		rc = start_program(loop, argv, input, said[1], stop[0]);
	if (rc == 0)
		rc = watch_start_peer(&child->pipe, loop, said[0], EPOLLIN, read_pipe);
	close_fd(&said[1]);
	close_fd(&stop[0]);
	if (rc < 0) {
		close_fd(&said[0]);
		child_stop(child);
	}
	return rc;
}

bool child_runs(const struct child *child)
{
	return child->pipe.loop;
}

void child_stop(struct child *child)
{
	close_fd(&child->stop);
	if (child->pipe.loop) {
		watch_stop(&child->pipe);
		close(child->pipe.fd);
	}
	child->generation++;
	child->used = 0;
}
