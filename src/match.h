/* Whose a node is: which [device] section asks for it, or whether evswitch made it. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct conf_device;

/* What is known of an evdev node. The strings are the owner's, untrusted, and never NULL ("": none). */
struct node_info {
	const char *devnode;      /* "/dev/input/event5" */
	const char *const *links; /* every symlink that udev made to it, NULL at the end */
	const char *name;         /* EVIOCGNAME */
	const char *phys;         /* EVIOCGPHYS */
	const char *uniq;         /* EVIOCGUNIQ: a Bluetooth device's address, mostly */
	uint16_t bustype, vendor, product;
};

/*
 * True where everything that the section asks for holds (a section may give several properties; one
 * that gives none matches nothing). Name, phys and uniq are compared without blanks at either end,
 * which a line of the configuration cannot carry; uniq in any case, as the tools print addresses in
 * capitals and the kernel does not.
 */
bool match_node(const struct conf_device *section, const struct node_info *node);

/* The phys of evswitch's own devices: "evswitch/host/DEVICE" and "evswitch/GUEST/NODE". */
#define MATCH_OWN_PHYS      "evswitch/"
#define MATCH_OWN_HOST_PHYS MATCH_OWN_PHYS "host/"

enum match_own { MATCH_FOREIGN, MATCH_OWN_HOST, MATCH_OWN_GUEST };

/*
 * Whether a device with this phys at this place in /sys is evswitch's own. Told by phys and never by
 * name, and only of virtual devices: a real one's phys is the kernel's. NULL counts as "".
 */
enum match_own match_own(const char *phys, const char *syspath);
