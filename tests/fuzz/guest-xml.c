/* SPDX-License-Identifier: MIT */
/*
 * What --xml and --qemu-args print for paths of any characters that the configuration takes: the XML is well
 * formed, as far as tags, attributes and comments go, and a parser reads from it the arguments that a shell
 * reads from the lines. Whether libvirt and QEMU take them is tested with these (test-guest-xml.c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "check/check-xml.h"
#include "conf/conf.h"
#include "fuzz.h"
#include "guest/channel.h"
#include "qemu/guest-xml.h"

#define ARGUMENTS_MAX 24
#define DEPTH_MAX     8

struct arguments {
	unsigned n;
	char text[ARGUMENTS_MAX][CHECK_XML_VALUE];
};

/* Words of a POSIX shell, which has only single quotes and "\'" to read here. */
static void read_lines(const char *at, struct arguments *arguments)
{
	while (*at) {
		char *to = arguments->text[arguments->n++];
		bool quoted = false;

		FUZZ_CHECK(arguments->n < ARGUMENTS_MAX, "too many words");
		for (; quoted || (*at != ' ' && *at != '\n'); at++) {
			FUZZ_CHECK(*at, "a word has no end");
			if (*at == '\'')
				quoted = !quoted;
			else if (!quoted && *at == '\\')
				*to++ = *++at;
			else
				*to++ = *at;
		}
		*to = '\0';
		at++;
	}
}

static void read_argument(const struct check_xml *xml, char *to)
{
	/* A parser would read a blank (XML 1.0, 3.3.3). */
	FUZZ_CHECK(!memchr(xml->attributes, '\t', xml->size), "a tab");
	FUZZ_CHECK(check_xml_attribute(xml, "value", to), "no value");
}

static void read_xml(const char *text, struct arguments *arguments)
{
	struct check_xml xml = { .rest = text };
	char open[DEPTH_MAX][CHECK_XML_NAME];
	unsigned depth = 0;

	while (check_xml_next(&xml)) {
		if (strcmp(xml.name, "qemu:arg") == 0)
			read_argument(&xml, arguments->text[arguments->n++]);
		FUZZ_CHECK(arguments->n < ARGUMENTS_MAX && depth < DEPTH_MAX, "too much");
		if (xml.closes)
			FUZZ_CHECK(depth > 0 && strcmp(open[--depth], xml.name) == 0, "</%s>",
				   xml.name);
		else if (!xml.is_empty)
			memcpy(open[depth++], xml.name, sizeof(xml.name));
	}
	FUZZ_CHECK(depth == 0, "%u are open:\n%s", depth, text);
	for (const char *at = text, *end; (at = strstr(at, "<!--")); at = end)
		FUZZ_CHECK((end = strstr(at + 4, "--")) && end[2] == '>', "comment: %s", at);
}

/* Only those in the command line are in both; of a device, the XML also has the address. */
static void compare(const struct arguments *xml, const struct arguments *lines)
{
	FUZZ_CHECK(xml->n <= lines->n, "%u arguments of %u", xml->n, lines->n);
	for (unsigned i = 0; i < xml->n; i++) {
		const char *line = lines->text[lines->n - xml->n + i];

		FUZZ_CHECK(strncmp(xml->text[i], line, strlen(line)) == 0, "%s\n%s", xml->text[i],
			   line);
	}
}

/* As the configuration takes it. */
static bool draw_path(struct fuzz *fuzz, char *path, size_t size)
{
	path[0] = '/';
	fuzz_text(fuzz, path + 1, size - 1);
	for (const char *at = path; *at; at += strcspn(at, "\t"), at += *at == '\t')
		if (!fuzz_is_printable(at, strcspn(at, "\t")))
			return false;
	return true;
}

void fuzz_one(struct fuzz *fuzz)
{
	static const char *const channels[] = { "input-linux", "virtio-input", "vhost-user",
						"qmp" };
	char monitor[CONF_SOCKET_MAX + 1], dir[CONF_SOCKET_DIR_MAX + 1];
	const struct channel *channel = channel_find(channels[fuzz_below(fuzz, 4)]);
	struct conf_guest guest = { .name = "g", .via = &channel->conf };
	struct guest_env env = { dir, "me" };
	struct arguments *xml = calloc(2, sizeof(*xml)), *lines = xml + 1;
	autofree char *domain = NULL, *args = NULL;
	uint8_t has = fuzz_u8(fuzz);
	size_t size;
	FILE *out;

	if (has & 1)
		guest.qmp = monitor;
	if (has & 2)
		guest.clipboard = CONF_CLIPBOARD_FOCUS;
	if (draw_path(fuzz, monitor, sizeof(monitor)) && draw_path(fuzz, dir, sizeof(dir))) {
		out = open_memstream(&domain, &size);
		guest_xml_domain(out, &guest, &channel->qemu, &env);
		fclose(out);
		read_xml(domain, xml);
		out = open_memstream(&args, &size);
		guest_args(out, &guest, &channel->qemu, &env);
		fclose(out);
		read_lines(args, lines);
		compare(xml, lines);
	}
	free(xml);
}
