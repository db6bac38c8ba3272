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

const char *scene_display(void)
{
	return scene.display;
}

/* Ends with the test program, whatever becomes of that. */
static pid_t spawn(const char *const *argv, int err)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	setpgid(0, 0);
	if (err >= 0)
		dup2(err, STDERR_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static void end(pid_t *pid)
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

/* Whether a command succeeds within SCENE_WAIT_MS: what it asks for tells nobody when it comes. */
static bool succeeds(const char *command)
{
	for (int waited = 0; waited < SCENE_WAIT_MS; waited += 20) {
		if (scene_run("%s", command) == 0)
			return true;
		poll(NULL, 0, 20);
	}
	return false;
}

void scene_copy_nothing(void)
{
	end(&scene.copier);
	scene_expect_target("");
}

/* The clipboard is xclip's until another program takes it. xclip says when it has it. */
void scene_copy_file(const char *target, const char *path)
{
	char said[256];
	int ends[2];

	end(&scene.copier);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	scene.copier = spawn((const char *const[]){ "xclip", "-quiet", "-selection", "clipboard",
						    "-t", target, "-i", path, NULL },
			     ends[1]);
	close(ends[1]);
	assert_true(read(ends[0], said, sizeof(said)) > 0);
	close(ends[0]);
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
	char command[256];

	if (target[0])
		snprintf(command, sizeof(command),
			 "xclip -selection clipboard -o -t TARGETS 2>/dev/null | grep -qx %s",
			 target);
	else
		snprintf(command, sizeof(command),
			 "! xclip -selection clipboard -o -t TARGETS >/dev/null 2>&1");
	assert_true(succeeds(command));
}

void scene_expect_status(const char *key, const char *value)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "%s --status " SCENE_GUEST " --json 2>/dev/null | grep -q '\"%s\": %s,\\?$'",
		 getenv("SCENE_PROGRAM"), key, value);
	assert_true(succeeds(command));
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

static void start_x_server(void)
{
	char number[16] = "";
	char fd_text[16];
	int ends[2];
	ssize_t got;

	assert_int_equal(pipe2(ends, 0), 0);
	snprintf(fd_text, sizeof(fd_text), "%d", ends[1]);
	scene.server = spawn((const char *const[]){ "Xvfb", "-displayfd", fd_text, "-nolisten",
						    "tcp", "-noreset", NULL },
			     -1);
	close(ends[1]);
	got = read(ends[0], number, sizeof(number) - 1);
	close(ends[0]);
	assert_true(got > 0);
	number[strcspn(number, "\n")] = '\0';
	snprintf(scene.display, sizeof(scene.display), ":%s", number);
	setenv("DISPLAY", scene.display, 1);
}

void scene_start(const char *program)
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
	start_x_server();
	start_evswitch();
	scene.program = spawn((const char *const[]){ program, SCENE_GUEST, NULL }, -1);
	scene_expect_status("desktop", "\"x11\"");
	scene_focus(SCENE_GUEST);
}

void scene_stop(void)
{
	end(&scene.copier);
	end(&scene.program);
	scene_end_evswitch();
	end(&scene.server);
	scene_run("rm -r %s", scene.dir);
}
