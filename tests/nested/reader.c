/*
 * Inside the nested guest: prints every frame of its three evdev nodes to the serial console, and
 * answers what comes from there. Lines begin with "@", as the kernel writes there too:
 *   @ready                            all three nodes are open
 *   @NODE TYPE:CODE:VALUE ...         a frame of "keyboard", "media" or "pointer"
 * A question comes back with a number behind it:
 *   led CODE VALUE                    sets a LED of the keyboard; 1: done
 *   down                              how many keys and buttons are down
 *   syncs                             how many EV_SYN events but SYN_REPORT came
 * Linked statically, with nothing but the C library.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { KEYBOARD, MEDIA, POINTER, NODES };

static const char *const names[NODES] = { "keyboard", "media", "pointer" };

struct node {
	int fd;
	char line[2048]; /* the frame so far */
	size_t used;
};

static int syncs;
static struct node nodes[NODES] = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 } };

static void say(const char *line)
{
	char text[2100];
	int size = snprintf(text, sizeof(text), "@%s\n", line);

	for (int at = 0; at < size;) {
		ssize_t written = write(STDOUT_FILENO, text + at, (size_t)(size - at));

		if (written < 0 && errno != EINTR)
			_exit(1);
		at += written > 0 ? (int)written : 0;
	}
}

static void open_console(void)
{
	struct termios raw;
	int fd = open("/dev/ttyS0", O_RDWR | O_NOCTTY);

	if (fd < 0 || tcgetattr(fd, &raw) < 0)
		_exit(1);
	cfmakeraw(&raw);
	tcsetattr(fd, TCSANOW, &raw);
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
}

static int which(int fd)
{
	char name[128] = "";
	const char *end;

	if (ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) < 0 || strncmp(name, "evswitch-", 9) != 0)
		return -1;
	end = strrchr(name, '-') + 1;
	for (int i = 0; i < NODES; i++)
		if (strcmp(end, names[i]) == 0)
			return i;
	return -1;
}

/* The drivers may still be at it: until all are there. */
static void open_nodes(void)
{
	for (int missing = NODES; missing; usleep(10000)) {
		for (int i = 0; i < 32 && missing; i++) {
			char path[32];
			int fd, n;

			snprintf(path, sizeof(path), "/dev/input/event%d", i);
			fd = open(path, O_RDWR | O_NONBLOCK);
			n = fd < 0 ? -1 : which(fd);
			if (n >= 0 && nodes[n].fd < 0) {
				nodes[n].fd = fd;
				missing--;
			} else if (fd >= 0) {
				close(fd);
			}
		}
	}
}

/* With an empty frame, of another EV_SYN, evswitch asks whether its node is held: only counted. */
static void take(int which, const struct input_event *ev)
{
	struct node *node = &nodes[which];
	size_t room = sizeof(node->line) - node->used;

	if (ev->type == EV_SYN && ev->code == SYN_REPORT) {
		if (node->used)
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
}

static int set_led(unsigned code, int value)
{
	struct input_event ev[2] = {
		{ .type = EV_LED, .code = (unsigned short)code, .value = value },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};

	return write(nodes[KEYBOARD].fd, ev, sizeof(ev)) == sizeof(ev);
}

static int count_down(void)
{
	int down = 0;

	for (int i = 0; i < NODES; i++) {
		unsigned char bits[KEY_CNT / 8] = { 0 };

		ioctl(nodes[i].fd, EVIOCGKEY(sizeof(bits)), bits);
		for (unsigned j = 0; j < sizeof(bits); j++)
			down += __builtin_popcount(bits[j]);
	}
	return down;
}

static void answer(const char *question)
{
	char text[200];
	unsigned code;
	int value, number;

	if (sscanf(question, "led %u %d", &code, &value) == 2)
		number = set_led(code, value);
	else if (strcmp(question, "down") == 0)
		number = count_down();
	else
		number = syncs;
	snprintf(text, sizeof(text), "%s %d", question, number);
	say(text);
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

int main(void)
{
	open_console();
	say("waiting for the drivers");
	open_nodes();
	say("ready");
	for (;;) {
		struct pollfd in[NODES + 1] = { [NODES] = { STDIN_FILENO, POLLIN, 0 } };

		for (int i = 0; i < NODES; i++)
			in[i] = (struct pollfd){ nodes[i].fd, POLLIN, 0 };
		if (poll(in, NODES + 1, -1) < 0)
			continue;
		for (int i = 0; i < NODES; i++)
			if (in[i].revents)
				read_node(i);
		if (in[NODES].revents)
			read_question();
	}
}
