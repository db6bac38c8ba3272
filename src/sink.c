/* The table of channels: a new one is one file and one line in each list here. */
#include "sink.h"

#include <string.h>

#include "sink-uinput.h"
#include "util.h"

static const struct sink_ops *const channels[] = {
	&sink_input_linux,
	&sink_virtio_input,
};

const char *const sink_types[] = { "input-linux", "virtio-input", NULL };

struct sink *sink_new(const char *type, struct loop *loop, const char *guest,
		      const struct sink_owner *owner)
{
	for (unsigned i = 0; i < ARRAY_SIZE(channels); i++) {
		struct sink *sink;

		if (strcmp(channels[i]->type, type) != 0)
			continue;
		sink = calloc(1, channels[i]->size);
		if (sink)
			*sink = (struct sink){
				.ops = channels[i], .owner = owner, .loop = loop, .guest = guest
			};
		return sink;
	}
	return NULL;
}

void sink_free(struct sink *sink)
{
	if (!sink)
		return;
	sink->ops->close(sink);
	free(sink);
}
