/* SPDX-License-Identifier: MIT */
/* Channel vhost-user: virtio-input devices that the keeper provides to QEMU over vhost-user. */
#include "guest/channel.h"

#include "guest/sink-keeper.h"
#include "keeper/endpoint-vhost.h"

static const char limits[] =
	"Needs QEMU 8.0 or KVM, and shared memory (memoryBacking below); start evswitch before\n"
	"the domain. The addresses are for a q35 machine; on a pc machine, use bus=pci.0.";

const struct channel channel_vhost_user = {
	.conf = { .name = "vhost-user" },
	.sink = &sink_keeper,
	.endpoint_new = endpoint_vhost_new,
	.qemu = {
		.transport = QEMU_SOCKETS,
		.is_virtio = true,
		.limits = limits,
		.parts = { QEMU_CHARDEV, QEMU_DEVICE },
		.type = "vhost-user-input-pci",
		.properties = { { "chardev", QEMU_ID, QEMU_EACH_NODE } },
		.note = "vhost-user needs shared memory. With -m SIZE add: -object "
			"memory-backend-memfd,id=evswitch-memory,share=on,size=SIZE -machine "
			"memory-backend=evswitch-memory",
		.shares_memory = true,
		.not_by_virsh = "libvirt cannot attach vhost-user to a running domain: add the output of "
				"evswitch --xml, and restart the domain",
	},
};
