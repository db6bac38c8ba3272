/* The end of qmp: QEMU's monitor, which takes input as commands. */
#pragma once

#include "keeper/end.h"

/* As end_new_fn. */
struct end *end_qmp_new(void);
