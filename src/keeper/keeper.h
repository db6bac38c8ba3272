/* SPDX-License-Identifier: MIT */
/*
 * The keeper: a small process for each guest that keeps the guest's endpoint open when the daemon
 * crashes, is killed, restarted or upgraded. QEMU never reopens a uinput node that vanished, and
 * the loss of a vhost-user connection can end the whole VM.
 *
 * It is this program with another option, started by the daemon (keeper-client.h) with a listening
 * socket. When the daemon is gone, the keeper at once releases all keys that are down in the guest;
 * the next daemon connects and resumes. It exits once there is no daemon and the guest has closed
 * its devices. It never has a descriptor of a real device, since a duplicate would keep the grab
 * alive. Guest memory is mapped here and nowhere else.
 */
#pragma once

#include "keeper/endpoint.h"

/*
 * How long to wait for a new daemon after one ended without BYE; how often to check the guest then.
 */
#define KEEPER_WAIT_MS 10000
#define KEEPER_LOOK_MS 2000

/*
 * Runs until the keeper is no longer needed. The listening socket is descriptor LAUNCH_LISTENER_FD.
 * 'find_endpoint' returns the endpoints that the keeper may drive. Returns a sysexits code:
 * EX_USAGE if there is no such socket.
 */
int keeper_run(const char *guest, endpoint_find_fn find_endpoint);
