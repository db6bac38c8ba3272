/* Uinput nodes that QEMU opens by its input-linux objects. */
#include "guest/channel.h"

#include "guest/sink-uinput.h"

const struct channel channel_input_linux = {
	.conf = { .name = "input-linux" },
	.rules = { .one_of_pair = true, .wheel_clicks = true },
	.sink = &sink_uinput,
};
