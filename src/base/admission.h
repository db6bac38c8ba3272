/* SPDX-License-Identifier: MIT */
/*
 * Decides which process may connect to a guest's socket: whoever is admitted receives what is meant for
 * that guest. Our own user, root and the users that run system libvirt's QEMU are admitted; of the
 * latter only the guest's own domain, if it is known. Logs whom it admits and refuses. Embedded in its
 * owner; owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/log.h"
#include "base/usock.h"

struct admission {
	struct usock_trust trust;
	pid_t refused;       /* the last refused peer that was logged */
	bool refused_domain; /* a peer of another domain, and none was admitted since */
	/* For messages about admitted peers: refused ones cannot exhaust this limit. */
	struct log_limit admitted, refusals;
};

/* Looks up the users. May block on the user database. */
void admission_init(struct admission *admission);

/*
 * Whether the process at the other end of the connection 'fd' may have it. 'guest' is its name, for
 * messages; 'domain' that of its libvirt domain, or its UUID, or "": not known.
 */
bool admission_admits(struct admission *admission, int fd, const char *guest, const char *domain);
