/* Compares the node's mode with the process's groups and the user database. */
#include "evdev/access.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"

#define GROUPS_MAX 1024

static bool database_has(const struct passwd *user, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (!user || getgrouplist(user->pw_name, user->pw_gid, groups, &n) < 0)
		return false;
	for (int i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* The node belongs to root's group or its mode grants the group nothing: udev applied no rule. */
static const char *rule_remedy(const char *devnode)
{
	if (strcmp(devnode, "/dev/uinput") == 0)
		return "only root may open it: evswitch's udev rules are not installed or not "
		       "applied "
		       "yet; run: sudo make install, then: sudo udevadm control --reload && "
		       "sudo udevadm trigger /dev/uinput";
	return "only root may open it: udev's rules give it to no group";
}

struct access_words access_why(const char *devnode)
{
	struct access_words why = { 0 };
	const struct group *group;
	struct stat st;

	if (stat(devnode, &st) < 0) {
		snprintf(why.text, sizeof(why.text), "%s", strerror(errno));
		return why;
	}
	group = getgrgid(st.st_gid);
	if (geteuid() == 0 || (group_member(st.st_gid) && st.st_mode & S_IRGRP))
		snprintf(why.text, sizeof(why.text),
			 "its owner and mode allow it, so something else forbids it: a container's "
			 "device rules, or a security module");
	else if (!group || st.st_gid == 0 || !(st.st_mode & S_IRGRP))
		snprintf(why.text, sizeof(why.text), "%s", rule_remedy(devnode));
	else if (database_has(getpwuid(geteuid()), st.st_gid))
		snprintf(
			why.text, sizeof(why.text),
			"you are in group %s, but this login is older than that: log out and in "
			"again; if you did, the user manager is still the old one: reboot, or run: "
			"sudo systemctl restart user@%u (it ends your session)",
			group->gr_name, (unsigned)geteuid());
	else
		snprintf(why.text, sizeof(why.text),
			 "you are not in group %s, which may open it; run: sudo usermod -aG %s "
			 "$USER, then log out and in again",
			 group->gr_name, group->gr_name);
	return why;
}
