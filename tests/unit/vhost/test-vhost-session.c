/* SPDX-License-Identifier: MIT */
/*
 * The vhost-user back end against every front end's way to begin: with each ring size, with and
 * without EVENT_IDX, and with buffers laid out in every way that a driver may. Bytes, lengths and
 * notifications are compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "stand.h"
#include "base/util.h"

struct session {
	enum frontend_kind kind;
	unsigned num;
	char name[48];
};

static const char *const kind_names[] = {
	[FRONTEND_QEMU_7] = "qemu_7",
	[FRONTEND_QEMU_10] = "qemu_10",
	[FRONTEND_UML] = "uml",
	[FRONTEND_MIDSESSION] = "midsession",
};

static const unsigned nums[] = { 4, 64, 256, 1024, 32768 };

static const struct guest_event caps_on = { EV_LED, LED_CAPSL, 1 };

/* From the start of the driver to its end, twice. */
static void play(struct stand *stand, const struct frontend_play *play)
{
	struct frontend *fe = &stand->fe;

	stand_begin(stand, play);
	stand_delivers(stand, DEVICE, fe);
	guest_status(fe, caps_on.type, caps_on.code, caps_on.value);
	guest_await_status(fe);
	stand_await_leds(stand, 1U << LED_CAPSL);
	frontend_stop(fe);
	backend_await_up(&stand->backend, DEVICE, false);
	if (play->kind != FRONTEND_UML) {
		guest_reset(fe);
		frontend_start(fe);
		guest_give(fe, fe->guest.buffers);
		backend_await_up(&stand->backend, DEVICE, true);
		stand_await_leds(stand, 0);
		guest_calls(fe, EVENTQ);
		stand_delivers(stand, DEVICE, fe);
		frontend_stop(fe);
	}
	stand_end(stand);
	stand_await_leds(stand, 0);
}

/* QEMU 7.2's guests take INDIRECT without being offered it. */
static bool has_indirect(const struct stand *stand, enum frontend_kind kind)
{
	return kind == FRONTEND_QEMU_7 || kind == FRONTEND_MIDSESSION ||
	       (stand->neighbour.offered & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC));
}

static void session(void **state)
{
	struct stand *stand = *state;
	const struct session *session = stand->param;

	for (unsigned layout = GUEST_DIRECT; layout <= GUEST_INDIRECT; layout++) {
		struct frontend_play how = {
			.kind = session->kind,
			.num = session->num,
			.layout = layout,
			.buffers = layout == GUEST_LONG ? session->num : 0,
		};

		if (layout == GUEST_INDIRECT && !has_indirect(stand, session->kind))
			continue;
		if (layout == GUEST_INDIRECT)
			how.want = BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
		play(stand, &how);
		how.want |= BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
		play(stand, &how);
	}
	stand_survived(stand);
}

int main(int argc, char **argv)
{
	enum { KINDS = ARRAY_SIZE(kind_names), NUMS = ARRAY_SIZE(nums) };
	static struct session sessions[KINDS * NUMS];
	static struct CMUnitTest tests[KINDS * NUMS];

	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
		struct session *s = &sessions[i];

		s->kind = i / NUMS;
		s->num = nums[i % NUMS];
		snprintf(s->name, sizeof(s->name), "%s_ring_of_%u", kind_names[s->kind], s->num);
		tests[i] = (struct CMUnitTest){ s->name, session, stand_setup, stand_teardown, s };
	}
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("vhost-session", tests, NULL, NULL);
}
