/* SPDX-License-Identifier: MIT */
/* The names of the causes. */
#include "guest/why.h"

#include <stdarg.h>

#include "base/text.h"

const char *guest_cause_name(enum guest_cause cause)
{
	static const char *const names[GUEST_CAUSES] = {
		[GUEST_UP] = "up",
		[GUEST_FOCUSED] = "focused",
		[GUEST_FAILED] = "failed",
		[GUEST_NO_PERMISSION] = "no-permission",
		[GUEST_NO_KEEPER] = "no-keeper",
		[GUEST_OTHER_KEEPER] = "other-keeper",
		[GUEST_VM_OFF] = "vm-off",
		[GUEST_VM_PAUSED] = "vm-paused",
		[GUEST_NOT_OPEN] = "not-open",
		[GUEST_NOT_GRABBED] = "not-grabbed",
		[GUEST_OTHER_PROGRAM] = "other-program",
		[GUEST_OTHER_DOMAIN] = "other-domain",
		[GUEST_NOT_READY] = "not-ready",
	};

	return names[cause];
}

/* A VM that is off or paused, a guest that boots, and keepers are not looked at. */
bool guest_cause_is_checked(enum guest_cause cause)
{
	return cause == GUEST_FAILED || cause == GUEST_NO_PERMISSION || cause == GUEST_NOT_OPEN ||
	       cause == GUEST_NOT_GRABBED || cause == GUEST_OTHER_PROGRAM ||
	       cause == GUEST_OTHER_DOMAIN;
}

void guest_why_set(struct guest_why *why, enum guest_cause cause, const char *format, ...)
{
	va_list args;

	why->cause = cause;
	va_start(args, format);
	text_vprint(why->text, sizeof(why->text), format, args);
	va_end(args);
}
