/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user session with an input device: messages of any kind and size with descriptors of many kinds,
 * guest memory that is written, also by a second thread meanwhile, and truncated, kicks, frames, time, and
 * new connections. Answers are well formed. Does not reach stall.h: that a peer blocks a write takes real
 * time.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/util.h"
#include "fuzz-frontend.h"
#include "vhost/vinput.h"

static struct loop loop;
static struct vinput *vinput;
static struct fuzz_frontend fe;

static bool admit(struct vinput *admits, int fd)
{
	(void)admits;
	return fd >= 0;
}

static void changed(struct vinput *changes)
{
	FUZZ_CHECK(!vinput_up(changes) == !!vinput_why(changes)[0], "%s", vinput_why(changes));
}

static const struct vinput_ops ops = { .admit = admit, .changed = changed };

static void send_frame(struct fuzz *fuzz)
{
	const struct input_event now = { 0 };
	struct frame frame = { 0 };

	for (unsigned n = 1 + fuzz_u8(fuzz) % 40; n > 0; n--) {
		uint8_t what = fuzz_u8(fuzz);

		if (what & 128)
			frame_put(&frame, &now, EV_REL, what & 1, what);
		else
			frame_put(&frame, &now, EV_KEY, what % 32, what >> 5 & 1);
	}
	frame_close(&frame, &now);
	vinput_send(vinput, &frame);
}

static void poke(struct fuzz *fuzz)
{
	uint16_t at = fuzz_u16(fuzz) % (2 * FRONTEND_REGION - 256);
	size_t size = fuzz_u8(fuzz);
	const uint8_t *bytes = fuzz_take(fuzz, &size);

	fuzz_guest_poke(&fe, at, bytes, size);
}

static void act(struct fuzz *fuzz)
{
	uint8_t what = fuzz_u8(fuzz), led;
	uint32_t ring = what >> 4 & 1;

	switch (what % 16) {
	case 0:
		fuzz_frontend_connect(&fe, NULL);
		break;
	case 1:
		fuzz_frontend_start(&fe, ring, what & 32 ? BIT_ULL(32) : UINT64_C(0x170000000));
		break;
	case 2:
		fuzz_frontend_stop(&fe, ring);
		break;
	case 3:
	case 4:
		led = fuzz_u8(fuzz);
		fuzz_guest_give(&fe, ring, 1 + fuzz_below(fuzz, 16), led);
		break;
	case 5:
		fuzz_guest_kick(&fe);
		break;
	case 6:
	case 7:
		send_frame(fuzz);
		break;
	case 8:
		vinput_release_all(vinput);
		break;
	case 9:
		fuzz_pass(&loop, (what & 128 ? 100u : 1u) * fuzz_u8(fuzz));
		break;
	case 10:
		if (ftruncate(fe.fd[RAM], what & 128 ? fuzz_u16(fuzz) : 2 * FRONTEND_REGION) < 0)
			abort();
		break;
	case 11:
	case 12:
		poke(fuzz);
		break;
	case 13:
		fuzz_frontend_write(&fe, fuzz);
		break;
	default:
		fuzz_frontend_say(&fe, fuzz);
	}
	if (what & 64)
		fuzz_settle(&loop);
	fuzz_frontend_hear(&fe);
}

void fuzz_one(struct fuzz *fuzz)
{
	static struct vinput_model model = { .name = "fuzz", .rel = 3, .leds = 7, .step_max = 127 };
	int listener;

	for (unsigned code = 1; code < 32; code++)
		keyset_add(&model.keys, code);
	model.repeat = fuzz_u8(fuzz) & 1;
	loop_init(&loop);
	listener = fuzz_frontend_open(&fe, &loop, fuzz);
	FUZZ_CHECK(vinput_new(&loop, listener, &model, &ops, NULL, &vinput) == 0, "vinput");
	fuzz_frontend_connect(&fe, NULL);
	while (fuzz->left)
		act(fuzz);
	fuzz_settle(&loop);
	fuzz_frontend_close(&fe);
	fuzz_settle(&loop);
	FUZZ_CHECK(!vinput_connected(vinput) && !vinput_up(vinput), "connected");
	vinput_free(vinput);
	loop_fini(&loop);
}
