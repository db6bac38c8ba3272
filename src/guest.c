/* A guest: shape in front of a sink, and the keeper behind it. */
#include "guest.h"

#include <stdio.h>
#include <string.h>

#include "log.h"
#include "util.h"

static struct shape_rules rules_for(const struct sink_ops *ops, enum conf_os os)
{
	struct shape_rules rules = ops->rules;

	if (os == CONF_OS_WINDOWS) {
		rules.no_hires_wheel = true;
		rules.step_max = 127;
	}
	return rules;
}

/* Where the end stands: the directory of its sockets, or QEMU's monitor. */
static int find_place(const struct conf *conf, const struct conf_guest *section,
		      char place[static USOCK_PATH_MAX])
{
	const char *given = NULL;

	place[0] = '\0';
	if (strcmp(section->via, "qmp") == 0)
		given = section->qmp;
	else if (strcmp(section->via, "vhost-user") != 0)
		return 0;
	else if (conf->socket_dir)
		given = conf->socket_dir;
	if (!given)
		return usock_dir(place);
	return snprintf(place, USOCK_PATH_MAX, "%s", given) < USOCK_PATH_MAX ? 0 : -ENAMETOOLONG;
}

static void sink_down(struct sink *sink)
{
	struct guest *guest = container_of(sink->kept, struct guest, kept);

	guest->ops->down(guest);
}

static void sink_leds(struct sink *sink)
{
	struct guest *guest = container_of(sink->kept, struct guest, kept);

	guest->ops->leds(guest);
}

static const struct sink_owner sink_owner = { .down = sink_down, .leds = sink_leds };

static void attach(struct guest *guest)
{
	int rc = guest->sink->ops->attach(guest->sink);

	if (rc < 0)
		log_error("guest %s: its keeper does not take what is its: %s", guest->conf->name,
			  strerror(-rc));
}

static void open_sink(struct guest *guest, const struct keeper_identity *identity)
{
	guest->sink = sink_new(identity, guest->loop, guest->conf->name, &guest->kept, &sink_owner);
	guest->open_error = guest->sink ? guest->sink->ops->open(guest->sink) : -ENOMEM;
	if (guest->open_error < 0) {
		log_error("guest %s: cannot make its devices: %s", guest->conf->name,
			  strerror(-guest->open_error));
		sink_free(guest->sink);
		guest->sink = NULL;
		return;
	}
	shape_init(&guest->shape, &identity->rules);
	if (guest->kept.attached)
		attach(guest);
}

static void kept_attached(struct kept *kept)
{
	struct guest *guest = container_of(kept, struct guest, kept);
	const struct keeper_hello *hello = &kept->hello;

	if (guest->sink) {
		attach(guest);
	} else if (!hello->identity.via[0] || keeper_same(&hello->identity, &guest->wanted)) {
		open_sink(guest, &guest->wanted);
	} else if (!hello->in_use || !sink_ops_of(hello->identity.via)) {
		kept_retire(kept); /* a new one comes, and this function again */
	} else {
		log_warn("guest %s: the VM still has the devices of an earlier configuration (via "
			 "= %s): they are used until it ends",
			 guest->conf->name, hello->identity.via);
		open_sink(guest, &hello->identity);
	}
}

static void kept_changed(struct kept *kept)
{
	struct guest *guest = container_of(kept, struct guest, kept);

	if (guest->sink && guest->sink->ops->kept_changed)
		guest->sink->ops->kept_changed(guest->sink);
}

static const struct kept_ops kept_ops = { .attached = kept_attached,
					  .changed = kept_changed,
					  .lost = kept_changed };

int guest_open(struct guest *guest, const struct conf *conf, const struct conf_guest *section,
	       struct loop *loop, const struct guest_ops *ops)
{
	const struct sink_ops *channel = sink_ops_of(section->via);
	int rc;

	*guest = (struct guest){ .ops = ops, .conf = section, .loop = loop };
	snprintf(guest->wanted.via, sizeof(guest->wanted.via), "%s", section->via);
	guest->wanted.rules = rules_for(channel, section->os);
	rc = find_place(conf, section, guest->wanted.place);
	if (rc < 0) {
		log_error("guest %s: no place for its sockets (%s): %s", section->name,
			  guest->wanted.place, strerror(-rc));
		return rc;
	}
	rc = kept_open(&guest->kept, loop, section->name, &kept_ops);
	if (rc == 0 || channel->in_keeper)
		return rc;
	log_warn("guest %s: its devices will vanish with this process", section->name);
	open_sink(guest, &guest->wanted);
	return guest->open_error;
}

bool guest_is_pending(const struct guest *guest)
{
	return kept_is_pending(&guest->kept);
}

void guest_close(struct guest *guest)
{
	sink_free(guest->sink);
	guest->sink = NULL;
	kept_close(&guest->kept);
}

void guest_settled(struct guest *guest, const char *devnode)
{
	if (guest->sink && guest->sink->ops->settled)
		guest->sink->ops->settled(guest->sink, devnode);
}

int guest_enter(struct guest *guest, const char **why)
{
	int rc;

	if (!guest->sink) {
		*why = guest->open_error ? strerror(-guest->open_error) : guest->kept.why;
		return -ENOTCONN;
	}
	rc = guest->sink->ops->enter(guest->sink, why);
	if (rc == 0) {
		guest->error = 0;
		shape_reset(&guest->shape);
	}
	return rc;
}

void guest_leave(struct guest *guest)
{
	guest->sink->ops->leave(guest->sink);
}

void guest_release(struct guest *guest)
{
	if (guest->sink)
		guest->sink->ops->release(guest->sink);
}

uint16_t guest_leds(const struct guest *guest)
{
	return guest->sink ? guest->sink->leds : 0;
}

static void emit(void *ctx, enum shape_node node, const struct frame *frame)
{
	struct guest *guest = ctx;

	if (guest->error == 0)
		guest->error = guest->sink->ops->send(guest->sink, node, frame);
}

void guest_send(struct guest *guest, const struct frame *frame)
{
	shape_frame(&guest->shape, frame, emit, guest);
}
