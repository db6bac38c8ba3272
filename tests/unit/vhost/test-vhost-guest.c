/* SPDX-License-Identifier: MIT */
/*
 * The vhost-user back end against honest guests with all their moods: who has no buffers for a while,
 * wants no interrupts, does not kick, pauses, reboots, or unloads its driver. What it believes is
 * down must be what was sent, motion must add up, and transitions must keep their order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "stand.h"
#include "base/util.h"

#define PROPERTY_STEPS 100000

static const struct frontend_play linux_guest = { .kind = FRONTEND_QEMU_10,
						  .num = 64,
						  .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) };
static const struct frontend_play old_guest = { .kind = FRONTEND_QEMU_7, .num = 64 };

static void key(struct stand *stand, uint16_t code, int value)
{
	stand_send(stand, EVENTS({ EV_KEY, code, value }));
}

static void move(struct stand *stand, int x, int y)
{
	stand_send(stand, EVENTS({ EV_REL, REL_X, x }, { EV_REL, REL_Y, y }));
}

static bool is_down(const struct stand *stand, unsigned code)
{
	return keyset_has(&stand->fe.guest.down, code);
}

static void expect_all_up(const struct stand *stand)
{
	assert_true(keyset_empty(&stand->fe.guest.down));
}

/* A guest that has taken nothing yet, and gives no buffer. */
static void begin_starved(struct stand *stand, const struct frontend_play *play)
{
	struct frontend *fe = &stand->fe;

	frontend_init(fe, play);
	frontend_connect(fe, stand->backend.path[DEVICE]);
	frontend_realize(fe);
	frontend_start(fe);
	frontend_sync(fe);
	backend_await_up(&stand->backend, DEVICE, true);
}

static void give_all(struct stand *stand)
{
	guest_give(&stand->fe, stand->fe.guest.buffers);
}

/* The guest keeps no buffer any more. */
static void keep_no_more(struct stand *stand)
{
	guest_harvest(&stand->fe);
	stand->fe.guest.keeps = false;
	give_all(stand);
}

/* It takes all that there is, and then nothing is down. */
static void drain_to_all_up(struct stand *stand)
{
	guest_drain(&stand->fe, &stand->backend);
	expect_all_up(stand);
}

static void begin_with_two_down(struct stand *stand)
{
	stand_begin(stand, &linux_guest);
	key(stand, KEY_LEFTSHIFT, 1);
	key(stand, BTN_LEFT, 1);
	guest_await(&stand->fe, 2);
}

/* Starts, or goes on after frontend_stop. */
static void resume(struct stand *stand)
{
	frontend_start(&stand->fe);
	frontend_sync(&stand->fe);
	backend_await_up(&stand->backend, DEVICE, true);
}

/* The end of a test: what is sent now arrives, whatever notifications came before. */
static void goes_on(struct stand *stand)
{
	guest_calls(&stand->fe, EVENTQ);
	stand_delivers(stand, DEVICE, &stand->fe);
	stand_survived(stand);
}

/* --- notifications ----------------------------------------------------------------------- */

static void no_call_while_muted(struct stand *stand, const struct frontend_play *play)
{
	struct frontend *fe = &stand->fe;

	stand_begin(stand, play);
	guest_mute(fe, EVENTQ, true);
	stand_delivers(stand, DEVICE, fe);
	guest_mute(fe, EVENTQ, false);
	stand_delivers(stand, DEVICE, fe);
	stand_survived(stand);
}

static void no_call_while_the_guest_wants_none(void **state)
{
	no_call_while_muted(*state, &old_guest);
}

static void no_call_before_the_used_event(void **state)
{
	no_call_while_muted(*state, &linux_guest);
}

/* The third frame writes the entry that the guest asked to be told of. */
static void a_call_when_the_used_event_is_passed(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	vring_used_event(&fe->ring[EVENTQ].vring) = (uint16_t)(fe->ring[EVENTQ].used + 4);
	key(stand, KEY_A, 1);
	key(stand, KEY_A, 0);
	backend_sync(&stand->backend);
	assert_int_equal(guest_calls(fe, EVENTQ), 0);
	key(stand, KEY_B, 1);
	backend_sync(&stand->backend);
	assert_int_equal(guest_calls(fe, EVENTQ), 1);
	key(stand, KEY_B, 0);
	backend_sync(&stand->backend);
	assert_int_equal(guest_calls(fe, EVENTQ), 0);
	guest_expect(fe,
		     EVENTS({ EV_KEY, KEY_A, 1 }, { 0 }, { EV_KEY, KEY_A, 0 }, { 0 },
			    { EV_KEY, KEY_B, 1 }, { 0 }, { EV_KEY, KEY_B, 0 }),
		     false);
	stand_survived(stand);
}

static void wants_no_kick_while_there_are_buffers(struct stand *stand,
						  const struct frontend_play *play)
{
	struct frontend *fe = &stand->fe;
	unsigned kicks;

	stand_begin(stand, play);
	stand_delivers(stand, DEVICE, fe);
	kicks = fe->ring[EVENTQ].kicks;
	for (unsigned i = 0; i < 50; i++)
		stand_delivers(stand, DEVICE, fe);
	assert_int_equal(fe->ring[EVENTQ].kicks, kicks);
	stand_survived(stand);
}

static void no_kick_for_each_refill(void **state)
{
	wants_no_kick_while_there_are_buffers(*state, &old_guest);
}

static void no_kick_for_each_refill_with_event_idx(void **state)
{
	wants_no_kick_while_there_are_buffers(*state, &linux_guest);
}

/* By the kick, not by a look from time to time: the guest is asked to kick, and does. */
static void starved_device_wants_a_kick(struct stand *stand, const struct frontend_play *play)
{
	struct frontend *fe = &stand->fe;

	begin_starved(stand, play);
	for (unsigned i = 0; i < 20; i++) {
		unsigned kicks = fe->ring[EVENTQ].kicks;

		fe->guest.keeps = true;
		key(stand, KEY_A, i % 2 == 0);
		backend_sync(&stand->backend);
		guest_give(fe, 2);
		assert_int_equal(fe->ring[EVENTQ].kicks, kicks + 1);
		guest_expect(fe, EVENTS({ EV_KEY, KEY_A, i % 2 == 0 }), false);
	}
	stand_survived(stand);
}

static void starved_wants_a_kick(void **state)
{
	starved_device_wants_a_kick(*state, &old_guest);
}

static void starved_wants_a_kick_with_event_idx(void **state)
{
	starved_device_wants_a_kick(*state, &linux_guest);
}

static void refill_without_a_kick(void **state)
{
	static const struct frontend_play edk2 = {
		.kind = FRONTEND_QEMU_10, .num = 64, .layout = GUEST_LONG, .buffers = 64
	};
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	begin_starved(stand, &edk2);
	fe->ring[EVENTQ].no_kick = true;
	key(stand, KEY_F2, 1);
	key(stand, KEY_F2, 0);
	backend_sync(&stand->backend);
	give_all(stand);
	guest_expect(fe, EVENTS({ EV_KEY, KEY_F2, 1 }, { 0 }, { EV_KEY, KEY_F2, 0 }), false);
	stand_survived(stand);
}

/* One frame waits, and nothing that follows looks for room again. */
static void refill_for_one_frame_without_a_kick(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	begin_starved(stand, &old_guest);
	fe->ring[EVENTQ].no_kick = true;
	key(stand, KEY_F2, 1);
	backend_sync(&stand->backend);
	give_all(stand);
	guest_expect(fe, EVENTS({ EV_KEY, KEY_F2, 1 }), false);
	stand_survived(stand);
}

/* --- no buffers -------------------------------------------------------------------------- */

static void storm_without_buffers(void **state)
{
	static const uint16_t keys[] = { KEY_A, KEY_S, KEY_D, KEY_F, BTN_LEFT };
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;
	struct guest_event expected[40];
	unsigned n = 0, at = 0;

	begin_starved(stand, &linux_guest);
	for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
		expected[n] = (struct guest_event){ EV_KEY, keys[i % 5], (i / 5) % 2 == 0 };
		stand_send(stand, &expected[n++], 1);
		for (unsigned k = 0; k < 250; k++)
			move(stand, 1, -2);
	}
	key(stand, KEY_LEFTSHIFT, 1);
	give_all(stand);
	guest_drain(fe, &stand->backend);
	for (unsigned i = 0; i < fe->guest.n_log && at < n; i++)
		if (fe->guest.log[i].type == EV_KEY)
			assert_memory_equal(&fe->guest.log[i], &expected[at++],
					    sizeof(expected[0]));
	assert_int_equal(at, n);
	assert_int_equal(fe->guest.rel[REL_X], 40 * 250);
	assert_int_equal(fe->guest.rel[REL_Y], -2 * 40 * 250);
	assert_true(is_down(stand, KEY_LEFTSHIFT));
	key(stand, KEY_LEFTSHIFT, 0);
	drain_to_all_up(stand);
	goes_on(stand);
}

/* What waits is given in the order of the buffers, two by two. */
static void few_buffers_at_a_time(void **state)
{
	static const struct frontend_play two = { .kind = FRONTEND_QEMU_10,
						  .num = 64,
						  .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX),
						  .buffers = 2 };
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	begin_starved(stand, &two);
	for (unsigned i = 0; i < 30; i++) {
		key(stand, KEY_A, 1);
		move(stand, 5, 7);
		key(stand, KEY_A, 0);
	}
	give_all(stand);
	guest_await(fe, 30 * 4);
	assert_int_equal(fe->guest.rel[REL_X], 150);
	assert_int_equal(fe->guest.rel[REL_Y], 210);
	expect_all_up(stand);
	stand_survived(stand);
}

static void frame_longer_than_the_ring(void **state)
{
	static const struct frontend_play four = { .kind = FRONTEND_QEMU_10, .num = 4 };
	static const struct guest_event frame[] = {
		{ EV_KEY, BTN_LEFT, 1 },   { EV_KEY, BTN_RIGHT, 1 },
		{ EV_REL, REL_X, 1 },      { EV_REL, REL_Y, 2 },
		{ EV_REL, REL_WHEEL, 3 },  { EV_REL, REL_WHEEL_HI_RES, 360 },
		{ EV_REL, REL_HWHEEL, 4 }, { EV_REL, REL_HWHEEL_HI_RES, 480 },
		{ EV_KEY, KEY_A, 1 },      { EV_KEY, KEY_B, 1 },
		{ EV_KEY, KEY_C, 1 },
	};
	struct stand *stand = *state;

	stand_begin(stand, &four);
	stand_send(stand, frame, ARRAY_SIZE(frame));
	/* As much as there is room for comes at once, without a timer. */
	backend_sync(&stand->backend);
	assert_int_equal(guest_harvest(&stand->fe), 4);
	guest_expect(&stand->fe, frame, ARRAY_SIZE(frame), true);
	assert_true(is_down(stand, BTN_LEFT) && is_down(stand, KEY_C));
	stand_survived(stand);
}

/* A frame that is as long as all buffers, and one event longer; the next ones find them again. */
static void frames_as_long_as_the_ring(void **state)
{
	struct stand *stand = *state;
	struct guest_event frame[62];

	stand_begin(stand, &linux_guest);
	for (unsigned n = 1; n <= ARRAY_SIZE(frame); n++) {
		for (unsigned i = 0; i < n; i++)
			frame[i] = (struct guest_event){ EV_KEY, (uint16_t)(KEY_ESC + i), n % 2 };
		if (n % 2 == 0) /* one more than the presses before */
			frame[n - 1] = (struct guest_event){ EV_REL, REL_X, 1 };
		stand_send(stand, frame, n);
		guest_expect(&stand->fe, frame, n, false);
	}
	expect_all_up(stand);
	stand_survived(stand);
}

/* More transitions than can wait: nothing stays down that is up, and typing goes on. */
static void overflow_leaves_nothing_down(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	key(stand, KEY_LEFTCTRL, 1);
	guest_expect(fe, EVENTS({ EV_KEY, KEY_LEFTCTRL, 1 }), false);
	fe->guest.keeps = true;
	for (unsigned i = 0; i < 2001; i++)
		key(stand, KEY_A, i % 2 == 0);
	key(stand, KEY_A, 0);
	key(stand, KEY_LEFTCTRL, 0);
	backend_sync(&stand->backend);
	assert_true(backend_state(&stand->backend, DEVICE).up);
	keep_no_more(stand);
	drain_to_all_up(stand);
	goes_on(stand);
}

/* The smallest that holds an event and its SYN_REPORT. */
static void ring_of_two(void **state)
{
	static const struct frontend_play two = { .kind = FRONTEND_QEMU_10,
						  .num = 2,
						  .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) };
	struct stand *stand = *state;

	stand_begin(stand, &two);
	for (unsigned i = 0; i < 20; i++)
		stand_delivers(stand, DEVICE, &stand->fe);
	stand_survived(stand);
}

static void what_waited_comes_in_the_models_steps(void **state)
{
	struct vinput_model windows = backend_model;
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	windows.step_max = 127;
	stand_remake(stand, &windows);
	begin_starved(stand, &linux_guest);
	for (unsigned i = 0; i < 100; i++)
		move(stand, 100, -100);
	give_all(stand);
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.rel[REL_X], 10000);
	assert_int_equal(fe->guest.rel[REL_Y], -10000);
	for (unsigned i = 0; i < fe->guest.n_log; i++)
		assert_in_range(fe->guest.log[i].value + 127, 0, 254);
	stand_survived(stand);
}

/* The 16-bit indices of the ring turn over several times. */
static void indices_wrap(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	for (unsigned i = 1; i <= 70000; i++) {
		move(stand, 1, 1);
		if (i % 16 == 0)
			guest_await(fe, 0);
		if (i % 1024 == 0) {
			guest_drain(fe, &stand->backend);
			assert_int_equal(fe->guest.rel[REL_X], i);
			guest_forget(fe);
		}
	}
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.rel[REL_X], 70000);
	assert_int_equal(fe->guest.rel[REL_Y], 70000);
	goes_on(stand);
}

/* --- keys -------------------------------------------------------------------------------- */

static void release_all_releases_what_is_down(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	begin_with_two_down(stand);
	fe->guest.keeps = true;
	for (unsigned i = 0; i < 64; i++)
		move(stand, 1, 0);
	key(stand, KEY_A, 1);
	backend_release_all(&stand->backend, DEVICE);
	keep_no_more(stand);
	drain_to_all_up(stand);
	assert_int_equal(fe->guest.rel[REL_X], 64);
	goes_on(stand);
}

/* In several frames: one does not hold so many. */
static void release_all_releases_a_hundred(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	for (uint16_t code = KEY_ESC; code <= KEY_ESC + 100; code++)
		key(stand, code, 1);
	guest_drain(fe, &stand->backend);
	backend_release_all(&stand->backend, DEVICE);
	drain_to_all_up(stand);
	stand_survived(stand);
}

static void release_all_of_nothing_sends_nothing(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	backend_release_all(&stand->backend, DEVICE);
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.n_log, 0);
	stand_survived(stand);
}

static void guest_repeats_by_itself(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	key(stand, KEY_A, 1);
	key(stand, KEY_A, 2);
	key(stand, KEY_A, 2);
	key(stand, KEY_A, 0);
	guest_expect(fe, EVENTS({ EV_KEY, KEY_A, 1 }, { 0 }, { EV_KEY, KEY_A, 0 }), false);
	stand_survived(stand);
}

static void repetitions_for_a_guest_that_does_not(void **state)
{
	struct vinput_model model = backend_model;
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	model.repeat = false;
	stand_remake(stand, &model);
	begin_starved(stand, &linux_guest);
	give_all(stand);
	key(stand, KEY_A, 1);
	key(stand, KEY_A, 2);
	key(stand, KEY_A, 0);
	guest_expect(fe,
		     EVENTS({ EV_KEY, KEY_A, 1 }, { 0 }, { EV_KEY, KEY_A, 2 }, { 0 },
			    { EV_KEY, KEY_A, 0 }),
		     false);
	frontend_fini(fe);
	backend_stop(&stand->backend);
}

/* --- stop and start ---------------------------------------------------------------------- */

/* QEMU 9 and later: the guest sleeps over it with the keys that it had down. */
static void pause_and_resume(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	begin_with_two_down(stand);
	frontend_stop(fe);
	backend_await_up(&stand->backend, DEVICE, false);
	/* It holds no buffer back: what it took it has used. */
	assert_int_not_equal(fe->ring[EVENTQ].base, 0);
	assert_int_equal(fe->ring[EVENTQ].base, fe->ring[EVENTQ].vring.used->idx);
	key(stand, KEY_LEFTSHIFT, 0);
	key(stand, KEY_B, 1);
	move(stand, 1000, 1000);
	backend_sync(&stand->backend);
	resume(stand);
	drain_to_all_up(stand);
	assert_int_equal(fe->guest.rel[REL_X], 0);
	goes_on(stand);
}

/* The same where its indices have just turned over: it stands where one that began anew would. */
static void pause_at_index_0(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	key(stand, KEY_LEFTSHIFT, 1);
	for (unsigned i = 1; i < 32768; i++) {
		stand_send(stand, EVENTS({ EV_REL, REL_X, 1 }));
		if (i % 16 == 0) /* before any has to wait, and is summed up */
			guest_drain(fe, &stand->backend);
	}
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.rel[REL_X], 32767);
	frontend_stop(fe);
	assert_int_equal(fe->ring[EVENTQ].base, 0);
	resume(stand);
	drain_to_all_up(stand);
	goes_on(stand);
}

/* What waited when it stopped is gone, and what is down in the guest comes up all the same. */
static void pause_with_no_buffers(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	key(stand, KEY_A, 1);
	guest_await(fe, 1);
	fe->guest.keeps = true;
	for (unsigned i = 0; i < 40; i++)
		key(stand, KEY_B, i % 2 == 0);
	backend_sync(&stand->backend);
	frontend_stop(fe);
	resume(stand);
	keep_no_more(stand);
	drain_to_all_up(stand);
	goes_on(stand);
}

static void many_pauses(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	for (unsigned i = 0; i < 300; i++) {
		frontend_stop(fe);
		frontend_start(fe);
		backend_await_up(&stand->backend, DEVICE, true);
		guest_calls(fe, EVENTQ);
		stand_delivers(stand, DEVICE, fe);
	}
	stand_survived(stand);
}

/* The guest has all keys up: a release of what was down before would fail the test. */
static void reboot_forgets_all(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	guest_status(fe, EV_LED, LED_NUML, 1);
	guest_await_status(fe);
	key(stand, KEY_LEFTCTRL, 1);
	key(stand, KEY_DELETE, 1);
	guest_await(fe, 2);
	fe->guest.keeps = true;
	for (unsigned i = 0; i < 40; i++)
		key(stand, KEY_B, i % 2 == 0);
	frontend_stop(fe);
	backend_await_up(&stand->backend, DEVICE, false);
	guest_reset(fe);
	resume(stand);
	assert_int_equal(backend_state(&stand->backend, DEVICE).leds, 0);
	give_all(stand);
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.n_log, 0);
	goes_on(stand);
}

static void driver_unloaded(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	frontend_stop(fe);
	backend_await_up(&stand->backend, DEVICE, false);
	assert_true(backend_state(&stand->backend, DEVICE).connected);
	guest_probe(fe, &backend_model);
	key(stand, KEY_A, 1);
	key(stand, KEY_A, 0);
	backend_expect_idle(&stand->backend);
	guest_reset(fe);
	frontend_start(fe);
	give_all(stand);
	backend_await_up(&stand->backend, DEVICE, true);
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.n_log, 0);
	goes_on(stand);
}

/* The firmware's driver has other buffers, and leaves without giving any of them back. */
static void firmware_before_the_system(void **state)
{
	static const struct frontend_play firmware = {
		.kind = FRONTEND_QEMU_10, .num = 256, .layout = GUEST_LONG, .buffers = 256
	};
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &firmware);
	fe->ring[EVENTQ].no_kick = true;
	stand_delivers(stand, DEVICE, fe);
	key(stand, KEY_ESC, 1);
	guest_await(fe, 1);
	frontend_stop(fe);
	fe->play = linux_guest;
	fe->ring[EVENTQ].vring.num = fe->ring[STATUSQ].vring.num = linux_guest.num;
	guest_reset(fe);
	guest_probe(fe, &backend_model);
	frontend_start(fe);
	give_all(stand);
	backend_await_up(&stand->backend, DEVICE, true);
	goes_on(stand);
}

/* QEMU has lost its back end and finds it again, over rings that the guest has long been using. */
static void find_again(struct stand *stand, uint16_t base)
{
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	for (unsigned i = 0; i < 20; i++)
		stand_delivers(stand, DEVICE, fe);
	key(stand, KEY_LEFTSHIFT, 1);
	key(stand, BTN_LEFT, 1);
	guest_await(fe, 2);
	frontend_close(fe);
	backend_await_connected(&stand->backend, DEVICE, false);
	fe->play.kind = FRONTEND_MIDSESSION;
	frontend_connect(fe, stand->backend.path[DEVICE]);
	frontend_realize(fe);
	fe->ring[EVENTQ].base = base ? base : fe->ring[EVENTQ].vring.used->idx;
	resume(stand);
	drain_to_all_up(stand);
	guest_calls(fe, EVENTQ);
	for (unsigned i = 0; i < 20; i++)
		stand_delivers(stand, DEVICE, fe);
	stand_survived(stand);
}

static void found_again_where_it_was(void **state)
{
	find_again(*state, 0);
}

/* No entry that can be: the used ring knows better. */
static void found_again_by_one_that_lost_count(void **state)
{
	find_again(*state, 0x8000);
}

static void enable(struct frontend *fe, unsigned ring, unsigned on)
{
	struct vhost_vring_state state = { ring, on };

	frontend_tell(fe, VHOST_USER_SET_VRING_ENABLE, &state, sizeof(state), NULL, 0);
}

static void disabled_ring_gets_nothing(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	enable(fe, EVENTQ, 0);
	backend_await_up(&stand->backend, DEVICE, false);
	key(stand, KEY_A, 1);
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.n_log, 0);
	enable(fe, EVENTQ, 1);
	backend_await_up(&stand->backend, DEVICE, true);
	stand_delivers(stand, DEVICE, fe);
	stand_survived(stand);
}

/* Connected, up, a LED, down. What is as it was, is not told again. */
static void changed_is_called_once_for_each_change(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;
	unsigned changes = backend_state(&stand->backend, DEVICE).changes;

	stand_begin(stand, &linux_guest);
	assert_int_equal(backend_state(&stand->backend, DEVICE).changes, changes + 2);
	stand_delivers(stand, DEVICE, fe);
	assert_int_equal(backend_state(&stand->backend, DEVICE).changes, changes + 2);
	guest_status(fe, EV_LED, LED_CAPSL, 1);
	stand_await_leds(stand, 1U << LED_CAPSL);
	guest_status(fe, EV_LED, LED_CAPSL, 1);
	guest_await_status(fe);
	guest_kick_anyway(fe, EVENTQ);
	backend_sync(&stand->backend);
	assert_int_equal(backend_state(&stand->backend, DEVICE).changes, changes + 3);
	frontend_stop(fe);
	backend_await_up(&stand->backend, DEVICE, false);
	assert_int_equal(backend_state(&stand->backend, DEVICE).changes, changes + 4);
	stand_survived(stand);
}

/* While nobody is there nothing is kept, neither for the first guest nor for the next. */
static void sent_to_nobody(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	for (unsigned i = 0; i < 2; i++) {
		key(stand, KEY_A, 1);
		move(stand, 5, 5);
		backend_release_all(&stand->backend, DEVICE);
		key(stand, KEY_B, 1);
		backend_sync(&stand->backend);
		stand_begin(stand, &linux_guest);
		guest_drain(fe, &stand->backend);
		assert_int_equal(fe->guest.n_log, 0);
		stand_delivers(stand, DEVICE, fe);
		key(stand, KEY_C, 1);
		guest_await(fe, 1);
		stand_end(stand);
	}
	stand_survived(stand);
}

/* The owner frees both devices while events wait in one, and LEDs and kicks in the other. */
static void freed_in_the_middle(void **state)
{
	struct stand *stand = *state;

	stand_begin(stand, &linux_guest);
	stand->fe.guest.keeps = true;
	for (unsigned i = 0; i < 100; i++)
		key(stand, KEY_A, i % 2 == 0);
	guest_status(&stand->neighbour, EV_LED, LED_CAPSL, 1);
	guest_kick_anyway(&stand->fe, EVENTQ);
	backend_stop(&stand->backend);
	frontend_expect_closed(&stand->fe);
	frontend_expect_closed(&stand->neighbour);
}

/* --- eventfds and memory ----------------------------------------------------------------- */

static void set_fd(struct frontend *fe, uint32_t request, unsigned ring, int fd)
{
	uint64_t value = ring | (fd < 0 ? VHOST_USER_VRING_NOFD_MASK : 0);

	frontend_tell(fe, request, &value, sizeof(value), &fd, fd >= 0);
}

/* The guest's driver has set up its interrupts anew: it may have missed one in between. */
static void call_replaced_while_it_runs(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;
	struct frontend_ring *ring = &fe->ring[EVENTQ];
	autoclose int old = -1;
	uint64_t calls;

	stand_begin(stand, &linux_guest);
	old = ring->call;
	ring->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	set_fd(fe, VHOST_USER_SET_VRING_CALL, EVENTQ, ring->call);
	frontend_sync(fe);
	assert_int_equal(guest_calls(fe, EVENTQ), 1);
	(void)!read(old, &calls, sizeof(calls));
	stand_delivers(stand, DEVICE, fe);
	assert_int_equal(read(old, &calls, sizeof(calls)), -1);
	stand_survived(stand);
}

static void no_call_descriptor(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &old_guest);
	set_fd(fe, VHOST_USER_SET_VRING_CALL, EVENTQ, -1);
	frontend_sync(fe);
	guest_mute(fe, EVENTQ, true);
	fe->ring[EVENTQ].vring.avail->flags = 0;
	stand_delivers(stand, DEVICE, fe);
	set_fd(fe, VHOST_USER_SET_VRING_CALL, EVENTQ, fe->ring[EVENTQ].call);
	frontend_sync(fe);
	guest_calls(fe, EVENTQ);
	guest_mute(fe, EVENTQ, false);
	stand_delivers(stand, DEVICE, fe);
	stand_survived(stand);
}

static void kick_replaced_while_it_runs(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;
	struct frontend_ring *ring = &fe->ring[EVENTQ];

	begin_starved(stand, &linux_guest);
	close(ring->kick);
	ring->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	set_fd(fe, VHOST_USER_SET_VRING_KICK, EVENTQ, ring->kick);
	frontend_sync(fe);
	key(stand, KEY_A, 1);
	backend_sync(&stand->backend);
	give_all(stand);
	guest_expect(fe, EVENTS({ EV_KEY, KEY_A, 1 }), false);
	stand_survived(stand);
}

/* QEMU sends the table again where memory is plugged in or the guest maps its video memory. */
static void memory_sent_again_while_it_runs(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;
	stand_begin(stand, &linux_guest);
	for (unsigned i = 0; i < 100; i++) {
		const int memfds[] = { fe->memfd, fe->memfd };

		frontend_tell(fe, VHOST_USER_SET_MEM_TABLE, &fe->memory,
			      8 + fe->memory.n * sizeof(fe->memory.region[0]), memfds,
			      fe->memory.n);
		stand_delivers(stand, DEVICE, fe);
	}
	assert_true(backend_state(&stand->backend, DEVICE).up);
	stand_survived(stand);
}

/*
 * share=off: the guest has a copy of its own. All is agreed upon and kicks come, but no buffer ever
 * does: the user must be told, and the focus must not stay there.
 */
static void memory_that_is_not_shared(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;
	time_t deadline = time(NULL) + BACKEND_MS / 1000;
	int shared;

	frontend_init(fe, &linux_guest);
	shared = fe->memfd;
	fe->memfd = memfd_create("copy", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fe->memfd, (off_t)fe->size), 0);
	close(shared);
	frontend_connect(fe, stand->backend.path[DEVICE]);
	frontend_realize(fe);
	frontend_start(fe);
	frontend_sync(fe);
	give_all(stand);
	guest_kick_anyway(fe, EVENTQ);
	while (!strstr(backend_state(&stand->backend, DEVICE).why, "share")) {
		struct pollfd call = { .fd = fe->ring[EVENTQ].call, .events = POLLIN };

		if (time(NULL) > deadline)
			fail_msg("nobody is told that memory is not shared");
		key(stand, KEY_A, 1);
		key(stand, KEY_A, 0);
		poll(&call, 1, 50);
	}
	assert_false(backend_state(&stand->backend, DEVICE).up);
	stand_survived(stand);
}

/* --- LEDs -------------------------------------------------------------------------------- */

/* The last state of a burst counts, however little of the burst was shown. */
static void leds_of_a_burst_end_as_the_guest_set_them(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	for (unsigned i = 0; i < 501; i++)
		guest_status(fe, EV_LED, LED_SCROLLL, i % 2 == 0);
	guest_status(fe, EV_LED, LED_NUML, 1);
	guest_await_status(fe);
	stand_await_leds(stand, 1U << LED_NUML | 1U << LED_SCROLLL);
	stand_survived(stand);
}

/* The guest that wakes up has them as they were, and will not say so again. */
static void leds_outlive_a_pause(void **state)
{
	struct stand *stand = *state;
	struct frontend *fe = &stand->fe;

	stand_begin(stand, &linux_guest);
	stand_delivers(stand, DEVICE, fe);
	guest_status(fe, EV_LED, LED_CAPSL, 1);
	guest_await_status(fe);
	stand_await_leds(stand, 1U << LED_CAPSL);
	frontend_stop(fe);
	backend_await_up(&stand->backend, DEVICE, false);
	resume(stand);
	assert_int_equal(backend_state(&stand->backend, DEVICE).leds, 1U << LED_CAPSL);
	guest_status(fe, EV_LED, LED_CAPSL, 0);
	guest_await_status(fe);
	stand_await_leds(stand, 0);
	stand_survived(stand);
}

/* --- everything at once ------------------------------------------------------------------ */

static const struct frontend_play plays[] = {
	{ .kind = FRONTEND_QEMU_10, .num = 64, .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) },
	{ .kind = FRONTEND_QEMU_7,
	  .num = 64,
	  .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC),
	  .layout = GUEST_INDIRECT },
	{ .kind = FRONTEND_QEMU_7, .num = 16, .layout = GUEST_SPLIT },
	{ .kind = FRONTEND_QEMU_10, .num = 4 },
	{ .kind = FRONTEND_MIDSESSION,
	  .num = 256,
	  .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX),
	  .buffers = 5 },
};

/* What may wait without an overflow; what the walk keeps below. */
#define WAITING_MAX 100

struct walk {
	struct stand *stand;
	uint64_t random;
	struct keyset down; /* what was sent and not released */
	int64_t rel[REL_CNT];
	uint16_t leds;
	unsigned waiting; /* events sent since the guest took all, at most */
	unsigned step;
};

static unsigned below(struct walk *walk, unsigned n)
{
	walk->random ^= walk->random << 13;
	walk->random ^= walk->random >> 7;
	walk->random ^= walk->random << 17;
	return (unsigned)(walk->random >> 33) % n;
}

static bool is_equal(const struct walk *walk)
{
	const struct guest *guest = &walk->stand->fe.guest;

	return memcmp(&guest->down, &walk->down, sizeof(walk->down)) == 0 &&
	       memcmp(guest->rel, walk->rel, sizeof(walk->rel)) == 0 && !guest->in_frame;
}

/* A device with too few buffers for a frame may hope for more for some milliseconds. */
static void expect_equal(struct walk *walk)
{
	struct frontend *fe = &walk->stand->fe;
	struct pollfd call = { .fd = fe->ring[EVENTQ].call, .events = POLLIN };
	time_t deadline = time(NULL) + BACKEND_MS / 1000;

	guest_drain(fe, &walk->stand->backend);
	while (!is_equal(walk)) {
		if (time(NULL) > deadline)
			fail_msg("guest and sender do not agree, at step %u", walk->step);
		guest_calls(fe, EVENTQ);
		poll(&call, 1, 20);
		guest_drain(fe, &walk->stand->backend);
	}
	guest_forget(fe);
	walk->waiting = 0;
}

static void take_all(struct walk *walk)
{
	struct frontend *fe = &walk->stand->fe;

	fe->guest.keeps = false;
	guest_give(fe, fe->guest.buffers);
	expect_equal(walk);
}

static void send_something(struct walk *walk)
{
	static const uint16_t codes[] = { KEY_A, KEY_B, KEY_LEFTSHIFT, BTN_LEFT, BTN_SIDE };
	static const uint16_t axes[] = { REL_X, REL_Y, REL_WHEEL, REL_WHEEL_HI_RES };
	struct guest_event frame[4];
	unsigned n = 1 + below(walk, 3), keys = below(walk, 2);

	for (unsigned i = 0; i < n; i++) {
		uint16_t code = keys ? codes[below(walk, 5)] : axes[below(walk, 4)];
		int value = keys ? !keyset_has(&walk->down, code) : (int)below(walk, 400) - 200;

		frame[i] = (struct guest_event){ keys ? EV_KEY : EV_REL, code, value };
		if (!keys)
			walk->rel[code] += value;
		else if (value)
			keyset_add(&walk->down, code);
		else
			keyset_remove(&walk->down, code);
	}
	stand_send(walk->stand, frame, n);
	walk->waiting += n + 1;
}

/* Nothing is owed for what was sent before; what is down in the guest must come up. */
static void stop_and_resume(struct walk *walk)
{
	struct frontend *fe = &walk->stand->fe;

	backend_sync(&walk->stand->backend);
	frontend_stop(fe);
	assert_int_equal(fe->ring[EVENTQ].base, fe->ring[EVENTQ].vring.used->idx);
	frontend_start(fe);
	fe->guest.keeps = false;
	guest_give(fe, fe->guest.buffers);
	walk->leds = 0;
	for (unsigned led = 0; led < 3; led++)
		guest_status(fe, EV_LED, (uint16_t)led, 0);
	guest_drain(fe, &walk->stand->backend);
	walk->down = (struct keyset){ 0 };
	memcpy(walk->rel, fe->guest.rel, sizeof(walk->rel));
}

static void reboot(struct walk *walk)
{
	struct frontend *fe = &walk->stand->fe;

	backend_sync(&walk->stand->backend);
	frontend_stop(fe);
	guest_reset(fe);
	frontend_start(fe);
	guest_give(fe, fe->guest.buffers);
	walk->leds = 0;
	walk->down = (struct keyset){ 0 };
	memset(walk->rel, 0, sizeof(walk->rel));
	backend_await_up(&walk->stand->backend, DEVICE, true);
}

static void switch_led(struct walk *walk)
{
	unsigned led = below(walk, 3);

	walk->leds ^= (uint16_t)(1U << led);
	guest_status(&walk->stand->fe, EV_LED, (uint16_t)led, walk->leds >> led & 1);
}

static void step(struct walk *walk)
{
	struct frontend *fe = &walk->stand->fe;
	unsigned chance = below(walk, 1000);

	if (walk->waiting > WAITING_MAX)
		take_all(walk);
	if (chance < 700) {
		send_something(walk);
	} else if (chance < 850) {
		guest_harvest(fe);
	} else if (chance < 900) {
		fe->guest.keeps = true;
		guest_harvest(fe);
		guest_give(fe, below(walk, 4));
	} else if (chance < 940) {
		take_all(walk);
	} else if (chance < 980) {
		switch_led(walk);
	} else if (chance < 990) {
		backend_release_all(&walk->stand->backend, DEVICE);
		walk->down = (struct keyset){ 0 };
	} else if (chance < 996) {
		stop_and_resume(walk);
		expect_equal(walk);
	} else if (chance < 998) {
		reboot(walk);
		expect_equal(walk);
	} else {
		guest_kick_anyway(fe, below(walk, RINGS));
	}
}

static void guest_and_sender_agree(void **state)
{
	struct stand *stand = *state;
	const struct frontend_play *play = stand->param;
	unsigned index = (unsigned)(play - plays);
	struct walk walk = { .stand = stand, .random = 0x9e3779b97f4a7c15 + index };

	stand_begin(stand, play);
	for (; walk.step < PROPERTY_STEPS / ARRAY_SIZE(plays); walk.step++)
		step(&walk);
	take_all(&walk);
	guest_await_status(&stand->fe);
	stand_await_leds(stand, walk.leds);
	stand_survived(stand);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, stand_setup, stand_teardown)
#define WALK(play) guest_and_sender_agree, stand_setup, stand_teardown, (void *)(uintptr_t)(play)
	const struct CMUnitTest tests[] = {
		TEST(no_call_while_the_guest_wants_none),
		TEST(no_call_before_the_used_event),
		TEST(a_call_when_the_used_event_is_passed),
		TEST(no_kick_for_each_refill),
		TEST(no_kick_for_each_refill_with_event_idx),
		TEST(starved_wants_a_kick),
		TEST(starved_wants_a_kick_with_event_idx),
		TEST(refill_without_a_kick),
		TEST(refill_for_one_frame_without_a_kick),
		TEST(storm_without_buffers),
		TEST(few_buffers_at_a_time),
		TEST(frame_longer_than_the_ring),
		TEST(frames_as_long_as_the_ring),
		TEST(overflow_leaves_nothing_down),
		TEST(ring_of_two),
		TEST(what_waited_comes_in_the_models_steps),
		TEST(indices_wrap),
		TEST(release_all_releases_what_is_down),
		TEST(release_all_releases_a_hundred),
		TEST(release_all_of_nothing_sends_nothing),
		TEST(guest_repeats_by_itself),
		TEST(repetitions_for_a_guest_that_does_not),
		TEST(pause_and_resume),
		TEST(pause_at_index_0),
		TEST(pause_with_no_buffers),
		TEST(many_pauses),
		TEST(reboot_forgets_all),
		TEST(driver_unloaded),
		TEST(firmware_before_the_system),
		TEST(found_again_where_it_was),
		TEST(found_again_by_one_that_lost_count),
		TEST(disabled_ring_gets_nothing),
		TEST(changed_is_called_once_for_each_change),
		TEST(sent_to_nobody),
		TEST(freed_in_the_middle),
		TEST(call_replaced_while_it_runs),
		TEST(no_call_descriptor),
		TEST(kick_replaced_while_it_runs),
		TEST(memory_sent_again_while_it_runs),
		TEST(memory_that_is_not_shared),
		TEST(leds_outlive_a_pause),
		TEST(leds_of_a_burst_end_as_the_guest_set_them),
		{ "guest_and_sender_agree_linux", WALK(&plays[0]) },
		{ "guest_and_sender_agree_indirect", WALK(&plays[1]) },
		{ "guest_and_sender_agree_split", WALK(&plays[2]) },
		{ "guest_and_sender_agree_ring_of_4", WALK(&plays[3]) },
		{ "guest_and_sender_agree_midsession", WALK(&plays[4]) },
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("vhost-guest", tests, NULL, NULL);
}
