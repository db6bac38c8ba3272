/*
 * A configured guest: its keeper, its sink (the channel), its shape, and, where it is followed, its VM
 * and what gives a QEMU that runs the devices. Takes the router's frames, whole and unshaped. What the
 * guest has open from an earlier configuration counts until it lets go of it. Owned by the daemon; owns
 * all of these.
 */
#pragma once

#include <stdbool.h>

#include "qemu/attach.h"
#include "conf/conf.h"
#include "keeper/kept.h"
#include "base/log.h"
#include "core/shape.h"
#include "guest/sink.h"
#include "qemu/vm.h"

/* How often an earlier configuration's devices are looked at, whether they can go. */
#define GUEST_LOOK_MS 250

struct guest;

/* For what they may do, see loop.h. */
struct guest_ops {
	/*
	 * It can take nothing any more, for the reason given; what was down on it is up, or comes up
	 * when it runs again.
	 */
	void (*down)(struct guest *guest, const char *why);
	/*
	 * It was reset or has crashed, and its VM goes on; or it is ready again after that (guest->ready).
	 * Nothing is down on it, and no LED is lit. It may come more than once for one reset.
	 */
	void (*reset)(struct guest *guest, const char *why);
	/* It set its lock LEDs: guest_leds. */
	void (*leds)(struct guest *guest);
};

struct guest {
	const struct guest_ops *ops;
	const struct conf_guest *conf; /* the configuration's */
	struct loop *loop;
	struct keeper_identity wanted; /* by the configuration */
	struct kept kept;
	struct shape shape;
	struct sink *sink; /* NULL until its keeper has answered */
	bool focused;
	bool ready;                /* while it has the focus: it takes events */
	bool paused;               /* QEMU drops its input: by what was last heard of its VM */
	const char *why_paused;    /* in words for the user */
	struct keeper_state heard; /* of its VM, from the keeper that has the monitor */
	bool offered;              /* its devices, to the QEMU that runs now */
	bool ends;                 /* no VM is given devices any more */
	struct log_limit limit;    /* of what its VM and its keeper cause */
	struct timer look; /* while the sink is by an earlier configuration: has the VM let go? */
	struct attach attach;
	struct vm vm;   /* followed where the configuration names its domain or monitor */
	int open_error; /* its devices cannot be made; 0: none */
};

/*
 * Finds or starts the guest's keeper; the devices are made once that has answered, in the loop, which
 * guest_is_pending tells. 0 or -errno; guest_close is legal, and due, after a failure too.
 */
int guest_open(struct guest *guest, const struct conf *conf, const struct conf_guest *section,
	       struct loop *loop, const struct guest_ops *ops);
void guest_close(struct guest *guest);
bool guest_is_pending(const struct guest *guest);

/* udev has set the permissions of this node, which may be one of the guest's. */
void guest_settled(struct guest *guest, const char *devnode);

/*
 * Begins to remove from a QEMU that runs what this process gave it, and gives no QEMU anything from now
 * on. guest_takes_back is true until that has ended, in the loop; attach.h has its limits. What is not
 * removed is logged, also where the caller ends it before that.
 */
void guest_take_back(struct guest *guest);
bool guest_takes_back(const struct guest *guest);
void guest_end_take_back(struct guest *guest);

/* As sink_ops.enter; a guest that has been left, or lost, has nothing down. */
int guest_enter(struct guest *guest, const char **why);
void guest_leave(struct guest *guest);
/* All that is down in the guest goes up, though the router does not know of it any more. */
void guest_release(struct guest *guest);

/* Its lock LEDs as a mask; 0 where none are known. */
uint16_t guest_leds(const struct guest *guest);

/*
 * Hot. 0; or -errno where part of it could not be written: the guest is to be released, and takes nothing
 * until the next guest_enter.
 */
int guest_send(struct guest *guest, const struct frame *frame);
