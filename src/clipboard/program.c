/* SPDX-License-Identifier: MIT */
#include "clipboard/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/util.h"
#include "clipboard/bytes.h"

#define READ_SIZE (64 * 1024) /* bytes in a turn of the loop: what a pipe holds */

/* --- the process --------------------------------------------------------------------------- */

static void set_signals(bool outlives)
{
	static const int ending[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
		signal(ending[i], outlives ? SIG_IGN : SIG_DFL);
}

/* Runs between fork and exec: only async-signal-safe functions (signal-safety(7)). */
static _Noreturn void become(const struct program_how *how, int output, pid_t parent)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setpgid(0, 0);
	set_signals(how->outlives);
	if (!how->outlives) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(127);
	}
	if (dup2(how->input < 0 ? null : how->input, STDIN_FILENO) >= 0 &&
	    dup2(output, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0)
		execvp(how->argv[0], (char *const *)how->argv);
	_exit(127);
}

/* Does not wait if it has ended. */
static void reap(struct program *program)
{
	int status;

	program->status = -1;
	if (waitpid(program->pid, &status, 0) == program->pid && WIFEXITED(status))
		program->status = WEXITSTATUS(status);
	watch_close(&program->end);
}

/* --- output and end ------------------------------------------------------------------------ */

static void drop_output(struct program *program)
{
	watch_close(&program->output);
	free(steal_ptr(&program->data));
	program->size = program->room = 0;
}

static void finish_if_over(struct program *program)
{
	if (program_runs(program))
		return;
	timer_fini(&program->stall);
	if (program->failed) {
		program->status = -1;
		drop_output(program);
	}
	program->ops->ended(program);
}

/* The process may have ended before, and left its output to another one. */
static void give_up(struct program *program)
{
	program->failed = true;
	drop_output(program);
	if (program->end.loop)
		kill(-program->pid, SIGKILL);
	finish_if_over(program);
}

static void take_output(struct program *program, const void *bytes, size_t size)
{
	if (program->stall_ms)
		timer_arm(&program->stall, program->stall_ms, 0);
	if (program->ops->said)
		program->ops->said(program);
	else if (!bytes_append(&program->data, &program->size, &program->room, program->max, bytes,
			       size))
		give_up(program);
}

static void output_ready(struct watch *watch, uint32_t events)
{
	struct program *program = container_of(watch, struct program, output);
	char bytes[READ_SIZE];
	ssize_t size = read(watch->fd, bytes, sizeof(bytes));

	(void)events;
	if (size > 0) {
		take_output(program, bytes, (size_t)size);
	} else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
		watch_close(&program->output);
		finish_if_over(program);
	}
}

static void process_ended(struct watch *watch, uint32_t events)
{
	struct program *program = container_of(watch, struct program, end);

	(void)events;
	reap(program);
	if (program->ops->said)
		watch_close(&program->output);
	finish_if_over(program);
}

static void stalled(struct timer *timer)
{
	give_up(container_of(timer, struct program, stall));
}

/* --- start and stop ------------------------------------------------------------------------ */

static int fork_program(struct program *program, const struct program_how *how, int output)
{
	pid_t parent = getpid();

	program->pid = fork();
	if (program->pid < 0)
		return -errno;
	if (program->pid == 0)
		become(how, output, parent);
	setpgid(program->pid, program->pid); /* as it does itself: whichever comes first */
	return 0;
}

static int watch_process(struct program *program, struct loop *loop)
{
	autoclose int fd = (int)syscall(SYS_pidfd_open, program->pid, 0);
	int rc = fd < 0 ? -errno : watch_start(&program->end, loop, fd, EPOLLIN, process_ended);

	if (rc == 0)
		steal_fd(&fd);
	return rc;
}

/* After the fork. */
static int watch_all(struct program *program, struct loop *loop, int *output)
{
	int rc = watch_process(program, loop);

	if (rc == 0)
		rc = watch_start(&program->output, loop, *output, EPOLLIN, output_ready);
	if (rc == 0)
		steal_fd(output);
	if (rc == 0 && program->stall_ms) {
		rc = timer_init(&program->stall, loop, stalled);
		if (rc == 0)
			timer_arm(&program->stall, program->stall_ms, 0);
	}
	return rc;
}

int program_input(const void *data, size_t size)
{
	autoclose int fd = memfd_create("evswitch-clipboard", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, (const char *)data + done, size - done);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return steal_fd(&fd);
}

int program_start(struct program *program, struct loop *loop, const struct program_how *how,
		  const struct program_ops *ops)
{
	int pipe[2] = { -1, -1 }, rc;

	drop_output(program);
	*program = (struct program){
		.ops = ops, .max = how->max, .stall_ms = how->stall_ms, .status = -1
	};
	if (pipe2(pipe, O_CLOEXEC) < 0)
		return -errno;
	rc = fcntl(pipe[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : fork_program(program, how, pipe[1]);
	if (rc == 0) {
		rc = watch_all(program, loop, &pipe[0]);
		if (rc < 0) {
			kill(-program->pid, SIGKILL);
			reap(program);
			program_stop(program);
		}
	}
	close_fd(&pipe[0]);
	close_fd(&pipe[1]);
	return rc;
}

bool program_runs(const struct program *program)
{
	return program->output.loop || program->end.loop;
}

void program_stop(struct program *program)
{
	drop_output(program);
	timer_fini(&program->stall);
	if (!program->end.loop)
		return;
	kill(-program->pid, SIGKILL);
	reap(program);
}

void program_wait(const struct program *program, int timeout_ms)
{
	struct pollfd end = { .fd = program->end.fd, .events = POLLIN };

	if (program->end.loop)
		poll(&end, 1, timeout_ms);
}
