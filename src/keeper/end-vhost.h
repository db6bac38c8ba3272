/* The end of vhost-user: three virtio-input devices; QEMU connects to a socket of each. */
#pragma once

#include "keeper/end.h"

/* As end_new_fn. */
struct end *end_vhost_new(void);
