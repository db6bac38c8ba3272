/* The end of qmp: sends input as commands to QEMU's monitor. */
#pragma once

#include "keeper/end.h"

/* As end_new_fn. */
struct end *end_qmp_new(void);
