/* SPDX-License-Identifier: MIT */
/* The endpoint of qmp: sends input as commands to QEMU's monitor. */
#pragma once

#include "keeper/endpoint.h"

/* As endpoint_new_fn. */
struct endpoint *endpoint_qmp_new(void);
