/* SPDX-License-Identifier: MIT */
/* Compares the node's mode with the groups of the process, of the user and of the user manager. */
#include "evdev/access.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "base/util.h"

#define GROUPS_MAX 1024
#define RULES      "65-evswitch.rules"

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

/* udev reads these directories; a link to /dev/null or an empty file masks the rules. */
static bool rules_installed(const char *root)
{
	static const char *const dirs[] = { "/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib" };
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s%s/udev/rules.d/" RULES, root, dirs[i]);
		if (stat(path, &st) == 0)
			return S_ISREG(st.st_mode) && st.st_size > 0;
	}
	return false;
}

/* --- processes of the user ------------------------------------------------------------------ */

/* True if the line of numbers contains 'wanted'. */
static bool has_number(const char *text, unsigned wanted)
{
	char *end;

	for (;; text = end) {
		unsigned long number = strtoul(text, &end, 10);

		if (end == text)
			return false;
		if (number == wanted)
			return true;
	}
}

struct process {
	bool ours, is_manager, in_group;
};

/* /proc/PID/status; see proc(5). */
static void read_status(FILE *status, uid_t uid, gid_t group, struct process *process)
{
	char line[4096];

	*process = (struct process){ 0 };
	while (fgets(line, sizeof(line), status)) {
		if (strcmp(line, "Name:\tsystemd\n") == 0)
			process->is_manager = true;
		else if (strncmp(line, "Uid:", 4) == 0)
			process->ours = strtoul(line + 4, NULL, 10) == uid;
		else if (strncmp(line, "Gid:", 4) == 0 || strncmp(line, "Groups:", 7) == 0)
			process->in_group |= has_number(strchr(line, ':') + 1, group);
	}
}

static void look_at_process(int proc, const char *pid, gid_t group, struct access_facts *facts)
{
	char path[300];
	struct process process;
	int fd;
	FILE *status;

	snprintf(path, sizeof(path), "%s/status", pid);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	status = fd < 0 ? NULL : fdopen(fd, "r");
	if (!status) {
		close_fd(&fd);
		return;
	}
	read_status(status, facts->uid, group, &process);
	fclose(status);
	if (!process.ours)
		return;
	facts->in_any |= process.in_group;
	facts->has_manager |= process.is_manager;
	facts->in_manager |= process.is_manager && process.in_group;
}

static void look_at_processes(const char *root, gid_t group, struct access_facts *facts)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *proc;

	snprintf(path, sizeof(path), "%s/proc", root);
	proc = opendir(path);
	if (!proc)
		return;
	while ((entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			look_at_process(dirfd(proc), entry->d_name, group, facts);
	closedir(proc);
}

/* Mode and lists are not all that decides: a container has rules for devices. */
static void try_open(const char *path, struct access_facts *facts)
{
	autoclose int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	facts->allowed = fd >= 0;
	if (fd < 0 && errno != EACCES && errno != EPERM)
		facts->error = errno;
}

void access_look(const char *root, const char *devnode, struct access_facts *facts)
{
	char path[PATH_MAX];
	const struct group *group;
	struct stat st;

	*facts = (struct access_facts){ .uid = geteuid(),
					.is_root = geteuid() == 0,
					.is_uinput = strcmp(devnode, "/dev/uinput") == 0,
					.rules = rules_installed(root) };
	snprintf(path, sizeof(path), "%s%s", root, devnode);
	if (stat(path, &st) < 0) {
		facts->error = errno;
		return;
	}
	try_open(path, facts);
	group = getgrgid(st.st_gid);
	if (group)
		snprintf(facts->group, sizeof(facts->group), "%s", group->gr_name);
	facts->group_may = group && st.st_gid != 0 && (st.st_mode & 0060) == 0060;
	facts->in_process = getegid() == st.st_gid || group_member(st.st_gid);
	facts->in_database = database_has(getpwuid(geteuid()), st.st_gid);
	look_at_processes(root, st.st_gid, facts);
}

/* --- the cause ------------------------------------------------------------------------------ */

enum access_cause access_cause(const struct access_facts *facts)
{
	bool old_manager = facts->group_may && facts->in_database && facts->has_manager &&
			   !facts->in_manager && !facts->is_root;

	if (facts->error)
		return ACCESS_ABSENT;
	if (facts->is_root || facts->allowed || (facts->in_process && facts->group_may))
		return old_manager ? ACCESS_OLD_MANAGER : ACCESS_OTHER;
	if (!facts->group_may)
		return !facts->is_uinput ? ACCESS_ROOT_ONLY
		       : facts->rules    ? ACCESS_RULES_IDLE
					 : ACCESS_NO_RULES;
	if (!facts->in_database)
		return ACCESS_NOT_MEMBER;
	return old_manager && facts->in_any ? ACCESS_OLD_MANAGER : ACCESS_OLD_LOGIN;
}

struct access_words access_says(enum access_cause cause, const struct access_facts *facts)
{
	struct access_words words = { 0 };
	const char *text[] = {
		[ACCESS_OTHER] = "its owner and mode allow it, so something else forbids it: a "
				 "container's device rules, or a security module",
		[ACCESS_ABSENT] = strerror(facts->error),
		[ACCESS_NO_RULES] = "only root may open it: evswitch's udev rules are not "
				    "installed",
		[ACCESS_RULES_IDLE] = "only root may open it: evswitch's udev rules are installed, "
				      "but not in force",
		[ACCESS_ROOT_ONLY] = "only root may open it: udev's rules give it to no group",
	};

	if (cause < ARRAY_SIZE(text))
		text_print(words.text, sizeof(words.text), "%s", text[cause]);
	else if (cause == ACCESS_NOT_MEMBER)
		text_print(words.text, sizeof(words.text),
			   "you are not in group %s, which may open it", facts->group);
	else if (cause == ACCESS_OLD_LOGIN)
		text_print(words.text, sizeof(words.text),
			   "you are in group %s, but this login is older than that", facts->group);
	else
		text_print(words.text, sizeof(words.text),
			   "you are in group %s, and so is this login, but the user manager, which "
			   "starts services, is older than that",
			   facts->group);
	return words;
}

struct access_words access_remedy(enum access_cause cause, const struct access_facts *facts)
{
	static const char idle[] = "sudo udevadm control --reload && "
				   "sudo udevadm trigger /dev/uinput";
	struct access_words words = { 0 };

	switch (cause) {
	case ACCESS_NO_RULES:
		text_print(words.text, sizeof(words.text), "sudo make install, then: %s", idle);
		break;
	case ACCESS_RULES_IDLE:
		text_print(words.text, sizeof(words.text), "%s", idle);
		break;
	case ACCESS_NOT_MEMBER:
		text_print(words.text, sizeof(words.text),
			   "sudo usermod -aG %s $USER, then log out and in again", facts->group);
		break;
	case ACCESS_OLD_LOGIN:
		text_print(
			words.text, sizeof(words.text),
			"log out and in again; if the user manager stays the old one: reboot, or "
			"run: sudo systemctl restart user@%u (it ends your session)",
			(unsigned)facts->uid);
		break;
	case ACCESS_OLD_MANAGER:
		text_print(words.text, sizeof(words.text),
			   "sudo systemctl restart user@%u (it ends your session), or reboot",
			   (unsigned)facts->uid);
		break;
	default:
		break;
	}
	return words;
}

struct access_words access_why(const char *devnode)
{
	struct access_words why = { 0 };
	struct access_facts facts;
	enum access_cause cause;
	const char *join;

	access_look("", devnode, &facts);
	cause = access_cause(&facts);
	join = !access_remedy(cause, &facts).text[0] ? ""
	       : cause == ACCESS_OLD_LOGIN           ? ": "
						     : "; run: ";
	text_print(why.text, sizeof(why.text), "%s%s%s", access_says(cause, &facts).text, join,
		   access_remedy(cause, &facts).text);
	return why;
}
