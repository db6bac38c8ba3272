/* Front ends on a guest's three sockets, with a guest's driver that takes events as they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "frontend.h"
#include "qemu.h"
#include "receiver.h"
#include "usock.h"

struct receiver_frontend {
	struct receiver receiver;
	struct frontend fe[SHAPE_NODES];
	unsigned at[SHAPE_NODES]; /* events of the log that have been given out */
};

static struct receiver_frontend *to_frontend(struct receiver *receiver)
{
	return container_of(receiver, struct receiver_frontend, receiver);
}

static void connect_node(struct receiver *receiver, unsigned node)
{
	static const struct frontend_play play = { .kind = FRONTEND_QEMU_10, .num = 64 };
	struct frontend *fe = &to_frontend(receiver)->fe[node];
	char dir[USOCK_PATH_MAX], path[USOCK_PATH_MAX + 80];

	assert_int_equal(usock_dir(dir), 0);
	snprintf(path, sizeof(path), "%s/%s-%s.sock", dir, receiver->guest, shape_node_name(node));
	wait_for_file(path);
	frontend_init(fe, &play);
	frontend_connect(fe, path);
	frontend_realize(fe);
	frontend_start(fe);
	guest_give(fe, fe->guest.n_kept);
	frontend_sync(fe);
	to_frontend(receiver)->at[node] = 0;
}

static void up(struct receiver *receiver)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		connect_node(receiver, node);
}

static void down(struct receiver *receiver)
{
	for (unsigned node = 0; node < SHAPE_NODES; node++)
		frontend_fini(&to_frontend(receiver)->fe[node]);
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
		struct frontend *fe = &frontend->fe[out->node];

		guest_harvest(fe);
		if (cut_frame(fe, &frontend->at[out->node], &out->frame))
			return true;
	}
	return false;
}

static void set_led(struct receiver *receiver, unsigned led, bool on)
{
	guest_status(&to_frontend(receiver)->fe[SHAPE_KEYBOARD], EV_LED, (uint16_t)led, on);
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
	.take = take,
	.set_led = set_led,
	.cannot = cannot,
};
