/*
 * Which input QEMU's input-send-event can express, and by what names: QKeyCode and InputButton of
 * QEMU's qapi/ui.json. A name that a QEMU does not know makes it refuse the whole command, so names
 * are asked for with its version. Pure.
 */
#pragma once

#include <stdbool.h>

#define QCODE_NEWEST 9999 /* a version that has all names of the table */

/*
 * The QKeyCode of an EV_KEY code for this version (as of qmp_version: 702 is 7.2), or NULL: QEMU has
 * none, or the code is a button's.
 */
const char *qcode_key(unsigned code, unsigned version);
/* The InputButton of an EV_KEY code, or NULL. */
const char *qcode_button(unsigned code);
/* The InputButton that is one click of this EV_REL code this way, or NULL: it is no wheel's. */
const char *qcode_click(unsigned code, bool positive, unsigned version);

/* Whether the newest QEMU can be told this EV_KEY or EV_REL code. False for any other type. */
bool qcode_carries(unsigned type, unsigned code);
