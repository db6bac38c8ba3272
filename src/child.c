/*
 * A thread that forks, and two pipes: one whose end is the process's, one whose end is ours. On the
 * thread because forking, and loading a program, takes as long as it takes; and it stays, because the
 * process is told to end with the thread that forked it.
 */
#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "util.h"

#define READ_SIZE 4096 /* in one turn of the loop */

/* What the thread owns. */
struct job {
	char **argv;
	const char **env; /* the strings are ours */
	int input, output, stop;
};

static void free_job(struct job *job)
{
	for (char **word = job->argv; word && *word; word++)
		free(*word);
	free(job->argv);
	free(job->env);
	close_fd(&job->input);
	close_fd(&job->output);
	close_fd(&job->stop);
	free(job);
}

/* Ours, but for the language: the child's lines are read by a program. */
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

static char **copy_words(const char *const *argv)
{
	size_t n = 0;
	char **copy;

	while (argv[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++)
		copy[i] = strdup(argv[i]);
	return copy;
}

/* In the child. Other threads may have held any lock: only async-signal-safe calls are made. */
_Noreturn static void run(const struct job *job, pid_t parent)
{
	static const int defaults[] = { SIGCHLD, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		signal(defaults[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(job->input, STDIN_FILENO);
	dup2(job->output, STDOUT_FILENO);
	dup2(job->output, STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent) {
		execvpe(job->argv[0], job->argv, (char *const *)job->env);
		dprintf(STDERR_FILENO, "error: %s: %s\n", job->argv[0], strerrordesc_np(errno));
	}
	_exit(127);
}

/* Until the process has ended, or is to. */
static void stay_beside(const struct job *job, pid_t pid)
{
	autoclose int process = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd wait[] = { { .fd = process, .events = POLLIN }, { .fd = job->stop } };

	while (process >= 0 && poll(wait, 2, -1) < 0)
		;
	if (process >= 0 && wait[1].revents)
		syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0);
}

static void *start(void *arg)
{
	struct job *job = arg;
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		run(job, parent);
	if (pid < 0)
		dprintf(job->output, "error: %s: %s\n", job->argv[0], strerrordesc_np(errno));
	close_fd(&job->output);
	if (pid > 0)
		stay_beside(job, pid);
	free_job(job);
	return NULL;
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

static int open_input(int input)
{
	return input < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC)
			 : fcntl(input, F_DUPFD_CLOEXEC, 0);
}

/* Takes over 'output' and 'stop' in any case. */
static int start_thread(const char *const *argv, int input, int output, int stop)
{
	struct job *job = calloc(1, sizeof(*job));
	pthread_t thread;
	int rc;

	if (!job) {
		close_fd(&output);
		close_fd(&stop);
		return -ENOMEM;
	}
	*job = (struct job){ .argv = copy_words(argv),
			     .env = environment(),
			     .input = open_input(input),
			     .output = output,
			     .stop = stop };
	rc = job->input < 0            ? -errno
	     : !job->argv || !job->env ? -ENOMEM
				       : -pthread_create(&thread, NULL, start, job);
	if (rc < 0)
		free_job(job);
	else
		pthread_detach(thread);
	return rc;
}

int child_start(struct child *child, struct loop *loop, const char *const *argv, int input,
		const struct child_ops *ops)
{
	int said[2], stop[2], rc;

	*child = (struct child){ .ops = ops, .stop = -1, .generation = child->generation + 1 };
	if (pipe2(said, O_CLOEXEC) < 0)
		return -errno;
	fcntl(said[0], F_SETFL, O_NONBLOCK);
	if (pipe2(stop, O_CLOEXEC) < 0) {
		rc = -errno;
		close(said[0]);
		close(said[1]);
		return rc;
	}
	child->stop = stop[1];
	rc = start_thread(argv, input, said[1], stop[0]);
	if (rc == 0)
		rc = watch_start(&child->pipe, loop, said[0], EPOLLIN, read_pipe);
	if (rc < 0) {
		close(said[0]);
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
