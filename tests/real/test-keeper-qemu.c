/* SPDX-License-Identifier: MIT */
/*
 * A real QEMU holds the nodes by input-linux while the daemon is killed and started again. By QEMU's own
 * trace its input goes on, and it neither spins on a node that is gone nor looks at another one.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "keepers.h"
#include "qemu.h"
#include "stage.h"
#include "base/util.h"

/* A toggle that shows nowhere, so that QEMU's trace has only what is played. */
#define CONF                                                                                       \
	"[evswitch]\ntoggle = pause\n"                                                             \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = input-linux\n"

#define KILLS 20
/* How long QEMU is looked at while no daemon is there, and how busy it may be: one that spins has 100 %. */
#define LOOK_MS     500
#define BUSY_MAX_PC 30

struct desk {
	struct stage stage;
	struct qemu qemu;
};

static void start_qemu(struct desk *desk)
{
	static const char *const names[] = { "keyboard", "media", "pointer" };
	const char *argv[2 * ARRAY_SIZE(names) + 1] = { 0 };
	char text[ARRAY_SIZE(names)][160];

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		char phys[64], devnode[64];

		snprintf(phys, sizeof(phys), "evswitch/one/%s", names[i]);
		assert_true(find_node(phys, devnode, WORLD_MS));
		snprintf(text[i], sizeof(text[i]), "input-linux,id=%s,evdev=%s%s", names[i],
			 devnode, i == 0 ? ",grab_all=on,repeat=on" : "");
		argv[2 * i] = "-object";
		argv[2 * i + 1] = text[i];
	}
	qemu_start(&desk->qemu, argv);
}

static void type(struct desk *desk, unsigned code)
{
	puppet_key(&desk->stage.keyboard, code, 1);
	puppet_key(&desk->stage.keyboard, code, 0);
}

static void expect_input(struct desk *desk)
{
	type(desk, KEY_PAUSE);
	program_expect(&desk->stage.program, "focus: one");
	type(desk, KEY_B);
	qemu_expect(&desk->qemu, "+b -b");
	puppet_move(&desk->stage.mouse, 3, -4);
	qemu_expect(&desk->qemu, "x+3 y-4");
	puppet_key(&desk->stage.mouse, BTN_RIGHT, 1);
	puppet_key(&desk->stage.mouse, BTN_RIGHT, 0);
	qemu_expect(&desk->qemu, "+right -right");
}

static void kill_while_held(struct desk *desk)
{
	puppet_key(&desk->stage.keyboard, KEY_A, 1);
	qemu_expect(&desk->qemu, "+a");
	puppet_key(&desk->stage.mouse, BTN_LEFT, 1);
	qemu_expect(&desk->qemu, "+left");
	program_signal(&desk->stage.program, SIGKILL);
	/* Two devices, whose order in QEMU is nobody's. */
	while (desk->qemu.n_down) {
		struct qemu_event event;

		if (!qemu_event(&desk->qemu, &event, WORLD_MS))
			fail_msg("QEMU has %s down for ever", desk->qemu.down[0]);
		assert_true(event.value == 0 || event.value == 2);
	}
	stage_expect_end(&desk->stage, 128 + SIGKILL);
	puppet_key(&desk->stage.keyboard, KEY_A, 0);
	puppet_key(&desk->stage.mouse, BTN_LEFT, 0);
}

/* In percent of one processor. */
static unsigned long busy(const struct desk *desk)
{
	unsigned long ticks = process_ticks(desk->qemu.pid);

	usleep(LOOK_MS * 1000); /* a period to measure, not a wait */
	ticks = process_ticks(desk->qemu.pid) - ticks;
	return ticks * 100 * 1000 / LOOK_MS / (unsigned long)sysconf(_SC_CLK_TCK);
}

static void test_qemu_outlives_daemons(void **state)
{
	unsigned long busiest = 0;
	struct desk desk;

	(void)state;
	stage_open(&desk.stage, CONF);
	start_qemu(&desk);
	for (unsigned i = 0; i < KILLS; i++) {
		unsigned long now;

		expect_input(&desk);
		kill_while_held(&desk);
		now = busy(&desk);
		busiest = now > busiest ? now : busiest;
		stage_start(&desk.stage, CONF);
	}
	expect_input(&desk);
	qemu_expect_nothing(&desk.qemu);
	printf("%d kills: without a daemon QEMU was busy for %lu %% at most\n", KILLS, busiest);
	assert_in_range(busiest, 0, BUSY_MAX_PC);
	qemu_kill(&desk.qemu, SIGTERM);
	stage_close(&desk.stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_qemu_outlives_daemons, qemu_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
