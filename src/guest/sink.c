/* SPDX-License-Identifier: MIT */
/* Allocation and release, common to all sinks. */
#include "guest/sink.h"

#include <stdlib.h>

struct sink *sink_new(const struct sink_ops *ops, const struct keeper_identity *identity,
		      struct loop *loop, const char *guest, struct keeper_client *keeper,
		      const struct sink_owner *owner)
{
	struct sink *sink = calloc(1, ops->size);

	if (sink)
		*sink = (struct sink){ .ops = ops,
				       .owner = owner,
				       .loop = loop,
				       .guest = guest,
				       .keeper = keeper,
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
