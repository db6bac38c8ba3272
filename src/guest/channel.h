/* SPDX-License-Identifier: MIT */
/*
 * A channel is a way to pass input to a guest, selected by "via =". One constant descriptor, in a
 * file of its own (channel-*.c), defines everything about it. Each part is passed to the module
 * that needs it; no module tests which channel it serves. Descriptors are static; nobody frees
 * them.
 */
#pragma once

#include "conf/conf.h"
#include "core/shape.h"
#include "guest/sink.h"
#include "keeper/endpoint.h"
#include "qemu/qemu-channel.h"
#include "base/util.h"

struct channel {
	struct conf_channel conf; /* the name: 1 to KEEPER_VIA_MAX - 1 characters of a-z and '-' */
	struct qemu_channel qemu;
	struct shape_rules rules;    /* limits of the channel, whatever the guest's system */
	const struct sink_ops *sink; /* how the daemon sends frames */
	/*
	 * How the keeper drives the guest's endpoint. NULL: the daemon's sink writes to it
	 * directly.
	 */
	endpoint_new_fn endpoint_new;
};

/* All channels, terminated by NULL. */
extern const struct conf_channel *const channel_table[];

static inline const struct channel *channel_of(const struct conf_channel *via)
{
	return container_of(via, struct channel, conf);
}

/* The channel called 'via', or NULL. */
static inline const struct channel *channel_find(const char *via)
{
	const struct conf_channel *found = conf_find_channel(channel_table, via);

	return found ? channel_of(found) : NULL;
}

/* An endpoint_find_fn. */
static inline endpoint_new_fn channel_endpoint(const char *via)
{
	const struct channel *channel = channel_find(via);

	return channel ? channel->endpoint_new : NULL;
}
