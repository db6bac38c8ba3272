/* SPDX-License-Identifier: MIT */
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

#include "base/detach.h"
#include "base/log.h"
#include "base/shortage.h"
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

void launch_hook_event(const struct launcher *launcher, enum hook_event event, unsigned target,
		       const char *cause, const char *reason)
{
	char number[16], focus[16];
	const char *const argv[] = {
		event == HOOK_LOST ? "lost" : "refused", number, focus, cause, reason, NULL
	};
	int rc;

	if (!launcher->shared)
		return;
	snprintf(number, sizeof(number), "%u", target);
	snprintf(focus, sizeof(focus), "%u",
		 (unsigned)(uint32_t)atomic_load(&launcher->shared->focus));
	rc = launch(launcher, LAUNCH_HOOK_EVENT, argv, NULL, 0);
	if (rc < 0 && rc != -ENOTCONN)
		log_warn("cannot run on-%s: %s", argv[0], strerror(-rc));
}

void launch_hooks(const struct launcher *launcher, unsigned target)
{
	if (!launcher->shared)
		return;
	atomic_store(&launcher->shared->focus, (uint64_t)launcher->configuration << 32 | target);
	eventfd_write(launcher->wake_fd, 1);
}

/* A file in memory with the text of the configuration. Its descriptor, or -errno. */
static int make_text_file(const struct conf *conf)
{
	autoclose int fd = memfd_create("evswitch-configuration", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < conf->size;) {
		ssize_t size = write(fd, conf->text + done, conf->size - done);

		if (size < 0)
			return -errno;
		done += (size_t)size;
	}
	return steal_fd(&fd);
}

int launch_replace(struct launcher *launcher, const struct conf *conf, unsigned focus)
{
	char number[16], configuration[16];
	const char *const argv[] = { number, configuration, NULL };
	autoclose int fd = make_text_file(conf);

	/* If the launcher does not hear of it, it must not take the targets for its own. */
	launcher->configuration++;
	if (fd < 0)
		return fd;
	snprintf(number, sizeof(number), "%u", focus);
	snprintf(configuration, sizeof(configuration), "%u", launcher->configuration);
	return launch(launcher, LAUNCH_CONF, argv, &fd, 1);
}

/* --- the process ----------------------------------------------------------------------------------- */

/* For each guest a keeper and up to three runs of virsh; hooks, and some that were abandoned. */
#define JOBS_MAX (CONF_GUESTS_MAX * 4 + 4)

struct process {
	struct loop loop;
	struct watch socket, wake;
	struct launch_shared *shared;
	uint32_t configuration; /* that 'hook' has, or will have next */
	struct hook hook;
	bool alone; /* the daemon has exited */
	struct job {
		pid_t pid; /* 0: unused */
		bool is_hook;
		enum hook_slot slot;         /* of a hook */
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
	struct hook *hook = job->is_hook ? &process->hook : NULL;
	enum hook_slot slot = job->slot;
	siginfo_t end = { 0 };
	int status;

	(void)events;
	/* Not reaped yet, so no other process group can have this number. */
	if (hook && hook->run[slot].ending)
		kill(-job->pid, SIGKILL);
	if (waitid(P_PIDFD, (id_t)watch->fd, &end, WEXITED | WNOHANG) == 0 && end.si_pid == 0)
		return;
	status = end.si_pid ? status_of(&end) : -1;
	if (job->control.loop)
		send(job->control.fd, &status, sizeof(status), MSG_DONTWAIT | MSG_NOSIGNAL);
	watch_close(&job->ended);
	watch_close(&job->control);
	*job = (struct job){ 0 };
	if (hook)
		hook_ended(hook, slot,
			   (struct hook_end){ .killed = end.si_code != CLD_EXITED,
					      .value = end.si_status });
}

static void job_stopped(struct watch *watch, uint32_t events)
{
	struct job *job = container_of(watch, struct job, control);

	(void)events;
	watch_close(&job->control);
	kill(job->pid, SIGTERM); /* not reaped yet, so the PID cannot have been reused */
}

/* 0, or -errno after ending the process. */
static int watch_job(struct process *process, struct job *job, pid_t pid)
{
	autoclose int ended = (int)syscall(SYS_pidfd_open, pid, 0);
	int rc = ended < 0 ? -errno
			   : watch_start(&job->ended, &process->loop, ended, EPOLLIN, job_ended);

	if (rc < 0) {
		kill(pid, SIGKILL); /* which it cannot ignore, as it may still do with SIGTERM */
		waitpid(pid, NULL, 0);
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
	/* "NAME=VALUE" each, to add to the environment, ended by NULL; NULL: none */
	const char *const *variables;
	const char *complaint; /* written to standard error, before the reason, if exec fails */
	unsigned n_fds;
	int fds[PROGRAM_FDS]; /* its descriptors 0, 1, ...; -1: inherited from the launcher */
	bool ends_with_launcher, own_session, own_group;
};

static bool is_set_by(const char *const *variables, const char *entry)
{
	for (; variables && *variables; variables++)
		if (strncmp(entry, *variables, strcspn(*variables, "=") + 1) == 0)
			return true;
	return false;
}

/* A copy of environ with these variables set. The caller frees the array, not the strings. */
static char **make_environment(const char *const *variables)
{
	size_t n = 0, used = 0;
	char **all;

	while (environ[n])
		n++;
	all = calloc(n + HOOK_VARIABLES + 1, sizeof(*all));
	if (!all)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!is_set_by(variables, environ[i]))
			all[used++] = environ[i];
	for (; variables && *variables; variables++)
		all[used++] = (char *)*variables;
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
	if (program->own_group)
		setpgid(0, 0);
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
	autofree char **environment = make_environment(program->variables);
	pid_t launcher = getpid(), pid;
	int rc;

	if (!job || !environment)
		return job ? -ENOMEM : -EAGAIN;
	rc = shortage_check(1); /* for watch_job */
	if (rc < 0)
		return rc;
	pid = fork();
	if (pid == 0)
		become(program, environment, launcher);
	if (pid > 0 && program->own_group)
		setpgid(pid, pid); /* as it does itself: whichever comes first */
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
					 .variables = (const char *const[]){ "LC_ALL=C", NULL },
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

/* 'while' must not outlive the launcher, which else ends it. */
static int start_hook(struct hook *hook, enum hook_slot slot, const char *command,
		      const char *const *variables)
{
	struct process *process = container_of(hook, struct process, hook);
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	const struct program program = { .file = "/bin/sh",
					 .argv = argv,
					 .variables = variables,
					 .complaint = "evswitch: /bin/sh",
					 .n_fds = 3,
					 .fds = { -1, -1, -1 },
					 .ends_with_launcher = slot == HOOK_WHILE,
					 .own_group = true };
	struct job *job;
	int rc = start(process, &program, &job);

	if (rc < 0)
		return rc;
	job->is_hook = true;
	job->slot = slot;
	return 0;
}

static struct job *job_of(struct hook *hook, enum hook_slot slot)
{
	struct process *process = container_of(hook, struct process, hook);

	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (process->job[i].is_hook && process->job[i].slot == slot)
			return &process->job[i];
	return NULL;
}

/* A process that has not become the leader of its group yet gets the signal by itself. */
static void signal_hook(struct hook *hook, enum hook_slot slot, int signo)
{
	const struct job *job = job_of(hook, slot);

	if (job && kill(-job->pid, signo) < 0)
		kill(job->pid, signo);
}

static void abandon_hook(struct hook *hook, enum hook_slot slot)
{
	struct job *job = job_of(hook, slot);

	if (job)
		job->is_hook = false;
}

static const struct hook_ops hook_ops = { .start = start_hook,
					  .signal = signal_hook,
					  .abandon = abandon_hook };

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

/* How many descriptors come with a message. */
static unsigned fds_of(enum launch_kind kind)
{
	switch (kind) {
	case LAUNCH_CHILD:
		return 3;
	case LAUNCH_KEEPER:
	case LAUNCH_CONF:
		return 1;
	default:
		return 0;
	}
}

/* Not while the target is a number in a configuration of which this process will hear only later. */
static void follow_focus(struct process *process)
{
	uint64_t focus = atomic_load(&process->shared->focus);

	hook_begin(&process->hook);
	if (focus >> 32 == process->configuration)
		hook_set_focus(&process->hook, (uint32_t)focus);
}

/* The focus that led to the event was announced before it. */
static void take_event(struct process *process, char **argv)
{
	unsigned n = 0;

	while (argv[n])
		n++;
	if (n != 5)
		return;
	follow_focus(process);
	hook_tell(&process->hook, strcmp(argv[0], "lost") == 0 ? HOOK_LOST : HOOK_REFUSED,
		  (unsigned)atoi(argv[1]), (unsigned)atoi(argv[2]), argv[3], argv[4]);
}

static void conf_fault(void *ctx, const char *message)
{
	(void)ctx;
	log_error("%s", message);
}

/* The daemon has accepted the same text. */
static void take_conf(struct process *process, char **argv, int fd)
{
	const struct conf *before = process->hook.conf;
	char path[sizeof("/proc/self/fd/") + 10];
	struct conf *conf = NULL;

	if (!before || !argv[0] || !argv[1])
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (conf_load(path, before->channels, conf_fault, NULL, &conf) < 0) {
		log_error("evs-launcher cannot read the new configuration: hooks do not run until "
			  "evswitch is restarted");
		return;
	}
	process->configuration = (uint32_t)strtoul(argv[1], NULL, 10);
	hook_replace(&process->hook, conf, (unsigned)atoi(argv[0]));
	follow_focus(process);
}

static void obey(struct process *process, enum launch_kind kind, char **argv, int *fds)
{
	if (kind == LAUNCH_HOOK_EVENT)
		take_event(process, argv);
	else if (kind == LAUNCH_CONF)
		take_conf(process, argv, fds[0]);
	else
		start_program(process, kind, argv, fds);
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
	if (size == -EMSGSIZE) /* without its descriptors, which found no room here */
		log_error(
			"evs-launcher is out of descriptors: a program is not started, or after a "
			"reload no hook until the next one (the limit is LimitNOFILE= of the "
			"service, or ulimit -n)");
	else if (size == 0 || (size < 0 && size != -EAGAIN))
		daemon_gone(process);
	else if (size > (ssize_t)head && unpack(message.words, (size_t)size - head, argv) &&
		 n_fds == fds_of(message.kind))
		obey(process, message.kind, argv, fds);
	while (n_fds)
		close_fd(&fds[--n_fds]);
}

static void woken(struct watch *watch, uint32_t events)
{
	struct process *process = container_of(watch, struct process, wake);
	eventfd_t times;

	(void)events;
	eventfd_read(watch->fd, &times);
	follow_focus(process);
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

_Noreturn static void run(const struct conf *conf, struct launch_shared *shared, int socket,
			  int wake)
{
	static struct process process;
	int rc;

	/* It exits when the daemon's socket closes; and job control would stop hooks with evswitch. */
	detach("evs-launcher");
	/* If the parent of evswitch ignored SIGCHLD, children could not be waited for. */
	signal(SIGCHLD, SIG_DFL);
	log_start();
	process.shared = shared;
	rc = begin(&process, conf, socket, wake);
	while (rc == 0 && !(process.alone && hook_is_idle(&process.hook)))
		rc = loop_turn(&process.loop, -1);
	if (rc < 0)
		log_error("evs-launcher exits: %s", strerror(-rc));
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
	log_error("evs-launcher has exited: no hook, virsh or keeper can be started until "
		  "evswitch is restarted");
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
