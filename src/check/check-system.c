/* SPDX-License-Identifier: MIT */
/* Files of the machine below its root. */
#include "check/check-system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "base/util.h"
#include "evdev/access.h"
#include "evdev/instance.h"

void check_system_init(struct check_system *system, const char *conf, struct check_dirs *dirs)
{
	const struct passwd *user = getpwuid(geteuid());
	const char *xdg = env_path("XDG_CONFIG_HOME");

	snprintf(dirs->config, sizeof(dirs->config), "%s%s", xdg ?: env_path("HOME") ?: "",
		 xdg ? "" : "/.config");
	snprintf(dirs->sockets, sizeof(dirs->sockets), "%s/evswitch",
		 env_path("XDG_RUNTIME_DIR") ?: "/run");
	*system = (struct check_system){ .root = "",
					 .uid = geteuid(),
					 .user = user ? user->pw_name : "USER",
					 .conf = conf,
					 .path = getenv("PATH") ?: "/usr/bin:/bin",
					 .config = dirs->config,
					 .sockets = dirs->sockets,
					 .access = access_look,
					 .instance = instance_look };
}

struct check_path check_path(const struct check_system *system, const char *path)
{
	struct check_path whole;

	if (snprintf(whole.text, sizeof(whole.text), "%s%s", system->root, path) >=
	    (int)sizeof(whole.text))
		whole.text[0] = '\0'; /* no such file */
	return whole;
}

bool check_exists(const struct check_system *system, const char *path)
{
	struct stat st;

	return stat(check_path(system, path).text, &st) == 0;
}

/* Reads up to CHECK_FILE_MAX bytes. 0 or -errno. */
static int read_all(int fd, char *text, size_t *read_size)
{
	size_t used = 0;

	while (used < CHECK_FILE_MAX) {
		ssize_t size = read(fd, text + used, CHECK_FILE_MAX - used);

		if (size == 0)
			break;
		if (size < 0 && errno != EINTR)
			return -errno;
		used += size > 0 ? (size_t)size : 0;
	}
	text[used] = '\0';
	*read_size = used;
	return 0;
}

char *check_read(const struct check_system *system, const char *path)
{
	size_t size;

	return check_read_all(system, path, &size);
}

char *check_read_all(const struct check_system *system, const char *path, size_t *size)
{
	autoclose int fd =
		open(check_path(system, path).text, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = ENOTSUP;
		return NULL;
	}
	text = malloc(CHECK_FILE_MAX + 1);
	if (text && read_all(fd, text, size) < 0) {
		free(text);
		text = NULL;
	}
	return text;
}

bool check_has_line(const struct check_system *system, const char *path, const char *wanted)
{
	autofree char *text = check_read(system, path);
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		size_t size = strlen(line);
		const char *start = text_trim(line, &size);

		if (size == strlen(wanted) && strncmp(start, wanted, size) == 0)
			return true;
	}
	return false;
}

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

void check_list(const struct check_system *system, const char *path,
		bool (*visit)(void *ctx, const char *name), void *ctx)
{
	struct dirent **entries;
	int n = scandir(check_path(system, path).text, &entries, is_entry, versionsort);
	bool more = true;

	if (n < 0)
		return;
	for (int i = 0; i < n; i++) {
		more = more && visit(ctx, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}
