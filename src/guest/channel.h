/*
 * A channel to a guest, a value of "via =": all that evswitch knows of it stands in one descriptor, in
 * a file of its own (channel-*.c). Each part is handed to the module that needs it, and no module
 * asks which channel it serves.
 */
#pragma once

#include "conf/conf.h"
#include "core/shape.h"
#include "guest/sink.h"
#include "keeper/end.h"
#include "qemu/qemu-channel.h"
#include "base/util.h"

struct channel {
	struct conf_channel conf; /* the name: 1 to KEEPER_VIA_MAX - 1 of a-z and '-' */
	struct qemu_channel qemu;
	struct shape_rules rules;    /* what the channel itself cannot take */
	const struct sink_ops *sink; /* the daemon's part */
	/* The keeper's, which drives the guest's end. NULL: the daemon does, by the sink alone. */
	end_new_fn end_new;
};

/* All channels, NULL at the end. */
extern const struct conf_channel *const channel_table[];

static inline const struct channel *channel_of(const struct conf_channel *via)
{
	return container_of(via, struct channel, conf);
}

/* The channel of that name, or NULL. */
static inline const struct channel *channel_find(const char *via)
{
	const struct conf_channel *found = conf_find_channel(channel_table, via);

	return found ? channel_of(found) : NULL;
}

/* As end_find_fn. */
static inline end_new_fn channel_end(const char *via)
{
	const struct channel *channel = channel_find(via);

	return channel ? channel->end_new : NULL;
}
