/* SPDX-License-Identifier: MIT */
/* The fixture of all vhost-user tests, and the one question at the end of each hostile one. */
#include "stand.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "base/util.h"

/* Mappings that the C library may come to need by itself. */
#ifdef __SANITIZE_ADDRESS__
#define MAPPINGS_SLACK 1000 /* the sanitizer has some of its own for each thread */
#else
#define MAPPINGS_SLACK 12
#endif

/* No test takes a quarter of it, on a busy machine with a sanitizer. */
#define TEST_S 120

static const struct frontend_play honest = { .kind = FRONTEND_QEMU_10,
					     .num = 64,
					     .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) };

static void begin(struct stand *stand, unsigned device, struct frontend *fe,
		  const struct frontend_play *play)
{
	frontend_session(fe, stand->backend.path[device], play, stand->model);
	frontend_sync(fe);
	backend_await_up(&stand->backend, device, true);
	assert_true(backend_state(&stand->backend, device).connected);
	guest_calls(fe, EVENTQ);
}

static void make(struct stand *stand, const struct vinput_model *model)
{
	stand->model = model;
	backend_start(&stand->backend, model);
	begin(stand, NEIGHBOUR, &stand->neighbour, &honest);
	stand->before = backend_holds(&stand->backend);
}

int stand_setup(void **state)
{
	struct stand *stand = calloc(1, sizeof(*stand));

	assert_non_null(stand);
	/* Where a broken back end has made even the test's own descriptors block. */
	alarm(TEST_S);
	stand->param = *state;
	*state = stand;
	make(stand, &backend_model);
	return 0;
}

int stand_teardown(void **state)
{
	struct stand *stand = *state;

	alarm(0);
	frontend_fini(&stand->fe);
	frontend_fini(&stand->neighbour);
	backend_kill(&stand->backend);
	free(stand);
	return 0;
}

void stand_remake(struct stand *stand, const struct vinput_model *model)
{
	frontend_fini(&stand->neighbour);
	backend_stop(&stand->backend);
	make(stand, model);
}

void stand_begin(struct stand *stand, const struct frontend_play *play)
{
	begin(stand, DEVICE, &stand->fe, play);
}

/*
 * The device rests between connections where they are many: one that it has not accepted yet would pass
 * for one that has ended, and then stand in the way of the next. One that was refused is closed.
 */
static void await_accepted(struct stand *stand)
{
	struct pollfd sock = { .fd = stand->fe.sock, .events = POLLRDHUP };
	long deadline = now_ms() + BACKEND_MS;

	while (stand->fe.sock >= 0 && !backend_state(&stand->backend, DEVICE).connected &&
	       poll(&sock, 1, 0) == 0 && now_ms() < deadline)
		;
}

void stand_end(struct stand *stand)
{
	await_accepted(stand);
	frontend_fini(&stand->fe);
	backend_sync(&stand->backend);
	backend_await_connected(&stand->backend, DEVICE, false);
	backend_await_up(&stand->backend, DEVICE, false);
}

void stand_await_leds(struct stand *stand, uint16_t leds)
{
	time_t deadline = time(NULL) + BACKEND_MS / 1000;

	while (backend_state(&stand->backend, DEVICE).leds != leds)
		if (time(NULL) > deadline)
			fail_msg("the LEDs do not become %x", leds);
}

void stand_send(struct stand *stand, const struct guest_event *events, unsigned n)
{
	struct frame frame;

	make_frame(&frame, events, n);
	backend_send(&stand->backend, DEVICE, &frame);
}

static void delivers(struct stand *stand, unsigned device, struct frontend *fe,
		     const struct guest_event *events, unsigned n)
{
	bool cut = n + 1 > fe->guest.buffers;
	struct frame frame;
	uint64_t calls;

	make_frame(&frame, events, n);
	backend_send(&stand->backend, device, &frame);
	guest_expect(fe, events, n, cut);
	backend_sync(&stand->backend);
	calls = guest_calls(fe, EVENTQ);
	if (fe->ring[EVENTQ].muted)
		assert_int_equal(calls, 0);
	else if (cut)
		assert_in_range(calls, 1, 2UL * n);
	else
		assert_int_equal(calls, 1);
}

void stand_delivers(struct stand *stand, unsigned device, struct frontend *fe)
{
	guest_forget(fe);
	delivers(stand, device, fe, EVENTS({ EV_KEY, KEY_A, 1 }));
	delivers(stand, device, fe, EVENTS({ EV_REL, REL_X, 3 }, { EV_REL, REL_Y, -70000 }));
	delivers(stand, device, fe, EVENTS({ EV_KEY, KEY_A, 0 }));
	delivers(stand, device, fe,
		 EVENTS({ EV_REL, REL_WHEEL, -1 }, { EV_REL, REL_WHEEL_HI_RES, -120 }));
	delivers(stand, device, fe,
		 EVENTS({ EV_REL, REL_HWHEEL, 1 }, { EV_REL, REL_HWHEEL_HI_RES, 15 }));
	delivers(stand, device, fe, EVENTS({ EV_KEY, BTN_SIDE, 1 }, { EV_KEY, KEY_NEXTSONG, 1 }));
	delivers(stand, device, fe, EVENTS({ EV_KEY, BTN_SIDE, 0 }, { EV_KEY, KEY_NEXTSONG, 0 }));
}

/* What a peer may have made slow to close is closed in threads, with stacks: soon, and not at once. */
static void expect_no_leak(struct stand *stand)
{
	struct backend_holds now = backend_holds(&stand->backend);
	long deadline = now_ms() + BACKEND_MS;

	while ((now.fds > stand->before.fds ||
		now.mappings > stand->before.mappings + MAPPINGS_SLACK) &&
	       now_ms() < deadline)
		now = backend_holds(&stand->backend);
	assert_int_equal(now.fds, stand->before.fds);
	assert_int_equal(now.shared, stand->before.shared);
	assert_in_range(now.mappings, 0, stand->before.mappings + MAPPINGS_SLACK);
}

void stand_survived(struct stand *stand)
{
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	stand_end(stand);
	expect_no_leak(stand);
	stand_begin(stand, &honest);
	stand_delivers(stand, DEVICE, &stand->fe);
	stand_end(stand);
	expect_no_leak(stand);
	backend_expect_idle(&stand->backend);
	frontend_fini(&stand->neighbour);
	backend_stop(&stand->backend);
}
