/* SPDX-License-Identifier: MIT */
/*
 * The machine as evswitch --check sees it. Everything that a check looks at is read through this, so
 * that a test can show it another machine. The caller owns all that it points to.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct access_facts;
struct loop;

struct check_system {
	const char *root; /* put in front of every path below; "" = this machine */
	uid_t uid;
	const char *user;    /* its name */
	const char *conf;    /* the configuration file, without 'root' */
	const char *config;  /* the user's directory of configuration files, without 'root' */
	const char *sockets; /* usock_dir_name, likewise */
	const char *path;    /* where programs are, as PATH; without 'root' */
	struct loop *loop;   /* with a launcher, for programs; NULL = none are run */
	/* access_look, or what a test says about the node */
	void (*access)(const char *root, const char *devnode, struct access_facts *facts);
	int (*instance)(uid_t *holder); /* instance_look, likewise */
};

/* Room for names of directories. */
struct check_dirs {
	char config[PATH_MAX], sockets[PATH_MAX];
};

/*
 * This machine; 'conf' as above. The name of the user is valid until the next getpwuid(). 'dirs' must
 * outlive the system.
 */
void check_system_init(struct check_system *system, const char *conf, struct check_dirs *dirs);

/* The path with the root in front. Truncated if longer than PATH_MAX. */
struct check_path {
	char text[PATH_MAX];
};
struct check_path check_path(const struct check_system *system, const char *path);

bool check_exists(const struct check_system *system, const char *path);

/* True if a line of the file, without blanks around it, is this. */
bool check_has_line(const struct check_system *system, const char *path, const char *wanted);

/*
 * Calls 'visit' for each entry of the directory, except "." and "..", in the order of their names,
 * until it returns false.
 */
void check_list(const struct check_system *system, const char *path,
		bool (*visit)(void *ctx, const char *name), void *ctx);

/* The longest file that check_read reads, in bytes. */
#define CHECK_FILE_MAX (1024 * 1024)

/*
 * The contents of a regular file, or of one in /proc or /sys, as a string that the caller frees;
 * without what follows after CHECK_FILE_MAX bytes or a NUL. NULL with errno.
 */
char *check_read(const struct check_system *system, const char *path);
/* The same, with NULs in it; *size is the number of bytes before the one that ends it. */
char *check_read_all(const struct check_system *system, const char *path, size_t *size);
