/*
 * Who is at the other end of a unix socket, and which libvirt domain that process belongs to, by its
 * cgroup: libvirt runs all VMs of the system as one user, so the user does not tell them apart, and a
 * QEMU that its guest has taken over cannot leave its cgroup. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define PEER_COMM_MAX   64
#define PEER_CGROUP_MAX 512

struct peer {
	uid_t uid;
	pid_t pid;
	bool ended;                   /* since it connected: the rest is empty */
	char comm[PEER_COMM_MAX];     /* as it names itself; through log_str into a message */
	char cgroup[PEER_CGROUP_MAX]; /* /proc/PID/cgroup; "" where it cannot be read */
};

/* 0 or -errno where not even the user can be told. */
int peer_of(int fd, struct peer *peer);

enum peer_domain { PEER_IN_DOMAIN, PEER_IN_OTHER, PEER_UNKNOWN };

/*
 * Whether a process with this /proc/PID/cgroup belongs to the domain of that name. Unknown where
 * the cgroup is of no domain (session libvirt, no libvirt), and where 'domain' is a UUID. libvirt leaves
 * letters out of the names of cgroups: names that differ in nothing but those are taken for one.
 */
enum peer_domain peer_domain(const char *cgroup, const char *domain);
