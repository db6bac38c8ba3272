/* SPDX-License-Identifier: MIT */
/*
 * The demonstration: a user at a keyboard and a mouse, the host's desktop, and a guest in a real
 * QEMU. A table tells the story. Each step is played, what came out on either side is printed next
 * to it, and what did not come out as the table says is a failure.
 *
 * The host's side is what reads evswitch's devices there, as a desktop does; the guest's is what
 * QEMU says in its own trace that it got.
 */
#include <ctype.h>
#include <libevdev/libevdev.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "qemu.h"
#include "core/router.h"
#include "base/util.h"
#include "world.h"

#define GUEST_NODE "/dev/input/by-id/evswitch-vm-"

static const char conf[] = "[device keyboard]\nname = demo keyboard\n"
			   "[device mouse]\nname = demo mouse\n"
			   "[guest vm]\nvia = input-linux\n";

/* The guest's devices as libvirt passes them on; the toggle is QEMU's default, both Ctrl keys. */
static const char *const devices[] = {
	"-object", "input-linux,id=keyboard,evdev=" GUEST_NODE "keyboard,grab_all=on,repeat=on",
	"-object", "input-linux,id=media,evdev=" GUEST_NODE "media",
	"-object", "input-linux,id=pointer,evdev=" GUEST_NODE "pointer",
	NULL,
};

struct desk {
	struct puppet keyboard, mouse;
	struct program program;
	struct observer host[2]; /* the host's keyboard and mouse */
	struct qemu qemu;
	FILE *out; /* the transcript */
	bool colour;
	size_t told; /* of program.log */
	unsigned passed, failed;
};

/* --- the story --------------------------------------------------------------------------- */

static void pull_mouse(struct desk *desk)
{
	puppet_unplug(&desk->mouse);
}

static void plug_mouse(struct desk *desk)
{
	puppet_plug(&desk->mouse, PUPPET_MOUSE, "demo mouse", "demo/mouse", 0xc002);
}

static void start_evswitch(struct desk *desk)
{
	program_start(&desk->program, conf);
}

/* What it says meanwhile is no part of the story. */
static void await_evswitch(struct desk *desk)
{
	program_expect(&desk->program, "is grabbed");
	program_expect(&desk->program, "is grabbed");
	program_says(&desk->program, "\x01", 0);
	desk->told = desk->program.used;
	observer_open(&desk->host[0], "evswitch/host/keyboard");
	observer_open(&desk->host[1], "evswitch/host/mouse");
}

static void restart_evswitch(struct desk *desk)
{
	start_evswitch(desk);
	await_evswitch(desk);
}

static void kill_evswitch(struct desk *desk)
{
	program_signal(&desk->program, SIGKILL);
	program_wait(&desk->program);
	observer_close(&desk->host[0]);
	observer_close(&desk->host[1]);
}

static void start_qemu(struct desk *desk)
{
	qemu_start(&desk->qemu, devices);
}

static void pass_quietly(struct desk *desk)
{
	(void)desk;
	usleep(ROUTER_QUIET_US); /* time is what it waits for */
}

static void kill_qemu(struct desk *desk)
{
	qemu_kill(&desk->qemu, SIGKILL);
}

/*
 * Words of 'plays' are one report of a device each: "+a" presses, "-a" releases, "x+40,y-12" moves.
 * In what is seen, "~a" is a key that repeats by being held. 'says' is a part of evswitch's
 * message.
 */
struct step {
	const char *part; /* of the story, that begins here */
	const char *what;
	void (*act)(struct desk *desk);
	const char *plays, *host, *guest, *says;
	enum { ANY, NEUTRAL = 1, HELD = 2 } state; /* nothing is down; QEMU holds its devices */
};

#define CTRLS_DOWN "+leftctrl +rightctrl"
#define CTRLS_UP   "-rightctrl -leftctrl"
#define TO_GUEST                                                                                   \
	.what = "presses both Ctrl keys", .plays = CTRLS_DOWN " " CTRLS_UP,                        \
	.host = "+leftctrl -leftctrl", .says = "focus: vm"

static const struct step story[] = {
	{ "The host has the keyboard and the mouse", "types h, i", .plays = "+h -h +i -i",
	  .host = "+h -h +i -i" },
	{ .what = "moves the mouse and clicks",
	  .plays = "x+40,y-12 +btn_left -btn_left",
	  .host = "x+40 y-12 +btn_left -btn_left" },
	{ .what = "holds K and presses both Ctrl keys",
	  .plays = "+k " CTRLS_DOWN,
	  .host = "+k +leftctrl -leftctrl -k",
	  .says = "focus: vm",
	  .state = NEUTRAL },
	{ .what = "lets go of the keys", .plays = CTRLS_UP " -k", .state = NEUTRAL },

	{ "The guest has them", "types y, e, s", .plays = "+y -y +e -e +s -s",
	  .guest = "+y -y +e -e +s -s" },
	{ .what = "holds O until it repeats", .plays = "+o", .guest = "+o ~o" },
	{ .what = "lets go of O", .plays = "-o", .guest = "-o" },
	{ .what = "turns the volume up",
	  .plays = "+volumeup -volumeup",
	  .guest = "+volumeup -volumeup" },
	{ .what = "moves the mouse", .plays = "x-700,y+350 x+5", .guest = "x-700 y+350 x+5" },
	{ .what = "clicks left and on the side",
	  .plays = "+btn_left -btn_left +btn_side -btn_side",
	  .guest = "+left -left +side -side" },
	{ .what = "turns the wheel by three in one report",
	  .plays = "wheel+3,wheel_hi_res+360",
	  .guest = "wheel-up wheel-up wheel-up" },
	{ .what = "rolls from left Shift over to right Shift",
	  .plays = "+leftshift +rightshift -leftshift -rightshift",
	  .guest = "+shift -shift +shift_r -shift_r" },
	{ .what = "presses Shift and both Ctrl keys, with which QEMU itself would let go",
	  .plays = "+leftshift " CTRLS_DOWN " -leftctrl -rightctrl -leftshift",
	  .guest = "+shift +ctrl -ctrl +ctrl_r -ctrl_r -shift",
	  .state = HELD },
	{ .what = "types o, k", .plays = "+o -o +k -k", .guest = "+o -o +k -k" },

	{ "Back to the host with something held", "holds A and the left mouse button",
	  .plays = "+a +btn_left", .guest = "+a +left" },
	{ .what = "presses both Ctrl keys",
	  .plays = CTRLS_DOWN,
	  .guest = "+ctrl -ctrl -a -left",
	  .says = "focus: host",
	  .state = NEUTRAL },
	{ .what = "lets go of everything", .plays = CTRLS_UP " -a -btn_left", .state = NEUTRAL },
	{ .what = "types h, i", .plays = "+h -h +i -i", .host = "+h -h +i -i" },

	{ "The mouse is unplugged while the guest has it", TO_GUEST },
	{ .what = "holds the left mouse button", .plays = "+btn_left", .guest = "+left" },
	{ .what = "pulls the mouse's plug, button held",
	  .act = pull_mouse,
	  .guest = "-left",
	  .says = "is gone",
	  .state = NEUTRAL },
	{ .what = "plugs it in again", .act = plug_mouse, .says = "is grabbed", .state = HELD },
	{ .what = "moves the mouse and clicks",
	  .plays = "x+7,y+7 +btn_left -btn_left",
	  .guest = "x+7 y+7 +left -left" },

	{ "evswitch is killed while the guest has them", "holds A", .plays = "+a", .guest = "+a" },
	{ .what = "(kill -9 evswitch)", .act = kill_evswitch, .guest = "-a", .state = HELD },
	{ .what = "lets go of A", .plays = "-a" },
	{ .what = "(starts evswitch again)", .act = restart_evswitch, .state = HELD },
	{ TO_GUEST },
	{ .what = "types o, k", .plays = "+o -o +k -k", .guest = "+o -o +k -k", .state = NEUTRAL },

	{ "QEMU dies while the guest has them", "holds the right mouse button",
	  .plays = "+btn_right", .guest = "+right" },
	{ .what = "(kill -9 QEMU)", .act = kill_qemu },
	{ .what = "moves the mouse: this one report is lost, and shows that QEMU is",
	  .plays = "x+1,y+1",
	  .says = "back to the host",
	  .state = NEUTRAL },
	{ .what = "types x, which was meant for the guest, and lets go of the button",
	  .plays = "+x -x -btn_right",
	  .state = NEUTRAL },
	{ .what = "moves on", .plays = "x+2,y+2", .host = "x+2 y+2", .state = NEUTRAL },
	{ .what = "(half a second later)", .act = pass_quietly },
	{ .what = "presses both Ctrl keys: there is no guest",
	  .plays = CTRLS_DOWN " " CTRLS_UP,
	  .host = "+leftctrl -leftctrl",
	  .says = "cannot switch",
	  .state = NEUTRAL },
	{ .what = "(starts QEMU again)", .act = start_qemu, .state = HELD },

	{ "Panic", TO_GUEST },
	{ .what = "types g, o, and holds Shift",
	  .plays = "+g -g +o -o +leftshift",
	  .guest = "+g -g +o -o +shift" },
	{ .what = "presses the panic chord: Backspace, Esc and Enter",
	  .plays = "+backspace +esc +enter",
	  .guest = "+backspace +esc -esc -backspace -shift",
	  .says = "panic chord: the host",
	  .state = NEUTRAL },
	{ .what = "lets go of the keys",
	  .plays = "-backspace -esc -enter -leftshift",
	  .state = NEUTRAL },
	{ .what = "types o, k", .plays = "+o -o +k -k", .host = "+o -o +k -k" },
};

/* --- playing ----------------------------------------------------------------------------- */

static unsigned code_named(unsigned type, const char *prefix, const char *name)
{
	char full[64];
	int code;

	snprintf(full, sizeof(full), "%s%s", prefix, name);
	for (char *c = full; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	code = libevdev_event_code_from_name(type, full);
	if (code < 0)
		fail_msg("the story plays an unknown code %s", full);
	return (unsigned)code;
}

static void play_key(struct desk *desk, const char *word)
{
	bool button = strncmp(word + 1, "btn_", 4) == 0;

	puppet_key(button ? &desk->mouse : &desk->keyboard,
		   code_named(EV_KEY, button ? "" : "KEY_", word + 1), *word == '+');
}

static void play_motion(struct desk *desk, char *word)
{
	struct input_event ev[4] = { 0 };
	unsigned n = 0;
	char *axis;

	while ((axis = strsep(&word, ",")) && n < ARRAY_SIZE(ev)) {
		char name[32];

		ev[n].type = EV_REL;
		assert_int_equal(sscanf(axis, "%31[a-z_]%d", name, &ev[n].value), 2);
		ev[n++].code = (uint16_t)code_named(EV_REL, "REL_", name);
	}
	puppet_play(&desk->mouse, ev, n);
}

static void play(struct desk *desk, const char *words)
{
	autofree char *copy = strdup(words);
	char *rest = copy, *word;

	while ((word = strsep(&rest, " "))) {
		if (*word == '+' || *word == '-')
			play_key(desk, word);
		else
			play_motion(desk, word);
	}
}

/* --- watching ---------------------------------------------------------------------------- */

struct sights {
	unsigned n;
	struct sight {
		char text[40];
		struct timeval time; /* the host's only */
		bool pointer;
	} sight[128];
};

static void host_event_text(const struct input_event *ev, char *text, size_t size)
{
	static const char sign[] = { '-', '+', '~' };
	const char *name = libevdev_event_code_get_name(ev->type, ev->code) ?: "unknown";
	char *c = text;

	if (strncmp(name, "KEY_", 4) == 0 || strncmp(name, "REL_", 4) == 0)
		name += 4;
	if (ev->type == EV_KEY)
		snprintf(text, size, "%c%s", sign[ev->value], name);
	else
		snprintf(text, size, "%s%+d", name, ev->value);
	for (; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

static struct sight *add_sight(struct sights *sights)
{
	assert_true(sights->n < ARRAY_SIZE(sights->sight));
	return &sights->sight[sights->n++];
}

/*
 * A held key repeats as often as its user is slow: once is enough, and only where it is the point.
 */
static bool is_tiresome(const struct sights *sights, const char *text, const char *expected)
{
	if (*text != '~')
		return false;
	return !strchr(expected, '~') ||
	       (sights->n && strcmp(sights->sight[sights->n - 1].text, text) == 0);
}

/* Two devices, one order: by the kernel's time. */
static void sort_last(struct sights *sights)
{
	struct sight *sight = sights->sight;

	for (unsigned i = sights->n - 1; i && timercmp(&sight[i].time, &sight[i - 1].time, <);
	     i--) {
		struct sight later = sight[i - 1];

		sight[i - 1] = sight[i];
		sight[i] = later;
	}
}

static void watch_host(struct desk *desk, struct sights *sights, const char *expected)
{
	struct seen seen;

	for (unsigned i = 0; i < ARRAY_SIZE(desk->host); i++) {
		while (observer_frame(&desk->host[i], &seen, 0)) {
			for (unsigned j = 0; j < seen.n; j++) {
				char text[40];

				host_event_text(&seen.ev[j], text, sizeof(text));
				if (is_tiresome(sights, text, expected))
					continue;
				*add_sight(sights) = (struct sight){ .time = seen.ev[j].time };
				memcpy(sights->sight[sights->n - 1].text, text, sizeof(text));
				sort_last(sights);
			}
		}
	}
}

/*
 * QEMU reads its devices in no order: keys come before what the pointer does. A click of the wheel
 * is a button for QEMU, which goes down and up at once.
 */
static void add_guest_sight(struct sights *sights, const struct qemu_event *event, const char *text)
{
	bool pointer = event->kind != QEMU_KEY;
	unsigned at = sights->n;

	if (strncmp(event->name, "wheel", 5) == 0 && event->value == 0 && sights->n) {
		struct sight *last = &sights->sight[sights->n - 1];

		if (*last->text == '+' && strcmp(last->text + 1, event->name) == 0) {
			memmove(last->text, last->text + 1, strlen(last->text));
			return;
		}
	}
	add_sight(sights);
	for (; !pointer && at && sights->sight[at - 1].pointer; at--)
		sights->sight[at] = sights->sight[at - 1];
	sights->sight[at] = (struct sight){ .pointer = pointer };
	snprintf(sights->sight[at].text, sizeof(sights->sight[at].text), "%s", text);
}

static void watch_guest(struct desk *desk, struct sights *sights, const char *expected)
{
	struct qemu_event event;

	while (desk->qemu.pid && qemu_event(&desk->qemu, &event, 0)) {
		char text[QEMU_NAME_MAX + 16];

		qemu_event_text(&event, text, sizeof(text));
		if (!is_tiresome(sights, text, expected))
			add_guest_sight(sights, &event, text);
	}
}

static void join(const struct sights *sights, char *text, size_t size)
{
	size_t used = 0;

	*text = '\0';
	for (unsigned i = 0; i < sights->n && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "",
					 sights->sight[i].text);
}

static unsigned count_words(const char *text)
{
	unsigned n = *text != '\0';

	for (; *text; text++)
		n += *text == ' ';
	return n;
}

/* Watches both sides until all that is expected came, and a while longer for what must not come. */
static void watch(struct desk *desk, const struct step *step, struct sights *host,
		  struct sights *guest)
{
	const char *host_expected = step->host ?: "", *guest_expected = step->guest ?: "";
	long end = now_ms() + WORLD_MS;
	bool complete = false;

	while (now_ms() < end) {
		struct pollfd in[] = { { .fd = desk->host[0].fd, .events = POLLIN },
				       { .fd = desk->host[1].fd, .events = POLLIN },
				       { .fd = desk->qemu.grown, .events = POLLIN } };

		watch_host(desk, host, host_expected);
		watch_guest(desk, guest, guest_expected);
		if (!complete && host->n >= count_words(host_expected) &&
		    guest->n >= count_words(guest_expected)) {
			complete = true;
			end = now_ms() + WORLD_QUIET_MS;
		}
		poll(in, desk->qemu.pid ? 3 : 2, complete ? WORLD_QUIET_MS : WORLD_MS);
	}
}

/* --- the transcript ---------------------------------------------------------------------- */

#define WHAT_WIDTH 40
#define SIDE_WIDTH 30
#define WIDTH      (4 + WHAT_WIDTH + 2 * (SIDE_WIDTH + 2))

enum paint { PLAIN, BOLD, DIM, RED, GREEN, CYAN };

static void paint(const struct desk *desk, enum paint paint)
{
	static const char *const codes[] = { "0", "1", "2", "1;31", "32", "36" };

	if (desk->colour)
		fprintf(desk->out, "\033[%sm", codes[paint]);
}

/* The length of the first line of text that is 'width' wide; *next is where the second begins. */
static int take_line(const char *text, size_t width, const char **next)
{
	size_t size = strlen(text);

	if (size > width) {
		for (size = width; size && text[size] != ' '; size--)
			;
		if (size == 0)
			size = width;
	}
	*next = text + size + (text[size] == ' ');
	return (int)size;
}

static void print_row(struct desk *desk, const char *number, const char *what, const char *host,
		      const char *guest)
{
	const char *cell[] = { what, host, guest };
	static const int from[] = { 4, 6 + WHAT_WIDTH, 8 + WHAT_WIDTH + SIDE_WIDTH };
	static const int width[] = { WHAT_WIDTH, SIDE_WIDTH, SIDE_WIDTH };

	do {
		int at = fprintf(desk->out, "%2s", number);

		for (unsigned i = 0; i < ARRAY_SIZE(cell); i++) {
			const char *text = cell[i];
			int size = take_line(text, (size_t)width[i], &cell[i]);

			if (size)
				at += fprintf(desk->out, "%*s%.*s", from[i] - at, "", size, text);
		}
		fputc('\n', desk->out);
		number = "";
	} while (*cell[0] || *cell[1] || *cell[2]);
	fflush(desk->out);
}

static void print_note(struct desk *desk, enum paint colour, const char *text)
{
	const char *indent = "    ";

	paint(desk, colour);
	do {
		const char *next;
		int size = take_line(text, (size_t)(WIDTH - 6), &next);

		fprintf(desk->out, "%s%.*s\n", indent, size, text);
		text = next;
		indent = "      ";
	} while (*text);
	paint(desk, PLAIN);
	fflush(desk->out);
}

/* --- the checks -------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void check(struct desk *desk, bool good,
							const char *format, ...)
{
	char text[1024];
	va_list args;

	desk->passed += good;
	desk->failed += !good;
	if (good)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	print_note(desk, RED, text);
}

/* Prints what evswitch said since the last step. A step that expects no message must bring none. */
static void check_messages(struct desk *desk, const struct step *step)
{
	struct program *program = &desk->program;
	bool said = program_says(program, step->says ?: "\x01", step->says ? WORLD_MS : 0);
	bool any = false;
	char *end;

	while ((end = strchr(program->log + desk->told, '\n'))) {
		*end = '\0';
		print_note(desk, CYAN, program->log + desk->told);
		*end = '\n';
		desk->told = (size_t)(end + 1 - program->log);
		any = true;
	}
	if (step->says)
		check(desk, said, "WRONG: evswitch should have said: %s", step->says);
	else
		check(desk, !any, "WRONG: evswitch should have said nothing");
}

/* The host's keys by the kernel, the guest's by QEMU's trace. */
static void check_neutral(struct desk *desk)
{
	unsigned host = observer_keys_down(&desk->host[0]) + observer_keys_down(&desk->host[1]);
	unsigned guest = desk->qemu.pid ? desk->qemu.n_down : 0;

	check(desk, host == 0, "WRONG: on the host, %u keys or buttons are still down", host);
	check(desk, guest == 0, "WRONG: in the guest, %u keys or buttons are still down", guest);
	paint(desk, DIM);
	print_row(desk, "", "", host ? "" : "nothing is down",
		  guest || !desk->qemu.pid ? "" : "nothing is down");
	paint(desk, PLAIN);
}

static void check_held(struct desk *desk)
{
	static const char *const nodes[] = { "keyboard", "media", "pointer" };
	unsigned held = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
		char path[64];
		bool grabbed;

		snprintf(path, sizeof(path), GUEST_NODE "%s", nodes[i]);
		grabbed = node_is_grabbed(path);
		check(desk, grabbed, "WRONG: QEMU does not hold %s", path);
		held += grabbed;
	}
	if (held < ARRAY_SIZE(nodes))
		return;
	paint(desk, DIM);
	print_row(desk, "", "", "", "QEMU holds its devices");
	paint(desk, PLAIN);
}

static void print_part(struct desk *desk, const char *part)
{
	fputc('\n', desk->out);
	print_note(desk, BOLD, part);
}

static void take_step(struct desk *desk, const struct step *step, unsigned number)
{
	const char *host_expected = step->host ?: "", *guest_expected = step->guest ?: "";
	struct sights host = { 0 }, guest = { 0 };
	char label[12], host_text[2048], guest_text[2048];

	if (step->part)
		print_part(desk, step->part);
	if (step->act)
		step->act(desk);
	if (step->plays)
		play(desk, step->plays);
	watch(desk, step, &host, &guest);
	join(&host, host_text, sizeof(host_text));
	join(&guest, guest_text, sizeof(guest_text));
	snprintf(label, sizeof(label), "%u", number);
	print_row(desk, label, step->what, *host_text ? host_text : "-",
		  *guest_text      ? guest_text
		  : desk->qemu.pid ? "-"
				   : "(no guest)");
	check(desk, strcmp(host_text, host_expected) == 0, "WRONG: the host should have seen: %s",
	      *host_expected ? host_expected : "nothing");
	check(desk, strcmp(guest_text, guest_expected) == 0,
	      "WRONG: the guest should have seen: %s",
	      *guest_expected ? guest_expected : "nothing");
	check_messages(desk, step);
	if (step->state & NEUTRAL)
		check_neutral(desk);
	if (step->state & HELD)
		check_held(desk);
}

/* --- start and end ----------------------------------------------------------------------- */

static void progress(struct desk *desk, const char *text)
{
	print_note(desk, DIM, text);
}

static void set_up(struct desk *desk)
{
	static const char *const nodes[] = { GUEST_NODE "keyboard", GUEST_NODE "media",
					     GUEST_NODE "pointer" };

	progress(desk, "plugging in a keyboard and a mouse, starting evswitch");
	puppet_plug(&desk->keyboard, PUPPET_KEYBOARD, "demo keyboard", "demo/keyboard", 0xc001);
	plug_mouse(desk);
	start_evswitch(desk);
	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		wait_for_file(nodes[i]);
	progress(desk, "starting QEMU on the guest's devices");
	start_qemu(desk);
	await_evswitch(desk);
}

static void print_head(struct desk *desk)
{
	fputs("\n    +a: A goes down   -a: A comes up   ~a: A is held and repeats   -: nothing\n\n",
	      desk->out);
	paint(desk, BOLD);
	print_row(desk, "", "what the user does", "what the host sees",
		  "what QEMU sees for the guest");
	paint(desk, PLAIN);
}

#define CIRCLE_FRAMES 2000

/* The histogram of a mouse that has time: each of its frames has arrived before the next is sent. */
static void show_stats(struct desk *desk)
{
	static char output[COMMAND_OUTPUT_MAX];
	static const int dx[] = { 3, 2, 0, -2, -3, -2, 0, 2 }, dy[] = { 0, 2, 3, 2, 0, -2, -3, -2 };
	unsigned arrived = 0;
	struct seen seen;

	print_part(
		desk,
		"The mouse moves in circles, and evswitch --stats says how long each frame took");
	for (unsigned i = 0; i < CIRCLE_FRAMES; i++) {
		puppet_move(&desk->mouse, dx[i % ARRAY_SIZE(dx)], dy[i % ARRAY_SIZE(dy)]);
		arrived += observer_frame(&desk->host[1], &seen, WORLD_MS);
	}
	check(desk, arrived == CIRCLE_FRAMES, "WRONG: only %u of %u frames arrived", arrived,
	      CIRCLE_FRAMES);
	check(desk, command_run("--stats", output) == 0, "WRONG: --stats fails");
	for (char *line, *rest = output; (line = strtok_r(rest, "\n", &rest));)
		print_note(desk, PLAIN, line);
}

static void tell_story(void **state)
{
	struct desk *desk = *state;
	int code;

	set_up(desk);
	print_head(desk);
	for (unsigned i = 0; i < ARRAY_SIZE(story); i++)
		take_step(desk, &story[i], i + 1);
	show_stats(desk);
	program_signal(&desk->program, SIGTERM);
	code = program_wait(&desk->program);
	print_part(desk, "The end");
	print_note(desk, PLAIN, "(evswitch is told to end)");
	check(desk, code == 0, "WRONG: it ended with %d", code);
	qemu_kill(&desk->qemu, SIGTERM);
}

/* What cmocka says itself would only be in the way, unless it is a failure. */
static FILE *divert_output(void)
{
	FILE *out = fdopen(dup(STDOUT_FILENO), "w");
	FILE *cmocka = tmpfile();

	if (!out || !cmocka || dup2(fileno(cmocka), STDOUT_FILENO) < 0 ||
	    dup2(fileno(cmocka), STDERR_FILENO) < 0)
		return NULL;
	return out;
}

static void print_diverted(FILE *out)
{
	char text[4096];
	ssize_t size;

	fflush(stdout);
	fflush(stderr);
	lseek(STDOUT_FILENO, 0, SEEK_SET);
	while ((size = read(STDOUT_FILENO, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)size, out);
}

int main(void)
{
	static struct desk desk;
	const struct CMUnitTest tests[] = { { "demo", tell_story, NULL, NULL, &desk } };
	int broken;

	desk.out = divert_output();
	if (!desk.out)
		return 125;
	desk.colour = getenv("DEMO_COLOUR") != NULL;
	broken = cmocka_run_group_tests(tests, NULL, NULL);
	if (broken) {
		print_diverted(desk.out);
		desk.failed++;
	}
	paint(&desk, desk.failed ? RED : GREEN);
	fprintf(desk.out, "\n%u passed, %u failed\n", desk.passed, desk.failed);
	paint(&desk, PLAIN);
	fflush(desk.out);
	return desk.failed != 0 || desk.passed == 0;
}
