/*
 * A thread starts each command: even spawning waits until the shell was loaded, and a disk that
 * hangs must not take the keyboard with it.
 */
#include "hook.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "launch.h"
#include "util.h"

struct job {
	char *command;
	char **env; /* ours, with EVSWITCH_TARGET as its first; only that string is the job's */
};

static void free_job(struct job *job)
{
	if (job->env)
		free(job->env[0]);
	free(job->env);
	free(job->command);
	free(job);
}

static char **environment(const char *target)
{
	size_t n = 0;
	char **env;

	while (environ[n])
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (!env)
		return NULL;
	if (asprintf(&env[0], "EVSWITCH_TARGET=%s", target) < 0) {
		free(env);
		return NULL;
	}
	memcpy(env + 1, environ, n * sizeof(*env));
	return env;
}

static int spawn(const struct job *job)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, job->command, NULL };

	return launch_program("/bin/sh", NULL, 0, argv, job->env);
}

static void *run(void *arg)
{
	struct job *job = arg;
	int rc = spawn(job);

	if (rc < 0)
		log_warn("cannot run \"%s\": %s", log_str(job->command).text, strerror(-rc));
	free_job(job);
	return NULL;
}

void hook_run(const char *command, const char *target)
{
	struct job *job = command ? calloc(1, sizeof(*job)) : NULL;
	pthread_t thread;

	if (!job)
		return;
	job->command = strdup(command);
	job->env = environment(target);
	if (!job->command || !job->env || pthread_create(&thread, NULL, run, job) != 0) {
		log_warn("cannot run \"%s\": out of memory or threads", log_str(command).text);
		free_job(job);
		return;
	}
	pthread_detach(thread);
}

void hook_init(void)
{
	signal(SIGCHLD, SIG_IGN);
}
