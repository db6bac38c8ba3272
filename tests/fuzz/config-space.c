/* SPDX-License-Identifier: MIT */
/*
 * The config space of a virtio input device: any select and subsel with any model. The answer is
 * within its bounds, and says nothing where nothing is declared. How a front end reads and writes parts of
 * it is vhost.c's.
 */
#include <string.h>

#include "fuzz.h"
#include "vhost/vinput-config.h"

static void draw(struct fuzz *fuzz, void *to, size_t size)
{
	size_t got = size;
	const uint8_t *bytes = fuzz_take(fuzz, &got);

	memset(to, 0, size);
	memcpy(to, bytes, got);
}

void fuzz_one(struct fuzz *fuzz)
{
	struct vinput_model model = { 0 };
	struct virtio_input_config config;
	unsigned last = 0;

	model.rel = fuzz_u32(fuzz);
	model.leds = fuzz_u16(fuzz);
	model.repeat = fuzz_u8(fuzz) & 1;
	for (unsigned n = fuzz_u8(fuzz); n > 0; n--)
		keyset_add(&model.keys, fuzz_u16(fuzz) % KEY_CNT);
	draw(fuzz, model.name, sizeof(model.name)); /* without a NUL, perhaps */
	draw(fuzz, model.serial, sizeof(model.serial));
	do {
		vinput_config(&model, fuzz_u8(fuzz), fuzz_u8(fuzz), &config);
		FUZZ_CHECK(config.size <= sizeof(config.u), "size %u", config.size);
		for (unsigned i = 0; i < sizeof(config.u); i++)
			last = config.u.bitmap[i] ? i + 1 : last;
		FUZZ_CHECK(last <= config.size, "%u bytes, %u are announced", last, config.size);
		last = 0;
		if (config.select != VIRTIO_INPUT_CFG_EV_BITS || config.subsel != EV_KEY)
			continue;
		for (unsigned code = 0; code < KEY_CNT; code++)
			FUZZ_CHECK((config.u.bitmap[code / 8] >> code % 8 & 1) ==
					   keyset_has(&model.keys, code),
				   "key %u", code);
	} while (fuzz->left);
}
