/* SPDX-License-Identifier: MIT */
/* The sink of channels on uinput nodes, which QEMU opens: the daemon writes to them directly. */
#pragma once

#include "guest/sink.h"

extern const struct sink_ops sink_uinput;
