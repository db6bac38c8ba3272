/*
 * Messages to stderr, one line each, never blocking: a line that stderr cannot take now is dropped.
 * The level is global; apart from it only what signal handlers need is (sigbus.h, stall.h). Not for the
 * hot path. What a device, a guest or a file named itself goes through log_str first; nothing that was
 * typed is ever logged.
 */
#pragma once

#include <stdarg.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);

#define LOG_PRINTF __attribute__((format(printf, 2, 3)))

/* Writes "evswitch: " and the message; under systemd with the priority in front (sd-daemon(3)). */
LOG_PRINTF void log_at(enum log_level level, const char *format, ...);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

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
