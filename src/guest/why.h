/* SPDX-License-Identifier: MIT */
/*
 * Why a guest can or cannot take the focus: a cause for programs, and an explanation with its
 * remedy for the user. Filled in by guest_why_down, to which the sink contributes. Owns nothing.
 */
#pragma once

#include <stdbool.h>

#define GUEST_WHY_MAX 512 /* bytes of an explanation, including the NUL */

enum guest_cause {
	GUEST_UP,            /* none: it can take the focus */
	GUEST_FOCUSED,       /* none: it has the focus */
	GUEST_FAILED,        /* its devices could not be created */
	GUEST_NO_PERMISSION, /* evswitch may not read its nodes */
	GUEST_NO_KEEPER,     /* its keeper has not started, or does not answer */
	GUEST_OTHER_KEEPER,  /* another evswitch, or another version, has its devices */
	GUEST_VM_OFF,
	GUEST_VM_PAUSED,     /* or stopped by QEMU in another way */
	GUEST_NOT_OPEN,      /* no VM has its devices open, as far as can be seen */
	GUEST_NOT_GRABBED,   /* a VM has them open, but does not take input from them */
	GUEST_OTHER_PROGRAM, /* no VM has them open, but another program has */
	GUEST_OTHER_DOMAIN,  /* the VM that wants them is not the one of 'libvirt =' */
	GUEST_NOT_READY,     /* the VM has them open, its driver has not started them */
	GUEST_CAUSES,
};

struct guest_why {
	enum guest_cause cause;
	char text[GUEST_WHY_MAX]; /* "" for GUEST_UP and GUEST_FOCUSED */
};

/* A stable name, such as "vm-off", for scripts. */
const char *guest_cause_name(enum guest_cause cause);

/* Whether evswitch --check can know more about it than the explanation says. */
bool guest_cause_is_checked(enum guest_cause cause);

/* Sets both; cuts the text if it is too long. */
void guest_why_set(struct guest_why *why, enum guest_cause cause, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
