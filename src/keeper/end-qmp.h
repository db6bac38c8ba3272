/* The end of qmp: QEMU's monitor, which takes input as commands. */
#pragma once

#include "keeper/end.h"

/* A new end; the keeper fills it in and opens it. NULL: no memory. */
struct end *end_qmp_new(void);
