/* QEMU's monitor, which takes input as commands. */
#include "guest/channel.h"

#include "guest/sink-kept.h"
#include "keeper/end-qmp.h"

const struct channel channel_qmp = {
	.conf = { .name = "qmp", .needs_qmp = true },
	.place = CHANNEL_MONITOR,
	.sink = &sink_kept,
	.end_new = end_qmp_new,
};
