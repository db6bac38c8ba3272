/* SPDX-License-Identifier: MIT */
/* A guest's nodes, its VM and how it is attached. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest/channel.h"
#include "now.h"
#include "qemu.h"
#include "world.h"
#include "base/util.h"

static void node_told(struct node *node)
{
	(void)node;
}

static const struct node_ops node_ops = { .lost = node_told, .leds = node_told };

static struct rig *rig_of(struct vm *vm)
{
	return container_of(vm, struct rig, vm);
}

static void told(struct vm *vm, unsigned news)
{
	if (news & VM_RESET)
		rig_of(vm)->resets++;
	attach_told(&rig_of(vm)->attach);
}

static void told_event(struct vm *vm, const char *name, struct json_object *data)
{
	attach_event(&rig_of(vm)->attach, name, data);
}

static const struct vm_ops vm_ops = { .told = told, .event = told_event };

void rig_make_nodes(struct rig *rig)
{
	static const struct shape_rules rules = { 0 };

	for (enum shape_node which = 0; which < SHAPE_NODES; which++) {
		char path[GUEST_PATH_SIZE];

		rig->node[which] = (struct node)NODE_INIT;
		assert_int_equal(
			node_open(&rig->node[which], &rig->loop, "one", which, &rules, &node_ops),
			0);
		rig->has_node[which] = true;
		guest_path(&rig->guest, &channel_of(rig->guest.via)->qemu, which, RIG_SOCKET_DIR,
			   path);
		wait_for_file(path);
		assert_int_equal(node_open_guard(&rig->node[which]), 0);
	}
}

void rig_destroy_nodes(struct rig *rig)
{
	for (enum shape_node which = 0; which < SHAPE_NODES; which++) {
		if (rig->has_node[which])
			node_close(&rig->node[which]);
		rig->has_node[which] = false;
	}
}

void rig_open(struct rig *rig, const char *via, const char *libvirt, const char *qmp)
{
	*rig = (struct rig){ .guest = { .name = "one",
					.via = &channel_find(via)->conf,
					.libvirt = (char *)libvirt,
					.qmp = (char *)qmp } };
	rig->launcher = (struct launcher)LAUNCHER_INIT;
	assert_int_equal(launcher_start(&rig->launcher, NULL), 0);
	assert_int_equal(loop_init(&rig->loop), 0);
	assert_int_equal(launcher_watch(&rig->launcher, &rig->loop), 0);
	assert_int_equal(vm_open(&rig->vm, &rig->loop, &rig->guest, &vm_ops), 0);
	assert_int_equal(attach_init(&rig->attach, &rig->loop, &rig->vm, &channel_find(via)->qemu,
				     RIG_SOCKET_DIR),
			 0);
	if (strcmp(via, "vhost-user") != 0)
		rig_make_nodes(rig);
}

void rig_close(struct rig *rig)
{
	vm_close(&rig->vm);
	attach_fini(&rig->attach);
	rig_destroy_nodes(rig);
	launcher_stop(&rig->launcher);
	loop_fini(&rig->loop);
}

void rig_await_state(struct rig *rig, enum run_state state)
{
	long deadline = now_ms() + RIG_WAIT_MS;

	while (rig->vm.state != state && now_ms() < deadline)
		assert_int_equal(loop_turn(&rig->loop, 100), 0);
	if (rig->vm.state != state)
		fail_msg("the guest is %s instead of %s; %s", run_state_name(rig->vm.state),
			 run_state_name(state), rig->vm.why);
}

void rig_turn_for(struct rig *rig, int ms)
{
	long deadline = now_ms() + ms;

	while (now_ms() < deadline)
		assert_int_equal(loop_turn(&rig->loop, 20), 0);
}

static void on_done(struct attach *attach, int rc, const char *words)
{
	struct rig *rig = container_of(attach, struct rig, attach);

	assert_false(rig->done);
	assert_true((rc == 0) == (words == NULL));
	rig->done = true;
	rig->rc = rc;
	snprintf(rig->words, sizeof(rig->words), "%s", words ? words : "");
}

void rig_begin(struct rig *rig, rig_call call)
{
	const char *why = "";

	rig->done = false;
	if (call(&rig->attach, on_done, &why))
		fail_msg("%s", why);
	assert_false(rig->done);
}

int rig_await_end(struct rig *rig)
{
	long deadline = now_ms() + SHAPE_NODES * (long)rig->attach.step_ms + RIG_WAIT_MS;

	while (!rig->done && now_ms() < deadline)
		assert_int_equal(loop_turn(&rig->loop, 100), 0);
	assert_true(rig->done);
	return rig->rc;
}

void rig_expect(struct rig *rig, rig_call call, int rc)
{
	rig_begin(rig, call);
	if (rig_await_end(rig) != rc)
		fail_msg("%d instead of %d: %s", rig->rc, rc, rig->words);
}

void rig_expect_held(struct rig *rig, bool held)
{
	for (enum shape_node which = 0; which < SHAPE_NODES; which++)
		if (node_check(&rig->node[which]) != held)
			fail_msg("the %s is %s", shape_node_name(which),
				 held ? "not held" : "held by somebody");
}

void rig_send_key(struct rig *rig, enum shape_node which, unsigned code, int value)
{
	static const struct input_event now;
	struct frame frame = { 0 };

	frame_put(&frame, &now, EV_KEY, code, value);
	frame_close(&frame, &now);
	assert_int_equal(uinput_send(rig->node[which].uinput.fd, &frame), 0);
}
