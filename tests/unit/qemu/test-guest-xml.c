/* SPDX-License-Identifier: MIT */
/*
 * What --xml and --qemu-args print, judged by those who read it: libvirt's schema, a shell and a real
 * QEMU. Needs virt-xml-validate (libvirt-clients) and qemu-system-x86_64.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "guest/channel.h"
#include "qemu/guest-xml.h"
#include "base/util.h"

#define QEMU     "qemu-system-x86_64"
#define WAIT_MS  30000
#define ODD_PATH "/tmp/ev'x\t&\"<,y--"

static const struct guest_env env = { "/run/evswitch", "me" };

/* --- texts ------------------------------------------------------------------------------- */

static struct conf_guest make_guest(const char *via, const char *qmp)
{
	return (struct conf_guest){ .name = "win-10_a.b--",
				    .line = 1,
				    .via = &channel_find(via)->conf,
				    .qmp = (char *)qmp };
}

static char *domain_of(const struct conf_guest *guest, const struct guest_env *where)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	guest_xml_domain(out, guest, &channel_of(guest->via)->qemu, where);
	fclose(out);
	return text;
}

static char *args_of(const struct conf_guest *guest, const struct guest_env *where)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	guest_args(out, guest, &channel_of(guest->via)->qemu, where);
	fclose(out);
	return text;
}

static char *element_of(const struct conf_guest *guest, enum shape_node node)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	guest_xml_element(out, guest, &channel_of(guest->via)->qemu, node);
	fclose(out);
	return text;
}

/* --- libvirt's schema -------------------------------------------------------------------- */

/* The least that the schema takes for a domain, the addition's elements merged into it. */
static void write_whole(FILE *out, const char *addition)
{
	static const char devices[] = "  <devices>\n";
	const char *at = strstr(addition, devices), *first = strchr(addition, '\n');

	assert_memory_equal(addition, "<domain", strlen("<domain"));
	fprintf(out, "<domain type='kvm'%.*s\n", (int)(first - addition) - 7, addition + 7);
	fputs("<name>a</name><memory>65536</memory><os><type>hvm</type></os>\n", out);
	if (!at) {
		fprintf(out, "%s<emulator>/usr/bin/" QEMU "</emulator></devices>", devices);
		fputs(first, out);
		return;
	}
	fprintf(out, "%.*s%s", (int)(at - first), first, devices);
	fprintf(out, "<emulator>/usr/bin/" QEMU "</emulator>%s", at + strlen(devices));
}

static bool schema_takes(const char *addition)
{
	char path[] = "/tmp/evswitch-xml-XXXXXX", command[128];
	int fd = mkstemp(path), status;
	FILE *out = fdopen(fd, "w");

	assert_non_null(out);
	write_whole(out, addition);
	fclose(out);
	snprintf(command, sizeof(command), "virt-xml-validate %s domain >%s.out 2>&1", path, path);
	status = system(command);
	unlink(path);
	if (status != 0) {
		snprintf(command, sizeof(command), "cat %s.out", path);
		assert_true(system(command) >= 0);
	}
	strcat(strcpy(command, path), ".out");
	unlink(command);
	return status == 0;
}

static void assert_schema_takes(const struct conf_guest *guest, const struct guest_env *where)
{
	autofree char *text = domain_of(guest, where);

	if (!schema_takes(text))
		fail_msg("the schema refuses:\n%s", text);
}

static void schema_takes_every_channel(void **state)
{
	static const char *const vias[] = { "input-linux", "virtio-input", "vhost-user", "qmp" };
	static const char *const monitors[] = { NULL, "/run/a.qmp", ODD_PATH };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vias); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(monitors); j++) {
			struct conf_guest guest = make_guest(vias[i], monitors[j]);
			struct guest_env odd = { j == 0 ? "/run/user/1--0/" : ODD_PATH, "a--b-" };

			assert_schema_takes(&guest, &odd);
			guest.clipboard = CONF_CLIPBOARD_FOCUS;
			assert_schema_takes(&guest, &odd);
		}
	}
}

/* That the schema is asked at all. */
static void schema_refuses_what_is_wrong(void **state)
{
	(void)state;
	assert_false(schema_takes("<domain>\n  <devices>\n    <input type='evdev'/>\n"
				  "  </devices>\n</domain>\n"));
	assert_false(schema_takes("<domain>\n  <qemu:commandline/>\n</domain>\n"));
}

static void root_step_only_where_needed(void **state)
{
	const struct conf_guest guest = make_guest("vhost-user", NULL);
	const struct guest_env user = { "/run/user/1000/evswitch", "me" };
	autofree char *system_wide = domain_of(&guest, &env), *own = domain_of(&guest, &user);

	(void)state;
	assert_null(strstr(system_wide, "tmpfiles"));
	assert_non_null(strstr(own, "'d /run/evswitch 0711 me root -'"));
	assert_non_null(strstr(own, "path=/run/user/1000/evswitch/win-10_a.b---keyboard.sock"));
}

/* Its channel is there, and with it the hint on the directory, only where the file asks for it. */
static void clipboard_only_where_asked(void **state)
{
	static const enum conf_clipboard asks[] = { CONF_CLIPBOARD_FOCUS, CONF_CLIPBOARD_ALWAYS };
	static const enum conf_clipboard not [] = { CONF_CLIPBOARD_UNSET, CONF_CLIPBOARD_NO };
	struct conf_guest guest = make_guest("virtio-input", NULL);
	const struct guest_env user = { "/run/user/1000/evswitch", "me" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		autofree char *domain = NULL, *args = NULL;

		guest.clipboard = asks[i];
		domain = domain_of(&guest, &user);
		args = args_of(&guest, &user);
		assert_non_null(strstr(
			domain, "    <channel type='unix'><source mode='connect' "
				"path='/run/user/1000/evswitch/win-10_a.b---clipboard.sock'>"
				"<reconnect enabled='yes' timeout='1'/></source>"
				"<target type='virtio' name='com.redhat.spice.0'/></channel>\n"
				"  </devices>\n"));
		assert_non_null(strstr(domain, "<channel type='spicevmc'>, put this in its place"));
		assert_non_null(strstr(domain, "'d /run/evswitch 0711 me root -'"));
		assert_non_null(strstr(args, "reconnect=1\n"));
	}
	for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
		autofree char *domain = NULL, *args = NULL;

		guest.clipboard = not [i];
		domain = domain_of(&guest, &user);
		args = args_of(&guest, &user);
		assert_null(strstr(domain, "channel"));
		assert_null(strstr(domain, "tmpfiles"));
		assert_null(strstr(args, "serial"));
	}
}

/* Runs the lines that have sudo, without it, and below 'dir' instead of /run and /etc. */
static void paste_commands(const char *text, const char *dir)
{
	autofree char *copy = strdup(text);
	char command[512];

	for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strstr(line, "sudo "))
			continue;
		snprintf(command, sizeof(command),
			 "printf '%%s' \"%s\" | sed 's,sudo ,,; s,[^ ]*/tmpfiles.d/,%s/,; "
			 "s, /run/evswitch$, %s/evswitch,' | sh >/dev/null",
			 line, dir, dir);
		assert_int_equal(system(command), 0);
	}
}

/* XML allows no two hyphens in a comment: a command that needs them would not be what it says. */
static void root_step_can_be_pasted(void **state)
{
	const struct conf_guest guest = make_guest("vhost-user", NULL);
	const struct guest_env user = { "/run/user/1000/evswitch", "root" };
	autofree char *text = domain_of(&guest, &user);
	char dir[] = "/tmp/evswitch-paste-XXXXXX", path[64];
	struct stat made;

	(void)state;
	assert_null(strstr(text, "- -"));
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(dir));
	paste_commands(text, dir);
	snprintf(path, sizeof(path), "%s/evswitch", dir);
	assert_int_equal(stat(path, &made), 0);
	assert_int_equal(made.st_mode, S_IFDIR | 0711);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/evswitch.conf", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* libvirt's own elements are what the domain has, one by one. */
static void elements_are_those_of_the_domain(void **state)
{
	static const char *const vias[] = { "input-linux", "virtio-input" };
	const struct conf_guest none = make_guest("vhost-user", NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(vias); i++) {
		const struct conf_guest guest = make_guest(vias[i], NULL);
		autofree char *whole = domain_of(&guest, &env);

		for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
			autofree char *element = element_of(&guest, node);

			assert_non_null(strstr(whole, element));
			assert_non_null(strstr(element, shape_node_name(node)));
		}
	}
	assert_false(guest_xml_element(stderr, &none, &channel_of(none.via)->qemu, SHAPE_KEYBOARD));
}

/* --- QEMU -------------------------------------------------------------------------------- */

struct child {
	pid_t pid;
	int out; /* its stdout and stderr */
};

/* Starts QEMU by a shell that puts these lines behind its own arguments. */
static struct child start(const char *machine, const char *lines)
{
	struct child child;
	char command[4096];
	int pipes[2];

	snprintf(command, sizeof(command),
		 "eval \"set -- $LINES\"; exec " QEMU " -nodefaults -display none -accel tcg -m 32 "
		 "-S -M %s \"$@\"",
		 machine);
	assert_int_equal(pipe(pipes), 0);
	child.pid = fork();
	if (child.pid == 0) {
		autofree char *flat = strdup(lines);

		for (char *at = flat; (at = strchr(at, '\n'));)
			*at = ' ';
		setenv("LINES", flat, 1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	child.out = pipes[0];
	return child;
}

/* What it says until it ends, or is ended. */
static void finish(struct child *child, int signo, char *text, size_t size)
{
	size_t used = 0;
	ssize_t got;

	if (signo)
		kill(child->pid, signo);
	while (used < size - 1 && (got = read(child->out, text + used, size - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	close(child->out);
	waitpid(child->pid, NULL, 0);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	return address;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int await_connection(int listener, const struct child *child)
{
	struct pollfd wait[] = { { .fd = listener, .events = POLLIN }, { .fd = child->out } };

	assert_true(poll(wait, 2, WAIT_MS) > 0);
	return wait[0].revents ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* Connects to the monitor once it is there; -1: it is not, nor will be. */
static int await_monitor(const char *path, const struct child *child)
{
	struct sockaddr_un address = address_of(path);

	for (int tries = 0; tries < WAIT_MS / 10; tries++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return fd;
		close(fd);
		if (waitpid(child->pid, NULL, WNOHANG) != 0)
			break;
		usleep(10000);
	}
	return -1;
}

static void expect_greeting(const char *path, struct child *child)
{
	int fd = await_monitor(path, child);
	char text[4096] = "";

	if (fd < 0) {
		finish(child, SIGKILL, text, sizeof(text));
		fail_msg("no monitor at %s: %s", path, text);
	}
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "{\"QMP\""));
	close(fd);
}

/* The monitor of a path that nobody would choose greets. */
static void qemu_makes_the_monitor(void **state)
{
	char dir[] = "/tmp/evswitch-args-XXXXXX", path[96], text[4096];
	struct conf_guest guest;
	autofree char *lines = NULL;
	struct child child;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a 'b',c\"$HOME", dir);
	guest = make_guest("qmp", path);
	lines = args_of(&guest, &env);
	child = start("q35", lines);
	expect_greeting(path, &child);
	finish(&child, SIGTERM, text, sizeof(text));
	unlink(path);
	assert_int_equal(rmdir(dir), 0);
}

/* QEMU connects to all three; what it then says of them is for the test of the device itself. */
static void qemu_connects_to_the_sockets(void **state)
{
	char dir[] = "/tmp/evswitch-args-XXXXXX", text[4096];
	const struct conf_guest guest = make_guest("vhost-user", NULL);
	struct guest_env own = { dir, "me" };
	autofree char *lines = NULL;
	struct child child;
	int listener[SHAPE_NODES];
	char path[SHAPE_NODES][GUEST_PATH_SIZE];

	(void)state;
	assert_non_null(mkdtemp(dir));
	lines = args_of(&guest, &own);
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		guest_path(&guest, &channel_of(guest.via)->qemu, node, dir, path[node]);
		listener[node] = listen_at(path[node]);
	}
	child = start("q35", lines);
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		int fd = await_connection(listener[node], &child);

		if (fd < 0) {
			finish(&child, SIGKILL, text, sizeof(text));
			fail_msg("no connection to %s: %s", path[node], text);
		}
		close(fd);
		close(listener[node]);
		unlink(path[node]);
	}
	finish(&child, SIGTERM, text, sizeof(text));
	assert_null(strstr(text, "Invalid parameter"));
	assert_null(strstr(text, "not a valid device"));
	assert_int_equal(rmdir(dir), 0);
}

/*
 * QEMU starts though nobody listens for the clipboard, and connects once somebody does. The directory's
 * name has what an option has to quote.
 */
static void qemu_connects_to_the_clipboard(void **state)
{
	char dir[] = "/tmp/evswitch-a,b'-XXXXXX", path[GUEST_PATH_SIZE], text[4096];
	char monitor[64];
	struct guest_env own = { dir, "me" };
	struct conf_guest guest;
	autofree char *lines = NULL;
	struct child child;
	int listener, fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(monitor, sizeof(monitor), "%s/qmp", dir);
	guest = make_guest("qmp", monitor);
	guest.clipboard = CONF_CLIPBOARD_FOCUS;
	lines = args_of(&guest, &own);
	child = start("q35", lines);
	expect_greeting(monitor, &child);
	guest_clipboard_path(&guest, dir, path);
	listener = listen_at(path);
	fd = await_connection(listener, &child);
	if (fd < 0) {
		finish(&child, SIGKILL, text, sizeof(text));
		fail_msg("no connection to %s: %s", path, text);
	}
	close(fd);
	close(listener);
	finish(&child, SIGTERM, text, sizeof(text));
	unlink(path);
	unlink(monitor);
	assert_int_equal(rmdir(dir), 0);
}

/* The values of the domain's <qemu:arg> as lines for a shell, with a device that needs no socket. */
static char *placed_devices(const char *domain)
{
	char *lines = NULL;
	size_t size;
	FILE *out = open_memstream(&lines, &size);
	const char *at = domain;

	assert_non_null(out);
	while ((at = strstr(at, "value='vhost-user-input-pci,"))) {
		const char *id = strstr(at, "id="), *bus = strstr(at, ",bus=");

		fprintf(out, "-device virtio-keyboard-pci,%.*s%.*s\n", (int)strcspn(id, ","), id,
			(int)strcspn(bus, "'"), bus);
		at++;
	}
	fclose(out);
	return lines;
}

/* The addresses that the XML names are free beside q35's own devices, and may be used together. */
static void qemu_takes_the_addresses(void **state)
{
	const struct conf_guest guest = make_guest("vhost-user", NULL);
	autofree char *domain = domain_of(&guest, &env), *lines = placed_devices(domain);
	autofree char *command = NULL;
	char text[8192];
	FILE *monitor;

	(void)state;
	for (char *at = lines; (at = strchr(at, '\n'));)
		*at = ' ';
	assert_true(asprintf(&command,
			     "printf 'info pci\nquit\n' | " QEMU
			     " -nodefaults -display none -S -M q35 "
			     "-accel tcg -m 32 -device ich9-usb-ehci1,addr=0x1d.7 "
			     "-device ich9-intel-hda,addr=0x1b -device i82801b11-bridge,addr=0x1e "
			     "-monitor stdio %s 2>&1",
			     lines) > 0);
	monitor = popen(command, "r");
	assert_non_null(monitor);
	text[fread(text, 1, sizeof(text) - 1, monitor)] = '\0';
	if (pclose(monitor) != 0)
		fail_msg("%s", text);
	for (int function = 0; function < SHAPE_NODES; function++) {
		char expected[64];

		snprintf(expected, sizeof(expected), "device  24, function %d:", function);
		assert_non_null(strstr(text, expected));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_takes_every_channel),
		cmocka_unit_test(schema_refuses_what_is_wrong),
		cmocka_unit_test(root_step_only_where_needed),
		cmocka_unit_test(root_step_can_be_pasted),
		cmocka_unit_test(elements_are_those_of_the_domain),
		cmocka_unit_test(clipboard_only_where_asked),
		cmocka_unit_test(qemu_makes_the_monitor),
		cmocka_unit_test(qemu_connects_to_the_clipboard),
		cmocka_unit_test(qemu_connects_to_the_sockets),
		cmocka_unit_test(qemu_takes_the_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
