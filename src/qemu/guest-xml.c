/* Each channel in libvirt's and in QEMU's words. */
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

struct channel {
	const char *via;
	const char *limits; /* what it cannot do, and what it needs */
	const char *note;   /* what else QEMU's command line must have; NULL: nothing */
};

static const struct channel channels[] = {
	{ "input-linux",
	  "Works from firmware on, with every guest. QEMU passes on neither a horizontal nor a\n"
	  "high-resolution wheel, no lock LEDs, and not every key (F13 to F24 since QEMU 8.0).\n"
	  "Needs libvirt 7.4; to attach it to a running domain, 10.4. Without a virtio or USB "
	  "mouse\n"
	  "in the domain it is a PS/2 mouse, which drops fast motion.",
	  NULL },
	{ "virtio-input", NULL, NULL },
	{ "vhost-user",
	  "Needs QEMU 8.0 or KVM, memory that is shared (memoryBacking below), and evswitch to "
	  "run\n"
	  "before the domain starts. The addresses are those of a q35 machine; a pc has bus=pci.0.",
	  "vhost-user needs shared memory. With -m SIZE add: -object "
	  "memory-backend-memfd,id=evswitch-memory,share=on,size=SIZE -machine "
	  "memory-backend=evswitch-memory" },
	{ "qmp",
	  "Works from firmware on and needs nothing in the guest, but takes about a millisecond a\n"
	  "frame: for want of another channel. Neither a horizontal nor a high-resolution wheel, "
	  "no\n"
	  "lock LEDs, not every key.",
	  NULL },
};

static bool is_via(const struct conf_guest *guest, const char *via)
{
	return strcmp(guest->via->name, via) == 0;
}

static const struct channel *channel_of(const struct conf_guest *guest)
{
	for (size_t i = 0; i < ARRAY_SIZE(channels); i++)
		if (is_via(guest, channels[i].via))
			return &channels[i];
	return NULL;
}

void guest_id(const struct conf_guest *guest, enum shape_node node, char id[static GUEST_ID_SIZE])
{
	snprintf(id, GUEST_ID_SIZE, "evswitch-%s-%s", guest->name, shape_node_name(node));
}

void guest_path(const struct conf_guest *guest, enum shape_node node, const char *socket_dir,
		char path[static GUEST_PATH_SIZE])
{
	const char *which = shape_node_name(node);

	if (is_via(guest, "vhost-user"))
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

static void write_vhost_user(const struct writer *writer, enum shape_node node, const char *id,
			     const char *path)
{
	char word[WORD_SIZE], where[64] = "";

	snprintf(word, sizeof(word), "socket,id=%s,path=%s", id, option_value(path).text);
	writer->put(writer->out, "-chardev", word);
	if (writer->placed)
		snprintf(where, sizeof(where), ",bus=pcie.0,addr=" PCI_SLOT ".%d%s", (int)node,
			 node == 0 ? ",multifunction=on" : "");
	snprintf(word, sizeof(word), "vhost-user-input-pci,id=%s,chardev=%s%s", id, id, where);
	writer->put(writer->out, "-device", word);
}

static void write_node(const struct writer *writer, enum shape_node node)
{
	const struct conf_guest *guest = writer->guest;
	char word[WORD_SIZE], id[GUEST_ID_SIZE], path[GUEST_PATH_SIZE];

	guest_id(guest, node, id);
	guest_path(guest, node, writer->socket_dir, path);
	if (is_via(guest, "vhost-user")) {
		write_vhost_user(writer, node, id, path);
	} else if (is_via(guest, "input-linux")) {
		snprintf(word, sizeof(word), "input-linux,id=%s,evdev=%s%s%s", id, path,
			 node == SHAPE_KEYBOARD ? ",grab_all=on" : "",
			 node == SHAPE_POINTER ? "" : ",repeat=on");
		writer->put(writer->out, "-object", word);
	} else if (is_via(guest, "virtio-input")) {
		snprintf(word, sizeof(word), "virtio-input-host-pci,id=%s,evdev=%s", id, path);
		writer->put(writer->out, "-device", word);
	}
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

void guest_args(FILE *out, const struct conf_guest *guest, const struct guest_place *place)
{
	const struct writer writer = {
		.out = out, .put = put_line, .guest = guest, .socket_dir = place->socket_dir
	};

	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		write_node(&writer, node);
	write_monitor(&writer);
}

const char *guest_args_note(const struct conf_guest *guest)
{
	const struct channel *channel = channel_of(guest);

	return channel ? channel->note : NULL;
}

/* --- libvirt's XML ------------------------------------------------------------------------- */

bool guest_xml_element(FILE *out, const struct conf_guest *guest, enum shape_node node)
{
	char path[GUEST_PATH_SIZE];

	guest_path(guest, node, "", path);
	if (is_via(guest, "input-linux"))
		fputs("<input type='evdev'><source dev='", out);
	else if (is_via(guest, "virtio-input"))
		fputs("<input type='passthrough' bus='virtio'><source evdev='", out);
	else
		return false;
	put_attribute(out, path);
	putc('\'', out);
	if (is_via(guest, "input-linux"))
		fprintf(out, "%s%s", node == SHAPE_KEYBOARD ? " grab='all'" : "",
			node == SHAPE_POINTER ? "" : " repeat='on'");
	fputs("/></input>\n", out);
	return true;
}

static void write_limits(FILE *out, const struct conf_guest *guest)
{
	const struct channel *channel = channel_of(guest);

	if (is_via(guest, "virtio-input") || is_via(guest, "vhost-user"))
		put_comment(out, "  ", driver_needed);
	if (channel && channel->limits)
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
			      const struct guest_place *place)
{
	const struct writer writer = { .out = out,
				       .put = put_argument,
				       .guest = guest,
				       .socket_dir = place->socket_dir,
				       .placed = true };

	fputs("  <qemu:commandline>\n", out);
	if (is_via(guest, "vhost-user"))
		for (enum shape_node node = 0; node < SHAPE_NODES; node++)
			write_node(&writer, node);
	write_monitor(&writer);
	fputs("  </qemu:commandline>\n", out);
}

static void write_devices(FILE *out, const struct conf_guest *guest)
{
	fputs("  <devices>\n", out);
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		fputs("    ", out);
		guest_xml_element(out, guest, node);
	}
	fputs("  </devices>\n", out);
}

void guest_xml_domain(FILE *out, const struct conf_guest *guest, const struct guest_place *place)
{
	bool vhost_user = is_via(guest, "vhost-user"), by_arguments = vhost_user || guest->qmp;

	fprintf(out, "<domain%s>\n",
		by_arguments ? " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'" : "");
	write_limits(out, guest);
	if (by_arguments)
		put_comment(out, "  ", "The domain's first line needs the xmlns:qemu too.");
	if (vhost_user) {
		write_root_step(out, place);
		fputs("  <memoryBacking>\n"
		      "    <source type='memfd'/>\n"
		      "    <access mode='shared'/>\n"
		      "  </memoryBacking>\n",
		      out);
	}
	if (is_via(guest, "input-linux") || is_via(guest, "virtio-input"))
		write_devices(out, guest);
	if (by_arguments) {
		write_monitor_note(out, guest);
		write_commandline(out, guest, place);
	}
	fputs("</domain>\n", out);
}
