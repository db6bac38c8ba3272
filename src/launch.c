/* posix_spawn with the signals set right. */
#include "launch.h"

#include <signal.h>
#include <sys/types.h>

int launch_program(const char *path, const posix_spawn_file_actions_t *actions, short flags,
		   char *const argv[], char *const envp[])
{
	const short signals = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	posix_spawnattr_t attr;
	sigset_t none, ignored;
	pid_t pid;
	int rc;

	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGCHLD);
	sigaddset(&ignored, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &ignored);
	posix_spawnattr_setflags(&attr, (short)(flags | signals));
	rc = posix_spawn(&pid, path, actions, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	return -rc;
}
