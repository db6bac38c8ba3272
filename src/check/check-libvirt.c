/* SPDX-License-Identifier: MIT */
/* The domains that guests name. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "check/check-domain.h"
#include "check/check-nearest.h"
#include "check/check-virsh.h"
#include "check/checks.h"
#include "guest/channel.h"
#include "qemu/guest-xml.h"

struct libvirt_check {
	const struct check_system *system;
	struct check_report *report;
	const struct check_nodes *nodes;
	const struct conf *conf;
	const struct conf_guest *guest;
	const struct qemu_channel *channel;
	unsigned libvirt, qemu; /* CHECK_VERSION; 0 = unknown */
};

/* --- a domain ------------------------------------------------------------------------------- */

static void offer_names(struct check_nearest *nearest, char *names)
{
	char *name;

	while ((name = strsep(&names, "\n"))) {
		if (!*name)
			continue;
		check_nearest_offer(nearest, name);
		if (!nearest->word[0] && check_is_part(nearest->typed, name))
			snprintf(nearest->word, sizeof(nearest->word), "%s", name);
	}
}

static void find_no_domain(const struct libvirt_check *check)
{
	static const char *const words[] = { "list", "--all", "--name", NULL };
	autofree char *names = check_virsh(check->system, words, NULL);
	const char *typed = check->guest->libvirt;
	struct check_nearest nearest;

	check_nearest_init(&nearest, typed, 1 + (unsigned)strlen(typed) / 3);
	if (names)
		offer_names(&nearest, names);
	if (nearest.word[0])
		check_find(check->report, CHECK_NO_DOMAIN,
			   check_text("libvirt = %s", log_str(nearest.word).text).text,
			   "[guest %s]: there is no domain %s, but there is %s", check->guest->name,
			   log_str(typed).text, log_str(nearest.word).text);
	else
		check_find(check->report, CHECK_NO_DOMAIN,
			   "libvirt = NAME, with one of: virsh --connect qemu:///system list --all "
			   "--name",
			   "[guest %s]: there is no domain %s", check->guest->name,
			   log_str(typed).text);
}

/* 'error' is what virsh dumpxml said. */
static void find_no_xml(const struct libvirt_check *check, const char *error)
{
	if (strcasestr(error, "failed to get domain"))
		find_no_domain(check);
	else
		check_find(check->report, CHECK_NO_LIBVIRT, check_virsh_remedy(check->system),
			   "[guest %s]: virsh: %s", check->guest->name,
			   log_str(check_virsh_said(error).text).text);
}

static struct check_text edit(const struct libvirt_check *check, const char *what)
{
	return check_text("virsh edit %s, %s", check->guest->libvirt, what);
}

static struct check_text add_printed(const struct libvirt_check *check)
{
	return edit(check, check_text("add what this prints: evswitch --xml %s; then shut the VM "
				      "down and start it",
				      check->guest->name)
				   .text);
}

/* libvirt opens input-linux objects since 7.4, and attaches them to a running domain since 10.4. */
static bool needs_newer_libvirt(const struct libvirt_check *check, unsigned than)
{
	return qemu_has(check->channel, QEMU_OBJECT) && check->libvirt && check->libvirt < than;
}

static void check_nodes_of(const struct libvirt_check *check, const struct check_domain *domain)
{
	const char *why = check->channel->not_by_virsh;

	if (needs_newer_libvirt(check, CHECK_VERSION(10, 4)))
		why = check->channel->no_hot_plug;
	if (domain->nodes == 0 && why && check->channel->transport != QEMU_MONITOR)
		check_find(check->report, CHECK_NOT_IN_DOMAIN, add_printed(check).text,
			   "[guest %s]: domain %s has none of its devices, and %s",
			   check->guest->name, check->guest->libvirt, why);
	else if (domain->nodes && domain->nodes != QEMU_EACH_NODE)
		check_find(check->report, CHECK_SOME_IN_DOMAIN, add_printed(check).text,
			   "[guest %s]: domain %s has %d of its %d devices", check->guest->name,
			   check->guest->libvirt, __builtin_popcount(domain->nodes), SHAPE_NODES);
	else if (domain->nodes == 0 && qemu_has(check->channel, QEMU_DEVICE) && domain->n_ports &&
		 domain->n_free_ports < SHAPE_NODES)
		check_find(check->report, CHECK_NO_PORTS,
			   edit(check, "and add three times to <devices>: <controller type='pci' "
				       "model='pcie-root-port'/>")
				   .text,
			   "[guest %s]: %u of %u PCIe root ports of domain %s are free",
			   check->guest->name, domain->n_free_ports, domain->n_ports,
			   check->guest->libvirt);
}

static void check_versions(const struct libvirt_check *check, const struct check_domain *domain)
{
	if (needs_newer_libvirt(check, CHECK_VERSION(7, 4)))
		check_find(check->report, CHECK_TOO_OLD, "via = virtio-input",
			   "[guest %s]: via = input-linux needs libvirt 7.4, and this is %u.%u",
			   check->guest->name, check->libvirt / 1000, check->libvirt % 1000);
	if (check->channel->shares_memory && !domain->is_kvm && check->qemu &&
	    check->qemu < CHECK_VERSION(8, 0))
		check_find(check->report, CHECK_TOO_OLD, "via = virtio-input",
			   "[guest %s]: via = vhost-user needs QEMU 8.0 or KVM, and this is QEMU "
			   "%u.%u without KVM",
			   check->guest->name, check->qemu / 1000, check->qemu % 1000);
}

static void check_real_devices(const struct libvirt_check *check, const struct check_domain *domain)
{
	for (unsigned i = 0; i < domain->n_others; i++) {
		const struct conf_device *section =
			check_section_at(check->nodes, check->conf, domain->other[i]);
		struct log_str path = log_str(domain->other[i]);

		if (section)
			check_find(
				check->report, CHECK_REAL_DEVICE,
				edit(check, check_text("and remove what names %s", path.text).text)
					.text,
				"[guest %s]: domain %s has %s, which is [device %s]",
				check->guest->name, check->guest->libvirt, path.text,
				section->name);
	}
}

/* What QEMU does with input that is not for a virtio device of ours. */
static void check_pointers(const struct libvirt_check *check, const struct check_domain *domain)
{
	if (check->channel->is_virtio)
		return;
	if (domain->has_tablet)
		check_find(check->report, CHECK_TABLET,
			   edit(check, "and remove <input type='tablet' .../>").text,
			   "[guest %s]: domain %s has a tablet", check->guest->name,
			   check->guest->libvirt);
	if (!domain->has_mouse)
		check_find(check->report, CHECK_PS2,
			   edit(check, "and add to <devices>: <input type='mouse' bus='virtio'/>")
				   .text,
			   "[guest %s]: domain %s has no mouse on virtio or USB",
			   check->guest->name, check->guest->libvirt);
}

static void check_domain(const struct libvirt_check *check, const struct check_domain *domain)
{
	unsigned before = check->report->n;

	check_versions(check, domain);
	check_nodes_of(check, domain);
	check_real_devices(check, domain);
	check_pointers(check, domain);
	if (check->channel->shares_memory && !domain->shares_memory)
		check_find(check->report, CHECK_NOT_SHARED,
			   edit(check, "and add: <memoryBacking><source type='memfd'/>"
				       "<access mode='shared'/></memoryBacking>")
				   .text,
			   "[guest %s]: domain %s does not share its memory", check->guest->name,
			   check->guest->libvirt);
	/* check_clipboards has more to say of it. */
	if (domain->has_spice_agent && !conf_guest_asks_clipboard(check->guest))
		check_find(check->report, CHECK_SPICE,
			   edit(check, "and remove <channel type='spicevmc'>, unless you use its "
				       "clipboard")
				   .text,
			   "[guest %s]: domain %s has <channel type='spicevmc'>",
			   check->guest->name, check->guest->libvirt);
	if (check->report->n == before)
		check_fine(check->report, "domain %s of [guest %s]", check->guest->libvirt,
			   check->guest->name);
}

static void check_guest(const struct libvirt_check *check)
{
	const char *const words[] = { "dumpxml", "--domain", check->guest->libvirt, NULL };
	autofree char *error = NULL, *xml = check_virsh(check->system, words, &error);
	char path[SHAPE_NODES][GUEST_PATH_SIZE];
	const char *paths[SHAPE_NODES];
	struct check_domain domain;

	if (!xml) {
		find_no_xml(check, error ?: "");
		return;
	}
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		/* The end of a socket's path, wherever it is. */
		guest_path(check->guest, check->channel, node, "", path[node]);
		paths[node] = check->channel->transport == QEMU_MONITOR ? "" : path[node];
	}
	check_domain_read(&domain, xml, paths);
	check_domain(check, &domain);
}

void check_libvirt(const struct check_system *system, struct check_report *report,
		   const struct check_nodes *nodes, const struct conf *conf)
{
	struct libvirt_check check = {
		.system = system, .report = report, .nodes = nodes, .conf = conf
	};
	bool connected = false;

	for (unsigned i = 0; i < conf->n_guests; i++) {
		check.guest = &conf->guests[i];
		check.channel = &channel_of(check.guest->via)->qemu;
		if (!check.guest->libvirt)
			continue;
		if (!connected && !check_virsh_answers(system, report))
			return;
		if (!connected)
			check_virsh_versions(system, &check.libvirt, &check.qemu);
		connected = true;
		check_guest(&check);
	}
}
