/* SPDX-License-Identifier: MIT */
/* The endpoint of vhost-user: three virtio-input devices; QEMU connects to a socket of each. */
#pragma once

#include "keeper/endpoint.h"

/* As endpoint_new_fn. */
struct endpoint *endpoint_vhost_new(void);
