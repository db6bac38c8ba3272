/* SPDX-License-Identifier: MIT */
/* Stops the process at a system call, and changes the call or the code after it. */
#include "tracer.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__x86_64__)
#define SPIN        0xfeebUL /* jmp . */
#define SPIN_MASK   0xffffUL
#define CALL_LENGTH 2 /* of the instruction syscall */
#elif defined(__aarch64__)
#define SPIN        0x14000000UL /* b . */
#define SPIN_MASK   0xffffffffUL
#define CALL_LENGTH 4 /* of svc */
#else
#error "not written for this processor"
#endif

#ifdef SYS_pause
#define SLEEP_CALL SYS_pause
#else
/* Its arguments are those of the replaced call, which fit no other call that waits. */
#define SLEEP_CALL SYS_rt_sigsuspend
#endif

/* Below the stack pointer, beyond what a function without a frame may use. */
#define TEXT_BELOW 1024

static void must(long rc, const char *what)
{
	if (rc < 0)
		fail_msg("ptrace: %s: %s", what, strerror(errno));
}

static void await_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
		fail_msg("process %d ended instead of being stopped", (int)pid);
}

static void attach(pid_t pid)
{
	must(ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), "PTRACE_SEIZE");
	must(ptrace(PTRACE_INTERRUPT, pid, 0, 0), "PTRACE_INTERRUPT");
	await_stop(pid);
}

static void detach(pid_t pid)
{
	must(ptrace(PTRACE_DETACH, pid, 0, 0), "PTRACE_DETACH");
}

/* Runs it until the next beginning or end of a system call. */
static struct __ptrace_syscall_info run(pid_t pid)
{
	struct __ptrace_syscall_info info;

	must(ptrace(PTRACE_SYSCALL, pid, 0, 0), "PTRACE_SYSCALL");
	await_stop(pid);
	must(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info), "PTRACE_GET_SYSCALL_INFO");
	return info;
}

static struct user_regs_struct get_registers(pid_t pid)
{
	struct user_regs_struct registers;
	struct iovec iov = { &registers, sizeof(registers) };

	must(ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &iov), "PTRACE_GETREGSET");
	return registers;
}

static void set_registers(pid_t pid, struct user_regs_struct *registers)
{
	struct iovec iov = { registers, sizeof(*registers) };

	must(ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &iov), "PTRACE_SETREGSET");
}

static void poke(pid_t pid, unsigned long address, unsigned long word)
{
	must(ptrace(PTRACE_POKETEXT, pid, address, word), "PTRACE_POKETEXT");
}

/* At the beginning of a call: makes it this one instead. */
static void set_number(pid_t pid, long number)
{
#if defined(__x86_64__)
	must(ptrace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_rax), number),
	     "PTRACE_POKEUSER");
#else
	int value = (int)number;
	struct iovec iov = { &value, sizeof(value) };

	must(ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &iov), "PTRACE_SETREGSET");
#endif
}

static unsigned long stack_of(const struct user_regs_struct *registers)
{
#if defined(__x86_64__)
	return registers->rsp;
#else
	return registers->sp;
#endif
}

static void set_arguments(struct user_regs_struct *registers, const long arguments[static 6])
{
#if defined(__x86_64__)
	registers->rdi = (unsigned long)arguments[0];
	registers->rsi = (unsigned long)arguments[1];
	registers->rdx = (unsigned long)arguments[2];
	registers->r10 = (unsigned long)arguments[3];
	registers->r8 = (unsigned long)arguments[4];
	registers->r9 = (unsigned long)arguments[5];
#else
	for (unsigned i = 0; i < 6; i++)
		registers->regs[i] = (unsigned long)arguments[i];
#endif
}

/* The call in whose beginning these were taken is made once more. */
static void repeat_call(struct user_regs_struct *registers)
{
#if defined(__x86_64__)
	registers->rax = registers->orig_rax;
	registers->rip -= CALL_LENGTH;
#else
	registers->pc -= CALL_LENGTH;
#endif
}

/* --- hangs ------------------------------------------------------------------------------------- */

static bool is_wait(uint64_t number)
{
#ifdef SYS_epoll_wait
	if (number == SYS_epoll_wait)
		return true;
#endif
	return number == SYS_epoll_pwait;
}

/* Runs it until it begins or ends (PTRACE_SYSCALL_INFO_*) a call of the wanted kind. */
static struct __ptrace_syscall_info run_to_call(pid_t pid, enum hang_kind kind)
{
	unsigned char op = kind == HANG_CALL ? PTRACE_SYSCALL_INFO_ENTRY : PTRACE_SYSCALL_INFO_EXIT;
	struct __ptrace_syscall_info info;
	bool wanted = false;

	do {
		info = run(pid);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
			wanted = is_wait(info.entry.nr) == (kind == HANG_WAIT_SPIN);
	} while (!wanted || info.op != op);
	return info;
}

static void spin_at(pid_t pid, unsigned long address)
{
	unsigned long word;

	errno = 0;
	word = (unsigned long)ptrace(PTRACE_PEEKTEXT, pid, address, 0);
	must(errno ? -1 : 0, "PTRACE_PEEKTEXT");
	poke(pid, address, (word & ~SPIN_MASK) | SPIN);
}

void process_hang(pid_t pid, enum hang_kind kind, void (*wake)(void *arg), void *arg)
{
	struct __ptrace_syscall_info info;

	attach(pid);
	wake(arg);
	info = run_to_call(pid, kind);
	if (kind == HANG_CALL)
		set_number(pid, SLEEP_CALL);
	else
		spin_at(pid, info.instruction_pointer);
	detach(pid);
}

/* --- calls that fail --------------------------------------------------------------------------- */

/* An end, or what has no way to fail; and what would make a C library's lock wait for ever. */
static bool cannot_fail(uint64_t number)
{
	static const long calls[] = { SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_munmap,
				      SYS_close, SYS_close_range, SYS_futex, SYS_rt_sigprocmask,
				      SYS_getpid, SYS_gettid, SYS_geteuid, SYS_getuid,
				      SYS_restart_syscall,
				      /* of a clock that there is: libsystemd aborts */
				      SYS_clock_gettime };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (number == (uint64_t)calls[i])
			return true;
	return false;
}

static int error_of(uint64_t number)
{
	switch (number) {
	case SYS_mmap:
	case SYS_brk:
	case SYS_clone3:
	case SYS_mprotect:
		return ENOMEM;
	case SYS_openat:
	case SYS_socket:
	case SYS_socketpair:
	case SYS_epoll_create1:
	case SYS_eventfd2:
	case SYS_timerfd_create:
	case SYS_signalfd4:
	case SYS_memfd_create:
	case SYS_pipe2:
	case SYS_accept4:
		return EMFILE;
	default:
		return EIO;
	}
}

static void set_result(pid_t pid, long result)
{
	struct user_regs_struct registers = get_registers(pid);

#if defined(__x86_64__)
	registers.rax = (unsigned long)result;
#else
	registers.regs[0] = (unsigned long)result;
#endif
	set_registers(pid, &registers);
}

static void report_call(const char *path, uint64_t number)
{
	char text[32];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	snprintf(text, sizeof(text), "%lu", (unsigned long)number);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(1);
	close(fd);
}

/* Goes on to the next stop of any kind; false if it has ended. *signo: to be delivered, 0: none. */
static bool next_stop(pid_t pid, int *signo, bool *is_call, bool *is_exec)
{
	int status;

	if (ptrace(PTRACE_SYSCALL, pid, 0, *signo) < 0 || waitpid(pid, &status, __WALL) != pid ||
	    !WIFSTOPPED(status))
		return false;
	*is_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
	*is_exec = status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8);
	/* A stop of the job control is over at once: nothing sends SIGSTOP here. */
	*signo = *is_call || status >> 16 ? 0 : WSTOPSIG(status);
	return true;
}

void process_fail_call(pid_t pid, unsigned long at, const char *report, int ready)
{
	struct __ptrace_syscall_info info;
	bool executed = false, loaded = false, failing = false, is_call, is_exec;
	int signo = 0, error = 0;

	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || waitpid(pid, NULL, __WALL) != pid ||
	    write(ready, "x", 1) != 1)
		_exit(1);
	while (next_stop(pid, &signo, &is_call, &is_exec)) {
		executed |= is_exec;
		if (!is_call || !executed)
			continue;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
			return;
		if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
			if (failing)
				set_result(pid, -error);
			failing = false;
			continue;
		}
		/* The loader's last call unmaps its cache. */
		if (!loaded)
			loaded = info.entry.nr == SYS_munmap;
		else if (at && !cannot_fail(info.entry.nr) && --at == 0) {
			failing = true;
			error = error_of(info.entry.nr);
			report_call(report, info.entry.nr);
			set_number(pid, -1);
		}
	}
}

/* --- calls ------------------------------------------------------------------------------------- */

static void copy_text(pid_t pid, unsigned long address, const char *text)
{
	for (size_t at = 0, size = strlen(text) + 1; at < size; at += sizeof(long)) {
		unsigned long word = 0;

		memcpy(&word, text + at, size - at < sizeof(word) ? size - at : sizeof(word));
		poke(pid, address + at, word);
	}
}

long process_call(pid_t pid, long number, const long arguments[static 6], const char *text)
{
	struct __ptrace_syscall_info info;
	struct user_regs_struct before, registers;
	long values[6];

	attach(pid);
	do
		info = run(pid);
	while (info.op != PTRACE_SYSCALL_INFO_ENTRY);
	registers = before = get_registers(pid);
	for (unsigned i = 0; i < 6; i++)
		values[i] = arguments[i] == CALL_TEXT ? (long)(stack_of(&registers) - TEXT_BELOW)
						      : arguments[i];
	if (text)
		copy_text(pid, stack_of(&registers) - TEXT_BELOW, text);
	set_arguments(&registers, values);
	set_registers(pid, &registers);
	set_number(pid, number);
	info = run(pid);
	assert_int_equal(info.op, PTRACE_SYSCALL_INFO_EXIT);
	repeat_call(&before);
	set_registers(pid, &before);
	detach(pid);
	return (long)info.exit.rval;
}
