/* Two ways to know the same: the lines of virsh, and the events of QEMU's monitor. */
#include "qemu/life.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"

#define RETRY_MS      1000 /* to the monitor, and the first to libvirt */
#define RETRY_MAX_MS  10000
#define RETRY_SOON_MS 50

/* What begins a line of virsh that says why it failed; the last of several says most. */
#define ERROR "error: "

/*
 * virsh does not say when it has begun to listen, so what happens between its start and then is
 * missed. After this long, and after every event, the state is asked for, once.
 */
#define CHECK_MS 3000

const char *life_state_name(enum life_state state)
{
	static const char *const names[] = { "unknown", "off", "paused", "running" };

	return names[state];
}

unsigned life_virsh(const char *argv[static LIFE_VIRSH_WORDS])
{
	const char *uri = getenv("LIBVIRT_DEFAULT_URI");

	argv[0] = "virsh";
	argv[1] = "--connect";
	argv[2] = uri && uri[0] ? uri : "qemu:///system";
	return 3;
}

struct qmp *life_qmp(const struct life *life)
{
	return life->ready ? life->qmp : NULL;
}

static void set_state(struct life *life, enum life_state state)
{
	if (!life->loop || state == life->state)
		return;
	life->state = state;
	life->ops->state(life);
}

/* Once for each reason: it is tried for as long as evswitch runs. */
static void say_why(struct life *life, const char *reason)
{
	struct log_str shown = log_str(reason);

	if (strncmp(life->said, shown.text, sizeof(life->said) - 1) == 0)
		return;
	snprintf(life->said, sizeof(life->said), "%.*s", (int)sizeof(life->said) - 1, shown.text);
	log_limited(&life->limit, LOG_LEVEL_WARN, "guest %s cannot be followed: %s",
		    life->guest->name, life->said);
}

/* --- by libvirt: the state ----------------------------------------------------------------- */

struct word {
	const char *text;
	enum life_state state;
};

/* "virsh domstate": the names of virDomainState. */
static const struct word domain_states[] = {
	{ "running", LIFE_RUNNING },     { "idle", LIFE_RUNNING },     { "paused", LIFE_PAUSED },
	{ "in shutdown", LIFE_PAUSED },  { "shut off", LIFE_OFF },     { "crashed", LIFE_PAUSED },
	{ "pmsuspended", LIFE_RUNNING }, { "no state", LIFE_UNKNOWN },
};

/* "virsh event --event lifecycle": the names of virDomainEventType that change the state. */
static const struct word lifecycle_events[] = {
	{ "Started ", LIFE_RUNNING }, { "Suspended ", LIFE_PAUSED },
	{ "Resumed ", LIFE_RUNNING }, { "Stopped ", LIFE_OFF },
	{ "Shutdown ", LIFE_PAUSED }, { "PMSuspended ", LIFE_RUNNING },
	{ "Crashed ", LIFE_PAUSED },
};

/* virsh names the domain as it was given, or says that it does not know it. */
static bool says_absent(const char *line)
{
	return strncmp(line, ERROR "failed to get domain", strlen(ERROR "failed to get domain")) ==
		       0 ||
	       strncmp(line, ERROR "Domain not found", strlen(ERROR "Domain not found")) == 0;
}

static void domstate_line(struct child *child, const char *line)
{
	struct life *life = container_of(child, struct life, domstate);

	if (says_absent(line)) {
		set_state(life, LIFE_OFF);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(domain_states); i++) {
		if (strcmp(line, domain_states[i].text) == 0) {
			set_state(life, domain_states[i].state);
			return;
		}
	}
}

static void domstate_ended(struct child *child)
{
	(void)child;
}

static const struct child_ops domstate_ops = { .line = domstate_line, .ended = domstate_ended };

static int start_virsh(struct life *life, struct child *child, const char *const *words,
		       const struct child_ops *ops)
{
	const char *argv[LIFE_VIRSH_WORDS + 8] = { NULL };
	unsigned n = life_virsh(argv);

	while (*words)
		argv[n++] = *words++;
	return child_start(child, life->loop, argv, -1, ops);
}

/* What the events child cannot reach, this one cannot either: errors are left to that one. */
static void ask_state(struct life *life)
{
	const char *const words[] = { "domstate", "--domain", life->guest->libvirt, NULL };

	child_stop(&life->domstate);
	start_virsh(life, &life->domstate, words, &domstate_ops);
}

static void check(struct timer *timer)
{
	struct life *life = container_of(timer, struct life, check);

	life->backoff_ms = RETRY_MS;
	life->said[0] = '\0';
	ask_state(life);
}

/* --- by libvirt: the events ---------------------------------------------------------------- */

static void take_lifecycle(struct life *life, const char *what)
{
	if (strncmp(what, "Undefined ", strlen("Undefined ")) == 0) {
		/* A domain that is defined anew under the name is another for libvirt. */
		child_stop(&life->events);
		timer_arm(&life->retry, RETRY_MS, 0);
		return;
	}
	if (strcmp(what, "Crashed Panicked") == 0)
		life->ops->panicked(life);
	for (size_t i = 0; i < ARRAY_SIZE(lifecycle_events); i++) {
		if (strncmp(what, lifecycle_events[i].text, strlen(lifecycle_events[i].text)) ==
		    0) {
			set_state(life, lifecycle_events[i].state);
			return;
		}
	}
}

/* "event 'lifecycle' for domain 'NAME': Suspended Paused" -> "Suspended Paused". */
static const char *after_domain(const char *line)
{
	const char *at = strstr(line, "' for domain ");

	at = at ? strstr(at, ": ") : NULL;
	return at ? at + 2 : "";
}

/* An answer that was under way may be older than the event. */
static void events_line(struct child *child, const char *line)
{
	struct life *life = container_of(child, struct life, events);
	bool lifecycle = strncmp(line, "event 'lifecycle' for", 21) == 0;
	bool reboot = strncmp(line, "event 'reboot' for", 18) == 0;

	if (strncmp(line, ERROR, strlen(ERROR)) == 0) {
		life->absent = life->absent || says_absent(line);
		snprintf(life->error, sizeof(life->error), "%s", line + strlen(ERROR));
	}
	if (!lifecycle && !reboot)
		return;
	child_stop(&life->domstate);
	timer_arm(&life->check, CHECK_MS, 0);
	if (reboot)
		life->ops->reset(life);
	else
		take_lifecycle(life, after_domain(line));
}

static void events_ended(struct child *child)
{
	struct life *life = container_of(child, struct life, events);

	child_stop(&life->domstate);
	timer_arm(&life->check, 0, 0);
	timer_arm(&life->retry, life->backoff_ms, 0);
	life->backoff_ms =
		life->backoff_ms >= RETRY_MAX_MS / 2 ? RETRY_MAX_MS : 2 * life->backoff_ms;
	if (!life->absent)
		say_why(life, life->error[0] ? life->error : "virsh has ended");
	set_state(life, life->absent ? LIFE_OFF : LIFE_UNKNOWN);
}

static const struct child_ops events_ops = { .line = events_line, .ended = events_ended };

/* All events: 'reboot' is one apart from 'lifecycle', and virsh takes one name or all. */
static int follow_domain(struct life *life)
{
	const char *const words[] = { "event", "--domain", life->guest->libvirt,
				      "--all", "--loop",   NULL };
	int rc;

	life->absent = false;
	life->error[0] = '\0';
	rc = start_virsh(life, &life->events, words, &events_ops);
	if (rc)
		return rc;
	ask_state(life);
	timer_arm(&life->check, CHECK_MS, 0);
	return 0;
}

/* --- by QMP -------------------------------------------------------------------------------- */

/* RunState of QEMU's qapi/run-state.json. */
static enum life_state state_of(const char *runstate)
{
	bool takes_input = strcmp(runstate, "running") == 0 || strcmp(runstate, "suspended") == 0;

	return takes_input ? LIFE_RUNNING : LIFE_PAUSED;
}

static void status_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct life *life = ctx;
	const char *status = qmp_text(qmp_member(result, "status"));

	(void)qmp;
	if (status[0])
		set_state(life, state_of(status));
	else
		say_why(life, error ? error : "query-status has no status");
}

static void monitor_ready(struct qmp *qmp)
{
	struct life *life = qmp_owner(qmp);

	life->ready = true;
	life->said[0] = '\0';
	qmp_command(qmp, "query-status", NULL, status_reply, life);
	if (life->ops->monitor)
		life->ops->monitor(life);
}

/* Whether QEMU has ended is known when nobody listens any more: soon, so that it is not long unknown. */
static void monitor_closed(struct qmp *qmp, const char *reason)
{
	struct life *life = qmp_owner(qmp);
	bool was_ready = life->ready, soon;

	life->ready = false;
	life->qmp = NULL;
	qmp_close(qmp);
	soon = was_ready && pace_take(&life->hurries, pace_now_ms());
	timer_arm(&life->retry, soon ? RETRY_SOON_MS : RETRY_MS, 0);
	if (!was_ready)
		say_why(life, reason);
	else if (life->ops->monitor)
		life->ops->monitor(life);
	set_state(life, LIFE_UNKNOWN);
}

static void take_event(struct life *life, const char *name)
{
	if (strcmp(name, "RESUME") == 0 || strcmp(name, "WAKEUP") == 0 ||
	    strcmp(name, "SUSPEND") == 0)
		set_state(life, LIFE_RUNNING);
	else if (strcmp(name, "STOP") == 0 || strcmp(name, "SHUTDOWN") == 0)
		set_state(life, LIFE_PAUSED);
	else if (strcmp(name, "RESET") == 0)
		life->ops->reset(life);
	else if (strcmp(name, "GUEST_PANICKED") == 0)
		life->ops->panicked(life);
}

static void monitor_event(struct qmp *qmp, const char *name, struct json_object *data)
{
	struct life *life = qmp_owner(qmp);

	if (life->ops->event)
		life->ops->event(life, name, data);
	if (life->loop)
		take_event(life, name);
}

static bool monitor_admit(void *owner, uid_t uid)
{
	const struct life *life = owner;

	return usock_trusts(&life->trust, uid);
}

static const struct qmp_ops monitor_ops = { .admit = monitor_admit,
					    .ready = monitor_ready,
					    .event = monitor_event,
					    .closed = monitor_closed };

static int follow_monitor(struct life *life)
{
	const char *path = life->guest->qmp;
	int rc = qmp_open(life->loop, path, &monitor_ops, life, &life->qmp);

	if (rc == 0)
		return 0;
	timer_arm(&life->retry, RETRY_MS, 0);
	if (rc == -ENOENT || rc == -ECONNREFUSED) {
		set_state(life, LIFE_OFF);
		return 0;
	}
	say_why(life, rc == -EAGAIN  ? "others wait for the monitor already"
		      : rc == -EPERM ? QMP_NOT_ADMITTED
				     : strerror(-rc));
	set_state(life, LIFE_UNKNOWN);
	return 0;
}

/* --- both ---------------------------------------------------------------------------------- */

static void retry(struct timer *timer)
{
	struct life *life = container_of(timer, struct life, retry);
	int rc = life->guest->libvirt ? follow_domain(life) : follow_monitor(life);

	if (rc) {
		say_why(life, strerror(-rc));
		timer_arm(&life->retry, RETRY_MAX_MS, 0);
	}
}

int life_open(struct life *life, struct loop *loop, const struct conf_guest *guest,
	      const struct life_ops *ops)
{
	int rc;

	*life = (struct life){ .ops = ops,
			       .guest = guest,
			       .loop = loop,
			       .backoff_ms = RETRY_MS,
			       .events = CHILD_INIT,
			       .domstate = CHILD_INIT };
	if (guest->qmp)
		usock_trust_init(&life->trust);
	rc = timer_init(&life->retry, loop, retry);
	if (!rc)
		rc = timer_init(&life->check, loop, check);
	if (!rc)
		timer_arm(&life->retry, 1, 0);
	return rc;
}

void life_close(struct life *life)
{
	if (!life->loop)
		return;
	life->loop = NULL;
	child_stop(&life->events);
	child_stop(&life->domstate);
	qmp_close(steal_ptr(&life->qmp));
	life->ready = false;
	timer_fini(&life->retry);
	timer_fini(&life->check);
}
