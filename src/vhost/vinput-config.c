/* SPDX-License-Identifier: MIT */
/* One function for each selection. */
#include "vhost/vinput-config.h"

#include <endian.h>
#include <string.h>

static void put_string(struct virtio_input_config *config, const char *string)
{
	config->size = (uint8_t)strnlen(string, VINPUT_NAME_MAX);
	memcpy(config->u.string, string, config->size);
}

static void put_ids(struct virtio_input_config *config, const struct vinput_model *model)
{
	config->size = sizeof(config->u.ids);
	config->u.ids = (struct virtio_input_devids){
		.bustype = htole16(model->bustype),
		.vendor = htole16(model->vendor),
		.product = htole16(model->product),
		.version = htole16(model->version),
	};
}

/* The size ends at the last byte with a bit set. */
static void put_bit(struct virtio_input_config *config, unsigned bit)
{
	config->u.bitmap[bit / 8] |= (uint8_t)(1 << bit % 8);
	config->size = (uint8_t)(bit / 8 + 1);
}

static void put_mask(struct virtio_input_config *config, uint32_t mask)
{
	for (unsigned bit = 0; bit < 32; bit++)
		if (mask >> bit & 1)
			put_bit(config, bit);
}

static void put_event_bits(struct virtio_input_config *config, const struct vinput_model *model)
{
	switch (config->subsel) {
	case EV_KEY:
		keyset_for_each (code, &model->keys)
			put_bit(config, code);
		break;
	case EV_REL:
		put_mask(config, model->rel);
		break;
	case EV_LED:
		put_mask(config, model->leds);
		break;
	case EV_REP:
		/* Supported, but without codes: the guest has its own REP_DELAY and REP_PERIOD. */
		config->size = model->repeat;
		break;
	}
}

void vinput_config(const struct vinput_model *model, uint8_t select, uint8_t subsel,
		   struct virtio_input_config *config)
{
	memset(config, 0, sizeof(*config));
	config->select = select;
	config->subsel = subsel;
	if (select == VIRTIO_INPUT_CFG_EV_BITS)
		put_event_bits(config, model);
	else if (subsel != 0)
		return;
	else if (select == VIRTIO_INPUT_CFG_ID_NAME)
		put_string(config, model->name);
	else if (select == VIRTIO_INPUT_CFG_ID_SERIAL)
		put_string(config, model->serial);
	else if (select == VIRTIO_INPUT_CFG_ID_DEVIDS)
		put_ids(config, model);
}
