/* SPDX-License-Identifier: MIT */
/*
 * evswitch-clipboard as its users run it, between an X server of its own, on which xclip copies and pastes, and a
 * stand-in for evswitch, which says where the focus is. One scene at a time. Fails the test when something does not
 * come within SCENE_WAIT_MS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SCENE_WAIT_MS 20000
#define SCENE_GUEST   "win10"

/* Starts all of it. 'program' is the path of evswitch-clipboard. */
void scene_start(const char *program);
/* The same, but for evswitch-clipboard itself. */
void scene_start_without(const char *program);
void scene_stop(void);

/* Starts evswitch-clipboard, which must not run, or ends it. */
void scene_start_program(void);
void scene_end_program(void);

/* What evswitch says from now on: which target has the focus, and the guest's "when" and "direction". */
void scene_focus(const char *focus);
void scene_configure(const char *when, const char *direction);
/* evswitch ends; it comes back with the next scene_focus. */
void scene_end_evswitch(void);

/* A file below the scene's directory; valid until the next call but seven. */
const char *scene_file(const char *name);
/* A connection to the guest's socket, as QEMU's. */
int scene_connect(void);
pid_t scene_program(void);

/*
 * Starts a program with this DISPLAY (NULL: the host's) and its messages in a file (NULL: as the test's); ends it, if *pid is
 * not 0, and waits until it has.
 */
pid_t scene_spawn(const char *const *argv, const char *display, const char *messages);
void scene_end(pid_t *pid);
/* Starts another X server, and says which. */
pid_t scene_spawn_x_server(char display[static 16]);
/* Starts a program that copies a file as this target, and waits until it has. */
pid_t scene_spawn_copier(const char *display, const char *target, const char *path);

/* Runs a command in sh with the host's DISPLAY; returns its exit status. */
__attribute__((format(printf, 1, 2))) int scene_run(const char *format, ...);

/* Runs it again and again until it succeeds: what it asks for tells nobody when it comes. */
__attribute__((format(printf, 1, 2))) void scene_expect(const char *format, ...);

/* Copies a file on the host, as this target; or a text; or the host's clipboard is empty from now on. */
void scene_copy_file(const char *target, const char *path);
void scene_copy(const char *text);
void scene_copy_nothing(void);
/* The program that has copied last. */
pid_t scene_copier(void);
/* Pastes on the host: this must be what is there. */
void scene_expect_paste(const char *text);
/* Waits until the host's clipboard has this target, such as "UTF8_STRING"; or nothing at all, "". */
void scene_expect_target(const char *target);
/* Waits until the status has "KEY": VALUE, as JSON. */
void scene_expect_status(const char *key, const char *value);
