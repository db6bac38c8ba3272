/* SPDX-License-Identifier: MIT */
/* The table of channels. To add one, write its file and add its name here. */
#include "guest/channel.h"

/* In the order in which messages and --probe list them. */
#define CHANNELS(X)                                                                                \
	X(input_linux)                                                                             \
	X(virtio_input)                                                                            \
	X(vhost_user)                                                                              \
	X(qmp)

#define DECLARE(name) extern const struct channel channel_##name;
CHANNELS(DECLARE)

#define ENTRY(name) &channel_##name.conf,
const struct conf_channel *const channel_table[] = { CHANNELS(ENTRY) NULL };
