/* Channel input-linux: QEMU opens uinput nodes through its input-linux objects. */
#include "guest/channel.h"

#include "guest/sink-uinput.h"

#define KEYBOARD (1u << SHAPE_KEYBOARD)
#define KEYS     (1u << SHAPE_KEYBOARD | 1u << SHAPE_MEDIA)

static const char limits[] =
	"Works from firmware on, with every guest. QEMU passes on neither a horizontal nor a\n"
	"high-resolution wheel, no lock LEDs, and not every key (F13 to F24 since QEMU 8.0).\n"
	"Needs libvirt 7.4; to attach it to a running domain, 10.4. Without a virtio or USB mouse\n"
	"in the domain it is a PS/2 mouse, which drops fast motion.";

const struct channel channel_input_linux = {
	.conf = { .name = "input-linux" },
	.rules = { .one_of_pair = true, .wheel_clicks = true },
	.sink = &sink_uinput,
	.qemu = {
		.place = QEMU_LINKS,
		.limits = limits,
		.parts = { QEMU_OBJECT },
		.type = "input-linux",
		.properties = { { "evdev", QEMU_PATH, QEMU_EACH_NODE },
				{ "grab_all", QEMU_ON, KEYBOARD },
				{ "repeat", QEMU_ON, KEYS } },
		.element = "type='evdev'",
		.source = "dev",
		.attributes = { { "grab='all'", KEYBOARD }, { "repeat='on'", KEYS } },
		.no_hot_plug = "this libvirt cannot attach input-linux to a running domain, which 10.4 "
			       "can: add what evswitch --xml prints, and start the domain anew",
	},
};
