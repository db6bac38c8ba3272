/* SPDX-License-Identifier: MIT */
/*
 * The names under which QEMU's input-send-event accepts input: QKeyCode and InputButton of QEMU's
 * qapi/ui.json. QEMU rejects a whole command because of one unknown name, so the names depend on
 * its version. Pure.
 */
#pragma once

#include <stdbool.h>

#define QCODE_NEWEST 9999 /* a version that has every name in the table */

/*
 * The QKeyCode for an EV_KEY code in this version (as from qmp_version: 702 is 7.2). NULL if QEMU
 * has none, or if the code is a button.
 */
const char *qcode_key(unsigned code, unsigned version);
/* The InputButton for an EV_KEY code, or NULL. */
const char *qcode_button(unsigned code);
/*
 * The InputButton for a click of this wheel in this direction. NULL if the EV_REL code is no wheel.
 */
const char *qcode_click(unsigned code, bool positive, unsigned version);

/* True if the newest QEMU accepts this EV_KEY or EV_REL code. False for any other type. */
bool qcode_carries(unsigned type, unsigned code);
