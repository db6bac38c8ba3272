/* The main job on a real kernel: grab, toggle, forward, between the host and somebody who holds a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

static const char conf[] = "[device keyboard]\nname = test keyboard\n"
			   "[device mouse]\nname = test mouse\n"
			   "[guest one]\nvia = input-linux\n";

struct desk {
	struct puppet keyboard, mouse;
	struct program program;
	struct observer host_keyboard, host_mouse, guest_keyboard, guest_pointer;
};

static void set_up(struct desk *desk)
{
	puppet_plug(&desk->keyboard, PUPPET_KEYBOARD, "test keyboard", "test/keyboard", 0xc001);
	puppet_plug(&desk->mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
	program_start(&desk->program, conf);
	program_expect(&desk->program, "is grabbed");
	program_expect(&desk->program, "is grabbed");
	observer_open(&desk->host_keyboard, "evswitch/host/keyboard");
	observer_open(&desk->host_mouse, "evswitch/host/mouse");
	observer_open(&desk->guest_keyboard, "evswitch/one/keyboard");
	observer_open(&desk->guest_pointer, "evswitch/one/pointer");
}

static void tear_down(struct desk *desk)
{
	program_stop(&desk->program);
	observer_close(&desk->host_keyboard);
	observer_close(&desk->host_mouse);
	observer_close(&desk->guest_keyboard);
	observer_close(&desk->guest_pointer);
	puppet_unplug(&desk->keyboard);
	puppet_unplug(&desk->mouse);
}

static void toggle(struct desk *desk)
{
	puppet_key(&desk->keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&desk->keyboard, KEY_RIGHTCTRL, 1);
	puppet_key(&desk->keyboard, KEY_RIGHTCTRL, 0);
	puppet_key(&desk->keyboard, KEY_LEFTCTRL, 0);
}

static void test_toggle(void **state)
{
	struct desk desk;

	(void)state;
	set_up(&desk);
	puppet_key(&desk.keyboard, KEY_A, 1);
	puppet_key(&desk.keyboard, KEY_A, 0);
	puppet_move(&desk.mouse, 3, -2);
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_A, 1);
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_A, 0);
	assert_true(observer_frame(&desk.host_mouse, &(struct seen){ 0 }, WORLD_MS));

	toggle(&desk); /* nobody there */
	program_expect(&desk.program, "cannot switch to guest one: nobody holds");
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_LEFTCTRL, 0);

	observer_grab(&desk.guest_keyboard);
	observer_grab(&desk.guest_pointer);
	toggle(&desk);
	program_expect(&desk.program, "focus: one");
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_LEFTCTRL, 0);
	puppet_key(&desk.keyboard, KEY_B, 1);
	puppet_key(&desk.keyboard, KEY_B, 0);
	observer_expect(&desk.guest_keyboard, EV_KEY, KEY_B, 1);
	observer_expect(&desk.guest_keyboard, EV_KEY, KEY_B, 0);
	observer_expect_nothing(&desk.host_keyboard);
	toggle(&desk);
	program_expect(&desk.program, "focus: host");
	puppet_key(&desk.keyboard, KEY_C, 1);
	puppet_key(&desk.keyboard, KEY_C, 0);
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_C, 1);
	observer_expect(&desk.host_keyboard, EV_KEY, KEY_C, 0);
	tear_down(&desk);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_toggle) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
