/* The end of vhost-user: three virtio input devices, each on a socket of its own, that QEMU connects to. */
#pragma once

#include "keeper/end.h"

/* A new end; the keeper fills it in and opens it. NULL: no memory. */
struct end *end_vhost_new(void);
