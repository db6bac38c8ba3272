/*
 * What --probe knows of the event nodes, and what follows from it: what a node did, what kind of
 * device it is, which nodes are one physical device, and what a [device] section has to match it
 * by. Pure: the fields are filled in by probe-scan.c, or by a test.
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

/* What the desktop takes it for: libinput's capabilities. */
enum probe_class {
	PROBE_CLASS_KEYBOARD = 1 << 0,
	PROBE_CLASS_POINTER = 1 << 1,
	PROBE_CLASS_TOUCH = 1 << 2,
	PROBE_CLASS_TABLET = 1 << 3,
	PROBE_CLASS_TABLET_PAD = 1 << 4,
	PROBE_CLASS_GESTURE = 1 << 5,
	PROBE_CLASS_SWITCH = 1 << 6,
};

/* What a finger did on it. */
enum probe_did {
	PROBE_DID_KEY = 1 << 0,
	PROBE_DID_BUTTON = 1 << 1,
	PROBE_DID_MOVE = 1 << 2,
	PROBE_DID_MOVE_ABS = 1 << 3,
};

/* What its section is called after. */
enum probe_kind { PROBE_KEYBOARD, PROBE_MEDIA, PROBE_MOUSE, PROBE_TABLET, PROBE_OTHER };

/*
 * How far a pointer went within the present window of time, so that jitter is not taken for a hand.
 */
struct probe_motion {
	int64_t start_us; /* of the window; 0 = none began */
	int travel;       /* relative: counts so far */
	bool has_origin[2];
	int origin[2]; /* absolute: where X and Y were when the window began */
	int range[2];  /* ABS_X's and ABS_Y's maximum - minimum; 0 = no such axis */
};

struct probe_node {
	struct node_info info; /* points into this struct, which therefore never moves */
	char devnode[64], name[PROBE_TEXT_MAX], phys[PROBE_TEXT_MAX], uniq[PROBE_TEXT_MAX];
	char group[PROBE_GROUP_MAX];      /* equal for the nodes of one physical device */
	char *links[PROBE_LINKS_MAX + 1]; /* what udev says are its links; owned; NULL at the end */
	const char *by_id, *by_path;      /* those of 'links' that really lead here, or NULL */
	uint16_t version;
	unsigned classes, did;
	unsigned order; /* 1 for the first that was recognised; 0 = not recognised */
	bool gone;      /* unplugged after it was recognised */
	struct probe_motion motion;
	struct watch watch; /* of 'fd' */
	int fd;             /* -1 where it could not be opened, or is not to be */
	int error;          /* why: an errno, 0 if it is open */
};

struct probe_list {
	unsigned n, recognised;
	struct probe_node *node[PROBE_NODES_MAX]; /* owned; by number of the event node */
};

/* The one with this order, or NULL. */
const struct probe_node *probe_recognised(const struct probe_list *list, unsigned order);

/* Makes 'info' point at the fields and fd -1. probe_node_set_text and its like set the texts. */
void probe_node_init(struct probe_node *node);

/* Takes over what is known of a node, also of one that was known already. */
void probe_node_set_info(struct probe_node *node, const struct node_info *info);

/*
 * Sets one of the texts; blanks at the ends are dropped from the name, as matching drops them too.
 */
void probe_node_set_name(struct probe_node *node, const char *name);
void probe_node_set_text(char text[PROBE_TEXT_MAX], const char *value);

/* Where a node hangs in the tree of devices; NULL = it has no such ancestor. */
struct probe_origin {
	const char *syspath;    /* its own */
	const char *usb_device; /* of the USB device */
	const char *hid;        /* of the HID device */
	bool behind_receiver;   /* that HID device is a child of another: paired with a receiver */
};

/* Sets node->group by its origin, bus, uniq and phys. */
void probe_node_set_group(struct probe_node *node, const struct probe_origin *origin);

/* Takes one event into account: the bit of enum probe_did that it completes, or 0. */
unsigned probe_activity(struct probe_motion *motion, const struct input_event *ev);

enum probe_kind probe_kind(const struct probe_node *node);

/* "keyboard", "mouse" and so on: what its section is called. */
const char *probe_kind_name(enum probe_kind kind);

/*
 * Whether both a keyboard and a mouse were used, on the real nodes or on evswitch's clones of them.
 */
bool probe_complete(const struct probe_list *list);

bool probe_siblings(const struct probe_node *a, const struct probe_node *b);

/* What a [device] section asks for. Borrowed from the node; NULL or false = not asked for. */
struct probe_match {
	const char *path, *uniq, *phys, *name;
	bool id;
	uint16_t vendor, product;
	unsigned others; /* nodes besides the one it is for that it matches too: 0 is as it should
			    be */
};

/* The first that matches this node alone: by-id, by-path, uniq, phys, name and id; else the
 * closest. */
void probe_match_choose(const struct probe_list *list, const struct probe_node *node,
			struct probe_match *match);

/* What the user should know of that choice, or NULL. */
const char *probe_match_note(const struct probe_node *node, const struct probe_match *match);

/* The match as lines of the configuration, the telling one first. */
#define PROBE_LINES_MAX 3
struct probe_line {
	const char *key;
	char value[PROBE_GROUP_MAX];
};
unsigned probe_match_lines(const struct probe_match *match,
			   struct probe_line line[PROBE_LINES_MAX]);

/* One [device] section: of a recognised node, or proposed for a sibling of one. */
struct probe_section {
	const struct probe_node *node;
	const struct probe_node *sibling_of; /* NULL = 'node' was recognised itself */
	char name[CONF_NAME_MAX + 1];
	struct probe_match match;
};

struct probe_plan {
	unsigned n;
	struct probe_section section[PROBE_NODES_MAX]; /* recognised ones first, in their order */
};

/* A section for each recognised node that can be switched, and each of its siblings with keys or
 * motion. */
void probe_plan_make(const struct probe_list *list, struct probe_plan *plan);

/* The section that a node is found by, its own or one that matches it too; NULL = none. */
const struct probe_section *probe_plan_find(const struct probe_plan *plan,
					    const struct probe_node *node);
