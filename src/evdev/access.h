/*
 * Explains why this process may not open a device node, and names the command that fixes it.
 * Compares the node's mode, the process's groups and the user database: these differ if udev has
 * not applied a rule, or if the user joined a group after logging in. Owns nothing.
 */
#pragma once

struct access_words {
	char text[256];
};

/*
 * The cause of EACCES or EPERM when opening 'devnode' for reading and writing, and its remedy,
 * worded as the end of a sentence. May block on a user database in the network (nss(5)), so never
 * call it while a device is grabbed. The result is a temporary: use access_why(devnode).text within
 * one expression.
 */
struct access_words access_why(const char *devnode);
