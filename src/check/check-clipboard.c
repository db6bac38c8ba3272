/* SPDX-License-Identifier: MIT */
/* The clipboard: the domain's channel, evswitch-clipboard, and the guest's agent. */
#include <json-c/json.h>
#include <string.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "check/check-command.h"
#include "check/check-domain.h"
#include "check/check-place.h"
#include "check/check-virsh.h"
#include "check/checks.h"
#include "qemu/guest-xml.h"

#define PROGRAM "evswitch-clipboard"

/* Where a guest has its agent from. */
#define AGENTS                                                                                     \
	"on Windows that of virtio-win-guest-tools.exe (virtio-win) or spice-guest-tools, on "     \
	"Linux the package spice-vdagent"

struct clipboard_check {
	const struct check_system *system;
	struct check_report *report;
	const struct conf_guest *guest;
	const char *dir; /* of the socket */
	char path[GUEST_PATH_SIZE];
};

/* --- the channel ---------------------------------------------------------------------------- */

static struct check_text add_printed(const struct clipboard_check *check, const char *where)
{
	return check_text("virsh edit %s, and %s the <channel> that this prints: evswitch --xml "
			  "%s; then shut the VM down and start it",
			  check->guest->libvirt, where, check->guest->name);
}

/* True if the domain's channel is the one that evswitch prints. */
static bool check_channel(const struct clipboard_check *check, const struct check_channel *channel)
{
	const char *name = check->guest->name, *domain = check->guest->libvirt;

	if (!channel->type[0])
		check_find(check->report, CHECK_NO_CHANNEL,
			   add_printed(check, "add to <devices>").text,
			   "[guest %s]: domain %s has no channel " GUEST_CLIPBOARD_PORT, name,
			   domain);
	else if (strcmp(channel->type, "unix") != 0)
		check_find(check->report, CHECK_OTHER_CHANNEL,
			   check_text("%s. If Looking Glass uses the present one, it has a "
				      "clipboard: set clipboard = no",
				      add_printed(check, "put in its place").text)
				   .text,
			   "[guest %s]: domain %s has <channel type='%s'> with the port of the "
			   "clipboard",
			   name, domain, log_str(channel->type).text);
	else if (!channel->connects)
		check_find(check->report, CHECK_CHANNEL_ELSEWHERE,
			   add_printed(check, "put in its place").text,
			   "[guest %s]: the channel of domain %s does not connect: its <source> "
			   "lacks mode='connect'",
			   name, domain);
	else if (strcmp(channel->path, check->path) != 0)
		check_find(check->report, CHECK_CHANNEL_ELSEWHERE,
			   add_printed(check, "put in its place").text,
			   "[guest %s]: the channel of domain %s leads to %s, and evswitch's "
			   "socket is %s",
			   name, domain, log_str(channel->path).text, log_str(check->path).text);
	else
		return true;
	return false;
}

/* --- the program ---------------------------------------------------------------------------- */

static void find_not_running(const struct clipboard_check *check, const char *fix)
{
	check_find(check->report, CHECK_NO_CLIPBOARD, fix,
		   "[guest %s]: " PROGRAM " does not run for it", check->guest->name);
}

static void find_nothing(const struct clipboard_check *check)
{
	check_unseen(check->report,
		     "the clipboard of [guest %s] (" PROGRAM " --status %s does not say)",
		     check->guest->name, check->guest->name);
}

static void find_not_connected(const struct clipboard_check *check)
{
	struct check_path closed;

	if (check_place_is_foreign(check->guest) &&
	    check_place_is_closed(check->system, check->dir, &closed))
		check_find(check->report, CHECK_NOT_CONNECTED, check_place_step(check->system).text,
			   "[guest %s]: QEMU's user cannot enter %s, on the way to the clipboard's "
			   "socket in %s",
			   check->guest->name, log_str(closed.text).text, log_str(check->dir).text);
	else
		check_find(check->report, CHECK_NOT_CONNECTED,
			   check_text("shut the VM down and start it: a channel that was added "
				      "while it ran is not there before. evswitch --qemu-args %s "
				      "prints what QEMU needs",
				      check->guest->name)
				   .text,
			   "[guest %s]: the VM runs, but its QEMU is not connected to " PROGRAM,
			   check->guest->name);
}

/* What the program says of itself. Trusts none of it. 'runs': the VM does. */
static void check_answer(const struct clipboard_check *check, struct json_object *answer, bool runs)
{
	const char *agent = json_text(json_member(answer, "agent"));

	if (!json_is_true(json_member(answer, "connected"))) {
		if (runs)
			find_not_connected(check);
	} else if (strcmp(agent, "old") == 0) {
		check_find(check->report, CHECK_OLD_AGENT,
			   "install a newer agent in the guest: " AGENTS,
			   "[guest %s]: its agent cannot be asked for a clipboard",
			   check->guest->name);
	} else if (strcmp(agent, "ready") == 0) {
		check_fine(check->report, "the clipboard of [guest %s]", check->guest->name);
	} else if (strcmp(agent, "absent") == 0) {
		check_find(check->report, CHECK_NO_AGENT,
			   "start the guest's desktop, and install the agent there: " AGENTS,
			   "[guest %s]: no agent answers", check->guest->name);
	} else {
		find_nothing(check);
	}
}

/* Another guest's name shows that the program is not what it should be. */
static struct json_object *read_answer(const struct clipboard_check *check, const char *output)
{
	const char *fault;
	struct json_object *answer = json_parse_object(output, strlen(output), &fault);

	if (strcmp(json_text(json_member(answer, "guest")), check->guest->name) == 0)
		return answer;
	json_object_put(answer);
	return NULL;
}

static void check_program(const struct clipboard_check *check, bool runs)
{
	const char *const words[] = { PROGRAM, "--status", check->guest->name, "--json", NULL };
	autofree char *output = NULL;
	struct json_object *answer = NULL;
	int status;

	if (!check_has_program(check->system, PROGRAM)) {
		find_not_running(check, "install " PROGRAM ", a package of its own in some "
					"distributions; from source, make says what it needs");
		return;
	}
	status = check_command(check->system, words, &output);
	if (status == EX_UNAVAILABLE) {
		find_not_running(check, check_text("systemctl --user enable --now " PROGRAM "@%s",
						   check->guest->name)
						.text);
		return;
	}
	if (status == 0 && output)
		answer = read_answer(check, output);
	if (answer)
		check_answer(check, answer, runs);
	else
		find_nothing(check);
	json_object_put(answer);
}

/* --- a guest -------------------------------------------------------------------------------- */

/* True unless the domain's channel is wrong. *runs: it is known that the VM runs. */
static bool check_domain(const struct clipboard_check *check, bool *runs)
{
	static const char *const none[SHAPE_NODES] = { "", "", "" };
	const char *const words[] = { "dumpxml", "--domain", check->guest->libvirt, NULL };
	autofree char *xml = check_virsh(check->system, words, NULL);
	struct check_domain domain;

	if (!xml) /* check_libvirt says why */
		return true;
	check_domain_read(&domain, xml, none);
	*runs = domain.runs;
	return (domain.agent_by_arguments && !domain.agent.type[0]) ||
	       check_channel(check, &domain.agent);
}

void check_clipboards(const struct check_system *system, struct check_report *report,
		      const struct conf *conf)
{
	struct clipboard_check check = { .system = system,
					 .report = report,
					 .dir = conf->socket_dir ?: system->sockets };

	for (unsigned i = 0; i < conf->n_guests; i++) {
		const struct conf_guest *guest = &conf->guests[i];
		/* QEMU takes its monitor's socket away when it ends. */
		bool runs = guest->qmp && check_exists(system, guest->qmp), fits = true;

		if (!conf_guest_asks_clipboard(guest))
			continue;
		check.guest = guest;
		guest_clipboard_path(guest, check.dir, check.path);
		if (guest->libvirt && check_has_program(system, "virsh"))
			fits = check_domain(&check, &runs);
		/* Without its channel, the VM is not connected, whatever else may be wrong. */
		check_program(&check, runs && fits);
	}
}
