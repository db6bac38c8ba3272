/* SPDX-License-Identifier: MIT */
/* The guest: its domain, its system and the channel that suits both. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/util.h"
#include "check/check-virsh.h"
#include "guest/channel.h"
#include "setup/setup-steps.h"

/* --- the domain ----------------------------------------------------------------------------- */

struct domains {
	char *output;
	unsigned n;
	const char *name[SETUP_DOMAINS_MAX];
};

static void list(const struct setup *setup, struct domains *domains)
{
	static const char *const words[] = { "list", "--all", "--name", NULL };
	char *rest, *line;

	domains->output = check_virsh(&setup->system, words, NULL);
	rest = domains->output;
	while ((line = strsep(&rest, "\n")) && domains->n < SETUP_DOMAINS_MAX)
		if (*line)
			domains->name[domains->n++] = line;
}

static const char *choose(struct setup *setup, const struct domains *domains)
{
	const char *wanted = setup->options->guest;
	unsigned number;

	for (unsigned i = 0; wanted && i < domains->n; i++)
		if (strcmp(domains->name[i], wanted) == 0)
			return wanted;
	if (wanted)
		printf("libvirt knows no domain %s.\n", log_str(wanted).text);
	puts("The domains of libvirt:");
	for (unsigned i = 0; i < domains->n; i++)
		printf("  %u. %s\n", i + 1, log_str(domains->name[i]).text);
	puts("  0. none of these");
	number = ask_number(&setup->ask, 0, domains->n, wanted ? 0 : 1, "Which one?");
	return number && !setup->ask.ended ? domains->name[number - 1] : NULL;
}

/* A name that is special in shell or XML is replaced by the UUID. */
static bool refer_to(struct setup *setup, const char *name)
{
	const char *const words[] = { "domuuid", "--domain", name, NULL };
	autofree char *uuid = NULL;

	if (setup_domain_is_plain(name)) {
		setup->domain = check_text("%s", name);
		return true;
	}
	uuid = check_virsh(&setup->system, words, NULL);
	if (!uuid)
		return false;
	setup->domain = check_text("%.*s", (int)strcspn(uuid, "\n"), uuid);
	return setup_domain_is_plain(setup->domain.text);
}

static void read_domain(struct setup *setup, const char *name)
{
	const char *const words[] = { "dumpxml", "--inactive", "--domain", name, NULL };
	autofree char *error = NULL;
	unsigned qemu;

	setup->xml = check_virsh(&setup->system, words, &error);
	if (!setup->xml || !refer_to(setup, name)) {
		printf("virsh cannot show %s: %s\n", log_str(name).text,
		       log_str(check_virsh_said(error ?: "").text).text);
		setup->domain.text[0] = '\0';
		return;
	}
	setup_domain_read(&setup->facts, setup->xml);
	check_virsh_versions(&setup->system, &setup->libvirt, &qemu);
	setup_guest_name(name, setup->guest);
}

/* Leaves 'domain' empty if there is none. */
static void find_domain(struct setup *setup)
{
	autofree struct check_report *report = calloc(1, sizeof(*report));
	struct domains domains = { .n = 0 };
	const char *name = NULL;

	setup_command("%s list --all", setup_virsh().text);
	setup->has_libvirt = report && check_virsh_answers(&setup->system, report);
	if (!setup->has_libvirt) {
		if (report && report->n)
			setup_tell(&report->finding[0]);
		puts("So this goes on with a guest that evswitch does not follow by libvirt.");
		return;
	}
	list(setup, &domains);
	if (domains.n)
		name = choose(setup, &domains);
	else
		puts("libvirt has no domains.");
	if (name)
		read_domain(setup, name);
	free(domains.output);
}

/* --- its section ---------------------------------------------------------------------------- */

/* A section of that name, or one that follows the domain. */
static const struct conf_guest *find_old(const struct setup *setup)
{
	for (unsigned i = 0; i < setup->conf->n_guests; i++) {
		const struct conf_guest *guest = &setup->conf->guests[i];

		if (setup->domain.text[0] && guest->libvirt &&
		    strcmp(guest->libvirt, setup->domain.text) == 0)
			return guest;
	}
	return conf_find_guest(setup->conf, setup->guest);
}

static void name_guest(struct setup *setup)
{
	char answer[ASK_ANSWER_MAX];

	if (setup->options->guest) {
		setup_guest_name(setup->options->guest, setup->guest);
	} else if (!setup->guest[0]) {
		snprintf(answer, sizeof(answer), "guest");
		ask_word(&setup->ask, answer, "What shall the guest be called?");
		setup_guest_name(answer, setup->guest);
	}
}

static void choose_os(struct setup *setup)
{
	setup->os = setup->facts.os;
	if (setup->facts.os_known) {
		printf("Its system, as the domain says: %s\n", setup_os_name(setup->os));
		return;
	}
	puts("The system that runs in it:\n  1. windows\n  2. linux\n  3. other");
	switch (ask_number(&setup->ask, 1, 3, 1, "Which one?")) {
	case 1:
		setup->os = CONF_OS_WINDOWS;
		break;
	case 2:
		setup->os = CONF_OS_LINUX;
		break;
	default:
		setup->os = CONF_OS_OTHER;
	}
}

/* The driver decides. Linux includes it. */
static bool has_driver(struct setup *setup)
{
	if (setup->os != CONF_OS_WINDOWS)
		return setup->os == CONF_OS_LINUX;
	if (setup->facts.has_virtio_input)
		return true;
	return ask_yes(&setup->ask, setup->facts.has_virtio,
		       "Are the virtio-win drivers installed in it, with vioinput?");
}

static void choose_via(struct setup *setup)
{
	bool driver = has_driver(setup);

	setup->via = conf_find_channel(channel_table, driver ? "virtio-input" : "input-linux");
	printf("The channel: via = %s, %s\n", setup->via->name,
	       driver ? "which passes on every key and axis, by a driver in the guest"
		      : "which needs no driver in the guest; change it to virtio-input later");
}

int setup_guest(struct setup *setup)
{
	find_domain(setup);
	name_guest(setup);
	if (setup->ask.ended)
		return EX_OK;
	setup->old = find_old(setup);
	if (setup->domain.text[0])
		printf("The domain: %s\n", setup->domain.text);
	if (setup->old) {
		snprintf(setup->guest, sizeof(setup->guest), "%s", setup->old->name);
		setup->via = setup->old->via;
		setup->os = setup->old->os;
		setup->clipboard = conf_guest_asks_clipboard(setup->old);
		printf("The configuration has [guest %s] already; it stays as it is.\n",
		       setup->guest);
		return EX_OK;
	}
	choose_os(setup);
	choose_via(setup);
	setup_ask_clipboard(setup);
	return EX_OK;
}
