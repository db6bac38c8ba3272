/* SPDX-License-Identifier: MIT */
/* The clipboard: whether it is wanted, its channel in the domain, and its service. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "check/check-command.h"
#include "check/check-domain.h"
#include "check/check-place.h"
#include "qemu/guest-xml.h"
#include "setup/setup-steps.h"

#define PROGRAM "evswitch-clipboard"

void setup_ask_clipboard(struct setup *setup)
{
	if (!check_has_program(&setup->system, PROGRAM))
		return;
	puts("What you copy on the host can be pasted in the guest while it has your keyboard, and "
	     "the other way\nround at any time. It needs an agent in the guest: virtio-win's "
	     "installer or spice-guest-tools for\nWindows, spice-vdagent for Linux.");
	setup->clipboard = ask_yes(&setup->ask, true, "Join the two clipboards?");
}

static char *element(const struct conf_guest *guest, const char *dir)
{
	char *xml = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&xml, &size);

	if (!out)
		return NULL;
	guest_xml_clipboard(out, guest, dir);
	fclose(out);
	return xml;
}

/* Into a domain that has none. */
static void attach(struct setup *setup, const char *xml)
{
	setup_show_change(setup, "attach-device", xml);
	if (ask_yes(&setup->ask, false, "Add this to domain %s, from its next start on?",
		    setup->domain.text) &&
	    setup_change(setup, "attach-device", xml))
		setup_done(setup, "added to %s: a channel; to undo it: %s edit %s",
			   setup->domain.text, setup_virsh().text, setup->domain.text);
}

/* The user decides what becomes of a channel that is there: SPICE or Looking Glass may use it. */
static void tell_to_replace(const struct setup *setup, const struct check_channel *channel,
			    const char *xml)
{
	printf("The domain has <channel type='%s'> with the same port. Put this in its place, or "
	       "write clipboard = no\nif Looking Glass uses it, which has a clipboard:\n%s",
	       log_str(channel->type).text, xml);
	setup_command("%s edit %s", setup_virsh().text, setup->domain.text);
}

static bool is_ours(const struct check_channel *channel, const struct conf_guest *guest,
		    const char *dir)
{
	char path[GUEST_PATH_SIZE];

	guest_clipboard_path(guest, dir, path);
	return strcmp(channel->type, "unix") == 0 && channel->connects &&
	       strcmp(channel->path, path) == 0;
}

void setup_clipboard_channel(struct setup *setup)
{
	static const char *const none[SHAPE_NODES] = { "", "", "" };
	const char *dir = setup->conf->socket_dir ?: setup->system.sockets;
	struct conf_guest guest = { .libvirt = setup->domain.text };
	struct check_domain domain;
	struct check_path closed;
	autofree char *xml = NULL;

	memcpy(guest.name, setup->guest, sizeof(guest.name));
	check_domain_read(&domain, setup->xml, none);
	if (is_ours(&domain.agent, &guest, dir)) {
		printf("Domain %s has the channel for the clipboard already.\n",
		       setup->domain.text);
		return;
	}
	puts("\nThe clipboard needs a channel in the domain.");
	if (check_place_is_foreign(&guest) && check_place_is_closed(&setup->system, dir, &closed)) {
		printf("Its socket must be where QEMU's user can enter, which %s is not:\n  run: "
		       "%s\nThen add what this prints:\n",
		       log_str(closed.text).text, check_place_step(&setup->system).text);
		setup_command("evswitch%s --xml %s", setup_conf_option(setup).text, setup->guest);
		return;
	}
	xml = element(&guest, dir);
	if (xml && domain.agent.type[0])
		tell_to_replace(setup, &domain.agent, xml);
	else if (xml)
		attach(setup, xml);
}

void setup_clipboard_service(const struct setup *setup)
{
	if (!setup->clipboard)
		return;
	puts("The clipboard has a service of its own. Start it, now and whenever you log in, by:");
	setup_command("systemctl --user enable --now " PROGRAM "@%s", setup->guest);
}
