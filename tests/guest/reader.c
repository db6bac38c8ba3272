/* SPDX-License-Identifier: MIT */
/*
 * /init of the guest: loads the drivers that /modules/order lists, opens the evdev nodes of evswitch's
 * three devices whenever they are there, prints every frame to the console, and answers what
 * comes from there. Lines begin with "@", as the kernel writes there too. NODE is "keyboard", "media" or
 * "pointer":
 *   @up NODE, @gone NODE              its node has been opened; is no longer there
 *   @NODE TYPE:CODE:VALUE ...         a frame; a SYN_DROPPED is 0:3:0
 * Each of these comes back with its answer behind it:
 *   about NODE                        BUS:VENDOR:PRODUCT:VERSION "NAME" "SERIAL"
 *   bits NODE TYPE                    the codes that it has of this type; of 0 the types
 *   down NODE                         the codes that are down, by EVIOCGKEY
 *   led CODE VALUE                    sets a LED of the keyboard; 1: done
 *   quiet 0|1                         whether frames are printed
 *   sums                              REL_X, REL_Y and REL_WHEEL of the pointer, since the last question
 *   syncs                             how many EV_SYN but SYN_REPORT and SYN_DROPPED came so far
 *   stall, read                       leaves the nodes unread, and looks for none; reads them again
 *   unbind NODE, bind NODE            takes the driver off its device; puts it back; 1: done
 *   reboot, poweroff                  no answer
 * With the argument "trial" it ends the machine as soon as it has said "@running".
 * Linked statically, with nothing but the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/kd.h>
#include <linux/reboot.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#define SCAN_MS 5
#define DRIVER  "/sys/bus/virtio/drivers/virtio_input/"

enum { KEYBOARD, MEDIA, POINTER, NODES };

static const char *const names[NODES] = { "keyboard", "media", "pointer" };

struct node {
	int fd;          /* -1 while there is none */
	char virtio[32]; /* the device below it, "virtio0" */
	char line[2048]; /* the frame so far */
	size_t used;
};

static struct node nodes[NODES] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };
static bool quiet, stalled;
static int sums[REL_CNT];
static unsigned syncs;

static void say(const char *line)
{
	char text[8192];
	int size = snprintf(text, sizeof(text), "@%s\n", line);

	for (int at = 0; at < size;) {
		ssize_t written = write(STDOUT_FILENO, text + at, (size_t)(size - at));

		if (written < 0 && errno != EINTR)
			_exit(1);
		at += written > 0 ? (int)written : 0;
	}
}

/* --- the nodes --------------------------------------------------------------------------- */

static int which(int fd)
{
	char name[128] = "";
	const char *end;

	if (ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) < 0 || strncmp(name, "evswitch", 8) != 0)
		return -1;
	end = name + strlen(name);
	while (end > name && end[-1] != '-' && end[-1] != ' ')
		end--;
	for (int i = 0; i < NODES; i++)
		if (strcmp(end, names[i]) == 0)
			return i;
	return -1;
}

static void open_node(int which, int fd, int event)
{
	char path[64], link[256], text[32];
	struct node *node = &nodes[which];
	ssize_t size;

	snprintf(path, sizeof(path), "/sys/class/input/event%d/device/device", event);
	size = readlink(path, link, sizeof(link) - 1);
	link[size > 0 ? size : 0] = '\0';
	snprintf(node->virtio, sizeof(node->virtio), "%.31s",
		 strrchr(link, '/') ? strrchr(link, '/') + 1 : "");
	node->fd = fd;
	node->used = 0;
	snprintf(text, sizeof(text), "up %s", names[which]);
	say(text);
}

static bool any_missing(void)
{
	for (int i = 0; i < NODES; i++)
		if (nodes[i].fd < 0)
			return true;
	return false;
}

static void look_for_nodes(void)
{
	for (int i = 0; i < 32; i++) {
		char path[32];
		int fd, n;

		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		fd = open(path, O_RDWR | O_NONBLOCK);
		n = fd < 0 ? -1 : which(fd);
		if (n >= 0 && nodes[n].fd < 0)
			open_node(n, fd, i);
		else if (fd >= 0)
			close(fd);
	}
}

static void lose_node(int which)
{
	char text[32];

	close(nodes[which].fd);
	nodes[which].fd = -1;
	snprintf(text, sizeof(text), "gone %s", names[which]);
	say(text);
}

/* With an empty frame, of another EV_SYN, evswitch asks whether its node is held: only counted. */
static void take(int which, const struct input_event *ev)
{
	struct node *node = &nodes[which];
	size_t room = sizeof(node->line) - node->used;

	if (ev->type == EV_REL && which == POINTER)
		sums[ev->code] += ev->value;
	if (ev->type == EV_SYN && ev->code == SYN_REPORT) {
		if (node->used && !quiet)
			say(node->line);
		node->used = 0;
	} else if (ev->type == EV_SYN && ev->code != SYN_DROPPED) {
		syncs++;
	} else if (ev->type != EV_LED && room > 80) {
		if (node->used == 0)
			node->used = (size_t)snprintf(node->line, room, "%s", names[which]);
		node->used += (size_t)snprintf(node->line + node->used, room - 40, " %u:%u:%d",
					       ev->type, ev->code, ev->value);
	}
}

static void read_node(int which)
{
	struct input_event ev[64];
	ssize_t size;

	while ((size = read(nodes[which].fd, ev, sizeof(ev))) > 0)
		for (size_t i = 0; i < (size_t)size / sizeof(*ev); i++)
			take(which, &ev[i]);
	if (size < 0 && errno == ENODEV)
		lose_node(which);
}

/* --- the answers ------------------------------------------------------------------------- */

static void about(int fd, char *text, size_t size)
{
	char name[128] = "", serial[128] = "";
	struct input_id id = { 0 };

	ioctl(fd, EVIOCGID, &id);
	ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name);
	ioctl(fd, EVIOCGUNIQ(sizeof(serial) - 1), serial);
	snprintf(text, size, "%04x:%04x:%04x:%04x \"%s\" \"%s\"", id.bustype, id.vendor, id.product,
		 id.version, name, serial);
}

/* "1 5 30", of what is set in the bitmap. */
static void print_bits(const unsigned char *bits, unsigned n, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned i = 0; i < n && used + 8 < size; i++)
		if (bits[i / 8] & 1 << i % 8)
			used += (size_t)snprintf(text + used, size - used, used ? " %u" : "%u", i);
}

static void capabilities(int fd, unsigned type, char *text, size_t size)
{
	unsigned char bits[KEY_CNT / 8] = { 0 };

	ioctl(fd, EVIOCGBIT(type, sizeof(bits)), bits);
	print_bits(bits, KEY_CNT, text, size);
}

static void down(int fd, char *text, size_t size)
{
	unsigned char bits[KEY_CNT / 8] = { 0 };

	ioctl(fd, EVIOCGKEY(sizeof(bits)), bits);
	print_bits(bits, KEY_CNT, text, size);
}

static bool set_led(unsigned code, int value)
{
	struct input_event ev[2] = {
		{ .type = EV_LED, .code = (unsigned short)code, .value = value },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};

	return write(nodes[KEYBOARD].fd, ev, sizeof(ev)) == sizeof(ev);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static void take_sums(char *text, size_t size)
{
	snprintf(text, size, "%d %d %d", sums[REL_X], sums[REL_Y], sums[REL_WHEEL]);
	memset(sums, 0, sizeof(sums));
}

/* Of a question about a node; false where it is none. */
static bool answer_of_node(const char *question, char *text, size_t size)
{
	char verb[16], name[16];
	unsigned type = 0;
	int n = 0;

	if (sscanf(question, "%15s %15s %u", verb, name, &type) < 2)
		return false;
	while (n < NODES && strcmp(name, names[n]) != 0)
		n++;
	if (n == NODES)
		return false;
	if (strcmp(verb, "about") == 0)
		about(nodes[n].fd, text, size);
	else if (strcmp(verb, "bits") == 0)
		capabilities(nodes[n].fd, type, text, size);
	else if (strcmp(verb, "down") == 0)
		down(nodes[n].fd, text, size);
	else if (strcmp(verb, "unbind") == 0)
		snprintf(text, size, "%d", write_file(DRIVER "unbind", nodes[n].virtio));
	else if (strcmp(verb, "bind") == 0)
		snprintf(text, size, "%d", write_file(DRIVER "bind", nodes[n].virtio));
	else
		return false;
	return true;
}

static void answer(const char *question)
{
	char text[6000] = "", line[6200];
	unsigned code;
	int value;

	if (sscanf(question, "led %u %d", &code, &value) == 2)
		snprintf(text, sizeof(text), "%d", set_led(code, value));
	else if (sscanf(question, "quiet %d", &value) == 1)
		quiet = value;
	else if (strcmp(question, "sums") == 0)
		take_sums(text, sizeof(text));
	else if (strcmp(question, "syncs") == 0)
		snprintf(text, sizeof(text), "%u", syncs);
	else if (strcmp(question, "stall") == 0)
		stalled = true;
	else if (strcmp(question, "read") == 0)
		stalled = false;
	else if (strcmp(question, "reboot") == 0)
		reboot(RB_AUTOBOOT);
	else if (strcmp(question, "poweroff") == 0)
		reboot(RB_POWER_OFF);
	else if (!answer_of_node(question, text, sizeof(text)))
		snprintf(text, sizeof(text), "what?");
	snprintf(line, sizeof(line), "%s %s", question, text);
	say(line);
}

static void read_question(void)
{
	static char line[128];
	static size_t used;
	ssize_t size = read(STDIN_FILENO, line + used, 1);

	if (size <= 0)
		return;
	if (line[used] != '\n') {
		used += used < sizeof(line) - 2;
		return;
	}
	line[used] = '\0';
	used = 0;
	answer(line);
}

/* --- the start --------------------------------------------------------------------------- */

static void load_modules(void)
{
	FILE *order = fopen("/modules/order", "r");
	char name[128], path[160];

	while (order && fscanf(order, "%127s", name) == 1) {
		int fd;

		snprintf(path, sizeof(path), "/modules/%s", name);
		fd = open(path, O_RDONLY);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			printf("%s: %s\n", path, strerror(errno));
		close(fd);
	}
	if (order)
		fclose(order);
}

/* A console would take the keys that are typed, Caps Lock too, and show its LEDs on a keyboard that comes. */
static void deafen_console(void)
{
	int console = open("/dev/tty0", O_RDWR | O_CLOEXEC);

	if (console >= 0)
		ioctl(console, KDSKBMODE, K_OFF);
}

static void start(void)
{
	struct termios raw;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (tcgetattr(STDIN_FILENO, &raw) == 0) {
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	deafen_console();
	load_modules();
}

int main(int argc, char **argv)
{
	start();
	say("running");
	if (argc > 1 && strcmp(argv[1], "trial") == 0)
		reboot(RB_POWER_OFF);
	for (;;) {
		struct pollfd in[NODES + 1] = { [NODES] = { STDIN_FILENO, POLLIN, 0 } };
		bool missing = !stalled && any_missing();

		for (int i = 0; i < NODES; i++)
			in[i] = (struct pollfd){ stalled ? -1 : nodes[i].fd, POLLIN, 0 };
		if (missing)
			look_for_nodes();
		if (poll(in, NODES + 1, missing ? SCAN_MS : -1) < 0)
			continue;
		for (int i = 0; i < NODES; i++)
			if (in[i].revents)
				read_node(i);
		if (in[NODES].revents)
			read_question();
	}
}
