/* Which [device] section a source node belongs to, by what udev tells of it. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct conf_device;

/* What is known of an evdev node. The strings are the owner's, untrusted, and never NULL ("" =
 * none). */
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
