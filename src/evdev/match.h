/* Whose a node is: which [device] section asks for it, or whether evswitch made it. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct conf_device;

/* Whether evswitch made the node: a clone on the host, or one for a guest. */
enum match_own { MATCH_FOREIGN, MATCH_OWN_HOST, MATCH_OWN_GUEST };

/* What is known of an evdev node. The strings are the owner's, untrusted, and never NULL ("": none). */
struct node_info {
	const char *devnode; /* "/dev/input/event5" */
	const char *name;    /* EVIOCGNAME */
	const char *phys;    /* EVIOCGPHYS */
	const char *uniq;    /* EVIOCGUNIQ: a Bluetooth device's address, mostly */
	uint16_t bustype, vendor, product;
	uint64_t devnum;       /* st_rdev */
	uint64_t capabilities; /* match_hash of what sysfs says it can do */
	unsigned uses;         /* of enum node_use */
	enum match_own own;
	/* Whether this path, as it is now, leads to the node. */
	bool (*leads_here)(const struct node_info *node, const char *path);
};

/* What a node is for, by udev's ID_INPUT_* properties. A keyboard has no NODE_USE_KEYS besides. */
enum node_use {
	NODE_USE_KEYBOARD = 1 << 0,
	NODE_USE_KEYS = 1 << 1, /* some keys, but no keyboard: media keys, a power button */
	NODE_USE_MOUSE = 1 << 2,
	NODE_USE_TABLET = 1 << 3,
	NODE_USE_TOUCHPAD = 1 << 4,
	NODE_USE_TOUCHSCREEN = 1 << 5,
	NODE_USE_JOYSTICK = 1 << 6,
	NODE_USE_SWITCH = 1 << 7,
};

/* Why a node with these uses cannot be switched, as a sentence without its stop; NULL where it can. */
const char *match_refusal(unsigned uses);

/*
 * True where everything that the section asks for holds (a section may give several properties; one
 * that gives none matches nothing). Name, phys and uniq are compared without blanks at either end,
 * which a line of the configuration cannot carry; uniq in any case, as the tools print addresses in
 * capitals and the kernel does not.
 */
bool match_node(const struct conf_device *section, const struct node_info *node);

/* What a node is told by when it comes back. Hashes: equal for equal text. */
struct match_traits {
	uint64_t make; /* name and ids */
	uint64_t capabilities, uniq, phys;
	uint64_t interface; /* the part of phys that stays when the device changes the port */
};

struct match_traits match_traits(const struct node_info *node);

/* How much speaks for it that both are one node: 0 where it is another make, else higher for more. */
unsigned match_likeness(const struct match_traits *a, const struct match_traits *b);

/* Continues a hash, which begins as 0, by a text and its end. */
uint64_t match_hash(uint64_t hash, const char *text);

/* The phys of evswitch's own devices: "evswitch/host/DEVICE" and "evswitch/GUEST/NODE". */
#define MATCH_OWN_PHYS      "evswitch/"
#define MATCH_OWN_HOST_PHYS MATCH_OWN_PHYS "host/"

/*
 * Whether a device with this phys at this place in /sys is evswitch's own. Told by phys and never by
 * name, and only of virtual devices: a real one's phys is the kernel's. NULL counts as "".
 */
enum match_own match_own(const char *phys, const char *syspath);
