/* SPDX-License-Identifier: MIT */
/*
 * Decides where every event goes: handles the panic chord, remap, hotkeys and focus, and tracks
 * which device holds which key down on which target. Pure: no descriptor, no clock (events carry
 * their own time), no allocation, no callback. The daemon owns the router and sends the frames it
 * returns.
 *
 * The caller passes in one frame of one device and gets the consequences back step by step: frames
 * to send, a question to answer, and notifications. router_frame returns the first step,
 * router_next each further one, up to ROUTER_DONE; nearly always the first step is ROUTER_DONE. The
 * same holds for every function here that returns a step. Finish one such sequence before starting
 * the next.
 *
 * Target 0 is the host, where each device has its own port (its clone), so keys held on two devices
 * stay separate. A guest has one port for all devices that are at it: a key is down there while any
 * of them holds it.
 *
 * Each device is at one target, which gets its events. The focus is where a switch has moved all of
 * them to; a switch of a part moves only keyboards, pointers or one device. A pinned device is at
 * its own target, and switches pass it by. If that target is a guest that is down, its events reach
 * nobody, so that nothing typed for the guest ends up on the host. Only the panic chord moves it to
 * the host, until the user switches again. A target is entered while the focus, the focus of a part
 * or a device is at it.
 *
 * Invariants, which hold at every ROUTER_DONE and which the random walk checks:
 *  I1  The router's view of the keys down on a port is correct.
 *  I2  A key that a device holds is down only at the target at which the device is, except
 *      'always' keys, which are down at the host.
 *  I3  No key is down unless it is physically held, except between SYN_DROPPED and the resync. (The
 *      tap of Ctrl that keeps a menu shut when a switch releases Alt or Meta is over within the
 *      call.)
 *  I4  Neither the focus nor a device that is not pinned is at a target that is gone, and nothing
 *      is sent to one. They stay at a target that was reset: all its keys count as up, and nothing
 *      is sent to it until it is ready.
 *  I5  An event reaches at most one target.
 *  I6  The panic chord returns the focus and every device to the host from any state.
 *  I7  Presses and releases of a code alternate on every port.
 *  I8  A resync presses only keys that the kernel reports down, and completes no hotkey but the
 *      panic chord.
 *  I9  Every frame ends with its only SYN_REPORT, and the events of a frame stay in order.
 *  I10 The key that completes a hotkey reaches no target, nor does its release.
 *  I11 No key transition is lost while its target is up.
 *  I12 The work of a step is bounded by the number of devices, keys and table entries.
 *  I13 A guest cannot choose the moment from which keystrokes go to the host. After devices return
 *      to the host without the user's request, only presses of 'always' keys on them reach a
 *      target. This ends once all keys of all devices have been up, with no key event, for
 *      ROUTER_QUIET_US, or once the user completes a hotkey or the panic chord. Motion passes.
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

#define ROUTER_PANIC_AGAIN_US 2000000 /* a panic chord this soon after the last sets route.again */
#define ROUTER_QUIET_US       500000  /* I13 */

/* Instead of a target: the next one in order that can take the focus. */
#define ROUTER_NEXT ROUTER_TARGETS
/* As the target of a pin: none. */
#define ROUTER_FREE ROUTER_TARGETS

/* Which devices a switch moves: one of these, or ROUTER_DEVICE of a device's number. */
enum router_part { ROUTER_ALL, ROUTER_KEYBOARDS, ROUTER_POINTERS, ROUTER_PARTS };
#define ROUTER_DEVICE(d) (ROUTER_PARTS + (d))

/* An action in struct hotkeys: a part, and a target or ROUTER_NEXT. */
#define ROUTER_ACTION(part, target) ((int)((part) * (ROUTER_NEXT + 1) + (target)))

/*
 * Keys that open a menu if they are pressed and released with no other key in between. Before a
 * switch releases one it taps KEY_LEFTCTRL, so a clone that declares any of these must declare that
 * too.
 */
#define ROUTER_MENU_KEYS 4
extern const uint16_t router_menu_keys[ROUTER_MENU_KEYS];

enum router_step {
	ROUTER_DONE,    /* send the frames; the sequence is complete */
	ROUTER_SEND,    /* send the frames, then call router_next */
	ROUTER_ENTER,   /* can 'target' take the focus? Answer with router_entered */
	ROUTER_FOCUSED, /* the focus moved from 'from' to 'target', and all devices with it (I2) */
	ROUTER_MOVED,   /* the devices of 'part' moved to 'target'; the focus did not */
	ROUTER_LEFT,    /* nothing is at 'target' any more, and no key is down there */
	ROUTER_PANICKED /* the panic chord; 'again': within ROUTER_PANIC_AGAIN_US of the last */
};

struct route {
	/*
	 * With ROUTER_DONE and ROUTER_SEND: whole frames for the host's port 'device' and for the
	 * guest 'target', or NULL. Both come from 'device' and are valid until the next step.
	 */
	const struct frame *host, *guest;
	unsigned device;
	unsigned target, from;
	unsigned part; /* enum router_part or ROUTER_DEVICE: what was moved */
	bool again;
	int rc; /* with ROUTER_DONE: the result of router_switch; otherwise 0 */
};

struct router_device {
	bool present;
	bool pointer;              /* of ROUTER_POINTERS, not of ROUTER_KEYBOARDS */
	bool deaf;                 /* I13: counts while router.deaf is true */
	unsigned target;           /* where it is */
	unsigned pin;              /* ROUTER_FREE: switches move it */
	const struct remap *remap; /* owned by the configuration */
	struct keyset raw;         /* physically down on the device, before the remap */
	struct keyset at_host;     /* the subset of raw whose press went to the host */
	struct keyset at_guest;    /* the subset of raw whose press went to 'target', a guest */
};

struct router_target {
	bool entered;
	bool ready; /* I4: entered, and not reset since without being ready again */
};

/* Internal: the next thing that router_next does. */
enum router_stage {
	STAGE_IDLE,
	STAGE_ROUTE,      /* route the remaining events of the input frame */
	STAGE_ENTER,      /* ask whether the target can take the focus */
	STAGE_FLUSH,      /* send the output so far, before a switch or the panic chord */
	STAGE_SHUT_MENUS, /* a switch: tap Ctrl at the old target if needed ... */
	STAGE_RELEASE,    /* ... release its keys ... */
	STAGE_FOCUS,      /* ... move the focus or the devices ... */
	STAGE_LEAVE,      /* ... and leave the targets where nothing is any more */
	STAGE_PANIC,      /* release all keys of the host */
	STAGE_PANICKED,
	STAGE_REMOVE_HOST, /* release the keys of a removed device at the host ... */
	STAGE_REMOVE_GUEST /* ... and at the guest */
};

struct router_work {
	enum router_stage stage;
	const struct frame *frame;       /* the input frame, or NULL */
	const struct input_event *ev;    /* the next event to route */
	const struct input_event *at;    /* its time goes into generated events */
	unsigned device;                 /* the source of the frame */
	unsigned part;                   /* what moves */
	unsigned to, others;             /* the candidate target; how many follow it */
	unsigned cursor;                 /* the next device to release, or target to leave */
	bool tapped;                     /* the tap's Ctrl is down at 'cursor' */
	bool handed;                     /* the last step handed out router.out */
	bool moves, panics, again, next; /* pending: switch, panic; see struct route; ROUTER_NEXT */
	int rc;
};

struct router {
	const struct hotkeys *hotkeys; /* this and the next two: owned by the configuration */
	const struct chord *panic;
	const struct keyset *always; /* codes after the remap */
	struct keyset in_a_hotkey;   /* codes after the remap that occur in any hotkey */
	struct keyset in_panic;      /* codes before the remap */
	unsigned n_targets;
	unsigned focus;
	unsigned part_focus[ROUTER_PARTS]; /* where new devices of ROUTER_KEYBOARDS ... go */
	struct router_target target[ROUTER_TARGETS];
	struct timeval panicked_at; /* the last panic chord; zero before the first */
	bool decided;               /* the user has ever completed a hotkey or the panic chord */
	bool recalled;              /* the panic chord moved pinned devices to the host */
	bool deaf;                  /* I13: presses on devices that are deaf are dropped */
	int64_t quiet_since_us;     /* while deaf: since when all keys are up without a key event */
	unsigned n_devices;         /* one more than the highest device that was ever present */
	struct router_device device[ROUTER_DEVICES];
	struct router_work work;
	struct frame out[2]; /* frames under construction: for the host, for the device's guest */
};

/* All pointers must outlive the router. n_targets: 1 to ROUTER_TARGETS, including the host. */
void router_init(struct router *router, const struct hotkeys *hotkeys, const struct chord *panic,
		 const struct keyset *always, unsigned n_targets);

/* As a target's new number: it is gone. */
#define ROUTER_GONE ROUTER_TARGETS

/*
 * Takes another configuration into use, which is as in router_init: target t is renumbered to
 * map[t], and ROUTER_HOST stays ROUTER_HOST. Only while router_idle, and call router_target_down
 * before for an entered target that is gone. Devices and the focus stay where they are. Afterwards,
 * call router_set_remap for each device, whose remap may be gone, and router_pin_device for each
 * whose pin was at a target that is gone, or has changed.
 */
void router_replace(struct router *router, const struct hotkeys *hotkeys, const struct chord *panic,
		    const struct keyset *always, unsigned n_targets,
		    const unsigned map[static ROUTER_TARGETS]);

/*
 * Adds a device, 0 to ROUTER_DEVICES - 1, with no keys down, where the keyboards are. 'remap' must
 * outlive it.
 */
void router_add_device(struct router *router, unsigned device, const struct remap *remap);
/* Removes a device: the keys that it held are released on every target. */
enum router_step router_remove_device(struct router *router, unsigned device, struct route *route);

/*
 * The device is a pointer: it is where the pointers are. Call it directly after router_add_device.
 */
void router_set_pointer(struct router *router, unsigned device);

/* Replaces the remap of a device that is present and has no keys down. It must outlive the device. */
void router_set_remap(struct router *router, unsigned device, const struct remap *remap);

/*
 * From now on all events of the device go to this target, whichever has the focus. Hotkeys and the
 * panic chord still work on it. The device must be present and have no keys down. If the target is
 * a guest, router_pin_waits is true until router_switch_part has entered it. ROUTER_FREE: switches
 * move the device again, and it is where the devices of its part are. Call router_leave after it.
 */
void router_pin_device(struct router *router, unsigned device, unsigned target);

/*
 * Leaves the targets where nothing is any more. Within a sequence it does nothing: call it again
 * once that is complete.
 */
enum router_step router_leave(struct router *router, struct route *route);

/*
 * True if a device pinned to a guest is not at it, or the guest is not entered, and it should be:
 * then try router_switch_part(router, ROUTER_DEVICE(device), its pin) from time to time.
 */
bool router_pin_waits(const struct router *router, unsigned device);

/*
 * Hot. Routes a whole frame of a present device. The caller keeps 'frame' valid until ROUTER_DONE.
 */
enum router_step router_frame(struct router *router, unsigned device, const struct frame *frame,
			      struct route *route);

/*
 * Moves the focus at the user's request to 'target', or with ROUTER_NEXT to the next target in
 * order that can take it. At ROUTER_DONE, route->rc is 0 (also if the target already had the
 * focus), the error passed to router_entered, -ENODEV if ROUTER_NEXT finds no target, or -EINVAL if
 * there is no such target.
 */
enum router_step router_switch(struct router *router, unsigned target, struct route *route);
/*
 * The same for a part of the devices, enum router_part or ROUTER_DEVICE. ROUTER_NEXT counts from
 * where the part is. Once all parts are at one target, the focus is there, too. Also -ENODEV if
 * there is no such device, and -EPERM if it is pinned to another target.
 */
enum router_step router_switch_part(struct router *router, unsigned part, unsigned target,
				    struct route *route);

/* The next step of the sequence that the last call began. Call until ROUTER_DONE. */
enum router_step router_next(struct router *router, struct route *route);

/* Answers ROUTER_ENTER, before router_next: 0, or -errno to refuse the focus. */
void router_entered(struct router *router, int rc);

/*
 * The target can no longer receive events. Its keys count as up without being released here: its
 * sink releases them. True if it was entered: then the focus and the devices that were at it return
 * to the host, but pinned ones, and I13 applies to them from 'now_us' (microseconds on the clock of
 * the events) on. Call router_leave after it: the focus may have been the last thing at another.
 */
bool router_target_down(struct router *router, unsigned target, int64_t now_us);

/*
 * The target was reset and has no keys down; 'ready': it accepts events again. The machine keeps
 * running, so the target keeps the focus if it has it.
 */
void router_target_reset(struct router *router, unsigned target, bool ready);

/* True if events can be sent to the target: the host, or one that is entered and ready. */
static inline bool router_takes(const struct router *router, unsigned target)
{
	return target == ROUTER_HOST || router->target[target].ready;
}

/* True if no key or button is physically down on any device. */
bool router_idle(const struct router *router);
