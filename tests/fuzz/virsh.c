/* SPDX-License-Identifier: MIT */
/*
 * What virsh prints: lines in any pieces, exit statuses and ends, to vm, which follows the domain, and to
 * attach, which adds and removes devices of each channel meanwhile. What they tell the user is printable.
 * The target is the launcher, so it does not reach how a program is started.
 */
#include <string.h>
#include <sys/socket.h>

#include "base/usock.h"
#include "base/util.h"
#include "fuzz-attach.h"
#include "fuzz-loop.h"
#include "fuzz.h"
#include "guest/channel.h"
#include "launch/launch.h"
#include "qemu/attach.h"
#include "qemu/vm.h"

#define CHILDREN 4

static struct scene {
	struct loop loop;
	struct launcher launcher;
	int starts; /* the launcher's end */
	struct virsh {
		int output, control;
	} virsh[CHILDREN]; /* -1, or those that were started last */
	struct conf_guest guest;
	struct vm vm;
	struct attach attach;
} scene;

static void told(struct vm *vm, unsigned news)
{
	FUZZ_CHECK(vm->state < RUN_STATES, "state %d", (int)vm->state);
	fuzz_check_words(vm->why);
	if (news & VM_STATE)
		attach_told(&scene.attach);
}

static const struct vm_ops ops = { .told = told };

static void end(struct virsh *virsh)
{
	close_fd(&virsh->output);
	close_fd(&virsh->control);
}

/* What was started takes the place of what was started first. */
static void take_starts(void)
{
	char message[LAUNCH_SIZE_MAX + 64];
	int fds[USOCK_FDS_MAX];
	unsigned n;

	while (usock_receive(scene.starts, message, sizeof(message), fds, &n) > 0) {
		FUZZ_CHECK(n == 3, "%u descriptors", n);
		close_fd(&fds[0]);
		end(&scene.virsh[CHILDREN - 1]);
		memmove(scene.virsh + 1, scene.virsh, (CHILDREN - 1) * sizeof(scene.virsh[0]));
		scene.virsh[0] = (struct virsh){ fds[1], fds[2] };
	}
}

static void print(const struct virsh *virsh, struct fuzz *fuzz)
{
	static const char *const lines[] = {
		"event 'lifecycle' for domain 'vm': Started Booted\n",
		"event 'lifecycle' for domain 'vm': Suspended I/O Error\n",
		"event 'lifecycle' for domain 'vm': Crashed Panicked\n",
		"event 'lifecycle' for domain 'vm': Undefined Removed\n",
		"event 'lifecycle' for domain 'vm': Stopped Destroyed\n",
		"event 'reboot' for domain 'vm'\n",
		"running (booted)\n",
		"paused (watchdog)\n",
		"shut off (destroyed)\n",
		"error: failed to get domain 'vm'\n",
		"error: ",
		"    <source evdev='/dev/input/by-id/evswitch-g-keyboard'/>\n",
	};
	unsigned which = fuzz_below(fuzz, 16);
	char own[600];
	const char *text = own;

	if (which < ARRAY_SIZE(lines))
		text = lines[which];
	else
		fuzz_text(fuzz, own, sizeof(own));
	if (virsh->output >= 0 && write(virsh->output, text, strlen(text)) < 0)
		FUZZ_CHECK(errno == EPIPE || errno == EAGAIN, "%s", strerror(errno));
}

static void act(struct fuzz *fuzz)
{
	uint8_t what = fuzz_u8(fuzz);
	struct virsh *virsh = &scene.virsh[what >> 4 & 3];
	int status = what >> 6;
	const char *why;

	take_starts();
	switch (what % 16) {
	case 0:
		attach_add(&scene.attach, fuzz_attach_done, &why);
		break;
	case 1:
		attach_remove(&scene.attach, fuzz_attach_done, &why);
		break;
	case 2:
		attach_cancel(&scene.attach);
		break;
	case 3:
		attach_give_up(&scene.attach);
		break;
	case 4:
		fuzz_pass(&scene.loop, (what & 128 ? 100u : 1u) * fuzz_u8(fuzz));
		break;
	case 5:
	case 6:
		send(virsh->control, &status, sizeof(status), MSG_DONTWAIT | MSG_NOSIGNAL);
		end(virsh);
		break;
	case 7:
		close_fd(&virsh->output);
		break;
	case 8:
		close_fd(&virsh->control);
		break;
	default:
		print(virsh, fuzz);
	}
	fuzz_settle(&scene.loop);
}

void fuzz_one(struct fuzz *fuzz)
{
	unsigned channels = 0;
	int ends[2];

	while (channel_table[channels])
		channels++;
	loop_init(&scene.loop);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "launcher");
	scene.launcher = (struct launcher){ .fd = ends[0], .wake_fd = -1 };
	scene.starts = ends[1];
	scene.loop.launcher = &scene.launcher;
	for (unsigned i = 0; i < CHILDREN; i++)
		scene.virsh[i] = (struct virsh){ -1, -1 };
	scene.guest = (struct conf_guest){ .name = "g", .libvirt = (char *)"vm" };
	scene.guest.via = channel_table[fuzz_below(fuzz, channels)];
	FUZZ_CHECK(vm_open(&scene.vm, &scene.loop, &scene.guest, &ops) == 0, "vm");
	FUZZ_CHECK(attach_init(&scene.attach, &scene.loop, &scene.vm,
			       &channel_of(scene.guest.via)->qemu, "/run") == 0,
		   "attach");
	fuzz_pass(&scene.loop, 1);
	while (fuzz->left)
		act(fuzz);
	take_starts();
	vm_close(&scene.vm);
	attach_fini(&scene.attach);
	for (unsigned i = 0; i < CHILDREN; i++)
		end(&scene.virsh[i]);
	close_fd(&scene.launcher.fd);
	close_fd(&scene.starts);
	loop_fini(&scene.loop);
}
