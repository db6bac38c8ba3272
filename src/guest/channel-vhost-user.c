/* Channel vhost-user: virtio-input devices that the keeper provides to QEMU over vhost-user. */
#include "guest/channel.h"

#include "guest/sink-kept.h"
#include "keeper/end-vhost.h"

static const char limits[] =
	"Needs QEMU 8.0 or KVM, memory that is shared (memoryBacking below), and evswitch to run\n"
	"before the domain starts. The addresses are those of a q35 machine; a pc has bus=pci.0.";

const struct channel channel_vhost_user = {
	.conf = { .name = "vhost-user" },
	.sink = &sink_kept,
	.end_new = end_vhost_new,
	.qemu = {
		.place = QEMU_SOCKETS,
		.is_virtio = true,
		.limits = limits,
		.parts = { QEMU_CHARDEV, QEMU_DEVICE },
		.type = "vhost-user-input-pci",
		.properties = { { "chardev", QEMU_ID, QEMU_EACH_NODE } },
		.note = "vhost-user needs shared memory. With -m SIZE add: -object "
			"memory-backend-memfd,id=evswitch-memory,share=on,size=SIZE -machine "
			"memory-backend=evswitch-memory",
		.shares_memory = true,
		.not_by_virsh = "libvirt cannot attach vhost-user to a running domain: add what evswitch "
				"--xml prints, and start the domain anew",
	},
};
