/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD under a user-mode kernel: a processor whose registers take XSTATE_SIZE bytes in XSAVE's
 * standard format, as ptrace shows them. A host's kernel gives as much of them as there is room for, and
 * takes nothing but all of them (xstateregs_set), so a buffer that is too small can be read into and not
 * written back: with AMX, 11,008 bytes.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

typedef long (*ptrace_function)(enum __ptrace_request request, pid_t pid, void *address,
				void *data);

static size_t xstate_size(void)
{
	const char *size = getenv("XSTATE_SIZE");

	return size ? strtoul(size, NULL, 10) : 11008;
}

/* What the real processor does not have reads as zeroes. */
static long get_registers(ptrace_function real, pid_t pid, void *address, struct iovec *registers)
{
	size_t room = registers->iov_len, size = xstate_size();
	long result = real(PTRACE_GETREGSET, pid, address, registers);

	if (result < 0)
		return result;
	if (size > room)
		size = room;
	if (size > registers->iov_len)
		memset((char *)registers->iov_base + registers->iov_len, 0,
		       size - registers->iov_len);
	registers->iov_len = size;
	return result;
}

long ptrace(enum __ptrace_request request, ...)
{
	ptrace_function real = (ptrace_function)dlsym(RTLD_NEXT, "ptrace");
	va_list arguments;
	pid_t pid;
	void *address, *data;

	va_start(arguments, request);
	pid = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (address == (void *)NT_X86_XSTATE && request == PTRACE_GETREGSET)
		return get_registers(real, pid, address, data);
	if (address == (void *)NT_X86_XSTATE && request == PTRACE_SETREGSET &&
	    ((struct iovec *)data)->iov_len < xstate_size()) {
		errno = EFAULT;
		return -1;
	}
	return real(request, pid, address, data);
}
