/* SPDX-License-Identifier: MIT */
/*
 * Private to the daemon's parts: daemon.c starts and stops it, forward.c forwards frames and moves
 * the focus, locks.c makes lock keys follow it, plug.c handles hotplugged devices, away.c lets devices go
 * for a while, control.c serves the control socket, state.c describes the state, stats.c what was counted,
 * and reload.c replaces the configuration. struct daemon owns everything here.
 */
#pragma once

#include "base/loop.h"
#include "base/pace.h"
#include "base/notify.h"
#include "base/seat.h"
#include "control/varlink.h"
#include "core/locks.h"
#include "core/router.h"
#include "core/tally.h"
#include "daemon/daemon.h"
#include "evdev/hotplug.h"
#include "evdev/source.h"
#include "guest/guest.h"
#include "launch/launch.h"
#include "watchdog/watchdog.h"

struct daemon;

/* A configured device; 'index' is its number in the router. */
struct input {
	struct daemon *daemon;
	unsigned index;
	struct source source;
	char away[160]; /* why the source is suspended, for the user */
	/* For a reload: the section in the new configuration, NULL if there is none. */
	const struct conf_device *next;
	bool judged; /* 'next' is known */
	struct tally_device tally;
};

/*
 * A guest; 'target' is its number in the router, 1 or more (0 is the host). Allocated, as a reload
 * renumbers guests without moving them in memory.
 */
struct output {
	struct daemon *daemon;
	unsigned target;
	const struct conf *conf; /* that the guest was opened with */
	struct guest guest;
	struct tally_target tally;
};

/*
 * Events to report once the current batch of frames is forwarded. Logging, hooks, systemd and LEDs
 * are slow, so they must not delay frames.
 */
struct news {
	bool any;
	bool focused;     /* the focus moved to 'focus' */
	unsigned focus;   /* a target */
	bool moved;       /* devices moved, the focus did not */
	bool panicked;    /* the panic chord was pressed */
	bool again;       /* ... for the second time, see struct route */
	unsigned refused; /* bit n: target n could not take the focus */
};

/* The last time that a guest was lost or refused, as its hook hears of it. */
struct notice {
	unsigned number; /* counts them; 0: never */
	char guest[CONF_NAME_MAX + 1], focus[CONF_NAME_MAX + 1];
	char cause[HOOK_CAUSE_MAX], reason[HOOK_REASON_MAX];
};

enum reload_stage {
	RELOAD_NONE,
	RELOAD_WAITS, /* until all is prepared, and no key is down */
	RELOAD_LOOKS, /* the new configuration is in use, its devices are being looked for */
};

struct reload {
	bool asked;            /* begin at the end of this turn ... */
	uint64_t asked_ticket; /* ... for this call */
	enum reload_stage stage;
	struct conf *next;     /* with RELOAD_WAITS: the new configuration, owned */
	uint64_t ticket;       /* of the call that is to be answered; 0: none */
	struct input *judging; /* plug.c is to find its new section */
	uint64_t until_us;     /* when the reload is given up, CLOCK_MONOTONIC */
	struct timer timer;
	/* Configurations that guests were opened with, owned. */
	struct conf *earlier[CONF_GUESTS_MAX + 1];
	unsigned n_earlier;
};

struct daemon {
	const struct daemon_options *options;
	struct conf *conf; /* owned */
	struct launcher launcher;
	struct watchdog watchdog;
	int lock; /* from instance_lock */
	struct loop loop;
	struct hotkeys hotkeys;
	struct router router;
	struct tally_target host_tally;
	uint64_t started_us;
	unsigned until_timed; /* so many frames are sent without reading the clock */
	struct locks locks;
	struct news news;
	struct hotplug hotplug;
	struct seats seats;
	struct signals signals;
	struct notify notify;
	struct varlink control;
	struct reload reload;
	bool has_terminal; /* SIGHUP says that it is gone */
	bool changed;      /* control_tell is due: something that the state shows has changed */
	struct pace tells; /* limits how often clients and systemd are told */
	bool tells_later;  /* the timer is armed */
	struct timer tell_later; /* a change is not told yet, because of that limit */
	char status[288];        /* last sent to systemd */
	char refused[GUEST_WHY_MAX + CONF_NAME_MAX +
		     48];         /* why the last switch was refused; "" if it succeeded */
	struct notice notices[2]; /* by enum hook_event */
	struct timer ping, trial, start;
	struct timer pins; /* runs while a device waits for the guest that it is pinned to */
	bool tries_pins;   /* a guest that cannot be entered is no news */
	unsigned told_part[ROUTER_PARTS]; /* where each part was, as last logged */
	unsigned start_tries;
	bool ping_due;
	bool hurry_due; /* forward_hurry is due: a guest has the focus */
	bool denied;    /* a device could not be opened for lack of permission */
	bool exposed_told;
	bool path_told[CONF_DEVICES_MAX]; /* logged: the path does not lead to an event node */
	bool quit;
	bool takes_back; /* the trial is over, and devices are being removed from VMs */
	int exit_code;
	struct output *output[CONF_GUESTS_MAX]; /* those of conf->guests; NULL: none */
	struct input input[ROUTER_DEVICES];
};

/* The guest of a target other than the host. */
static inline struct guest *guest_of(struct daemon *daemon, unsigned target)
{
	return &daemon->output[target - 1]->guest;
}

/* What was counted of a target. */
static inline struct tally_target *tally_of(struct daemon *daemon, unsigned target)
{
	return target == ROUTER_HOST ? &daemon->host_tally : &daemon->output[target - 1]->tally;
}

/* Ends the loop after this turn. The exit code of the first call wins. */
void daemon_quit(struct daemon *daemon, int exit_code);
/* A guest that is not open, to be opened with 'conf'. The caller frees it. NULL: no memory. */
struct output *output_new(struct daemon *daemon, const struct conf *conf);

/* --- forward.c --- */

extern const struct source_wakes forward_wakes; /* its 'unsettled' is plug_unsettled */
extern const struct guest_ops forward_guest_ops;

/* Sets up the router, its hotkeys, and daemon->input. Opens nothing. */
void forward_init(struct daemon *daemon);
/* Handles a change of a device's state, then forwards the frames that are ready on it. */
void forward_news(struct input *input, enum device_news news);
/* Handles expiry of daemon->pins. */
void forward_pins(struct timer *pins);
/* Moves the focus as router_switch does, and completes all steps. 0, or its -errno. */
int forward_switch(struct daemon *daemon, unsigned target);
/* The same as router_switch_part does. */
int forward_switch_part(struct daemon *daemon, unsigned part, unsigned target);
/* Removes the device from the router, which releases its keys on every target. */
void forward_remove(struct input *input);
/* The guest is going to be closed: if it has been entered, its devices return to the host. */
void forward_lose(struct daemon *daemon, unsigned target, const char *why);
/*
 * daemon->conf and output are new: renumbers targets as router_replace, while no key is down. Then call
 * forward_adopt for each source, after source_adopt and with what it returned, and forward_tell_moved.
 */
void forward_replace(struct daemon *daemon, const unsigned map[static ROUTER_TARGETS]);
void forward_adopt(struct input *input, enum device_news news);
void forward_tell_moved(struct daemon *daemon);
/* While a guest has the focus: grabs devices that are still waiting. Call at the end of a turn. */
void forward_hurry(struct daemon *daemon);

/* Presses and releases a key at an entered guest, which has it up. */
void forward_tap_guest(struct daemon *daemon, unsigned target, unsigned code);
/* The same at the host, on a clone that has the key. */
void forward_tap_host(struct daemon *daemon, struct clone *clone, unsigned code);

/* "keyboards" or "pointers". */
const char *forward_part_name(enum router_part part);
/* The name of a target; of the target that the device's events go to. */
const char *forward_target_name(const struct daemon *daemon, unsigned target);
const char *forward_target_of(const struct daemon *daemon, const struct input *input);

/* --- control.c --- */

/* Prepares control_tell. 0 or -errno of timer_init. */
int control_init(struct daemon *daemon);
/* Opens the control socket. Without one, evswitch still works: logs a warning. */
void control_open(struct daemon *daemon);
void control_close(struct daemon *daemon);
/* daemon->changed: tells clients that monitor the state, and systemd. Call at the end of a turn. */
void control_tell(struct daemon *daemon);

/* --- away.c --- */

/* Admits who is active at the seat to the control socket, where evswitch serves the machine. */
void away_admit(struct daemon *daemon);
/* 0 or -errno of seats_init. */
int away_init(struct daemon *daemon);
/* Releases all devices, and stops the process by this signal of job control until it is continued. */
void away_stop(struct daemon *daemon, int signo);
/*
 * Call before source_plug, with the node's seat: while another user is active there, the source does not
 * grab it.
 */
void away_before_plug(struct input *input, const char *seat);
/* Nobody reads devices that are let go, so nobody has noticed which were unplugged meanwhile. */
void away_forget_lost(struct daemon *daemon);

/* --- reload.c --- */

/* 0 or -errno of timer_init. */
int reload_init(struct daemon *daemon);
void reload_fini(struct daemon *daemon);
/*
 * The configuration is to be replaced. The result will be logged, told to systemd, and be the answer to
 * the control socket's call 'ticket' (0: none).
 */
void reload_ask(struct daemon *daemon, uint64_t ticket);
/* Begins it, and goes on with it. Call at the end of a turn. */
void reload_turn(struct daemon *daemon);

/* --- locks.c --- */

/*
 * At the user's request, but not by the panic chord, the keyboards have moved from target 'from' to
 * 'to'; all frames of the switch are sent.
 */
void locks_after_switch(struct daemon *daemon, unsigned from, unsigned to);

/* --- plug.c --- */

/*
 * Opens the devices that are present and watches for new ones. 0, or a sysexits code; logs errors.
 */
int plug_init(struct daemon *daemon);
/* True if the section has matched a node since the start. */
bool plug_has(const struct daemon *daemon, const struct conf_device *section);
/*
 * At the end of a trial: EX_OK, or EX_UNAVAILABLE if a section has matched no device at all, which
 * is logged.
 */
int plug_judge_trial(const struct daemon *daemon);
/* Logs the sections that have matched no node. */
void plug_tell_missing(const struct daemon *daemon);
/*
 * The configuration was replaced. 'looks': it may match other nodes, so watches its paths, and looks for
 * its devices in the following turns, while hotplug_is_scanning.
 */
void plug_replace(struct daemon *daemon, bool looks);
/* No effect if plug_init was never called. */
void plug_fini(struct daemon *daemon);
/* The timer of a source whose clone udev has not announced: asks udev again. */
void plug_unsettled(struct timer *settle);
