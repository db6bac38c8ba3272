/* SPDX-License-Identifier: MIT */
/* The configuration file: what is added to it, what stays, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "setup/setup-write.h"

#define MOUSE "[device mouse]\nname = Acme Mouse\n"
#define OLD                                                                                        \
	"# my notes, \xc3\xa4 and  two  blanks \n\n[device keyboard]   ; the left one\n"           \
	"\tname = Acme Board ; really\n[guest win10]\n\n; the end, without a newline"

static char dir[64], path[PATH_MAX];

static void put(const char *file, const char *text, mode_t mode)
{
	FILE *out = fopen(file, "we");

	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(file, mode), 0);
}

static void assert_text(const char *file, const char *expected)
{
	static char text[CONF_FILE_MAX + 2];
	FILE *in = fopen(file, "re");

	assert_non_null(in);
	text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
	fclose(in);
	assert_string_equal(text, expected);
}

/* No temporary file is left. */
static void assert_files(unsigned expected)
{
	char command[128];

	snprintf(command, sizeof(command), "exit $(ls -A '%s' | wc -l)", dir);
	assert_int_equal(WEXITSTATUS(system(command)), expected);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/evswitch-setup-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/evswitch.conf", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static int add(const char *given, const char *added)
{
	struct setup_file file;
	int error = setup_file_read(&file, given);

	if (!error)
		error = setup_file_add(&file, added);
	setup_file_free(&file);
	return error;
}

static void keeps_every_byte(void **state)
{
	(void)state;
	put(path, OLD, 0640);
	assert_int_equal(add(path, MOUSE), 0);
	assert_text(path, OLD "\n\n" MOUSE);
	assert_int_equal(add(path, "[guest linux]\n"), 0);
	assert_text(path, OLD "\n\n" MOUSE "\n[guest linux]\n");
	assert_files(1);
}

static void keeps_line_ends(void **state)
{
	(void)state;
	put(path, "[device keyboard]\r\nname = Acme Board\r\n", 0600);
	assert_int_equal(add(path, MOUSE), 0);
	assert_text(path, "[device keyboard]\r\nname = Acme Board\r\n\n" MOUSE);
}

static void keeps_the_mode(void **state)
{
	struct stat st;

	(void)state;
	put(path, OLD, 0604);
	assert_int_equal(add(path, MOUSE), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
}

static void keeps_the_owner(void **state)
{
	struct stat st;

	(void)state;
	put(path, OLD, 0600);
	if (geteuid() != 0) {
		print_message("skip: only root can give a file to another user\n");
		skip();
	}
	assert_int_equal(chown(path, 1234, 2345), 0);
	assert_int_equal(add(path, MOUSE), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 2345);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void makes_a_file(void **state)
{
	mode_t mask = umask(022);
	struct stat st;

	(void)state;
	assert_int_equal(add(path, MOUSE), 0);
	assert_text(path, MOUSE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	umask(mask);
	snprintf(path, sizeof(path), "%s/no/evswitch.conf", dir);
	assert_int_equal(add(path, MOUSE), -ENOENT);
	assert_files(1);
}

/* Below $XDG_CONFIG_HOME, and below $HOME. */
static void makes_directories(void **state)
{
	struct setup_file file;
	struct stat st;

	(void)state;
	if (access(CONF_SYSTEM_FILE, F_OK) == 0) {
		print_message("skip: this machine has a configuration\n");
		skip();
	}
	setenv("HOME", dir, 1);
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(add(NULL, MOUSE), 0);
	snprintf(path, sizeof(path), "%s/.config/evswitch/evswitch.conf", dir);
	assert_text(path, MOUSE);
	snprintf(path, sizeof(path), "%s/.config/evswitch", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(setup_file_read(&file, NULL), 0);
	assert_true(file.exists && file.is_default);
	setup_file_free(&file);
	snprintf(path, sizeof(path), "%s/a/b", dir);
	setenv("XDG_CONFIG_HOME", path, 1);
	assert_int_equal(add(NULL, MOUSE), 0);
	snprintf(path, sizeof(path), "%s/a/b/evswitch/evswitch.conf", dir);
	assert_text(path, MOUSE);
	unsetenv("XDG_CONFIG_HOME");
}

static void follows_links(void **state)
{
	char target[PATH_MAX], link[PATH_MAX];
	struct stat st;

	(void)state;
	snprintf(target, sizeof(target), "%s/dotfiles", dir);
	assert_int_equal(mkdir(target, 0755), 0);
	snprintf(target, sizeof(target), "%s/dotfiles/conf", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	put(target, OLD, 0644);
	assert_int_equal(symlink("dotfiles/conf", link), 0);
	assert_int_equal(symlink("link", path), 0);
	assert_int_equal(add(path, MOUSE), 0);
	assert_text(target, OLD "\n\n" MOUSE);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_files(3);
	assert_int_equal(unlink(target), 0);
	assert_int_equal(add(path, MOUSE), -ENOENT);
	assert_int_equal(access(target, F_OK), -1);
}

static void refuses_what_is_not_valid(void **state)
{
	(void)state;
	put(path, OLD, 0644);
	assert_int_equal(add(path, "[device keyboard]\nname = again\n"), -EINVAL);
	assert_int_equal(add(path, "[device mouse]\ncolour = red\n"), -EINVAL);
	assert_int_equal(add(path, "[guest host]\n"), -EINVAL);
	assert_text(path, OLD);
	put(path, "[device keyboard]\nnam = Acme Board\n", 0644);
	assert_int_equal(add(path, MOUSE), -EINVAL);
	assert_text(path, "[device keyboard]\nnam = Acme Board\n");
	assert_files(1);
}

static void refuses_too_large_a_file(void **state)
{
	static char text[CONF_FILE_MAX + 1], comment[CONF_FILE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < CONF_FILE_MAX; i++)
		comment[i] = i % 100 == 99 ? '\n' : '#';
	snprintf(text, sizeof(text), "%.*s", CONF_FILE_MAX - 20, comment);
	put(path, text, 0644);
	assert_int_equal(add(path, MOUSE), -EFBIG);
	assert_text(path, text);
}

static void refuses_what_is_no_file(void **state)
{
	struct setup_file file;

	(void)state;
	assert_int_equal(setup_file_read(&file, dir), -EISDIR);
	assert_int_equal(setup_file_read(&file, "/dev/null"), -ENOTSUP);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(setup_file_read(&file, path), -ENOTSUP);
}

static void refuses_a_file_that_has_changed(void **state)
{
	struct setup_file file;

	(void)state;
	put(path, OLD, 0644);
	assert_int_equal(setup_file_read(&file, path), 0);
	put(path, OLD "\n# by an editor\n", 0644);
	assert_int_equal(setup_file_add(&file, MOUSE), -EBUSY);
	assert_text(path, OLD "\n# by an editor\n");
	setup_file_free(&file);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(setup_file_read(&file, path), 0);
	put(path, OLD, 0644);
	assert_int_equal(setup_file_add(&file, MOUSE), -EBUSY);
	assert_text(path, OLD);
	assert_files(1);
	assert_int_equal(setup_file_status(-EBUSY), EX_CANTCREAT);
}

static void refuses_a_file_that_is_read_only(void **state)
{
	struct setup_file file;
	pid_t child;
	int status;

	(void)state;
	put(path, OLD, 0444);
	assert_int_equal(chmod(dir, 0777), 0);
	child = fork();
	if (child == 0) {
		if (geteuid() == 0 && setuid(65534) < 0)
			_exit(2);
		_exit(setup_file_read(&file, path) != -EACCES);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(setup_file_status(-EACCES), EX_NOPERM);
}

/* As a file system that is full, at whatever byte. */
static void limited(void **state)
{
	struct rlimit limit, before;

	(void)state;
	put(path, OLD, 0644);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	for (size_t size = 0; size < strlen(OLD "\n\n" MOUSE); size++) {
		limit = (struct rlimit){ size, before.rlim_max };
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		assert_int_equal(add(path, MOUSE), -EFBIG);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_text(path, OLD);
	assert_files(1);
}

/* A file system of two pages, one of which has the old file, in a mount namespace of its own. */
static int fill(void)
{
	static char comment[4091];

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("evswitch", dir, "tmpfs", 0, "nr_blocks=2") < 0)
		return 77;
	for (size_t i = 0; i < sizeof(comment) - 1; i++)
		comment[i] = i % 100 == 99 ? '\n' : '#';
	put(path, comment, 0644);
	assert_int_equal(add(path, MOUSE), -ENOSPC);
	assert_text(path, comment);
	assert_files(1);
	return 0;
}

static void disk_full(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(fill());
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("skip: only root can mount a small file system\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void reads_what_lacks_devices(void **state)
{
	struct setup_file file;
	struct conf *conf;

	(void)state;
	put(path, "# nothing yet\n[guest win10]\n", 0644);
	assert_int_equal(setup_file_read(&file, path), 0);
	assert_int_equal(setup_file_conf(&file, &conf), 0);
	assert_int_equal(conf->n_guests, 1);
	conf_free(conf);
	setup_file_free(&file);
	snprintf(path, sizeof(path), "%s/none", dir);
	assert_int_equal(setup_file_read(&file, path), 0);
	assert_false(file.exists);
	assert_int_equal(setup_file_conf(&file, &conf), 0);
	assert_int_equal(conf->n_guests, 0);
	conf_free(conf);
	setup_file_free(&file);
	put(path, "[gest win10]\n", 0644);
	assert_int_equal(setup_file_read(&file, path), 0);
	assert_int_equal(setup_file_conf(&file, &conf), -EINVAL);
	setup_file_free(&file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_every_byte),
		TEST(keeps_line_ends),
		TEST(keeps_the_mode),
		TEST(keeps_the_owner),
		TEST(makes_a_file),
		TEST(makes_directories),
		TEST(follows_links),
		TEST(refuses_what_is_not_valid),
		TEST(refuses_too_large_a_file),
		TEST(refuses_what_is_no_file),
		TEST(refuses_a_file_that_has_changed),
		TEST(refuses_a_file_that_is_read_only),
		TEST(limited),
		TEST(disk_full),
		TEST(reads_what_lacks_devices),
	};

	return cmocka_run_group_tests_name("setup-write", tests, NULL, NULL);
}
