/* SPDX-License-Identifier: MIT */
/*
 * evswitch --setup on a terminal, with a keyboard and a mouse that are played, and a virsh and a systemctl
 * of the test's: what is asked, what is written and run, and that the configuration works.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/util.h"
#include "stage.h"

#define BY_ID "/dev/input/by-id/"
#define REAL                                                                                       \
	"<input type='evdev'>\n<source dev='" BY_ID "usb-Acme-event-kbd' grab='all'/>\n</input>\n"
#define LINUX                                                                                      \
	"<domain type='kvm'>\n<libosinfo:os id='http://debian.org/debian/12'/>\n<devices>\n" REAL  \
	"</devices>\n<qemu:arg value='input-linux,id=m,evdev=/dev/input/event77'/>\n</domain>\n"
#define WINDOWS "<domain type='kvm'>\n<features><hyperv mode='custom'/></features>\n</domain>\n"

static char dir[64], conf[320];
static struct stage stage;
static struct program setup;

/* --- the machine ---------------------------------------------------------------------------- */

static void put(const char *name, const char *text, mode_t mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* The file's text, or "" if there is none. */
static const char *get(const char *path)
{
	static char text[16384];
	FILE *file = fopen(path, "re");

	text[0] = '\0';
	if (file) {
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		fclose(file);
	}
	return text;
}

static const char *commands(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/log", dir);
	return get(path);
}

static void put_programs(void)
{
	char script[1024];

	snprintf(script, sizeof(script),
		 "#!/bin/sh\nPATH=/usr/bin:/bin\necho \"virsh $*\" >>%s/log\ncase $3 in\n"
		 "list) cat %s/names ;;\ndumpxml) cat %s/xml ;;\ndomstate) echo running ;;\n"
		 "version) echo 'Using library: libvirt 9.0.0' ;;\nevent) exec sleep 1000 ;;\n"
		 "domuuid) echo 4dea22b3-1d52-d8f3-2516-782e98ab3fa0 ;;\n"
		 "attach-device | detach-device) [ ! -e %s/refuses ] || { echo 'error: no'; exit "
		 "1; }\n"
		 "{ cat /dev/stdin; echo; } >>%s/log ;;\nesac\n",
		 dir, dir, dir, dir, dir);
	put("bin/virsh", script, 0755);
	snprintf(script, sizeof(script),
		 "#!/bin/sh\necho \"systemctl $*\" >>%s/log\necho ActiveState=inactive\n", dir);
	put("bin/systemctl", script, 0755);
}

static int set_up(void **state)
{
	char path[256];

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/evswitch-setup-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "mkdir -p %s/bin %s/home/.config/systemd/user", dir, dir);
	assert_int_equal(system(path), 0);
	put_programs();
	put("home/.config/systemd/user/evswitch.service", "[Unit]\n", 0644);
	put("names", "one\n", 0644);
	put("xml", LINUX, 0644);
	snprintf(path, sizeof(path), "%s/home", dir);
	setenv("HOME", path, 1);
	unsetenv("XDG_CONFIG_HOME");
	snprintf(conf, sizeof(conf), "%s/.config/evswitch/evswitch.conf", path);
	program_place();
	stage_plug(&stage);
	/* Of a device that udev has not announced, nothing is known yet. */
	assert_int_equal(system("udevadm settle -t 300"), 0);
	return 0;
}

static int tear_down(void **state)
{
	stage_unplug(&stage);
	return world_reset(state);
}

/* --- the user ------------------------------------------------------------------------------- */

static void start(const char *guest)
{
	const char *binary = getenv("EVSWITCH") ?: "build/evswitch";
	autofree char *before = strdup(getenv("PATH")), *whole = realpath(binary, NULL);
	char path[256];

	snprintf(path, sizeof(path), "%s/bin", dir);
	setenv("PATH", path, 1);
	program_exec_on_terminal(&setup, (const char *const[]){ whole, "--setup", guest, NULL });
	setenv("PATH", before, 1);
}

/* Waits for the question, and answers it. */
static void answer(const char *question, const char *text)
{
	program_expect(&setup, question);
	program_expect(&setup, "] ");
	program_type(&setup, text);
}

static void use_devices(void)
{
	program_expect(&setup, "Press a key");
	puppet_key(&stage.keyboard, KEY_A, 1);
	puppet_key(&stage.keyboard, KEY_A, 0);
	program_expect(&setup, "keyboard: ");
	puppet_key(&stage.mouse, BTN_LEFT, 1);
	puppet_key(&stage.mouse, BTN_LEFT, 0);
}

static void end(int status)
{
	assert_int_equal(program_wait(&setup), status);
}

static void assert_says(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in: %s", part, text);
}

static void assert_written(const char *guest)
{
	assert_says(get(conf), "[device keyboard]\nphys = test/keyboard\n");
	assert_says(get(conf), "[device mouse]\nphys = test/mouse\n");
	assert_says(get(conf), guest);
}

/* The configuration as it was written: a key reaches the guest's node. */
static void expect_it_works(void)
{
	autofree char *text = strdup(get(conf)), *before = strdup(getenv("PATH"));
	char path[512];

	snprintf(path, sizeof(path), "%s/bin:%s", dir, before);
	setenv("PATH", path, 1);
	stage_start(&stage, text);
	setenv("PATH", before, 1);
	stage_guest_up(&stage);
	stage_focus_guest(&stage);
	puppet_key(&stage.keyboard, KEY_B, 1);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_B, 1);
	puppet_key(&stage.keyboard, KEY_B, 0);
	observer_expect(&stage.guest_keyboard, EV_KEY, KEY_B, 0);
	program_stop(&stage.program);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void test_whole(void **state)
{
	(void)state;
	start("one");
	program_expect(&setup, "You may use the input devices.");
	use_devices();
	answer("Take these devices?", "\n");
	program_expect(&setup, "as the domain says: linux");
	answer("Write this?", "y\n");
	program_expect(&setup, "the real device " BY_ID "usb-Acme-event-kbd");
	answer("Remove it", "y\n");
	program_expect(&setup, "/dev/input/event77");
	program_expect(&setup, "edit one");
	answer("Which way?", "\n");
	answer("Try it now?", "y\n");
	program_expect(&setup, "is grabbed");
	program_expect(&setup, "is grabbed");
	program_type(&setup, "\x03");
	program_expect(&setup, "It ended as it should.");
	answer("Start evswitch now", "y\n");
	end(EX_OK);
	assert_written("[guest one]\nvia = virtio-input\nos = linux\nlibvirt = one\n");
	assert_says(commands(), "detach-device --domain one --file /dev/stdin --config\n" REAL);
	assert_null(strstr(commands(),
			   "attach-device --domain one --file /dev/stdin --config\n<input "
			   "type='passthrough'"));
	assert_says(commands(), "systemctl --user enable --now evswitch\n");
	expect_it_works();
}

static void test_again(void **state)
{
	autofree char *before = NULL;

	(void)state;
	test_whole(NULL);
	before = strdup(get(conf));
	observer_close(&stage.host_keyboard);
	observer_close(&stage.host_mouse);
	stage_guest_down(&stage);
	start(NULL);
	use_devices();
	answer("Go on with these?", "\n");
	answer("Which one?", "1\n");
	program_expect(&setup, "has [guest one] already");
	program_expect(&setup, "has all of this already");
	answer("Remove it", "n\n");
	answer("Which way?", "\n");
	answer("Try it now?", "n\n");
	answer("Start evswitch now", "n\n");
	end(EX_OK);
	assert_string_equal(get(conf), before);
}

static void test_permanently(void **state)
{
	(void)state;
	put("names", "one\ntwo words\n", 0644);
	put("xml", WINDOWS, 0644);
	start(NULL);
	use_devices();
	answer("Take these devices?", "y\n");
	answer("Which one?", "3\n");
	program_expect(&setup, "A number from 0 to 2?");
	program_type(&setup, "2\n");
	program_expect(&setup, "as the domain says: windows");
	answer("Are the virtio-win drivers", "maybe\n");
	program_expect(&setup, "y or n?");
	program_type(&setup, "n\n");
	program_expect(&setup, "via = input-linux");
	answer("Write this?", "y\n");
	answer("Which way?", "\n");
	answer("Add these three", "y\n");
	answer("Try it now?", "n\n");
	answer("Start evswitch now", "n\n");
	end(EX_OK);
	assert_written("[guest two-words]\nvia = input-linux\nos = windows\n"
		       "libvirt = 4dea22b3-1d52-d8f3-2516-782e98ab3fa0\n");
	assert_says(commands(),
		    "attach-device --domain 4dea22b3-1d52-d8f3-2516-782e98ab3fa0 --file "
		    "/dev/stdin --config\n<input type='evdev'><source dev='" BY_ID
		    "evswitch-two-words-pointer'/></input>\n");
	assert_says(commands(), "evswitch-two-words-media' repeat='on'");
}

/* What a run with evswitch-clipboard does about the domain's channel is up to 'turn'. */
static void play_clipboard(const char *xml, void (*turn)(void))
{
	put("bin/evswitch-clipboard", "#!/bin/sh\n", 0755);
	put("xml", xml, 0644);
	start("one");
	use_devices();
	answer("Take these devices?", "y\n");
	answer("Join the two clipboards?", "\n");
	answer("Write this?", "y\n");
	answer("Which way?", "\n");
	turn();
	answer("Try it now?", "n\n");
	answer("Start evswitch now", "n\n");
	program_expect(&setup, "systemctl --user enable --now evswitch-clipboard@one");
	end(EX_OK);
	assert_written("[guest one]\nvia = virtio-input\nos = linux\nlibvirt = one\n"
		       "clipboard = focus\n");
}

#define DOMAIN(devices)                                                                            \
	"<domain type='kvm'>\n<libosinfo:os "                                                      \
	"id='http://debian.org/debian/12'/>\n<devices>\n" devices "</devices>\n</domain>\n"
#define SPICE                                                                                      \
	"<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>\n"

/* Sets a socket-dir that QEMU's user can enter, in a file that has no more than this. */
static void open_socket_dir(char path[static 128])
{
	char text[256];

	assert_int_equal(chmod(dir, 0711), 0);
	snprintf(path, 128, "%s/sockets", dir);
	assert_int_equal(mkdir(path, 0711), 0);
	snprintf(text, sizeof(text), "%s/home/.config/evswitch", dir);
	assert_int_equal(mkdir(text, 0755), 0);
	snprintf(text, sizeof(text), "[evswitch]\nsocket-dir = %s\n", path);
	put("home/.config/evswitch/evswitch.conf", text, 0644);
}

static void accept_channel(void)
{
	program_expect(&setup, "attach-device one /dev/stdin --config <<'END'");
	answer("Add this to domain one", "y\n");
}

static void test_clipboard(void **state)
{
	char sockets[128], expected[512];

	(void)state;
	open_socket_dir(sockets);
	play_clipboard(DOMAIN(""), accept_channel);
	snprintf(expected, sizeof(expected),
		 "attach-device --domain one --file /dev/stdin --config\n<channel "
		 "type='unix'><source "
		 "mode='connect' path='%s/one-clipboard.sock'>",
		 sockets);
	assert_says(commands(), expected);
}

static void see_what_to_replace(void)
{
	program_expect(&setup, "has <channel type='spicevmc'> with the same port");
	program_expect(&setup, "/one-clipboard.sock'>");
	program_expect(&setup, "edit one");
}

static void test_clipboard_of_spice(void **state)
{
	char sockets[128];

	(void)state;
	open_socket_dir(sockets);
	play_clipboard(DOMAIN(SPICE), see_what_to_replace);
	assert_null(strstr(commands(), "attach-device"));
}

static void see_no_way(void)
{
	program_expect(&setup, "where QEMU's user can enter, which ");
	program_expect(&setup, "socket-dir = /run/evswitch");
	program_expect(&setup, "evswitch --xml one");
}

/* The default directory of the sockets is the user's alone, and libvirt's QEMU another user's. */
static void test_clipboard_out_of_reach(void **state)
{
	(void)state;
	assert_int_equal(chmod(getenv("XDG_RUNTIME_DIR"), 0700), 0);
	play_clipboard(DOMAIN(""), see_no_way);
	assert_null(strstr(commands(), "attach-device"));
}

/* Whoever declines gets no such line; one that is there already counts as a yes. */
static void test_clipboard_later(void **state)
{
	FILE *file;

	(void)state;
	put("bin/evswitch-clipboard", "#!/bin/sh\n", 0755);
	put("xml", DOMAIN(""), 0644);
	start("one");
	use_devices();
	answer("Take these devices?", "y\n");
	answer("Join the two clipboards?", "n\n");
	answer("Write this?", "y\n");
	answer("Which way?", "\n");
	answer("Try it now?", "\x03");
	end(EX_UNAVAILABLE);
	assert_null(strstr(get(conf), "clipboard"));
	file = fopen(conf, "ae");
	assert_non_null(file);
	fputs("clipboard = always\n", file);
	assert_int_equal(fclose(file), 0);
	start("one");
	use_devices();
	answer("Go on with these?", "\n");
	program_expect(&setup, "has [guest one] already");
	answer("Which way?", "\n");
	program_expect(&setup, "The clipboard needs a channel");
	answer("Try it now?", "n\n");
	answer("Start evswitch now", "n\n");
	program_expect(&setup, "evswitch-clipboard@one");
	end(EX_OK);
}

static void test_without_libvirt(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/bin/virsh", dir);
	assert_int_equal(unlink(path), 0);
	start(NULL);
	use_devices();
	answer("Take these devices?", "y\n");
	program_expect(&setup, "libvirt-clients");
	answer("What shall the guest be called?", "one\n");
	answer("Which one?", "2\n");
	answer("Write this?", "y\n");
	program_expect(&setup, "--xml one");
	program_expect(&setup, BY_ID "evswitch-one-keyboard");
	answer("Try it now?", "n\n");
	answer("Start evswitch now", "n\n");
	end(EX_OK);
	assert_written("[guest one]\nvia = virtio-input\nos = linux\n");
	assert_null(strstr(get(conf), "libvirt"));
	expect_it_works();
}

/* Before anything is written, and after it. */
static void test_broken_off(void **state)
{
	(void)state;
	start("one");
	use_devices();
	answer("Take these devices?", "\x03");
	program_expect(&setup, "Nothing was changed.");
	end(EX_UNAVAILABLE);
	start("one");
	use_devices();
	answer("Take these devices?", "y\n");
	answer("Write this?", "\x04");
	program_expect(&setup, "Nothing was changed.");
	end(EX_UNAVAILABLE);
	assert_int_equal(access(conf, F_OK), -1);
	start("one");
	use_devices();
	answer("Take these devices?", "y\n");
	answer("Write this?", "n\n");
	program_expect(&setup, "Nothing was changed.");
	end(EX_OK);
	assert_int_equal(access(conf, F_OK), -1);
	start("one");
	use_devices();
	answer("Take these devices?", "y\n");
	answer("Write this?", "y\n");
	answer("Remove it", "y\n");
	answer("Which way?", "\x03");
	program_expect(&setup, "This was done, and stays:");
	program_expect(&setup, "to undo it: rm ");
	program_expect(&setup, "removed from one: ");
	end(EX_UNAVAILABLE);
	assert_written("[guest one]");
}

static void test_refusals(void **state)
{
	(void)state;
	put("refuses", "", 0644);
	put("xml",
	    "<domain>\n<input type='passthrough' bus='virtio'><source "
	    "evdev='/dev/input/event9'/></input>\n" REAL
	    "<input type='evdev'><source dev='/dev/input/event8'/></input>\n</domain>\n",
	    0644);
	start("one");
	use_devices();
	answer("Take these devices?", "y\n");
	answer("Which one?", "3\n");
	answer("Write this?", "y\n");
	program_expect(&setup, "the real device /dev/input/event9");
	answer("Remove it", "y\n");
	program_expect(&setup, "It failed: error: no");
	answer("Remove it", "n\n");
	program_expect(&setup, "the real device /dev/input/event8");
	program_expect(&setup, "edit one     # virsh detach-device would remove another one");
	answer("Which way?", "2\n");
	answer("Add these three", "y\n");
	program_expect(&setup, "It failed: error: no");
	answer("Try it now?", "n\n");
	answer("Start evswitch now", "n\n");
	end(EX_OK);
}

static void test_no_access(void **state)
{
	const char *binary = getenv("EVSWITCH") ?: "build/evswitch";
	autofree char *whole = realpath(binary, NULL);

	(void)state;
	assert_int_equal(chmod(dir, 0755), 0);
	program_exec_on_terminal(&setup, (const char *const[]){ "/usr/bin/setpriv", "--reuid=65534",
								"--regid=65534", "--clear-groups",
								whole, "--setup", NULL });
	program_expect(&setup, "you are not in group input");
	program_expect(&setup, "run: sudo usermod -aG input $USER");
	program_expect(&setup, "then run this again");
	end(EX_NOPERM);
	assert_int_equal(access(conf, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_again),
		TEST(test_permanently),
		TEST(test_without_libvirt),
		TEST(test_broken_off),
		TEST(test_refusals),
		TEST(test_no_access),
		TEST(test_clipboard),
		TEST(test_clipboard_later),
		TEST(test_clipboard_of_spice),
		TEST(test_clipboard_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
