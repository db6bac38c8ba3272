/* SPDX-License-Identifier: MIT */
/*
 * Nothing that is typed is told to anyone: two users do the same with other keys, and all that evswitch
 * logs at its most talkative, answers to --status and --stats, and leaves in files is equal to the letter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/util.h"
#include "stage.h"

#define CONF(via)                                                                                  \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = " via "\n"                                                             \
	"[guest off]\nvia = input-linux\n" /* nobody opens its devices */

#define WORD   8
#define ROUNDS 4

struct typist {
	unsigned keys[WORD]; /* no two of them are next to each other in the other's word */
	unsigned button;
};

static const struct typist alice = { { KEY_Q, KEY_W, KEY_E, KEY_R, KEY_T, KEY_Y, KEY_1, KEY_2 },
				     BTN_LEFT };
static const struct typist bob = { { KEY_Z, KEY_X, KEY_C, KEY_V, KEY_B, KEY_N, KEY_9, KEY_0 },
				   BTN_RIGHT };

static char said[2][4 * COMMAND_OUTPUT_MAX];
static char *saying;

static void say(const char *text)
{
	size_t used = strlen(saying);

	snprintf(saying + used, sizeof(said[0]) - used, "%s\n", text);
}

static void say_output(const char *arguments)
{
	static char output[COMMAND_OUTPUT_MAX];

	command_run(arguments, output);
	say(output);
}

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The lines of two guests come in any order. */
static void say_sorted(char *log)
{
	char *lines[1024], *rest = log;
	size_t n = 0;

	for (char *line; n < ARRAY_SIZE(lines) && (line = strtok_r(rest, "\n", &rest));)
		lines[n++] = line;
	qsort(lines, n, sizeof(lines[0]), compare);
	for (size_t i = 0; i < n; i++)
		say(lines[i]);
}

/* Without the times that follow. How much was lost at an overflow is a matter of chance, so before one. */
static void say_counts(void)
{
	static char output[COMMAND_OUTPUT_MAX];
	char *times;

	assert_int_equal(command_run("--stats --json", output), EX_OK);
	times = strstr(output, "\"timed_every\"");
	assert_non_null(times);
	*times = '\0';
	say(output);
}

static void type_word(struct stage *stage, const struct typist *typist)
{
	for (unsigned i = 0; i < WORD; i++) {
		puppet_key(&stage->keyboard, typist->keys[i], 1);
		puppet_key(&stage->keyboard, typist->keys[i], 0);
	}
	puppet_key(&stage->mouse, typist->button, 1);
	puppet_key(&stage->mouse, typist->button, 0);
}

/* More than the queue holds, so that the kernel's state has to be compared. */
static void lose_events(struct stage *stage, const struct typist *typist)
{
	program_pause(&stage->program);
	for (unsigned i = 0; i < 16; i++)
		type_word(stage, typist);
	puppet_key(&stage->keyboard, typist->keys[0], 1);
	program_resume(&stage->program);
	program_expect(&stage->program, "events were lost");
	puppet_key(&stage->keyboard, typist->keys[0], 0);
}

static void unplug_with_a_key_down(struct stage *stage, const struct typist *typist)
{
	puppet_key(&stage->keyboard, typist->keys[1], 1);
	puppet_unplug(&stage->keyboard);
	program_expect(&stage->program, "is gone");
	puppet_plug(&stage->keyboard, PUPPET_KEYBOARD, "test keyboard", "test/keyboard", 0xc001);
	program_expect(&stage->program, "test keyboard) is grabbed");
}

static void say_files(void)
{
	static char output[COMMAND_OUTPUT_MAX];
	FILE *files = popen(
		"cd \"$XDG_RUNTIME_DIR\" && find . /tmp /run/evswitch -newer /tmp/evswitch-since "
		"-type f -printf '%f %s\\n' 2>/dev/null | sort",
		"re");
	size_t size = fread(output, 1, sizeof(output) - 1, files);

	pclose(files);
	output[size] = '\0';
	say(output);
}

/* What differs from run to run by itself: numbers of nodes and processes, names of files, times. */
static void hide_chance(char *text)
{
	static const char *const patterns[] = {
		"event[0-9]+", "evswitch-(test|run)-[A-Za-z0-9]{6}",
		"\"[a-z0-9_]*(pid|_ns|second|seconds|_us|late|early)\": *[0-9.]+", "pid [0-9]+",
		"[0-9.]+ (us|ms|s)\\b"
	};

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		regmatch_t match;
		regex_t regex;

		assert_int_equal(regcomp(&regex, patterns[i], REG_EXTENDED), 0);
		for (char *at = text; regexec(&regex, at, 1, &match, 0) == 0;
		     at += match.rm_so + 1) {
			memmove(at + match.rm_so + 1, at + match.rm_eo,
				strlen(at + match.rm_eo) + 1);
			at[match.rm_so] = '#';
		}
		regfree(&regex);
	}
}

static void play(const struct typist *typist, const char *conf, char *into)
{
	struct stage stage;

	saying = into;
	saying[0] = '\0';
	program_place();
	assert_int_equal(system("touch /tmp/evswitch-since"), 0);
	stage_open(&stage, conf);
	stage_guest_up(&stage);
	type_word(&stage, typist);
	process_await_sleep(stage.program.pid);
	stage_drain_host(&stage);
	stage_focus_guest(&stage);
	type_word(&stage, typist);
	command_expect("--switch off", EX_UNAVAILABLE, "");
	stage_drain_guest(&stage);
	process_await_sleep(stage.program.pid);
	say_counts();
	say_output("--status");
	lose_events(&stage, typist);
	unplug_with_a_key_down(&stage, typist);
	stage_focus_host(&stage);
	say_output("--status --json");
	say_files();
	puppet_key(&stage.keyboard, typist->keys[2], 1);
	program_stop(&stage.program);
	say_sorted(stage.program.log);
	stage_unplug(&stage);
	keeper_await_gone("one");
	keeper_await_gone("off");
	hide_chance(into);
}

static void play_both(const char *conf)
{
	play(&alice, conf, said[0]);
	play(&bob, conf, said[1]);
	/* It has to have said something to be worth comparing. */
	assert_non_null(strstr(said[0], "events were lost"));
	assert_non_null(strstr(said[0], "is gone"));
	assert_non_null(strstr(said[0], "\"frames\""));
}

/* Returns whether both said the same; if not, shows where they part. */
static bool said_the_same(void)
{
	const char *first = said[0], *second = said[1];

	while (*first && *first == *second) {
		first++;
		second++;
	}
	if (!*first && !*second)
		return true;
	print_message("one says:\n%.300s\n--- and with other keys:\n%.300s\n", first, second);
	return false;
}

/*
 * A machine that is slow for a moment makes one of them say more, such as that it waits for udev. What the
 * keys change differs in every round, what chance changes does not.
 */
static void same_with_other_keys(void **state)
{
	bool same = false;

	for (unsigned round = 0; round < ROUNDS && !same; round++) {
		play_both(*state);
		same = said_the_same();
	}
	assert_true(same);
}

#define OF(conf)                                                                                   \
	cmocka_unit_test_prestate_setup_teardown(same_with_other_keys, NULL, world_reset, conf)

int main(void)
{
	static char input_linux[] = CONF("input-linux"), virtio[] = CONF("virtio-input");
	const struct CMUnitTest tests[] = { OF(input_linux), OF(virtio) };

	return cmocka_run_group_tests_name("secrecy", tests, NULL, NULL);
}
