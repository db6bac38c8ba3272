/* SPDX-License-Identifier: MIT */
/*
 * A hundred devices come and go, again and again, while a user types: no key is lost or stuck, what they
 * cost evswitch grows with their number and not with its square, and the next device is matched at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "core/router.h"
#include "play.h"

#define DEVICES 100
#define CONF                                                                                       \
	STAGE_CONF "[device third]\nname = test third\n"                                           \
		   "[device storm]\nname = test storm\n"

static struct puppet storm[DEVICES];

/* udev has seen to all that came before this. */
static void settle(void)
{
	assert_int_equal(system("udevadm settle -t 300"), 0);
}

static void plug_storm(unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++) {
		char phys[32];

		snprintf(phys, sizeof(phys), "test/storm-%u", i);
		puppet_plug(&storm[i], i % 2 ? PUPPET_KEYBOARD : PUPPET_MOUSE, name, phys, 0xc004);
	}
	settle();
}

static void unplug_storm(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		puppet_unplug(&storm[i]);
	settle();
}

/* A device that has not been there before is grabbed, and typed on; and gone again. */
static void expect_matched(struct stage *stage)
{
	struct observer host;
	struct puppet third;

	puppet_plug(&third, PUPPET_KEYBOARD, "test third", "test/third", 0xc003);
	program_expect(&stage->program, "test third) is grabbed");
	observer_open(&host, "evswitch/host/third");
	puppet_type(&third, KEY_B);
	observer_expect_typed(&host, KEY_B);
	observer_close(&host);
	puppet_unplug(&third);
	program_expect(&stage->program, "is gone");
}

/* The processor time of its first thread so far. */
static unsigned long long used_ns(const struct stage *stage)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", stage->program.pid,
		 stage->program.pid);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &ns), 1);
	fclose(file);
	return ns;
}

static struct play *start(struct stage *stage)
{
	struct play *play = play_start();

	stage_open(stage, CONF);
	play_read(play, &stage->host_keyboard, &stage->host_mouse);
	play_hands(play, stage);
	return play;
}

static void finish(struct play *play, struct stage *stage)
{
	play_let(play, 5);
	play_end(play, false);
	stage_close(stage);
}

/* Devices of others. */
static void test_foreign_devices(void **state)
{
	struct stage stage;
	struct play *play;

	(void)state;
	play = start(&stage);
	for (unsigned round = 0; round < 2; round++) {
		play_let(play, 5);
		plug_storm(DEVICES, "test stranger");
		expect_matched(&stage);
		unplug_storm(DEVICES);
		expect_matched(&stage);
	}
	finish(play, &stage);
}

/* As many as it takes, and more. The places of those that are gone are others' if there is no other. */
static void test_own_devices(void **state)
{
	struct stage stage;
	struct play *play;

	(void)state;
	play = start(&stage);
	play_let(play, 5);
	plug_storm(DEVICES, "test storm");
	for (unsigned i = 0; i < ROUTER_DEVICES - 2; i++)
		program_expect(&stage.program, "test storm) is grabbed");
	unplug_storm(DEVICES);
	for (unsigned i = 0; i < ROUTER_DEVICES - 2; i++)
		program_expect(&stage.program, "is gone");
	expect_matched(&stage);
	finish(play, &stage);
}

static unsigned long long cost(struct stage *stage, unsigned n)
{
	unsigned long long before = used_ns(stage);

	plug_storm(n, "test stranger");
	unplug_storm(n);
	expect_matched(stage); /* then it has heard of all of them */
	return used_ns(stage) - before;
}

/* Twice as many cost twice as much, not four times. */
static void test_cost(void **state)
{
	unsigned long long half, whole;
	struct stage stage;

	(void)state;
	stage_open(&stage, CONF);
	cost(&stage, 1);
	half = cost(&stage, DEVICES / 2);
	whole = cost(&stage, DEVICES);
	printf("%u devices: %llu us of processor time, %u: %llu us\n", DEVICES / 2, half / 1000,
	       DEVICES, whole / 1000);
	assert_true(whole < half * 3);
	stage_close(&stage);
}

#define TEST(name) cmocka_unit_test_teardown(name, play_reset)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_foreign_devices),
		TEST(test_own_devices),
		TEST(test_cost),
	};

	return cmocka_run_group_tests_name("storm", tests, NULL, NULL);
}
