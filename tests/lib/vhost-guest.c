/* Three sessions, and who serves them. */
#include "vhost-guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "usock.h"

static void connect_device(struct frontend *fe, const char *guest, const char *which)
{
	static const struct frontend_play linux_guest = { .kind = FRONTEND_QEMU_10,
							  .num = 64,
							  .want = F_EVENT_IDX | F_INDIRECT };
	char dir[USOCK_PATH_MAX], path[2 * USOCK_PATH_MAX];

	assert_int_equal(usock_dir(dir), 0);
	snprintf(path, sizeof(path), "%s/%s-%s.sock", dir, guest, which);
	frontend_init(fe, &linux_guest);
	frontend_connect(fe, path);
	frontend_realize(fe);
	frontend_start(fe);
	guest_give(fe, fe->guest.buffers);
	frontend_sync(fe);
}

void vhost_guest_up(struct vhost_guest *guest, struct program *program, const char *name)
{
	char last[64];

	snprintf(last, sizeof(last), "/%s-pointer.sock", name);
	program->read_to = 0; /* it may have said so before anybody asked */
	program_expect(program, last);
	connect_device(&guest->keyboard, name, "keyboard");
	connect_device(&guest->media, name, "media");
	connect_device(&guest->pointer, name, "pointer");
}

void vhost_guest_down(struct vhost_guest *guest)
{
	frontend_fini(&guest->keyboard);
	frontend_fini(&guest->media);
	frontend_fini(&guest->pointer);
}

pid_t vhost_guest_keeper(const struct vhost_guest *guest)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	assert_int_equal(getsockopt(guest->keyboard.sock, SOL_SOCKET, SO_PEERCRED, &peer, &size),
			 0);
	return peer.pid;
}
