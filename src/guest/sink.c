/* The table of channels: a new one is one file and one line in each list here. */
#include "guest/sink.h"

#include <string.h>

#include "guest/sink-kept.h"
#include "guest/sink-uinput.h"
#include "base/util.h"

static const struct sink_ops *const channels[] = {
	&sink_input_linux,
	&sink_virtio_input,
	&sink_vhost_user,
	&sink_qmp,
};

const char *const sink_types[] = { "input-linux", "virtio-input", "vhost-user", "qmp", NULL };

const struct sink_ops *sink_ops_of(const char *type)
{
	for (unsigned i = 0; i < ARRAY_SIZE(channels); i++)
		if (strcmp(channels[i]->type, type) == 0)
			return channels[i];
	return NULL;
}

struct sink *sink_new(const struct keeper_identity *identity, struct loop *loop, const char *guest,
		      struct kept *kept, const struct sink_owner *owner)
{
	const struct sink_ops *ops = sink_ops_of(identity->via);
	struct sink *sink = ops ? calloc(1, ops->size) : NULL;

	if (sink)
		*sink = (struct sink){ .ops = ops,
				       .owner = owner,
				       .loop = loop,
				       .guest = guest,
				       .kept = kept,
				       .identity = *identity };
	return sink;
}

void sink_free(struct sink *sink)
{
	if (!sink)
		return;
	sink->ops->close(sink);
	free(sink);
}
