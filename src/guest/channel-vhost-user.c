/* Virtio input devices of our own, that QEMU connects to by vhost-user. */
#include "guest/channel.h"

#include "guest/sink-kept.h"
#include "keeper/end-vhost.h"

const struct channel channel_vhost_user = {
	.conf = { .name = "vhost-user" },
	.place = CHANNEL_SOCKETS,
	.sink = &sink_kept,
	.end_new = end_vhost_new,
};
