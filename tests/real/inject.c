/* SPDX-License-Identifier: MIT */
/*
 * Executes a program whose N-th system call fails: see process_fail_call in tracer.h.
 * usage: inject N REPORT PROGRAM [ARGUMENT...]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tracer.h"

int main(int argc, char **argv)
{
	pid_t pid = getpid();
	int ends[2];
	char byte;

	if (argc < 4 || pipe(ends) < 0)
		return 125;
	if (fork() == 0) {
		/* Not in the program's terminal, nor at its standard error, whose end a test awaits. */
		setsid();
		close(STDERR_FILENO);
		process_fail_call(pid, strtoul(argv[1], NULL, 10), argv[2], ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		return 125;
	close(ends[0]);
	execv(argv[3], argv + 3);
	return 125;
}
