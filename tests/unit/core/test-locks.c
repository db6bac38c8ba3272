/* SPDX-License-Identifier: MIT */
/* Which lock keys are tapped at a switch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/input.h>
#include <string.h>

#include "core/locks.h"

enum { HOST, ONE, TWO };

#define NUM    (1U << LED_NUML)
#define CAPS   (1U << LED_CAPSL)
#define SCROLL (1U << LED_SCROLLL)

static const struct locks_state unknown;

static struct locks_state shows(unsigned leds)
{
	return (struct locks_state){ LOCKS_ALL, (uint16_t)leds };
}

static unsigned follow(struct locks *locks, unsigned from, unsigned left, unsigned to,
		       unsigned entered, unsigned held)
{
	const struct locks_state a = shows(left), b = shows(entered);

	return locks_follow(locks, from, &a, to, &b, (uint16_t)held);
}

static void differences_are_tapped(void **state)
{
	struct locks locks = { 0 };

	(void)state;
	assert_int_equal(follow(&locks, HOST, CAPS, ONE, 0, 0), CAPS);
	assert_int_equal(follow(&locks, HOST, CAPS | NUM, TWO, NUM | SCROLL, 0), CAPS | SCROLL);
	/* LEDs that are no locks do not count. */
	memset(&locks, 0, sizeof(locks));
	assert_int_equal(follow(&locks, HOST, 1U << LED_MUTE, ONE, 0, 0), 0);
	assert_int_equal(follow(&locks, HOST, CAPS, ONE, CAPS, 0), 0);
	assert_int_equal(follow(&locks, ONE, CAPS, ONE, 0, 0), 0);
}

static void nothing_without_knowledge(void **state)
{
	const struct locks_state caps = shows(CAPS), only_num = { NUM, 0 };
	struct locks locks = { 0 };

	(void)state;
	assert_int_equal(locks_follow(&locks, HOST, &caps, ONE, &unknown, 0), 0);
	assert_int_equal(locks_follow(&locks, HOST, &caps, ONE, &only_num, 0), 0);
	assert_int_equal(locks_follow(&locks, ONE, &unknown, HOST, &caps, 0), 0);
}

static void held_keys_are_left_alone(void **state)
{
	struct locks locks = { 0 };

	(void)state;
	assert_int_equal(follow(&locks, HOST, CAPS | NUM, ONE, 0, CAPS), NUM);
	/* It was not tapped, so it may be the next time. */
	assert_int_equal(follow(&locks, HOST, CAPS | NUM, ONE, NUM, 0), CAPS);
}

/* A guest that ignores the key gets one tap, however often the focus comes and goes. */
static void no_loop(void **state)
{
	struct locks locks = { 0 };

	(void)state;
	assert_int_equal(follow(&locks, HOST, CAPS, ONE, 0, 0), CAPS);
	for (unsigned i = 0; i < 10; i++) {
		/* Neither does the host lose its state to a LED that is merely late. */
		assert_int_equal(follow(&locks, ONE, 0, HOST, CAPS, 0), 0);
		assert_int_equal(follow(&locks, HOST, CAPS, ONE, 0, 0), 0);
	}
	locks_shown(&locks, ONE, NUM);
	assert_int_equal(follow(&locks, ONE, NUM, HOST, CAPS, 0), NUM);
	/* Now it shows. */
	locks_shown(&locks, ONE, CAPS | NUM);
	locks_shown(&locks, HOST, CAPS | NUM);
	assert_int_equal(follow(&locks, ONE, CAPS | NUM, HOST, CAPS | NUM, 0), 0);
	assert_int_equal(follow(&locks, HOST, NUM, ONE, CAPS | NUM, 0), CAPS);
}

static void reset_forgets(void **state)
{
	struct locks locks = { 0 };

	(void)state;
	assert_int_equal(follow(&locks, HOST, LOCKS_ALL, ONE, 0, 0), LOCKS_ALL);
	locks_forget(&locks, ONE);
	assert_int_equal(follow(&locks, HOST, LOCKS_ALL, ONE, 0, 0), LOCKS_ALL);
}

static void keys_of_leds(void **state)
{
	(void)state;
	assert_int_equal(locks_key(LED_NUML), KEY_NUMLOCK);
	assert_int_equal(locks_key(LED_CAPSL), KEY_CAPSLOCK);
	assert_int_equal(locks_key(LED_SCROLLL), KEY_SCROLLLOCK);
}

/* What the two targets show at the switch is news, too. */
static void a_switch_shows_what_came_of_a_tap(void **state)
{
	struct locks locks = { 0 };

	(void)state;
	assert_int_equal(follow(&locks, HOST, CAPS, ONE, 0, 0), CAPS);
	assert_int_equal(follow(&locks, ONE, CAPS, HOST, 0, 0), CAPS);
	memset(&locks, 0, sizeof(locks));
	assert_int_equal(follow(&locks, HOST, CAPS, ONE, 0, 0), CAPS);
	assert_int_equal(follow(&locks, HOST, 0, ONE, CAPS, 0), CAPS);
}

/* A tap that waits to be seen still waits for the same after another. */
static void taps_wait_for_their_own_led(void **state)
{
	struct locks locks = { 0 };

	(void)state;
	assert_int_equal(follow(&locks, HOST, 0, ONE, NUM, 0), NUM);
	assert_int_equal(follow(&locks, HOST, CAPS, ONE, NUM, 0), CAPS);
	locks_shown(&locks, ONE, CAPS);
	assert_int_equal(follow(&locks, ONE, CAPS, HOST, CAPS | NUM, 0), NUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(differences_are_tapped),
		cmocka_unit_test(nothing_without_knowledge),
		cmocka_unit_test(held_keys_are_left_alone),
		cmocka_unit_test(no_loop),
		cmocka_unit_test(reset_forgets),
		cmocka_unit_test(keys_of_leds),
		cmocka_unit_test(a_switch_shows_what_came_of_a_tap),
		cmocka_unit_test(taps_wait_for_their_own_led),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
