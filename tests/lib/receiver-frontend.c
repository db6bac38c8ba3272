/* SPDX-License-Identifier: MIT */
/* Front ends on a guest's three sockets, with a guest's driver that takes events as they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "receiver.h"
#include "vhost-guest.h"

struct receiver_frontend {
	struct receiver receiver;
	struct vhost_guest guest;
	unsigned at[SHAPE_NODES]; /* events of the log that have been given out */
};

static struct receiver_frontend *to_frontend(struct receiver *receiver)
{
	return container_of(receiver, struct receiver_frontend, receiver);
}

static void up(struct receiver *receiver)
{
	vhost_guest_up(&to_frontend(receiver)->guest, receiver->guest);
	memset(to_frontend(receiver)->at, 0, sizeof(to_frontend(receiver)->at));
}

static void down(struct receiver *receiver)
{
	vhost_guest_down(&to_frontend(receiver)->guest);
}

/* The frame that begins at *at of the log, if it is there whole. */
static bool cut_frame(struct frontend *fe, unsigned *at, struct frame *frame)
{
	static const struct input_event now = { 0 };
	const struct guest *guest = &fe->guest;
	unsigned end = *at;

	while (end < guest->n_log && guest->log[end].type != EV_SYN)
		end++;
	if (end == guest->n_log)
		return false;
	*frame = (struct frame){ 0 };
	for (; *at < end; ++*at)
		frame_put(frame, &now, guest->log[*at].type, guest->log[*at].code,
			  guest->log[*at].value);
	frame_close(frame, &now);
	if (++*at == guest->n_log) {
		guest_forget(fe);
		*at = 0;
	}
	return true;
}

static bool take(struct receiver *receiver, struct receiver_frame *out)
{
	struct receiver_frontend *frontend = to_frontend(receiver);

	for (out->node = 0; out->node < SHAPE_NODES; out->node++) {
		struct frontend *fe = &frontend->guest.fe[out->node];

		guest_harvest(fe);
		if (cut_frame(fe, &frontend->at[out->node], &out->frame))
			return true;
	}
	return false;
}

static void set_led(struct receiver *receiver, unsigned led, bool on)
{
	guest_status(&to_frontend(receiver)->guest.fe[SHAPE_KEYBOARD], EV_LED, (uint16_t)led, on);
}

static const char *cannot(const struct input_event *ev)
{
	return ev->type == EV_KEY && ev->value == 2 ? "the guest repeats keys by itself" : NULL;
}

const struct receiver_ops receiver_frontend = {
	.name = "vhost-user",
	.via = "vhost-user",
	.size = sizeof(struct receiver_frontend),
	.told = true,
	.up = up,
	.down = down,
	.down_says = "it released its devices: back to the host",
	.take = take,
	.set_led = set_led,
	.cannot = cannot,
};
