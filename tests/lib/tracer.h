/* SPDX-License-Identifier: MIT */
/* Interferes with another process by ptrace(2), as a fault or an intruder in it would. Fails the test if it cannot. */
#pragma once

#include <sys/types.h>

enum hang_kind {
	HANG_SPIN,      /* an endless loop after a system call other than epoll_wait */
	HANG_WAIT_SPIN, /* an endless loop after epoll_wait */
	HANG_CALL,      /* pause(2) instead of a system call other than epoll_wait */
};

/*
 * The process hangs on return; nothing traces it any more. 'wake' makes it do some work.
 */
void process_hang(pid_t pid, enum hang_kind kind, void (*wake)(void *arg), void *arg);

/*
 * Traces the main thread of the process, which is about to execute a program, to its end. Its system
 * call number 'at' (from 1), counted since the program was loaded, is not made and fails as it could for
 * lack of resources or by a broken device; not counted are those that cannot fail. The name of the call
 * goes to the file 'report'. Writes a byte to 'ready' once it traces. Does not return before the end.
 */
void process_fail_call(pid_t pid, unsigned long at, const char *report, int ready);

#define CALL_TEXT (-1L) /* as an argument: the address of 'text' */

/*
 * Lets the main thread of the process, which must be waiting, make a system call: its result, or
 * -errno. The process goes on as before. 'text' is copied into it; NULL: none.
 */
long process_call(pid_t pid, long number, const long arguments[static 6], const char *text);
