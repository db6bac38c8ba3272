/* SPDX-License-Identifier: MIT */
/*
 * QEMU's monitor: what it says in any pieces, to vm and runstate, which follow the VM, and to attach, which
 * adds and removes devices meanwhile, of each channel. What they tell the user is printable. Does not reach
 * virsh, and no QEMU that is slower than a socket's buffer is long.
 */
#include <string.h>

#include "fuzz-attach.h"
#include "fuzz-loop.h"
#include "fuzz-qemu.h"
#include "fuzz.h"
#include "guest/channel.h"
#include "qemu/attach.h"
#include "qemu/vm.h"

static struct scene {
	struct loop loop;
	struct fuzz_qemu qemu;
	struct conf_guest guest;
	struct vm vm;
	struct attach attach;
} scene;

static void told(struct vm *vm, unsigned news)
{
	FUZZ_CHECK(vm->state < RUN_STATES, "state %d", (int)vm->state);
	fuzz_check_words(vm->why);
	if (news & (VM_STATE | VM_MONITOR))
		attach_told(&scene.attach);
}

static void event(struct vm *vm, const char *name, struct json_object *data)
{
	(void)vm;
	attach_event(&scene.attach, name, data);
}

static const struct vm_ops ops = { .told = told, .event = event };

static void act(struct fuzz *fuzz)
{
	const char *why;
	uint8_t what = fuzz_u8(fuzz);

	switch (what % 12) {
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
		fuzz_pass(&scene.loop, 1u + fuzz_u8(fuzz));
		break;
	case 5:
		fuzz_pass(&scene.loop, 100u * fuzz_u8(fuzz));
		break;
	default:
		fuzz_qemu_act(&scene.qemu, &scene.loop, what % 12 - 6, fuzz);
	}
}

void fuzz_one(struct fuzz *fuzz)
{
	unsigned channels = 0;

	while (channel_table[channels])
		channels++;
	loop_init(&scene.loop);
	fuzz_qemu_open(&scene.qemu);
	scene.guest = (struct conf_guest){ .name = "g", .qmp = scene.qemu.path };
	scene.guest.via = channel_table[fuzz_below(fuzz, channels)];
	FUZZ_CHECK(vm_open(&scene.vm, &scene.loop, &scene.guest, &ops) == 0, "vm");
	FUZZ_CHECK(attach_init(&scene.attach, &scene.loop, &scene.vm,
			       &channel_of(scene.guest.via)->qemu, "/run") == 0,
		   "attach");
	fuzz_pass(&scene.loop, 1);
	while (fuzz->left)
		act(fuzz);
	fuzz_settle(&scene.loop);
	vm_close(&scene.vm);
	attach_fini(&scene.attach);
	fuzz_qemu_close(&scene.qemu);
	loop_fini(&scene.loop);
}
