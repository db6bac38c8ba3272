/*
 * The run states of a VM under QEMU's own names (RunState of qapi/run-state.json), and what each of
 * those that tell of them means: QEMU's monitor (QMP) by its events and query-status, libvirt by the
 * lines of virsh. Every function is pure; vm.h has the connections.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum run_state {
	RUN_STATE_UNKNOWN, /* nobody can be asked, or nobody has answered yet; none of QEMU's */
	RUN_STATE_OFF,     /* there is no QEMU: nothing of it holds a node or a socket; likewise */
	RUN_STATE_RUNNING,
	RUN_STATE_SUSPENDED, /* to memory, ACPI's S3 */
	RUN_STATE_PAUSED,
	RUN_STATE_PRELAUNCH, /* by -S, or reset while it was stopped */
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
/* Why a guest in this state cannot have the focus, in words for the user; "" where it can. */
const char *run_state_why(enum run_state state);
/* Whether QEMU takes input for it: it runs, or is suspended, and a key can wake it. */
bool run_state_takes_input(enum run_state state);
/*
 * Whether there is a QEMU that drops what it is sent, releases too. Neither this nor
 * run_state_takes_input is true of the states 'unknown' and 'off'.
 */
bool run_state_is_stopped(enum run_state state);

/* What one word of a VM tells, beside its state: a mask of these. */
enum run_news {
	/* The machine was reset: the guest knows of no key and has set no LED. */
	RUN_RESET = 1U << 0,
	/* The guest's system says that it has crashed. */
	RUN_PANICKED = 1U << 1,
	/* The word says less than there is to know: ask for the state. */
	RUN_ASK = 1U << 2,
	/* libvirt knows the domain no more; one that is defined under the same name is another. */
	RUN_UNDEFINED = 1U << 3,
};

/*
 * An event of QMP; 'action' is the member of its data by that name, or "". *state becomes what it is after
 * the event, where that says so. Returns the news.
 */
unsigned run_state_by_event(enum run_state *state, const char *event, const char *action);
/*
 * The members of query-status: its name, and whether "running" is true. RUN_STATE_UNKNOWN where they say
 * nothing, or contradict each other. A state that is newer than this program is one more in which
 * QEMU stops the VM.
 */
enum run_state run_state_by_status(const char *status, bool running);
/* What stands behind "event 'lifecycle' for domain 'NAME': ". As run_state_by_event. */
unsigned run_state_by_lifecycle(enum run_state *state, const char *what);
/* A line of "virsh domstate --reason". False, and *state stays, where it names no state. */
bool run_state_by_domstate(enum run_state *state, const char *line);
