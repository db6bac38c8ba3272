/* SPDX-License-Identifier: MIT */
/* The config space: what a driver reads for every select and subsel there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "vhost/vinput-config.h"

static struct vinput_model model;

static int setup(void **state)
{
	(void)state;
	model = (struct vinput_model){
		.name = "evswitch-win10-keyboard",
		.serial = "evswitch/win10/keyboard",
		.bustype = 0x0006,
		.vendor = 0x1234,
		.product = 0xabcd,
		.version = 0x0102,
	};
	return 0;
}

static struct virtio_input_config ask(uint8_t select, uint8_t subsel)
{
	struct virtio_input_config config;

	memset(&config, 0xa5, sizeof(config));
	vinput_config(&model, select, subsel, &config);
	assert_int_equal(config.select, select);
	assert_int_equal(config.subsel, subsel);
	assert_true(config.size <= sizeof(config.u));
	/* Nothing that was there before is told. */
	for (unsigned i = 0; i < sizeof(config.reserved); i++)
		assert_int_equal(config.reserved[i], 0);
	for (unsigned i = config.size; i < sizeof(config.u); i++)
		assert_int_equal(config.u.bitmap[i], 0);
	return config;
}

static void says_its_names(void **state)
{
	struct virtio_input_config config = ask(VIRTIO_INPUT_CFG_ID_NAME, 0);

	(void)state;
	assert_int_equal(config.size, 23);
	assert_memory_equal(config.u.string, "evswitch-win10-keyboard", 24);
	config = ask(VIRTIO_INPUT_CFG_ID_SERIAL, 0);
	assert_int_equal(config.size, 23);
	assert_memory_equal(config.u.string, "evswitch/win10/keyboard", 24);
	model.serial[0] = '\0';
	assert_int_equal(ask(VIRTIO_INPUT_CFG_ID_SERIAL, 0).size, 0);
}

/* A name that fills its array, without a NUL even. */
static void takes_the_longest_name(void **state)
{
	struct virtio_input_config config;

	(void)state;
	memset(model.name, 'n', sizeof(model.name));
	config = ask(VIRTIO_INPUT_CFG_ID_NAME, 0);
	assert_int_equal(config.size, VINPUT_NAME_MAX);
	assert_memory_equal(config.u.string, model.name, VINPUT_NAME_MAX);
}

static void says_its_ids(void **state)
{
	static const uint8_t ids[] = { 0x06, 0x00, 0x34, 0x12, 0xcd, 0xab, 0x02, 0x01 };
	struct virtio_input_config config = ask(VIRTIO_INPUT_CFG_ID_DEVIDS, 0);

	(void)state;
	assert_int_equal(config.size, sizeof(ids));
	assert_memory_equal(config.u.bitmap, ids, sizeof(ids));
}

static void says_its_keys(void **state)
{
	struct virtio_input_config config = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_KEY);

	(void)state;
	assert_int_equal(config.size, 0);
	keyset_add(&model.keys, KEY_ESC);
	config = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_KEY);
	assert_int_equal(config.size, 1);
	assert_int_equal(config.u.bitmap[0], 0x02);
	keyset_add(&model.keys, BTN_LEFT);
	keyset_add(&model.keys, BTN_TASK);
	config = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_KEY);
	assert_int_equal(config.size, BTN_LEFT / 8 + 1);
	assert_int_equal(config.u.bitmap[0], 0x02);
	assert_int_equal(config.u.bitmap[BTN_LEFT / 8], 0x81);
	keyset_add(&model.keys, KEY_MAX);
	config = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_KEY);
	assert_int_equal(config.size, KEY_CNT / 8);
	assert_int_equal(config.u.bitmap[KEY_CNT / 8 - 1], 0x80);
}

static void says_its_axes_and_leds(void **state)
{
	static const uint8_t wheels[] = { 0x43, 0x19 };
	struct virtio_input_config config;

	(void)state;
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_REL).size, 0);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_LED).size, 0);
	model.rel = 1 << REL_X | 1 << REL_Y | 1 << REL_HWHEEL | 1 << REL_WHEEL |
		    1 << REL_WHEEL_HI_RES | 1 << REL_HWHEEL_HI_RES;
	model.leds = 1 << LED_NUML | 1 << LED_CAPSL | 1 << LED_SCROLLL;
	config = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_REL);
	assert_int_equal(config.size, 2);
	assert_memory_equal(config.u.bitmap, wheels, sizeof(wheels));
	config = ask(VIRTIO_INPUT_CFG_EV_BITS, EV_LED);
	assert_int_equal(config.size, 1);
	assert_int_equal(config.u.bitmap[0], 0x07);
}

static void says_whether_the_guest_repeats(void **state)
{
	(void)state;
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_REP).size, 0);
	model.repeat = true;
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_REP).size, 1);
}

/* Every question that there is; those without an answer are told so. */
static void answers_everything(void **state)
{
	unsigned answered = 0;

	(void)state;
	for (unsigned code = 0; code < KEY_CNT; code++)
		keyset_add(&model.keys, code);
	model.rel = UINT32_MAX;
	model.leds = UINT16_MAX;
	model.repeat = true;
	for (unsigned select = 0; select <= UINT8_MAX; select++)
		for (unsigned subsel = 0; subsel <= UINT8_MAX; subsel++)
			answered += ask((uint8_t)select, (uint8_t)subsel).size > 0;
	assert_int_equal(answered, 7);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_MSC).size, 0);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_SW).size, 0);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_EV_BITS, EV_ABS).size, 0);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_PROP_BITS, 0).size, 0);
	assert_int_equal(ask(VIRTIO_INPUT_CFG_ABS_INFO, ABS_X).size, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(says_its_names, setup),
		cmocka_unit_test_setup(takes_the_longest_name, setup),
		cmocka_unit_test_setup(says_its_ids, setup),
		cmocka_unit_test_setup(says_its_keys, setup),
		cmocka_unit_test_setup(says_its_axes_and_leds, setup),
		cmocka_unit_test_setup(says_whether_the_guest_repeats, setup),
		cmocka_unit_test_setup(answers_everything, setup),
	};

	return cmocka_run_group_tests_name("vinput-config", tests, NULL, NULL);
}
