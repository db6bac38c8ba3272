/* Runs the user's on-enter and on-leave commands: by /bin/sh, never waited for. */
#pragma once

/*
 * Starts 'command' with EVSWITCH_TARGET=target in its environment. Returns at once; a command that
 * cannot be started is logged. NULL is ignored. SIGCHLD must be ignored by the process (hook_init).
 */
void hook_run(const char *command, const char *target);

/* Lets the kernel reap the commands. */
void hook_init(void);
