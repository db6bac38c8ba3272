/* Uinput nodes that QEMU passes on by its virtio-input-host devices. */
#include "guest/channel.h"

#include "guest/sink-uinput.h"

const struct channel channel_virtio_input = {
	.conf = { .name = "virtio-input", .by_default = true },
	.sink = &sink_uinput,
};
