/*
 * The sink of channels whose end the keeper drives: sends frames to the keeper through an evring.
 */
#pragma once

#include "guest/sink.h"

extern const struct sink_ops sink_kept;
