/* SPDX-License-Identifier: MIT */
/* One pass over the tags of the domain. */
#include "check/check-domain.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "qemu/guest-xml.h"

#define INPUT "/dev/input/"

struct reading {
	struct check_domain *domain;
	const char *const *paths;
	uint64_t ports, used; /* bit n: bus n is below a root port; something is on it */
	bool in_channel;
	struct check_channel channel; /* the one that is being read */
	char port[CHECK_XML_VALUE];   /* its name */
};

/*
 * A path of a source, or a word of QEMU's in which there may be one. No path of ours is the beginning
 * of another: they end with the node's name.
 */
static void take_path(struct reading *reading, const char *text)
{
	struct check_domain *domain = reading->domain;
	const char *other = strstr(text, INPUT);

	for (unsigned node = 0; node < SHAPE_NODES; node++) {
		if (!reading->paths[node][0] || !strstr(text, reading->paths[node]))
			continue;
		domain->nodes |= 1u << node;
		return;
	}
	if (other && domain->n_others < CHECK_OTHERS_MAX)
		snprintf(domain->other[domain->n_others++], CHECK_DOMAIN_PATH, "%.*s",
			 (int)strcspn(other, ",'\" "), other);
}

/* Only a domain that is not shut off has an id. */
static void take_domain(struct check_domain *domain, const struct check_xml *xml)
{
	char value[CHECK_XML_VALUE];

	domain->is_kvm = check_xml_is(xml, "type", "kvm");
	domain->runs = check_xml_attribute(xml, "id", value);
}

static void take_argument(struct reading *reading, const char *text)
{
	if (strstr(text, GUEST_CLIPBOARD_PORT))
		reading->domain->agent_by_arguments = true;
	take_path(reading, text);
}

static void take_input(struct check_domain *domain, const struct check_xml *xml)
{
	bool ps2 = check_xml_is(xml, "bus", "ps2");

	domain->has_tablet |= check_xml_is(xml, "type", "tablet");
	domain->has_mouse |= check_xml_is(xml, "type", "mouse") && !ps2;
}

/* A bus below a root port has room for one device. */
static void take_pci(struct reading *reading, const struct check_xml *xml)
{
	char value[CHECK_XML_VALUE];
	unsigned long bus;

	if (strcmp(xml->name, "controller") == 0) {
		check_xml_attribute(xml, "index", value);
		bus = strtoul(value, NULL, 0);
		if (check_xml_is(xml, "model", "pcie-root-port") && bus < CHECK_PORTS_MAX)
			reading->ports |= BIT_ULL(bus);
	} else if (check_xml_is(xml, "type", "pci")) {
		check_xml_attribute(xml, "bus", value);
		bus = strtoul(value, NULL, 0);
		if (bus < CHECK_PORTS_MAX)
			reading->used |= BIT_ULL(bus);
	}
}

/* <channel>, and what is within one. */
static void take_channel(struct reading *reading, const struct check_xml *xml)
{
	struct check_channel *channel = &reading->channel;
	char value[CHECK_XML_VALUE];

	if (strcmp(xml->name, "channel") == 0) {
		*channel = (struct check_channel){ 0 };
		reading->port[0] = '\0';
		reading->in_channel = !xml->is_empty;
		check_xml_attribute(xml, "type", value);
		snprintf(channel->type, sizeof(channel->type), "%.*s",
			 (int)sizeof(channel->type) - 1, value);
	} else if (strcmp(xml->name, "target") == 0) {
		check_xml_attribute(xml, "name", reading->port);
	} else if (strcmp(xml->name, "source") == 0) {
		channel->connects = check_xml_is(xml, "mode", "connect");
		check_xml_attribute(xml, "path", value);
		snprintf(channel->path, sizeof(channel->path), "%.*s", CHECK_DOMAIN_PATH - 1,
			 value);
	}
}

/* libvirt gives spicevmc its name where the file has none. */
static void end_channel(struct reading *reading)
{
	const struct check_channel *channel = &reading->channel;
	struct check_channel *agent = &reading->domain->agent;
	const char *port = reading->port;

	if (!port[0] && strcmp(channel->type, "spicevmc") == 0)
		port = GUEST_CLIPBOARD_PORT;
	reading->in_channel = false;
	if (strcmp(port, GUEST_CLIPBOARD_PORT) == 0 &&
	    (!agent->type[0] || strcmp(agent->type, "unix") == 0))
		*agent = *channel;
}

static void take_tag(struct reading *reading, const struct check_xml *xml)
{
	struct check_domain *domain = reading->domain;
	char value[CHECK_XML_VALUE];

	if (reading->in_channel || strcmp(xml->name, "channel") == 0)
		take_channel(reading, xml);
	if (strcmp(xml->name, "domain") == 0)
		take_domain(domain, xml);
	else if (strcmp(xml->name, "input") == 0)
		take_input(domain, xml);
	else if (strcmp(xml->name, "controller") == 0 || strcmp(xml->name, "address") == 0)
		take_pci(reading, xml);
	else if (strcmp(xml->name, "access") == 0)
		domain->shares_memory |= check_xml_is(xml, "mode", "shared");
	else if (strcmp(xml->name, "cell") == 0)
		domain->shares_memory |= check_xml_is(xml, "memAccess", "shared");
	else if (strcmp(xml->name, "channel") == 0)
		domain->has_spice_agent |= check_xml_is(xml, "type", "spicevmc");
	else if (strcmp(xml->name, "qemu:arg") == 0 && check_xml_attribute(xml, "value", value))
		take_argument(reading, value);
	else if (strcmp(xml->name, "source") == 0 && (check_xml_attribute(xml, "evdev", value) ||
						      check_xml_attribute(xml, "dev", value)))
		take_path(reading, value);
}

void check_domain_read(struct check_domain *domain, const char *text,
		       const char *const paths[SHAPE_NODES])
{
	struct reading reading = { .domain = domain, .paths = paths };
	struct check_xml xml = { .rest = text };

	*domain = (struct check_domain){ 0 };
	while (check_xml_next(&xml))
		if (!xml.closes)
			take_tag(&reading, &xml);
		else if (reading.in_channel && strcmp(xml.name, "channel") == 0)
			end_channel(&reading);
	domain->n_ports = (unsigned)__builtin_popcountll(reading.ports);
	domain->n_free_ports = (unsigned)__builtin_popcountll(reading.ports & ~reading.used);
}
