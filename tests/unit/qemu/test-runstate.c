/* SPDX-License-Identifier: MIT */
/* What each word of QEMU and of virsh makes of a VM's state: every state, event, line and reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "qemu/runstate.h"

/* --- the states ------------------------------------------------------------------------------ */

/* RunState of QEMU's qapi/run-state.json, and whether qemu_input_event_send takes an event in it. */
static const struct {
	const char *name;
	enum run_state state;
	bool takes_input;
} states[] = {
	{ "debug", RUN_STATE_DEBUG, false },
	{ "inmigrate", RUN_STATE_INMIGRATE, false },
	{ "internal-error", RUN_STATE_INTERNAL_ERROR, false },
	{ "io-error", RUN_STATE_IO_ERROR, false },
	{ "paused", RUN_STATE_PAUSED, false },
	{ "postmigrate", RUN_STATE_POSTMIGRATE, false },
	{ "prelaunch", RUN_STATE_PRELAUNCH, false },
	{ "finish-migrate", RUN_STATE_FINISH_MIGRATE, false },
	{ "restore-vm", RUN_STATE_RESTORE_VM, false },
	{ "running", RUN_STATE_RUNNING, true },
	{ "save-vm", RUN_STATE_SAVE_VM, false },
	{ "shutdown", RUN_STATE_SHUTDOWN, false },
	{ "suspended", RUN_STATE_SUSPENDED, true },
	{ "watchdog", RUN_STATE_WATCHDOG, false },
	{ "guest-panicked", RUN_STATE_GUEST_PANICKED, false },
	{ "colo", RUN_STATE_COLO, false },
};

static void test_every_status(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_SIZE(states), RUN_STATES - 2); /* but "unknown" and "off" */
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		enum run_state is = states[i].state;
		bool running = is == RUN_STATE_RUNNING;

		assert_int_equal(run_state_by_status(states[i].name, running), is);
		assert_int_equal(run_state_by_status(states[i].name, !running), RUN_STATE_UNKNOWN);
		assert_string_equal(run_state_name(is), states[i].name);
		assert_int_equal(run_state_takes_input(is), states[i].takes_input);
		assert_int_equal(run_state_is_stopped(is), !states[i].takes_input);
		assert_int_equal(run_state_why(is)[0] == '\0', states[i].takes_input);
	}
}

static void test_no_status(void **state)
{
	(void)state;
	assert_int_equal(run_state_by_status("", false), RUN_STATE_UNKNOWN);
	assert_int_equal(run_state_by_status("", true), RUN_STATE_UNKNOWN);
	assert_int_equal(run_state_by_status("newer", false), RUN_STATE_PAUSED);
	assert_int_equal(run_state_by_status("newer", true), RUN_STATE_UNKNOWN);
	/* They are this program's own. */
	assert_int_equal(run_state_by_status("off", false), RUN_STATE_PAUSED);
	assert_int_equal(run_state_by_status("unknown", false), RUN_STATE_PAUSED);
}

/* Where there is no QEMU, or it is not known, nobody drops anything either. */
static void test_no_state(void **state)
{
	(void)state;
	for (enum run_state is = RUN_STATE_UNKNOWN; is <= RUN_STATE_OFF; is++) {
		assert_false(run_state_takes_input(is));
		assert_false(run_state_is_stopped(is));
		assert_true(run_state_why(is)[0]);
	}
	assert_string_equal(run_state_name(RUN_STATE_UNKNOWN), "unknown");
	assert_string_equal(run_state_name(RUN_STATE_OFF), "off");
}

/* --- what is told ---------------------------------------------------------------------------- */

#define SAME RUN_STATES

struct row {
	const char *said, *action;
	enum run_state from, to; /* SAME: any, and it stays */
	unsigned news;
};

static void expect_row(const struct row *row, enum run_state from,
		       unsigned (*by)(enum run_state *state, const struct row *row))
{
	enum run_state is = from, to = row->to == SAME ? from : row->to;
	unsigned news = by(&is, row);

	if (is != to || news != row->news)
		fail_msg("%s (%s), %s: it is %s instead of %s; news %#x instead of %#x", row->said,
			 row->action, run_state_name(from), run_state_name(is), run_state_name(to),
			 news, row->news);
}

static void expect_rows(const struct row *rows, size_t n,
			unsigned (*by)(enum run_state *state, const struct row *row))
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].from != SAME) {
			expect_row(&rows[i], rows[i].from, by);
			continue;
		}
		for (enum run_state from = 0; from < RUN_STATES; from++)
			expect_row(&rows[i], from, by);
	}
}

static unsigned by_event(enum run_state *state, const struct row *row)
{
	return run_state_by_event(state, row->said, row->action);
}

static void test_every_event(void **state)
{
	static const struct row rows[] = {
		{ "STOP", "", RUN_STATE_UNKNOWN, RUN_STATE_PAUSED, RUN_ASK },
		{ "STOP", "", RUN_STATE_OFF, RUN_STATE_PAUSED, RUN_ASK },
		{ "STOP", "", RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_ASK },
		{ "STOP", "", RUN_STATE_SUSPENDED, RUN_STATE_PAUSED, RUN_ASK },
		{ "STOP", "", RUN_STATE_PAUSED, SAME, RUN_ASK },
		{ "STOP", "", RUN_STATE_SHUTDOWN, SAME, RUN_ASK },
		{ "STOP", "", RUN_STATE_GUEST_PANICKED, SAME, RUN_ASK },
		{ "RESUME", "", SAME, RUN_STATE_RUNNING, RUN_ASK },
		{ "RESET", "", SAME, SAME, RUN_RESET | RUN_ASK },
		{ "SUSPEND", "", SAME, RUN_STATE_SUSPENDED, 0 },
		{ "WAKEUP", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "SHUTDOWN", "", SAME, RUN_STATE_SHUTDOWN, 0 },
		{ "GUEST_PANICKED", "pause", SAME, RUN_STATE_GUEST_PANICKED, RUN_PANICKED },
		{ "GUEST_PANICKED", "poweroff", SAME, RUN_STATE_GUEST_PANICKED, RUN_PANICKED },
		{ "GUEST_PANICKED", "", SAME, RUN_STATE_GUEST_PANICKED, RUN_PANICKED },
		{ "GUEST_PANICKED", "run", SAME, SAME, RUN_PANICKED },
		{ "GUEST_CRASHLOADED", "run", SAME, SAME, RUN_PANICKED },
		/* These change nothing by themselves: a STOP follows, or a SHUTDOWN. */
		{ "POWERDOWN", "", SAME, SAME, 0 },
		{ "SUSPEND_DISK", "", SAME, SAME, 0 },
		{ "WATCHDOG", "pause", SAME, SAME, 0 },
		{ "BLOCK_IO_ERROR", "stop", SAME, SAME, 0 },
		{ "MIGRATION", "", SAME, SAME, 0 },
		{ "DEVICE_DELETED", "", SAME, SAME, 0 },
		{ "stop", "", SAME, SAME, 0 },
		{ "", "", SAME, SAME, 0 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows), by_event);
}

static unsigned by_lifecycle(enum run_state *state, const struct row *row)
{
	return run_state_by_lifecycle(state, row->said);
}

/* Each type with each detail of virsh's (virsh-domain-event.c). */
static void test_every_lifecycle_event(void **state)
{
	static const struct row rows[] = {
		{ "Defined Added", "", SAME, SAME, 0 },
		{ "Defined Updated", "", SAME, SAME, 0 },
		{ "Undefined Removed", "", SAME, SAME, RUN_UNDEFINED },
		{ "Undefined Renamed", "", SAME, SAME, RUN_UNDEFINED },
		{ "Started Booted", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Started Migrated", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Started Restored", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Started Snapshot", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Started Event wakeup", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Suspended Paused", "", SAME, RUN_STATE_PAUSED, 0 },
		{ "Suspended Migrated", "", SAME, RUN_STATE_PAUSED, 0 },
		{ "Suspended I/O Error", "", SAME, RUN_STATE_IO_ERROR, 0 },
		{ "Suspended Watchdog", "", SAME, RUN_STATE_WATCHDOG, 0 },
		{ "Suspended Restored", "", SAME, RUN_STATE_PAUSED, 0 },
		{ "Suspended Snapshot", "", SAME, RUN_STATE_PAUSED, 0 },
		{ "Suspended API error", "", SAME, RUN_STATE_PAUSED, 0 },
		{ "Suspended Post-copy", "", SAME, RUN_STATE_PAUSED, 0 },
		{ "Suspended Post-copy Error", "", SAME, RUN_STATE_PAUSED, 0 },
		{ "Resumed Unpaused", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Resumed Migrated", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Resumed Post-copy Error", "", SAME, RUN_STATE_RUNNING, 0 },
		{ "Stopped Shutdown", "", SAME, RUN_STATE_OFF, 0 },
		{ "Stopped Destroyed", "", SAME, RUN_STATE_OFF, 0 },
		{ "Stopped Crashed", "", SAME, RUN_STATE_OFF, 0 },
		{ "Stopped Migrated", "", SAME, RUN_STATE_OFF, 0 },
		{ "Stopped Failed", "", SAME, RUN_STATE_OFF, 0 },
		{ "Shutdown Finished", "", SAME, RUN_STATE_SHUTDOWN, 0 },
		{ "Shutdown Finished after guest request", "", SAME, RUN_STATE_SHUTDOWN, 0 },
		{ "PMSuspended Memory", "", SAME, RUN_STATE_SUSPENDED, 0 },
		{ "PMSuspended Disk", "", SAME, RUN_STATE_SUSPENDED, 0 },
		{ "Crashed Panicked", "", SAME, RUN_STATE_GUEST_PANICKED, RUN_PANICKED },
		{ "Crashed Crashloaded", "", SAME, SAME, RUN_PANICKED },
		{ "Crashed unknown", "", SAME, RUN_STATE_GUEST_PANICKED, 0 },
		{ "unknown unknown", "", SAME, SAME, 0 },
		{ "Suspendedly", "", SAME, SAME, 0 },
		{ "", "", SAME, SAME, 0 },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows), by_lifecycle);
}

static unsigned by_domstate(enum run_state *state, const struct row *row)
{
	return run_state_by_domstate(state, row->said);
}

/* Each state with reasons of virsh's (virsh-domain-monitor.c); 'news': it names a state. */
static void test_every_domstate(void **state)
{
	static const struct row rows[] = {
		{ "no state (unknown)", "", SAME, RUN_STATE_UNKNOWN, true },
		{ "running (booted)", "", SAME, RUN_STATE_RUNNING, true },
		{ "running (unknown)", "", SAME, RUN_STATE_RUNNING, true },
		{ "running", "", SAME, RUN_STATE_RUNNING, true },
		{ "running (event wakeup)", "", SAME, RUN_STATE_RUNNING, true },
		{ "running (crashed)", "", SAME, RUN_STATE_RUNNING, true },
		{ "idle (unknown)", "", SAME, RUN_STATE_RUNNING, true },
		{ "paused (user)", "", SAME, RUN_STATE_PAUSED, true },
		{ "paused", "", SAME, RUN_STATE_PAUSED, true },
		{ "paused (migrating)", "", SAME, RUN_STATE_PAUSED, true },
		{ "paused (saving)", "", SAME, RUN_STATE_PAUSED, true },
		{ "paused (I/O error)", "", SAME, RUN_STATE_IO_ERROR, true },
		{ "paused (watchdog)", "", SAME, RUN_STATE_WATCHDOG, true },
		{ "paused (crashed)", "", SAME, RUN_STATE_GUEST_PANICKED, true },
		{ "paused (shutting down)", "", SAME, RUN_STATE_SHUTDOWN, true },
		{ "paused (starting up)", "", SAME, RUN_STATE_PRELAUNCH, true },
		{ "paused (post-copy failed)", "", SAME, RUN_STATE_PAUSED, true },
		{ "in shutdown (user)", "", SAME, RUN_STATE_SHUTDOWN, true },
		{ "shut off (destroyed)", "", SAME, RUN_STATE_OFF, true },
		{ "shut off", "", SAME, RUN_STATE_OFF, true },
		{ "crashed (panicked)", "", SAME, RUN_STATE_GUEST_PANICKED, true },
		{ "pmsuspended (unknown)", "", SAME, RUN_STATE_SUSPENDED, true },
		{ "pmsuspended", "", SAME, RUN_STATE_SUSPENDED, true },
		{ "runningly", "", SAME, SAME, false },
		{ "error: running", "", SAME, SAME, false },
		{ "", "", SAME, SAME, false },
	};

	(void)state;
	expect_rows(rows, ARRAY_SIZE(rows), by_domstate);
}

/* Each state in which the VM is stopped has one remedy; the others need none. */
static void test_remedies(void **state)
{
	(void)state;
	assert_int_equal(run_state_remedy(RUN_STATE_PAUSED), RUN_REMEDY_RESUME);
	assert_int_equal(run_state_remedy(RUN_STATE_PRELAUNCH), RUN_REMEDY_RESUME);
	assert_int_equal(run_state_remedy(RUN_STATE_IO_ERROR), RUN_REMEDY_RESUME);
	assert_int_equal(run_state_remedy(RUN_STATE_SHUTDOWN), RUN_REMEDY_RESET);
	assert_int_equal(run_state_remedy(RUN_STATE_GUEST_PANICKED), RUN_REMEDY_RESET);
	assert_int_equal(run_state_remedy(RUN_STATE_INMIGRATE), RUN_REMEDY_WAIT);
	for (enum run_state each = 0; each < RUN_STATES; each++)
		if (!run_state_is_stopped(each))
			assert_int_equal(run_state_remedy(each), RUN_REMEDY_WAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_status),
		cmocka_unit_test(test_no_status),
		cmocka_unit_test(test_no_state),
		cmocka_unit_test(test_every_event),
		cmocka_unit_test(test_every_lifecycle_event),
		cmocka_unit_test(test_every_domstate),
		cmocka_unit_test(test_remedies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
