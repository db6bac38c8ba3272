/* A guest: shape in front of a sink. */
#include "guest.h"

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

int guest_open(struct guest *guest, const struct conf_guest *conf, struct loop *loop,
	       const struct sink_owner *owner)
{
	struct shape_rules rules;

	*guest = (struct guest){ .conf = conf,
				 .sink = sink_new(conf->via, loop, conf->name, owner) };
	if (!guest->sink)
		return -ENOMEM;
	rules = rules_for(guest->sink->ops, conf->os);
	shape_init(&guest->shape, &rules);
	return guest->sink->ops->open(guest->sink, &rules);
}

void guest_close(struct guest *guest)
{
	sink_free(guest->sink);
	guest->sink = NULL;
}

int guest_enter(struct guest *guest, const char **why)
{
	int rc = guest->sink->ops->enter(guest->sink, why);

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
