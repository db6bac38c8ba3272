/*
 * Decides where every event goes: panic chord, remap, hotkeys, focus, and who holds what down. Pure:
 * no descriptor, no clock (time is the events' own), no allocation, no callback.
 *
 * One frame of one device goes in, and what follows from it comes out step by step: frames for targets,
 * a question, and what has happened. The first step is the result of router_frame, the others are had by
 * router_next until ROUTER_DONE, which nearly always is the first. The same holds for every function here
 * that returns a step; none of them may be called before the one before is done. Several devices share the
 * targets.
 *
 * Target 0 is the host: there each device has a port of its own (its clone), so what two devices hold
 * never mixes. A guest has one port for all devices: a key is down there while any of them holds it.
 *
 * What holds at every ROUTER_DONE, and what the random walk checks:
 *  I1  What is down on a port is what the router believes is down there.
 *  I2  Nothing but an 'always' key, or what a pinned device holds, is down on a target without focus.
 *  I3  Nothing is down without a finger on it, outside the gap between a loss and its resync. (The tap
 *      of Ctrl that keeps a menu shut when a switch releases Alt or Meta is over within the call.)
 *  I4  Focus is never on a target that is gone. On one that was reset it stays: what was down there is
 *      forgotten, and nothing is sent there while nobody can take it.
 *  I5  An event reaches one target at most.
 *  I6  From every state the panic chord reaches the host.
 *  I7  Presses and releases of a code alternate on every port.
 *  I8  A resync presses only what the kernel says is down, and completes no hotkey but the panic chord.
 *  I9  Every frame ends with its one SYN_REPORT, and events of one frame stay in order.
 *  I10 The key that completes a hotkey reaches nobody, nor does its release.
 *  I11 No transition of a key is lost while its target is up.
 *  I12 The work of a step is bounded by the number of devices, keys and entries in tables.
 *  I13 A guest cannot choose when what is typed goes to the host: after a return of the focus that the
 *      user has not asked for, no press reaches a target but that of an 'always' key or on a pinned
 *      device, until all keys were up, and none moved, for ROUTER_QUIET_US after it, or the user has
 *      decided with a hotkey or the panic chord. Motion passes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>

#include "core/frame.h"
#include "core/hotkey.h"
#include "core/keys.h"
#include "core/keyset.h"
#include "core/remap.h"

#define ROUTER_DEVICES 64
#define ROUTER_TARGETS 16
#define ROUTER_HOST    0

#define ROUTER_PANIC_AGAIN_US 2000000 /* a second panic chord within this time is counted as such */
#define ROUTER_QUIET_US       500000  /* I13 */

/* Actions in struct hotkeys: 0 .. ROUTER_TARGETS - 1 switch to that target, this one to the next. */
#define ROUTER_NEXT ROUTER_TARGETS

/*
 * Keys that open a menu where they come up with no other key in between. A switch that releases one
 * taps KEY_LEFTCTRL before: the host's devices that have one of these must be able to.
 */
#define ROUTER_MENU_KEYS 4
extern const uint16_t router_menu_keys[ROUTER_MENU_KEYS];

enum router_step {
	ROUTER_DONE,  /* nothing is left to do but to send the frames */
	ROUTER_SEND,  /* the frames are to be sent first */
	ROUTER_ENTER, /* can 'target' have the focus? router_entered answers */
	ROUTER_FOCUSED, /* 'target' has the focus; 'from' has nothing down any more but what I2 leaves */
	ROUTER_PANICKED /* the panic chord: the host has the focus. 'again': the second within 2 s */
};

struct route {
	/*
	 * With ROUTER_DONE and ROUTER_SEND: a whole frame for the host, where 'device' is its port, and one
	 * for the guest 'target', from the same device; NULL for none. Valid until the next step.
	 */
	const struct frame *host, *guest;
	unsigned device;
	unsigned target, from;
	bool again;
	int rc; /* with ROUTER_DONE: of router_switch, 0 for all else */
};

struct router_device {
	bool present;
	bool pinned;               /* to the host */
	const struct remap *remap; /* the configuration's */
	struct keyset raw;         /* fingers: down on the device, before the remap */
	struct keyset at_host;     /* the part of raw whose press the host got */
	struct keyset at_guest;    /* the part of raw whose press the focused guest got */
};

/* Internal: what router_next does next, from the last to the first of a switch. */
enum router_stage {
	STAGE_IDLE,
	STAGE_ROUTE, /* the events of the frame in hand */
	STAGE_ENTER, /* waits for the answer */
	STAGE_FLUSH, /* what was made so far goes out before what follows, and at the frame's end */
	STAGE_SHUT_MENUS, /* the focus moves: what it leaves is released */
	STAGE_RELEASE,
	STAGE_FOCUS,
	STAGE_PANIC, /* what the host has down is released */
	STAGE_PANICKED,
	STAGE_REMOVE_HOST, /* what a device held that is gone */
	STAGE_REMOVE_GUEST
};

struct router_work {
	enum router_stage stage;
	const struct frame *frame;    /* in hand; NULL: none */
	const struct input_event *ev; /* the next one in it */
	const struct input_event *at; /* lends its time to what is made */
	unsigned device;              /* that the frame is from */
	unsigned to, others;          /* where the focus may go, and how many more can be asked */
	unsigned cursor;              /* the device that is at turn to be released */
	bool tapped;                  /* its Ctrl is down */
	bool handed;                  /* router.out, by the last step */
	bool moves, panics, again, next; /* the focus; the panic chord; ROUTER_NEXT */
	int rc;
};

struct router {
	const struct hotkeys *hotkeys; /* the configuration's */
	const struct chord *panic;
	const struct keyset *always; /* codes after the remap */
	struct keyset in_a_hotkey;   /* codes after the remap that stand in any of the hotkeys */
	struct keyset in_panic;      /* codes before the remap */
	unsigned n_targets;
	unsigned focus;
	struct timeval panicked_at; /* of the last panic chord; zero before the first */
	bool decided;               /* the user has completed a hotkey or the panic chord, ever */
	bool awaited;           /* I4: the target with the focus was reset, and is not ready yet */
	bool deaf;              /* I13: presses go nowhere */
	int64_t quiet_since_us; /* while deaf: no key was down, and none moved, since */
	unsigned n_devices;     /* one above the highest that was ever present */
	struct router_device device[ROUTER_DEVICES];
	struct router_work work;
	struct frame out[2]; /* in the making: for the host, for the focused guest */
};

/* All pointers must outlive the router. n_targets: 1 to ROUTER_TARGETS, the host among them. */
void router_init(struct router *router, const struct hotkeys *hotkeys, const struct chord *panic,
		 const struct keyset *always, unsigned n_targets);

/* A device appears, with nothing down. */
void router_add_device(struct router *router, unsigned device, const struct remap *remap);
/* The device is gone: what it held is released wherever it was down. */
enum router_step router_remove_device(struct router *router, unsigned device, struct route *route);

/*
 * All that the device sends is the host's from now on, whoever has the focus; hotkeys and the panic
 * chord count on it too. It is present, and has nothing down.
 */
void router_pin_device(struct router *router, unsigned device);

/* Hot. One whole frame, SYN_REPORT at its end, of a device that is present; kept until ROUTER_DONE. */
enum router_step router_frame(struct router *router, unsigned device, const struct frame *frame,
			      struct route *route);

/*
 * Gives the focus to a target, or to the next one in order that is up (ROUTER_NEXT): the user's decision.
 * At ROUTER_DONE, route->rc is 0, also where the target had the focus already; or the error that
 * router_entered was given; -ENODEV where no other target is up, -EINVAL where there is no such target.
 */
enum router_step router_switch(struct router *router, unsigned target, struct route *route);

enum router_step router_next(struct router *router, struct route *route);

/* Between ROUTER_ENTER and router_next: 0, or -errno and the focus does not go there. */
void router_entered(struct router *router, int rc);

/*
 * The target can take nothing any more. What was down there is forgotten, not released: its sink
 * does that. True where it had the focus: that is the host's now, and I13 holds from 'now_us' on, by the clock
 * of the events.
 */
bool router_target_down(struct router *router, unsigned target, int64_t now_us);

/*
 * The target was reset, or takes events again after that ('ready'), and its machine goes on: it has
 * nothing down, and keeps the focus if it has it.
 */
void router_target_reset(struct router *router, unsigned target, bool ready);

/* Whether a finger is on any key or button. */
bool router_idle(const struct router *router);
