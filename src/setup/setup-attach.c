/* SPDX-License-Identifier: MIT */
/* How the guest's devices get into the domain, and what gave QEMU the real ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/util.h"
#include "check/check-virsh.h"
#include "guest/channel.h"
#include "qemu/guest-xml.h"
#include "setup/setup-steps.h"

/* --- virsh on one element ------------------------------------------------------------------- */

/* A here-document, which needs no quotes. */
void setup_show_change(const struct setup *setup, const char *what, const char *xml)
{
	size_t size;

	setup_command("%s %s %s /dev/stdin --config <<'END'", setup_virsh().text, what,
		      setup->domain.text);
	for (; *xml; xml += size + (xml[size] == '\n')) {
		size = strcspn(xml, "\n");
		printf("%s\n", log_str(check_text("%.*s", (int)size, xml).text).text);
	}
	puts("END");
}

/* -1 with errno. */
static int file_of(const char *xml)
{
	autoclose int fd = memfd_create("evswitch", MFD_CLOEXEC);

	if (fd < 0 || write(fd, xml, strlen(xml)) != (ssize_t)strlen(xml) ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return steal_fd(&fd);
}

bool setup_change(const struct setup *setup, const char *what, const char *xml)
{
	const char *const words[] = { what,     "--domain",   setup->domain.text,
				      "--file", "/dev/stdin", "--config",
				      NULL };
	autoclose int input = file_of(xml);
	autofree char *error = NULL, *output = NULL;

	if (input >= 0)
		output = check_virsh_with(&setup->system, words, input, &error);
	if (output)
		return true;
	printf("It failed: %s\n",
	       error ? log_str(check_virsh_said(error).text).text : strerror(errno));
	return false;
}

/* --- real devices --------------------------------------------------------------------------- */

/* True if it was removed. */
static bool remove_input(struct setup *setup, const struct setup_input *input)
{
	autofree char *xml = strndup(input->xml, input->size);
	struct log_str path = log_str(input->path);

	if (!xml)
		return false;
	puts("To remove it:");
	setup_show_change(setup, "detach-device", xml);
	if (!ask_yes(&setup->ask, false, "Remove it, from the next start of the VM on?") ||
	    !setup_change(setup, "detach-device", xml))
		return false;
	setup_done(setup,
		   "removed from %s: %s; to undo it, attach what is shown above: %s "
		   "attach-device %s FILE --config",
		   setup->domain.text, path.text, setup_virsh().text, setup->domain.text);
	return true;
}

static void tell_arguments(const struct setup *setup)
{
	bool any = false;

	for (unsigned i = 0; i < setup->facts.n_arguments; i++) {
		if (setup_path_is_ours(setup->facts.argument[i]))
			continue;
		if (!any)
			puts("\nThe domain gives real devices to QEMU by <qemu:commandline>, which "
			     "virsh cannot remove one by one.\nDelete the lines that name these:");
		any = true;
		printf("  %s\n", log_str(setup->facts.argument[i]).text);
	}
	if (any)
		setup_command("%s edit %s", setup_virsh().text, setup->domain.text);
}

/*
 * libvirt (9.0) does not compare the source of type='evdev', and detaches the first such input. So only
 * the first can be removed by it.
 */
static void remove_real(struct setup *setup)
{
	bool others_first = false;

	for (unsigned i = 0; i < setup->facts.n_inputs && !setup->ask.ended; i++) {
		const struct setup_input *input = &setup->facts.input[i];
		bool removed = false;

		if (!setup_path_is_ours(input->path)) {
			printf("\nThe domain gives the real device %s to QEMU. evswitch and QEMU "
			       "cannot both have it.\n",
			       log_str(input->path).text);
			if (!input->is_evdev || !others_first)
				removed = remove_input(setup, input);
			else
				setup_command("%s edit %s     # virsh detach-device would remove "
					      "another one",
					      setup_virsh().text, setup->domain.text);
		}
		others_first |= input->is_evdev && !removed;
	}
	tell_arguments(setup);
}

/* --- the guest's devices -------------------------------------------------------------------- */

/* True if the domain has a device of this guest. */
static bool has_ours(const struct setup *setup)
{
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		for (unsigned i = 0; i < setup->facts.n_inputs; i++) {
			struct check_text path = check_text("/dev/input/by-id/evswitch-%s-%s",
							    setup->guest, shape_node_name(node));

			if (strcmp(setup->facts.input[i].path, path.text) == 0)
				return true;
		}
	}
	return false;
}

static char *element(const struct setup *setup, enum shape_node node)
{
	const struct qemu_channel *channel = &channel_of(setup->via)->qemu;
	struct conf_guest guest = { .via = setup->via };
	char *xml = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&xml, &size);

	if (!out)
		return NULL;
	memcpy(guest.name, setup->guest, sizeof(guest.name));
	guest_xml_element(out, &guest, channel, node);
	fclose(out);
	return xml;
}

static void attach_one(struct setup *setup, enum shape_node node)
{
	autofree char *xml = element(setup, node);

	if (xml && setup_change(setup, "attach-device", xml))
		setup_done(setup, "added to %s: %s; to undo it: %s edit %s", setup->domain.text,
			   shape_node_name(node), setup_virsh().text, setup->domain.text);
}

static void attach_all(struct setup *setup)
{
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		autofree char *xml = element(setup, node);

		if (xml)
			setup_show_change(setup, "attach-device", xml);
	}
	if (!ask_yes(&setup->ask, false, "Add these three to domain %s, from its next start on?",
		     setup->domain.text))
		return;
	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		attach_one(setup, node);
}

/* libvirt attaches input-linux to a running domain since 10.4. */
static bool can_attach(const struct setup *setup)
{
	const struct qemu_channel *channel = &channel_of(setup->via)->qemu;

	if (channel->not_by_virsh || (setup->old && !setup->old->libvirt))
		return false;
	return !channel->no_hot_plug || !setup->libvirt || setup->libvirt >= CHECK_VERSION(10, 4);
}

static void choose_way(struct setup *setup)
{
	bool can = can_attach(setup);
	bool unnamed = setup->old && !setup->old->libvirt;

	printf("\nHow the VM gets them:\n"
	       "  1. evswitch attaches them while it runs, by \"libvirt = %s\"%s\n"
	       "  2. permanently, as part of the domain%s\n",
	       setup->domain.text,
	       can       ? " (recommended)"
	       : unnamed ? ", once its section has that line"
			 : ", which this libvirt cannot do with this channel",
	       can ? "" : " (recommended)");
	if (ask_number(&setup->ask, 1, 2, can ? 1 : 2, "Which way?") == 2 && !setup->ask.ended)
		attach_all(setup);
}

int setup_attach(struct setup *setup)
{
	if (!setup->domain.text[0] || !channel_of(setup->via)->qemu.element) {
		setup_command("evswitch%s --xml %s", setup_conf_option(setup).text, setup->guest);
		puts("It prints what the VM needs:\n");
		setup_run_self(setup, "--xml", setup->guest);
		return EX_OK;
	}
	remove_real(setup);
	if (has_ours(setup))
		printf("Domain %s has the devices of [guest %s] already.\n", setup->domain.text,
		       setup->guest);
	else if (!setup->ask.ended)
		choose_way(setup);
	if (setup->clipboard && !setup->ask.ended)
		setup_clipboard_channel(setup);
	return EX_OK;
}
