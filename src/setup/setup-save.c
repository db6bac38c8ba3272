/* SPDX-License-Identifier: MIT */
/* Shows what is added to the file, and writes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/util.h"
#include "setup/setup-steps.h"

static void put_guest(FILE *out, const struct setup *setup)
{
	fprintf(out, "[guest %s]\nvia = %s\nos = %s\n", setup->guest, setup->via->name,
		setup_os_name(setup->os));
	if (setup->domain.text[0])
		fprintf(out, "libvirt = %s\n", setup->domain.text);
	if (setup->clipboard)
		fputs("clipboard = focus\n", out);
}

/* NULL for want of memory. */
static char *compose(const struct setup *setup)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs(setup->n_devices ? setup->devices : "", out);
	if (!setup->old)
		put_guest(out, setup);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static void note(struct setup *setup)
{
	struct log_str path = log_str(setup->file.real);

	if (setup->file.exists)
		setup_done(setup, "written: %s; to undo it: truncate -s %zu %s", path.text,
			   setup->file.size, path.text);
	else
		setup_done(setup, "written: %s; to undo it: rm %s", path.text, path.text);
}

int setup_save(struct setup *setup)
{
	struct log_str path = log_str(setup->file.path);
	autofree char *text = compose(setup);
	int error;

	if (!text)
		return EX_OSERR;
	if (!text[0]) {
		printf("%s has all of this already.\n", path.text);
		return EX_OK;
	}
	printf("%s %s:\n\n%s", setup->file.exists ? "At the end of" : "In a new file,", path.text,
	       text);
	if (!ask_yes(&setup->ask, false, "Write this?")) {
		if (!setup->ask.ended)
			puts("Nothing was changed.");
		return SETUP_ENOUGH;
	}
	error = setup_file_add(&setup->file, text);
	if (error)
		return setup_file_status(error);
	note(setup);
	puts(setup->undo[setup->n_undo - 1].text);
	return EX_OK;
}
