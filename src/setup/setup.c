/* SPDX-License-Identifier: MIT */
/* The order of the steps, and how it ends. */
#include "setup/setup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "base/util.h"
#include "launch/launch.h"
#include "qemu/vm.h"
#include "setup/setup-steps.h"

static const struct step {
	const char *title;
	int (*run)(struct setup *setup);
} steps[] = {
	{ "Access to input devices", setup_access },
	{ "Your keyboard and mouse", setup_devices },
	{ "The guest", setup_guest },
	{ "The configuration", setup_save },
	{ "The guest's devices", setup_attach },
	{ "A try", setup_try },
	{ "The service", setup_service },
};

/* --- for the steps -------------------------------------------------------------------------- */

void setup_tell(const struct check_finding *finding)
{
	printf("%s: %s.\n  run: %s\n", check_entry(finding->code)->title, finding->what.text,
	       finding->fix.text);
}

void setup_command(const char *format, ...)
{
	va_list args;

	fputs("  $ ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void setup_done(struct setup *setup, const char *format, ...)
{
	struct check_text *text = &setup->undo[setup->n_undo];
	va_list args;

	if (setup->n_undo == SETUP_UNDO_MAX)
		return;
	setup->n_undo++;
	va_start(args, format);
	text_vprint(text->text, sizeof(text->text), format, args);
	va_end(args);
}

struct check_text setup_virsh(void)
{
	const char *argv[VM_VIRSH_WORDS];

	vm_virsh(argv);
	return check_text("%s %s %s", argv[0], argv[1], log_str(argv[2]).text);
}

struct check_text setup_conf_option(const struct setup *setup)
{
	return setup->file.is_default ? check_text("%s", "")
				      : check_text(" -c %s", log_str(setup->file.path).text);
}

int setup_run_self(struct setup *setup, const char *option, const char *value)
{
	const char *const plain[] = { option, value, NULL };
	const char *const of_file[] = { "-c", setup->file.path, option, value, NULL };

	return ask_run_self(&setup->ask, setup->file.is_default ? plain : of_file);
}

/* --- the conversation ----------------------------------------------------------------------- */

static int broken_off(const struct setup *setup)
{
	if (!setup->n_undo) {
		puts("Nothing was changed.");
		return EX_UNAVAILABLE;
	}
	puts("This was done, and stays:");
	for (unsigned i = 0; i < setup->n_undo; i++)
		printf("  %s\n", setup->undo[i].text);
	return EX_UNAVAILABLE;
}

static int converse(struct setup *setup)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		int status;

		printf("\n%zu. %s\n\n", i + 1, steps[i].title);
		status = steps[i].run(setup);
		fflush(stdout);
		if (setup->ask.ended)
			return broken_off(setup);
		if (status == SETUP_ENOUGH)
			return EX_OK;
		if (status != EX_OK)
			return status;
	}
	printf("\nThat is all. Both Ctrl keys switch; Backspace+Esc+Enter brings the input back to "
	       "the "
	       "host.\nIf something does not work: evswitch%s --check\n",
	       setup_conf_option(setup).text);
	return EX_OK;
}

static int with_file(struct setup *setup)
{
	int error = setup_file_read(&setup->file, setup->options->conf);
	int status;

	if (!error)
		error = setup_file_conf(&setup->file, &setup->conf);
	if (!error) {
		error = ask_open(&setup->ask);
		status = error ? EX_OSERR : converse(setup);
		ask_close(&setup->ask);
	} else {
		status = setup_file_status(error);
	}
	conf_free(setup->conf);
	setup_file_free(&setup->file);
	free(setup->devices);
	free(setup->xml);
	return status;
}

/* With a launcher, for virsh. */
static int with_launcher(struct launcher *launcher, struct setup *setup)
{
	struct check_dirs dirs = { .config = "", .sockets = "" };
	struct loop loop;
	int error = loop_init(&loop), status = EX_OSERR;

	check_system_init(&setup->system, NULL, &dirs);
	setup->system.loop = &loop;
	if (!error)
		error = launcher_watch(launcher, &loop);
	if (!error)
		status = with_file(setup);
	setup->system.loop = NULL;
	launcher_stop(launcher);
	loop_fini(&loop);
	return status;
}

static int refuse(void)
{
	log_error("--setup asks questions, so it needs a terminal. These commands do the same:");
	fputs("  evswitch --probe --write     # press a key and move the mouse\n"
	      "  printf '[guest win10]\\nvia = input-linux\\nos = windows\\nlibvirt = win10\\n' >> "
	      "~/.config/evswitch/evswitch.conf\n"
	      "  evswitch --check             # what is missing, and how to fix it\n"
	      "  evswitch --xml win10         # what the VM needs, if not attached while it runs\n"
	      "  evswitch --try 20\n"
	      "  systemctl --user enable --now evswitch\n",
	      stderr);
	return EX_USAGE;
}

static int set_up(const struct setup_options *options)
{
	struct setup setup = { .options = options, .ask = ASK_INIT };
	struct launcher launcher = LAUNCHER_INIT;
	int error = launcher_start(&launcher, NULL);

	if (!error)
		return with_launcher(&launcher, &setup);
	log_error("cannot set up: %s", strerror(-error));
	return EX_OSERR;
}

int setup_run(const struct setup_options *options)
{
	return ask_is_possible() ? set_up(options) : refuse();
}
