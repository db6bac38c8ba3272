/*
 * Whether a guest runs: follows the domain (libvirt, by virsh) or the monitor (QMP) that the
 * configuration names for it, for as long as evswitch runs, through every end and start of either.
 * It only listens, and is never on the way of an event. The owner embeds the struct; it owns its
 * child processes and the connection to the monitor.
 */
#pragma once

#include <stdbool.h>

#include "launch/child.h"
#include "conf/conf.h"
#include "base/log.h"
#include "base/loop.h"
#include "qemu/qmp.h"
#include "base/usock.h"

enum life_state {
	LIFE_UNKNOWN, /* nobody can be asked, or nobody has answered yet */
	LIFE_OFF,     /* there is no QEMU: nothing of it holds a node or a socket */
	/*
	 * There is one, and its guest does not run: paused, crashed or powered off. QEMU drops what it is
	 * sent, releases too.
	 */
	LIFE_PAUSED,
	/* Or suspended to memory (S3): QEMU takes input, and a key can wake it. */
	LIFE_RUNNING,
};

/* "unknown", "off", "paused", "running". */
const char *life_state_name(enum life_state state);

struct life;

/* life_close is legal within each; the struct must live until it returns. */
struct life_ops {
	/* life->state has changed. */
	void (*state)(struct life *life);
	/*
	 * The machine was reset: the guest knows of no key and has set no LED. It may come more than
	 * once for one reset, and does not change the state.
	 */
	void (*reset)(struct life *life);
	/* The guest's system says that it has crashed; a state follows by itself. */
	void (*panicked)(struct life *life);
	/* life_qmp gives the monitor from now on, or no more. May be NULL. */
	void (*monitor)(struct life *life);
	/* Every event of the monitor, as in qmp_ops. May be NULL. */
	void (*event)(struct life *life, const char *name, struct json_object *data);
};

struct life {
	const struct life_ops *ops;
	const struct conf_guest *guest;
	struct loop *loop;
	enum life_state state;
	struct timer retry; /* connects anew */
	char said[256];     /* why it cannot be followed, as it was last logged */
	struct log_limit limit;
	struct pace hurries; /* connections that follow soon on the one before */

	/* By libvirt. */
	struct child events, domstate;
	struct timer check; /* asks the state again */
	unsigned backoff_ms;
	bool absent;     /* virsh knows no such domain */
	char error[256]; /* the last that it said */

	/* By QMP. */
	struct usock_trust trust;
	struct qmp *qmp;
	bool ready;
};

/*
 * Begins to follow the guest, whose 'libvirt' or 'qmp' is given. The state is LIFE_UNKNOWN until the
 * first callback. The guest, the loop and the ops must outlive it. 0 or -errno; life_close is legal,
 * and due, after a failure too.
 */
int life_open(struct life *life, struct loop *loop, const struct conf_guest *guest,
	      const struct life_ops *ops);
/* Harmless on a zeroed struct. Replies to commands on the monitor that are under way never come. */
void life_close(struct life *life);

/* The monitor, where the guest is followed by QMP and it takes commands now; else NULL. */
struct qmp *life_qmp(const struct life *life);

/*
 * The first words of every virsh command line: "virsh --connect URI", with the URI of
 * LIBVIRT_DEFAULT_URI, by default qemu:///system. Returns how many: LIFE_VIRSH_WORDS.
 */
#define LIFE_VIRSH_WORDS 3
unsigned life_virsh(const char *argv[static LIFE_VIRSH_WORDS]);
