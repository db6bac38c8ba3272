/* SPDX-License-Identifier: MIT */
/*
 * With a real libvirt: a domain followed from start to end and through the loss of its daemon, and
 * the guest's nodes attached to it while it runs. Needs libvirtd with its QEMU driver
 * (libvirt-daemon-system); it starts a libvirtd of its own.
 */
#include <errno.h>
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "rig.h"
#include "base/usock.h"
#include "base/util.h"
#include "world.h"

#define DOMAIN   "evswitch-test"
#define LIBVIRTD "/usr/sbin/libvirtd"
#define VIRTLOGD "/usr/sbin/virtlogd"
#define SOCKET   "/run/libvirt/libvirt-sock"

static pid_t virtlogd, libvirtd;

/* --- libvirt ----------------------------------------------------------------------------- */

static pid_t start_server(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Its file is there before it listens. */
static void await_server(const char *socket)
{
	long deadline = now_ms() + RIG_WAIT_MS;
	int fd;

	while ((fd = usock_connect(socket, SOCK_STREAM)) < 0) {
		if (now_ms() > deadline)
			fail_msg("%s: %s", socket, strerror(-fd));
		usleep(10000);
	}
	close(fd);
}

/* Until it is gone, since its pid file belongs to it as long. */
static void kill_server(pid_t *pid)
{
	if (*pid > 0)
		kill(*pid, SIGKILL);
	while (*pid > 0 && waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

static void start_libvirtd(void)
{
	libvirtd = start_server(LIBVIRTD);
	await_server(SOCKET);
}

static bool has_libvirt(void)
{
	return access(LIBVIRTD, X_OK) == 0 && access(VIRTLOGD, X_OK) == 0;
}

/* Runs virsh, which must succeed. */
static void virsh(const char *arguments)
{
	char command[512], text[1024] = "";
	FILE *out;
	int status;

	snprintf(command, sizeof(command), "virsh %s 2>&1", arguments);
	out = popen(command, "r");
	assert_non_null(out);
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	status = pclose(out);
	if (status != 0)
		fail_msg("virsh %s: %s", arguments, text);
}

/*
 * A machine without a system, with so many PCIe ports. QEMU removes devices from them by itself where
 * they are not under ACPI; else it waits for a guest that is not there.
 */
static void define_domain(unsigned ports, bool lets_go)
{
	FILE *out = fopen("/tmp/domain.xml", "w");

	assert_non_null(out);
	fputs("<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
	      "<name>" DOMAIN "</name><memory unit='MiB'>32</memory>"
	      "<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>"
	      "<emulator>/usr/bin/qemu-system-x86_64</emulator>"
	      "<controller type='usb' model='none'/><memballoon model='none'/>"
	      "<controller type='pci' model='pcie-root'/>",
	      out);
	while (ports--)
		fputs("<controller type='pci' model='pcie-root-port'/>", out);
	fprintf(out,
		"</devices><qemu:commandline><qemu:arg value='-global'/>"
		"<qemu:arg value='ICH9-LPC.acpi-pci-hotplug-with-bridge-support=%s'/>"
		"</qemu:commandline></domain>\n",
		lets_go ? "off" : "on");
	fclose(out);
	virsh("define /tmp/domain.xml");
}

static int set_up(void **state)
{
	(void)state;
	if (!has_libvirt())
		return 0;
	mkdir("/run/libvirt", 0755);
	virtlogd = start_server(VIRTLOGD);
	await_server("/run/libvirt/virtlogd-sock");
	start_libvirtd();
	virsh("list");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kill_server(&libvirtd);
	kill_server(&virtlogd);
	return 0;
}

static int reset(void **state)
{
	(void)!system("virsh destroy " DOMAIN " >/dev/null 2>&1; "
		      "virsh undefine " DOMAIN " >/dev/null 2>&1");
	return world_reset(state);
}

static void need_libvirt(void)
{
	if (has_libvirt())
		return;
	puts("skip: no libvirtd here (package libvirt-daemon-system)");
	skip();
}

/* virsh alone takes seconds to start in an emulated machine. */
static void open_rig(struct rig *rig, const char *via)
{
	rig_open(rig, via, DOMAIN, NULL);
	rig->attach.step_ms = 6 * ATTACH_STEP_MS;
}

static pid_t qemu_of_domain(void)
{
	FILE *file = fopen("/run/libvirt/qemu/" DOMAIN ".pid", "re");
	int pid = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	fclose(file);
	return pid;
}

/* Told, not judged: libvirt and virsh are emulated too. */
static void await_told(struct rig *rig, enum run_state state, const char *event, long since)
{
	rig_await_state(rig, state);
	print_message("%s: known after %ld ms\n", event, now_ms() - since);
}

/* --- tests ------------------------------------------------------------------------------- */

static void test_followed(void **state)
{
	struct rig rig;
	long since;

	(void)state;
	need_libvirt();
	open_rig(&rig, "virtio-input");
	rig_await_state(&rig, RUN_STATE_OFF); /* there is no such domain */
	define_domain(0, true);
	virsh("start " DOMAIN);
	rig_await_state(&rig, RUN_STATE_RUNNING);
	virsh("suspend " DOMAIN);
	await_told(&rig, RUN_STATE_PAUSED, "virsh suspend has ended", now_ms());
	virsh("resume " DOMAIN);
	rig_await_state(&rig, RUN_STATE_RUNNING);
	assert_int_equal(rig.resets, 0);
	virsh("reset " DOMAIN);
	for (int tries = 0; !rig.resets && tries < RIG_WAIT_MS / 20; tries++)
		rig_turn_for(&rig, 20);
	assert_true(rig.resets > 0);
	virsh("destroy " DOMAIN);
	await_told(&rig, RUN_STATE_OFF, "virsh destroy has ended", now_ms());
	virsh("start " DOMAIN " --paused");
	rig_await_state(&rig, RUN_STATE_PAUSED);
	virsh("resume " DOMAIN);
	rig_await_state(&rig, RUN_STATE_RUNNING);

	kill_server(&libvirtd);
	rig_await_state(&rig, RUN_STATE_UNKNOWN);
	start_libvirtd();
	rig_await_state(&rig, RUN_STATE_RUNNING);
	virsh("destroy " DOMAIN);
	rig_await_state(&rig, RUN_STATE_OFF);
	virsh("start " DOMAIN);
	rig_await_state(&rig, RUN_STATE_RUNNING);
	since = now_ms();
	kill(qemu_of_domain(), SIGKILL);
	await_told(&rig, RUN_STATE_OFF, "kill -9 of QEMU", since);
	virsh("undefine " DOMAIN);
	define_domain(0, true); /* another domain for libvirt, of the same name */
	virsh("start " DOMAIN);
	rig_await_state(&rig, RUN_STATE_RUNNING);
	rig_close(&rig);
}

static void test_virtio_input(void **state)
{
	struct rig rig;

	(void)state;
	need_libvirt();
	define_domain(4, true);
	virsh("start " DOMAIN);
	open_rig(&rig, "virtio-input");
	rig_await_state(&rig, RUN_STATE_RUNNING);
	rig_expect_held(&rig, false);
	for (int times = 0; times < 2; times++) {
		rig_expect(&rig, attach_add, 0);
		rig_expect_held(&rig, true);
		rig_expect(&rig, attach_remove, 0);
		rig_expect_held(&rig, false);
		rig_destroy_nodes(&rig);
		rig_make_nodes(&rig);
	}
	rig_expect(&rig, attach_remove, 0); /* there is nothing */
	rig_expect(&rig, attach_add, 0);
	virsh("destroy " DOMAIN);
	rig_await_state(&rig, RUN_STATE_OFF);
	rig_expect_held(&rig, false);
	rig_close(&rig);
}

/* virsh says that it detached them, and QEMU still has them. */
static void test_guest_does_not_let_go(void **state)
{
	struct rig rig;

	(void)state;
	need_libvirt();
	define_domain(3, false);
	virsh("start " DOMAIN);
	open_rig(&rig, "virtio-input");
	rig_await_state(&rig, RUN_STATE_RUNNING);
	rig_expect(&rig, attach_add, 0);
	rig_expect(&rig, attach_remove, -ETIMEDOUT);
	rig_expect_held(&rig, true);
	rig_begin(&rig, attach_remove);
	virsh("destroy " DOMAIN);
	assert_int_equal(rig_await_end(&rig), 0);
	rig_expect_held(&rig, false);
	rig_close(&rig);
}

/* Three or none. */
static void test_no_port_is_free(void **state)
{
	struct rig rig;

	(void)state;
	need_libvirt();
	define_domain(2, true);
	virsh("start " DOMAIN);
	open_rig(&rig, "virtio-input");
	rig_await_state(&rig, RUN_STATE_RUNNING);
	rig_expect(&rig, attach_add, -EIO);
	assert_non_null(strstr(rig.words, "model='pcie-root-port'"));
	rig_expect_held(&rig, false);
	rig_close(&rig);
}

/* libvirt can since 10.4; before, it is said so that one knows what to do. */
static void test_input_linux(void **state)
{
	struct rig rig;

	(void)state;
	need_libvirt();
	define_domain(0, true);
	virsh("start " DOMAIN);
	open_rig(&rig, "input-linux");
	rig_await_state(&rig, RUN_STATE_RUNNING);
	rig_begin(&rig, attach_add);
	if (rig_await_end(&rig) == 0) {
		rig_expect_held(&rig, true);
		rig_expect(&rig, attach_remove, 0);
	} else {
		assert_non_null(strstr(rig.words, "10.4"));
		assert_non_null(strstr(rig.words, "evswitch --xml"));
	}
	rig_expect_held(&rig, false);
	rig_close(&rig);
}

#define TEST(function) cmocka_unit_test_teardown(function, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_followed),
		TEST(test_virtio_input),
		TEST(test_guest_does_not_let_go),
		TEST(test_no_port_is_free),
		TEST(test_input_linux),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
