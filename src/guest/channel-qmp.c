/* SPDX-License-Identifier: MIT */
/* Channel qmp: sends input as commands to QEMU's monitor. */
#include "guest/channel.h"

#include "guest/sink-keeper.h"
#include "keeper/endpoint-qmp.h"

static const char nothing_needed[] = "the channel qmp attaches no devices";

static const char limits[] =
	"Works from the firmware on and needs nothing in the guest, but takes about a millisecond\n"
	"per frame: use it if no other channel works. No horizontal or high-resolution wheel, no\n"
	"lock LEDs, and not every key.";

const struct channel channel_qmp = {
	.conf = { .name = "qmp", .needs_qmp = true },
	.sink = &sink_keeper,
	.endpoint_new = endpoint_qmp_new,
	.qemu = {
		.transport = QEMU_MONITOR,
		.limits = limits,
		.not_by_virsh = nothing_needed,
		.not_by_monitor = nothing_needed,
	},
};
