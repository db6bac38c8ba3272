/* SPDX-License-Identifier: MIT */
/*
 * The model of a virtio input device, and its config space (virtio 1.2, section 5.8.4): the driver
 * writes 'select' and 'subsel' and reads the answer. A pure look-up in the model.
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
	bool repeat;        /* EV_REP: the guest repeats keys itself, so repetitions are dropped */
	int step_max; /* as in struct shape_rules; also applies to summed motion from the backlog */
};

/* Fills all of *config. An unknown or empty selection gives size 0 and zeros. */
void vinput_config(const struct vinput_model *model, uint8_t select, uint8_t subsel,
		   struct virtio_input_config *config);
