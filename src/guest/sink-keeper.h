/* SPDX-License-Identifier: MIT */
/*
 * The sink of channels whose endpoint the keeper drives: sends frames to it through an evring.
 */
#pragma once

#include "guest/sink.h"

extern const struct sink_ops sink_keeper;
