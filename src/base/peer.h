/* SPDX-License-Identifier: MIT */
/*
 * Identifies the process at the other end of a unix socket, and its libvirt domain by its cgroup.
 * System libvirt runs all VMs as the same user, so the user alone does not identify a domain; and a
 * compromised QEMU cannot leave its cgroup. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define PEER_COMM_MAX   64
#define PEER_CGROUP_MAX 512

struct peer {
	uid_t uid;
	pid_t pid;
	bool ended;                   /* it has exited since: comm and cgroup are empty */
	char comm[PEER_COMM_MAX];     /* untrusted: log it through log_str */
	char cgroup[PEER_CGROUP_MAX]; /* contents of /proc/PID/cgroup; "" if unreadable */
};

/* 0, or -errno of SO_PEERCRED. */
int peer_of(int fd, struct peer *peer);

enum peer_domain { PEER_IN_DOMAIN, PEER_IN_OTHER, PEER_UNKNOWN };

/*
 * Whether a process with these contents of /proc/PID/cgroup belongs to the domain of that name.
 * PEER_UNKNOWN if the cgroup is not a domain's (session libvirt, no libvirt), or if 'domain' is a
 * UUID. libvirt drops some characters from the names of cgroups, so domain names that differ only
 * in those count as equal.
 */
enum peer_domain peer_domain(const char *cgroup, const char *domain);
