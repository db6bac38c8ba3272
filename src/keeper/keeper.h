/*
 * The keeper: a small process for each guest that holds the guest's end, so that it outlives the
 * daemon: a crash, kill -9, a restart, an upgrade. QEMU never opens a uinput node again that vanished,
 * and a vhost-user socket that closes can end the whole VM.
 *
 * It is this same program under another option, started by the daemon (kept.h) with a listening socket
 * in place. The moment that the daemon is gone it releases all that is down in the guest; the next
 * daemon connects and goes on. It ends by itself once no daemon is there and the guest has let go. It
 * never has a descriptor of a real device: a duplicate would keep the grab alive. Guest memory is
 * mapped here and nowhere else.
 */
#pragma once

#include "keeper/end.h"

/* How long a daemon that ended without BYE is waited for, and how often the guest is looked at then. */
#define KEEPER_WAIT_MS 10000
#define KEEPER_LOOK_MS 2000

/*
 * Keeps until it is needed no more, with the daemon's listening socket at LAUNCH_LISTENER_FD.
 * 'find_end' has the ends that may be driven here. Returns a sysexits code: EX_USAGE where there is
 * no such socket.
 */
int keeper_run(const char *guest, end_find_fn find_end);
