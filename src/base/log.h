/* SPDX-License-Identifier: MIT */
/*
 * Logs messages to stderr, one line each. Between log_start and log_stop a thread writes them, so
 * no caller blocks on stderr: while it accepts nothing, up to 256 lines are queued and further ones
 * dropped. The log level, the program's name and this thread are the only global state, apart from what
 * signal handlers need (sigbus.h, stall.h).
 *
 * Not for the hot path. Pass names supplied by devices, guests or files through log_str first.
 * Never log keystrokes.
 */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "base/pace.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
/* What messages begin with, "evswitch" at first. 'name' must outlive the process. */
void log_set_name(const char *name);

/* The longest that log_stop waits for queued lines to be written, in seconds. */
#define LOG_STOP_S 1

/*
 * Starts the thread. It has its own descriptor table and keeps everything open that is open now. So
 * call this before opening anything that must be closed when the process dies. Without the thread,
 * lines are written directly, as they are before log_start.
 */
void log_start(void);

/* Ends the thread, if there is one, and waits for the journal. Log nothing afterwards. */
void log_stop(void);

#define LOG_PRINTF __attribute__((format(printf, 2, 3)))

/* Writes the program's name and the message, as "evswitch: MESSAGE". The journal gets a priority prefix (sd-daemon(3)). */
LOG_PRINTF void log_at(enum log_level level, const char *format, ...);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Embedded in the object that represents a peer. Zero-initialised. */
struct log_limit {
	struct pace pace;
	unsigned left_out; /* messages suppressed since the last that was written */
};

/*
 * Rate-limited logging (pace.h) for messages that a peer can cause: a guest, QEMU, a keeper, any
 * client. Each peer has its own limit, so none can suppress another's messages. The last message of
 * a burst announces that more may be suppressed, and the next one that is written says how many
 * were.
 */
__attribute__((format(printf, 3, 4))) void
log_limited(struct log_limit *limit, enum log_level level, const char *format, ...);

#define LOG_STR_MAX 512

struct log_str {
	char text[LOG_STR_MAX];
};

/*
 * A printable copy of untrusted text: control characters, invalid UTF-8 and bidirectional overrides
 * become \xNN. Truncated to LOG_STR_MAX - 1 bytes. NULL gives "(none)". The result is a temporary:
 * use log_str(name).text within one expression.
 */
struct log_str log_str(const char *raw);

/* Writes such a copy of a text of any length. 'out' keeps its own errors. */
void log_str_print(FILE *out, const char *raw);
