/* SPDX-License-Identifier: MIT */
/* A temporary file beside the old one takes its place once it is complete. */
#include "setup/setup-write.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "guest/channel.h"

static void log_conf_error(void *ctx, const char *message)
{
	(void)ctx;
	log_error("%s", message);
}

/* --- reading ------------------------------------------------------------------------------- */

static int find(struct setup_file *file, const char *given)
{
	struct stat st;
	int length;

	*file = (struct setup_file){ .is_default = !given };
	if (given) {
		snprintf(file->path, sizeof(file->path), "%s", given);
		return strlen(given) < sizeof(file->path) ? 0 : -ENAMETOOLONG;
	}
	length = conf_user_path(file->path, sizeof(file->path));
	if (length >= (int)sizeof(file->path))
		return -ENAMETOOLONG;
	if (length >= 0 && (lstat(file->path, &st) == 0 || access(CONF_SYSTEM_FILE, F_OK) < 0))
		return 0;
	snprintf(file->path, sizeof(file->path), "%s", CONF_SYSTEM_FILE);
	return 0;
}

static int resolve(struct setup_file *file)
{
	struct stat st;

	if (realpath(file->path, file->real))
		return 0;
	if (errno != ENOENT)
		return -errno;
	if (lstat(file->path, &st) == 0) {
		log_error("%s is a link that leads nowhere: remove it, or make what it leads to",
			  log_str(file->path).text);
		return -ENOENT;
	}
	snprintf(file->real, sizeof(file->real), "%s", file->path);
	return 0;
}

/* Reads up to one byte more than a configuration may have. */
static int read_all(int fd, struct setup_file *file)
{
	while (file->size <= CONF_FILE_MAX) {
		ssize_t got = read(fd, file->text + file->size, CONF_FILE_MAX + 1 - file->size);

		if (got == 0)
			return 0;
		if (got < 0 && errno != EINTR)
			return -errno;
		file->size += got > 0 ? (size_t)got : 0;
	}
	return -EFBIG;
}

static int read_file(struct setup_file *file)
{
	autoclose int fd = open(file->real, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &file->status) < 0)
		return -errno;
	if (!S_ISREG(file->status.st_mode))
		return S_ISDIR(file->status.st_mode) ? -EISDIR : -ENOTSUP;
	/* To rename over it needs no permission of its own. */
	if (access(file->real, W_OK) < 0)
		return -errno;
	file->exists = true;
	file->text = malloc(CONF_FILE_MAX + 1);
	return file->text ? read_all(fd, file) : -ENOMEM;
}

int setup_file_read(struct setup_file *file, const char *given)
{
	int error = find(file, given);

	if (!error) {
		error = resolve(file);
		if (error == -ENOENT)
			return error;
	}
	if (!error)
		error = read_file(file);
	if (error == -EACCES && strcmp(file->path, CONF_SYSTEM_FILE) == 0)
		log_error("%s: %s: run this with sudo, or copy it to "
			  "~/.config/evswitch/evswitch.conf, "
			  "which is read instead",
			  file->path, strerror(-error));
	else if (error)
		log_error("%s: %s", log_str(file->path).text, strerror(-error));
	else if (geteuid() == 0 && getenv("SUDO_USER") && !given)
		log_warn("%s is root's configuration: run this without sudo for your own",
			 file->path);
	return error;
}

void setup_file_free(struct setup_file *file)
{
	free(file->text);
	file->text = NULL;
}

/* --- what it configures --------------------------------------------------------------------- */

/* The text of the file, from its own line on if it has an unfinished one, and what is added. */
static char *join(const struct setup_file *file, const char *added, size_t *size)
{
	const char *between = !file->size ? "" : file->text[file->size - 1] == '\n' ? "\n" : "\n\n";
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	if (!out)
		return NULL;
	if (file->size)
		fwrite(file->text, 1, file->size, out);
	fprintf(out, "%s%s", between, added);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void ignore_error(void *ctx, const char *message)
{
	(void)ctx;
	(void)message;
}

/* A file that lacks devices is one to which they can be added. */
int setup_file_conf(const struct setup_file *file, struct conf **conf)
{
	static const char stub[] = "[device " SETUP_STUB "]\nphys = evswitch-setup\n";
	autofree char *text = NULL;
	size_t size = 0;
	int error = conf_parse(file->path, file->text ?: "", file->size, channel_table,
			       ignore_error, NULL, conf);

	if (error != -EINVAL)
		return error;
	text = join(file, stub, &size);
	if (!text)
		return -ENOMEM;
	return conf_parse(file->path, text, size, channel_table, log_conf_error, NULL, conf);
}

/* --- writing -------------------------------------------------------------------------------- */

static int make_directories(const char *path)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", path);
	for (char *slash = dir + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		if (mkdir(dir, 0700) < 0 && errno != EEXIST && access(dir, F_OK) < 0)
			return -errno;
	}
	return 0;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, text, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			text += written;
			size -= (size_t)written;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* Owner first, since that clears bits of the mode. */
static int give_mode(const struct setup_file *file, int fd)
{
	mode_t mask;

	if (!file->exists) {
		mask = umask(077);
		umask(mask);
		return fchmod(fd, 0644 & ~mask) < 0 ? -errno : 0;
	}
	if ((file->status.st_uid != geteuid() || file->status.st_gid != getegid()) &&
	    fchown(fd, file->status.st_uid, file->status.st_gid) < 0)
		return -errno;
	return fchmod(fd, file->status.st_mode & 07777) < 0 ? -errno : 0;
}

static bool is_as_read(const struct setup_file *file)
{
	const struct stat *old = &file->status;
	struct stat now;

	if (lstat(file->real, &now) < 0)
		return errno == ENOENT && !file->exists;
	return file->exists && now.st_dev == old->st_dev && now.st_ino == old->st_ino &&
	       now.st_size == old->st_size && now.st_mtim.tv_sec == old->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == old->st_mtim.tv_nsec;
}

static void sync_directory(char *path)
{
	autoclose int fd = -1;

	*strrchr(path, '/') = '\0';
	fd = open(path[0] ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		fsync(fd);
}

static int replace(const struct setup_file *file, const char *text, size_t size)
{
	const char *slash = strrchr(file->real, '/');
	size_t dir = slash ? (size_t)(slash - file->real) : 1;
	char temporary[PATH_MAX + 32];
	autoclose int fd = -1;
	int error;

	snprintf(temporary, sizeof(temporary), "%.*s/.evswitch.conf-XXXXXX", (int)dir,
		 slash ? file->real : ".");
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = write_all(fd, text, size);
	if (!error)
		error = give_mode(file, fd);
	if (!error && !is_as_read(file))
		error = -EBUSY;
	if (!error && rename(temporary, file->real) < 0)
		error = -errno;
	if (error)
		unlink(temporary);
	else
		sync_directory(temporary);
	return error;
}

/* Ctrl+C must not leave a temporary file. */
static int replace_undisturbed(const struct setup_file *file, const char *text, size_t size)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	error = file->is_default ? make_directories(file->real) : 0;
	if (!error)
		error = replace(file, text, size);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* Logs what would be wrong with it. */
static int validate(const struct setup_file *file, const char *text, size_t size)
{
	struct conf *conf = NULL;
	int error;

	if (size > CONF_FILE_MAX)
		return -EFBIG;
	error = conf_parse(file->path, text, size, channel_table, log_conf_error, NULL, &conf);
	conf_free(conf);
	return error;
}

int setup_file_add(const struct setup_file *file, const char *added)
{
	size_t size = 0;
	autofree char *text = join(file, added, &size);
	int error = text ? validate(file, text, size) : -ENOMEM;

	if (!error)
		error = replace_undisturbed(file, text, size);
	if (error == -EINVAL)
		log_error("%s would not be valid, so it stays as it was", log_str(file->path).text);
	else if (error == -EBUSY)
		log_error("%s has been changed meanwhile, so it stays as it is: run this again",
			  log_str(file->path).text);
	else if (error)
		log_error("%s cannot be written, and stays as it was: %s", log_str(file->path).text,
			  strerror(-error));
	return error;
}

int setup_file_status(int error)
{
	switch (-error) {
	case 0:
		return EX_OK;
	case EINVAL:
		return EX_CONFIG;
	case EACCES:
	case EPERM:
		return EX_NOPERM;
	case ENOMEM:
		return EX_OSERR;
	case ENOENT:
	case EISDIR:
	case ENOTSUP:
		return EX_NOINPUT;
	default:
		return EX_CANTCREAT;
	}
}
