/* SPDX-License-Identifier: MIT */
/*
 * The run states of a VM under QEMU's names (RunState of qapi/run-state.json), and how to derive
 * them from QEMU's monitor (QMP events and query-status) and from libvirt (the output of virsh).
 * Every function is pure; vm.h has the connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum run_state {
	RUN_STATE_UNKNOWN, /* no source, or no answer yet; not a state of QEMU's */
	RUN_STATE_OFF,     /* no QEMU runs, so it holds no node or socket; not a state of QEMU's */
	RUN_STATE_RUNNING,
	RUN_STATE_SUSPENDED, /* to memory (ACPI S3) */
	RUN_STATE_PAUSED,
	RUN_STATE_PRELAUNCH, /* started with -S, or reset while stopped */
	RUN_STATE_INMIGRATE,
	RUN_STATE_FINISH_MIGRATE,
	RUN_STATE_POSTMIGRATE,
	RUN_STATE_SAVE_VM,
	RUN_STATE_RESTORE_VM,
	RUN_STATE_COLO,
	RUN_STATE_DEBUG,
	RUN_STATE_IO_ERROR,
	RUN_STATE_INTERNAL_ERROR,
	RUN_STATE_WATCHDOG,
	RUN_STATE_GUEST_PANICKED,
	RUN_STATE_SHUTDOWN,
	RUN_STATES,
};

/* QEMU's name ("io-error"), "unknown" or "off". */
const char *run_state_name(enum run_state state);
/* Why a guest in this state cannot have the focus, for the user; "" if it can. */
const char *run_state_why(enum run_state state);
/* True if QEMU accepts input: the VM runs, or is suspended, where a key can wake it. */
bool run_state_takes_input(enum run_state state);
/*
 * True if a QEMU runs and drops all input, including releases. Both this and run_state_takes_input
 * are false for RUN_STATE_UNKNOWN and RUN_STATE_OFF.
 */
bool run_state_is_stopped(enum run_state state);

/* What ends a state in which the VM is stopped. */
enum run_remedy {
	RUN_REMEDY_WAIT,   /* it ends without the user, or QEMU does */
	RUN_REMEDY_RESUME, /* virsh resume; cont */
	RUN_REMEDY_RESET,  /* virsh reset; system_reset */
};

/* Of a state of which run_state_is_stopped is true; RUN_REMEDY_WAIT for any other. */
enum run_remedy run_state_remedy(enum run_state state);

/* What an event or line reports in addition to the state: a mask. */
enum run_news {
	/* The machine was reset: in the guest no key is down and no LED is on. */
	RUN_RESET = 1U << 0,
	/* The guest's operating system reported a crash. */
	RUN_PANICKED = 1U << 1,
	/* It does not determine the state: ask for it. */
	RUN_ASK = 1U << 2,
	/* The domain was undefined in libvirt. A new one of the same name is a different domain. */
	RUN_UNDEFINED = 1U << 3,
};

/*
 * Handles a QMP event; 'action' is that member of its data, or "". Updates *state if the event
 * determines it. Returns a mask of enum run_news.
 */
unsigned run_state_by_event(enum run_state *state, const char *event, const char *action);
/*
 * The state from the members "status" and "running" of query-status. RUN_STATE_UNKNOWN if they are
 * missing or contradict each other. A state that this program does not know counts as stopped.
 */
enum run_state run_state_by_status(const char *status, bool running);
/* As run_state_by_event, for the text after "event 'lifecycle' for domain 'NAME': ". */
unsigned run_state_by_lifecycle(enum run_state *state, const char *what);
/*
 * Parses a line of "virsh domstate --reason". False, and *state is unchanged, if it names no state.
 */
bool run_state_by_domstate(enum run_state *state, const char *line);
