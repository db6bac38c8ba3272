/* SPDX-License-Identifier: MIT */
/* The configuration: what is legal, and that each thing that is not gets its own message. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/input.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf/conf-hint.h"
#include "conf/conf-report.h"
#include "conf/conf.h"
#include "base/util.h"

static const struct conf_channel input_linux = { .name = "input-linux" };
static const struct conf_channel virtio_input = { .name = "virtio-input", .by_default = true };
static const struct conf_channel *const channels[] = { &input_linux, &virtio_input, NULL };

/* Where the corpus is: argv[1], by default as seen from the top of the source tree. */
static const char *corpus = "tests/conf";

/* What can be wrong: the formats of all calls of conf_report, read from the sources. */
static struct message {
	char format[512];
	bool provoked;
} messages[100] = { { "%u more errors from here on; fix those above first", false } };
static unsigned n_messages = 1;

/* A user without rights, for tests that run as root. */
#define NOBODY 65534

#define DEVICE "[device keyboard]\npath = /dev/input/event0\n"

/* ---- What was reported ---- */

#define FOUND_MAX (CONF_ERRORS_MAX + 1)

struct found {
	unsigned n;
	char text[FOUND_MAX][2048];
};

static void collect(void *ctx, const char *message)
{
	struct found *found = ctx;

	assert_true(found->n < FOUND_MAX);
	assert_null(strchr(message, '\n'));
	snprintf(found->text[found->n++], sizeof(found->text[0]), "%s", message);
}

/* "'%s' is not a valid name" -> "'*' is not a valid name", with everything else escaped that fnmatch would interpret. */
static void to_pattern(const char *format, char *pattern)
{
	for (; *format; format++) {
		if (*format == '%') {
			format += strcspn(format, "cdsux");
			*pattern++ = '*';
			continue;
		}
		if (strchr("[]*?\\", *format))
			*pattern++ = '\\';
		*pattern++ = *format;
	}
	*pattern = '\0';
}

/* Marks the one message that this text was made of. */
static void mark_provoked(const char *text)
{
	unsigned matches = 0;

	for (unsigned i = 0; i < n_messages; i++) {
		char pattern[1024];

		to_pattern(messages[i].format, pattern);
		if (fnmatch(pattern, text, 0) != 0)
			continue;
		messages[i].provoked = true;
		matches++;
	}
	if (matches != 1)
		fail_msg("%u messages look like this one: %s", matches, text);
}

/* The text after "FILE:LINE: " or "FILE: ". */
static const char *text_of(const char *message, const char *file)
{
	const char *text = message + strlen(file);

	assert_memory_equal(message, file, strlen(file));
	text = strstr(text, ": ");
	assert_non_null(text);
	return text + 2;
}

static void mark_all(const struct found *found, const char *file)
{
	for (unsigned i = 0; i < found->n; i++)
		mark_provoked(text_of(found->text[i], file));
}

/* ---- Parsing, and what must come of it ---- */

static struct conf *parse_good_bytes(const char *text, size_t size)
{
	struct found found = { 0 };
	struct conf *conf = NULL;
	int error = conf_parse("good", text, size, channels, collect, &found, &conf);

	if (found.n > 0)
		fail_msg("%s", found.text[0]);
	assert_int_equal(error, 0);
	assert_non_null(conf);
	return conf;
}

static struct conf *parse_good(const char *text)
{
	return parse_good_bytes(text, strlen(text));
}

static void parse_bad_bytes(const char *text, size_t size, struct found *found)
{
	struct conf *conf = NULL;

	found->n = 0;
	assert_int_equal(conf_parse("bad", text, size, channels, collect, found, &conf), -EINVAL);
	assert_null(conf);
	assert_true(found->n > 0);
	mark_all(found, "bad");
}

/* Exactly one finding, which begins so. */
static void assert_finds(const char *text, size_t size, const char *expected)
{
	static struct found found;

	parse_bad_bytes(text, size, &found);
	if (found.n != 1)
		fail_msg("%u findings, the second is: %s", found.n, found.text[1]);
	if (strncmp(found.text[0], expected, strlen(expected)) != 0)
		fail_msg("found:    %s\nexpected: %s", found.text[0], expected);
}

static char *slurp(const char *path, size_t *size)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = malloc(CONF_FILE_MAX + 1);
	ssize_t got;

	assert_true(fd >= 0);
	assert_non_null(text);
	got = read(fd, text, CONF_FILE_MAX);
	assert_true(got >= 0);
	*size = (size_t)got;
	text[got] = '\0';
	return text;
}

static void assert_chord(const struct chord *chord, unsigned n, ...)
{
	va_list args;

	assert_int_equal(chord->n, n);
	va_start(args, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(chord->code[i], va_arg(args, int));
	va_end(args);
}

/* ---- The corpus ---- */

#define EXPECT "# expect: "

/* Counts the findings that are "FILE:LINE: ...SUBSTRING..." as an expect line says. */
static unsigned count_as_expected(const struct found *found, const char *file, const char *expect,
				  bool *used)
{
	char prefix[1024];
	char *substring;
	unsigned long line = strtoul(expect, &substring, 10);

	snprintf(prefix, sizeof(prefix), "%s:%lu: ", file, line);
	substring += strspn(substring, ": ");
	for (unsigned i = 0; i < found->n; i++) {
		if (used[i] || strncmp(found->text[i], prefix, strlen(prefix)) != 0 ||
		    !strstr(found->text[i] + strlen(prefix), substring))
			continue;
		used[i] = true;
		return 1;
	}
	fail_msg("%s: not found: %lu: %s", file, line, substring);
	return 0;
}

static void check_bad_file(const char *path)
{
	static struct found found;
	bool used[FOUND_MAX] = { false };
	struct conf *conf = NULL;
	autofree char *text = NULL;
	char *rest, *line;
	unsigned expected = 0;
	size_t size;

	found.n = 0;
	assert_int_equal(conf_load(path, channels, collect, &found, &conf), -EINVAL);
	assert_null(conf);
	mark_all(&found, path);
	text = slurp(path, &size);
	for (rest = text; (line = strsep(&rest, "\n"));)
		if (strncmp(line, EXPECT, strlen(EXPECT)) == 0)
			expected += count_as_expected(&found, path, line + strlen(EXPECT), used);
	for (unsigned i = 0; i < found.n; i++)
		if (!used[i])
			fail_msg("not expected: %s", found.text[i]);
	assert_int_equal(expected, found.n);
}

static void check_good_file(const char *path)
{
	struct found found = { 0 };
	struct conf *conf = NULL;
	int error = conf_load(path, channels, collect, &found, &conf);

	if (error)
		fail_msg("%s: %d: %s", path, error, found.n ? found.text[0] : "");
	assert_true(conf->n_devices > 0);
	conf_free(conf);
}

static unsigned walk(const char *below, const char *pattern, void (*check)(const char *path))
{
	char dir[512];
	struct dirent **entries;
	int n;
	unsigned checked = 0;

	snprintf(dir, sizeof(dir), "%s/%s", corpus, below);
	n = scandir(dir, &entries, NULL, alphasort);
	if (n < 0)
		fail_msg("%s: %s (run from the top of the source tree)", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[1024];

		snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
		free(entries[i]);
		if (fnmatch(pattern, path, 0) != 0)
			continue;
		check(path);
		checked++;
	}
	free(entries);
	return checked;
}

/* Appends the string literal at 'at' to the format; returns what follows it. */
static const char *read_literal(const char *at, char *format)
{
	char *end = format + strlen(format);

	for (at++; *at != '"'; at++)
		*end++ = *at == '\\' ? *++at : *at;
	*end = '\0';
	return at + 1;
}

static void read_messages(const char *path)
{
	size_t size;
	autofree char *text = slurp(path, &size);
	const char *at = text;

	while ((at = strstr(at, "conf_report("))) {
		at += strcspn(at, "\";");
		if (*at != '"')
			continue;
		assert_true(n_messages < ARRAY_SIZE(messages));
		do
			at = read_literal(at, messages[n_messages].format);
		while (*(at += strspn(at, "\t\n ")) == '"');
		n_messages++;
	}
}

static int read_all_messages(void **state)
{
	(void)state;
	return walk("../../src/conf", "*.c", read_messages) > 0 ? 0 : -1;
}

static void bad_corpus(void **state)
{
	(void)state;
	assert_true(walk("bad", "*.conf", check_bad_file) >= 40);
}

static void good_corpus(void **state)
{
	(void)state;
	assert_true(walk("good", "*.conf", check_good_file) >= 5);
}

/* The example is what users begin with. */
static void example_is_good(void **state)
{
	char path[1024];

	(void)state;
	snprintf(path, sizeof(path), "%s/../../conf/evswitch.conf", corpus);
	check_good_file(path);
}

/* ---- What is legal ---- */

static void defaults(void **state)
{
	struct conf *conf = parse_good(DEVICE "[guest win10]");

	(void)state;
	assert_chord(&conf->toggle, 2, KEY_LEFTCTRL, KEY_RIGHTCTRL);
	assert_chord(&conf->panic, 3, KEY_BACKSPACE, KEY_ESC, KEY_ENTER);
	assert_int_equal(conf->start, 0);
	assert_int_equal(conf->host_hotkey.n, 0);
	assert_true(keyset_empty(&conf->always));
	assert_int_equal(conf->n_devices, 1);
	assert_string_equal(conf->devices[0].name, "keyboard");
	assert_string_equal(conf->devices[0].path, "/dev/input/event0");
	assert_null(conf->devices[0].match_name);
	assert_false(conf->devices[0].has_id);
	assert_int_equal(conf->devices[0].line, 1);
	assert_int_equal(conf->n_guests, 1);
	assert_string_equal(conf->guests[0].name, "win10");
	assert_ptr_equal(conf->guests[0].via, channels[1]);
	assert_int_equal(conf->guests[0].os, CONF_OS_OTHER);
	assert_int_equal(conf->guests[0].hotkey.n, 0);
	assert_null(conf->guests[0].on_enter);
	assert_null(conf->guests[0].on_lost);
	assert_false(conf->guests[0].locks_follow);
	assert_int_equal(conf->guests[0].clipboard, CONF_CLIPBOARD_UNSET);
	assert_int_equal(conf->guests[0].clipboard_direction, CONF_CLIPBOARD_BOTH);
	assert_null(conf->guests[0].run_while);
	assert_null(conf->on_refused);
	assert_null(conf->guests[0].libvirt);
	assert_null(conf->guests[0].qmp);
	assert_null(conf->socket_dir);
	assert_int_equal(conf->guests[0].line, 3);
	conf_free(conf);
}

static void every_setting(void **state)
{
	struct conf *conf = parse_good("[evswitch]\n"
				       "toggle = scrolllock\n"
				       "panic = f11 + KEY_F12\n"
				       "start = linux\n"
				       "socket-dir = /run/evswitch\n"
				       "on-refused = echo refused\n"
				       "[device mouse]\n"
				       "name = 2.4G Mouse #2; wireless\n"
				       "id = 046D:c52b\n"
				       "phys = usb-0000:00:14.0-1/input0\n"
				       "uniq = aa:bb:cc:dd:ee:ff\n"
				       "remap = btn_side:leftmeta, capslock : leftctrl\n"
				       "[host]\n"
				       "hotkey = rightctrl+f1\n"
				       "always = mute, volumeup\n"
				       "[guest win10]\n"
				       "via = input-linux\n"
				       "os = windows\n"
				       "hotkey = rightctrl+f2\n"
				       "libvirt = win-10_a.b+c:d@e\n"
				       "on-enter = echo in = 1;true\n"
				       "on-leave = echo \"out\" # no comment\n"
				       "on-lost = echo lost\n"
				       "while = sleep infinity\n"
				       "locks = follow\n"
				       "[guest linux]\n"
				       "os = linux\n"
				       "qmp = /run/user/1000/a b.qmp\n"
				       "[guest bsd]\n"
				       "os = other\n");
	const struct conf_device *mouse = &conf->devices[0];
	const struct conf_guest *win = &conf->guests[0];

	(void)state;
	assert_chord(&conf->toggle, 1, KEY_SCROLLLOCK);
	assert_chord(&conf->panic, 2, KEY_F11, KEY_F12);
	assert_int_equal(conf->start, 2);
	assert_string_equal(mouse->match_name, "2.4G Mouse #2; wireless");
	assert_true(mouse->has_id);
	assert_int_equal(mouse->vendor, 0x046d);
	assert_int_equal(mouse->product, 0xc52b);
	assert_string_equal(mouse->phys, "usb-0000:00:14.0-1/input0");
	assert_string_equal(mouse->uniq, "aa:bb:cc:dd:ee:ff");
	assert_int_equal(mouse->remap.n, 2);
	assert_int_equal(remap_code(&mouse->remap, BTN_SIDE), KEY_LEFTMETA);
	assert_int_equal(remap_code(&mouse->remap, KEY_CAPSLOCK), KEY_LEFTCTRL);
	assert_chord(&conf->host_hotkey, 2, KEY_RIGHTCTRL, KEY_F1);
	assert_true(keyset_has(&conf->always, KEY_MUTE));
	assert_true(keyset_has(&conf->always, KEY_VOLUMEUP));
	assert_false(keyset_has(&conf->always, KEY_VOLUMEDOWN));
	assert_ptr_equal(win->via, channels[0]);
	assert_int_equal(win->os, CONF_OS_WINDOWS);
	assert_chord(&win->hotkey, 2, KEY_RIGHTCTRL, KEY_F2);
	assert_string_equal(win->on_enter, "echo in = 1;true");
	assert_string_equal(win->on_leave, "echo \"out\" # no comment");
	assert_true(win->locks_follow);
	assert_string_equal(win->on_lost, "echo lost");
	assert_string_equal(win->run_while, "sleep infinity");
	assert_string_equal(conf->on_refused, "echo refused");
	assert_string_equal(conf->socket_dir, "/run/evswitch");
	assert_string_equal(win->libvirt, "win-10_a.b+c:d@e");
	assert_null(win->qmp);
	assert_int_equal(conf->guests[1].os, CONF_OS_LINUX);
	assert_string_equal(conf->guests[1].qmp, "/run/user/1000/a b.qmp");
	assert_null(conf->guests[1].libvirt);
	assert_int_equal(conf->guests[2].os, CONF_OS_OTHER);
	conf_free(conf);
}

/* A leading blank continues no line, ' ;' begins a comment, '#' only begins one at the start. */
static void blanks_and_comments(void **state)
{
	struct conf *conf = parse_good("; one\n# two\n\n \t\n"
				       "  [device a] ; three\n"
				       "\tname =  a  b # c  ; four\n"
				       "   phys=x;y\t \n"
				       "\t; five\n"
				       "  # six = seven\n"
				       " [ guest\t \tb ];eight\n"
				       "[ host ]");

	(void)state;
	assert_string_equal(conf->devices[0].match_name, "a  b # c");
	assert_string_equal(conf->devices[0].phys, "x;y");
	assert_string_equal(conf->guests[0].name, "b");
	conf_free(conf);
}

static void bom_and_crlf(void **state)
{
	struct conf *conf = parse_good("\xef\xbb\xbf[device a]\r\nname = b\r\n\r\n[guest c]\r\n"
				       "on-enter = d\r\n\r");

	(void)state;
	assert_string_equal(conf->devices[0].match_name, "b");
	assert_string_equal(conf->guests[0].on_enter, "d");
	conf_free(conf);
}

/* inih takes 200 bytes and is handed a longer line in pieces: none may lose or add a byte. */
static void assert_survives(const char *value)
{
	char text[CONF_LINE_MAX + 200];
	struct conf *conf;

	snprintf(text, sizeof(text), DEVICE "[guest a]\non-enter = %s\n  on-leave = z \n", value);
	conf = parse_good(text);
	assert_string_equal(conf->guests[0].on_enter, value);
	assert_string_equal(conf->guests[0].on_leave, "z");
	conf_free(conf);
}

static void long_values(void **state)
{
	static const char *const fill[] = { "x",  "a ",   "x;",     "# ", "          ;", "\t",
					    "=:", "[a] ", "\u00fc", ";",  ";=\t[" };
	char value[CONF_LINE_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(fill); i++) {
		for (size_t size = 150; size < 980; size += 1 + size / 100) {
			size_t used = (size_t)snprintf(value, sizeof(value), "(");

			while (used + strlen(fill[i]) < size)
				used += (size_t)snprintf(value + used, sizeof(value) - used, "%s",
							 fill[i]);
			strcpy(value + used, ")");
			if (!strstr(value, " ;") && !strstr(value, "\t;"))
				assert_survives(value);
		}
	}
}

static void long_line_is_cut_by_comment(void **state)
{
	char text[CONF_LINE_MAX + 100];
	struct conf *conf;

	(void)state;
	snprintf(text, sizeof(text), "[device a]\nname = b ;%0900d\nphys = c\n", 0);
	conf = parse_good(text);
	assert_string_equal(conf->devices[0].match_name, "b");
	assert_string_equal(conf->devices[0].phys, "c");
	conf_free(conf);
}

/* The channels are the caller's: the default is the first where none of them says that it is. */
static void other_channels(void **state)
{
	static const struct conf_channel null = { .name = "null" }, empty = { .name = "void" };
	static const struct conf_channel *const other[] = { &null, &empty, NULL };
	static const char text[] = DEVICE "[guest a]\n[guest b]\nvia = void\n";
	struct found found = { 0 };
	struct conf *conf = NULL;

	(void)state;
	assert_int_equal(conf_parse("f", text, strlen(text), other, collect, &found, &conf), 0);
	assert_ptr_equal(conf->guests[0].via, other[0]);
	assert_ptr_equal(conf->guests[1].via, other[1]);
	conf_free(conf);
}

/* A channel may have no other way to the guest than the monitor. */
static void via_qmp(void **state)
{
	static const struct conf_channel qmp = { .name = "qmp", .needs_qmp = true };
	static const struct conf_channel *const with_qmp[] = { &virtio_input, &qmp, NULL };
	static const char good[] = DEVICE "[guest a]\nvia = qmp\nqmp = /run/a.qmp\n";
	static const char bad[] = DEVICE "[guest a]\nvia = qmp\nlibvirt = a\n[guest b]\n";
	struct found found = { 0 };
	struct conf *conf = NULL;

	(void)state;
	assert_int_equal(conf_parse("f", good, strlen(good), with_qmp, collect, &found, &conf), 0);
	assert_ptr_equal(conf->guests[0].via, &qmp);
	conf_free(conf);
	assert_int_equal(conf_parse("f", bad, strlen(bad), with_qmp, collect, &found, &conf),
			 -EINVAL);
	assert_int_equal(found.n, 1);
	assert_memory_equal(found.text[0], "f:3: [guest a] has via = qmp", 28);
	mark_all(&found, "f");
}

static void clipboards(void **state)
{
	struct conf *conf = parse_good(DEVICE "[guest a]\nclipboard = no\n"
					      "[guest b]\nclipboard = focus\n"
					      "clipboard-direction = both\n"
					      "[guest c]\nclipboard = always\n"
					      "clipboard-direction = to-guest\n"
					      "[guest d]\nclipboard-direction = from-guest\n");
	const struct conf_guest *guests = conf->guests;

	(void)state;
	assert_int_equal(guests[0].clipboard, CONF_CLIPBOARD_NO);
	assert_false(conf_guest_asks_clipboard(&guests[0]));
	assert_int_equal(guests[1].clipboard, CONF_CLIPBOARD_FOCUS);
	assert_int_equal(guests[1].clipboard_direction, CONF_CLIPBOARD_BOTH);
	assert_true(conf_guest_asks_clipboard(&guests[1]));
	assert_int_equal(guests[2].clipboard, CONF_CLIPBOARD_ALWAYS);
	assert_int_equal(guests[2].clipboard_direction, CONF_CLIPBOARD_TO_GUEST);
	assert_true(conf_guest_asks_clipboard(&guests[2]));
	assert_int_equal(guests[3].clipboard, CONF_CLIPBOARD_UNSET);
	assert_int_equal(guests[3].clipboard_direction, CONF_CLIPBOARD_FROM_GUEST);
	assert_false(conf_guest_asks_clipboard(&guests[3]));
	conf_free(conf);
}

/* Every socket of a guest with the longest name fits below the longest socket-dir. */
static void socket_paths_fit(void **state)
{
	char path[CONF_SOCKET_MAX + 64];
	int size = snprintf(path, sizeof(path), "%*s/%*s-clipboard.sock", CONF_SOCKET_DIR_MAX, "",
			    CONF_NAME_MAX, "");

	(void)state;
	assert_int_equal(size, CONF_SOCKET_MAX);
	assert_int_equal(CONF_SOCKET_MAX, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
}

static void free_nothing(void **state)
{
	(void)state;
	conf_free(NULL);
}

/* ---- What no file with comments can show ---- */

static void bytes_that_are_no_text(void **state)
{
	static const struct {
		const char *line, *expected;
		size_t size;
	} cases[] = {
#define CASE(line, expected) { line, expected, sizeof(line) - 1 }
		CASE("a\0b", "bad:3: control character \\x00"),
		CASE("\x1b[31m", "bad:3: control character \\x1b"),
		CASE("# \x7f", "bad:3: control character \\x7f"),
		CASE("a\rb", "bad:3: control character \\x0d"),
		CASE("\v", "bad:3: control character \\x0b"),
		CASE("# caf\xe9 au lait", "bad:3: byte \\xe9 is not valid UTF-8"),
		CASE("\x80", "bad:3: byte \\x80"),
		CASE("\xc0\xaf", "bad:3: byte \\xc0"),
		CASE("\xe0\x80\xaf", "bad:3: byte \\xe0"),
		CASE("\xed\xa0\x80", "bad:3: byte \\xed"),
		CASE("\xf4\x90\x80\x80", "bad:3: byte \\xf4"),
		CASE("\xf8\x88\x80\x80\x80", "bad:3: byte \\xf8"),
		CASE("\xe2\x82", "bad:3: byte \\xe2"),
		CASE("\xff\xfe", "bad:3: byte \\xff"),
		CASE("\xef\xbb\xbf[host]", "bad:3: a byte order mark within the file"),
		CASE("name\xef\xbb\xbf = x", "bad:3: a byte order mark within the file"),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[200] = DEVICE;
		size_t used = strlen(text);

		memcpy(text + used, cases[i].line, cases[i].size);
		assert_finds(text, used + cases[i].size, cases[i].expected);
		strcpy(text + used + cases[i].size, "\n[host]\n");
		assert_finds(text, used + cases[i].size + strlen("\n[host]\n"), cases[i].expected);
	}
}

static void valid_utf8(void **state)
{
	conf_free(parse_good(DEVICE "# \u00e9\u20ac\U0001f600 \xf4\x8f\xbf\xbf\n"));
	(void)state;
}

static void long_lines(void **state)
{
	char text[2 * CONF_LINE_MAX];
	size_t used = strlen(DEVICE);

	(void)state;
	strcpy(text, DEVICE);
	memset(text + used, '#', CONF_LINE_MAX + 1);
	conf_free(parse_good_bytes(text, used + CONF_LINE_MAX));
	strcpy(text + used + CONF_LINE_MAX, "\r\n");
	conf_free(parse_good(text));
	text[used + CONF_LINE_MAX] = '#';
	assert_finds(text, used + CONF_LINE_MAX + 1, "bad:3: the line has 1001 bytes; 1000");
}

/* A setting's name of any length is unknown once, and what is behind it is not taken for another line. */
static void long_names(void **state)
{
	static const size_t values[] = { 1, 150, 600 };
	char text[2 * CONF_LINE_MAX];

	(void)state;
	for (size_t v = 0; v < ARRAY_SIZE(values); v++)
		for (size_t size = 60; size < CONF_LINE_MAX - 601; size += size < 70 ? 1 : 37) {
			size_t used = (size_t)snprintf(text, sizeof(text), DEVICE "path");

			memset(text + used, 'h', size - 4);
			used += size - 4;
			strcpy(text + used, "= ");
			memset(text + used + 2, 'x', values[v]);
			assert_finds(text, used + 2 + values[v],
				     "bad:3: unknown setting 'pathhhhh");
		}
}

/* Findings come by line though the checks across sections run last, and the first 20 lines win. */
static void sorted_and_bounded(void **state)
{
	static struct found found;
	char text[4096] = "[device a]\n[evswitch]\ntoggle = f1\n[host]\nhotkey = f1\n";

	(void)state;
	for (int i = 0; i < 30; i++)
		strcat(text, "word\n");
	parse_bad_bytes(text, strlen(text), &found);
	assert_int_equal(found.n, CONF_ERRORS_MAX + 1);
	assert_non_null(strstr(found.text[0], "bad:1: [device a] does not say"));
	assert_non_null(strstr(found.text[1], "bad:5: 'hotkey' of [host]"));
	assert_non_null(strstr(found.text[2], "bad:6: no '='"));
	assert_non_null(strstr(found.text[19], "bad:23: no '='"));
	assert_string_equal(found.text[20],
			    "bad:24: 12 more errors from here on; fix those above first");
}

static void binary_file(void **state)
{
	static struct found found;
	static char text[CONF_FILE_MAX];
	unsigned seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(rand_r(&seed) >> 3);
	parse_bad_bytes(text, sizeof(text), &found);
	assert_int_equal(found.n, CONF_ERRORS_MAX + 1);
}

/* ---- Files ---- */

struct sandbox {
	char dir[64], path[128];
};

static struct sandbox make_sandbox(void)
{
	struct sandbox box = { .dir = "/tmp/evswitch-test-conf.XXXXXX" };

	assert_non_null(mkdtemp(box.dir));
	snprintf(box.path, sizeof(box.path), "%s/file", box.dir);
	return box;
}

static void remove_sandbox(const struct sandbox *box)
{
	remove(box->path);
	assert_int_equal(rmdir(box->dir), 0);
}

static void assert_unreadable(const char *path, int error, const char *expected)
{
	struct found found = { 0 };
	struct conf *conf = NULL;
	char message[1024];

	alarm(5); /* it must not wait for a writer */
	assert_int_equal(conf_load(path, channels, collect, &found, &conf), error);
	alarm(0);
	assert_null(conf);
	assert_int_equal(found.n, 1);
	snprintf(message, sizeof(message), "%s: %s", path, expected);
	assert_memory_equal(found.text[0], message, strlen(message));
	mark_all(&found, path);
}

static void files_that_are_none(void **state)
{
	struct sandbox box = make_sandbox();

	(void)state;
	assert_unreadable(box.path, -ENOENT,
			  "cannot be read: No such file or directory; use -c FILE");
	assert_unreadable(box.dir, -EISDIR, "is a directory;");
	assert_int_equal(mkfifo(box.path, 0600), 0);
	assert_unreadable(box.path, -ENOTSUP, "is not a regular file;");
	assert_unreadable("/dev/zero", -ENOTSUP, "is not a regular file;");
	remove_sandbox(&box);
}

static void file_without_permission(void **state)
{
	struct sandbox box = make_sandbox();
	int fd = open(box.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(seteuid(geteuid() == 0 ? NOBODY : geteuid()), 0);
	assert_unreadable(box.path, -EACCES, "cannot be read: Permission denied");
	assert_int_equal(seteuid(getuid()), 0);
	remove_sandbox(&box);
}

static void write_file(const char *path, const char *start, size_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(start, file);
	for (size_t i = strlen(start); i < size; i++)
		fputc(i % 500 == 0 ? '\n' : '#', file);
	assert_int_equal(fclose(file), 0);
}

static void big_files(void **state)
{
	struct sandbox box = make_sandbox();

	(void)state;
	write_file(box.path, DEVICE, CONF_FILE_MAX);
	check_good_file(box.path);
	write_file(box.path, DEVICE, CONF_FILE_MAX + 1);
	assert_unreadable(box.path, -EFBIG, "is larger than 262144 bytes;");
	remove_sandbox(&box);
}

static void default_path(void **state)
{
	struct sandbox box = make_sandbox();
	char path[512], expected[512], dir[256];

	(void)state;
	setenv("XDG_CONFIG_HOME", box.dir, 1);
	conf_default_path(path, sizeof(path));
	assert_string_equal(path, "/etc/evswitch/evswitch.conf");

	snprintf(dir, sizeof(dir), "%s/evswitch", box.dir);
	snprintf(expected, sizeof(expected), "%s/evswitch.conf", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	write_file(expected, DEVICE, 0);
	conf_default_path(path, sizeof(path));
	assert_string_equal(path, expected);
	conf_default_path(path, 28);
	assert_string_equal(path, "/etc/evswitch/evswitch.conf");

	setenv("XDG_CONFIG_HOME", "relative", 1);
	setenv("HOME", "/nonexistent", 1);
	conf_default_path(path, sizeof(path));
	assert_string_equal(path, "/etc/evswitch/evswitch.conf");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	conf_default_path(path, sizeof(path));
	assert_string_equal(path, "/etc/evswitch/evswitch.conf");
	remove(expected);
	rmdir(dir);
	remove_sandbox(&box);
}

static void default_path_in_home(void **state)
{
	struct sandbox box = make_sandbox();
	char path[512], expected[512], config[128], dir[256];

	(void)state;
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", box.dir, 1);
	snprintf(config, sizeof(config), "%s/.config", box.dir);
	snprintf(dir, sizeof(dir), "%s/evswitch", config);
	snprintf(expected, sizeof(expected), "%s/evswitch.conf", dir);
	assert_int_equal(mkdir(config, 0700), 0);
	assert_int_equal(mkdir(dir, 0700), 0);
	write_file(expected, DEVICE, 0);
	conf_default_path(path, sizeof(path));
	assert_string_equal(path, expected);
	remove(expected);
	rmdir(dir);
	rmdir(config);
	remove_sandbox(&box);
}

/* ---- Robustness ---- */

static void ignore(void *ctx, const char *message)
{
	(void)ctx;
	(void)message;
}

/* Whatever is changed in a good file, it is read or refused, with a reason, and nothing leaks. */
static void mutated_files(void **state)
{
	static const char spice[] = "[]=:;#+,\n\r\0\x01\xff\xc3 \t";
	char path[512];
	autofree char *text = NULL;
	size_t size;
	unsigned seed = 7;

	(void)state;
	snprintf(path, sizeof(path), "%s/good/full.conf", corpus);
	text = slurp(path, &size);
	for (int round = 0; round < 2000; round++) {
		autofree char *copy = malloc(size);
		struct conf *conf = NULL;

		assert_non_null(copy);
		memcpy(copy, text, size);
		for (int i = 0; i < 1 + round % 8; i++)
			copy[(size_t)rand_r(&seed) % size] =
				spice[(size_t)rand_r(&seed) % (sizeof(spice) - 1)];
		conf_parse("f", copy, (size_t)rand_r(&seed) % size, channels, ignore, NULL, &conf);
		conf_free(conf);
	}
}

/* Must be the last: the tests before it provoke the messages. */
static void every_message_was_provoked(void **state)
{
	unsigned missing = 0;

	(void)state;
	for (unsigned i = 0; i < n_messages; i++) {
		if (messages[i].provoked)
			continue;
		print_error("no test provokes: %s\n", messages[i].format);
		missing++;
	}
	assert_int_equal(missing, 0);
}

/* The guest may stand below the device that is pinned to it. */
static void target_pins(void **state)
{
	struct conf *conf = parse_good("[device a]\npath = /dev/a\ntarget = two\n"
				       "[device b]\npath = /dev/b\ntarget = host\n"
				       "[device c]\npath = /dev/c\n"
				       "[guest one]\n[guest two]\n");

	(void)state;
	assert_int_equal(conf->devices[0].target, 2);
	assert_int_equal(conf->devices[1].target, 0);
	assert_int_equal(conf->devices[2].target, CONF_FREE);
	conf_free(conf);
}

static void hotkeys_of_parts(void **state)
{
	struct conf *conf = parse_good("[device a]\npath = /dev/a\n"
				       "[host]\nhotkey-keyboard = f1\nhotkey-pointer = f2\n"
				       "[guest one]\nhotkey-keyboard = f3\nhotkey-pointer = f4\n");

	(void)state;
	assert_chord(&conf->host_hotkey_part[CONF_KEYBOARDS], 1, KEY_F1);
	assert_chord(&conf->host_hotkey_part[CONF_POINTERS], 1, KEY_F2);
	assert_chord(&conf->guests[0].hotkey_part[CONF_KEYBOARDS], 1, KEY_F3);
	assert_chord(&conf->guests[0].hotkey_part[CONF_POINTERS], 1, KEY_F4);
	assert_int_equal(conf->guests[0].hotkey.n, 0);
	conf_free(conf);
}

/* ---- Reports ---- */

/* Full, then one at the last line, and one before all: the first lines are kept, the rest counted. */
static void full_report(void **state)
{
	struct conf_report report = { .file = "f" };
	struct found found = { 0 };
	char wanted[128];

	(void)state;
	for (unsigned i = 0; i < CONF_ERRORS_MAX; i++)
		conf_report(&report, 10 + i, "error %u", i);
	assert_true(conf_report_wants(&report, 10 + CONF_ERRORS_MAX - 2));
	assert_false(conf_report_wants(&report, 10 + CONF_ERRORS_MAX - 1));
	conf_report(&report, 10 + CONF_ERRORS_MAX - 1, "at the last line");
	conf_report(&report, 5, "first");
	assert_int_equal(conf_report_end(&report, collect, &found), -EINVAL);
	assert_int_equal(report.n, 0);
	assert_int_equal(found.n, CONF_ERRORS_MAX + 1);
	assert_string_equal(found.text[0], "f:5: first");
	for (unsigned i = 0; i + 1 < CONF_ERRORS_MAX; i++) {
		snprintf(wanted, sizeof(wanted), "f:%u: error %u", 10 + i, i);
		assert_string_equal(found.text[1 + i], wanted);
	}
	snprintf(wanted, sizeof(wanted), "f:%u: 2 more errors from here on; fix those above first",
		 10 + CONF_ERRORS_MAX - 1);
	assert_string_equal(found.text[CONF_ERRORS_MAX], wanted);
}

static void one_more_than_full(void **state)
{
	struct conf_report report = { .file = "f" };
	struct found found = { 0 };

	(void)state;
	for (unsigned i = 0; i <= CONF_ERRORS_MAX; i++)
		conf_report(&report, 0, "error %u", i);
	assert_int_equal(conf_report_end(&report, collect, &found), -EINVAL);
	assert_int_equal(found.n, CONF_ERRORS_MAX + 1);
	/* Of one line, the first comes first. */
	assert_string_equal(found.text[0], "f: error 0");
	assert_string_equal(found.text[1], "f: error 1");
	assert_string_equal(found.text[CONF_ERRORS_MAX],
			    "f: 1 more errors from here on; fix those above first");
}

static void nothing_to_report(void **state)
{
	struct conf_report report = { .file = "f" };
	struct found found = { 0 };

	(void)state;
	assert_int_equal(conf_report_end(&report, collect, &found), 0);
	assert_int_equal(found.n, 0);
}

/* ---- Comparing and finding ---- */

/* Whether the guests of both are the same. */
static bool same_guests(const char *a, const char *b)
{
	struct conf *first = parse_good(a), *second = parse_good(b);
	bool same = conf_same_guest(first, &first->guests[0], second, &second->guests[0]);

	conf_free(first);
	conf_free(second);
	return same;
}

static void same_guest(void **state)
{
	static const char head[] = "[device a]\npath = /dev/a\n[guest one]\n";
	char texts[6][256];

	(void)state;
	snprintf(texts[0], sizeof(texts[0]), "%slibvirt = win\n", head);
	snprintf(texts[1], sizeof(texts[1]), "%slibvirt = lin\n", head);
	snprintf(texts[2], sizeof(texts[2]), "%sqmp = /run/q\n", head);
	snprintf(texts[3], sizeof(texts[3]), "%slibvirt = win\nvia = input-linux\n", head);
	snprintf(texts[4], sizeof(texts[4]), "%slibvirt = win\nos = windows\n", head);
	snprintf(texts[5], sizeof(texts[5]), "%sqmp = /run/r\n", head);
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(texts); k++)
			assert_int_equal(same_guests(texts[i], texts[k]), i == k);
	/* What is none of its devices or VM may differ. */
	assert_true(same_guests(texts[0], "[device a]\npath = /dev/a\n[guest two]\nlibvirt = win\n"
					  "hotkey = f1\non-enter = true\nlocks = follow\n"
					  "clipboard = no\nclipboard-direction = to-guest\n"));
}

static void same_sockets(void **state)
{
	struct conf *a = parse_good(DEVICE "[guest one]\n"),
		    *b = parse_good(DEVICE "[guest one]\n");

	(void)state;
	assert_true(conf_same_guest(a, &a->guests[0], b, &b->guests[0]));
	b->socket_dir = strdup("/run/other");
	assert_false(conf_same_guest(a, &a->guests[0], b, &b->guests[0]));
	assert_false(conf_same_guest(b, &b->guests[0], a, &a->guests[0]));
	conf_free(a);
	conf_free(b);
}

static void same_match(void **state)
{
	static const char *const matches[] = { "path = /dev/a",  "path = /dev/b", "name = a",
					       "phys = a",       "uniq = a",      "id = 0001:0002",
					       "id = 0001:0003", "id = 0002:0002" };

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(matches); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(matches); k++) {
			char text[128];
			struct conf *conf;

			snprintf(text, sizeof(text), "[device a]\n%s\n[device b]\n%s\n", matches[i],
				 i == k ? "path = /dev/c" : matches[k]);
			conf = parse_good(text);
			assert_false(conf_same_match(&conf->devices[0], &conf->devices[1]));
			assert_true(conf_same_match(&conf->devices[0], &conf->devices[0]));
			conf_free(conf);
		}
}

static void finds_by_name(void **state)
{
	struct conf *conf = parse_good("[device a]\npath = /dev/a\n[device b]\npath = /dev/b\n"
				       "[guest one]\n[guest two]\n");

	(void)state;
	assert_ptr_equal(conf_find_device(conf, "a"), &conf->devices[0]);
	assert_ptr_equal(conf_find_device(conf, "b"), &conf->devices[1]);
	assert_null(conf_find_device(conf, "c"));
	assert_null(conf_find_device(conf, "")); /* sections that are not there have no name */
	assert_ptr_equal(conf_find_guest(conf, "one"), &conf->guests[0]);
	assert_ptr_equal(conf_find_guest(conf, "two"), &conf->guests[1]);
	assert_null(conf_find_guest(conf, "a"));
	assert_null(conf_find_guest(conf, ""));
	assert_ptr_equal(conf_find_channel(channels, "input-linux"), &input_linux);
	assert_ptr_equal(conf_find_channel(channels, "virtio-input"), &virtio_input);
	assert_null(conf_find_channel(channels, "input"));
	conf_free(conf);
}

/* ---- Hints ---- */

static void hint_distances(void **state)
{
	static const struct {
		const char *typed, *word;
		bool near;
	} pairs[] = {
		{ "ab", "ab", true },
		{ "ab", "ac", false },
		{ "abc", "abd", true },
		{ "abc", "ade", false },
		{ "abcde", "abcdx", true },
		{ "abcde", "abcxy", false },
		{ "abcdef", "abcdxy", true },
		{ "abcdef", "abcxyz", false },
		{ "abcdefgh", "abcdefxy", true },
		{ "abcdefgh", "abcdexyz", false },
		{ "abcdefghi", "abcdefxyz", true },
		{ "abcdefghi", "abcdewxyz", false },
		{ "abcd", "abdc", true }, /* two that changed places are one step */
		{ "abcd", "badc", false },
		{ "ABCD", "abcd", true },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
		const char *words[] = { "zzzzzzzzzzzz", pairs[i].word };
		const char *hint = conf_hint_word(pairs[i].typed, words, 2);

		if ((hint == words[1]) != pairs[i].near)
			fail_msg("%s for %s", hint ? hint : "nothing", pairs[i].typed);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(every_setting),
		cmocka_unit_test(target_pins),
		cmocka_unit_test(hotkeys_of_parts),
		cmocka_unit_test(same_guest),
		cmocka_unit_test(same_sockets),
		cmocka_unit_test(same_match),
		cmocka_unit_test(finds_by_name),
		cmocka_unit_test(hint_distances),
		cmocka_unit_test(full_report),
		cmocka_unit_test(one_more_than_full),
		cmocka_unit_test(nothing_to_report),
		cmocka_unit_test(blanks_and_comments),
		cmocka_unit_test(bom_and_crlf),
		cmocka_unit_test(long_values),
		cmocka_unit_test(long_line_is_cut_by_comment),
		cmocka_unit_test(other_channels),
		cmocka_unit_test(via_qmp),
		cmocka_unit_test(clipboards),
		cmocka_unit_test(socket_paths_fit),
		cmocka_unit_test(free_nothing),
		cmocka_unit_test(good_corpus),
		cmocka_unit_test(example_is_good),
		cmocka_unit_test(bad_corpus),
		cmocka_unit_test(bytes_that_are_no_text),
		cmocka_unit_test(valid_utf8),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(long_names),
		cmocka_unit_test(sorted_and_bounded),
		cmocka_unit_test(binary_file),
		cmocka_unit_test(files_that_are_none),
		cmocka_unit_test(file_without_permission),
		cmocka_unit_test(big_files),
		cmocka_unit_test(default_path),
		cmocka_unit_test(default_path_in_home),
		cmocka_unit_test(mutated_files),
		cmocka_unit_test(every_message_was_provoked),
	};

	if (argc > 1)
		corpus = argv[1];
	return cmocka_run_group_tests(tests, read_all_messages, NULL);
}
