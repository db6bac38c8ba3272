/* SPDX-License-Identifier: MIT */
/* Files below a temporary directory. */
#include "check-machine.h"

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
#include "launch/launch.h"

#define CONF "/home/me/.config/evswitch/evswitch.conf"

static struct check_machine *the_machine;

static void look(const char *root, const char *devnode, struct access_facts *facts)
{
	*facts = the_machine->access;
	facts->is_uinput = strcmp(devnode, "/dev/uinput") == 0;
	if (!check_exists(&the_machine->system, devnode))
		facts->error = ENOENT;
	assert_string_equal(root, the_machine->root);
}

static int look_for_instance(uid_t *holder)
{
	*holder = the_machine->holder;
	return the_machine->instance;
}

static void furnish(struct check_machine *self)
{
	self->access = access_of_member;
	machine_file(self, "/dev/uinput", "%s", "");
	machine_file(self, "/sys/module/uinput/initstate", "live\n");
	machine_file(self, "/etc/modules-load.d/evswitch-uinput.conf", "# it\nuinput\n");
	machine_file(self, "/etc/systemd/user/evswitch.service", "[Unit]\n");
	machine_link(self, "/home/me/.config/systemd/user/default.target.wants/evswitch.service",
		     "/etc/systemd/user/evswitch.service");
	machine_file(self, "/var/lib/systemd/linger/me", "%s", "");
	machine_program(self, "systemctl", "echo ActiveState=active; echo NeedDaemonReload=no");
	machine_device(self, 3, "Acme Board", "ID_INPUT_KEYBOARD", "usb-Acme_Board-event-kbd");
	machine_device(self, 4, "Acme Mouse", "ID_INPUT_MOUSE", "usb-Acme_Mouse-event-mouse");
	machine_conf(self, "[device keyboard]\npath = /dev/input/by-id/usb-Acme_Board-event-kbd\n"
			   "[device mouse]\nname = Acme Mouse\n[guest win10]\n");
}

struct check_machine *check_machine_new(void)
{
	struct check_machine *self = calloc(1, sizeof(*self));
	char dir[] = "/tmp/evswitch-check-XXXXXX";

	umask(022);
	assert_non_null(self);
	the_machine = self;
	assert_non_null(mkdtemp(dir));
	assert_non_null(realpath(dir, self->root));
	self->system = (struct check_system){ .root = self->root,
					      .uid = 1000,
					      .user = "me",
					      .conf = CONF,
					      .access = look,
					      .instance = look_for_instance,
					      .config = "/home/me/.config",
					      .sockets = "/run/user/1000/evswitch" };
	snprintf(self->path, sizeof(self->path), "%.4000s/bin", dir);
	self->system.path = self->path;
	furnish(self);
	return self;
}

void check_machine_free(struct check_machine *self)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", self->root);
	assert_int_equal(system(command), 0);
	free(self);
}

struct check_machine *machine;

int machine_set_up(void **state)
{
	(void)state;
	machine = check_machine_new();
	return 0;
}

int machine_tear_down(void **state)
{
	(void)state;
	check_machine_free(machine);
	return 0;
}

/* The path below the root, whose directories exist then. */
static struct check_path below(const struct check_machine *self, const char *path)
{
	struct check_path whole = check_path(&self->system, path);
	char *slash = whole.text + strlen(self->root) + 1;

	for (; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(whole.text, 0755);
	}
	return whole;
}

void machine_file(struct check_machine *self, const char *path, const char *format, ...)
{
	FILE *file = fopen(below(self, path).text, "we");
	va_list args;

	assert_non_null(file);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fclose(file);
}

void machine_link(struct check_machine *self, const char *path, const char *to)
{
	struct check_path whole = below(self, path), target = { "" };

	snprintf(target.text, sizeof(target.text), "%s%s", to[0] == '/' ? self->root : "", to);
	unlink(whole.text);
	assert_int_equal(symlink(target.text, whole.text), 0);
}

void machine_conf(struct check_machine *self, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	machine_file(self, CONF, "%s%s", text, strstr(text, "[guest ") ? "" : "[guest win10]\n");
}

void machine_device(struct check_machine *self, unsigned number, const char *name, const char *use,
		    const char *by_id)
{
	char dir[64], path[PATH_MAX], node[64];

	snprintf(dir, sizeof(dir), "/sys/class/input/event%u", number);
	snprintf(node, sizeof(node), "/dev/input/event%u", number);
	snprintf(path, sizeof(path), "%s/dev", dir);
	machine_file(self, path, "13:%u\n", 64 + number);
	snprintf(path, sizeof(path), "%s/device/name", dir);
	machine_file(self, path, "%s\n", name);
	snprintf(path, sizeof(path), "%s/device/phys", dir);
	machine_file(self, path, "usb-1/input%u\n", number);
	snprintf(path, sizeof(path), "%s/device/id/vendor", dir);
	machine_file(self, path, "%04x\n", number);
	machine_file(self, node, "%s", "");
	snprintf(path, sizeof(path), "/run/udev/data/c13:%u", 64 + number);
	machine_file(self, path, "I:1\nE:ID_INPUT=1\nE:%s=1\n%s%s%s", use,
		     by_id ? "S:input/by-id/" : "", by_id ?: "", by_id ? "\n" : "");
	if (!by_id)
		return;
	snprintf(path, sizeof(path), "/dev/input/by-id/%s", by_id);
	machine_link(self, path, node);
}

void machine_remove(struct check_machine *self, const char *path)
{
	assert_int_equal(unlink(check_path(&self->system, path).text), 0);
}

void machine_program(struct check_machine *self, const char *name, const char *script)
{
	char path[64];

	snprintf(path, sizeof(path), "/bin/%s", name);
	machine_file(self, path, "#!/bin/sh\n%s\n", script);
	assert_int_equal(chmod(check_path(&self->system, path).text, 0755), 0);
}

/* The launcher finds programs by the PATH with which it starts. */
static void start_launcher(struct check_machine *self, struct launcher *launcher)
{
	char *before = strdup(getenv("PATH")), path[PATH_MAX];

	snprintf(path, sizeof(path), "%.3000s:/usr/bin:/bin", self->path);
	setenv("PATH", path, 1);
	assert_int_equal(launcher_start(launcher, NULL), 0);
	setenv("PATH", before, 1);
	free(before);
}

void machine_check(struct check_machine *self)
{
	struct launcher launcher = LAUNCHER_INIT;
	struct loop loop;

	self->report = (struct check_report){ 0 };
	start_launcher(self, &launcher);
	assert_int_equal(loop_init(&loop), 0);
	loop.launcher = &launcher;
	self->system.loop = &loop;
	check_all(&self->system, &self->report);
	launcher_stop(&launcher);
	loop_fini(&loop);
}

static bool has_code(const struct check_finding *finding, const char *code)
{
	return strcmp(check_entry(finding->code)->code, code) == 0;
}

const struct check_finding *machine_found(const struct check_machine *self, const char *code)
{
	for (unsigned i = 0; i < self->report.n; i++)
		if (has_code(&self->report.finding[i], code))
			return &self->report.finding[i];
	return NULL;
}

unsigned machine_count(const struct check_machine *self, const char *code)
{
	unsigned n = 0;

	for (unsigned i = 0; i < self->report.n; i++)
		n += has_code(&self->report.finding[i], code);
	return n;
}

void assert_found(const struct check_machine *self, const char *code, const char *what,
		  const char *fix)
{
	const struct check_finding *finding = machine_found(self, code);

	if (!finding) {
		check_print(stderr, &self->report);
		fail_msg("%s is not found", code);
		return;
	}
	if (machine_count(self, code) != 1 || !strstr(finding->what.text, what) ||
	    !strstr(finding->fix.text, fix)) {
		check_print(stderr, &self->report);
		fail_msg("%s does not say \"%s\" and \"%s\", once", code, what, fix);
	}
}

void assert_not_found(const struct check_machine *self, const char *code)
{
	if (!machine_found(self, code))
		return;
	check_print(stderr, &self->report);
	fail_msg("%s is found", code);
}
