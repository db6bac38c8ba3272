/* SPDX-License-Identifier: MIT */
/*
 * The clipboard of a Wayland compositor: sway without a screen, which this program starts, with the programs
 * of wl-clipboard on both sides. What these never do, scripts of the same names do: the second half needs
 * no compositor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "clipboard/desktop.h"
#include "clipboard/wayland.h"
#include "desk-owner.h"

/* Long enough for a script to say something on a busy machine. */
#define SHORT_MS 2000
/* Whom sway runs as where this program is root's, as which it refuses to. */
#define NOBODY 65534

static pid_t compositor;
static const char *why_no_sway; /* NULL: it runs */
static int changes = -1;        /* a line in it: somebody has copied */

/* --- the compositor ------------------------------------------------------------------------ */

static _Noreturn void be_sway(const char *dir)
{
	char log[80];

	desk_path(log, "sway.log");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		_exit(126);
	/* Credentials that change take it back. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("HOME", dir, 1);
	setenv("WLR_BACKENDS", "headless", 1);
	setenv("WLR_LIBINPUT_NO_DEVICES", "1", 1);
	setenv("WLR_RENDERER", "pixman", 1);
	unsetenv("DISPLAY");
	unsetenv("WAYLAND_DISPLAY");
	unsetenv("SWAYSOCK");
	dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
	dup2(STDOUT_FILENO, STDERR_FILENO);
	execlp("sway", "sway", "-c", "/dev/null", NULL);
	_exit(127);
}

/* Its socket in its directory, or NULL. */
static char *find_socket(const char *dir)
{
	char pattern[96];
	glob_t found;
	char *name = NULL;

	snprintf(pattern, sizeof(pattern), "%s/wayland-[0-9]", dir);
	if (glob(pattern, 0, NULL, &found) == 0)
		name = strdup(strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	return name;
}

static void start_compositor(void)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	long until = now_ms() + WAIT_MS;
	autofree char *name = NULL;
	char dir[80];
	int status;

	desk_path(dir, "runtime");
	assert_int_equal(chmod(here.dir, 0755), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
	compositor = fork();
	if (compositor == 0)
		be_sway(dir);
	why_no_sway = "sway has not made its socket in time";
	while (!(name = find_socket(dir)) && now_ms() < until) {
		if (waitpid(compositor, &status, WNOHANG) == compositor) {
			compositor = 0;
			why_no_sway = WIFEXITED(status) && WEXITSTATUS(status) == 127
					      ? "sway is not installed"
					      : "sway does not run here";
			return;
		}
		nanosleep(&pause, NULL);
	}
	if (!name)
		return;
	why_no_sway = NULL;
	setenv("XDG_RUNTIME_DIR", dir, 1);
	setenv("WAYLAND_DISPLAY", name, 1);
}

static void stop_compositor(void)
{
	if (compositor <= 0)
		return;
	kill(compositor, SIGKILL);
	waitpid(compositor, NULL, 0);
	compositor = 0;
}

static int set_up_all(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	unsetenv("DISPLAY");
	desk_make_dir();
	start_compositor();
	return 0;
}

static int tear_down_all(void **state)
{
	(void)state;
	stop_compositor();
	desk_remove_dir();
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	desk_begin(NULL);
	if (!why_no_sway)
		assert_int_equal(system("wl-copy --clear"), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	desktop_close(here.desktop);
	desk_end();
	return 0;
}

/* --- opening, and other programs ----------------------------------------------------------- */

static void open_with(unsigned stall_ms)
{
	int error = 0;

	here.desktop = wayland_open(&here.loop, &here.client, stall_ms, &error);
	if (!here.desktop)
		fail_msg("wayland_open: %s", strerrordesc_np(-error));
	assert_int_equal(here.n_copied, 0);
	WAIT(here.n_copied == 1);
}

static void open_in_sway(void)
{
	if (why_no_sway) {
		print_message("skip: %s\n", why_no_sway);
		skip();
	}
	open_with(CLIP_STALL_MS);
}

/* wl-copy goes into the background when it has read its input. */
static void wl_copy(const char *options, const void *data, size_t size)
{
	char command[160];

	desk_write("in", data, size);
	snprintf(command, sizeof(command), "timeout 20 wl-copy %s <%s/in >/dev/null 2>&1", options,
		 here.dir);
	assert_int_equal(system(command), 0);
}

/* Into the file "out"; its exit status. */
static int wl_paste(const char *options)
{
	char command[160];

	snprintf(command, sizeof(command), "exec timeout 20 wl-paste %s >%s/out 2>/dev/null",
		 options, here.dir);
	return desk_await(desk_run(command));
}

/* Until a program that pastes gets this. */
static void await_paste(const char *options, const char *text)
{
	char command[200];
	pid_t pid;

	snprintf(command, sizeof(command),
		 "until [ \"$(wl-paste %s 2>/dev/null)\" = '%s' ]; do sleep 0.02; done", options,
		 text);
	pid = desk_run(command);
	assert_int_equal(desk_await(pid), 0);
}

static void offer_text(const void *data, size_t size)
{
	unsigned before = here.n_wanted[CLIP_TEXT];

	offer(TEXT);
	WAIT(here.n_wanted[CLIP_TEXT] == before + 1);
	give(CLIP_TEXT, data, size);
}

/* True if wl-copy has a file in /tmp with this text, which no other program's has. */
static bool has_file(const char *text)
{
	bool has = false;
	glob_t found;

	if (glob("/tmp/wl-copy-buffer-*/*", 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && !has; i++) {
			FILE *file = fopen(found.gl_pathv[i], "re");
			char bytes[80] = "";

			if (!file)
				continue;
			bytes[fread(bytes, 1, sizeof(bytes) - 1, file)] = '\0';
			fclose(file);
			has = strcmp(bytes, text) == 0;
		}
	}
	globfree(&found);
	return has;
}

/* --- what others copy ---------------------------------------------------------------------- */

static void test_empty(void **state)
{
	(void)state;
	open_in_sway();
	assert_int_equal(here.types, 0);
	assert_int_equal(fetch(CLIP_TEXT), -ENOENT);
}

static void test_text(void **state)
{
	static const char text[] = "gr\303\274n\nblau";

	(void)state;
	open_in_sway();
	wl_copy("", text, strlen(text));
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, TEXT);
	assert_int_equal(fetch(CLIP_PNG), -ENOENT);
	assert_int_equal(fetch(CLIP_TEXT), 0);
	assert_int_equal(fetch(CLIP_TEXT), -EBUSY);
	WAIT(here.n_fetched[CLIP_TEXT] == 1);
	expect_data(CLIP_TEXT, text, strlen(text));
}

static void test_text_from_before(void **state)
{
	(void)state;
	if (!why_no_sway)
		wl_copy("", "before", 6);
	open_in_sway();
	assert_int_equal(here.types, TEXT);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "before", 6);
}

static void test_image(void **state)
{
	static const unsigned char png[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0 };

	(void)state;
	open_in_sway();
	wl_copy("--type image/png", png, sizeof(png));
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, PNG);
	fetch_now(CLIP_PNG);
	expect_data(CLIP_PNG, png, sizeof(png));
}

static void test_large_text(void **state)
{
	autofree unsigned char *text = pattern(10 * MIB);

	(void)state;
	open_in_sway();
	wl_copy("--type text/plain", text, 10 * MIB);
	WAIT(here.n_copied == 2);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, text, 10 * MIB);
}

/* --- what is offered ----------------------------------------------------------------------- */

static void test_offer(void **state)
{
	(void)state;
	open_in_sway();
	/* Of several types text is offered. */
	offer(TEXT | PNG);
	WAIT(here.n_wanted[CLIP_TEXT] == 1);
	give(CLIP_PNG, "png", 3);
	give(CLIP_TEXT, "guest", 5);
	await_paste("--no-newline", "guest");
	assert_int_equal(here.n_wanted[CLIP_PNG], 0);
	wl_copy("", "host", 4);
	WAIT(here.types == TEXT);
	/* Nothing of our own was reported. */
	assert_int_equal(here.n_copied, 2);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "host", 4);
}

static void test_offer_image(void **state)
{
	(void)state;
	open_in_sway();
	offer(PNG);
	WAIT(here.n_wanted[CLIP_PNG] == 1);
	give(CLIP_PNG, "png", 3);
	await_paste("--type image/png", "png");
	wl_copy("--type image/png", "other", 5);
	WAIT(here.types == PNG);
	assert_int_equal(here.n_copied, 2);
}

static void test_offer_large(void **state)
{
	autofree unsigned char *text = pattern(10 * MIB);

	(void)state;
	open_in_sway();
	offer_text(text, 10 * MIB);
	await_paste("--no-newline | wc -c", "10485760");
	assert_int_equal(wl_paste("--no-newline"), 0);
	desk_expect("out", text, 10 * MIB);
}

static void test_offer_again(void **state)
{
	(void)state;
	open_in_sway();
	offer_text("one", 3);
	await_paste("--no-newline", "one");
	offer_text("two", 3);
	await_paste("--no-newline", "two");
	/* A last answer that cannot be had leaves nothing there. */
	offer(TEXT);
	WAIT(here.n_wanted[CLIP_TEXT] == 3);
	give(CLIP_TEXT, NULL, 0);
	await_paste("--list-types", "");
	assert_int_equal(here.n_copied, 1);
}

static void test_withdraw(void **state)
{
	(void)state;
	open_in_sway();
	offer_text(here.dir, strlen(here.dir));
	await_paste("--no-newline", here.dir);
	assert_true(has_file(here.dir));
	offer(0);
	await_paste("--list-types", "");
	WAIT(!has_file(here.dir));
	/* At once again, while the clipboard is being cleared. */
	offer_text("one", 3);
	await_paste("--no-newline", "one");
	offer(0);
	offer_text("two", 3);
	await_paste("--no-newline", "two");
	assert_int_equal(here.n_copied, 1);
	/* What others copy is not taken off. */
	wl_copy("", "host", 4);
	WAIT(here.types == TEXT);
	assert_int_equal(here.n_copied, 2);
	offer(0);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "host", 4);
}

/* Somebody clears what we offer. */
static void test_cleared(void **state)
{
	(void)state;
	open_in_sway();
	offer_text("guest", 5);
	await_paste("--no-newline", "guest");
	/* It is seen to be ours. */
	for (unsigned i = 0; i < 20; i++)
		turn();
	assert_int_equal(system("wl-copy --clear"), 0);
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, 0);
}

static void test_close(void **state)
{
	(void)state;
	open_in_sway();
	offer_text(here.dir, strlen(here.dir));
	await_paste("--no-newline", here.dir);
	desktop_close(steal_ptr(&here.desktop));
	assert_false(has_file(here.dir));
	assert_int_not_equal(wl_paste("--list-types"), 0);
}

static void test_compositor_ends(void **state)
{
	(void)state;
	open_in_sway();
	stop_compositor();
	why_no_sway = "it has ended";
	WAIT(here.n_closed == 1);
}

/* --- programs that are none of wl-clipboard ------------------------------------------------ */

static void write_script(const char *name, const char *script)
{
	char path[80];

	desk_write(name, script, strlen(script));
	desk_path(path, name);
	assert_int_equal(chmod(path, 0755), 0);
}

static int set_up_script(void **state)
{
	char path[80];

	(void)state;
	desk_begin(NULL);
	desk_path(path, "bin");
	if (mkdir(path, 0755) == 0) {
		desk_path(path, "changes");
		assert_int_equal(mkfifo(path, 0600), 0);
	}
	desk_path(path, "changes");
	changes = open(path, O_RDWR | O_CLOEXEC);
	assert_true(changes >= 0);
	setenv("TEST_DIR", here.dir, 1);
	desk_path(path, "bin");
	setenv("PATH_BEFORE", getenv("PATH"), 1);
	snprintf(path + strlen(path), sizeof(path) - strlen(path), ":/usr/bin:/bin");
	setenv("PATH", path, 1);
	write_script("bin/wl-paste", "#!/bin/sh\n"
				     "case $1 in\n"
				     "--watch) . $TEST_DIR/watch ;;\n"
				     "--list-types) . $TEST_DIR/list ;;\n"
				     "*) . $TEST_DIR/paste ;;\n"
				     "esac\n");
	write_script("bin/wl-copy", "#!/bin/sh\nexit 1\n");
	write_script("watch", "exec cat $TEST_DIR/changes\n");
	write_script("list", "echo text/plain\n");
	write_script("paste", "printf text\n");
	return 0;
}

static int tear_down_script(void **state)
{
	setenv("PATH", getenv("PATH_BEFORE"), 1);
	close(changes);
	return tear_down(state);
}

static void say_changed(void)
{
	assert_int_equal(write(changes, "\n", 1), 1);
}

/* What is copied, with this list of types. */
static unsigned types_of(const char *list)
{
	unsigned before = here.n_copied;

	write_script("list", "echo image/png\n");
	say_changed();
	WAIT(here.types == PNG && here.n_copied == before + 1);
	write_script("list", list);
	say_changed();
	WAIT(here.n_copied == before + 2);
	return here.types;
}

static void test_lists(void **state)
{
	(void)state;
	open_with(SHORT_MS);
	assert_int_equal(types_of("echo text/plain; echo image/png"), TEXT | PNG);
	assert_int_equal(types_of("echo text/html; echo xtext/plain; echo text/plainx; echo"), 0);
	assert_int_equal(types_of("printf text/plain"), TEXT);
	assert_int_equal(types_of("echo text/plain; exit 1"), 0);
	assert_int_equal(types_of("yes text/plain"), 0);
	assert_int_equal(types_of("echo text/plain; exec sleep 100"), 0);
	assert_int_equal(types_of("echo text/plain; kill -9 $$"), 0);
	assert_int_equal(types_of("echo text/plain; echo x-kde-passwordManagerHint"), 0);
	assert_int_equal(fetch(CLIP_TEXT), -ENOENT);
}

static void expect_none(const char *paste)
{
	write_script("paste", paste);
	fetch_now(CLIP_TEXT);
	assert_null(here.data[CLIP_TEXT]);
}

static void test_fetches(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	assert_int_equal(here.types, TEXT);
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "text", 4);
	expect_none("printf text; exit 1");
	expect_none("yes");
	expect_none("head -c 16777217 /dev/zero | tr '\\0' a");
	write_script("paste", "head -c 16777216 /dev/zero | tr '\\0' a");
	fetch_now(CLIP_TEXT);
	assert_int_equal(here.size[CLIP_TEXT], CLIP_SIZE_MAX);
	write_script("paste", "");
	fetch_now(CLIP_TEXT);
	expect_data(CLIP_TEXT, "", 0);
}

/* What it has started ends, too. */
static void test_stalls(void **state)
{
	char path[80], byte;
	int fd;

	(void)state;
	desk_path(path, "held");
	assert_int_equal(mkfifo(path, 0600), 0);
	open_with(SHORT_MS);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	expect_none("exec 3>$TEST_DIR/held; printf text; sleep 1000 & sleep 1000");
	WAIT(read(fd, &byte, 1) == 0);
	close(fd);
}

/* A password was copied after the list, and before the fetch or during it. */
static void test_secret_meanwhile(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	expect_none("echo echo x-kde-passwordManagerHint >>$TEST_DIR/list; printf password");
	write_script("list", "echo text/plain\n");
	/* As soon as it is told of. */
	write_script("paste", "echo >$TEST_DIR/changes; exec sleep 1000\n");
	fetch_now(CLIP_TEXT);
	assert_null(here.data[CLIP_TEXT]);
	WAIT(here.n_copied == 2);
}

static void test_many_changes(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	write_script("list", "echo list >>$TEST_DIR/lists; echo text/plain\n");
	for (unsigned i = 0; i < 1000; i++) {
		say_changed();
		assert_int_equal(loop_turn(&here.loop, 0), 0);
	}
	write_script("list", "echo image/png\n");
	say_changed();
	WAIT(here.types == PNG);
	assert_true(here.n_copied < 500);
}

/* A wl-copy that no signal for a session's programs ends, nor a copy of another. */
#define LASTING_COPY                                                                               \
	"#!/bin/sh\n"                                                                              \
	"[ $1 = --clear ] && { echo clear >>$TEST_DIR/said; read line <$TEST_DIR/gate; exit; }\n"  \
	"kill -TERM $$; kill -HUP $$; kill -INT $$\n"                                              \
	"echo copy >>$TEST_DIR/said; exec sleep 1000\n"

static void begin_lasting_copy(int *gate)
{
	char path[80];

	write_script("bin/wl-copy", LASTING_COPY);
	desk_write("said", "", 0);
	desk_path(path, "gate");
	if (access(path, F_OK) < 0)
		assert_int_equal(mkfifo(path, 0600), 0);
	*gate = open(path, O_RDWR | O_CLOEXEC);
	assert_true(*gate >= 0);
}

static bool was_said(const char *text)
{
	char path[80], said[64] = "";
	FILE *file;

	desk_path(path, "said");
	file = fopen(path, "re");
	assert_non_null(file);
	said[fread(said, 1, sizeof(said) - 1, file)] = '\0';
	fclose(file);
	return strcmp(said, text) == 0;
}

static void end_lasting_copy(int gate)
{
	assert_int_equal(write(gate, "\n", 1), 1);
	desktop_close(steal_ptr(&here.desktop));
	close(gate);
}

/* What is there while we offer something is ours, unless it is certain that it differs. */
static void test_compare(void **state)
{
	int gate;

	(void)state;
	begin_lasting_copy(&gate);
	open_with(CLIP_STALL_MS);
	offer_text("guest", 5);
	WAIT(was_said("copy\n"));
	/* Only a part of it, at first. */
	write_script("paste", "echo >>$TEST_DIR/said; printf gu\n"
			      "echo 'echo >>$TEST_DIR/said; printf guest' >$TEST_DIR/paste\n");
	say_changed();
	WAIT(was_said("copy\n\n\n"));
	write_script("list", "echo image/png\n");
	say_changed();
	WAIT(here.types == PNG);
	assert_int_equal(here.n_copied, 2);
	/* Another text. */
	write_script("paste", "printf other\n");
	write_script("list", "echo text/plain\n");
	say_changed();
	WAIT(here.types == TEXT);
	assert_int_equal(here.n_copied, 3);
	end_lasting_copy(gate);
}

/* What is offered anew is not cleared with the old. */
static void test_clear_before_copy(void **state)
{
	int gate;

	(void)state;
	begin_lasting_copy(&gate);
	open_with(CLIP_STALL_MS);
	offer_text("one", 3);
	WAIT(was_said("copy\n"));
	offer(0);
	WAIT(was_said("copy\nclear\n"));
	offer_text("two", 3);
	for (unsigned i = 0; i < 10; i++)
		turn();
	assert_true(was_said("copy\nclear\n"));
	assert_int_equal(write(gate, "\n", 1), 1);
	WAIT(was_said("copy\nclear\ncopy\n"));
	end_lasting_copy(gate);
}

static void test_copy_fails(void **state)
{
	(void)state;
	open_with(CLIP_STALL_MS);
	offer_text("guest", 5);
	/* What is there is still what others have copied. */
	WAIT(here.n_copied == 2);
	assert_int_equal(here.types, TEXT);
}

static void test_watch_ends(void **state)
{
	(void)state;
	write_script("watch", "read line <$TEST_DIR/changes\n");
	open_with(CLIP_STALL_MS);
	say_changed();
	WAIT(here.n_closed == 1);
}

static void expect_no_way(int expected)
{
	int error = 0;

	assert_null(wayland_open(&here.loop, &here.client, CLIP_STALL_MS, &error));
	assert_int_equal(error, expected);
}

static void test_no_data_control(void **state)
{
	long began = now_ms();

	(void)state;
	write_script("watch", "exit 1\n");
	write_script("list", "touch $TEST_DIR/window; sleep 1000\n");
	expect_no_way(-ENOTSUP);
	/* Neither works. */
	write_script("watch", "sleep 1000\n");
	expect_no_way(-ENOTSUP);
	assert_true(now_ms() - began < WAIT_MS);
}

static void test_not_installed(void **state)
{
	char path[80];
	int error = 0;

	(void)state;
	desk_path(path, "nothing");
	setenv("PATH", path, 1);
	expect_no_way(-ENOENT);
	setenv("WAYLAND_DISPLAY", "wayland-1", 1);
	assert_null(desktop_open(&here.loop, &here.client, &error));
	assert_int_equal(error, -ENOTSUP);
}

static void test_choice(void **state)
{
	int error = 0;

	(void)state;
	setenv("WAYLAND_DISPLAY", "wayland-1", 1);
	here.desktop = desktop_open(&here.loop, &here.client, &error);
	assert_non_null(here.desktop);
	WAIT(here.n_copied == 1);
	assert_int_equal(here.types, TEXT);
}

#define IN_SWAY(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define WITH_SCRIPT(name) cmocka_unit_test_setup_teardown(name, set_up_script, tear_down_script)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SWAY(test_empty),
		IN_SWAY(test_text),
		IN_SWAY(test_text_from_before),
		IN_SWAY(test_image),
		IN_SWAY(test_large_text),
		IN_SWAY(test_offer),
		IN_SWAY(test_offer_image),
		IN_SWAY(test_offer_large),
		IN_SWAY(test_offer_again),
		IN_SWAY(test_withdraw),
		IN_SWAY(test_cleared),
		IN_SWAY(test_close),
		IN_SWAY(test_compositor_ends),
		WITH_SCRIPT(test_lists),
		WITH_SCRIPT(test_fetches),
		WITH_SCRIPT(test_stalls),
		WITH_SCRIPT(test_secret_meanwhile),
		WITH_SCRIPT(test_many_changes),
		WITH_SCRIPT(test_compare),
		WITH_SCRIPT(test_clear_before_copy),
		WITH_SCRIPT(test_copy_fails),
		WITH_SCRIPT(test_watch_ends),
		WITH_SCRIPT(test_no_data_control),
		WITH_SCRIPT(test_not_installed),
		WITH_SCRIPT(test_choice),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
