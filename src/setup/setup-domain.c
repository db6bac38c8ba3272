/* SPDX-License-Identifier: MIT */
/* One pass over the tags. */
#include "setup/setup-domain.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"
#include "check/check-xml.h"

#define INPUT "/dev/input/"
#define OURS  "/dev/input/by-id/evswitch-"

struct reading {
	struct setup_domain *domain;
	bool in_interface, in_disk;
	bool has_hyperv;
	const char *input; /* the element under way, or NULL */
	bool is_evdev;
	char path[SETUP_PATH_MAX];
};

/* libosinfo's names, such as "http://microsoft.com/win/10". Whatever is none of these is a Linux. */
static void take_os(struct setup_domain *domain, const char *id)
{
	static const char *const others[] = {
		"microsoft.com/msdos", "freebsd.org", "openbsd.org", "netbsd.org", "apple.com",
		"oracle.com/solaris",  "sun.com",     "haiku",       "novell.com", "openindiana",
		"dragonflybsd",        "midnightbsd", "omnios",      "smartos",    "reactos"
	};

	if (strstr(id, "unknown") || !strstr(id, "://"))
		return;
	domain->os_known = true;
	domain->os = CONF_OS_LINUX;
	if (strstr(id, "microsoft.com/win"))
		domain->os = CONF_OS_WINDOWS;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strstr(id, others[i]))
			domain->os = CONF_OS_OTHER;
}

static void begin_input(struct reading *reading, const struct check_xml *xml)
{
	reading->input = xml->attributes - strlen("<input");
	reading->path[0] = '\0';
	reading->is_evdev = check_xml_is(xml, "type", "evdev");
	reading->domain->has_virtio_input |= check_xml_is(xml, "bus", "virtio");
}

static void end_input(struct reading *reading, const struct check_xml *xml)
{
	struct setup_domain *domain = reading->domain;

	if (reading->input && reading->path[0] && domain->n_inputs < SETUP_INPUTS_MAX) {
		struct setup_input *input = &domain->input[domain->n_inputs++];

		input->xml = reading->input;
		input->size = (size_t)(xml->rest - reading->input);
		input->is_evdev = reading->is_evdev;
		memcpy(input->path, reading->path, sizeof(input->path));
	}
	reading->input = NULL;
}

/* An argument of QEMU's that has a node, in either syntax. */
static void take_argument(struct setup_domain *domain, const char *value)
{
	const char *path = strstr(value, INPUT);

	if (path && domain->n_arguments < SETUP_INPUTS_MAX)
		snprintf(domain->argument[domain->n_arguments++], SETUP_PATH_MAX, "%.*s",
			 (int)strcspn(path, ",'\" "), path);
}

static void take_device(struct reading *reading, const struct check_xml *xml)
{
	char value[CHECK_XML_VALUE];

	if (strcmp(xml->name, "input") == 0)
		begin_input(reading, xml);
	else if (strcmp(xml->name, "interface") == 0)
		reading->in_interface = true;
	else if (strcmp(xml->name, "disk") == 0)
		reading->in_disk = true;
	else if (strcmp(xml->name, "target") == 0 && reading->in_disk)
		reading->domain->has_virtio |= check_xml_is(xml, "bus", "virtio");
	else if (strcmp(xml->name, "model") == 0 && reading->in_interface)
		reading->domain->has_virtio |= check_xml_is(xml, "type", "virtio");
	else if (strcmp(xml->name, "source") == 0 && reading->input &&
		 (check_xml_attribute(xml, "evdev", value) ||
		  check_xml_attribute(xml, "dev", value)))
		snprintf(reading->path, sizeof(reading->path), "%.*s", SETUP_PATH_MAX - 1, value);
}

static void take_tag(struct reading *reading, const struct check_xml *xml)
{
	const char *colon = strchr(xml->name, ':');
	char value[CHECK_XML_VALUE];

	if (colon && strcmp(colon, ":os") == 0 && check_xml_attribute(xml, "id", value))
		take_os(reading->domain, value);
	else if (strcmp(xml->name, "hyperv") == 0 || check_xml_is(xml, "name", "hypervclock"))
		reading->has_hyperv = true;
	else if (strcmp(xml->name, "qemu:arg") == 0 && check_xml_attribute(xml, "value", value))
		take_argument(reading->domain, value);
	else
		take_device(reading, xml);
}

static void take_end(struct reading *reading, const struct check_xml *xml)
{
	if (strcmp(xml->name, "input") == 0)
		end_input(reading, xml);
	else if (strcmp(xml->name, "interface") == 0)
		reading->in_interface = false;
	else if (strcmp(xml->name, "disk") == 0)
		reading->in_disk = false;
}

void setup_domain_read(struct setup_domain *domain, const char *text)
{
	struct reading reading = { .domain = domain };
	struct check_xml xml = { .rest = text };

	*domain = (struct setup_domain){ .os = CONF_OS_OTHER };
	while (check_xml_next(&xml)) {
		if (!xml.closes)
			take_tag(&reading, &xml);
		if (xml.closes || xml.is_empty)
			take_end(&reading, &xml);
	}
	/* Made for Windows alone. */
	if (!domain->os_known && reading.has_hyperv) {
		domain->os_known = true;
		domain->os = CONF_OS_WINDOWS;
	}
}

bool setup_path_is_ours(const char *path)
{
	return text_starts_with(path, OURS);
}

const char *setup_os_name(enum conf_os os)
{
	static const char *const names[] = {
		[CONF_OS_OTHER] = "other", [CONF_OS_LINUX] = "linux", [CONF_OS_WINDOWS] = "windows"
	};

	return names[os];
}

bool setup_domain_is_plain(const char *name)
{
	return name[0] && name[0] != '-' && !name[strspn(name, CONF_DOMAIN_CHARS)];
}

void setup_guest_name(const char *domain, char name[static CONF_NAME_MAX + 1])
{
	size_t n = 0;

	for (; *domain && n < CONF_NAME_MAX; domain++)
		name[n++] = strchr(CONF_NAME_CHARS, *domain) ? *domain : '-';
	name[n] = '\0';
	if (!name[0] || strcmp(name, "host") == 0 || strcmp(name, "next") == 0)
		snprintf(name, CONF_NAME_MAX + 1, "vm-%.8s", domain - n);
}
