/* The table of channels. A new one is a file of its own and its name here. */
#include "guest/channel.h"

/* In the order in which the user is told of them. */
#define CHANNELS(X)                                                                                \
	X(input_linux)                                                                             \
	X(virtio_input)                                                                            \
	X(vhost_user)                                                                              \
	X(qmp)

#define DECLARE(name) extern const struct channel channel_##name;
CHANNELS(DECLARE)

#define ENTRY(name) &channel_##name.conf,
const struct conf_channel *const channel_table[] = { CHANNELS(ENTRY) NULL };
