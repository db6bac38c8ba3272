/*
 * Messages to stderr, one line each. Between log_start and log_stop a thread writes them, and nobody
 * waits, whatever stderr is: where it takes nothing, 256 lines are kept and later ones dropped.
 * The level and that thread are global; apart from them only what signal handlers need is (sigbus.h,
 * stall.h). Not for the hot path. What a device, a guest or a file named itself goes through log_str
 * first; nothing that was typed is ever logged.
 */
#pragma once

#include <stdarg.h>

#include "base/pace.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);

/* How long log_stop waits at most, in seconds, for what was logged to be taken. */
#define LOG_STOP_S 1

/*
 * Starts the thread. To be called before anything is opened that must close when the process is killed:
 * the thread keeps what is open now. Without a thread, lines are written at once, as before it.
 */
void log_start(void);

/* The last call of a process that logged: ends the thread, if there is one, and waits for the journal. */
void log_stop(void);

#define LOG_PRINTF __attribute__((format(printf, 2, 3)))

/* Writes "evswitch: " and the message; to the journal with the priority in front (sd-daemon(3)). */
LOG_PRINTF void log_at(enum log_level level, const char *format, ...);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Embedded in the owner of what a peer says. Zeroed: nothing was said. */
struct log_limit {
	struct pace pace;
	unsigned left_out; /* since the last that was written */
};

/*
 * The same for what a peer can cause: a guest, QEMU, whoever connects, a keeper. Each has a limit of its
 * own, so that none keeps another's messages from being written. The last of a burst says that more may be
 * left out, the next that is written how many were.
 */
__attribute__((format(printf, 3, 4))) void
log_limited(struct log_limit *limit, enum log_level level, const char *format, ...);

#define LOG_STR_MAX 512

struct log_str {
	char text[LOG_STR_MAX];
};

/*
 * A printable copy of any bytes: ASCII and valid UTF-8 text stay, control characters, broken UTF-8
 * and bidirectional overrides become \xNN. Cut to LOG_STR_MAX - 1 bytes. NULL gives "(none)".
 * Use as log_str(name).text within one expression.
 */
struct log_str log_str(const char *raw);
