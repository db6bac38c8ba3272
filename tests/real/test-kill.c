/* SPDX-License-Identifier: MIT */
/*
 * kill -9 at random instants, with a key and a button down and switches going on. A desktop
 * (libinput) that was there before, and a client of each real device, must find: nothing grabbed,
 * nothing down.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "chance.h"
#include "desktop.h"
#include "now.h"
#include "stage.h"

#define KILLS 100 /* or the environment's KILLS, for those in a hurry */
/* Instants are spread over this time after the first event: about twelve switches. */
#define SPREAD_US 60000
/* How long the kernel may take to let go of a device, in a machine that may be emulated beside others. */
#define FREE_MS 20000

struct screen {
	struct desktop desktop;
	int devices; /* clones that are there */
	int down;    /* keys and buttons down on them */
};

/* The real devices stand here too; a clone is told by its phys. */
static bool is_clone(struct libinput_device *device)
{
	struct udev_device *udev_device = libinput_device_get_udev_device(device);
	struct udev_device *input =
		udev_device_get_parent_with_subsystem_devtype(udev_device, "input", NULL);
	const char *phys = input ? udev_device_get_sysattr_value(input, "phys") : NULL;
	/* A device that is gone has no attributes any more: it is counted by its user data. */
	bool clone = phys && strncmp(phys, "evswitch/host/", 14) == 0;

	udev_device_unref(udev_device);
	return clone;
}

static void count(struct screen *screen, struct libinput_event *event)
{
	struct libinput_device *device = libinput_event_get_device(event);

	switch (libinput_event_get_type(event)) {
	case LIBINPUT_EVENT_DEVICE_ADDED:
		libinput_device_set_user_data(device, is_clone(device) ? screen : NULL);
		screen->devices += libinput_device_get_user_data(device) != NULL;
		break;
	case LIBINPUT_EVENT_DEVICE_REMOVED:
		screen->devices -= libinput_device_get_user_data(device) != NULL;
		break;
	case LIBINPUT_EVENT_KEYBOARD_KEY:
		screen->down += libinput_event_keyboard_get_key_state(
					libinput_event_get_keyboard_event(event))
					? 1
					: -1;
		break;
	case LIBINPUT_EVENT_POINTER_BUTTON:
		screen->down += libinput_event_pointer_get_button_state(
					libinput_event_get_pointer_event(event))
					? 1
					: -1;
		break;
	default:
		break;
	}
}

/* Looks on until that many clones are there. */
static void look_until(struct screen *screen, int devices)
{
	for (;;) {
		struct libinput_event *event = desktop_next(&screen->desktop, 0);

		if (!event && screen->devices == devices)
			return;
		event = event ?: desktop_next(&screen->desktop, WORLD_MS);
		if (!event)
			fail_msg("the desktop sees %d of evswitch's devices, expected %d",
				 screen->devices, devices);
		count(screen, event);
		libinput_event_destroy(event);
	}
}

/*
 * Returns how long it took; a grab of our own is the only way to ask, and letting go of it is slow.
 */
static long wait_until_free(const struct puppet *puppet, long since)
{
	int fd = open(puppet->uinput.devnode, O_RDONLY | O_CLOEXEC);
	long took;

	assert_true(fd >= 0);
	while (ioctl(fd, EVIOCGRAB, 1) < 0 && now_ms() - since < FREE_MS)
		usleep(1000); /* the kernel tells nobody */
	took = now_ms() - since;
	if (took >= FREE_MS)
		fail_msg("%s was not free %d ms after the kill", puppet->uinput.devnode, FREE_MS);
	close(fd);
	return took;
}

static long kill_once(struct stage *stage, struct screen *screen, struct observer *client)
{
	long killed, took;

	program_start(&stage->program, STAGE_CONF);
	program_expect(&stage->program, "is grabbed");
	program_expect(&stage->program, "is grabbed");
	look_until(screen, 2);
	stage_guest_up(stage);
	stage_kill_in_play(stage, (unsigned)rand() % SPREAD_US, NULL, NULL);
	killed = now_ms();
	stage_expect_end(stage, 128 + SIGKILL);
	took = wait_until_free(&stage->keyboard, killed);
	wait_until_free(&stage->mouse, killed);
	look_until(screen, 0);
	if (screen->down != 0)
		fail_msg("%d keys or buttons are down on the desktop", screen->down);
	assert_int_equal(observer_keys_down(client), 0);
	stage_guest_down(stage);
	return took;
}

static void test_kill(void **state)
{
	struct screen screen = { 0 };
	struct observer client;
	struct stage stage;
	unsigned n = kills_wanted(KILLS);
	long longest = 0;

	(void)state;
	chance_seed();
	stage_plug(&stage);
	observer_open(&client, "test/keyboard");
	desktop_open(&screen.desktop);
	look_until(&screen, 0);
	for (unsigned i = 0; i < n; i++) {
		long took = kill_once(&stage, &screen, &client);

		longest = took > longest ? took : longest;
	}
	printf("%u kills: the keyboard free after %ld ms at the longest\n", n, longest);
	desktop_close(&screen.desktop);
	observer_close(&client);
	puppet_unplug(&stage.keyboard);
	puppet_unplug(&stage.mouse);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(test_kill, world_reset) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
