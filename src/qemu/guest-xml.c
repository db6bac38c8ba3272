/* SPDX-License-Identifier: MIT */
/* Prints a channel's parts in the syntax of libvirt and of QEMU. */
#include "qemu/guest-xml.h"

#include <string.h>

#include "base/util.h"

#define LINKS "/dev/input/by-id"

/* One argument of QEMU's: an option's value has at most two paths, with each comma doubled. */
#define WORD_SIZE 1024

/*
 * A slot of the PCI root bus that libvirt does not assign: it fills slots from the lowest, and the
 * chipset's own start at 0x19. libvirt does not know the devices in <qemu:commandline>, so each
 * needs an explicit address.
 */
#define PCI_SLOT "0x18"

#define PLAIN_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+:@/,="

static const char driver_needed[] =
	"The guest needs a driver: Linux includes one; on Windows, install virtio-win.\n"
	"Input does not work before the driver runs: in an installer, in the firmware\n"
	"(OVMF before 202502), at BitLocker's prompt. Start with via = input-linux.\n"
	"A domain with such a device can be neither migrated nor saved.";

static const char clipboard_needed[] =
	"The clipboard. If the domain has <channel type='spicevmc'>, put this in its place: it\n"
	"has the same port. A viewer of SPICE then has no clipboard. Looking Glass needs\n"
	"spicevmc, and has a clipboard of its own. The guest needs an agent: Windows has it from\n"
	"virtio-win's installer or spice-guest-tools, Linux from spice-vdagent.";

void guest_id(const struct conf_guest *guest, enum shape_node node, char id[static GUEST_ID_SIZE])
{
	snprintf(id, GUEST_ID_SIZE, "evswitch-%s-%s", guest->name, shape_node_name(node));
}

void guest_path(const struct conf_guest *guest, const struct qemu_channel *channel,
		enum shape_node node, const char *socket_dir, char path[static GUEST_PATH_SIZE])
{
	const char *which = shape_node_name(node);

	if (channel->transport == QEMU_SOCKETS)
		snprintf(path, GUEST_PATH_SIZE, "%s/%s-%s.sock", socket_dir, guest->name, which);
	else
		snprintf(path, GUEST_PATH_SIZE, LINKS "/evswitch-%s-%s", guest->name, which);
}

void guest_clipboard_path(const struct conf_guest *guest, const char *socket_dir,
			  char path[static GUEST_PATH_SIZE])
{
	snprintf(path, GUEST_PATH_SIZE, "%s/%s-clipboard.sock", socket_dir, guest->name);
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
		case '\t': /* as it is, a parser reads a blank (XML 1.0, 3.3.3) */
			fputs("&#9;", out);
			break;
		default:
			putc(*text, out);
		}
	}
}

/* A comment must not contain "--" nor end with '-' (XML 1.0, 2.5). */
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

/* Writes arguments: as lines for a shell, or as XML elements. */
struct writer {
	FILE *out;
	void (*put)(FILE *out, const char *option, const char *value);
	const struct conf_guest *guest;
	const struct qemu_channel *channel;
	const char *socket_dir;
	bool with_addresses; /* on PCI */
};

static void put_argument(FILE *out, const char *option, const char *value)
{
	fputs("    <qemu:arg value='", out);
	put_attribute(out, option);
	fputs("'/>\n    <qemu:arg value='", out);
	put_attribute(out, value);
	fputs("'/>\n", out);
}

/* Within single quotes every character but the quote is literal (POSIX shell, 2.2.2). */
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

/* In a value of a QEMU option, a comma is doubled. */
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

/* "TYPE,id=ID" and the properties of the node's object or device. */
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
	if (part == QEMU_DEVICE && writer->with_addresses)
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

/* QEMU connects, and tries again each second: evswitch-clipboard may start later, and restart. */
static void write_clipboard(const struct writer *writer)
{
	char word[WORD_SIZE], path[GUEST_PATH_SIZE];
	const char *name = writer->guest->name;

	guest_clipboard_path(writer->guest, writer->socket_dir, path);
	snprintf(word, sizeof(word), "virtio-serial-pci,id=evswitch-%s-serial", name);
	writer->put(writer->out, "-device", word);
	snprintf(word, sizeof(word), "socket,id=evswitch-%s-clipboard,path=%s,reconnect=1", name,
		 option_value(path).text);
	writer->put(writer->out, "-chardev", word);
	snprintf(word, sizeof(word),
		 "virtserialport,bus=evswitch-%s-serial.0,chardev=evswitch-%s-clipboard,"
		 "name=" GUEST_CLIPBOARD_PORT,
		 name, name);
	writer->put(writer->out, "-device", word);
}

void guest_args(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		const struct guest_env *env)
{
	const struct writer writer = { .out = out,
				       .put = put_line,
				       .guest = guest,
				       .channel = channel,
				       .socket_dir = env->socket_dir };

	if (conf_guest_asks_clipboard(guest))
		write_clipboard(&writer);
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

void guest_xml_clipboard(FILE *out, const struct conf_guest *guest, const char *socket_dir)
{
	char path[GUEST_PATH_SIZE];

	guest_clipboard_path(guest, socket_dir, path);
	fputs("<channel type='unix'><source mode='connect' path='", out);
	put_attribute(out, path);
	fputs("'><reconnect enabled='yes' timeout='1'/></source><target type='virtio' "
	      "name='" GUEST_CLIPBOARD_PORT "'/></channel>\n",
	      out);
}

static void write_limits(FILE *out, const struct qemu_channel *channel)
{
	if (channel->is_virtio)
		put_comment(out, "  ", driver_needed);
	if (channel->limits)
		put_comment(out, "  ", channel->limits);
}

/* Only its owner can enter XDG_RUNTIME_DIR; libvirt's system QEMU runs as another user. */
static void write_root_step(FILE *out, const struct guest_env *env)
{
	char text[1024];

	if (strncmp(env->socket_dir, "/run/user/", strlen("/run/user/")) != 0)
		return;
	snprintf(text, sizeof(text),
		 "The sockets are in a directory that only you can enter. That is right for\n"
		 "qemu:///session. For qemu:///system, create another one, now and at every boot:\n"
		 "    sudo install -d -m 0711 -o %s /run/evswitch\n"
		 "    echo 'd /run/evswitch 0711 %s root -' | sudo tee "
		 "/etc/tmpfiles.d/evswitch.conf\n"
		 "Then set socket-dir = /run/evswitch in [evswitch], and run this command again.",
		 env->user, env->user);
	put_comment(out, "  ", text);
}

static void write_monitor_note(FILE *out, const struct conf_guest *guest)
{
	if (guest->qmp)
		put_comment(out, "  ",
			    "QEMU creates the monitor's socket: the user that runs QEMU must be "
			    "able to\n"
			    "write to its directory, and you must be able to connect to it.");
}

static void write_commandline(FILE *out, const struct conf_guest *guest,
			      const struct qemu_channel *channel, const struct guest_env *env)
{
	const struct writer writer = { .out = out,
				       .put = put_argument,
				       .guest = guest,
				       .channel = channel,
				       .socket_dir = env->socket_dir,
				       .with_addresses = true };

	fputs("  <qemu:commandline>\n", out);
	if (!channel->element)
		write_nodes(&writer);
	write_monitor(&writer);
	fputs("  </qemu:commandline>\n", out);
}

static void write_devices(FILE *out, const struct conf_guest *guest,
			  const struct qemu_channel *channel, const struct guest_env *env)
{
	fputs("  <devices>\n", out);
	for (enum shape_node node = 0; channel->element && node < SHAPE_NODES; node++) {
		fputs("    ", out);
		guest_xml_element(out, guest, channel, node);
	}
	if (conf_guest_asks_clipboard(guest)) {
		put_comment(out, "    ", clipboard_needed);
		fputs("    ", out);
		guest_xml_clipboard(out, guest, env->socket_dir);
	}
	fputs("  </devices>\n", out);
}

void guest_xml_domain(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		      const struct guest_env *env)
{
	bool by_arguments = (channel->parts[0] && !channel->element) || guest->qmp;

	fprintf(out, "<domain%s>\n",
		by_arguments ? " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'" : "");
	write_limits(out, channel);
	if (by_arguments)
		put_comment(out, "  ",
			    "Copy the xmlns:qemu attribute to the domain's first line, too.");
	if (channel->transport == QEMU_SOCKETS || conf_guest_asks_clipboard(guest))
		write_root_step(out, env);
	if (channel->shares_memory)
		fputs("  <memoryBacking>\n"
		      "    <source type='memfd'/>\n"
		      "    <access mode='shared'/>\n"
		      "  </memoryBacking>\n",
		      out);
	if (channel->element || conf_guest_asks_clipboard(guest))
		write_devices(out, guest, channel, env);
	if (by_arguments) {
		write_monitor_note(out, guest);
		write_commandline(out, guest, channel, env);
	}
	fputs("</domain>\n", out);
}
