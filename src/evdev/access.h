/*
 * Why this process may not open a device node, and the command that changes it. Asks the node, the
 * process's own groups and the user database: the three disagree where a rule was not applied, or a
 * login is older than a group membership. Owns nothing.
 */
#pragma once

struct access_words {
	char text[256];
};

/*
 * The cause of an EACCES or EPERM from opening 'devnode' for reading and writing, with its remedy, as
 * the end of a sentence. The database may have to be fetched over a network (nss(5)): never call this
 * while a device is grabbed. Use as access_why(devnode).text within one expression.
 */
struct access_words access_why(const char *devnode);
