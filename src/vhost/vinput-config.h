/*
 * What a virtio input device is, and says of itself in its config space (virtio 1.2, section 5.8.4): the
 * driver writes 'select' and 'subsel' and reads the answer. A pure look-up in the model.
 */
#pragma once

#include <linux/virtio_input.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/keyset.h"

#define VINPUT_NAME_MAX 64

/* What the guest's driver reads from the config space (section 5.8.2). */
struct vinput_model {
	char name[VINPUT_NAME_MAX];   /* ID_NAME */
	char serial[VINPUT_NAME_MAX]; /* ID_SERIAL; "" for none */
	uint16_t bustype, vendor, product, version;
	struct keyset keys; /* EV_KEY */
	uint32_t rel;       /* EV_REL, bit n for code n */
	uint16_t leds;      /* EV_LED, likewise */
	bool repeat;        /* EV_REP: the guest repeats by itself, repetitions are left out */
	int step_max; /* as in struct shape_rules: also what waits is delivered in such steps */
};

/* Fills all of *config; what is not supported, or nothing known, has size 0 and zeros. */
void vinput_config(const struct vinput_model *model, uint8_t select, uint8_t subsel,
		   struct virtio_input_config *config);
