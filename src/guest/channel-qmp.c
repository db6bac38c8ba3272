/* Channel qmp: sends input as commands to QEMU's monitor. */
#include "guest/channel.h"

#include "guest/sink-kept.h"
#include "keeper/end-qmp.h"

static const char nothing_needed[] = "the channel qmp needs nothing attached";

static const char limits[] =
	"Works from firmware on and needs nothing in the guest, but takes about a millisecond a\n"
	"frame: for want of another channel. Neither a horizontal nor a high-resolution wheel, no\n"
	"lock LEDs, not every key.";

const struct channel channel_qmp = {
	.conf = { .name = "qmp", .needs_qmp = true },
	.sink = &sink_kept,
	.end_new = end_qmp_new,
	.qemu = {
		.place = QEMU_MONITOR,
		.limits = limits,
		.not_by_virsh = nothing_needed,
		.not_by_monitor = nothing_needed,
	},
};
