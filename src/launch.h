/* Starts a program with the signals of a new one: what the event loop blocks and ignores is not its. */
#pragma once

#include <spawn.h>

/*
 * As posix_spawn(3) with further flags of posix_spawnattr_setflags; 'actions' may be NULL. Waits until
 * the program was loaded. 0 or -errno. The kernel reaps it where SIGCHLD is ignored (hook_init).
 */
int launch_program(const char *path, const posix_spawn_file_actions_t *actions, short flags,
		   char *const argv[], char *const envp[]);
