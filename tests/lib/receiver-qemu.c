/* SPDX-License-Identifier: MIT */
/*
 * A real QEMU, whose trace says what it got. It knows keys by names and has no nodes: an event counts
 * as of the node that declares its code.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "qemu/qcode.h"
#include "qemu.h"
#include "receiver.h"
#include "base/util.h"
#include "world.h"

#define OLDEST 702 /* that is tested with: the same scenarios with each QEMU */

struct receiver_qemu {
	struct receiver receiver;
	struct qemu qemu;
	struct frame part; /* of a report whose end has not come yet */
};

static struct receiver_qemu *to_qemu(struct receiver *receiver)
{
	return container_of(receiver, struct receiver_qemu, receiver);
}

/* --- from the trace's names back to events ----------------------------------------------- */

static void key_event(const struct qemu_event *from, struct input_event *ev)
{
	for (unsigned code = 1; code < KEY_CNT && !ev->code; code++) {
		const char *name = from->kind == QEMU_BUTTON ? qcode_button(code)
							     : qcode_key(code, QCODE_NEWEST);

		if (name && strcmp(name, from->name) == 0)
			ev->code = (uint16_t)code;
	}
	ev->type = EV_KEY;
	ev->value = from->value;
}

static bool is_click(const struct qemu_event *from, unsigned code, bool positive)
{
	return strcmp(from->name, qcode_click(code, positive, QCODE_NEWEST)) == 0;
}

/* True where the button is a wheel; its release says nothing. */
static bool click_event(const struct qemu_event *from, struct input_event *ev)
{
	static const uint16_t wheels[] = { REL_WHEEL, REL_HWHEEL };

	for (unsigned i = 0; from->kind == QEMU_BUTTON && i < 4; i++) {
		bool positive = i % 2;

		if (!is_click(from, wheels[i / 2], positive))
			continue;
		ev->type = EV_REL;
		ev->code = wheels[i / 2];
		ev->value = from->value == 0 ? 0 : positive ? 1 : -1;
		return true;
	}
	return false;
}

/* Value 0 of EV_REL: nothing. Code 0 of EV_KEY: a name that no code has. */
static struct input_event turn_back(const struct qemu_event *from)
{
	struct input_event ev = { 0 };

	if (from->kind == QEMU_MOTION) {
		ev.type = EV_REL;
		ev.code = from->name[0] == 'x' ? REL_X : REL_Y;
		ev.value = from->value;
	} else if (!click_event(from, &ev)) {
		key_event(from, &ev);
	}
	return ev;
}

/* Clicks of one wheel in one report are one value again. */
static void put(struct frame *frame, const struct input_event *ev)
{
	if (ev->type == EV_REL && ev->value == 0)
		return;
	if (ev->type == EV_KEY && ev->code == 0)
		return;
	for (unsigned i = 0; i < frame->n && ev->type == EV_REL; i++) {
		if (frame->ev[i].type == EV_REL && frame->ev[i].code == ev->code) {
			frame->ev[i].value += ev->value;
			return;
		}
	}
	frame_add(frame, ev);
}

static enum shape_node node_of(const struct input_event *ev)
{
	static const struct shape_rules rules;
	unsigned node = 0;

	while (node < SHAPE_POINTER && !shape_carries(&rules, node, ev->type, ev->code))
		node++;
	return node;
}

static bool take(struct receiver *receiver, struct receiver_frame *out)
{
	static const struct input_event at;
	struct frame *part = &to_qemu(receiver)->part;
	struct qemu_event event;

	while (qemu_trace(&to_qemu(receiver)->qemu, &event, 0)) {
		if (event.kind != QEMU_SYNC) {
			struct input_event ev = turn_back(&event);

			put(part, &ev);
		} else if (part->n > 0) {
			frame_close(part, &at);
			out->node = node_of(&part->ev[0]);
			out->frame = *part;
			part->n = 0;
			return true;
		}
	}
	return false;
}

static void fini(struct receiver *receiver)
{
	qemu_kill(&to_qemu(receiver)->qemu, SIGKILL);
}

/* --- a QEMU that reads the nodes --------------------------------------------------------- */

static void objects_up(struct receiver *receiver)
{
	char text[SHAPE_NODES][160];
	const char *args[2 * SHAPE_NODES + 1] = { NULL };

	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		char phys[80], devnode[64];

		snprintf(phys, sizeof(phys), "evswitch/%s/%s", receiver->guest,
			 shape_node_name(node));
		assert_true(find_node(phys, devnode, WORLD_MS));
		snprintf(text[node], sizeof(text[node]), "input-linux,id=%s,evdev=%s,repeat=on%s",
			 shape_node_name(node), devnode,
			 node == SHAPE_KEYBOARD ? ",grab_all=on" : "");
		args[2 * node] = "-object";
		args[2 * node + 1] = text[node];
	}
	qemu_start(&to_qemu(receiver)->qemu, args);
}

const struct receiver_ops receiver_qemu = {
	.name = "qemu",
	.via = "input-linux",
	.size = sizeof(struct receiver_qemu),
	.up = objects_up,
	.down = fini,
	.down_says = "it released its devices: back to the host",
	.take = take,
};

/* --- a QEMU whose monitor evswitch has --------------------------------------------------- */

static void monitor_path(const struct receiver *receiver, char *path, size_t size)
{
	snprintf(path, size, "/tmp/evswitch-%s-%p.qmp", receiver->guest, (const void *)receiver);
}

static void monitor_settings(struct receiver *receiver, char *text, size_t size)
{
	char path[80];

	monitor_path(receiver, path, sizeof(path));
	snprintf(text, size, "qmp = %s\n", path);
}

/* Where one runs already its VM is paused, and is now started anew. */
static void monitor_up(struct receiver *receiver)
{
	struct qemu *qemu = &to_qemu(receiver)->qemu;
	char path[80], socket[128];
	const char *args[] = { "-qmp", socket, NULL };

	if (qemu->pid) {
		qemu_do(qemu, "system_reset");
		qemu_do(qemu, "cont");
		return;
	}
	monitor_path(receiver, path, sizeof(path));
	snprintf(socket, sizeof(socket), "unix:%s,server=on,wait=off", path);
	qemu_start(qemu, args);
}

static void monitor_down(struct receiver *receiver)
{
	struct receiver_frame rest;

	qemu_do(&to_qemu(receiver)->qemu, "stop");
	while (take(receiver, &rest))
		;
	to_qemu(receiver)->qemu.n_down = 0;
	to_qemu(receiver)->part.n = 0;
}

static const char *monitor_cannot(const struct input_event *ev)
{
	if (ev->type == EV_KEY && !qcode_key(ev->code, OLDEST) && !qcode_button(ev->code))
		return "QEMU has no name for the key";
	if (ev->type == EV_REL && !qcode_carries(EV_REL, ev->code))
		return "QEMU knows no high-resolution wheel";
	return NULL;
}

static void monitor_fini(struct receiver *receiver)
{
	char path[80];

	fini(receiver);
	monitor_path(receiver, path, sizeof(path));
	unlink(path);
}

const struct receiver_ops receiver_qmp = {
	.name = "qmp",
	.via = "qmp",
	.size = sizeof(struct receiver_qemu),
	.told = true,
	.persists = true,
	.settings = monitor_settings,
	.up = monitor_up,
	.down = monitor_down,
	.down_says = "its VM is paused: back to the host",
	.take = take,
	.cannot = monitor_cannot,
	.fini = monitor_fini,
};
