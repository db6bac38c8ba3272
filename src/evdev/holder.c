/* SPDX-License-Identifier: MIT */
/* Walks /proc/PID/fd. */
#include "evdev/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define LINK_MAX_SIZE 64   /* longer links are of no node */
#define FILES_MAX     4096 /* looked at in a process */

struct search {
	const char *const *devnode;
	size_t n;
	uint64_t until_us;
};

static bool is_sought(const struct search *search, const char *link)
{
	for (size_t i = 0; i < search->n; i++)
		if (strcmp(search->devnode[i], link) == 0)
			return true;
	return false;
}

/*
 * True if the process has a node open. readlinkat() does not touch the file, which may be on a file
 * system that does not answer.
 */
static bool has_open(const struct search *search, int proc, const char *pid)
{
	char name[sizeof("/fd") + 16], link[LINK_MAX_SIZE];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;
	int fd;

	snprintf(name, sizeof(name), "%.15s/fd", pid);
	fd = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_fd(&fd);
		return false;
	}
	for (unsigned n = 0; !found && n < FILES_MAX && (entry = readdir(dir)); n++) {
		ssize_t size = readlinkat(fd, entry->d_name, link, sizeof(link) - 1);

		if (size <= 0)
			continue;
		link[size] = '\0';
		found = is_sought(search, link);
	}
	closedir(dir);
	return found;
}

static bool read_comm(int proc, const char *pid, char comm[static PEER_COMM_MAX])
{
	char name[sizeof("/comm") + 16];
	autoclose int fd = -1;
	ssize_t size;

	snprintf(name, sizeof(name), "%.15s/comm", pid);
	fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, comm, PEER_COMM_MAX - 1);
	if (size <= 0)
		return false;
	comm[size] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	return true;
}

/* evswitch and its keepers have the nodes open as guards. */
static bool is_own(pid_t pid, const char *comm)
{
	return pid == getpid() || strncmp(comm, "evs-", 4) == 0;
}

static bool look_at(const struct search *search, int proc, const char *pid, struct holder *found)
{
	*found = (struct holder){ .pid = (pid_t)atoi(pid) };
	if (!has_open(search, proc, pid) || !read_comm(proc, pid, found->comm) ||
	    is_own(found->pid, found->comm))
		return false;
	found->is_vm = strstr(found->comm, "qemu") || strstr(found->comm, "kvm");
	return true;
}

bool holder_find(const char *const *devnode, size_t n, struct holder *out)
{
	const struct search search = { devnode, n, now_us() + HOLDER_SEARCH_US };
	const struct dirent *entry;
	DIR *proc = opendir("/proc");
	bool found = false;

	if (!proc)
		return false;
	while (!(found && out->is_vm) && now_us() < search.until_us && (entry = readdir(proc))) {
		struct holder holder;

		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !look_at(&search, dirfd(proc), entry->d_name, &holder))
			continue;
		*out = holder;
		found = true;
	}
	closedir(proc);
	return found;
}
