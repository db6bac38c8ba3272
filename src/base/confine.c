/* SPDX-License-Identifier: MIT */
/* Landlock's rules, and the filter: a program of the classic BPF, run for each system call. */
#include "base/confine.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/util.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#endif

/* --- files ----------------------------------------------------------------------------------------- */

/* All rights of the first version, Linux 5.13: each later kernel has them. */
#define ALL_ACCESS ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

static uint64_t rights_of(unsigned access)
{
	uint64_t rights = 0;

	if (access & CONFINE_READ)
		rights |= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	if (access & CONFINE_REMOVE)
		rights |= LANDLOCK_ACCESS_FS_REMOVE_FILE;
	return rights;
}

static int add_tree(int ruleset, const struct confine_tree *tree)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights_of(tree->access) };
	autoclose int fd = tree->path ? open(tree->path, O_PATH | O_CLOEXEC) : -1;

	if (fd < 0)
		return !tree->path || errno == ENOENT ? 0 : -errno;
	rule.parent_fd = fd;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
		       ? -errno
		       : 0;
}

int confine_files(const struct confine_tree *trees, unsigned n)
{
	const struct landlock_ruleset_attr attr = { .handled_access_fs = ALL_ACCESS };
	autoclose int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (ruleset < 0)
		return errno == ENOSYS ? -EOPNOTSUPP : -errno;
	for (unsigned i = 0; i < n; i++) {
		int rc = add_tree(ruleset, &trees[i]);

		if (rc < 0)
			return rc;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}

/* --- system calls ---------------------------------------------------------------------------------- */

#ifdef NATIVE_ARCH

#define FIELD(name) ((uint32_t)offsetof(struct seccomp_data, name))
/* The lower half: flags are no longer than that. */
#define ARGUMENT(n)  (FIELD(args) + (n)*8 + (__BYTE_ORDER == __BIG_ENDIAN ? 4 : 0))
#define LOAD(at)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, what)
/* Skips so many instructions unless the loaded value is this one. */
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)

#define HEAD_LENGTH 4
#define CALL_LENGTH 6 /* at most */

static unsigned compile_call(struct sock_filter *out, const struct confine_call *call)
{
	const struct sock_filter always[] = {
		UNLESS((uint32_t)call->number, 1),
		RETURN(SECCOMP_RET_ALLOW),
	};
	const struct sock_filter by_argument[CALL_LENGTH] = {
		UNLESS((uint32_t)call->number, 5),
		LOAD(ARGUMENT(call->arg)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call->mask),
		UNLESS(call->value, 1),
		RETURN(SECCOMP_RET_ALLOW),
		LOAD(FIELD(nr)),
	};
	const struct sock_filter *from = call->mask ? by_argument : always;
	unsigned n = call->mask ? ARRAY_SIZE(by_argument) : ARRAY_SIZE(always);

	memcpy(out, from, n * sizeof(*out));
	return n;
}

int confine_calls(const struct confine_call *calls, unsigned n)
{
	/* On another architecture, such as 32-bit code on x86, the numbers mean other calls. */
	struct sock_filter filter[HEAD_LENGTH + CONFINE_CALLS_MAX * CALL_LENGTH + 1] = {
		LOAD(FIELD(arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(FIELD(nr)),
	};
	struct sock_fprog program;
	unsigned used = HEAD_LENGTH;

	if (n > CONFINE_CALLS_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < n; i++)
		used += compile_call(filter + used, &calls[i]);
	filter[used++] = (struct sock_filter)RETURN(SECCOMP_RET_ERRNO | ENOSYS);
	program = (struct sock_fprog){ .len = (unsigned short)used, .filter = filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
		return -errno;
	return 0;
}

#else

int confine_calls(const struct confine_call *calls, unsigned n)
{
	(void)calls;
	(void)n;
	return -EINVAL;
}

#endif
