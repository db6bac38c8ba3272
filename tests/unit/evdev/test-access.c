/* SPDX-License-Identifier: MIT */
/* Why a node may not be opened: what follows from the facts, and how they are collected. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access-facts.h"

static void assert_cause(const struct access_facts *facts, enum access_cause cause,
			 const char *says, const char *remedy)
{
	assert_int_equal(access_cause(facts), cause);
	assert_non_null(strstr(access_says(cause, facts).text, says));
	assert_non_null(strstr(access_remedy(cause, facts).text, remedy));
}

static void rules(void **state)
{
	struct access_facts facts = { .is_uinput = true, .uid = 1000, .group = "root" };

	(void)state;
	assert_cause(&facts, ACCESS_NO_RULES, "not installed", "sudo make install");
	facts.rules = true;
	assert_cause(&facts, ACCESS_RULES_IDLE, "not in force",
		     "sudo udevadm control --reload && sudo udevadm trigger /dev/uinput");
	facts.is_uinput = false;
	assert_cause(&facts, ACCESS_ROOT_ONLY, "only root", "");
	facts.error = ENOENT;
	assert_cause(&facts, ACCESS_ABSENT, "No such file", "");
}

static void groups(void **state)
{
	struct access_facts facts = access_of_member;

	(void)state;
	assert_cause(&facts, ACCESS_OTHER, "something else", "");
	facts.in_manager = false;
	assert_cause(&facts, ACCESS_OLD_MANAGER, "user manager", "systemctl restart user@1000");
	facts.allowed = facts.in_process = false; /* a service of that manager */
	assert_cause(&facts, ACCESS_OLD_MANAGER, "user manager", "systemctl restart user@1000");
	facts.in_any = false;
	assert_cause(&facts, ACCESS_OLD_LOGIN, "this login is older", "log out and in");
	facts.has_manager = false;
	assert_cause(&facts, ACCESS_OLD_LOGIN, "this login is older", "log out and in");
	facts.in_database = false;
	assert_cause(&facts, ACCESS_NOT_MEMBER, "not in group input",
		     "sudo usermod -aG input $USER");
}

/* root may open everything, whatever its user manager. */
static void root(void **state)
{
	struct access_facts facts = access_of_member;

	(void)state;
	facts.is_root = true;
	facts.in_manager = false;
	assert_int_equal(access_cause(&facts), ACCESS_OTHER);
}

static char dir[] = "/tmp/evswitch-access-XXXXXX";

__attribute__((format(printf, 2, 3))) static void make(const char *path, const char *format, ...)
{
	char full[128];
	va_list args;
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", dir, path);
	for (char *slash = full + strlen(dir) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(full, 0755);
	}
	file = fopen(full, "we");
	assert_non_null(file);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fclose(file);
}

/* The user manager is found among the processes, with its groups at the time of its start. */
static void looks(void **state)
{
	struct access_facts facts;
	unsigned uid = geteuid(), gid = getegid();

	(void)state;
	assert_non_null(mkdtemp(dir));
	make("/dev/uinput", "%s", "");
	make("/proc/7/status", "Name:\tsystemd\nUid:\t%u\t%u\nGid:\t4242\t4242\nGroups:\t1%u \n",
	     uid, uid, gid);
	make("/proc/8/status", "Name:\tsystemd\nUid:\t%u\t%u\nGid:\t%u\t%u\n", uid + 1, uid + 1,
	     gid, gid);
	make("/proc/self/status", "Name:\tsystemd\nUid:\t%u\nGid:\t%u\n", uid, gid);
	access_look(dir, "/dev/uinput", &facts);
	assert_int_equal(facts.error, 0);
	assert_true(facts.allowed && facts.is_uinput && facts.in_process && !facts.rules);
	assert_true(facts.has_manager && !facts.in_manager && !facts.in_any);
	make("/proc/9/status", "Name:\tbash\nUid:\t%u\t%u\nGid:\t4242\t4242\nGroups:\t5 %u\n", uid,
	     uid, gid);
	make("/etc/udev/rules.d/65-evswitch.rules", "# rules\n");
	access_look(dir, "/dev/uinput", &facts);
	assert_true(facts.in_any && !facts.in_manager && facts.rules);
	make("/proc/7/status", "Name:\tsystemd\nUid:\t%u\t%u\nGid:\t%u\t%u\nGroups:\t5 \n", uid,
	     uid, gid, gid);
	access_look(dir, "/dev/uinput", &facts);
	assert_true(facts.in_manager);
	access_look(dir, "/dev/input/event0", &facts);
	assert_int_equal(facts.error, ENOENT);
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(rules), cmocka_unit_test(groups),
					    cmocka_unit_test(root),
					    cmocka_unit_test_teardown(looks, remove_dir) };

	return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
