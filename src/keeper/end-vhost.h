/* The end of vhost-user: three virtio input devices, each on a socket of its own, that QEMU connects to. */
#pragma once

#include "keeper/end.h"

/* As end_new_fn. */
struct end *end_vhost_new(void);
