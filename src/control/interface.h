/* SPDX-License-Identifier: MIT */
/* The interface of the control socket: io.evswitch.varlink, as text, and where the socket is. */
#pragma once

#include "base/usock.h"

#define CONTROL_INTERFACE "io.evswitch"
#define CONTROL_SOCKET    "control.sock" /* in the directory of usock_dir */
/* That of the system service. */
#define CONTROL_SYSTEM_SOCKET "/run/evswitch/" CONTROL_SOCKET
#define CONTROL_URL           "man:evswitch(1)"

/* The contents of io.evswitch.varlink. */
extern const char control_interface[];
