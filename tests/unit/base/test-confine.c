/* SPDX-License-Identifier: MIT */
/* What a confined process can still do, tried in a child, since it cannot be taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/util.h"

#define UNSUPPORTED 77

static char dir[] = "/tmp/evswitch-confine-XXXXXX";
static char in[64], out[64];

static int make_trees(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(in, sizeof(in), "%s/in", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	mkdir(in, 0700);
	mkdir(out, 0700);
	return 0;
}

static int remove_trees(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* Runs it in a child: it returns 0, the line that failed, or UNSUPPORTED. */
static void in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == UNSUPPORTED) {
		print_message("skip: this kernel cannot do it\n");
		skip();
	}
	if (WEXITSTATUS(status))
		fail_msg("line %d (modulo 256) failed", WEXITSTATUS(status));
}

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return __LINE__ & 0xff;                                                    \
	} while (0)
#define REFUSED(call, why) (errno = 0, (call) < 0 && errno == (why))

static int try_calls(void)
{
	static const struct confine_call calls[] = {
		{ .number = SYS_exit_group },
		{ .number = SYS_prctl },
		{ SYS_socket, 0, ~0U, AF_UNIX },
		{ SYS_openat, 2, O_ACCMODE, O_RDONLY },
		{ SYS_openat, 2, O_ACCMODE | O_CREAT, O_WRONLY },
	};
	int rc = confine_calls(calls, ARRAY_SIZE(calls));

	if (rc == -EINVAL)
		return UNSUPPORTED;
	EXPECT(rc == 0);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(REFUSED(syscall(SYS_getppid), ENOSYS));
	EXPECT(REFUSED(socket(AF_INET, SOCK_STREAM, 0), ENOSYS));
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	/* The first rule or the second. */
	EXPECT(open("/dev/null", O_RDONLY) >= 0);
	EXPECT(open("/dev/null", O_WRONLY) >= 0);
	EXPECT(REFUSED(open("/dev/null", O_RDWR), ENOSYS));
	EXPECT(REFUSED(open("/dev/null", O_WRONLY | O_CREAT, 0600), ENOSYS));
	return 0;
}

static void test_calls(void **state)
{
	(void)state;
	in_child(try_calls);
}

static int try_too_many(void)
{
	struct confine_call calls[CONFINE_CALLS_MAX + 1] = { 0 };

	EXPECT(confine_calls(calls, ARRAY_SIZE(calls)) == -E2BIG);
	EXPECT(getppid() > 0);
	for (unsigned i = 0; i < CONFINE_CALLS_MAX; i++)
		calls[i] = (struct confine_call){ SYS_exit_group, 0, ~0U, i };
	EXPECT(confine_calls(calls, CONFINE_CALLS_MAX) == 0);
	_exit(CONFINE_CALLS_MAX - 1); /* allowed by the last rule; by none, this would not end */
}

static void test_too_many(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(try_too_many());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), CONFINE_CALLS_MAX - 1);
}

static int make_file(const char *tree)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/file", tree);
	return creat(path, 0600);
}

static int open_file(const char *tree, int flags)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/file", tree);
	return open(path, flags);
}

static int remove_file(const char *tree)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/file", tree);
	return unlink(path);
}

static int try_files(void)
{
	const struct confine_tree trees[] = {
		{ in, CONFINE_READ },
		{ out, CONFINE_REMOVE },
		{ "/tmp/evswitch-does-not-exist", CONFINE_READ },
		{ NULL, CONFINE_READ },
	};
	int before, rc;

	EXPECT(make_file(in) >= 0 && make_file(out) >= 0);
	before = open_file(out, O_RDWR);
	rc = confine_files(trees, ARRAY_SIZE(trees));
	if (rc == -EOPNOTSUPP)
		return UNSUPPORTED;
	EXPECT(rc == 0);
	EXPECT(open_file(in, O_RDONLY) >= 0);
	EXPECT(REFUSED(open_file(in, O_WRONLY), EACCES));
	EXPECT(REFUSED(open_file(out, O_RDONLY), EACCES));
	EXPECT(REFUSED(remove_file(in), EACCES));
	EXPECT(write(before, "x", 1) == 1);
	EXPECT(remove_file(out) == 0);
	EXPECT(REFUSED(make_file(out), EACCES));
	EXPECT(REFUSED(open("/etc/passwd", O_RDONLY), EACCES));
	EXPECT(REFUSED(execl("/bin/true", "true", NULL), EACCES));
	return 0;
}

static void test_files(void **state)
{
	(void)state;
	in_child(try_files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests_name("confine", tests, make_trees, remove_trees);
}
