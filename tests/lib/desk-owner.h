/* SPDX-License-Identifier: MIT */
/*
 * The owner of a desktop (clipboard/desktop.h) in tests: notes what it is told, and turns the loop until a
 * condition holds. Also files and programs of a test. Header-only, for the programs that are linked with
 * the clipboard's modules alone.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "clipboard/desktop.h"
#include "now.h"

#define WAIT_MS 20000
#define TEXT    (1u << CLIP_TEXT)
#define PNG     (1u << CLIP_PNG)
#define MIB     (1024 * 1024)

static struct {
	struct desktop_client client;
	struct loop loop;
	struct desktop *desktop;
	void (*after_turn)(void); /* may be NULL */
	unsigned n_copied, types;
	unsigned n_fetched[CLIP_TYPES];
	unsigned char *data[CLIP_TYPES]; /* NULL: not to be had */
	size_t size[CLIP_TYPES];
	unsigned n_wanted[CLIP_TYPES];
	unsigned n_closed;
	bool inside;  /* a function of the desktop, from which nothing may call back */
	char dir[40]; /* of the whole program */
} here;

static inline void turn(void)
{
	assert_int_equal(loop_turn(&here.loop, 20), 0);
	if (here.after_turn)
		here.after_turn();
}

#define WAIT(condition)                                                                            \
	do {                                                                                       \
		long until_ = now_ms() + WAIT_MS;                                                  \
		while (!(condition)) {                                                             \
			if (now_ms() > until_)                                                     \
				fail_msg("never: " #condition);                                    \
			turn();                                                                    \
		}                                                                                  \
	} while (0)

/* --- what the desktop says ----------------------------------------------------------------- */

static inline void desk_copied(struct desktop_client *client, unsigned types)
{
	assert_ptr_equal(client, &here.client);
	assert_false(here.inside);
	here.n_copied++;
	here.types = types;
}

static inline void desk_fetched(struct desktop_client *client, enum clip_type type,
				const void *data, size_t size)
{
	assert_ptr_equal(client, &here.client);
	assert_false(here.inside);
	here.n_fetched[type]++;
	free(steal_ptr(&here.data[type]));
	here.size[type] = size;
	if (!data)
		return;
	here.data[type] = malloc(size + 1);
	assert_non_null(here.data[type]);
	memcpy(here.data[type], data, size);
}

static inline void desk_wanted(struct desktop_client *client, enum clip_type type)
{
	assert_ptr_equal(client, &here.client);
	assert_false(here.inside);
	here.n_wanted[type]++;
}

static inline void desk_closed(struct desktop_client *client)
{
	assert_ptr_equal(client, &here.client);
	assert_false(here.inside);
	here.n_closed++;
}

/* Before and after each test. The test closes the desktop. */
static inline void desk_begin(void (*after_turn)(void))
{
	static const struct desktop_ops ops = { .copied = desk_copied,
						.fetched = desk_fetched,
						.wanted = desk_wanted,
						.closed = desk_closed };
	char dir[sizeof(here.dir)];

	memcpy(dir, here.dir, sizeof(dir));
	memset(&here, 0, sizeof(here));
	memcpy(here.dir, dir, sizeof(dir));
	here.client.ops = &ops;
	here.after_turn = after_turn;
	assert_int_equal(loop_init(&here.loop), 0);
}

static inline void desk_end(void)
{
	for (unsigned type = 0; type < CLIP_TYPES; type++)
		free(steal_ptr(&here.data[type]));
	loop_fini(&here.loop);
}

/* --- the desktop's functions --------------------------------------------------------------- */

static inline int fetch(enum clip_type type)
{
	int rc;

	here.inside = true;
	rc = desktop_fetch(here.desktop, type);
	here.inside = false;
	return rc;
}

static inline void offer(unsigned types)
{
	here.inside = true;
	assert_int_equal(desktop_offer(here.desktop, types), 0);
	here.inside = false;
}

static inline void give(enum clip_type type, const void *data, size_t size)
{
	here.inside = true;
	desktop_give(here.desktop, type, data, size);
	here.inside = false;
}

static inline void fetch_now(enum clip_type type)
{
	unsigned before = here.n_fetched[type];

	assert_int_equal(fetch(type), 0);
	WAIT(here.n_fetched[type] != before);
	assert_int_equal(here.n_fetched[type], before + 1);
}

static inline void expect_data(enum clip_type type, const void *data, size_t size)
{
	assert_non_null(here.data[type]);
	assert_int_equal(here.size[type], size);
	assert_true(memcmp(here.data[type], data, size) == 0);
}

/* --- data, files, programs ----------------------------------------------------------------- */

/* Letters; the caller frees them. */
static inline unsigned char *pattern(size_t size)
{
	unsigned char *bytes = malloc(size);

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)('a' + (i * 7 + i / 4096) % 26);
	return bytes;
}

static inline void desk_make_dir(void)
{
	snprintf(here.dir, sizeof(here.dir), "/tmp/evswitch-clipboard-XXXXXX");
	assert_non_null(mkdtemp(here.dir));
}

static inline void desk_remove_dir(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", here.dir);
	assert_int_equal(system(command), 0);
}

static inline void desk_path(char path[static 80], const char *name)
{
	snprintf(path, 80, "%s/%s", here.dir, name);
}

static inline void desk_write(const char *name, const void *data, size_t size)
{
	char path[80];
	FILE *file;

	desk_path(path, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

static inline void desk_expect(const char *name, const void *data, size_t size)
{
	autofree char *bytes = malloc(size + 1);
	char path[80];
	FILE *file;

	desk_path(path, name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fread(bytes, 1, size + 1, file), size);
	fclose(file);
	assert_true(memcmp(bytes, data, size) == 0);
}

/* Starts a command of the shell. */
static inline pid_t desk_run(const char *command)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

/* Its exit status; -1: a signal. */
static inline int desk_await(pid_t pid)
{
	int status = 0;

	WAIT(waitpid(pid, &status, WNOHANG) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
