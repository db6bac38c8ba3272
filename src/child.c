/* fork and exec, and a pipe whose end is the child's. */
#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "util.h"

#define READ_SIZE 4096 /* in one turn of the loop */

/* Ours, but for the language: the child's lines are read by a program. To be freed. */
static const char **environment(void)
{
	size_t n = 0;
	const char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	env[0] = "LC_ALL=C";
	for (size_t i = 0, at = 1; i < n; i++)
		if (strncmp(environ[i], "LC_ALL=", strlen("LC_ALL=")) != 0)
			env[at++] = environ[i];
	return env;
}

/* In the child. Other threads may have held any lock: only async-signal-safe calls are made. */
_Noreturn static void run(const char *const *argv, const char **env, int input, int output,
			  pid_t parent)
{
	static const int defaults[] = { SIGCHLD, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		signal(defaults[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (input < 0)
		input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dup2(input, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent) {
		execvpe(argv[0], (char *const *)argv, (char *const *)env);
		dprintf(STDERR_FILENO, "error: %s: %s\n", argv[0], strerrordesc_np(errno));
	}
	_exit(127);
}

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

static int start(struct child *child, const char *const *argv, int input, int output)
{
	autofree const char **env = environment();
	pid_t parent = getpid(), pid;

	if (!env)
		return -ENOMEM;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run(argv, env, input, output, parent);
	child->process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (child->process < 0 && errno != ESRCH) {
		int error = errno;

		kill(pid, SIGKILL);
		return -error;
	}
	return 0;
}

int child_start(struct child *child, struct loop *loop, const char *const *argv, int input,
		const struct child_ops *ops)
{
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	*child = (struct child){ .ops = ops, .process = -1, .generation = child->generation + 1 };
	fcntl(ends[1], F_SETFL, 0);
	rc = start(child, argv, input, ends[1]);
	close(ends[1]);
	if (!rc)
		rc = watch_start(&child->pipe, loop, ends[0], EPOLLIN, read_pipe);
	if (rc) {
		close(ends[0]);
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
	if (child->process >= 0)
		syscall(SYS_pidfd_send_signal, child->process, SIGTERM, NULL, 0);
	close_fd(&child->process);
	if (child->pipe.loop) {
		watch_stop(&child->pipe);
		close(child->pipe.fd);
	}
	child->generation++;
	child->used = 0;
}
