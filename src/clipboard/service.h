/* SPDX-License-Identifier: MIT */
/*
 * evswitch-clipboard for one guest, until a signal ends it: listens where QEMU is to connect, follows
 * evswitch's focus, and joins the clipboards as these allow.
 */
#pragma once

/* Returns an exit code of sysexits(3). */
int service_run(const char *guest);
