/* SPDX-License-Identifier: MIT */
/*
 * What /proc says of a peer's cgroup, which a user can name, and a domain's name: whether both are one. A
 * name is that of its own cgroup, as libvirt and systemd-machined write it. Does not reach /proc itself.
 */
#include <stdio.h>
#include <string.h>

#include "base/peer.h"
#include "fuzz.h"

void fuzz_one(struct fuzz *fuzz)
{
	char cgroup[PEER_CGROUP_MAX], domain[128], own[PEER_CGROUP_MAX];

	fuzz_text(fuzz, domain, sizeof(domain));
	fuzz_text(fuzz, cgroup, sizeof(cgroup));
	peer_domain(cgroup, domain);
	/* What a path, a unit or libvirt's rules would change is left out. */
	domain[strspn(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] =
		'\0';
	domain[40] = '\0';
	if (!domain[0])
		return;
	snprintf(own, sizeof(own), "0::/machine.slice/machine-qemu\\x2d1\\x2d%s.scope/emulator",
		 domain);
	FUZZ_CHECK(peer_domain(own, domain) == PEER_IN_DOMAIN, "%s in %s", domain, own);
	/* Half an escape is none. */
	snprintf(own, sizeof(own), "0::/machine-qemu\\x2d1\\x2d%s\\x5.scope", domain);
	snprintf(domain + strlen(domain), 3, "x5");
	FUZZ_CHECK(peer_domain(own, domain) == PEER_IN_DOMAIN, "%s in %s", domain, own);
	snprintf(own, sizeof(own), "0::/machine/qemu-1-%s.libvirt-qemu", domain);
	FUZZ_CHECK(peer_domain(own, domain) == PEER_IN_DOMAIN, "%s in %s", domain, own);
}
