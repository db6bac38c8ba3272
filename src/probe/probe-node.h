/* SPDX-License-Identifier: MIT */
/*
 * The model behind --probe: what is known of each event node, and what follows from it: which
 * activity was seen, the kind of device, which nodes belong to one physical device, and which
 * properties a [device] section should match. Pure: probe-scan.c or a test fills in the fields. The
 * list owns its nodes.
 */
#pragma once

#include <linux/input.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "conf/conf.h"
#include "evdev/match.h"

#define PROBE_NODES_MAX 256
#define PROBE_LINKS_MAX 16
#define PROBE_TEXT_MAX  256
#define PROBE_GROUP_MAX 512

/* The desktop's view of a node: libinput's capabilities. */
enum probe_class {
	PROBE_CLASS_KEYBOARD = 1 << 0,
	PROBE_CLASS_POINTER = 1 << 1,
	PROBE_CLASS_TOUCH = 1 << 2,
	PROBE_CLASS_TABLET = 1 << 3,
	PROBE_CLASS_TABLET_PAD = 1 << 4,
	PROBE_CLASS_GESTURE = 1 << 5,
	PROBE_CLASS_SWITCH = 1 << 6,
};

/* Activity seen on a node. */
enum probe_did {
	PROBE_DID_KEY = 1 << 0,
	PROBE_DID_BUTTON = 1 << 1,
	PROBE_DID_MOVE = 1 << 2,
	PROBE_DID_MOVE_ABS = 1 << 3,
};

/* The kind of device, after which its section is named. */
enum probe_kind { PROBE_KEYBOARD, PROBE_MEDIA, PROBE_MOUSE, PROBE_TABLET, PROBE_OTHER };

/* How far a pointer moved within the current time window, to tell a hand from jitter. */
struct probe_motion {
	int64_t start_us; /* start of the window; 0 = none */
	int travel;       /* relative motion: counts so far */
	bool has_origin[2];
	int origin[2]; /* absolute motion: X and Y at the start of the window */
	int range[2];  /* maximum - minimum of ABS_X and ABS_Y; 0 = no such axis */
};

struct probe_node {
	struct node_info info; /* points into this struct, so never copy or move it */
	char devnode[64], name[PROBE_TEXT_MAX], phys[PROBE_TEXT_MAX], uniq[PROBE_TEXT_MAX];
	char group[PROBE_GROUP_MAX];      /* equal for the nodes of one physical device */
	char *links[PROBE_LINKS_MAX + 1]; /* symlinks according to udev; owned; NULL-terminated */
	const char *by_id, *by_path;      /* the one in 'links' that really leads here, or NULL */
	uint16_t version;
	unsigned classes, did;
	unsigned order; /* 1 for the first node that was recognised; 0 = not recognised */
	bool gone;      /* unplugged after it was recognised */
	struct probe_motion motion;
	struct watch watch; /* on 'fd' */
	int fd;             /* -1 = not open */
	int error;          /* the errno of opening it; 0 = none */
};

struct probe_list {
	unsigned n, recognised;
	struct probe_node *node[PROBE_NODES_MAX]; /* owned; sorted by event number */
};

/* The node with this order, or NULL. */
const struct probe_node *probe_recognised(const struct probe_list *list, unsigned order);

/* Points 'info' at the fields and sets fd to -1. Set texts with the functions below. */
void probe_node_init(struct probe_node *node);

/* Copies what udev reports about a node; may be called again. */
void probe_node_set_info(struct probe_node *node, const struct node_info *info);

/* Set a text, truncated to fit. Blanks around the name are trimmed, as match_node ignores them. */
void probe_node_set_name(struct probe_node *node, const char *name);
void probe_node_set_text(char text[PROBE_TEXT_MAX], const char *value);

/* A node's ancestors in sysfs, as paths; NULL = it has no such ancestor. */
struct probe_origin {
	const char *syspath;    /* the node's own path */
	const char *usb_device; /* its USB device */
	const char *hid;        /* its HID device */
	bool behind_receiver;   /* the HID device is a child of another: paired with a receiver */
};

/* Derives node->group from its origin, bus, uniq and phys. */
void probe_node_set_group(struct probe_node *node, const struct probe_origin *origin);

/* Processes one event. Returns the activity (enum probe_did) that it completes, or 0. */
unsigned probe_activity(struct probe_motion *motion, const struct input_event *ev);

enum probe_kind probe_kind(const struct probe_node *node);

/* The name for a section of this kind: "keyboard", "mouse" and so on. */
const char *probe_kind_name(enum probe_kind kind);

/* True if both a keyboard and a mouse were used, as real nodes or as evswitch's clones of them. */
bool probe_complete(const struct probe_list *list);

/* True for different nodes of one physical device. */
bool probe_siblings(const struct probe_node *a, const struct probe_node *b);

/*
 * The properties that a [device] section lists, borrowed from the node; NULL or false = not listed.
 */
struct probe_match {
	const char *path, *uniq, *phys, *name;
	bool id;
	uint16_t vendor, product;
	unsigned others; /* how many other nodes it matches as well; should be 0 */
};

/*
 * Chooses the first of by-id, by-path, uniq, phys, name and id that matches this node alone, or
 * else the one that matches the fewest others.
 */
void probe_match_choose(const struct probe_list *list, const struct probe_node *node,
			struct probe_match *match);

/* A caveat about that choice for the user, or NULL. */
const char *probe_match_note(const struct probe_node *node, const struct probe_match *match);

/* The match as lines of the configuration, the most specific first; returns their number. */
#define PROBE_LINES_MAX 3
struct probe_line {
	const char *key;
	char value[PROBE_GROUP_MAX];
};
unsigned probe_match_lines(const struct probe_match *match,
			   struct probe_line line[PROBE_LINES_MAX]);

/* A [device] section for a recognised node, or proposed for a sibling of one. */
struct probe_section {
	const struct probe_node *node;
	const struct probe_node *sibling_of; /* NULL = 'node' itself was recognised */
	char name[CONF_NAME_MAX + 1];
	struct probe_match match;
};

struct probe_plan {
	unsigned n;
	struct probe_section section[PROBE_NODES_MAX]; /* recognised nodes first, in order */
};

/*
 * Plans a section for each supported node that was recognised and each sibling with keys or motion.
 */
void probe_plan_make(const struct probe_list *list, struct probe_plan *plan);

/* The section that covers a node: its own or another one that also matches it; NULL = none. */
const struct probe_section *probe_plan_find(const struct probe_plan *plan,
					    const struct probe_node *node);
