/* SPDX-License-Identifier: MIT */
/* May this user open the devices? With the words of --check. */
#include <stdlib.h>
#include <sysexits.h>

#include "base/util.h"
#include "check/checks.h"
#include "setup/setup-steps.h"

/* The user manager concerns the service alone, which comes last. */
static bool stops(const struct check_finding *finding)
{
	return check_entry(finding->code)->severity == CHECK_BLOCKS &&
	       finding->code != CHECK_OLD_MANAGER;
}

static void look(const struct setup *setup, struct check_report *report, struct check_nodes *nodes)
{
	check_nodes_scan(&setup->system, nodes);
	check_uinput(&setup->system, report);
	for (unsigned i = 0; i < nodes->n; i++)
		if (!nodes->node[i].info.own)
			check_may_open(&setup->system, report, nodes->node[i].devnode, "");
}

int setup_access(struct setup *setup)
{
	autofree struct check_report *report = calloc(1, sizeof(*report));
	autofree struct check_nodes *nodes = calloc(1, sizeof(*nodes));
	unsigned stopping = 0;

	if (!report || !nodes)
		return EX_OSERR;
	look(setup, report, nodes);
	for (unsigned i = 0; i < report->n; i++) {
		setup_tell(&report->finding[i]);
		stopping += stops(&report->finding[i]);
	}
	if (!stopping) {
		puts("You may use the input devices.");
		return EX_OK;
	}
	puts("\nDo what is behind \"run:\", then run this again.");
	return check_status(report);
}
