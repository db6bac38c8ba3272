/* SPDX-License-Identifier: MIT */
/*
 * QEMU and the driver in its guest, as far as a vhost-user input device can tell them apart from
 * these: a connection, a memfd as the guest's memory, two split rings and their eventfds. The
 * frontend_ functions are QEMU's part, the guest_ functions the driver's; both are honest, and the
 * fields and raw primitives are there to be lied with. Every wait has a deadline; what fails ends
 * the test with a message through cmocka.
 */
#pragma once

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "core/keyset.h"
#include "base/util.h"
#include "vhost/vhost-user.h"

/* --- the wire ---------------------------------------------------------------------------- */

#define VHOST_CONFIG_SIZE 136
#define VHOST_FDS_MAX     253 /* SCM_MAX_FD: more the kernel does not pass */

struct vhost_user_header {
	uint32_t request, flags, size;
};

struct vhost_user_region {
	uint64_t gpa, size, user, offset;
};

#define VHOST_REGIONS_MAX 40

struct vhost_user_memory {
	uint32_t n, pad;
	struct vhost_user_region region[VHOST_REGIONS_MAX];
};

struct vhost_user_config {
	uint32_t offset, size, flags;
	uint8_t bytes[VHOST_CONFIG_SIZE];
};

/* --- the front end ----------------------------------------------------------------------- */

enum frontend_kind {
	FRONTEND_QEMU_7,
	FRONTEND_QEMU_10,
	FRONTEND_UML,
	/* A QEMU 7.2 that is a server, has lost its back end and found this one. */
	FRONTEND_MIDSESSION,
};

/* How the driver's buffers lie in descriptors. */
enum guest_layout {
	GUEST_DIRECT,   /* one descriptor of 8 bytes: Linux, Windows */
	GUEST_LONG,     /* one descriptor, longer than an event: edk2 */
	GUEST_SPLIT,    /* two descriptors of 3 and 5 bytes: any other driver might */
	GUEST_INDIRECT, /* the same two in an indirect table */
};

struct frontend_play {
	enum frontend_kind kind;
	unsigned num;     /* the size of both rings */
	uint64_t want;    /* features, if offered; QEMU 7.2 does not ask whether they are */
	unsigned buffers; /* that the driver has at most; 0: 64, as Linux */
	enum guest_layout layout;
};

enum { EVENTQ, STATUSQ, RINGS };

struct frontend_ring {
	struct vring vring;   /* in the guest's memory; its num is what the driver believes */
	int kick, call, err;  /* -1: not made, or QEMU has closed it */
	uint16_t base;        /* for VHOST_USER_SET_VRING_BASE */
	uint16_t avail, used; /* the driver's own indices */
	uint16_t kicked;      /* 'avail' when it was last asked whether to kick */
	unsigned kicks;       /* that the device wanted */
	uint64_t calls;       /* notifications since guest_calls last asked */
	bool no_kick;         /* refills, but does not say so: edk2 */
	bool muted;           /* wants no notifications */
};

struct guest_event {
	uint16_t type, code;
	int32_t value;
};

struct guest {
	unsigned buffers;
	bool forgives;  /* a release of what is up, after it has lied */
	bool keeps;     /* gives no buffer back until guest_give */
	uint16_t *kept; /* the heads of those that the device has not, a ring */
	unsigned first_kept, n_kept;
	bool *given;             /* by head: the device has it */
	struct keyset down;      /* what it believes is down */
	int64_t rel[REL_CNT];    /* the sum of all motion */
	unsigned in_frame;       /* events since the last SYN_REPORT, or with it */
	struct guest_event *log; /* everything that came, until guest_forget */
	unsigned n_log, log_max;
	unsigned events; /* in the log, without SYN_REPORTs */
	unsigned status_sent, status_taken;
};

/* The arguments that every function with 'events, n' takes. */
#define EVENTS(...)                                                                                \
	(const struct guest_event[]){ __VA_ARGS__ },                                               \
		(unsigned)ARRAY_SIZE(((const struct guest_event[]){ __VA_ARGS__ }))

/* A frame of these events and a SYN_REPORT. */
void make_frame(struct frame *frame, const struct guest_event *events, unsigned n);

struct frontend {
	struct frontend_play play;
	int sock; /* -1: not connected */
	int memfd;
	uint8_t *ram; /* the memfd, mapped here; NULL: none */
	size_t size;
	struct vhost_user_memory memory; /* as in VHOST_USER_SET_MEM_TABLE */
	uint64_t offered, features, protocol;
	struct frontend_ring ring[RINGS];
	struct guest guest;
	uint8_t *slots[2];               /* of events: every second buffer in another region */
	uint8_t *indirect;               /* the tables */
	uint8_t *status;                 /* the buffers of the status queue */
	struct vhost_user_config config; /* what the guest last wrote there */
	bool started;
};

/* Makes the guest's memory and lays the rings out in it; nothing is connected yet. */
void frontend_init(struct frontend *fe, const struct frontend_play *play);
/* Closes and frees all; harmless on a zeroed one and twice. */
void frontend_fini(struct frontend *fe);

/* Waits until somebody listens there. */
void frontend_connect(struct frontend *fe, const char *path);
void frontend_close(struct frontend *fe);
/* From the first message to the end of QEMU's realize. */
void frontend_realize(struct frontend *fe);
/* DRIVER_OK: memory table, rings, eventfds. Also resumes, where frontend_stop has left off. */
void frontend_start(struct frontend *fe);
/* Pause, reset, driver unload: disables, and takes the bases of the rings. UML has no such call. */
void frontend_stop(struct frontend *fe);

/* All of it up to a driver that waits for events; what it reads of the device is this model. */
void frontend_session(struct frontend *fe, const char *path, const struct frontend_play *play,
		      const struct vinput_model *model);
/* All that was said before has been done when this returns: the guest reads the config space. */
void frontend_sync(struct frontend *fe);

/* --- the driver -------------------------------------------------------------------------- */

/* Reads the config space as Linux does and compares it with 'model'. */
void guest_probe(struct frontend *fe, const struct vinput_model *model);
/* One select and its answer; returns the size that the device gave. */
unsigned guest_config(struct frontend *fe, uint8_t select, uint8_t subsel, uint8_t *bytes);

/* Gives the device up to n of the buffers that it kept, and kicks if the device wants that. */
void guest_give(struct frontend *fe, unsigned n);
/* Takes what came and gives the buffers back. How many events that were. */
unsigned guest_harvest(struct frontend *fe);
/* Takes all, until the device has nothing left to give. */
void guest_drain(struct frontend *fe, struct backend *backend);
/*
 * Waits until so many events beside SYN_REPORTs have come since guest_forget, and the frame is
 * whole; woken by the device's notifications alone, unless it is muted.
 */
void guest_await(struct frontend *fe, unsigned events);
/*
 * Everything since guest_forget is these, awaited, in that order, and a SYN_REPORT in the end. Others
 * in between are listed as {0}, or may stand anywhere where 'cut' says that a frame does not fit.
 */
void guest_expect(struct frontend *fe, const struct guest_event *events, unsigned n, bool cut);
/* Whether it wants notifications of this ring. */
void guest_mute(struct frontend *fe, unsigned ring, bool muted);
/* Notifications of this ring since the last question. */
uint64_t guest_calls(struct frontend *fe, unsigned ring);
/* The next notification of the event ring; 'what' says in the message what was waited for. */
void guest_await_call(struct frontend *fe, const char *what);
/* Takes events until nothing is down, until this key is as it says, or until the motion sums up to this. */
void guest_await_released(struct frontend *fe);
void guest_await_key(struct frontend *fe, uint16_t code, int value);
void guest_await_rel(struct frontend *fe, uint16_t code, int64_t sum);
/* The next event of the guest is this one, as a report of its own. */
void guest_expect_key(struct frontend *fe, uint16_t code, int value);
/* Tells the device that there is something in this ring, if it wants to know. */
void guest_kick(struct frontend *fe, unsigned ring);
/* The same whether it wants or not. */
void guest_kick_anyway(struct frontend *fe, unsigned ring);
/* Forgets the log, not what is down. */
void guest_forget(struct frontend *fe);
/* The rings and all that is down: a reboot, or a driver that is loaded anew. */
void guest_reset(struct frontend *fe);

/* Puts an event into the status queue, as Linux does for a LED; waits while it is full. */
void guest_status(struct frontend *fe, uint16_t type, uint16_t code, int32_t value);
/* Waits until the device has taken all of them. */
void guest_await_status(struct frontend *fe);

/* --- to lie with ------------------------------------------------------------------------- */

/* Writes bytes with descriptors. False where the back end has closed the connection. */
bool frontend_write(struct frontend *fe, const void *bytes, size_t size, const int *fds,
		    unsigned n);
/* One message with these flags beside the version. */
bool frontend_message(struct frontend *fe, uint32_t request, uint32_t flags, const void *payload,
		      size_t size, const int *fds, unsigned n);
/* Reads exactly so much; false where the connection has ended before. */
bool frontend_read(struct frontend *fe, void *bytes, size_t size);
/* Sends a message and takes its answer, which must be an answer to it; how long its payload is. */
size_t frontend_ask(struct frontend *fe, uint32_t request, const void *payload, size_t size,
		    void *reply, size_t reply_max);
/* Sends a message, and where this front end would ask for one, takes the acknowledgement, 0. */
void frontend_tell(struct frontend *fe, uint32_t request, const void *payload, size_t size,
		   const int *fds, unsigned n);
/* The back end says no to what was sent last: a nack, or the end of the connection. */
void frontend_expect_refused(struct frontend *fe);
/* The back end closes the connection. */
void frontend_expect_closed(struct frontend *fe);

/* The guest's and QEMU's addresses of a place in fe->ram. */
uint64_t frontend_gpa(const struct frontend *fe, const void *at);
uint64_t frontend_user(const struct frontend *fe, const void *at);
/* Appends a descriptor to a ring's table and this head to its available ring, unseen by the driver. */
void guest_lie(struct frontend *fe, unsigned ring, uint16_t head);
