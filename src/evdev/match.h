/* SPDX-License-Identifier: MIT */
/*
 * Identifies evdev nodes: which [device] section matches one, whether evswitch created it, and
 * which source had it before. Pure; owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct conf;
struct conf_device;

/* Who created the node: somebody else, or evswitch as a clone for the host or as a guest's node. */
enum match_own { MATCH_FOREIGN, MATCH_OWN_HOST, MATCH_OWN_GUEST };

/*
 * Describes an evdev node. The creator owns the strings, which are untrusted and never NULL ("":
 * none).
 */
struct node_info {
	const char *devnode; /* "/dev/input/event5" */
	const char *name;    /* EVIOCGNAME */
	const char *phys;    /* EVIOCGPHYS */
	const char *uniq;    /* EVIOCGUNIQ: usually the address of a Bluetooth device */
	uint16_t bustype, vendor, product;
	uint64_t devnum;       /* st_rdev */
	uint64_t capabilities; /* match_hash over the capabilities in sysfs */
	unsigned uses;         /* mask of enum node_use */
	enum match_own own;
	const char *seat; /* the seat of logind that it belongs to */
	/* True if 'path' currently leads to the node. */
	bool (*leads_here)(const struct node_info *node, const char *path);
};

/* udev's classification, ID_INPUT_*. NODE_USE_KEYBOARD and NODE_USE_KEYS exclude each other. */
enum node_use {
	NODE_USE_KEYBOARD = 1 << 0,
	NODE_USE_KEYS = 1 << 1, /* keys, but not a keyboard: media keys, a power button */
	NODE_USE_MOUSE = 1 << 2,
	NODE_USE_TABLET = 1 << 3,
	NODE_USE_TOUCHPAD = 1 << 4,
	NODE_USE_TOUCHSCREEN = 1 << 5,
	NODE_USE_JOYSTICK = 1 << 6,
	NODE_USE_SWITCH = 1 << 7,
};

/*
 * The mask of these uses. 'has' says whether udev has set the property, such as "ID_INPUT_MOUSE",
 * to 1; it is asked within the call.
 */
unsigned match_uses(bool (*has)(void *ctx, const char *property), void *ctx);

/*
 * Why nodes with these uses are not supported, as a sentence without full stop; NULL if they are.
 */
const char *match_refusal(unsigned uses);

/*
 * True if the node has all properties that the section lists; a section without any matches
 * nothing. Blanks around name, phys and uniq are ignored, since a configuration file cannot express
 * them. uniq is case-insensitive: tools print Bluetooth addresses in capitals, the kernel does not.
 */
bool match_node(const struct conf_device *section, const struct node_info *node);

/* The first section that match_node accepts, or NULL. */
const struct conf_device *match_section(const struct conf *conf, const struct node_info *node);

/* Identifies a node that is plugged in again. All fields are hashes. */
struct match_traits {
	uint64_t make; /* name and ids */
	uint64_t capabilities, uniq, phys;
	uint64_t interface; /* the part of phys that does not depend on the port */
};

struct match_traits match_traits(const struct node_info *node);

/* How likely both are the same node: 0 if the make differs, else higher for a better match. */
unsigned match_likeness(const struct match_traits *a, const struct match_traits *b);

/* Extends a hash (0 to begin with) by 'text', including its terminator. */
uint64_t match_hash(uint64_t hash, const char *text);

/* The phys of evswitch's own devices: "evswitch/host/DEVICE" and "evswitch/GUEST/NODE". */
#define MATCH_OWN_PHYS      "evswitch/"
#define MATCH_OWN_HOST_PHYS MATCH_OWN_PHYS "host/"

/*
 * Classifies a device by its phys and its path in /sys. Only virtual devices can be evswitch's own:
 * the phys of a real one is set by its driver. Names are not considered. NULL counts as "".
 */
enum match_own match_own(const char *phys, const char *syspath);
