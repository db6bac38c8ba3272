/* SPDX-License-Identifier: MIT */
/* Starts programs and waits for them; a thread plays evswitch's control socket. */
#include "clipboard/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xcb/xcb.h>
#include <xcb/xfixes.h>

#include "base/util.h"

#define CLIENTS_MAX 4

static struct scene {
	char dir[64], display[16];
	pid_t program, server, copier;

	/* The stand-in for evswitch. */
	pthread_t thread;
	pthread_mutex_t lock;
	int listener, client[CLIENTS_MAX];
	const char *focus, *when, *direction;
} scene;

const char *scene_file(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", scene.dir, name);
	return path;
}

pid_t scene_program(void)
{
	return scene.program;
}

pid_t scene_spawn(const char *const *argv, const char *display, const char *messages)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	setpgid(0, 0);
	if (display)
		setenv("DISPLAY", display, 1);
	if (messages && !freopen(messages, "w", stderr))
		_exit(126);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

void scene_end(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGCONT);
		kill(*pid, SIGTERM);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

/* --- evswitch ------------------------------------------------------------------------------ */

static void tell(int fd)
{
	char text[1024];
	int size = snprintf(
		text, sizeof(text),
		"{\"parameters\":{\"state\":{\"focus\":\"%s\",\"guests\":[{\"name\":\"" SCENE_GUEST
		"\",\"clipboard\":{\"socket\":\"%s/evswitch/" SCENE_GUEST
		"-clipboard.sock\",\"when\":\"%s\",\"direction\":\"%s\"}}]}},"
		"\"continues\":true}",
		scene.focus, scene.dir, scene.when, scene.direction);

	send(fd, text, (size_t)size + 1, MSG_NOSIGNAL);
}

/* Accepts clients; what they ask for can only be Monitor. */
static void *serve(void *unused)
{
	for (;;) {
		int fd = accept4(scene.listener, NULL, NULL, SOCK_CLOEXEC), i = 0;
		char call[1024];

		if (fd < 0)
			return unused;
		if (recv(fd, call, sizeof(call), 0) <= 0 || !strstr(call, "Monitor")) {
			close(fd);
			continue;
		}
		pthread_mutex_lock(&scene.lock);
		while (scene.client[i] >= 0 && i < CLIENTS_MAX - 1)
			i++;
		close_fd(&scene.client[i]);
		scene.client[i] = fd;
		tell(fd);
		pthread_mutex_unlock(&scene.lock);
	}
}

static void start_evswitch(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/evswitch", scene.dir);
	mkdir(at.sun_path, 0700);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/evswitch/control.sock", scene.dir);
	unlink(at.sun_path);
	scene.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(scene.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(scene.listener, 4), 0);
	assert_int_equal(pthread_create(&scene.thread, NULL, serve, NULL), 0);
}

void scene_end_evswitch(void)
{
	if (scene.listener < 0)
		return;
	shutdown(scene.listener, SHUT_RDWR);
	pthread_join(scene.thread, NULL);
	close_fd(&scene.listener);
	for (int i = 0; i < CLIENTS_MAX; i++)
		close_fd(&scene.client[i]);
}

static void tell_all(void)
{
	pthread_mutex_lock(&scene.lock);
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (scene.client[i] >= 0)
			tell(scene.client[i]);
	pthread_mutex_unlock(&scene.lock);
}

void scene_focus(const char *focus)
{
	scene.focus = focus;
	if (scene.listener < 0)
		start_evswitch();
	else
		tell_all();
	scene_expect_status("focus", strcmp(focus, SCENE_GUEST) == 0 ? "true" : "false");
}

/* Each state is handled in its order, so what the focus after it says shows that it was. */
void scene_configure(const char *when, const char *direction)
{
	const char *focus = scene.focus;

	scene.when = when;
	scene.direction = direction;
	scene_focus(strcmp(focus, "host") == 0 ? SCENE_GUEST : "host");
	scene_focus(focus);
}

/* --- the host ------------------------------------------------------------------------------ */

int scene_run(const char *format, ...)
{
	char command[1024];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void scene_expect(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	for (int waited = 0; scene_run("%s", command) != 0; waited += 20) {
		if (waited >= SCENE_WAIT_MS)
			fail_msg("%s", command);
		poll(NULL, 0, 20);
	}
}

void scene_copy_nothing(void)
{
	scene_end(&scene.copier);
	scene_expect_target("");
}

/* A connection that hears of who takes the clipboard. */
static xcb_connection_t *observe_clipboard(const char *display)
{
	static const char name[] = "CLIPBOARD";
	xcb_connection_t *conn = xcb_connect(display, NULL);
	xcb_intern_atom_reply_t *atom;

	assert_int_equal(xcb_connection_has_error(conn), 0);
	atom = xcb_intern_atom_reply(conn, xcb_intern_atom(conn, 0, sizeof(name) - 1, name), NULL);
	assert_non_null(atom);
	/* XFixes serves nobody who has not asked for its version. */
	free(xcb_xfixes_query_version_reply(conn, xcb_xfixes_query_version(conn, 5, 0), NULL));
	xcb_xfixes_select_selection_input(
		conn, xcb_setup_roots_iterator(xcb_get_setup(conn)).data->root, atom->atom,
		XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER);
	free(atom);
	/* Once this is answered, the server has done the rest. */
	free(xcb_get_input_focus_reply(conn, xcb_get_input_focus(conn), NULL));
	return conn;
}

static void await_owner(xcb_connection_t *conn)
{
	struct pollfd ready = { .fd = xcb_get_file_descriptor(conn), .events = POLLIN };
	bool owned = false;

	while (!owned) {
		xcb_xfixes_selection_notify_event_t *event = (void *)xcb_poll_for_event(conn);

		if (!event)
			assert_int_equal(poll(&ready, 1, SCENE_WAIT_MS), 1);
		owned = event && event->owner != XCB_NONE;
		free(event);
	}
}

/*
 * The clipboard is xclip's until another program takes it. xclip says that it has it before it has asked the
 * server for it.
 */
pid_t scene_spawn_copier(const char *display, const char *target, const char *path)
{
	xcb_connection_t *conn = observe_clipboard(display);
	pid_t pid = scene_spawn((const char *const[]){ "xclip", "-quiet", "-selection", "clipboard",
						       "-t", target, "-i", path, NULL },
				display, "/dev/null");

	await_owner(conn);
	xcb_disconnect(conn);
	return pid;
}

void scene_copy_file(const char *target, const char *path)
{
	scene_end(&scene.copier);
	scene.copier = scene_spawn_copier(scene.display, target, path);
}

void scene_copy(const char *text)
{
	FILE *file = fopen(scene_file("copied"), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	scene_copy_file("UTF8_STRING", scene_file("copied"));
}

pid_t scene_copier(void)
{
	return scene.copier;
}

void scene_expect_paste(const char *text)
{
	char pasted[4096] = "";
	size_t size;
	FILE *file;

	scene_expect_target("UTF8_STRING");
	assert_int_equal(scene_run("xclip -selection clipboard -o -t UTF8_STRING > %s",
				   scene_file("pasted")),
			 0);
	file = fopen(scene_file("pasted"), "r");
	assert_non_null(file);
	size = fread(pasted, 1, sizeof(pasted) - 1, file);
	fclose(file);
	pasted[size] = '\0';
	assert_string_equal(pasted, text);
}

void scene_expect_target(const char *target)
{
	if (target[0])
		scene_expect("xclip -selection clipboard -o -t TARGETS 2>/dev/null | grep -qx %s",
			     target);
	else
		scene_expect("! xclip -selection clipboard -o -t TARGETS >/dev/null 2>&1");
}

void scene_expect_status(const char *key, const char *value)
{
	scene_expect("%s --status " SCENE_GUEST " --json 2>/dev/null | grep -q '\"%s\": %s,\\?$'",
		     getenv("SCENE_PROGRAM"), key, value);
}

int scene_connect(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s/evswitch/" SCENE_GUEST "-clipboard.sock",
		 scene.dir);
	assert_true(fd >= 0);
	for (int waited = 0; connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0; waited += 20) {
		assert_true(waited < SCENE_WAIT_MS);
		poll(NULL, 0, 20);
	}
	return fd;
}

/* --- all of it ----------------------------------------------------------------------------- */

pid_t scene_spawn_x_server(char display[static 16])
{
	char number[12] = "", fd[16];
	int ends[2];
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(ends, 0), 0);
	snprintf(fd, sizeof(fd), "%d", ends[1]);
	pid = scene_spawn((const char *const[]){ "Xvfb", "-displayfd", fd, "-nolisten", "tcp",
						 "-noreset", NULL },
			  NULL, scene_file("Xvfb"));
	close(ends[1]);
	got = read(ends[0], number, sizeof(number) - 1);
	close(ends[0]);
	assert_true(got > 0);
	number[strcspn(number, "\n")] = '\0';
	snprintf(display, 16, ":%s", number);
	return pid;
}

void scene_start_program(void)
{
	scene.program = scene_spawn(
		(const char *const[]){ getenv("SCENE_PROGRAM"), SCENE_GUEST, NULL }, NULL, NULL);
	scene_expect_status("desktop", "\"x11\"");
	scene_focus(scene.focus);
}

void scene_end_program(void)
{
	int status;

	kill(scene.program, SIGTERM);
	assert_int_equal(waitpid(scene.program, &status, 0), scene.program);
	assert_int_equal(status, 0);
	scene.program = 0;
}

void scene_start_without(const char *program)
{
	scene = (struct scene){ .dir = "/tmp/clipboard-XXXXXX",
				.listener = -1,
				.focus = SCENE_GUEST,
				.when = "focus",
				.direction = "both" };
	for (int i = 0; i < CLIENTS_MAX; i++)
		scene.client[i] = -1;
	pthread_mutex_init(&scene.lock, NULL);
	signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(scene.dir));
	setenv("XDG_RUNTIME_DIR", scene.dir, 1);
	setenv("SCENE_PROGRAM", program, 1);
	unsetenv("WAYLAND_DISPLAY");
	scene.server = scene_spawn_x_server(scene.display);
	setenv("DISPLAY", scene.display, 1);
	start_evswitch();
}

void scene_start(const char *program)
{
	scene_start_without(program);
	scene_start_program();
}

void scene_stop(void)
{
	scene_end(&scene.copier);
	scene_end(&scene.program);
	scene_end_evswitch();
	scene_end(&scene.server);
	scene_run("rm -r %s", scene.dir);
}
