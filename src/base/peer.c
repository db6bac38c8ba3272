/* SPDX-License-Identifier: MIT */
/* SO_PEERCRED, and /proc read while a pidfd guards against reuse of the PID. */
#include "base/peer.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* libvirt truncates machine names to this many bytes. */
#define MACHINE_MAX 64

static void read_file(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	autoclose int fd = -1;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? 0 : read(fd, text, size - 1);
	text[got > 0 ? got : 0] = '\0';
}

/* A pidfd of the process that connected; without SO_PEERPIDFD, of whichever has that PID now. */
static int open_pidfd(int fd, pid_t pid)
{
	socklen_t size = sizeof(int);
	int pidfd;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
		return pidfd;
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

/* Catches most reused PIDs on kernels without SO_PEERPIDFD. */
static bool is_of_user(pid_t pid, uid_t uid)
{
	char status[1024];
	const char *line;
	unsigned real, effective;

	read_file(pid, "status", status, sizeof(status));
	line = strstr(status, "\nUid:");
	return !line || sscanf(line, "\nUid: %u %u", &real, &effective) != 2 || effective == uid ||
	       real == uid;
}

int peer_of(int fd, struct peer *peer)
{
	struct ucred cred;
	socklen_t size = sizeof(cred);
	autoclose int pidfd = -1;
	struct pollfd end = { .events = POLLIN };

	*peer = (struct peer){ 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return -errno;
	peer->uid = cred.uid;
	peer->pid = cred.pid;
	pidfd = end.fd = open_pidfd(fd, cred.pid);
	read_file(cred.pid, "comm", peer->comm, sizeof(peer->comm));
	peer->comm[strcspn(peer->comm, "\n")] = '\0';
	read_file(cred.pid, "cgroup", peer->cgroup, sizeof(peer->cgroup));
	/* It is still running, so the files in /proc were its own. */
	peer->ended = pidfd < 0 || poll(&end, 1, 0) != 0 || !is_of_user(cred.pid, cred.uid);
	if (peer->ended)
		peer->comm[0] = peer->cgroup[0] = '\0';
	return 0;
}

/* The character of a \xNN that 'text' begins with; else 0. sscanf would accept \xN, too. */
static char escaped(const char *text)
{
	char digits[3] = "";

	if (text[0] != '\\' || text[1] != 'x' || !isxdigit((unsigned char)text[2]) ||
	    !isxdigit((unsigned char)text[3]))
		return '\0';
	memcpy(digits, text + 2, 2);
	return (char)strtoul(digits, NULL, 16);
}

/* Replaces \xNN in the name of a systemd unit, see systemd.unit(5). */
static void unescape(char *name)
{
	char *to = name;

	while (*name) {
		char letter = escaped(name);

		if (letter) {
			*to++ = letter;
			name += 4;
		} else {
			*to++ = *name++;
		}
	}
	*to = '\0';
}

/*
 * Finds the machine "qemu-ID-NAME" in a cgroup's path: machine-qemu\x2dID\x2dNAME.scope if
 * systemd-machined created it, qemu-ID-NAME.libvirt-qemu if libvirt did. False if there is none.
 */
static bool find_machine(const char *cgroup, char machine[static PEER_CGROUP_MAX])
{
	static const char *const begins[] = { "/machine-qemu", "/qemu-" };
	static const char *const ends[] = { ".scope", ".libvirt-qemu" };

	for (unsigned i = 0; i < ARRAY_SIZE(begins); i++) {
		const char *at = strstr(cgroup, begins[i]), *end;
		size_t skip = strlen(begins[i]) - strlen(i ? "qemu-" : "qemu");

		end = at ? strstr(at, ends[i]) : NULL;
		if (!end || memchr(at + 1, '/', (size_t)(end - at - 1)))
			continue;
		snprintf(machine, PEER_CGROUP_MAX, "%.*s", (int)(end - at - (ssize_t)skip),
			 at + skip);
		unescape(machine);
		return true;
	}
	return false;
}

static bool is_uuid(const char *name)
{
	return strlen(name) == 36 && name[8] == '-' && name[13] == '-' && name[18] == '-' &&
	       name[23] == '-' && strspn(name, "0123456789abcdefABCDEF-") == 36;
}

/* Compares letters and digits only. 'cut': 'a' may be truncated. */
static bool same_name(const char *a, const char *b, bool cut)
{
	for (;;) {
		while (*a && !isalnum((unsigned char)*a))
			a++;
		while (*b && !isalnum((unsigned char)*b))
			b++;
		if (*a == '\0' || *a != *b)
			break;
		a++;
		b++;
	}
	return *a == '\0' && (cut || *b == '\0');
}

enum peer_domain peer_domain(const char *cgroup, const char *domain)
{
	char machine[PEER_CGROUP_MAX];
	const char *name;

	if (is_uuid(domain) || !find_machine(cgroup, machine))
		return PEER_UNKNOWN;
	name = machine + strlen("qemu-");
	if (strlen(machine) < strlen("qemu-") || name[strspn(name, "0123456789")] != '-')
		return PEER_UNKNOWN;
	name += strspn(name, "0123456789") + 1;
	return same_name(name, domain, strlen(machine) >= MACHINE_MAX) ? PEER_IN_DOMAIN
								       : PEER_IN_OTHER;
}
