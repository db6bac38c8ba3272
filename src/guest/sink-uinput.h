/* Guest channels over uinput nodes that QEMU opens: by its input-linux object, or virtio-input-host. */
#pragma once

#include "guest/sink.h"

extern const struct sink_ops sink_input_linux, sink_virtio_input;
