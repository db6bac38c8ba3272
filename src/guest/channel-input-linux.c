/* SPDX-License-Identifier: MIT */
/* Channel input-linux: QEMU opens uinput nodes through its input-linux objects. */
#include "guest/channel.h"

#include "guest/sink-uinput.h"

#define KEYBOARD (1u << SHAPE_KEYBOARD)
#define KEYS     (1u << SHAPE_KEYBOARD | 1u << SHAPE_MEDIA)

static const char limits[] =
	"Works in every guest, from the firmware on. QEMU does not pass on horizontal and\n"
	"high-resolution wheels, lock LEDs and some keys (F13 to F24 work since QEMU 8.0).\n"
	"Needs libvirt 7.4; to attach it to a running domain, 10.4. Add a virtio or USB mouse to\n"
	"the domain: QEMU's default PS/2 mouse drops fast motion.";

const struct channel channel_input_linux = {
	.conf = { .name = "input-linux" },
	.rules = { .one_of_pair = true, .wheel_clicks = true },
	.sink = &sink_uinput,
	.qemu = {
		.transport = QEMU_LINKS,
		.limits = limits,
		.parts = { QEMU_OBJECT },
		.type = "input-linux",
		.properties = { { "evdev", QEMU_PATH, QEMU_EACH_NODE },
				{ "grab_all", QEMU_ON, KEYBOARD },
				{ "repeat", QEMU_ON, KEYS } },
		.element = "type='evdev'",
		.source = "dev",
		.attributes = { { "grab='all'", KEYBOARD }, { "repeat='on'", KEYS } },
		.no_hot_plug = "this libvirt cannot attach input-linux to a running domain (10.4 can): "
			       "add the output of evswitch --xml, and restart the domain",
	},
};
