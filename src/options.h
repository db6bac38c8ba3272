/* SPDX-License-Identifier: MIT */
/* Parses the command line. Owns nothing: the strings are those of argv. */
#pragma once

#include <stdbool.h>

#include "base/log.h"

#define TRY_SECONDS_MAX 86400

enum command {
	COMMAND_RUN,
	COMMAND_PROBE,
	COMMAND_PROBE_WRITE,
	COMMAND_SETUP,
	COMMAND_CHECK,
	COMMAND_XML,
	COMMAND_QEMU_ARGS,
	COMMAND_SWITCH,
	COMMAND_STATUS,
	COMMAND_STATS,
	COMMAND_MONITOR,
	COMMAND_RELOAD,
	COMMAND_HOOKS,
	COMMAND_HELP, /* this and those that follow are answered whatever else is given */
	COMMAND_VERSION
};

struct arguments {
	enum command command;
	const char *conf;   /* NULL: conf_default_path */
	const char *name;   /* the guest or the target that the command concerns; NULL: none */
	const char *device; /* NULL: all */
	enum log_level level;
	unsigned try_s;   /* 0: not given; at most TRY_SECONDS_MAX */
	unsigned seconds; /* 0: not given; at most PROBE_SECONDS_MAX */
	bool json;
	bool is_system; /* the machine's evswitch, not the user's */
};

/* What --help prints. */
extern const char options_help[];

/* False if the command line is wrong, which has been logged. */
bool options_parse(int argc, char **argv, struct arguments *arguments);
