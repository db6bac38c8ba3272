/* SPDX-License-Identifier: MIT */
/*
 * Three nodes for one guest. The guest is up while its keyboard or its pointer node is grabbed.
 * When the grab of any node is lost, the guest is down.
 */
#include "guest/sink-uinput.h"

#include <string.h>

#include "base/log.h"
#include "base/shortage.h"
#include "evdev/holder.h"
#include "evdev/node.h"
#include "base/util.h"

/*
 * How often to check nodes that were not grabbed when the focus came; until then, one seems dead.
 */
#define SINK_LOOK_MS 250

struct sink_uinput {
	struct sink sink;
	unsigned n_open; /* of the nodes, while they are being opened */
	struct node node[SHAPE_NODES];
	int guard_error;   /* -errno of the last guard that could not be opened, else 0 */
	unsigned settled;  /* bit n: udev has announced node n, so its links exist */
	struct timer look; /* while the guest has the focus and a node is not grabbed */
};

static struct sink_uinput *to_uinput(struct sink *sink)
{
	return container_of(sink, struct sink_uinput, sink);
}

static void leave(struct sink *sink)
{
	timer_arm(&to_uinput(sink)->look, 0, 0);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		node_leave(&to_uinput(sink)->node[i]);
}

static void release(struct sink *sink)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		node_release_all(&to_uinput(sink)->node[i]);
}

/* container_of needs a constant index, so step back to node 0 first. */
static struct sink_uinput *owner_of(struct node *node)
{
	return container_of(node - node->which, struct sink_uinput, node[0]);
}

static void node_lost(struct node *node)
{
	struct sink_uinput *uinput = owner_of(node);

	leave(&uinput->sink);
	release(&uinput->sink);
	uinput->sink.leds = 0;
	uinput->sink.leds_known = false;
	uinput->sink.owner->down(&uinput->sink, "it released its devices");
}

static void node_leds(struct node *node)
{
	struct sink *sink = &owner_of(node)->sink;

	sink->leds = node->leds.mask;
	/* Before that, it may have been the host's console, just before the grab. */
	sink->leds_known |= node_held(node);
	sink->owner->leds(sink);
}

static const struct node_ops node_ops = { .lost = node_lost, .leds = node_leds };

/* Passes the node to the keeper. Without a keeper the node vanishes with this process. */
static void keep(struct sink *sink, struct node *node)
{
	int rc = keeper_client_keep_node(sink->keeper, &sink->identity, node->which, &node->uinput,
					 node->guard_fd);

	if (rc < 0)
		log_limited(&sink->keeper->limit, LOG_LEVEL_WARN,
			    "guest %s: cannot hand a device to the keeper: %s", sink->guest,
			    strerror(-rc));
}

static void open_guard(struct sink *sink, struct node *node)
{
	int rc = node->guard_fd >= 0 ? -EEXIST : node_open_guard(node);

	if (rc != -EEXIST)
		to_uinput(sink)->guard_error = rc;
	if (rc == 0)
		keep(sink, node);
	else if (rc != -EACCES && rc != -EEXIST)
		log_error("%s: cannot open it: %s", node->uinput.devnode, strerror(-rc));
}

/* *created: it was, rather than taken over. */
static int open_node(struct sink *sink, struct node *node, enum shape_node which, bool *created)
{
	struct keeper_client *keeper = sink->keeper;
	int fd = keeper_client_take_node(keeper, which), rc;

	*created = fd < 0;
	if (*created)
		return node_open(node, sink->loop, sink->guest, which, &sink->identity.rules,
				 &node_ops);
	rc = node_adopt(node, sink->loop, which, fd, keeper_client_take_guard(keeper, which),
			keeper->hello.devnode[which], &node_ops);
	if (which == SHAPE_KEYBOARD) {
		sink->leds = node->leds.mask;
		sink->leds_known = sink->leds != 0;
	}
	return rc;
}

/*
 * The kernel does not report a grab, and QEMU may grab some nodes only after the focus came: poll.
 */
static void look(struct timer *timer)
{
	struct sink_uinput *uinput = container_of(timer, struct sink_uinput, look);
	unsigned held = 0;

	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (node_enter(&uinput->node[i]) == 0)
			held += node_held(&uinput->node[i]);
	if (held == SHAPE_NODES)
		timer_arm(timer, 0, 0);
}

static int begin(struct sink_uinput *uinput)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		uinput->node[i] = (struct node)NODE_INIT;
	return timer_init(&uinput->look, uinput->sink.loop, look);
}

/* One new node in each turn. */
static int sink_open(struct sink *sink)
{
	struct sink_uinput *uinput = to_uinput(sink);
	int rc = uinput->n_open == 0 ? begin(uinput) : 0;
	bool created = false;

	while (rc == 0 && uinput->n_open < SHAPE_NODES && !created) {
		struct node *node = &uinput->node[uinput->n_open];

		rc = open_node(sink, node, uinput->n_open, &created);
		if (rc < 0)
			return rc;
		log_info("guest %s: %s is %s", sink->guest, shape_node_name(uinput->n_open++),
			 node->uinput.devnode);
		open_guard(sink, node);
		/* udev has announced what an earlier evswitch created, and will not do it again. */
		if (!created)
			uinput->settled |= 1U << (uinput->n_open - 1);
	}
	return rc < 0 ? rc : uinput->n_open < SHAPE_NODES;
}

static int attach(struct sink *sink)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		keep(sink, &to_uinput(sink)->node[i]);
	return 0;
}

static void sink_close(struct sink *sink)
{
	timer_fini(&to_uinput(sink)->look);
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		node_close(&to_uinput(sink)->node[i]);
}

static void settled(struct sink *sink, const char *devnode)
{
	struct sink_uinput *uinput = to_uinput(sink);

	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		if (strcmp(uinput->node[i].uinput.devnode, devnode) != 0)
			continue;
		uinput->settled |= 1U << i;
		open_guard(sink, &uinput->node[i]);
	}
}

static int enter_nodes(struct sink_uinput *uinput)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		int rc = node_enter(&uinput->node[i]);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool has_guards(const struct sink_uinput *uinput)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (uinput->node[i].guard_fd < 0)
			return false;
	return true;
}

static int enter(struct sink *sink)
{
	struct sink_uinput *uinput = to_uinput(sink);
	struct node *node = uinput->node;
	int rc;

	for (unsigned i = 0; i < SHAPE_NODES && is_shortage(-uinput->guard_error); i++)
		open_guard(sink, &node[i]);
	if (!has_guards(uinput))
		return -EACCES;
	rc = enter_nodes(uinput);
	if (rc == 0 && !node_held(&node[SHAPE_KEYBOARD]) && !node_held(&node[SHAPE_POINTER]))
		rc = -ENOTCONN;
	sink->leds = node[SHAPE_KEYBOARD].leds.mask;
	if (rc < 0)
		leave(sink);
	else
		timer_arm(&uinput->look, SINK_LOOK_MS, SINK_LOOK_MS);
	return rc;
}

/* Nobody has grabbed a node: it matters whether anybody has one open. */
static void why_not_grabbed(const struct sink_uinput *uinput, struct guest_why *why)
{
	const char *devnode[SHAPE_NODES], *guest = uinput->sink.guest;
	struct holder holder;

	for (unsigned i = 0; i < SHAPE_NODES; i++)
		devnode[i] = uinput->node[i].uinput.devnode;
	if (!holder_find(devnode, SHAPE_NODES, &holder))
		guest_why_set(why, GUEST_NOT_OPEN,
			      "no VM has taken its devices: start its VM; if it runs, give it what "
			      "evswitch --xml %s (or --qemu-args %s) prints, and start it again",
			      guest, guest);
	else if (holder.is_vm)
		guest_why_set(
			why, GUEST_NOT_GRABBED,
			"its VM (process %d, %s) has its devices open but takes nothing from "
			"them: wait until the guest has booted; if that does not help, restart "
			"the VM",
			(int)holder.pid, log_str(holder.comm).text);
	else
		guest_why_set(
			why, GUEST_OTHER_PROGRAM,
			"no VM has taken its devices, but process %d (%s) has them open: start "
			"the VM; if it cannot open them, run: kill %d",
			(int)holder.pid, log_str(holder.comm).text, (int)holder.pid);
}

static void why_down(struct sink *sink, struct guest_why *why)
{
	struct sink_uinput *uinput = to_uinput(sink);
	struct node *node = uinput->node;

	if (!has_guards(uinput) && uinput->guard_error && uinput->guard_error != -EACCES)
		guest_why_set(why, GUEST_FAILED, "its nodes could not be opened: %s",
			      strerror(-uinput->guard_error));
	else if (!has_guards(uinput))
		guest_why_set(why, GUEST_NO_PERMISSION,
			      "no permission to read its nodes, such as %s; run: sudo usermod -aG "
			      "input $USER, then log out and in again",
			      node[SHAPE_KEYBOARD].uinput.devnode);
	else if (!node_check(&node[SHAPE_KEYBOARD]) && !node_check(&node[SHAPE_POINTER]))
		why_not_grabbed(uinput, why);
}

static bool vacant(struct sink *sink)
{
	struct sink_uinput *uinput = to_uinput(sink);

	if (uinput->settled != (1U << SHAPE_NODES) - 1)
		return false;
	for (unsigned i = 0; i < SHAPE_NODES; i++)
		if (uinput->node[i].guard_fd < 0 || node_check(&uinput->node[i]))
			return false;
	return true;
}

static int send_frame(struct sink *sink, enum shape_node node, const struct frame *frame)
{
	return node_send(&to_uinput(sink)->node[node], frame);
}

const struct sink_ops sink_uinput = { .size = sizeof(struct sink_uinput),
				      .open = sink_open,
				      .close = sink_close,
				      .attach = attach,
				      .settled = settled,
				      .enter = enter,
				      .leave = leave,
				      .why = why_down,
				      .vacant = vacant,
				      .release = release,
				      .send = send_frame };
