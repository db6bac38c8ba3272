/* SPDX-License-Identifier: MIT */
/* The devices: probes until the user takes what was found. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/util.h"
#include "probe/probe.h"
#include "setup/setup-devices.h"
#include "setup/setup-steps.h"

static int take(void *ctx, struct probe_plan *plan)
{
	struct setup *setup = ctx;
	size_t size = 0;
	FILE *out;

	free(setup->devices);
	setup->devices = NULL;
	out = open_memstream(&setup->devices, &size);
	if (!out)
		return EX_OSERR;
	setup->n_devices = setup_devices_print(out, stdout, plan, setup->conf);
	return fclose(out) == EOF ? EX_OSERR : EX_OK;
}

static bool has_devices(const struct setup *setup)
{
	return setup->conf->n_devices && strcmp(setup->conf->devices[0].name, SETUP_STUB) != 0;
}

static void drop(struct setup *setup)
{
	free(setup->devices);
	setup->devices = NULL;
	setup->n_devices = 0;
}

/* Nothing new was recognised, or nothing at all. */
static int go_on_without(struct setup *setup, int status)
{
	drop(setup);
	if (!has_devices(setup))
		return status == EX_OK ? EX_UNAVAILABLE : status;
	printf("The configuration has %u [device] sections already.\n", setup->conf->n_devices);
	return ask_yes(&setup->ask, true, "Go on with these?") ? EX_OK : SETUP_ENOUGH;
}

int setup_devices(struct setup *setup)
{
	const struct probe_options options = { .take = take, .ctx = setup };

	setup_command("evswitch%s --probe --write", setup_conf_option(setup).text);
	for (;;) {
		int status;

		fflush(stdout);
		drop(setup);
		status = probe_run(&options);
		if (status != EX_OK || !setup->n_devices)
			return go_on_without(setup, status);
		printf("%s", setup->devices);
		if (ask_yes(&setup->ask, true, "Take these devices?"))
			return EX_OK;
		if (!ask_yes(&setup->ask, true, "Try again?"))
			return SETUP_ENOUGH;
	}
}
