/* SPDX-License-Identifier: MIT */
/* evswitch --check: the clipboard, by a virsh and an evswitch-clipboard of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/util.h"
#include "check-machine.h"

#define PROGRAM "evswitch-clipboard"
#define PATH    "/run/evswitch/win-clipboard.sock"
#define TARGET  "<target type='virtio' name='com.redhat.spice.0'/>"
#define UNIX(mode, path)                                                                           \
	"<channel type='unix'><source mode='" mode "' path='" path "'><reconnect enabled='yes' "   \
	"timeout='1'/></source>" TARGET "<alias name='channel0'/></channel>"
#define CHANNEL UNIX("connect", PATH)
#define OTHER                                                                                      \
	"<channel type='unix'><source mode='bind' path='/run/a.sock'/><target type='virtio' "      \
	"name='org.qemu.guest_agent.0'/></channel>"
#define SPICE "<channel type='spicevmc'>" TARGET "</channel>"

#define OFF  ""
#define RUNS " id='3'"

/* The machine with a guest that has these lines, too. */
static void guest(const char *lines)
{
	machine_conf(
		machine,
		"[evswitch]\nsocket-dir = /run/evswitch\n[device keyboard]\nname = Acme Board\n"
		"[guest win]\n%s\n",
		lines);
}

/* A virsh that knows the domain win10, with this in it. $3 is its command. */
static void domain(const char *id, const char *contents)
{
	char script[4096];

	snprintf(script, sizeof(script),
		 "[ $3 = dumpxml ] || exit 0\ncat <<'EOT'\n<domain type='kvm'%s>%s</domain>\nEOT",
		 id, contents);
	machine_program(machine, "virsh", script);
}

/* An evswitch-clipboard that answers for win alone. */
static void answers(const char *answer, int status)
{
	char script[1024];

	snprintf(script, sizeof(script),
		 "[ \"$*\" = '--status win --json' ] || exit 64\ncat <<'EOT'\n%s\nEOT\nexit %d",
		 answer, status);
	machine_program(machine, PROGRAM, script);
}

#define ANSWER(connected, agent)                                                                   \
	"{\"guest\": \"win\", \"connected\": " connected ", \"agent\": \"" agent                   \
	"\", \"files\": true, \"desktop\": \"x11\", \"offered\": false}"

static int set_up(void **state)
{
	(void)state;
	machine = check_machine_new();
	guest("libvirt = win10\nclipboard = focus");
	domain(RUNS, OTHER CHANNEL);
	answers(ANSWER("true", "ready"), 0);
	machine_file(machine, "/run/evswitch/x", "%s", "");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	check_machine_free(machine);
	return 0;
}

static const char *const codes[] = { "EVS422", "EVS423", "EVS424", "EVS425",
				     "EVS426", "EVS427", "EVS428" };

/* This finding of the clipboard's, and no other; NULL: none at all. It never blocks. */
static void expect_only(const char *code)
{
	machine_check(machine);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (!code || strcmp(codes[i], code) != 0)
			assert_not_found(machine, codes[i]);
	assert_int_equal(check_status(&machine->report), EX_OK);
}

static bool has_text(const struct check_text *texts, unsigned n, const char *text)
{
	for (unsigned i = 0; i < n; i++)
		if (strstr(texts[i].text, text))
			return true;
	return false;
}

static bool is_fine(void)
{
	return has_text(machine->report.fine, machine->report.n_fine,
			"the clipboard of [guest win]");
}

static bool is_unseen(void)
{
	return has_text(machine->report.unseen, machine->report.n_unseen,
			"the clipboard of [guest win]");
}

static void fine(void **state)
{
	(void)state;
	expect_only(NULL);
	assert_true(is_fine());
	domain(RUNS, "<qemu:arg value='virtserialport,chardev=c,name=com.redhat.spice.0'/>");
	expect_only(NULL);
}

/* Whoever has not asked for a clipboard hears nothing of it. */
static void only_where_asked(void **state)
{
	static const char *const lines[] = { "libvirt = win10", "libvirt = win10\nclipboard = no",
					     "libvirt = win10\nclipboard-direction = both" };

	(void)state;
	domain(RUNS, SPICE);
	machine_remove(machine, "/bin/" PROGRAM);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		guest(lines[i]);
		expect_only(NULL);
		assert_false(is_fine() || is_unseen());
		assert_found(machine, "EVS413", "spicevmc", "remove");
	}
	guest("libvirt = win10\nclipboard = always");
	machine_check(machine);
	assert_found(machine, "EVS423", "spicevmc", "");
	assert_not_found(machine, "EVS413");
}

static void no_channel(void **state)
{
	(void)state;
	domain(RUNS, OTHER);
	answers(ANSWER("false", "absent"), 0);
	expect_only("EVS422");
	assert_found(machine, "EVS422", "domain win10 has no channel com.redhat.spice.0",
		     "virsh edit win10, and add to <devices> the <channel> that this prints: "
		     "evswitch --xml win; then shut the VM down");
	domain(RUNS, "<channel type='unix'/>" OTHER);
	expect_only("EVS422");
}

static void other_channel(void **state)
{
	(void)state;
	domain(OFF, SPICE);
	expect_only("EVS423");
	assert_found(machine, "EVS423", "has <channel type='spicevmc'>", "evswitch --xml win");
	domain(OFF, CHANNEL "<channel type='spicevmc'><target type='virtio'/></channel>");
	expect_only("EVS423");
	domain(OFF, "<channel type='qemu-vdagent'>" TARGET "</channel>" CHANNEL);
	expect_only("EVS423");
	assert_found(machine, "EVS423", "has <channel type='qemu-vdagent'>", "clipboard = no");
}

static void channel_elsewhere(void **state)
{
	(void)state;
	domain(OFF, UNIX("connect", "/run/other.sock"));
	expect_only("EVS424");
	assert_found(machine, "EVS424", "leads to /run/other.sock, and evswitch's socket is " PATH,
		     "put in its place");
	domain(OFF, UNIX("bind", PATH));
	expect_only("EVS424");
	assert_found(machine, "EVS424", "mode='connect'", "evswitch --xml win");
}

static void not_running(void **state)
{
	(void)state;
	answers("evswitch-clipboard is not running for win", EX_UNAVAILABLE);
	expect_only("EVS425");
	assert_found(machine, "EVS425", "does not run for it",
		     "systemctl --user enable --now evswitch-clipboard@win");
	machine_remove(machine, "/bin/" PROGRAM);
	expect_only("EVS425");
	assert_found(machine, "EVS425", "does not run for it", "install evswitch-clipboard");
}

static void not_connected(void **state)
{
	(void)state;
	answers(ANSWER("false", "absent"), 0);
	assert_int_equal(chmod(check_path(&machine->system, "/run/evswitch").text, 0711), 0);
	expect_only("EVS426");
	assert_found(machine, "EVS426", "its QEMU is not connected", "shut the VM down");
	assert_int_equal(chmod(check_path(&machine->system, "/run/evswitch").text, 0700), 0);
	expect_only("EVS426");
	assert_found(machine, "EVS426", "QEMU's user cannot enter /run/evswitch",
		     "sudo install -d -m 0711 -o me /run/evswitch");
	domain(OFF, CHANNEL);
	expect_only(NULL);
}

/* Whether a VM without libvirt runs is known by its monitor, if at all. */
static void not_connected_without_libvirt(void **state)
{
	(void)state;
	answers(ANSWER("false", "absent"), 0);
	guest("clipboard = focus");
	expect_only(NULL);
	guest("clipboard = focus\nqmp = /run/win.qmp");
	expect_only(NULL);
	machine_file(machine, "/run/win.qmp", "%s", "");
	expect_only("EVS426");
	assert_found(machine, "EVS426", "the VM runs", "evswitch --qemu-args win");
}

static void agents(void **state)
{
	(void)state;
	answers(ANSWER("true", "absent"), 0);
	expect_only("EVS427");
	assert_found(machine, "EVS427", "no agent answers", "spice-vdagent");
	answers(ANSWER("true", "old"), 0);
	expect_only("EVS428");
	assert_found(machine, "EVS428", "cannot be asked", "newer agent");
}

/* Nothing is concluded from an answer that is none. */
static void strange_answers(void **state)
{
	static const char *const strange[] = {
		"",
		"nonsense",
		"[]",
		"{}",
		"{\"guest\": \"win\", \"connected\": true, \"agent\": 7}",
		"{\"guest\": \"win\", \"connected\": true, \"agent\": \"\\u001b[31m\"}",
		"{\"guest\": \"linux\", \"connected\": true, \"agent\": \"absent\"}",
		"{\"guest\": \"win\", \"connected\": true, \"agent\": \"ready\"} {}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
		answers(strange[i], 0);
		expect_only(NULL);
		assert_true(is_unseen());
		assert_false(is_fine());
	}
	answers(ANSWER("true", "ready"), 1);
	expect_only(NULL);
	assert_true(is_unseen());
}

/* What virsh cannot say, check_libvirt reports; the program is asked all the same. */
static void no_libvirt(void **state)
{
	(void)state;
	machine_program(machine, "virsh", "echo 'error: no connection'; exit 1");
	answers("", EX_UNAVAILABLE);
	machine_check(machine);
	assert_int_equal(machine_count(machine, "EVS425"), 1);
	assert_not_found(machine, "EVS422");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fine),
		TEST(only_where_asked),
		TEST(no_channel),
		TEST(other_channel),
		TEST(channel_elsewhere),
		TEST(not_running),
		TEST(not_connected),
		TEST(not_connected_without_libvirt),
		TEST(agents),
		TEST(strange_answers),
		TEST(no_libvirt),
	};

	return cmocka_run_group_tests_name("check-clipboard", tests, NULL, NULL);
}
