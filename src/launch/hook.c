/* SPDX-License-Identifier: MIT */
/* Runs commands until the target that was entered is the one that is wanted, then the others. */
#include "launch/hook.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/text.h"
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
		log_warn("%s: cannot write: %s", hook->path, strerror(errno));
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

/* --- one command ------------------------------------------------------------------------------------- */

static const char *name_of(const struct hook *hook, unsigned target)
{
	return target == HOST ? "host" : guest_of(hook, target)->name;
}

/* A command, and what its environment says. */
struct command {
	const char *what, *text; /* text NULL: none is configured */
	unsigned target, from, to;
	const struct hook_news *news; /* NULL: no reason */
};

static bool start(struct hook *hook, enum hook_slot slot, const struct command *command)
{
	char target[CONF_NAME_MAX + 32], from[CONF_NAME_MAX + 32], to[CONF_NAME_MAX + 32];
	char cause[HOOK_CAUSE_MAX + 32], reason[HOOK_REASON_MAX + 32];
	const char *const variables[HOOK_VARIABLES + 1] = { target, from, to,
							    command->news ? cause : NULL, reason };
	const char *guest = name_of(hook, command->target);
	struct hook_run *run = &hook->run[slot];
	int rc;

	if (!command->text)
		return false;
	snprintf(target, sizeof(target), "EVSWITCH_TARGET=%s", guest);
	snprintf(from, sizeof(from), "FROM=%s", name_of(hook, command->from));
	snprintf(to, sizeof(to), "TO=%s", name_of(hook, command->to));
	if (command->news) {
		snprintf(cause, sizeof(cause), "CAUSE=%s", command->news->cause);
		snprintf(reason, sizeof(reason), "REASON=%s", command->news->reason);
	}
	rc = hook->ops->start(hook, slot, command->text, variables);
	if (rc < 0) {
		log_limited(&hook->limit, LOG_LEVEL_WARN, "guest %s: %s: cannot run \"%s\": %s",
			    guest, command->what, log_str(command->text).text, strerror(-rc));
		return false;
	}
	run->running = true;
	run->ending = run->killing = false;
	run->what = command->what;
	run->target = command->target;
	if (slot == HOOK_ONCE)
		timer_arm(&run->timer, HOOK_MS, 0);
	return true;
}

/* SIGTERM, and later SIGKILL: by the timer. */
static void end_run(struct hook *hook, enum hook_slot slot)
{
	struct hook_run *run = &hook->run[slot];

	if (!run->running || run->ending)
		return;
	run->ending = true;
	hook->ops->signal(hook, slot, SIGTERM);
	timer_arm(&run->timer, HOOK_TERM_MS, 0);
}

static void report_end(struct hook *hook, const struct hook_run *run, struct hook_end end)
{
	const char *guest = name_of(hook, run->target);

	if (run->ending || (!end.killed && end.value == 0))
		return;
	if (end.killed)
		log_limited(&hook->limit, LOG_LEVEL_WARN,
			    "guest %s: %s failed: signal %d (%s) ended it", guest, run->what,
			    end.value, sigdescr_np(end.value) ?: "unknown");
	else
		log_limited(&hook->limit, LOG_LEVEL_WARN,
			    "guest %s: %s failed: its exit status is %d%s", guest, run->what,
			    end.value,
			    end.value == 127   ? " (sh does not find the command)"
			    : end.value == 126 ? " (sh may not execute the command)"
					       : "");
}

/* --- which command ----------------------------------------------------------------------------------- */

static struct command leave(struct hook *hook)
{
	unsigned target = hook->entered;

	hook->entered = HOST;
	hook->left = target;
	return (struct command){ .what = "on-leave",
				 .text = guest_of(hook, target)->on_leave,
				 .target = target,
				 .from = target,
				 .to = hook->wanted == target ? HOST : hook->wanted };
}

static struct command enter(struct hook *hook)
{
	const struct conf_guest *guest;

	hook->came_from = hook->left == hook->wanted ? HOST : hook->left;
	hook->entered = hook->wanted;
	hook->left = HOST;
	guest = guest_of(hook, hook->entered);
	if (guest->on_leave)
		write_due(hook, guest->name);
	return (struct command){ .what = "on-enter",
				 .text = guest->on_enter,
				 .target = hook->entered,
				 .from = hook->came_from,
				 .to = hook->entered };
}

/* True if a command of the switch runs now. */
static bool follow_focus(struct hook *hook)
{
	while (hook->entered != hook->wanted) {
		struct command command = hook->entered != HOST ? leave(hook) : enter(hook);

		if (start(hook, HOOK_ONCE, &command))
			return true;
		if (hook->entered == HOST)
			write_due(hook, "");
	}
	return false;
}

static void keep_while(struct hook *hook)
{
	const struct command command = {
		.what = "while",
		.text = hook->entered == HOST ? NULL : guest_of(hook, hook->entered)->run_while,
		.target = hook->entered,
		.from = hook->came_from,
		.to = hook->entered,
	};

	if (hook->kept == hook->entered || hook->run[HOOK_WHILE].running)
		return;
	hook->kept = hook->entered;
	start(hook, HOOK_WHILE, &command);
}

/* True if a command runs now. */
static bool tell_refused(struct hook *hook)
{
	const struct command command = { .what = "on-refused",
					 .text = hook->conf->on_refused,
					 .target = hook->refused.target,
					 .from = hook->refused.focus,
					 .to = hook->refused.target,
					 .news = &hook->refused };

	if (command.target == HOST)
		return false;
	hook->refused.target = HOST;
	return start(hook, HOOK_ONCE, &command);
}

static bool tell_lost(struct hook *hook)
{
	for (unsigned i = 0; i < hook->conf->n_guests; i++) {
		const struct command command = { .what = "on-lost",
						 .text = hook->conf->guests[i].on_lost,
						 .target = i + 1,
						 .from = i + 1,
						 .to = hook->lost[i].focus,
						 .news = &hook->lost[i] };

		if (hook->lost[i].target == HOST)
			continue;
		hook->lost[i].target = HOST;
		if (start(hook, HOOK_ONCE, &command))
			return true;
	}
	return false;
}

/* --- another configuration --------------------------------------------------------------------------- */

/* The target of that name in 'to', or HOST if there is none. */
static unsigned renumber(const struct conf *from, unsigned target, const struct conf *to)
{
	const struct conf_guest *guest =
		target == HOST ? NULL : conf_find_guest(to, from->guests[target - 1].name);

	return guest ? (unsigned)(guest - to->guests) + 1 : HOST;
}

/* 'while' goes on unless it was changed. */
static void renumber_while(struct hook *hook, const struct conf *next)
{
	unsigned kept = renumber(hook->conf, hook->kept, next);
	const char *before = hook->kept == HOST ? NULL : guest_of(hook, hook->kept)->run_while;
	const char *now = kept == HOST ? NULL : next->guests[kept - 1].run_while;

	hook->kept = text_same(before, now) ? kept : HOST;
	if (hook->kept == HOST)
		end_run(hook, HOOK_WHILE);
	hook->run[HOOK_WHILE].target = renumber(hook->conf, hook->run[HOOK_WHILE].target, next);
}

static void renumber_news(struct hook *hook, const struct conf *next)
{
	struct hook_news before[CONF_GUESTS_MAX];

	memcpy(before, hook->lost, sizeof(before));
	memset(hook->lost, 0, sizeof(hook->lost));
	for (unsigned i = 0; i < hook->conf->n_guests; i++) {
		unsigned target =
			before[i].target == HOST ? HOST : renumber(hook->conf, i + 1, next);

		if (target == HOST)
			continue;
		before[i].focus = renumber(hook->conf, before[i].focus, next);
		before[i].target = target;
		hook->lost[target - 1] = before[i];
	}
	hook->refused.target = renumber(hook->conf, hook->refused.target, next);
	hook->refused.focus = renumber(hook->conf, hook->refused.focus, next);
}

bool hook_any(const struct conf *conf)
{
	bool any = conf && conf->on_refused;

	for (unsigned i = 0; conf && i < conf->n_guests; i++) {
		const struct conf_guest *guest = &conf->guests[i];

		any |= guest->on_enter || guest->on_leave || guest->on_lost || guest->run_while;
	}
	return any;
}

static void write_entered(struct hook *hook)
{
	const struct conf_guest *guest =
		hook->entered == HOST ? NULL : guest_of(hook, hook->entered);

	write_due(hook, guest && guest->on_leave ? guest->name : "");
}

/* Takes the next configuration over, as nothing of this one is due. False if there is none. */
static bool adopt(struct hook *hook)
{
	struct conf *next = hook->next;

	if (!next)
		return false;
	renumber_while(hook, next);
	renumber_news(hook, next);
	hook->entered = renumber(hook->conf, hook->entered, next);
	hook->came_from = renumber(hook->conf, hook->came_from, next);
	hook->wanted = hook->next_wanted;
	conf_free(hook->own);
	hook->conf = hook->own = next;
	hook->next = NULL;
	write_entered(hook);
	if (hook->file < 0 && hook_any(hook->conf)) {
		hook->ready = false;
		timer_arm(&hook->retry, 1, 0);
	}
	return true;
}

static void advance(struct hook *hook)
{
	do {
		if (!hook->ready || hook->run[HOOK_ONCE].running || follow_focus(hook))
			return;
		hook->left = HOST;
	} while (adopt(hook));
	keep_while(hook);
	if (!tell_lost(hook))
		tell_refused(hook);
}

void hook_ended(struct hook *hook, enum hook_slot slot, struct hook_end end)
{
	struct hook_run *run = &hook->run[slot];

	if (!run->running)
		return;
	report_end(hook, run, end);
	run->running = false;
	timer_arm(&run->timer, 0, 0);
	if (slot == HOOK_ONCE && hook->entered == HOST)
		write_due(hook, "");
	advance(hook);
}

/* The number in the configuration that is still in use of a target in the one that is in effect. */
static unsigned number_now(const struct hook *hook, unsigned target)
{
	return hook->next ? renumber(hook->next, target, hook->conf) : target;
}

/* True if there is such a target in the configuration that is in effect. */
static bool has_target(const struct hook *hook, unsigned target)
{
	const struct conf *conf = hook->next ? hook->next : hook->conf;

	return conf && target <= conf->n_guests;
}

void hook_set_focus(struct hook *hook, unsigned target)
{
	if (!has_target(hook, target))
		return;
	hook->next_wanted = target;
	target = number_now(hook, target);
	hook->wanted = target;
	if (hook->kept != target) {
		hook->kept = HOST;
		end_run(hook, HOOK_WHILE);
	}
	advance(hook);
}

void hook_tell(struct hook *hook, enum hook_event event, unsigned target, unsigned focus,
	       const char *cause, const char *reason)
{
	struct hook_news *news;

	if (!has_target(hook, target) || !has_target(hook, focus))
		return;
	target = number_now(hook, target);
	focus = number_now(hook, focus);
	if (target == HOST)
		return;
	news = event == HOOK_LOST ? &hook->lost[target - 1] : &hook->refused;
	*news = (struct hook_news){ .target = target, .focus = focus };
	snprintf(news->cause, sizeof(news->cause), "%s", cause);
	text_print(news->reason, sizeof(news->reason), "%s", reason);
	advance(hook);
}

void hook_replace(struct hook *hook, struct conf *conf, unsigned focus)
{
	unsigned wanted;

	if (!hook->conf) {
		conf_free(conf);
		return;
	}
	wanted = renumber(hook->next ? hook->next : hook->conf, focus, conf);
	hook_set_focus(hook, focus);
	conf_free(hook->next);
	hook->next = conf;
	hook->next_wanted = wanted;
	advance(hook);
}

static bool any_news(const struct hook *hook)
{
	bool any = hook->refused.target != HOST;

	for (unsigned i = 0; i < CONF_GUESTS_MAX; i++)
		any |= hook->lost[i].target != HOST;
	return any;
}

bool hook_is_idle(const struct hook *hook)
{
	return !hook->run[HOOK_ONCE].running && !hook->run[HOOK_WHILE].running &&
	       hook->entered == hook->wanted && !hook->next && !(hook->ready && any_news(hook));
}

/* --- how long it runs -------------------------------------------------------------------------------- */

static void run_expired(struct hook *hook, enum hook_slot slot)
{
	struct hook_run *run = &hook->run[slot];
	const char *guest = name_of(hook, run->target);

	if (!run->ending) {
		log_limited(&hook->limit, LOG_LEVEL_WARN,
			    "guest %s: %s has been running for %d s: ending it; start what takes "
			    "longer with systemd-run --user --collect COMMAND",
			    guest, run->what, HOOK_MS / 1000);
		end_run(hook, slot);
	} else if (!run->killing) {
		run->killing = true;
		hook->ops->signal(hook, slot, SIGKILL);
		timer_arm(&run->timer, HOOK_TERM_MS, 0);
	} else {
		log_limited(&hook->limit, LOG_LEVEL_WARN,
			    "guest %s: %s cannot be killed: not waiting for it any longer", guest,
			    run->what);
		hook->ops->abandon(hook, slot);
		hook_ended(hook, slot, (struct hook_end){ 0 });
	}
}

static void once_expired(struct timer *timer)
{
	run_expired(container_of(timer, struct hook, run[HOOK_ONCE].timer), HOOK_ONCE);
}

static void while_expired(struct timer *timer)
{
	run_expired(container_of(timer, struct hook, run[HOOK_WHILE].timer), HOOK_WHILE);
}

/* --- start and end ----------------------------------------------------------------------------------- */

/* Only at the start does the file say what is due. */
static void try_to_begin(struct hook *hook)
{
	bool is_needed = hook_any(hook->conf);
	int rc = is_needed ? lock_file(hook) : 0;

	if (rc == -EAGAIN) {
		timer_arm(&hook->retry, LOCK_AGAIN_MS, 0);
		return;
	}
	if (rc < 0)
		log_warn("%s: %s: if evswitch is killed, a pending on-leave will not run",
			 hook->path, strerror(-rc));
	else if (is_needed && !hook->begun)
		hook->entered = read_due(hook);
	else if (is_needed)
		write_entered(hook);
	hook->begun = hook->ready = true;
	advance(hook);
}

static void retry_expired(struct timer *timer)
{
	try_to_begin(container_of(timer, struct hook, retry));
}

int hook_init(struct hook *hook, struct loop *loop, const struct conf *conf,
	      const struct hook_ops *ops)
{
	char dir[USOCK_PATH_MAX];
	int rc;

	*hook = (struct hook){ .ops = ops, .conf = conf, .file = -1 };
	rc = timer_init(&hook->retry, loop, retry_expired);
	if (rc == 0)
		rc = timer_init(&hook->run[HOOK_ONCE].timer, loop, once_expired);
	if (rc == 0)
		rc = timer_init(&hook->run[HOOK_WHILE].timer, loop, while_expired);
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
	conf_free(hook->next);
	hook->next = NULL;
	timer_fini(&hook->retry);
	timer_fini(&hook->run[HOOK_ONCE].timer);
	timer_fini(&hook->run[HOOK_WHILE].timer);
	if (hook->file >= 0 && hook->entered == HOST && !hook->run[HOOK_ONCE].running)
		unlink(hook->path);
	close_fd(&hook->file);
	conf_free(hook->own);
	hook->own = NULL;
}
