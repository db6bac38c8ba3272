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
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "attach.h"
#include "guest-xml.h"
#include "life.h"
#include "node.h"
#include "qemu.h"
#include "util.h"
#include "world.h"

#define MONITOR    "/tmp/evswitch-one.monitor"
#define SOCKET_DIR "/tmp/evswitch-sockets"
#define WAIT_MS    (2 * ATTACH_STEP_MS)

/* Ports whose devices QEMU lets go of by itself, as no guest has switched them on. */
#define PORTS_WITHOUT_GUEST                                                                        \
	"-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-device",                 \
		"pcie-root-port,id=rp0,chassis=1", "-device", "pcie-root-port,id=rp1,chassis=2",   \
		"-device", "pcie-root-port,id=rp2,chassis=3", "-device",                           \
		"pcie-root-port,id=rp3,chassis=4"

/* --- a guest, without the program -------------------------------------------------------- */

struct rig {
	struct loop loop;
	struct conf_guest guest;
	struct life life;
	struct attach attach;
	struct node node[SHAPE_NODES];
	bool has_node[SHAPE_NODES];
	struct qemu qemu;
	bool done;
	int rc;
	char words[ATTACH_WORDS_SIZE];
};

static const struct guest_place place = { SOCKET_DIR, "root" };

static void node_told(struct node *node)
{
	(void)node;
}

static const struct node_ops node_ops = { .lost = node_told, .leds = node_told };

static void told(struct life *life)
{
	attach_told(&container_of(life, struct rig, life)->attach);
}

static void told_nothing(struct life *life)
{
	(void)life;
}

static void told_event(struct life *life, const char *name, struct json_object *data)
{
	attach_event(&container_of(life, struct rig, life)->attach, name, data);
}

static const struct life_ops life_ops = { .state = told,
					  .reset = told_nothing,
					  .panicked = told_nothing,
					  .monitor = told,
					  .event = told_event };

static void make_nodes(struct rig *rig)
{
	static const struct shape_rules rules = { 0 };

	for (enum shape_node which = 0; which < SHAPE_NODES; which++) {
		char path[GUEST_PATH_SIZE];

		rig->node[which] = (struct node)NODE_INIT;
		assert_int_equal(
			node_open(&rig->node[which], &rig->loop, "one", which, &rules, &node_ops),
			0);
		rig->has_node[which] = true;
		guest_path(&rig->guest, which, SOCKET_DIR, path);
		wait_for_file(path);
		assert_int_equal(node_open_guard(&rig->node[which]), 0);
	}
}

static void destroy_nodes(struct rig *rig)
{
	for (enum shape_node which = 0; which < SHAPE_NODES; which++) {
		if (rig->has_node[which])
			node_close(&rig->node[which]);
		rig->has_node[which] = false;
	}
}

static void rig_open(struct rig *rig, const char *via)
{
	*rig = (struct rig){ .guest = { .name = "one", .qmp = (char *)MONITOR } };
	rig->guest.via = via;
	unlink(MONITOR);
	assert_int_equal(loop_init(&rig->loop), 0);
	assert_int_equal(life_open(&rig->life, &rig->loop, &rig->guest, &life_ops), 0);
	assert_int_equal(attach_init(&rig->attach, &rig->loop, &rig->life, SOCKET_DIR), 0);
	if (strcmp(via, "vhost-user") != 0)
		make_nodes(rig);
}

static void rig_close(struct rig *rig)
{
	qemu_kill(&rig->qemu, SIGKILL);
	life_close(&rig->life);
	attach_fini(&rig->attach);
	destroy_nodes(rig);
	loop_fini(&rig->loop);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void await_state(struct rig *rig, enum life_state state)
{
	for (long deadline = now_ms() + WAIT_MS; rig->life.state != state && now_ms() < deadline;)
		assert_int_equal(loop_turn(&rig->loop, 100), 0);
	assert_string_equal(life_state_name(rig->life.state), life_state_name(state));
}

static void start_qemu(struct rig *rig, const char *const *more)
{
	const char *args[32] = { "-qmp", "unix:" MONITOR ",server=on,wait=off" };

	for (unsigned n = 2; *more && n < ARRAY_SIZE(args) - 1; n++)
		args[n] = *more++;
	qemu_start(&rig->qemu, args);
	await_state(rig, LIFE_RUNNING);
}

/* --- adding and removing ----------------------------------------------------------------- */

static void on_done(struct attach *attach, int rc, const char *words)
{
	struct rig *rig = container_of(attach, struct rig, attach);

	assert_false(rig->done);
	assert_true((rc == 0) == (words == NULL));
	rig->done = true;
	rig->rc = rc;
	snprintf(rig->words, sizeof(rig->words), "%s", words ? words : "");
}

typedef int (*attach_call)(struct attach *attach, attach_fn done, const char **why);

static void begin(struct rig *rig, attach_call call)
{
	const char *why = "";

	rig->done = false;
	if (call(&rig->attach, on_done, &why))
		fail_msg("%s", why);
	assert_false(rig->done);
}

static int await_end(struct rig *rig)
{
	for (long deadline = now_ms() + WAIT_MS; !rig->done && now_ms() < deadline;)
		assert_int_equal(loop_turn(&rig->loop, 100), 0);
	assert_true(rig->done);
	return rig->rc;
}

static void expect(struct rig *rig, attach_call call, int rc)
{
	begin(rig, call);
	if (await_end(rig) != rc)
		fail_msg("%d instead of %d: %s", rig->rc, rc, rig->words);
}

static void expect_held(struct rig *rig, bool held)
{
	for (enum shape_node which = 0; which < SHAPE_NODES; which++)
		assert_int_equal(node_check(&rig->node[which]), held);
}

static void send_key(struct rig *rig, enum shape_node which, unsigned code, int value)
{
	static const struct input_event now;
	struct frame frame = { 0 };

	frame_put(&frame, &now, EV_KEY, code, value);
	frame_close(&frame, &now);
	assert_int_equal(node_send(&rig->node[which], &frame), 0);
}

static void type(struct rig *rig)
{
	send_key(rig, SHAPE_KEYBOARD, KEY_A, 1);
	send_key(rig, SHAPE_KEYBOARD, KEY_A, 0);
	qemu_expect(&rig->qemu, "+a -a");
	send_key(rig, SHAPE_MEDIA, KEY_MUTE, 1);
	send_key(rig, SHAPE_MEDIA, KEY_MUTE, 0);
	qemu_expect(&rig->qemu, "+audiomute -audiomute");
	send_key(rig, SHAPE_POINTER, BTN_LEFT, 1);
	send_key(rig, SHAPE_POINTER, BTN_LEFT, 0);
	qemu_expect(&rig->qemu, "+left -left");
}

static long cpu_ticks(const struct rig *rig)
{
	char path[64], text[1024], *at;
	long user, system;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)rig->qemu.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	at = strrchr(text, ')');
	assert_int_equal(sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
				&user, &system),
			 2);
	return user + system;
}

/* A QEMU that reads a node which is gone takes a processor whole: 100 ticks a second. */
static void expect_idle(struct rig *rig)
{
	long before = cpu_ticks(rig), ticks;

	sleep(2);
	ticks = cpu_ticks(rig) - before;
	if (ticks > 60)
		fail_msg("QEMU used %ld ticks in 2 s", ticks);
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

static void ask(struct rig *rig, const char *execute, struct answer *answer)
{
	*answer = (struct answer){ 0 };
	assert_non_null(life_qmp(&rig->life));
	assert_int_equal(qmp_command(life_qmp(&rig->life), execute, NULL, take_answer, answer), 0);
	for (long deadline = now_ms() + WAIT_MS; !answer->come && now_ms() < deadline;)
		assert_int_equal(loop_turn(&rig->loop, 100), 0);
	assert_true(answer->come);
}

static void expect_well(struct rig *rig)
{
	struct answer answer;

	expect_idle(rig);
	ask(rig, "query-status", &answer);
	assert_non_null(strstr(answer.text, "running"));
}

/* --- input-linux ------------------------------------------------------------------------- */

static void test_input_linux(void **state)
{
	static const char *const none[] = { NULL };
	struct rig rig;

	(void)state;
	rig_open(&rig, "input-linux");
	start_qemu(&rig, none);
	expect_held(&rig, false);
	for (int times = 0; times < 2; times++) {
		expect(&rig, attach_add, 0);
		expect_held(&rig, true);
		type(&rig);
		expect(&rig, attach_remove, 0);
		expect_held(&rig, false);
		destroy_nodes(&rig);
		expect_well(&rig);
		make_nodes(&rig);
	}
	expect(&rig, attach_remove, 0); /* there is nothing */
	rig_close(&rig);
}

/* What came by the command line that evswitch printed goes in the same way. */
static void test_input_linux_by_command_line(void **state)
{
	char text[2048] = "";
	const char *args[16] = { NULL };
	unsigned n = 0;
	struct rig rig;
	FILE *out;

	(void)state;
	rig_open(&rig, "input-linux");
	rig.guest.qmp = NULL; /* start_qemu adds the monitor */
	out = fmemopen(text, sizeof(text), "w");
	guest_args(out, &rig.guest, &place);
	fclose(out);
	rig.guest.qmp = (char *)MONITOR;
	for (char *word = strtok(text, " \n"); word; word = strtok(NULL, " \n"))
		args[n++] = word;
	assert_int_equal(n, 2 * SHAPE_NODES);
	start_qemu(&rig, args);
	expect_held(&rig, true);
	type(&rig);
	expect(&rig, attach_add, -EIO);
	assert_non_null(strstr(rig.words, "duplicate"));
	expect_held(&rig, true);
	expect(&rig, attach_remove, 0);
	expect_held(&rig, false);
	destroy_nodes(&rig);
	expect_well(&rig);
	rig_close(&rig);
}

/* --- virtio-input ------------------------------------------------------------------------ */

static void test_virtio_input(void **state)
{
	static const char *const q35[] = {
		"-M", "q35", PORTS_WITHOUT_GUEST, "-device", "virtio-rng-pci,bus=rp1", NULL
	};
	struct rig rig;

	(void)state;
	rig_open(&rig, "virtio-input");
	start_qemu(&rig, q35);
	for (int times = 0; times < 2; times++) {
		expect(&rig, attach_add, 0);
		expect_held(&rig, true);
		expect(&rig, attach_remove, 0);
		expect_held(&rig, false);
		destroy_nodes(&rig);
		expect_well(&rig);
		make_nodes(&rig);
	}
	rig_close(&rig);
}

/* Three or none: the two that were added go again when the third cannot be had. */
static void test_virtio_input_held_by_another(void **state)
{
	static const char *const q35[] = { "-M", "q35", PORTS_WITHOUT_GUEST, NULL };
	struct observer other = { .fd = -1 };
	struct rig rig;

	(void)state;
	rig_open(&rig, "virtio-input");
	start_qemu(&rig, q35);
	observer_open(&other, "evswitch/one/pointer");
	observer_grab(&other);
	expect(&rig, attach_add, -EIO);
	assert_non_null(strstr(rig.words, "exclusive access"));
	observer_close(&other);
	expect_held(&rig, false);
	expect(&rig, attach_add, 0);
	expect_held(&rig, true);
	rig_close(&rig);
}

static void test_no_port_is_free(void **state)
{
	static const char *const q35[] = { "-M", "q35", "-device",
					   "pcie-root-port,id=rp0,chassis=1", NULL };
	struct rig rig;

	(void)state;
	rig_open(&rig, "virtio-input");
	start_qemu(&rig, q35);
	expect(&rig, attach_add, -ENOSPC);
	assert_non_null(strstr(rig.words, "1 free PCIe ports and 3 are needed"));
	expect_held(&rig, false);
	rig_close(&rig);
}

/* A guest without an operating system never lets go: the nodes must stay until QEMU ends. */
static void test_guest_does_not_let_go(void **state)
{
	static const char *const pc[] = { NULL };
	struct rig rig;

	(void)state;
	rig_open(&rig, "virtio-input");
	start_qemu(&rig, pc);
	expect(&rig, attach_add, 0);
	expect_held(&rig, true);
	expect(&rig, attach_remove, -ETIMEDOUT);
	expect_held(&rig, true);
	begin(&rig, attach_remove);
	for (int turns = 0; turns < 5; turns++)
		assert_int_equal(loop_turn(&rig.loop, 100), 0);
	assert_false(rig.done);
	qemu_kill(&rig.qemu, SIGKILL);
	assert_int_equal(await_end(&rig), 0);
	assert_int_equal(rig.life.state, LIFE_OFF);
	rig_close(&rig);
}

static void test_qemu_dies_meanwhile(void **state)
{
	static const char *const none[] = { NULL };
	const char *why = NULL;
	struct rig rig;

	(void)state;
	rig_open(&rig, "input-linux");
	assert_int_equal(attach_add(&rig.attach, on_done, &why), -ENOTCONN);
	start_qemu(&rig, none);
	begin(&rig, attach_add);
	assert_int_equal(attach_remove(&rig.attach, on_done, &why), -EBUSY);
	qemu_kill(&rig.qemu, SIGKILL);
	assert_int_equal(await_end(&rig), -ENOTCONN);
	await_state(&rig, LIFE_OFF);
	expect_held(&rig, false);
	start_qemu(&rig, none);
	expect(&rig, attach_add, 0);
	type(&rig);
	rig_close(&rig);
}

/* --- vhost-user -------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	unlink(path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/*
 * A socket that is none of a device: QEMU connects and then refuses the device, in words of its own
 * for each version. Its chardev goes again, or the next attach_add could not use the id.
 */
static void test_vhost_user_is_undone(void **state)
{
	static const char *const q35[] = { "-M", "q35", PORTS_WITHOUT_GUEST, NULL };
	char path[GUEST_PATH_SIZE];
	struct answer answer;
	struct rig rig;
	int listener;

	(void)state;
	mkdir(SOCKET_DIR, 0700);
	rig_open(&rig, "vhost-user");
	start_qemu(&rig, q35);
	expect(&rig, attach_add, -EIO); /* nobody listens */
	assert_non_null(strstr(rig.words, "Failed to connect"));
	guest_path(&rig.guest, SHAPE_KEYBOARD, SOCKET_DIR, path);
	listener = listen_at(path);
	shutdown(listener, SHUT_RD);
	close(listener);
	expect(&rig, attach_add, -EIO);
	ask(&rig, "query-chardev", &answer);
	assert_null(strstr(answer.text, "evswitch-one"));
	rig_close(&rig);
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
