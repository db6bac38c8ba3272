/* SPDX-License-Identifier: MIT */
/* The configuration file, by the parser of the daemon. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "check/checks.h"
#include "guest/channel.h"

struct reading {
	const struct check_system *system;
	struct check_report *report;
	bool absent;
};

/* A message is "FILE:LINE: problem; remedy". */
static void take_error(void *ctx, const char *message)
{
	const struct reading *reading = ctx;
	const char *remedy = strstr(message, "; ");
	size_t root = strlen(reading->system->root);
	int size;

	if (reading->absent)
		return;
	if (strncmp(message, reading->system->root, root) == 0)
		message += root;
	size = remedy ? (int)(remedy - message) : (int)strlen(message);
	check_find(reading->report, CHECK_CONF_ERROR,
		   remedy ? remedy + 2 : "correct the file; evswitch.conf(5) describes it", "%.*s",
		   size, message);
}

/* A user's own file is proposed, unless another was asked for. */
static void find_absent(const struct check_system *system, struct check_report *report)
{
	bool by_default = strcmp(system->conf, CONF_SYSTEM_FILE) == 0;
	struct log_str file =
		log_str(by_default ? "~/.config/evswitch/evswitch.conf" : system->conf);

	struct check_text setup =
		by_default ? check_text("evswitch --setup")
			   : check_text("mkdir -p \"$(dirname %s)\" && evswitch -c %s --setup",
					file.text, file.text);

	check_find(report, CHECK_NO_CONF, setup.text, "%s does not exist", file.text);
}

struct conf *check_conf(const struct check_system *system, struct check_report *report)
{
	struct reading reading = { .system = system,
				   .report = report,
				   .absent = !check_exists(system, system->conf) };
	struct conf *conf = NULL;
	int rc = conf_load(check_path(system, system->conf).text, channel_table, take_error,
			   &reading, &conf);

	if (rc < 0 && reading.absent)
		find_absent(system, report);
	if (rc < 0)
		return NULL;
	check_fine(report, "the configuration %s", log_str(system->conf).text);
	if (conf->n_guests == 0)
		check_find(report, CHECK_NO_GUEST,
			   check_text("add to %s: [guest win10], with its own name and settings",
				      log_str(system->conf).text)
				   .text,
			   "%s has no [guest NAME]", log_str(system->conf).text);
	return conf;
}
