/*
 * Everything that can be wrong with a configuration: the one table of texts, and the report that
 * collects, sorts and bounds what was found. Internal to conf*.c and their tests.
 */
#pragma once

#include <stdbool.h>

#include "conf/conf.h"

/*
 * X(ID, FORMAT). A format says what is wrong, then after "; " what would be right. Text from the
 * file in it has gone through log_str.
 */
#define CONF_MESSAGES(X)                                                                           \
	/* The file */                                                                             \
	X(CANNOT_READ, "cannot be read: %s; -c FILE names another configuration")                  \
	X(IS_DIRECTORY, "is a directory; name the configuration file in it")                       \
	X(NOT_REGULAR, "is not a regular file; FIFOs, sockets and devices are not read")           \
	X(FILE_TOO_BIG, "is larger than %d bytes; a configuration of evswitch is much smaller")    \
	X(MORE_ERRORS, "%u more errors from here on; mend those above first")                      \
	/* Lines */                                                                                \
	X(LINE_TOO_LONG, "the line has %zu bytes; %d are allowed: move a long command into a "     \
			 "script")                                                                 \
	X(CONTROL_BYTE, "control character \\x%02x; only text and tabs are allowed")               \
	X(INVALID_UTF8, "byte \\x%02x is no valid UTF-8; save the file as UTF-8")                  \
	X(STRAY_BOM,                                                                               \
	  "a byte order mark within the file; only its start may have one: remove this "           \
	  "invisible character")                                                                   \
	X(NO_EQUALS, "no '=' in '%s'; a line is 'SETTING = VALUE', '[SECTION]' or a comment "      \
		     "after '#'")                                                                  \
	X(COLON, "':' instead of '=' in '%s'; write 'SETTING = VALUE'")                            \
	X(NO_SETTING, "nothing stands before '='; write 'SETTING = VALUE'")                        \
	/* Section headers */                                                                      \
	X(NO_BRACKET, "']' is missing in '%s'; write [SECTION] or [SECTION NAME]")                 \
	X(AFTER_BRACKET, "'%s' after ']'; a section header stands alone in its line, but for a "   \
			 "comment after ';'")                                                      \
	X(UNKNOWN_SECTION, "unknown section [%s]; the sections are [evswitch], [device NAME], "    \
			   "[host] and [guest NAME]")                                              \
	X(UNKNOWN_SECTION_NEAR, "unknown section [%s]; did you mean [%s%s]?")                      \
	X(UNWANTED_NAME, "[%s] with a name '%s'; there is only one: write [%s]")                   \
	X(MISSING_NAME, "[%s] without a name; write [%s NAME]")                                    \
	X(BAD_NAME, "bad name '%s'; letters A-Z a-z, digits and . _ - are allowed")                \
	X(LONG_NAME, "the name '%s' has %zu characters; %d are allowed")                           \
	X(RESERVED_NAME, "a guest cannot be named '%s', which has a meaning of its own; choose "   \
			 "another name")                                                           \
	X(SECTION_TWICE, "[%s] again, it began at line %u; put all its settings there")            \
	X(TOO_MANY_DEVICES, "more than %d [device] sections; one section may match several nodes") \
	X(TOO_MANY_GUESTS, "more than %d [guest] sections; remove those not in use")               \
	/* Settings */                                                                             \
	X(NO_SECTION, "'%s' before any section; put it below [evswitch], [device NAME], [host] "   \
		      "or [guest NAME]")                                                           \
	X(UNKNOWN_SETTING, "unknown setting '%s' in [%s]; it may have: %s")                        \
	X(UNKNOWN_SETTING_NEAR, "unknown setting '%s' in [%s]; did you mean '%s'?")                \
	X(SETTING_TWICE, "'%s' again, it was given at line %u; keep one of them")                  \
	X(EMPTY_VALUE, "'%s' has no value; give one, or remove the line")                          \
	X(EMPTY_PANIC, "'panic' cannot be switched off, it is the way out when nothing else "      \
		       "works; give at least 2 keys, or remove the line for "                      \
		       "backspace+esc+enter")                                                      \
	X(CUT_COMMAND, "the command ends at ' ;', where a comment begins: only '%s' would run; "   \
		       "put it into a script, or write ';' without a blank before it")             \
	/* Keys and chords */                                                                      \
	X(EMPTY_KEY, "a key name is missing at one of the '%c' in '%s'; write one name on either " \
		     "side of it")                                                                 \
	X(UNKNOWN_KEY, "no key is called '%s'; names are those of linux/input-event-codes.h, "     \
		       "such as leftctrl, f1, btn_side")                                           \
	X(UNKNOWN_KEY_NEAR, "no key is called '%s'; did you mean '%s'?")                           \
	X(KEY_TWICE, "'%s' stands twice in '%s'; name each key once")                              \
	X(TOO_MANY_KEYS, "more than %d keys in one chord; name fewer")                             \
	X(SHORT_PANIC, "'panic' is the one key %s, which would be pressed by accident; give at "   \
		       "least 2 keys")                                                             \
	X(SAME_CHORD, "%s and %s are the same keys; give each keys of its own")                    \
	X(HOLDS_PANIC, "%s contains the keys of %s, which would act in its place; choose other "   \
		       "keys")                                                                     \
	X(WITHIN_PANIC, "%s is part of %s and would act before it; choose other keys")             \
	X(ALWAYS_HOTKEY, "%s is the key '%s' alone, which 'always' gives to the host; remove it "  \
			 "from one of the two")                                                    \
	/* [evswitch] */                                                                           \
	X(UNKNOWN_START, "'start' names '%s', but no [guest] has that name; write host, or the "   \
			 "name of a [guest] in this file")                                         \
	/* Places */                                                                               \
	X(NOT_ABSOLUTE, "'%s' is '%s', which is no absolute path; begin it with '/'")              \
	X(SOCKET_TOO_LONG, "'%s' has %zu bytes, which leaves no room for a socket; %d are "        \
			   "allowed")                                                              \
	/* [device] */                                                                             \
	X(RELATIVE_PATH, "'path' is '%s', which is no absolute path; write /dev/input/...")        \
	X(BAD_ID, "'%s' is no id; write vendor:product in 4 hexadecimal digits each, such as "     \
		  "046d:c52b")                                                                     \
	X(REMAP_SYNTAX, "'%s' is no remap; write FROM:TO, several as FROM:TO, FROM:TO")            \
	X(REMAP_TWICE, "'%s' is remapped twice; keep one of them")                                 \
	X(REMAP_SELF, "'%s' is remapped to itself; remove it")                                     \
	X(REMAP_TOO_MANY, "more than %d remaps for one device; remove some")                       \
	X(NO_DEVICE, "no [device NAME] section, so there is nothing to switch; add one with "      \
		     "'path = /dev/input/by-id/...'")                                              \
	X(NOTHING_TO_MATCH, "[device %s] does not say which device it is; give path, name, id, "   \
			    "phys or uniq")                                                        \
	X(SAME_DEVICE,                                                                             \
	  "[device %s] asks for the same as [device %s] at line %u; keep one of them")             \
	/* [guest] */                                                                              \
	X(UNKNOWN_VIA, "unknown channel '%s'; 'via' is one of: %s")                                \
	X(BAD_DOMAIN, "'%s' cannot stand for a domain; letters A-Z a-z, digits and . _ - + : @ "   \
		      "are allowed, and no - at its start: of another domain give the UUID, "      \
		      "which virsh domuuid prints")                                                \
	X(LIBVIRT_AND_QMP, "both 'libvirt' and 'qmp' for one guest; keep 'libvirt' where libvirt " \
			   "runs it, else 'qmp'")                                                  \
	X(VIA_QMP_WHERE, "[guest %s] has via = %s and does not say where the monitor is; add "     \
			 "'qmp = /PATH/OF/SOCKET'")                                                \
	X(UNKNOWN_OS, "unknown system '%s'; 'os' is one of: windows, linux, other")

/* As arrays, so that the compiler checks the arguments of each conf_report. */
#define CONF_MESSAGE_TEXT(id, text)                                                                \
	__attribute__((unused)) static const char conf_text_##id[] = text;
CONF_MESSAGES(CONF_MESSAGE_TEXT)
#undef CONF_MESSAGE_TEXT

struct conf_finding {
	unsigned line; /* 0 = the file as a whole */
	char *text;    /* owned; NULL where memory ran out */
};

/* Starts as { .file = FILE }; conf_report_end ends it. */
struct conf_report {
	const char *file;            /* the caller's */
	unsigned n, more, more_line; /* found and kept; not kept, and the first line of those */
	bool no_memory;
	struct conf_finding finding[CONF_ERRORS_MAX]; /* by rising line */
};

/* False where a finding at this line would only be counted: its details need not be worked out. */
bool conf_report_wants(const struct conf_report *report, unsigned line);

__attribute__((format(printf, 3, 4))) void conf_report_add(struct conf_report *report,
							   unsigned line, const char *format, ...);

/* conf_report(report, line, BAD_ID, arguments of its format...) */
#define conf_report(report, line, id, ...)                                                         \
	conf_report_add((report), (line), conf_text_##id, ##__VA_ARGS__)

/* Hands everything to 'error' and frees it. 0 if there was nothing, else -EINVAL or -ENOMEM. */
int conf_report_end(struct conf_report *report, conf_error_fn error, void *ctx);
