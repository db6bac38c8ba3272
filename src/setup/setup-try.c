/* SPDX-License-Identifier: MIT */
/* Twenty seconds, and the service. */
#include <stdlib.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/util.h"
#include "check/check-command.h"
#include "check/checks.h"
#include "setup/setup-steps.h"

#define TRY_SECONDS "20"

int setup_try(struct setup *setup)
{
	int status;

	setup_command("evswitch%s --try " TRY_SECONDS, setup_conf_option(setup).text);
	if (setup->domain.text[0])
		printf("The VM should be running: %s start %s\n", setup_virsh().text,
		       setup->domain.text);
	if (!ask_yes(&setup->ask, true,
		     "Try it now? Both Ctrl keys switch, and after " TRY_SECONDS
		     " seconds it ends."))
		return EX_OK;
	status = setup_run_self(setup, "--try", TRY_SECONDS);
	if (status == EX_OK)
		puts("It ended as it should.");
	else
		printf("It ended with status %d. This says what is wrong: evswitch%s --check\n",
		       status, setup_conf_option(setup).text);
	return EX_OK;
}

static void enable(struct setup *setup)
{
	static const char *const words[] = { "systemctl", "--user",   "enable",
					     "--now",     "evswitch", NULL };
	autofree char *output = NULL;
	int status;

	if (!ask_yes(&setup->ask, false, "Start evswitch now, and whenever you log in?"))
		return;
	status = check_command(&setup->system, words, &output);
	if (output)
		fputs(output, stdout);
	if (status != 0) {
		printf("It failed, with status %d.\n", status);
		return;
	}
	setup_done(setup,
		   "enabled: the service; to undo it: systemctl --user disable --now evswitch");
	puts("The service is running.");
}

/* The report is that of check_service. */
static void offer(struct setup *setup, const struct check_report *report)
{
	if (check_has(report, CHECK_NOT_ENABLED)) {
		setup_command("systemctl --user enable --now evswitch");
		enable(setup);
		return;
	}
	for (unsigned i = 0; i < report->n; i++)
		setup_tell(&report->finding[i]);
	if (check_has(report, CHECK_NO_UNIT))
		return;
	puts("It is enabled. To let it read what was written:");
	setup_command("systemctl --user restart evswitch");
}

static int look_and_offer(struct setup *setup)
{
	autofree struct check_report *report = calloc(1, sizeof(*report));

	if (!report)
		return EX_OSERR;
	check_service(&setup->system, report);
	offer(setup, report);
	return EX_OK;
}

int setup_service(struct setup *setup)
{
	int status = EX_OK;

	if (setup->file.is_default) {
		status = look_and_offer(setup);
	} else {
		puts("The service reads ~/.config/evswitch/evswitch.conf, so this one is not for "
		     "it.");
		setup_command("evswitch%s", setup_conf_option(setup).text);
	}
	setup_clipboard_service(setup);
	return status;
}
