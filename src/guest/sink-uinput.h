/* The sink of channels over uinput nodes that QEMU opens; the daemon writes to them itself. */
#pragma once

#include "guest/sink.h"

extern const struct sink_ops sink_uinput;
