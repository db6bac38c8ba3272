/* Words and descriptors over a socket; the process at its other end forks, executes and reaps. */
#include "launch/launch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "launch/hook.h"
#include "base/log.h"
#include "base/usock.h"
#include "base/util.h"

#define WORDS_MAX 32

struct message {
	uint32_t kind;
	char words[LAUNCH_SIZE_MAX];
};

/* --- the daemon's end ------------------------------------------------------------------------------ */

static int pack(struct message *message, const char *const *argv)
{
	size_t used = 0;

	for (unsigned i = 0; argv[i]; i++) {
		size_t size = strlen(argv[i]) + 1;

		if (i == WORDS_MAX || size > sizeof(message->words) - used)
			return -E2BIG;
		memcpy(message->words + used, argv[i], size);
		used += size;
	}
	return (int)used;
}

int launch(const struct launcher *launcher, enum launch_kind kind, const char *const *argv,
	   const int *fds, unsigned n_fds)
{
	struct message message = { .kind = kind };
	int used = pack(&message, argv);

	if (!launcher || launcher->fd < 0)
		return -ENOTCONN;
	if (used < 0)
		return used;
	return usock_send(launcher->fd, &message, offsetof(struct message, words) + (size_t)used,
			  fds, n_fds);
}

void launch_hooks(const struct launcher *launcher, unsigned target)
{
	if (!launcher->shared)
		return;
	atomic_store(&launcher->shared->focus, target);
	eventfd_write(launcher->wake_fd, 1);
}

/* --- the process ----------------------------------------------------------------------------------- */

/* A guest has a keeper and at most three of virsh; one place is for a hook, one for one left alone. */
#define JOBS_MAX (CONF_GUESTS_MAX * 4 + 2)

struct process {
	struct loop loop;
	struct watch socket, wake;
	struct launch_shared *shared;
	struct hook hook;
	bool alone; /* the daemon is gone */
	struct job {
		pid_t pid; /* 0: unused */
		bool is_hook;
		struct watch ended, stop;
	} job[JOBS_MAX];
};

static struct job *unused_job(struct process *process)
{
	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (process->job[i].pid == 0)
			return &process->job[i];
	return NULL;
}

static void close_watch(struct watch *watch)
{
	if (!watch->loop)
		return;
	watch_stop(watch);
	close_fd(&watch->fd);
}

static void job_ended(struct watch *watch, uint32_t events)
{
	struct job *job = container_of(watch, struct job, ended);
	struct process *process = container_of(watch->loop, struct process, loop);
	bool is_hook = job->is_hook;

	(void)events;
	if (waitpid(job->pid, NULL, WNOHANG) == 0)
		return;
	close_watch(&job->ended);
	close_watch(&job->stop);
	*job = (struct job){ 0 };
	if (is_hook)
		hook_ended(&process->hook);
}

static void job_stopped(struct watch *watch, uint32_t events)
{
	struct job *job = container_of(watch, struct job, stop);

	(void)events;
	close_watch(&job->stop);
	kill(job->pid, SIGTERM); /* not reaped yet, so it is this one */
}

/* 'stop' becomes the job's; -1: nothing ends it. 0 or -errno: then the process was told to end. */
static int watch_job(struct process *process, struct job *job, pid_t pid, int stop)
{
	autoclose int ended = (int)syscall(SYS_pidfd_open, pid, 0);
	int rc = ended < 0 ? -errno
			   : watch_start(&job->ended, &process->loop, ended, EPOLLIN, job_ended);

	if (rc < 0) {
		close_fd(&stop);
		kill(pid, SIGTERM);
		return rc;
	}
	steal_fd(&ended);
	job->pid = pid;
	if (stop >= 0 && watch_start(&job->stop, &process->loop, stop, 0, job_stopped) < 0)
		close_fd(&stop);
	return 0;
}

/* Between fork and exec: all but the first descriptors go, since exec itself can hang. */
static void leave_launcher(unsigned first_to_close)
{
	static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_DFL);
	close_range(first_to_close, ~0U, 0);
}

_Noreturn static void exec_child(char **argv, const int *fds, pid_t launcher)
{
	dup2(fds[0], STDIN_FILENO);
	dup2(fds[1], STDOUT_FILENO);
	dup2(fds[1], STDERR_FILENO);
	leave_launcher(STDERR_FILENO + 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setenv("LC_ALL", "C", 1);
	if (getppid() == launcher) {
		execvp(argv[0], argv);
		dprintf(STDERR_FILENO, "error: %s: %s\n", argv[0], strerrordesc_np(errno));
	}
	_exit(127);
}

/* The program as it runs now, also where its file has been replaced since. */
_Noreturn static void exec_keeper(char **argv, const int *fds)
{
	/* dup2 in its own place would leave it close-on-exec. */
	int listener = fcntl(fds[0], F_DUPFD_CLOEXEC, LAUNCH_LISTENER_FD + 1);

	dup2(STDIN_FILENO, STDOUT_FILENO);
	dup2(listener, LAUNCH_LISTENER_FD);
	leave_launcher(LAUNCH_LISTENER_FD + 1);
	setsid();
	execv("/proc/self/exe", argv);
	dprintf(STDERR_FILENO, "evswitch: cannot start a keeper: %s\n", strerrordesc_np(errno));
	_exit(127);
}

static void start_program(struct process *process, enum launch_kind kind, char **argv, int *fds)
{
	struct job *job = unused_job(process);
	pid_t launcher = getpid();
	pid_t pid = job ? fork() : -1;
	int rc;

	if (pid == 0 && kind == LAUNCH_KEEPER)
		exec_keeper(argv, fds);
	if (pid == 0)
		exec_child(argv, fds, launcher);
	rc = !job ? -EAGAIN
	     : pid < 0
		     ? -errno
		     : watch_job(process, job, pid, kind == LAUNCH_CHILD ? steal_fd(&fds[2]) : -1);
	if (rc < 0)
		log_error("cannot start %s: %s", log_str(argv[0]).text, strerror(-rc));
}

static int start_hook(struct hook *hook, const char *command, const char *target)
{
	struct process *process = container_of(hook, struct process, hook);
	struct job *job = unused_job(process);
	pid_t pid = job ? fork() : -1;
	int rc;

	if (pid == 0) {
		leave_launcher(STDERR_FILENO + 1);
		setenv("EVSWITCH_TARGET", target, 1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		dprintf(STDERR_FILENO, "evswitch: /bin/sh: %s\n", strerrordesc_np(errno));
		_exit(127);
	}
	if (pid < 0)
		return job ? -errno : -EAGAIN;
	rc = watch_job(process, job, pid, -1);
	if (rc < 0)
		return rc;
	/* One that was left alone is none any more. */
	for (unsigned i = 0; i < JOBS_MAX; i++)
		process->job[i].is_hook = false;
	job->is_hook = true;
	return 0;
}

static const struct hook_ops hook_ops = { .start = start_hook };

/* The words of a message, or false. */
static bool unpack(char *words, size_t size, char *argv[static WORDS_MAX + 1])
{
	unsigned n = 0;

	if (size == 0 || words[size - 1] != '\0')
		return false;
	for (size_t at = 0; at < size && n < WORDS_MAX; at += strlen(words + at) + 1)
		argv[n++] = words + at;
	argv[n] = NULL;
	return true;
}

static void daemon_gone(struct process *process)
{
	close_watch(&process->socket);
	close_watch(&process->wake);
	process->alone = true;
	hook_set_focus(&process->hook, 0);
}

static void socket_ready(struct watch *watch, uint32_t events)
{
	struct process *process = container_of(watch, struct process, socket);
	const size_t head = offsetof(struct message, words);
	char *argv[WORDS_MAX + 1];
	struct message message;
	int fds[USOCK_FDS_MAX];
	unsigned n_fds;
	ssize_t size = usock_receive(watch->fd, &message, sizeof(message), fds, &n_fds);

	(void)events;
	if (size == 0 || (size < 0 && size != -EAGAIN))
		daemon_gone(process);
	else if (size > (ssize_t)head && unpack(message.words, (size_t)size - head, argv) &&
		 n_fds == (message.kind == LAUNCH_CHILD ? 3 : 1))
		start_program(process, message.kind, argv, fds);
	while (n_fds)
		close_fd(&fds[--n_fds]);
}

static void woken(struct watch *watch, uint32_t events)
{
	struct process *process = container_of(watch, struct process, wake);
	eventfd_t times;

	(void)events;
	eventfd_read(watch->fd, &times);
	hook_begin(&process->hook);
	hook_set_focus(&process->hook, atomic_load(&process->shared->focus));
}

static int begin(struct process *process, const struct conf *conf, int socket, int wake)
{
	int rc = loop_init(&process->loop);

	if (rc == 0)
		rc = watch_start(&process->socket, &process->loop, socket, EPOLLIN, socket_ready);
	if (rc == 0)
		rc = watch_start(&process->wake, &process->loop, wake, EPOLLIN, woken);
	if (rc == 0)
		rc = hook_init(&process->hook, &process->loop, conf, &hook_ops);
	return rc;
}

/* It ends with the daemon's socket, not with a signal that is meant for the daemon. */
static void leave_daemon(void)
{
	static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_NAME, "evs-launcher");
	/* Out of the terminal's job control, which would stop the hooks with evswitch. */
	setsid();
	dup2(null, STDIN_FILENO);
}

_Noreturn static void run(const struct conf *conf, struct launch_shared *shared, int socket,
			  int wake)
{
	static struct process process;
	int rc;

	leave_daemon();
	log_start();
	process.shared = shared;
	rc = begin(&process, conf, socket, wake);
	while (rc == 0 && !(process.alone && hook_is_idle(&process.hook)))
		rc = loop_turn(&process.loop, -1);
	if (rc < 0)
		log_error("the launcher ends: %s", strerror(-rc));
	hook_fini(&process.hook);
	log_stop();
	_exit(rc < 0);
}

/* --- start and end --------------------------------------------------------------------------------- */

static int open_parts(struct launcher *launcher, int ends[static 2])
{
	void *shared = mmap(NULL, sizeof(*launcher->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return -errno;
	launcher->shared = shared;
	launcher->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (launcher->wake_fd < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	return 0;
}

int launcher_start(struct launcher *launcher, const struct conf *conf)
{
	int ends[2] = { -1, -1 };
	int rc = open_parts(launcher, ends);
	pid_t pid = rc < 0 ? 0 : fork();

	if (rc == 0 && pid == 0) {
		close(ends[0]);
		run(conf, launcher->shared, ends[1], launcher->wake_fd);
	}
	if (pid < 0)
		rc = -errno;
	close_fd(&ends[1]);
	launcher->fd = ends[0];
	launcher->pid = pid;
	if (rc < 0)
		launcher_stop(launcher);
	return rc;
}

static void launcher_ended(struct watch *watch, uint32_t events)
{
	struct launcher *launcher = container_of(watch, struct launcher, watch);

	(void)events;
	log_error("evs-launcher has ended: no hook, virsh or keeper is started until evswitch "
		  "is restarted");
	watch_stop(watch);
	close_fd(&launcher->fd);
}

int launcher_watch(struct launcher *launcher, struct loop *loop)
{
	loop->launcher = launcher;
	return watch_start(&launcher->watch, loop, launcher->fd, 0, launcher_ended);
}

void launcher_stop(struct launcher *launcher)
{
	watch_stop(&launcher->watch);
	close_fd(&launcher->fd);
	close_fd(&launcher->wake_fd);
	if (launcher->shared)
		munmap(launcher->shared, sizeof(*launcher->shared));
	launcher->shared = NULL;
}
