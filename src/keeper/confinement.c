/* SPDX-License-Identifier: MIT */
/* The system calls and files that a keeper needs. tests/real/test-confinement.c tries what it must not do. */
#include "keeper/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/confine.h"
#include "base/log.h"
#include "base/util.h"

#define ANY(name)                                                                                  \
	{                                                                                          \
		.number = SYS_##name                                                               \
	}
#define IF(name, arg, mask, value)                                                                 \
	{                                                                                          \
		SYS_##name, arg, (uint32_t)(mask), (uint32_t)(value)                               \
	}

/* Opening for nothing but reading. */
#define OPEN_FLAGS (O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | O_TMPFILE)
/* The type of an ioctl, <linux/ioctl.h>. */
#define IOCTL_TYPE (0xffU << 8)

static const struct confine_call calls[] = {
	/* the loop, the doorbell, and what peers send */
	ANY(epoll_pwait),
	ANY(epoll_ctl),
	ANY(epoll_create1),
	ANY(ppoll),
	ANY(read),
	ANY(write),
	ANY(writev),
	ANY(recvmsg),
	ANY(recvfrom),
	ANY(sendmsg),
	ANY(sendto),
	ANY(accept4),
	ANY(shutdown),
	ANY(close),
	ANY(close_range),
	ANY(eventfd2),
	ANY(pipe2),
	ANY(dup3),
	ANY(fcntl),
	ANY(timerfd_create),
	ANY(timerfd_settime),
	ANY(timerfd_gettime),
	/* who is at the other end, and what it passes */
	ANY(getsockopt),
	ANY(setsockopt),
	ANY(getsockname),
	ANY(getpeername),
	ANY(pidfd_open),
	ANY(fstat),
	ANY(newfstatat),
	ANY(statx),
	ANY(fstatfs),
	ANY(lseek),
	ANY(pread64),
	ANY(readlinkat),
	IF(openat, 2, OPEN_FLAGS, O_RDONLY),
	ANY(unlinkat),
	IF(ioctl, 1, IOCTL_TYPE, EVIOCGRAB &IOCTL_TYPE),
	IF(ioctl, 1, ~0U, SIOCOUTQ),
	/* memory: of the guest, of rings, of the C library; none of it can be executed */
	IF(mmap, 2, PROT_EXEC, 0),
	IF(mprotect, 2, PROT_EXEC, 0),
	ANY(munmap),
	ANY(mremap),
	ANY(madvise),
	ANY(brk),
	ANY(memfd_create),
	/* threads, but no processes; the arguments of clone3() cannot be looked at */
	IF(clone, 0, CLONE_THREAD, CLONE_THREAD),
	ANY(futex),
	ANY(set_robust_list),
	ANY(rseq),
	ANY(sched_getaffinity),
	ANY(sched_yield),
	IF(unshare, 0, ~0U, CLONE_FILES), /* the thread that writes the log */
	ANY(gettid),
	ANY(getpid),
	ANY(geteuid),
	ANY(getuid),
	ANY(exit),
	ANY(exit_group),
	/* time and signals */
	ANY(clock_gettime),
	ANY(clock_nanosleep),
	ANY(nanosleep),
	ANY(timer_create),
	ANY(timer_settime),
	ANY(timer_delete),
	ANY(rt_sigaction),
	ANY(rt_sigprocmask),
	ANY(rt_sigreturn),
	ANY(restart_syscall),
	ANY(tgkill),
	ANY(getrandom),
	IF(prctl, 0, ~0U, PR_SET_NAME),
/* Older than those above, and still used on some architectures. */
#ifdef SYS_epoll_wait
	ANY(epoll_wait),
#endif
#ifdef SYS_poll
	ANY(poll),
#endif
#ifdef SYS_readlink
	ANY(readlink),
#endif
#ifdef SYS_unlink
	ANY(unlink),
#endif
#ifdef SYS_dup2
	ANY(dup2),
#endif
};

static const struct confine_call connecting[] = {
	IF(socket, 0, ~0U, AF_UNIX),
	ANY(connect),
};

static int confine_keeper_calls(bool connects)
{
	struct confine_call all[ARRAY_SIZE(calls) + ARRAY_SIZE(connecting)];

	_Static_assert(ARRAY_SIZE(all) <= CONFINE_CALLS_MAX, "too many system calls");
	memcpy(all, calls, sizeof(calls));
	memcpy(all + ARRAY_SIZE(calls), connecting, sizeof(connecting));
	return confine_calls(all, ARRAY_SIZE(calls) + (connects ? ARRAY_SIZE(connecting) : 0));
}

#ifndef __has_feature /* clang's; GCC defines the other */
#define __has_feature(x) 0
#endif

/* The library of the sanitizer does much more, tracing included. */
static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
	return true;
#else
	return false;
#endif
}

void keeper_confine(const struct confinement *confinement, const char *guest)
{
	/* /proc says of which libvirt domain a peer is. */
	const struct confine_tree trees[] = {
		{ "/proc", CONFINE_READ },
		{ confinement->keeper_dir, CONFINE_REMOVE },
		{ confinement->socket_dir, CONFINE_REMOVE },
	};
	int rc;

	if (is_sanitized())
		return;
	log_stop();
	rc = confine_files(trees, ARRAY_SIZE(trees));
	if (rc < 0)
		log_warn("guest %s: its keeper is not confined to its files: %s", guest,
			 strerror(-rc));
	rc = confine_keeper_calls(confinement->connects);
	if (rc < 0)
		log_warn("guest %s: its keeper is not confined to its system calls: %s", guest,
			 strerror(-rc));
	log_start();
}
