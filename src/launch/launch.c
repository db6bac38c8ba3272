/* Sends arguments and descriptors to the launcher's process, which forks, executes and reaps. */
#include "launch/launch.h"

#include <fcntl.h>
#include <limits.h>
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

/* --- the daemon's side ----------------------------------------------------------------------------- */

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

/* For each guest a keeper and up to three runs of virsh; one hook, and one that was abandoned. */
#define JOBS_MAX (CONF_GUESTS_MAX * 4 + 2)

struct process {
	struct loop loop;
	struct watch socket, wake;
	struct launch_shared *shared;
	struct hook hook;
	bool alone; /* the daemon has exited */
	struct job {
		pid_t pid; /* 0: unused */
		bool is_hook;
		struct watch ended, control; /* a pidfd; the socket of LAUNCH_CHILD */
	} job[JOBS_MAX];
};

static struct job *unused_job(struct process *process)
{
	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (process->job[i].pid == 0)
			return &process->job[i];
	return NULL;
}

/* As in a shell: the exit status, or 128 + signal. */
static int status_of(const siginfo_t *end)
{
	return end->si_code == CLD_EXITED ? end->si_status : 128 + end->si_status;
}

static void job_ended(struct watch *watch, uint32_t events)
{
	struct job *job = container_of(watch, struct job, ended);
	struct process *process = container_of(watch->loop, struct process, loop);
	bool is_hook = job->is_hook;
	siginfo_t end = { 0 };
	int status;

	(void)events;
	if (waitid(P_PIDFD, (id_t)watch->fd, &end, WEXITED | WNOHANG) == 0 && end.si_pid == 0)
		return;
	status = end.si_pid ? status_of(&end) : -1;
	if (job->control.loop)
		send(job->control.fd, &status, sizeof(status), MSG_DONTWAIT | MSG_NOSIGNAL);
	watch_close(&job->ended);
	watch_close(&job->control);
	*job = (struct job){ 0 };
	if (is_hook)
		hook_ended(&process->hook);
}

static void job_stopped(struct watch *watch, uint32_t events)
{
	struct job *job = container_of(watch, struct job, control);

	(void)events;
	watch_close(&job->control);
	kill(job->pid, SIGTERM); /* not reaped yet, so the PID cannot have been reused */
}

/* 0, or -errno after terminating the process. */
static int watch_job(struct process *process, struct job *job, pid_t pid)
{
	autoclose int ended = (int)syscall(SYS_pidfd_open, pid, 0);
	int rc = ended < 0 ? -errno
			   : watch_start(&job->ended, &process->loop, ended, EPOLLIN, job_ended);

	if (rc < 0) {
		kill(pid, SIGTERM);
		return rc;
	}
	steal_fd(&ended);
	job->pid = pid;
	return 0;
}

/* --- a program ------------------------------------------------------------------------------------- */

#define PROGRAM_FDS 4

/* How to start a program. */
struct program {
	const char *file; /* searched in PATH unless it contains a '/' */
	char *const *argv;
	const char *variable;  /* "NAME=VALUE" to add to the environment; NULL: none */
	const char *complaint; /* written to standard error, before the reason, if exec fails */
	unsigned n_fds;
	int fds[PROGRAM_FDS]; /* its descriptors 0, 1, ...; -1: inherited from the launcher */
	bool ends_with_launcher, own_session;
};

/* A copy of environ with this variable set. The caller frees the array, not the strings. */
static char **make_environment(const char *variable)
{
	size_t n = 0, used = 0, name = variable ? strcspn(variable, "=") + 1 : 0;
	char **all;

	while (environ[n])
		n++;
	all = calloc(n + 2, sizeof(*all));
	if (!all)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!variable || strncmp(environ[i], variable, name) != 0)
			all[used++] = environ[i];
	all[used] = (char *)variable;
	return all;
}

/* Closes all others explicitly rather than on exec, since exec can hang. */
static void set_descriptors(const struct program *program)
{
	for (unsigned i = 0; i < program->n_fds; i++) {
		int fd = program->fds[i];

		if (fd == (int)i) /* dup2() would not clear close-on-exec here */
			fcntl(fd, F_SETFD, 0);
		else if (fd >= 0)
			dup2(fd, (int)i);
	}
	close_range(program->n_fds, ~0U, 0);
}

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/*
 * Runs between fork and exec: only async-signal-safe functions (signal-safety(7)) and system calls.
 */
_Noreturn static void become(const struct program *program, char **environment, pid_t launcher)
{
	static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_DFL);
	set_descriptors(program);
	if (program->own_session)
		setsid();
	if (program->ends_with_launcher) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != launcher)
			_exit(127);
	}
	execvpe(program->file, program->argv, environment);
	say(program->complaint);
	say(": ");
	say(strerrordesc_np(errno) ?: "unknown error");
	say("\n");
	_exit(127);
}

/* Forks and executes a program. 0 and the job, or -errno. */
static int start(struct process *process, const struct program *program, struct job **out)
{
	struct job *job = unused_job(process);
	autofree char **environment = make_environment(program->variable);
	pid_t launcher = getpid(), pid;
	int rc;

	if (!job || !environment)
		return job ? -ENOMEM : -EAGAIN;
	pid = fork();
	if (pid == 0)
		become(program, environment, launcher);
	rc = pid < 0 ? -errno : watch_job(process, job, pid);
	*out = rc < 0 ? NULL : job;
	return rc;
}

/* Takes ownership of fds[2]. */
static int start_child(struct process *process, char **argv, int *fds)
{
	char complaint[sizeof("error: ") + NAME_MAX];
	const struct program program = { .file = argv[0],
					 .argv = argv,
					 .variable = "LC_ALL=C",
					 .complaint = complaint,
					 .n_fds = 3,
					 .fds = { fds[0], fds[1], fds[1] },
					 .ends_with_launcher = true };
	struct job *job;
	int rc;

	snprintf(complaint, sizeof(complaint), "error: %s", argv[0]);
	rc = start(process, &program, &job);
	if (rc == 0 && watch_start(&job->control, &process->loop, fds[2], 0, job_stopped) == 0)
		steal_fd(&fds[2]);
	return rc;
}

/* Executes the running version of this program, even if its file has been replaced. */
static int start_keeper(struct process *process, char **argv, const int *fds)
{
	const struct program program = { .file = "/proc/self/exe",
					 .argv = argv,
					 .complaint = "evswitch: cannot start a keeper",
					 .n_fds = LAUNCH_LISTENER_FD + 1,
					 .fds = { -1, STDIN_FILENO,
						  -1, [LAUNCH_LISTENER_FD] = fds[0] },
					 .own_session = true };
	struct job *job;

	return start(process, &program, &job);
}

static int start_hook(struct hook *hook, const char *command, const char *target)
{
	struct process *process = container_of(hook, struct process, hook);
	char variable[sizeof("EVSWITCH_TARGET=") + CONF_NAME_MAX];
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	const struct program program = { .file = "/bin/sh",
					 .argv = argv,
					 .variable = variable,
					 .complaint = "evswitch: /bin/sh",
					 .n_fds = 3,
					 .fds = { -1, -1, -1 } };
	struct job *job;
	int rc;

	snprintf(variable, sizeof(variable), "EVSWITCH_TARGET=%s", target);
	rc = start(process, &program, &job);
	if (rc < 0)
		return rc;
	/* An abandoned hook no longer counts as the hook. */
	for (unsigned i = 0; i < JOBS_MAX; i++)
		process->job[i].is_hook = false;
	job->is_hook = true;
	return 0;
}

static const struct hook_ops hook_ops = { .start = start_hook };

static void start_program(struct process *process, enum launch_kind kind, char **argv, int *fds)
{
	int rc = kind == LAUNCH_KEEPER ? start_keeper(process, argv, fds)
				       : start_child(process, argv, fds);

	if (rc < 0)
		log_error("cannot start %s: %s", log_str(argv[0]).text, strerror(-rc));
}

/* Splits a message into arguments; false if it is malformed. */
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
	watch_close(&process->socket);
	watch_close(&process->wake);
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

/* The launcher exits when the daemon's socket closes, not by signals meant for the daemon. */
static void leave_daemon(void)
{
	static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGHUP };
	autoclose int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	/* If the parent of evswitch ignored SIGCHLD, children could not be waited for. */
	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_NAME, "evs-launcher");
	/* Leave the terminal's job control, which would stop hooks together with evswitch. */
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
