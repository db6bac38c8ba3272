/*
 * Three nodes for one guest. The guest is up while its keyboard or its pointer node is grabbed.
 * When the grab of any node is lost, the guest is down.
 */
#include "guest/sink-uinput.h"

#include <string.h>

#include "base/log.h"
#include "evdev/node.h"
#include "base/util.h"

/*
 * How often to check nodes that were not grabbed when the focus came; until then, one seems dead.
 */
#define SINK_LOOK_MS 250

struct sink_uinput {
	struct sink sink;
	struct node node[SHAPE_NODES];
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
	uinput->sink.owner->down(&uinput->sink, "it let go of its devices");
}

static void node_leds(struct node *node)
{
	struct sink *sink = &owner_of(node)->sink;

	sink->leds = node->leds.mask;
	sink->owner->leds(sink);
}

static const struct node_ops node_ops = { .lost = node_lost, .leds = node_leds };

/* Passes the node to the keeper. Without a keeper the node vanishes with this process. */
static void keep(struct sink *sink, struct node *node)
{
	int rc = kept_keep_node(sink->kept, &sink->identity, node->which, &node->uinput,
				node->guard_fd);

	if (rc < 0)
		log_limited(&sink->kept->limit, LOG_LEVEL_WARN,
			    "guest %s: its keeper does not take its devices: %s", sink->guest,
			    strerror(-rc));
}

static void open_guard(struct sink *sink, struct node *node)
{
	int rc = node->guard_fd >= 0 ? -EEXIST : node_open_guard(node);

	if (rc == 0)
		keep(sink, node);
	else if (rc != -EACCES && rc != -EEXIST)
		log_error("%s: cannot open it: %s", node->uinput.devnode, strerror(-rc));
}

static int open_node(struct sink *sink, struct node *node, enum shape_node which)
{
	struct kept *kept = sink->kept;
	int fd = kept_take_node(kept, which), rc;

	if (fd < 0)
		return node_open(node, sink->loop, sink->guest, which, &sink->identity.rules,
				 &node_ops);
	rc = node_adopt(node, sink->loop, which, fd, kept_take_guard(kept, which),
			kept->hello.devnode[which], &node_ops);
	if (which == SHAPE_KEYBOARD)
		sink->leds = node->leds.mask;
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

static int sink_open(struct sink *sink)
{
	struct sink_uinput *uinput = to_uinput(sink);
	int rc = timer_init(&uinput->look, sink->loop, look);

	for (unsigned i = 0; i < SHAPE_NODES; i++)
		uinput->node[i] = (struct node)NODE_INIT;
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		struct node *node = &uinput->node[i];

		rc = open_node(sink, node, i);
		if (rc < 0)
			return rc;
		log_info("guest %s: %s is %s", sink->guest, shape_node_name(i),
			 node->uinput.devnode);
		open_guard(sink, node);
	}
	return 0;
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

static int enter(struct sink *sink, const char **why)
{
	struct sink_uinput *uinput = to_uinput(sink);
	struct node *node = uinput->node;
	int rc;

	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		if (node[i].guard_fd < 0) {
			*why = "no permission to read its nodes (is the user in group input?)";
			return -EACCES;
		}
	}
	rc = enter_nodes(uinput);
	*why = strerror(-rc);
	if (rc == 0 && !node_held(&node[SHAPE_KEYBOARD]) && !node_held(&node[SHAPE_POINTER])) {
		*why = "nobody holds its keyboard or pointer: the VM is off, does not open them, "
		       "or its own toggle has let them go";
		rc = -ENOTCONN;
	}
	sink->leds = node[SHAPE_KEYBOARD].leds.mask;
	if (rc < 0)
		leave(sink);
	else
		timer_arm(&uinput->look, SINK_LOOK_MS, SINK_LOOK_MS);
	return rc;
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
				      .vacant = vacant,
				      .release = release,
				      .send = send_frame };
