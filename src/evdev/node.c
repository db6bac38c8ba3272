/* SPDX-License-Identifier: MIT */
/* A guest's uinput node, and the guard that detects whether it is grabbed. */
#include "evdev/node.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "core/keyset.h"
#include "evdev/match.h"
#include "base/closer.h"
#include "base/util.h"

static void add_codes(struct libevdev *model, enum shape_node which,
		      const struct shape_rules *rules)
{
	for (unsigned code = 0; code < KEY_CNT; code++)
		if (shape_carries(rules, which, EV_KEY, code))
			libevdev_enable_event_code(model, EV_KEY, code, NULL);
	for (unsigned code = 0; code < REL_CNT; code++)
		if (shape_carries(rules, which, EV_REL, code))
			libevdev_enable_event_code(model, EV_REL, code, NULL);
	if (which == SHAPE_KEYBOARD)
		for (unsigned code = LED_NUML; code <= LED_SCROLLL; code++)
			libevdev_enable_event_code(model, EV_LED, code, NULL);
}

/* No EV_REP: key repeat comes from the source. No EV_MSC: a guest's driver would send it back. */
static struct libevdev *make_model(const char *guest, enum shape_node which,
				   const struct shape_rules *rules)
{
	struct libevdev *model = libevdev_new();
	char name[80];

	if (!model)
		return NULL;
	snprintf(name, sizeof(name), "evswitch-%s-%s", guest, shape_node_name(which));
	libevdev_set_name(model, name);
	libevdev_set_id_bustype(model, BUS_VIRTUAL);
	libevdev_set_id_product(model, (int)which + 1);
	libevdev_set_id_version(model, 1);
	add_codes(model, which, rules);
	return model;
}

int node_open_guard(struct node *node)
{
	if (node->guard_fd >= 0)
		return 0;
	node->guard_fd = open(node->uinput.devnode, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (node->guard_fd < 0)
		return -errno;
	uinput_leds_by(&node->leds, node->guard_fd);
	return 0;
}

/* True if the guard had anything to read. Bounded: a client's buffer holds a few hundred events. */
static bool guard_heard(struct node *node)
{
	struct pollfd guard = { .fd = node->guard_fd, .events = POLLIN };
	struct input_event ev[64];
	bool heard = false;
	ssize_t size;

	/*
	 * poll() first: the keeper shares the open file description and may have cleared
	 * O_NONBLOCK.
	 */
	for (unsigned i = 0; i < 16 && poll(&guard, 1, 0) == 1 && guard.revents & POLLIN &&
			     (size = read(node->guard_fd, ev, sizeof(ev))) > 0;
	     i++) {
		for (ssize_t n = 0; n < size / (ssize_t)sizeof(*ev); n++)
			node->by_host |= uinput_apply_led(&ev[n], &node->host_leds);
		heard = true;
	}
	return heard;
}

/* While the loop watches the guard, only guard_ready may read it, so just poll. */
static bool guard_is_quiet(const struct node *node)
{
	struct pollfd guard = { .fd = node->guard_fd, .events = POLLIN };

	return poll(&guard, 1, 0) == 0;
}

bool node_check(struct node *node)
{
	/*
	 * No client acts on SYN_MT_REPORT, and the input core passes it to handlers only.
	 * SYN_CONFIG would also go to the device, and a guest's virtio-input driver would send it
	 * back to this node in an endless loop.
	 */
	static const struct input_event sentinel[] = {
		{ .type = EV_SYN, .code = SYN_MT_REPORT },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};

	if (node->guard_fd < 0)
		return false;
	if (node_held(node))
		return guard_is_quiet(node);
	guard_heard(node);
	return write(node->uinput.fd, sentinel, sizeof(sentinel)) == sizeof(sentinel) &&
	       !guard_heard(node);
}

static void guard_ready(struct watch *watch, uint32_t events)
{
	struct node *node = container_of(watch, struct node, guard);

	(void)events;
	node_leave(node);
	node->leds.mask = 0;
	node_release_all(node);
	node->ops->lost(node);
}

int node_enter(struct node *node)
{
	if (node_held(node))
		return 0;
	if (node_check(node))
		return watch_start(&node->guard, node->loop, node->guard_fd, EPOLLIN, guard_ready);
	node->leds.mask = 0;
	return 0;
}

void node_leave(struct node *node)
{
	watch_stop(&node->guard);
}

/*
 * LED writes count only while the node is grabbed; otherwise they come from the host's console. As
 * this may run some time after the write, the node can have been grabbed since: what the guard
 * heard tells.
 */
static void leds_changed(struct uinput_leds *leds, uint16_t changed)
{
	struct node *node = container_of(leds, struct node, leds);

	(void)changed;
	if (!node_check(node))
		leds->mask = 0;
	leds->mask &= (uint16_t) ~(node->by_host & ~(leds->kernel ^ node->host_leds));
	node->by_host = 0;
	node->ops->leds(node);
}

int node_open(struct node *node, struct loop *loop, const char *guest, enum shape_node which,
	      const struct shape_rules *rules, const struct node_ops *ops)
{
	struct libevdev *model = make_model(guest, which, rules);
	char phys[80];
	int rc;

	*node = (struct node){
		.ops = ops, .loop = loop, .which = which, .uinput.fd = -1, .guard_fd = -1
	};
	if (!model)
		return -ENOMEM;
	snprintf(phys, sizeof(phys), MATCH_OWN_PHYS "%s/%s", guest, shape_node_name(which));
	rc = uinput_open(&node->uinput, model, phys);
	libevdev_free(model);
	if (rc < 0)
		return rc;
	return uinput_watch_leds(&node->leds, loop, node->uinput.fd, 0, leds_changed);
}

int node_adopt(struct node *node, struct loop *loop, enum shape_node which, int uinput_fd,
	       int guard_fd, const char *devnode, const struct node_ops *ops)
{
	int rc;

	*node = (struct node){ .ops = ops,
			       .loop = loop,
			       .which = which,
			       .uinput.fd = uinput_fd,
			       .guard_fd = guard_fd };
	snprintf(node->uinput.devnode, sizeof(node->uinput.devnode), "%s", devnode);
	node_release_all(node);
	rc = uinput_watch_leds(&node->leds, loop, node->uinput.fd, 0, leds_changed);
	if (rc < 0 || guard_fd < 0)
		return rc;
	uinput_leds_by(&node->leds, guard_fd);
	if (node_check(node))
		node->leds.mask = node->leds.kernel;
	return 0;
}

int node_send(struct node *node, const struct frame *frame)
{
	return node_held(node) ? uinput_send(node->uinput.fd, frame) : 0;
}

void node_release_all(const struct node *node)
{
	struct keyset down = { 0 };
	struct frame frame;

	if (node->guard_fd < 0 ||
	    ioctl(node->guard_fd, EVIOCGKEY(sizeof(down.word)), down.word) < 0)
		return;
	while (frame_release(&frame, &down))
		uinput_send(node->uinput.fd, &frame);
}

void node_close(struct node *node)
{
	watch_stop(&node->guard);
	uinput_unwatch_leds(&node->leds);
	/* Either takes the kernel some milliseconds. */
	close_later(steal_fd(&node->guard_fd));
	close_later(steal_fd(&node->uinput.fd));
}
