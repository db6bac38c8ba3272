/* SPDX-License-Identifier: MIT */
/*
 * QEMU's monitor, as qmp.c has it, to the keeper's side of via = qmp: frames of any keys and axes while
 * QEMU answers, refuses, resets or hangs up. Does not reach the bytes of
 * commands beyond their ids.
 */
#include <string.h>

#include "fuzz-loop.h"
#include "fuzz-qemu.h"
#include "fuzz.h"
#include "qemu/qinput.h"

static struct loop loop;
static struct fuzz_qemu qemu;
static struct qinput *qinput;

static void changed(struct qinput *changes)
{
	const char *why = qinput_why(changes);

	FUZZ_CHECK(qinput_up(changes) == !why[0], "%s", why);
	FUZZ_CHECK(fuzz_is_printable(why, strlen(why)), "%s", why);
}

static const struct qinput_ops ops = { .changed = changed };

static void send_frame(struct fuzz *fuzz)
{
	const struct input_event now = { 0 };
	struct frame frame = { 0 };

	for (unsigned n = 1 + fuzz_below(fuzz, 4); n > 0; n--) {
		uint16_t what = fuzz_u16(fuzz);

		if (what & 0x8000)
			frame_put(&frame, &now, EV_REL, what % REL_CNT, (int8_t)fuzz_u8(fuzz));
		else
			frame_put(&frame, &now, EV_KEY, what % KEY_CNT, (what >> 12) % 3);
	}
	frame_close(&frame, &now);
	qinput_send(qinput, &frame);
}

static void act(struct fuzz *fuzz)
{
	uint8_t what = fuzz_u8(fuzz);

	switch (what % 12) {
	case 0:
	case 1:
	case 2:
		for (unsigned i = 0; i < 1 + what / 64u; i++)
			send_frame(fuzz);
		break;
	case 3:
		qinput_release_all(qinput);
		break;
	case 4:
		fuzz_pass(&loop, 1u + fuzz_u8(fuzz));
		break;
	case 5:
		fuzz_pass(&loop, 100u * fuzz_u8(fuzz));
		break;
	default:
		fuzz_qemu_act(&qemu, &loop, what % 12 - 6, fuzz);
	}
}

void fuzz_one(struct fuzz *fuzz)
{
	loop_init(&loop);
	fuzz_qemu_open(&qemu);
	FUZZ_CHECK(qinput_new(&loop, "g", qemu.path, &ops, NULL, &qinput) == 0, "qinput");
	fuzz_pass(&loop, 1);
	while (fuzz->left)
		act(fuzz);
	fuzz_settle(&loop);
	qinput_free(qinput);
	fuzz_qemu_close(&qemu);
	loop_fini(&loop);
}
