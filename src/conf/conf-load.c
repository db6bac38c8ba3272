/* SPDX-License-Identifier: MIT */
/* Finds and reads the configuration file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf-report.h"
#include "conf/conf.h"
#include "base/util.h"

#define BELOW_DIR "evswitch/evswitch.conf"

/* Accepts regular files only: reading others may block. 0, -EISDIR or -ENOTSUP. */
static int check_file(int fd, int64_t *modified_ns, struct conf_report *report)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	*modified_ns = status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec;
	if (S_ISDIR(status.st_mode)) {
		conf_report(report, 0, "is a directory; name the configuration file in it");
		return -EISDIR;
	}
	if (!S_ISREG(status.st_mode)) {
		conf_report(report, 0,
			    "is not a regular file; FIFOs, sockets and devices are not read");
		return -ENOTSUP;
	}
	return 0;
}

/* Reads the file. 'buf' has room for one byte more than CONF_FILE_MAX, to detect longer files. */
static int read_all(int fd, char *buf, size_t *size, struct conf_report *report)
{
	while (*size <= CONF_FILE_MAX) {
		ssize_t got = read(fd, buf + *size, CONF_FILE_MAX + 1 - *size);

		if (got == 0)
			return 0;
		if (got > 0)
			*size += (size_t)got;
		else if (errno != EINTR)
			return -errno;
	}
	conf_report(report, 0,
		    "is larger than %d bytes; a configuration of evswitch is much smaller",
		    CONF_FILE_MAX);
	return -EFBIG;
}

static int read_file(const char *file, char *buf, size_t *size, int64_t *modified_ns,
		     struct conf_report *report)
{
	autoclose int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error = fd < 0 ? -errno : check_file(fd, modified_ns, report);

	return error ? error : read_all(fd, buf, size, report);
}

int conf_load(const char *file, const struct conf_channel *const *channels, conf_error_fn error,
	      void *ctx, struct conf **out)
{
	autofree char *buf = malloc(CONF_FILE_MAX + 1);
	struct conf_report report = { .file = file };
	int64_t modified_ns = 0;
	size_t size = 0;
	int failed;

	if (!buf)
		return -ENOMEM;
	failed = read_file(file, buf, &size, &modified_ns, &report);
	if (!failed) {
		int rc = conf_parse(file, buf, size, channels, error, ctx, out);

		if (rc < 0)
			return rc;
		(*out)->modified_ns = modified_ns;
		(*out)->text = steal_ptr(&buf);
		(*out)->size = size;
		return 0;
	}
	if (report.n == 0)
		conf_report(&report, 0, "cannot be read: %s; use -c FILE for another configuration",
			    strerror(-failed));
	conf_report_end(&report, error, ctx);
	return failed;
}

/* The XDG Base Directory Specification says to ignore a relative XDG_CONFIG_HOME. */
int conf_user_path(char *buf, size_t size)
{
	const char *config = env_path("XDG_CONFIG_HOME"), *home = env_path("HOME");

	if (config)
		return snprintf(buf, size, "%s/" BELOW_DIR, config);
	if (home)
		return snprintf(buf, size, "%s/.config/" BELOW_DIR, home);
	return -1;
}

void conf_default_path(char *buf, size_t size)
{
	int length = conf_user_path(buf, size);

	if (length < 0 || (size_t)length >= size || access(buf, F_OK) < 0)
		snprintf(buf, size, "%s", CONF_SYSTEM_FILE);
}
