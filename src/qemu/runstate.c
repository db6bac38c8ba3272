/* SPDX-License-Identifier: MIT */
/* Tables of QEMU's names and of libvirt's corresponding ones. */
#include "qemu/runstate.h"

#include <string.h>

#include "base/util.h"

/* --- the states ------------------------------------------------------------------------------ */

/*
 * QEMU checks the state once for all devices that it feeds itself (ui/input.c): it accepts input
 * while the VM runs or is suspended, and drops it in every other state, where the vCPUs are stopped
 * and no guest would read it. Input to a suspended VM's PS/2 keyboard or mouse wakes it. So a VM
 * that has not run yet (prelaunch, inmigrate) counts as stopped as well.
 */
static const struct {
	const char *name;
	const char *why; /* NULL: QEMU accepts input */
} states[RUN_STATES] = {
	[RUN_STATE_UNKNOWN] = { "unknown", "the state of its VM is unknown" },
	[RUN_STATE_OFF] = { "off", "its VM is off" },
	[RUN_STATE_RUNNING] = { "running", NULL },
	[RUN_STATE_SUSPENDED] = { "suspended", NULL },
	[RUN_STATE_PAUSED] = { "paused", "its VM is paused" },
	[RUN_STATE_PRELAUNCH] = { "prelaunch", "its VM has not been started yet (prelaunch)" },
	[RUN_STATE_INMIGRATE] = { "inmigrate",
				  "its VM is still migrating to this host (inmigrate)" },
	[RUN_STATE_FINISH_MIGRATE] = { "finish-migrate", "its VM is paused (finish-migrate)" },
	[RUN_STATE_POSTMIGRATE] = { "postmigrate", "its VM has migrated away (postmigrate)" },
	[RUN_STATE_SAVE_VM] = { "save-vm", "its VM is paused (save-vm)" },
	[RUN_STATE_RESTORE_VM] = { "restore-vm", "its VM is paused (restore-vm)" },
	[RUN_STATE_COLO] = { "colo", "its VM is paused (colo)" },
	[RUN_STATE_DEBUG] = { "debug", "its VM is stopped by a debugger" },
	[RUN_STATE_IO_ERROR] = { "io-error", "its VM stopped on an I/O error" },
	[RUN_STATE_INTERNAL_ERROR] = { "internal-error",
				       "its VM stopped on an internal error in QEMU" },
	[RUN_STATE_WATCHDOG] = { "watchdog", "its VM was stopped by its watchdog" },
	[RUN_STATE_GUEST_PANICKED] = { "guest-panicked", "its guest has panicked" },
	[RUN_STATE_SHUTDOWN] = { "shutdown", "its VM has shut down" },
};

const char *run_state_name(enum run_state state)
{
	return states[state].name;
}

const char *run_state_why(enum run_state state)
{
	return states[state].why ? states[state].why : "";
}

bool run_state_takes_input(enum run_state state)
{
	return !states[state].why;
}

bool run_state_is_stopped(enum run_state state)
{
	return state > RUN_STATE_OFF && !run_state_takes_input(state);
}

enum run_remedy run_state_remedy(enum run_state state)
{
	switch (state) {
	case RUN_STATE_PAUSED:
	case RUN_STATE_PRELAUNCH:
	case RUN_STATE_DEBUG:
	case RUN_STATE_IO_ERROR:
	case RUN_STATE_WATCHDOG:
		return RUN_REMEDY_RESUME;
	case RUN_STATE_INTERNAL_ERROR:
	case RUN_STATE_GUEST_PANICKED:
	case RUN_STATE_SHUTDOWN:
		return RUN_REMEDY_RESET;
	default:
		return RUN_REMEDY_WAIT;
	}
}

/* --- by QMP ---------------------------------------------------------------------------------- */

enum run_state run_state_by_status(const char *status, bool running)
{
	if (!status[0] || running != (strcmp(status, "running") == 0))
		return RUN_STATE_UNKNOWN;
	for (enum run_state state = RUN_STATE_OFF + 1; state < RUN_STATES; state++)
		if (strcmp(status, states[state].name) == 0)
			return state;
	return RUN_STATE_PAUSED;
}

/*
 * STOP does not tell what stopped the VM, and also follows SHUTDOWN and GUEST_PANICKED, which do.
 * RESUME does not tell whether the VM is suspended (9.0 and newer stop and continue a suspended
 * VM). A reset of a stopped VM leaves it in prelaunch without a further event.
 */
unsigned run_state_by_event(enum run_state *state, const char *event, const char *action)
{
	if (strcmp(event, "STOP") == 0) {
		if (!run_state_is_stopped(*state))
			*state = RUN_STATE_PAUSED;
		return RUN_ASK;
	}
	if (strcmp(event, "RESUME") == 0) {
		*state = RUN_STATE_RUNNING;
		return RUN_ASK;
	}
	if (strcmp(event, "RESET") == 0)
		return RUN_RESET | RUN_ASK;
	/*
	 * If QEMU is configured to let the VM run on, it accepts input: the guest may be rebooting.
	 */
	if (strcmp(event, "GUEST_PANICKED") == 0 && strcmp(action, "run") != 0)
		*state = RUN_STATE_GUEST_PANICKED;
	if (strcmp(event, "GUEST_PANICKED") == 0 || strcmp(event, "GUEST_CRASHLOADED") == 0)
		return RUN_PANICKED;
	if (strcmp(event, "SUSPEND") == 0)
		*state = RUN_STATE_SUSPENDED;
	else if (strcmp(event, "WAKEUP") == 0)
		*state = RUN_STATE_RUNNING;
	else if (strcmp(event, "SHUTDOWN") == 0)
		*state = RUN_STATE_SHUTDOWN;
	return 0;
}

/* --- by virsh -------------------------------------------------------------------------------- */

struct words {
	const char *text;
	enum run_state state;
	unsigned news;
};

/* True if the text begins with these whole words. */
static bool begins(const char *text, const char *words)
{
	size_t length = strlen(words);

	return strncmp(text, words, length) == 0 && (text[length] == '\0' || text[length] == ' ');
}

/* The first entry whose words 'text' begins with, or NULL. */
static const struct words *find(const struct words *words, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (begins(text, words[i].text))
			return &words[i];
	return NULL;
}

/*
 * The names of virDomainEventType, each followed by those of its details that are more specific. A
 * guest that has loaded a crash kernel keeps running.
 */
static const struct words lifecycle[] = {
	{ "Started", RUN_STATE_RUNNING, 0 },
	{ "Suspended I/O Error", RUN_STATE_IO_ERROR, 0 },
	{ "Suspended Watchdog", RUN_STATE_WATCHDOG, 0 },
	{ "Suspended", RUN_STATE_PAUSED, 0 },
	{ "Resumed", RUN_STATE_RUNNING, 0 },
	{ "Stopped", RUN_STATE_OFF, 0 },
	{ "Shutdown", RUN_STATE_SHUTDOWN, 0 },
	{ "PMSuspended", RUN_STATE_SUSPENDED, 0 },
	{ "Crashed Crashloaded", RUN_STATES, RUN_PANICKED },
	{ "Crashed Panicked", RUN_STATE_GUEST_PANICKED, RUN_PANICKED },
	{ "Crashed", RUN_STATE_GUEST_PANICKED, 0 },
	{ "Undefined", RUN_STATES, RUN_UNDEFINED },
};

unsigned run_state_by_lifecycle(enum run_state *state, const char *what)
{
	const struct words *words = find(lifecycle, ARRAY_SIZE(lifecycle), what);

	if (!words)
		return 0;
	if (words->state != RUN_STATES)
		*state = words->state;
	return words->news;
}

/* The names of virDomainState, each followed by those of its reasons that are more specific. */
static const struct words domstate[] = {
	{ "running", RUN_STATE_RUNNING, 0 },
	{ "idle", RUN_STATE_RUNNING, 0 },
	{ "paused (I/O error)", RUN_STATE_IO_ERROR, 0 },
	{ "paused (watchdog)", RUN_STATE_WATCHDOG, 0 },
	{ "paused (crashed)", RUN_STATE_GUEST_PANICKED, 0 },
	{ "paused (shutting down)", RUN_STATE_SHUTDOWN, 0 },
	{ "paused (starting up)", RUN_STATE_PRELAUNCH, 0 },
	{ "paused", RUN_STATE_PAUSED, 0 },
	{ "in shutdown", RUN_STATE_SHUTDOWN, 0 },
	{ "shut off", RUN_STATE_OFF, 0 },
	{ "crashed", RUN_STATE_GUEST_PANICKED, 0 },
	{ "pmsuspended", RUN_STATE_SUSPENDED, 0 },
	{ "no state", RUN_STATE_UNKNOWN, 0 },
};

bool run_state_by_domstate(enum run_state *state, const char *line)
{
	const struct words *words = find(domstate, ARRAY_SIZE(domstate), line);

	if (words)
		*state = words->state;
	return words;
}
