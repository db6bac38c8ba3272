/*
 * What a virtio input device says of itself in its config space (virtio 1.2, section 5.8.4): the
 * driver writes 'select' and 'subsel' and reads the answer. A pure look-up in the model.
 */
#pragma once

#include <linux/virtio_input.h>
#include <stdint.h>

#include "vhost/vinput.h"

/* Fills all of *config; what is not supported, or nothing known, has size 0 and zeros. */
void vinput_config(const struct vinput_model *model, uint8_t select, uint8_t subsel,
		   struct virtio_input_config *config);
