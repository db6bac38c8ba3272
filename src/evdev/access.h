/* SPDX-License-Identifier: MIT */
/*
 * Explains why this process may not open a device node, and names the command that fixes it.
 * Compares the node's mode, the process's groups, the user database and the user's processes: these
 * differ if udev has not applied a rule, or if the user joined a group after logging in. Owns
 * nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#define ACCESS_GROUP_SIZE 64

enum access_cause {
	ACCESS_OTHER,      /* mode and groups allow it: a container or a security module does not */
	ACCESS_ABSENT,     /* there is no such node */
	ACCESS_NO_RULES,   /* /dev/uinput, and evswitch's udev rules are not installed */
	ACCESS_RULES_IDLE, /* /dev/uinput, and they are installed, but not applied to it */
	ACCESS_ROOT_ONLY,  /* another node that no group may open */
	ACCESS_NOT_MEMBER, /* the user is not in the node's group */
	ACCESS_OLD_LOGIN,  /* the user is, but logged in before */
	ACCESS_OLD_MANAGER, /* and logged in again since; the user manager is still the old one */
};

/* What the cause follows from. */
struct access_facts {
	int error;    /* errno of stat() or open(), except for a lack of permission; 0 = none */
	bool allowed; /* this process may open the node for reading and writing */
	bool is_uinput, is_root;
	bool group_may; /* the node has a group other than root's that may read and write it */
	bool rules;     /* evswitch's udev rules are installed */
	uid_t uid;
	char group[ACCESS_GROUP_SIZE]; /* of the node, or "" */
	/* Who is in that group. */
	bool in_process, in_database;
	bool has_manager, in_manager; /* the user's systemd, which starts the user service */
	bool in_any;                  /* a process of the user: a login since then */
};

struct access_words {
	char text[520];
};

/*
 * Collects the facts about 'devnode'. 'root' is put in front of the paths of the node, of /proc and
 * of the udev rules; "" except in tests. May block on a user database in the network (nss(5)).
 */
void access_look(const char *root, const char *devnode, struct access_facts *facts);

/*
 * The cause of EACCES or EPERM. For a node that may be opened, ACCESS_OLD_MANAGER if the user
 * service may not, else ACCESS_OTHER. Pure.
 */
enum access_cause access_cause(const struct access_facts *facts);

/* The cause as the end of a sentence, without its remedy; and the remedy, as commands. */
struct access_words access_says(enum access_cause cause, const struct access_facts *facts);
struct access_words access_remedy(enum access_cause cause, const struct access_facts *facts);

/*
 * The cause of EACCES or EPERM when opening 'devnode' for reading and writing, and its remedy,
 * worded as the end of a sentence. Blocks as access_look does, so never call it while a device is
 * grabbed. The result is a temporary: use access_why(devnode).text within one expression.
 */
struct access_words access_why(const char *devnode);
