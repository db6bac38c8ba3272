/* SPDX-License-Identifier: MIT */
/* Channel virtio-input: QEMU passes uinput nodes through with virtio-input-host devices. */
#include "guest/channel.h"

#include "guest/sink-uinput.h"

const struct channel channel_virtio_input = {
	.conf = { .name = "virtio-input", .by_default = true },
	.sink = &sink_uinput,
	.qemu = {
		.transport = QEMU_LINKS,
		.is_virtio = true,
		.parts = { QEMU_DEVICE },
		.type = "virtio-input-host-pci",
		.properties = { { "evdev", QEMU_PATH, QEMU_EACH_NODE } },
		.element = "type='passthrough' bus='virtio'",
		.source = "evdev",
	},
};
