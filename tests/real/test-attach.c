/* SPDX-License-Identifier: MIT */
/* Against a real QEMU that runs already: nodes given to it and taken away again by its monitor. */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "qemu/attach.h"
#include "qemu/guest-xml.h"
#include "qemu.h"
#include "rig.h"
#include "base/util.h"
#include "world.h"

#define MONITOR "/tmp/evswitch-one.monitor"

struct bench {
	struct rig rig;
	struct qemu qemu;
};

static const struct guest_env env = { RIG_SOCKET_DIR, "root" };

static void bench_open(struct bench *bench, const char *via)
{
	*bench = (struct bench){ .qemu.pid = 0 };
	unlink(MONITOR);
	rig_open(&bench->rig, via, NULL, MONITOR);
}

static void bench_close(struct bench *bench)
{
	qemu_kill(&bench->qemu, SIGKILL);
	rig_close(&bench->rig);
}

static void start_qemu(struct bench *bench, const char *const *more)
{
	const char *args[32] = { "-qmp", "unix:" MONITOR ",server=on,wait=off" };

	for (unsigned n = 2; *more && n < ARRAY_SIZE(args) - 1; n++)
		args[n] = *more++;
	qemu_start(&bench->qemu, args);
	rig_await_state(&bench->rig, RUN_STATE_RUNNING);
}

static void type(struct bench *bench)
{
	rig_send_key(&bench->rig, SHAPE_KEYBOARD, KEY_A, 1);
	rig_send_key(&bench->rig, SHAPE_KEYBOARD, KEY_A, 0);
	qemu_expect(&bench->qemu, "+a -a");
	rig_send_key(&bench->rig, SHAPE_MEDIA, KEY_MUTE, 1);
	rig_send_key(&bench->rig, SHAPE_MEDIA, KEY_MUTE, 0);
	qemu_expect(&bench->qemu, "+audiomute -audiomute");
	rig_send_key(&bench->rig, SHAPE_POINTER, BTN_LEFT, 1);
	rig_send_key(&bench->rig, SHAPE_POINTER, BTN_LEFT, 0);
	qemu_expect(&bench->qemu, "+left -left");
}

/* A QEMU that reads a node which is gone takes a processor whole: 100 ticks a second. */
static void expect_idle(struct bench *bench)
{
	unsigned long ticks = process_ticks(bench->qemu.pid);

	sleep(2);
	ticks = process_ticks(bench->qemu.pid) - ticks;
	if (ticks > 60)
		fail_msg("QEMU used %lu ticks in 2 s", ticks);
}

struct answer {
	bool come;
	char text[4096];
};

static void take_answer(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct answer *answer = ctx;

	(void)qmp;
	answer->come = true;
	snprintf(answer->text, sizeof(answer->text), "%s",
		 error ? error : json_object_to_json_string(result));
}

static void ask(struct bench *bench, const char *execute, struct answer *answer)
{
	*answer = (struct answer){ 0 };
	assert_non_null(vm_qmp(&bench->rig.vm));
	assert_int_equal(qmp_command(vm_qmp(&bench->rig.vm), execute, NULL, take_answer, answer),
			 0);
	for (int tries = 0; !answer->come && tries < RIG_WAIT_MS / 20; tries++)
		rig_turn_for(&bench->rig, 20);
	assert_true(answer->come);
}

static void expect_well(struct bench *bench)
{
	struct answer answer;

	expect_idle(bench);
	ask(bench, "query-status", &answer);
	assert_non_null(strstr(answer.text, "running"));
}

/* --- input-linux ------------------------------------------------------------------------- */

static void test_input_linux(void **state)
{
	static const char *const none[] = { NULL };
	struct bench bench;

	(void)state;
	bench_open(&bench, "input-linux");
	start_qemu(&bench, none);
	rig_expect_held(&bench.rig, false);
	for (int times = 0; times < 2; times++) {
		rig_expect(&bench.rig, attach_add, 0);
		rig_expect_held(&bench.rig, true);
		type(&bench);
		rig_expect(&bench.rig, attach_remove, 0);
		rig_expect_held(&bench.rig, false);
		rig_destroy_nodes(&bench.rig);
		expect_well(&bench);
		rig_make_nodes(&bench.rig);
	}
	rig_expect(&bench.rig, attach_remove, 0); /* there is nothing */
	bench_close(&bench);
}

/* What came by the command line that evswitch printed goes in the same way. */
static void test_input_linux_by_command_line(void **state)
{
	char text[2048] = "";
	const char *args[16] = { NULL };
	unsigned n = 0;
	struct bench bench;
	FILE *out;

	(void)state;
	bench_open(&bench, "input-linux");
	bench.rig.guest.qmp = NULL; /* start_qemu adds the monitor */
	out = fmemopen(text, sizeof(text), "w");
	guest_args(out, &bench.rig.guest, bench.rig.attach.channel, &env);
	fclose(out);
	bench.rig.guest.qmp = (char *)MONITOR;
	for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n"))
		args[n++] = word;
	assert_int_equal(n, 2 * SHAPE_NODES);
	start_qemu(&bench, args);
	rig_expect_held(&bench.rig, true);
	type(&bench);
	rig_expect(&bench.rig, attach_add, -EIO);
	assert_non_null(strstr(bench.rig.words, "duplicate"));
	rig_expect_held(&bench.rig, true);
	rig_expect(&bench.rig, attach_remove, 0);
	rig_expect_held(&bench.rig, false);
	rig_destroy_nodes(&bench.rig);
	expect_well(&bench);
	bench_close(&bench);
}

/* --- virtio-input ------------------------------------------------------------------------ */

static void test_virtio_input(void **state)
{
	static const char *const q35[] = {
		"-M", "q35", QEMU_PORTS_WITHOUT_GUEST, "-device", "virtio-rng-pci,bus=rp1", NULL
	};
	struct bench bench;

	(void)state;
	bench_open(&bench, "virtio-input");
	start_qemu(&bench, q35);
	for (int times = 0; times < 2; times++) {
		rig_expect(&bench.rig, attach_add, 0);
		rig_expect_held(&bench.rig, true);
		rig_expect(&bench.rig, attach_remove, 0);
		rig_expect_held(&bench.rig, false);
		rig_destroy_nodes(&bench.rig);
		expect_well(&bench);
		rig_make_nodes(&bench.rig);
	}
	bench_close(&bench);
}

/* Three or none: the two that were added go again when the third cannot be had. */
static void test_virtio_input_held_by_another(void **state)
{
	static const char *const q35[] = { "-M", "q35", QEMU_PORTS_WITHOUT_GUEST, NULL };
	struct observer other = { .fd = -1 };
	struct bench bench;

	(void)state;
	bench_open(&bench, "virtio-input");
	start_qemu(&bench, q35);
	observer_open(&other, "evswitch/one/pointer");
	observer_grab(&other);
	rig_expect(&bench.rig, attach_add, -EIO);
	assert_non_null(strstr(bench.rig.words, "exclusive access"));
	observer_close(&other);
	rig_expect_held(&bench.rig, false);
	rig_expect(&bench.rig, attach_add, 0);
	rig_expect_held(&bench.rig, true);
	bench_close(&bench);
}

static void test_no_port_is_free(void **state)
{
	static const char *const q35[] = { "-M", "q35", "-device",
					   "pcie-root-port,id=rp0,chassis=1", NULL };
	struct bench bench;

	(void)state;
	bench_open(&bench, "virtio-input");
	start_qemu(&bench, q35);
	rig_expect(&bench.rig, attach_add, -ENOSPC);
	assert_non_null(strstr(bench.rig.words, "1 free PCIe ports and 3 are needed"));
	rig_expect_held(&bench.rig, false);
	bench_close(&bench);
}

/* A guest without an operating system never lets go: the nodes must stay until QEMU ends. */
static void test_guest_does_not_let_go(void **state)
{
	static const char *const pc[] = { NULL };
	struct bench bench;

	(void)state;
	bench_open(&bench, "virtio-input");
	start_qemu(&bench, pc);
	rig_expect(&bench.rig, attach_add, 0);
	rig_expect_held(&bench.rig, true);
	bench.rig.attach.step_ms = 1000;
	rig_expect(&bench.rig, attach_remove, -ETIMEDOUT);
	bench.rig.attach.step_ms = ATTACH_STEP_MS;
	rig_expect_held(&bench.rig, true);
	rig_begin(&bench.rig, attach_remove);
	rig_turn_for(&bench.rig, 500);
	assert_false(bench.rig.done);
	qemu_kill(&bench.qemu, SIGKILL);
	assert_int_equal(rig_await_end(&bench.rig), 0);
	assert_int_equal(bench.rig.vm.state, RUN_STATE_OFF);
	bench_close(&bench);
}

static void test_qemu_dies_meanwhile(void **state)
{
	static const char *const none[] = { NULL };
	const char *why = NULL;
	struct bench bench;

	(void)state;
	bench_open(&bench, "input-linux");
	assert_int_equal(attach_add(&bench.rig.attach, NULL, &why), -ENOTCONN);
	start_qemu(&bench, none);
	rig_begin(&bench.rig, attach_add);
	assert_int_equal(attach_remove(&bench.rig.attach, NULL, &why), -EBUSY);
	qemu_kill(&bench.qemu, SIGKILL);
	assert_int_equal(rig_await_end(&bench.rig), -ENOTCONN);
	rig_await_state(&bench.rig, RUN_STATE_OFF);
	rig_expect_held(&bench.rig, false);
	start_qemu(&bench, none);
	rig_expect(&bench.rig, attach_add, 0);
	rig_expect_held(&bench.rig, true);
	type(&bench);
	bench_close(&bench);
}

/* --- vhost-user -------------------------------------------------------------------------- */

/* A process that takes one connection at 'path' and closes it again. */
static pid_t take_and_close(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (pid == 0)
		_exit(accept(fd, NULL, NULL) < 0);
	close(fd);
	return pid;
}

/*
 * A socket with no device behind it: QEMU connects and then refuses the device, each version in
 * words of its own. The chardev must go again, or its id could not be used another time.
 */
static void test_vhost_user_is_undone(void **state)
{
	static const char *const q35[] = { "-M", "q35", QEMU_PORTS_WITHOUT_GUEST, NULL };
	char path[GUEST_PATH_SIZE];
	struct answer answer;
	struct bench bench;
	int status = -1;
	pid_t pid;

	(void)state;
	mkdir(RIG_SOCKET_DIR, 0700);
	bench_open(&bench, "vhost-user");
	start_qemu(&bench, q35);
	rig_expect(&bench.rig, attach_add, -EIO);
	assert_non_null(strstr(bench.rig.words, "Failed to connect"));
	guest_path(&bench.rig.guest, bench.rig.attach.channel, SHAPE_KEYBOARD, RIG_SOCKET_DIR,
		   path);
	pid = take_and_close(path);
	rig_expect(&bench.rig, attach_add, -EIO);
	assert_null(strstr(bench.rig.words, "Failed to connect"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ask(&bench, "query-chardev", &answer);
	assert_null(strstr(answer.text, "evswitch-one-keyboard"));
	bench_close(&bench);
}

#define TEST(function) cmocka_unit_test_teardown(function, qemu_reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_input_linux),         TEST(test_input_linux_by_command_line),
		TEST(test_virtio_input),        TEST(test_virtio_input_held_by_another),
		TEST(test_no_port_is_free),     TEST(test_guest_does_not_let_go),
		TEST(test_qemu_dies_meanwhile), TEST(test_vhost_user_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
