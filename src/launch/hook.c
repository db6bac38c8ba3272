/* Runs commands until the target that was entered is the one that is wanted. */
#include "launch/hook.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/util.h"

#define HOST          0
#define LOCK_AGAIN_MS 50

static const struct conf_guest *guest_of(const struct hook *hook, unsigned target)
{
	return &hook->conf->guests[target - 1];
}

/* --- the file ---------------------------------------------------------------------------------------- */

/* Records the guest whose on-leave is due; "": none. */
static void write_due(const struct hook *hook, const char *guest)
{
	size_t size = strlen(guest);

	if (hook->file >= 0 &&
	    (ftruncate(hook->file, 0) < 0 || pwrite(hook->file, guest, size, 0) != (ssize_t)size))
		log_warn("%s: cannot write to it: %s", hook->path, strerror(errno));
}

static unsigned read_due(const struct hook *hook)
{
	char name[CONF_NAME_MAX + 1] = "";
	ssize_t size = pread(hook->file, name, sizeof(name) - 1, 0);

	for (unsigned i = 0; size > 0 && i < hook->conf->n_guests; i++)
		if (strcmp(hook->conf->guests[i].name, name) == 0)
			return i + 1;
	return HOST;
}

/* 0, or -errno; -EAGAIN if another launcher has the lock or has just removed the file. */
static int lock_file(struct hook *hook)
{
	autoclose int fd = open(hook->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat status;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (status.st_nlink == 0)
		return -EAGAIN;
	hook->file = steal_fd(&fd);
	return 0;
}

/* --- which command ----------------------------------------------------------------------------------- */

static const char *next_command(struct hook *hook, const char **target)
{
	const struct conf_guest *guest;

	if (hook->entered != HOST) {
		guest = guest_of(hook, hook->entered);
		hook->entered = HOST;
		*target = guest->name;
		return guest->on_leave;
	}
	hook->entered = hook->wanted;
	guest = guest_of(hook, hook->entered);
	if (guest->on_leave)
		write_due(hook, guest->name);
	*target = guest->name;
	return guest->on_enter;
}

static void advance(struct hook *hook)
{
	while (hook->ready && !hook->running && hook->entered != hook->wanted) {
		const char *target, *command = next_command(hook, &target);
		int rc = command ? hook->ops->start(hook, command, target) : -ENOENT;

		if (command && rc < 0)
			log_warn("guest %s: cannot run \"%s\": %s", target, log_str(command).text,
				 strerror(-rc));
		hook->running = rc == 0;
		if (rc == 0)
			timer_arm(&hook->timer, HOOK_MS, 0);
		else if (hook->entered == HOST)
			write_due(hook, "");
	}
}

void hook_ended(struct hook *hook)
{
	if (!hook->running)
		return;
	hook->running = false;
	timer_arm(&hook->timer, 0, 0);
	if (hook->entered == HOST)
		write_due(hook, "");
	advance(hook);
}

void hook_set_focus(struct hook *hook, unsigned target)
{
	if (!hook->conf || target > hook->conf->n_guests)
		return;
	hook->wanted = target;
	advance(hook);
}

bool hook_is_idle(const struct hook *hook)
{
	return !hook->running && hook->entered == hook->wanted;
}

/* --- start and end ----------------------------------------------------------------------------------- */

static void try_to_begin(struct hook *hook)
{
	int rc = lock_file(hook);

	if (rc == -EAGAIN) {
		timer_arm(&hook->timer, LOCK_AGAIN_MS, 0);
		return;
	}
	if (rc < 0)
		log_warn("%s: %s: an on-leave that is due would be forgotten if evswitch were "
			 "killed",
			 hook->path, strerror(-rc));
	else
		hook->entered = read_due(hook);
	hook->ready = true;
	advance(hook);
}

static void timer_expired(struct timer *timer)
{
	struct hook *hook = container_of(timer, struct hook, timer);

	if (!hook->ready) {
		try_to_begin(hook);
		return;
	}
	log_warn("a hook has been running for %d s: not waiting for it any longer", HOOK_MS / 1000);
	hook_ended(hook);
}

static bool any_command(const struct conf *conf)
{
	for (unsigned i = 0; conf && i < conf->n_guests; i++)
		if (conf->guests[i].on_enter || conf->guests[i].on_leave)
			return true;
	return false;
}

int hook_init(struct hook *hook, struct loop *loop, const struct conf *conf,
	      const struct hook_ops *ops)
{
	char dir[USOCK_PATH_MAX];
	int rc;

	*hook = (struct hook){ .ops = ops, .file = -1 };
	if (!any_command(conf))
		return 0;
	hook->conf = conf;
	rc = timer_init(&hook->timer, loop, timer_expired);
	if (rc < 0)
		return rc;
	if (usock_dir(dir) < 0 ||
	    snprintf(hook->path, sizeof(hook->path), "%s/hooks", dir) >= (int)sizeof(hook->path))
		hook->path[0] = '\0';
	return 0;
}

void hook_begin(struct hook *hook)
{
	if (hook->conf && !hook->ready)
		try_to_begin(hook);
}

void hook_fini(struct hook *hook)
{
	timer_fini(&hook->timer);
	if (hook->file >= 0 && hook->entered == HOST && !hook->running)
		unlink(hook->path);
	close_fd(&hook->file);
}
