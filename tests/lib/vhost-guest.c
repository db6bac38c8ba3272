/* SPDX-License-Identifier: MIT */
/* Three sessions, and who serves them. */
#include "vhost-guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

void vhost_guest_path(const char *name, enum shape_node node, char path[static USOCK_PATH_MAX])
{
	char dir[USOCK_PATH_MAX];

	assert_int_equal(usock_dir_name(dir), 0);
	assert_true(snprintf(path, USOCK_PATH_MAX, "%s/%s-%s.sock", dir, name,
			     shape_node_name(node)) < USOCK_PATH_MAX);
}

static void connect_device(struct frontend *fe, const char *name, enum shape_node node)
{
	static const struct frontend_play linux_guest = {
		.kind = FRONTEND_QEMU_10,
		.num = 64,
		.want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC)
	};
	char path[USOCK_PATH_MAX];

	vhost_guest_path(name, node, path);
	frontend_init(fe, &linux_guest);
	frontend_connect(fe, path);
	frontend_realize(fe);
	frontend_start(fe);
	guest_give(fe, fe->guest.buffers);
	frontend_sync(fe);
}

void vhost_guest_up(struct vhost_guest *guest, const char *name)
{
	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		connect_device(&guest->fe[node], name, node);
}

void vhost_guest_reboot(struct vhost_guest *guest)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_stop(&guest->fe[i]);
	vhost_guest_boot(guest);
}

void vhost_guest_boot(struct vhost_guest *guest)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		guest_reset(&guest->fe[i]);
		frontend_start(&guest->fe[i]);
		guest_give(&guest->fe[i], guest->fe[i].guest.buffers);
	}
}

void vhost_guest_sync(struct vhost_guest *guest)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_sync(&guest->fe[i]);
}

void vhost_guest_down(struct vhost_guest *guest)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		frontend_fini(&guest->fe[i]);
}

pid_t vhost_guest_keeper(const struct vhost_guest *guest)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	assert_int_equal(getsockopt(guest->fe[0].sock, SOL_SOCKET, SO_PEERCRED, &peer, &size), 0);
	return peer.pid;
}
