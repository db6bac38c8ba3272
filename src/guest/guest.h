/* SPDX-License-Identifier: MIT */
/*
 * A configured guest. Accepts whole, unshaped frames from the router and sends them through its
 * shape and its sink (the channel). Talks to its keeper, and if the configuration names a domain or
 * a monitor, follows the VM and attaches the devices to it. If the VM still has devices of an
 * earlier configuration open, that configuration stays in effect until the VM closes them. Owned by
 * the daemon; owns its keeper connection, sink, shape, VM and attach.
 */
#pragma once

#include <stdbool.h>

#include "qemu/attach.h"
#include "conf/conf.h"
#include "keeper/keeper-client.h"
#include "base/log.h"
#include "core/shape.h"
#include "guest/sink.h"
#include "guest/why.h"
#include "qemu/vm.h"

/* How often to check whether the VM has closed the devices of an earlier configuration. */
#define GUEST_LOOK_MS 250
/* When to create its devices again, after that failed for lack of descriptors or memory. */
#define GUEST_MAKE_AGAIN_MS 1000

struct guest;

/* See loop.h for the rule of re-entrancy. */
struct guest_ops {
	/*
	 * The guest can no longer receive input; 'why' explains it to the user. Its keys are up, or
	 * will be released when it runs again. guest->here: it could before. May be called more
	 * than once.
	 */
	void (*down)(struct guest *guest, const char *why);
	/*
	 * The guest was reset or crashed while its VM runs on, or is ready again after that
	 * (guest->ready). All its keys are up and its LEDs off. May be called more than once for
	 * one reset.
	 */
	void (*reset)(struct guest *guest, const char *why);
	/* What guest_why_down and guest_vm say may have changed. Called within guest_open, too. */
	void (*changed)(struct guest *guest);
	/* The guest changed its lock LEDs, see guest_leds. */
	void (*leds)(struct guest *guest);
};

struct guest {
	const struct guest_ops *ops;
	const struct conf_guest *conf; /* owned by the configuration */
	struct loop *loop;
	struct keeper_identity wanted; /* according to the configuration */
	struct keeper_client keeper;
	struct shape shape;
	struct sink *sink;   /* NULL until its keeper has answered, and its devices exist */
	struct sink *making; /* creates its devices, one in each turn; NULL: none */
	struct timer make;
	bool focused;
	bool ready;                /* while focused: it accepts events */
	bool paused;               /* QEMU drops its input, by the last state of the VM */
	const char *why_paused;    /* for the user */
	struct keeper_state heard; /* last state from a keeper that has the monitor */
	bool here;                 /* it has or could have had the focus since it was last down */
	bool offered;              /* tried to attach the devices to the current run of the VM */
	bool ends;                 /* do not attach devices to a VM any more */
	struct log_limit limit;    /* for messages that the VM or the keeper can cause */
	struct timer look;         /* runs while the sink is of an earlier configuration */
	struct attach attach;
	struct vm vm;   /* open if the configuration names its domain or monitor */
	int open_error; /* -errno if its devices could not be created, else 0 */
};

/*
 * Connects to the guest's keeper or starts one. The devices are created in the loop once the keeper
 * has answered; guest_is_pending is true until then. 0; -ENAMETOOLONG if the socket directory's
 * path is too long; or -errno, which has been logged. Call guest_close in any case. The pointers
 * must outlive the guest.
 */
int guest_open(struct guest *guest, const struct conf *conf, const struct conf_guest *section,
	       struct loop *loop, const struct guest_ops *ops);
void guest_close(struct guest *guest);
/*
 * True while it is undecided whether the guest's devices can be created; guest->open_error says
 * later.
 */
bool guest_is_pending(const struct guest *guest);

/* udev has set the permissions of a node, which may be one of the guest's. */
void guest_settled(struct guest *guest, const char *devnode);

/*
 * Starts to detach from the running VM what this process attached, and attaches nothing from now
 * on. guest_takes_back is true until that has finished in the loop; see attach.h for its time
 * limits. guest_end_take_back gives up. Devices that could not be detached are logged in either
 * case.
 */
void guest_take_back(struct guest *guest);
bool guest_takes_back(const struct guest *guest);
void guest_end_take_back(struct guest *guest);

/*
 * Prepares the guest for the focus, as sink_ops.enter: 0 or -errno; -EAGAIN if its VM is paused;
 * guest_why_down explains it. The guest must have no keys down. After success, call guest_leave
 * before entering again.
 */
int guest_enter(struct guest *guest);
/*
 * Why guest_enter would fail now, with the remedy; GUEST_UP if it would succeed, GUEST_FOCUSED if
 * the guest has been entered. Changes nothing. Searches /proc if need be, for up to
 * HOLDER_SEARCH_US: not for the path of an event.
 */
void guest_why_down(struct guest *guest, struct guest_why *why);
/* The state of its VM; RUN_STATE_UNKNOWN if it is not followed. */
enum run_state guest_vm(const struct guest *guest);
void guest_leave(struct guest *guest);
/*
 * Releases all keys that are down in the guest, including those that the router no longer tracks.
 */
void guest_release(struct guest *guest);

/* The guest's lock LEDs: bit n is LED code n; 0 if unknown. */
uint16_t guest_leds(const struct guest *guest);
/*
 * True if the guest has set its LEDs since it was started or reset: only then do they show whether
 * its locks are on.
 */
bool guest_leds_known(const struct guest *guest);

/*
 * Hot. Sends a whole frame. 0, or -errno if part of it could not be written: then call
 * guest_release, and send nothing until the next guest_enter.
 */
int guest_send(struct guest *guest, const struct frame *frame);
