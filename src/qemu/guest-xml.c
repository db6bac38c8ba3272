/* A channel's parts in libvirt's and in QEMU's words. */
#include "qemu/guest-xml.h"

#include <string.h>

#include "base/util.h"

#define LINKS "/dev/input/by-id"

/* A word of QEMU's: an option's value holds two paths at most, with each comma doubled. */
#define WORD_SIZE 1024

/*
 * Slot of the PCI root bus that libvirt gives to nothing by itself: it fills slots from the lowest,
 * and the chipset's own are from 0x19 on. libvirt does not know of devices that come by
 * <qemu:commandline>, so each must say where it is.
 */
#define PCI_SLOT "0x18"

#define PLAIN_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+:@/,="

static const char driver_needed[] =
	"The guest needs a driver: Linux has it, Windows gets it from virtio-win.\n"
	"There is no input before it runs: not in an installer, not in firmware\n"
	"(OVMF before 202502), not at BitLocker's prompt. Begin with via = input-linux.\n"
	"A domain with such a device can be neither migrated nor saved.";

void guest_id(const struct conf_guest *guest, enum shape_node node, char id[static GUEST_ID_SIZE])
{
	snprintf(id, GUEST_ID_SIZE, "evswitch-%s-%s", guest->name, shape_node_name(node));
}

void guest_path(const struct conf_guest *guest, const struct qemu_channel *channel,
		enum shape_node node, const char *socket_dir, char path[static GUEST_PATH_SIZE])
{
	const char *which = shape_node_name(node);

	if (channel->place == QEMU_SOCKETS)
		snprintf(path, GUEST_PATH_SIZE, "%s/%s-%s.sock", socket_dir, guest->name, which);
	else
		snprintf(path, GUEST_PATH_SIZE, LINKS "/evswitch-%s-%s", guest->name, which);
}

/* --- text within XML ----------------------------------------------------------------------- */

static void put_attribute(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '\'':
			fputs("&apos;", out);
			break;
		default:
			putc(*text, out);
		}
	}
}

/* A comment must not hold two '-' in a row, nor end with one (XML 1.0, 2.5). */
static void put_comment(FILE *out, const char *indent, const char *text)
{
	char before = '\0';

	fprintf(out, "%s<!-- ", indent);
	for (; *text; before = *text++) {
		if (*text == '\n')
			fprintf(out, "\n%s     ", indent);
		else if (*text == '-' && before == '-')
			fputs(" -", out);
		else
			putc(*text, out);
	}
	fputs(" -->\n", out);
}

/* --- QEMU's arguments ---------------------------------------------------------------------- */

/* Where words go: lines for a shell, or arguments within XML. */
struct writer {
	FILE *out;
	void (*put)(FILE *out, const char *option, const char *value);
	const struct conf_guest *guest;
	const struct qemu_channel *channel;
	const char *socket_dir;
	bool placed; /* with PCI addresses */
};

static void put_argument(FILE *out, const char *option, const char *value)
{
	fputs("    <qemu:arg value='", out);
	put_attribute(out, option);
	fputs("'/>\n    <qemu:arg value='", out);
	put_attribute(out, value);
	fputs("'/>\n", out);
}

/* In single quotes everything but they themselves stands for itself (POSIX shell, 2.2.2). */
static void put_line(FILE *out, const char *option, const char *value)
{
	fprintf(out, "%s ", option);
	if (!value[strspn(value, PLAIN_CHARS)]) {
		fprintf(out, "%s\n", value);
		return;
	}
	putc('\'', out);
	for (; *value; value++)
		if (*value == '\'')
			fputs("'\\''", out);
		else
			putc(*value, out);
	fputs("'\n", out);
}

struct value {
	char text[2 * CONF_SOCKET_MAX + 1];
};

/* Within an option of QEMU's a comma is written twice. */
static struct value option_value(const char *text)
{
	struct value value = { "" };
	size_t n = 0;

	for (; *text && n < sizeof(value.text) - 2; text++) {
		if (*text == ',')
			value.text[n++] = ',';
		value.text[n++] = *text;
	}
	return value;
}

/* "TYPE,id=ID" and what else the node's object or device has. */
static void describe(const struct writer *writer, enum shape_node node, const char *id,
		     const char *path, char word[static WORD_SIZE])
{
	const struct qemu_channel *channel = writer->channel;
	int used = snprintf(word, WORD_SIZE, "%s,id=%s", channel->type, id);

	for (unsigned i = 0; i < QEMU_PROPERTIES_MAX && channel->properties[i].name; i++) {
		const struct qemu_property *property = &channel->properties[i];
		const char *value = property->value == QEMU_PATH ? path
				    : property->value == QEMU_ID ? id
								 : "on";

		if (property->nodes & 1u << node)
			used += snprintf(word + used, WORD_SIZE - (size_t)used, ",%s=%s",
					 property->name, option_value(value).text);
	}
}

static void write_part(const struct writer *writer, enum qemu_part part, enum shape_node node)
{
	char word[WORD_SIZE], id[GUEST_ID_SIZE], path[GUEST_PATH_SIZE];

	guest_id(writer->guest, node, id);
	guest_path(writer->guest, writer->channel, node, writer->socket_dir, path);
	if (part == QEMU_CHARDEV) {
		snprintf(word, sizeof(word), "socket,id=%s,path=%s", id, option_value(path).text);
		writer->put(writer->out, "-chardev", word);
		return;
	}
	describe(writer, node, id, path, word);
	if (part == QEMU_DEVICE && writer->placed)
		snprintf(word + strlen(word), sizeof(word) - strlen(word),
			 ",bus=pcie.0,addr=" PCI_SLOT ".%d%s", (int)node,
			 node == 0 ? ",multifunction=on" : "");
	writer->put(writer->out, part == QEMU_DEVICE ? "-device" : "-object", word);
}

static void write_nodes(const struct writer *writer)
{
	const enum qemu_part *parts = writer->channel->parts;

	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		for (unsigned i = 0; i < QEMU_PARTS_MAX && parts[i]; i++)
			write_part(writer, parts[i], node);
}

static void write_monitor(const struct writer *writer)
{
	char word[WORD_SIZE];

	if (!writer->guest->qmp)
		return;
	snprintf(word, sizeof(word), "unix:%s,server=on,wait=off",
		 option_value(writer->guest->qmp).text);
	writer->put(writer->out, "-qmp", word);
}

void guest_args(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		const struct guest_place *place)
{
	const struct writer writer = { .out = out,
				       .put = put_line,
				       .guest = guest,
				       .channel = channel,
				       .socket_dir = place->socket_dir };

	write_nodes(&writer);
	write_monitor(&writer);
}

/* --- libvirt's XML ------------------------------------------------------------------------- */

bool guest_xml_element(FILE *out, const struct conf_guest *guest,
		       const struct qemu_channel *channel, enum shape_node node)
{
	char path[GUEST_PATH_SIZE];

	if (!channel->element)
		return false;
	guest_path(guest, channel, node, "", path);
	fprintf(out, "<input %s><source %s='", channel->element, channel->source);
	put_attribute(out, path);
	putc('\'', out);
	for (unsigned i = 0; i < QEMU_PROPERTIES_MAX && channel->attributes[i].text; i++)
		if (channel->attributes[i].nodes & 1u << node)
			fprintf(out, " %s", channel->attributes[i].text);
	fputs("/></input>\n", out);
	return true;
}

static void write_limits(FILE *out, const struct qemu_channel *channel)
{
	if (channel->is_virtio)
		put_comment(out, "  ", driver_needed);
	if (channel->limits)
		put_comment(out, "  ", channel->limits);
}

/* XDG_RUNTIME_DIR is its owner's alone, and QEMU under libvirt's system connection is another. */
static void write_root_step(FILE *out, const struct guest_place *place)
{
	char text[1024];

	if (strncmp(place->socket_dir, "/run/user/", strlen("/run/user/")) != 0)
		return;
	snprintf(text, sizeof(text),
		 "The sockets are in a directory that only you can enter. That is right for\n"
		 "qemu:///session. For qemu:///system make one for them, now and at each start:\n"
		 "    sudo install -d -m 0711 -o %s /run/evswitch\n"
		 "    echo 'd /run/evswitch 0711 %s root -' | sudo tee "
		 "/etc/tmpfiles.d/evswitch.conf\n"
		 "Then write socket-dir = /run/evswitch below [evswitch], and print this anew.",
		 place->user, place->user);
	put_comment(out, "  ", text);
}

static void write_monitor_note(FILE *out, const struct conf_guest *guest)
{
	if (guest->qmp)
		put_comment(
			out, "  ",
			"QEMU makes the monitor's socket: the user who runs QEMU must be able to\n"
			"write into its directory, and you to connect to it.");
}

static void write_commandline(FILE *out, const struct conf_guest *guest,
			      const struct qemu_channel *channel, const struct guest_place *place)
{
	const struct writer writer = { .out = out,
				       .put = put_argument,
				       .guest = guest,
				       .channel = channel,
				       .socket_dir = place->socket_dir,
				       .placed = true };

	fputs("  <qemu:commandline>\n", out);
	if (!channel->element)
		write_nodes(&writer);
	write_monitor(&writer);
	fputs("  </qemu:commandline>\n", out);
}

static void write_devices(FILE *out, const struct conf_guest *guest,
			  const struct qemu_channel *channel)
{
	fputs("  <devices>\n", out);
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		fputs("    ", out);
		guest_xml_element(out, guest, channel, node);
	}
	fputs("  </devices>\n", out);
}

void guest_xml_domain(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		      const struct guest_place *place)
{
	bool by_arguments = (channel->parts[0] && !channel->element) || guest->qmp;

	fprintf(out, "<domain%s>\n",
		by_arguments ? " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'" : "");
	write_limits(out, channel);
	if (by_arguments)
		put_comment(out, "  ", "The domain's first line needs the xmlns:qemu too.");
	if (channel->place == QEMU_SOCKETS)
		write_root_step(out, place);
	if (channel->shares_memory)
		fputs("  <memoryBacking>\n"
		      "    <source type='memfd'/>\n"
		      "    <access mode='shared'/>\n"
		      "  </memoryBacking>\n",
		      out);
	if (channel->element)
		write_devices(out, guest, channel);
	if (by_arguments) {
		write_monitor_note(out, guest);
		write_commandline(out, guest, channel, place);
	}
	fputs("</domain>\n", out);
}
