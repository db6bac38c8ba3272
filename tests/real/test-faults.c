/* SPDX-License-Identifier: MIT */
/*
 * Each system call of evswitch fails once: from its start, through keys, motion, a switch that is refused,
 * a reload and a replugged mouse, to its end. Whatever it does then, it neither crashes nor hangs, and when
 * it is gone, no device is grabbed.
 *
 * With STRIDE in the environment only one call in so many is tried, from the one that SEED chooses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "now.h"
#include "stage.h"

#define REPORT "/tmp/evswitch-failed-call"
/* Until something that may not happen after a fault counts as not happening. */
#define PATIENCE_MS 10000

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void start(struct program *program, unsigned long at)
{
	static char conf[] = "/tmp/evswitch-faults.conf";
	char number[32];
	int fd = open(conf, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, STAGE_CONF, strlen(STAGE_CONF)), strlen(STAGE_CONF));
	close(fd);
	unlink(REPORT);
	program_place(); /* with keepers of its own */
	snprintf(number, sizeof(number), "%lu", at);
	program_exec(program, (const char *const[]){ "build/tests/real/inject", number, REPORT,
						     getenv("EVSWITCH") ?: "build/evswitch", "-c",
						     conf, NULL });
}

/* What a user does. Of what does not come, nothing is said: only the end counts. */
static void play(struct stage *stage)
{
	static char output[COMMAND_OUTPUT_MAX];

	if (!program_says(&stage->program, "is grabbed", PATIENCE_MS) ||
	    !program_says(&stage->program, "is grabbed", PATIENCE_MS))
		return;
	puppet_key(&stage->keyboard, KEY_A, 1);
	puppet_key(&stage->keyboard, KEY_A, 0);
	puppet_move(&stage->mouse, 1, 1);
	command_run("--switch one", output);
	puppet_key(&stage->keyboard, KEY_B, 1);
	puppet_key(&stage->mouse, BTN_LEFT, 1);
	command_run("--reload", output);
	puppet_key(&stage->keyboard, KEY_B, 0);
	puppet_key(&stage->mouse, BTN_LEFT, 0);
	puppet_unplug(&stage->mouse);
	puppet_plug(&stage->mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	program_says(&stage->program, "is grabbed", PATIENCE_MS);
	puppet_key(&stage->keyboard, KEY_C, 1);
}

/* The fault that was injected, in words; NULL if the program did not come so far. */
static const char *failed_call(void)
{
	static char text[64];
	FILE *file = fopen(REPORT, "re");
	int number;

	if (!file)
		return NULL;
	if (fscanf(file, "%d", &number) == 1)
		snprintf(text, sizeof(text), "system call number %d", number);
	fclose(file);
	return text;
}

static bool is_crash(int code)
{
	return code == 128 + SIGSEGV || code == 128 + SIGABRT || code == 128 + SIGBUS ||
	       code == 128 + SIGILL || code == 128 + SIGFPE || code == 128 + SIGKILL;
}

/* False if the call was not reached: there are no more. */
static bool fail_call(struct stage *stage, unsigned long at)
{
	const char *what;
	int code;

	start(&stage->program, at);
	play(stage);
	kill(stage->program.pid, SIGTERM);
	code = program_wait(&stage->program);
	what = failed_call();
	puppet_key(&stage->keyboard, KEY_C, 0);
	print_message("%lu: %s: exit code %d\n", at, what ?: "none", code);
	if (is_crash(code))
		fail_msg("call %lu (%s): evswitch ended by signal %d; it said:\n%s", at,
			 what ?: "none", code - 128, stage->program.log);
	if (node_is_grabbed(stage->keyboard.uinput.devnode) ||
	    node_is_grabbed(stage->mouse.uinput.devnode))
		fail_msg("call %lu (%s): a device is still grabbed", at, what ?: "none");
	return what != NULL;
}

static void test_each_call_fails(void **state)
{
	unsigned long stride = number_from("STRIDE", 1), n = 0;
	struct stage stage;

	(void)state;
	stage_plug(&stage);
	assert_int_equal(system("udevadm settle -t 300"), 0);
	for (unsigned long at = number_from("SEED", 1) % stride + 1; fail_call(&stage, at);
	     at += stride)
		n++;
	print_message("%lu faults\n", n);
	assert_true(n > 0);
	stage_unplug(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(test_each_call_fails,
								      world_reset) };

	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
