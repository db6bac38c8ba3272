/* SPDX-License-Identifier: MIT */
/* Looks at the peer's user and cgroup. */
#include "base/admission.h"

#include <unistd.h>

#include "base/peer.h"

static const char other_domain[] = "by its cgroup it is another VM than \"libvirt =\" names";

/* Why the peer is refused, or NULL if it is admitted. */
static const char *why_refused(const struct admission *admission, const struct peer *peer,
			       const char *domain)
{
	if (!usock_trusts(&admission->trust, peer->uid))
		return "only QEMU's user, root and your own may";
	if (!domain[0])
		return NULL;
	if (peer->ended)
		return "it ended as soon as it had connected";
	return peer_domain(peer->cgroup, domain) == PEER_IN_OTHER ? other_domain : NULL;
}

/* Session libvirt gives a domain no cgroup, so a process of our own user cannot be identified. */
static const char *what_is_unknown(const struct peer *peer, const char *domain)
{
	if (!domain[0] || peer->uid == geteuid() || peer->uid == 0 ||
	    peer_domain(peer->cgroup, domain) == PEER_IN_DOMAIN)
		return "";
	return "; its cgroup does not identify its VM: for that, set \"libvirt =\" to the domain's "
	       "name, and run systemd-machined";
}

void admission_init(struct admission *admission)
{
	usock_trust_init(&admission->trust);
}

bool admission_admits(struct admission *admission, int fd, const char *guest, const char *domain)
{
	struct peer peer;
	const char *why;

	if (peer_of(fd, &peer) < 0)
		return false;
	why = why_refused(admission, &peer, domain);
	if (!why)
		log_limited(&admission->admitted, LOG_LEVEL_INFO,
			    "guest %s: process %d (%s) of user %u has connected%s", guest,
			    (int)peer.pid, log_str(peer.comm).text, (unsigned)peer.uid,
			    what_is_unknown(&peer, domain));
	else if (peer.pid != admission->refused)
		log_limited(&admission->refusals, LOG_LEVEL_WARN,
			    "guest %s: process %d (%s) of user %u may not connect: %s", guest,
			    (int)peer.pid, log_str(peer.comm).text, (unsigned)peer.uid, why);
	if (why)
		admission->refused = peer.pid;
	admission->refused_domain = why == other_domain;
	return !why;
}
