/* SPDX-License-Identifier: MIT */
/* Observers that grab a guest's three nodes, as virtio-input-host does. */
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "world.h"

struct receiver_observer {
	struct receiver receiver;
	struct observer node[SHAPE_NODES];
};

static struct receiver_observer *to_observer(struct receiver *receiver)
{
	return container_of(receiver, struct receiver_observer, receiver);
}

static void up(struct receiver *receiver)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		char phys[80];

		snprintf(phys, sizeof(phys), "evswitch/%s/%s", receiver->guest,
			 shape_node_name(node));
		observer_open(&to_observer(receiver)->node[node], phys);
		observer_grab(&to_observer(receiver)->node[node]);
	}
}

static void write_led(const struct observer *observer, unsigned led, bool on)
{
	struct input_event events[] = {
		{ .type = EV_LED, .code = (uint16_t)led, .value = on },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};

	assert_int_equal(write(observer->fd, events, sizeof(events)), sizeof(events));
}

/*
 * Nobody holds the nodes any more. evswitch learns of it by what it hears there: here a LED that is
 * written as the console would, instead of a frame that a test would have to ask for.
 */
static void down(struct receiver *receiver)
{
	struct observer console;
	char phys[80];

	for (unsigned node = 0; node < SHAPE_NODES; node++)
		observer_close(&to_observer(receiver)->node[node]);
	snprintf(phys, sizeof(phys), "evswitch/%s/keyboard", receiver->guest);
	if (!find_node(phys, console.devnode, 0))
		return;
	observer_open(&console, phys);
	write_led(&console, LED_NUML, true);
	write_led(&console, LED_NUML, false);
	observer_close(&console);
}

static bool take(struct receiver *receiver, struct receiver_frame *out)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		static const struct input_event at = { 0 };
		struct seen seen;

		if (!observer_frame(&to_observer(receiver)->node[node], &seen, 0))
			continue;
		out->node = node;
		out->frame = (struct frame){ 0 };
		for (unsigned i = 0; i < seen.n; i++)
			frame_put(&out->frame, &at, seen.ev[i].type, seen.ev[i].code,
				  seen.ev[i].value);
		frame_close(&out->frame, &at);
		return true;
	}
	return false;
}

static void set_led(struct receiver *receiver, unsigned led, bool on)
{
	write_led(&to_observer(receiver)->node[SHAPE_KEYBOARD], led, on);
}

const struct receiver_ops receiver_observer = {
	.name = "observer",
	.size = sizeof(struct receiver_observer),
	.up = up,
	.down = down,
	.down_says = "it released its devices: back to the host",
	.take = take,
	.set_led = set_led,
};
