/* SPDX-License-Identifier: MIT */
/* Follows a VM by the output of virsh or by QEMU's monitor. runstate.c interprets both. */
#include "qemu/vm.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

#define RETRY_MS      1000 /* for the monitor, and the first one for libvirt */
#define RETRY_MAX_MS  10000
#define RETRY_SOON_MS 50

/* The prefix of virsh's error messages. The last of several is the most specific. */
#define ERROR "error: "

/*
 * virsh does not report when it starts to listen, so earlier events are missed. Query the state
 * once after this time, and after every event.
 */
#define CHECK_MS 3000

unsigned vm_virsh(const char *argv[static VM_VIRSH_WORDS])
{
	const char *uri = getenv("LIBVIRT_DEFAULT_URI");

	argv[0] = "virsh";
	argv[1] = "--connect";
	argv[2] = uri && uri[0] ? uri : "qemu:///system";
	return 3;
}

struct qmp *vm_qmp(const struct vm *vm)
{
	return vm->ready ? vm->qmp : NULL;
}

/* Call this last: the callback may free the struct. */
static void tell(struct vm *vm, enum run_state state, unsigned news)
{
	if (state != vm->state)
		news |= VM_STATE;
	vm->state = state;
	vm->resets += !!(news & VM_RESET);
	vm->panics += !!(news & VM_PANICKED);
	if (news)
		vm->ops->told(vm, news);
}

/* Sets the reason ("": none). VM_WHY if it has changed, else 0. */
static unsigned set_why(struct vm *vm, const char *reason)
{
	char why[sizeof(vm->why)];

	text_print(why, sizeof(why), "%s", log_str(reason).text);
	if (strcmp(vm->why, why) == 0)
		return 0;
	memcpy(vm->why, why, sizeof(why));
	return VM_WHY;
}

/* As set_why, and logs each reason once: the attempts go on as long as evswitch runs. */
static unsigned say_why(struct vm *vm, const char *reason)
{
	unsigned news = set_why(vm, reason);

	if (strcmp(vm->said, vm->why) != 0)
		log_limited(&vm->limit, LOG_LEVEL_WARN, "guest %s: its VM cannot be followed: %s",
			    vm->guest->name, vm->why);
	memcpy(vm->said, vm->why, sizeof(vm->said));
	return news;
}

static unsigned vm_news(unsigned run_news)
{
	return (run_news & RUN_RESET ? VM_RESET : 0) | (run_news & RUN_PANICKED ? VM_PANICKED : 0);
}

/* --- by libvirt: the state ----------------------------------------------------------------- */

/* True for virsh's messages about an unknown domain. */
static bool says_absent(const char *line)
{
	return strncmp(line, ERROR "failed to get domain", strlen(ERROR "failed to get domain")) ==
		       0 ||
	       strncmp(line, ERROR "Domain not found", strlen(ERROR "Domain not found")) == 0;
}

static void domstate_line(struct child *child, const char *line)
{
	struct vm *vm = container_of(child, struct vm, domstate);
	enum run_state state = RUN_STATE_OFF;

	if (says_absent(line) || run_state_by_domstate(&state, line))
		tell(vm, state, 0);
}

static void domstate_ended(struct child *child)
{
	(void)child;
}

static const struct child_ops domstate_ops = { .line = domstate_line, .ended = domstate_ended };

static int start_virsh(struct vm *vm, struct child *child, const char *const *words,
		       const struct child_ops *ops)
{
	const char *argv[VM_VIRSH_WORDS + 8] = { NULL };
	unsigned n = vm_virsh(argv);

	while (*words)
		argv[n++] = *words++;
	return child_start(child, vm->loop, argv, -1, ops);
}

/* Ignores errors: 'events' reports that libvirt cannot be reached. */
static void ask_virsh(struct vm *vm)
{
	const char *const words[] = { "domstate", "--domain", vm->guest->libvirt, "--reason",
				      NULL };

	child_stop(&vm->domstate);
	start_virsh(vm, &vm->domstate, words, &domstate_ops);
}

static void check(struct timer *timer)
{
	struct vm *vm = container_of(timer, struct vm, check);

	vm->backoff_ms = RETRY_MS;
	vm->said[0] = vm->why[0] = '\0';
	ask_virsh(vm);
}

/* --- by libvirt: the events ---------------------------------------------------------------- */

static void take_lifecycle(struct vm *vm, const char *what)
{
	enum run_state state = vm->state;
	unsigned news = run_state_by_lifecycle(&state, what);

	if (news & RUN_UNDEFINED) {
		/* For libvirt, a new domain of the same name is a different one. */
		child_stop(&vm->events);
		timer_arm(&vm->retry, RETRY_MS, 0);
	}
	tell(vm, state, vm_news(news));
}

/*
 * "event 'lifecycle' for domain 'NAME': Suspended Paused" -> "Suspended Paused". What follows the last
 * colon, since libvirt allows one in NAME, too.
 */
static const char *after_domain(const char *line)
{
	const char *what = "";

	for (const char *at = line; (at = strstr(at, ": "));)
		what = at += strlen(": ");
	return what;
}

/* A running query may return a state from before the event. */
static void events_line(struct child *child, const char *line)
{
	struct vm *vm = container_of(child, struct vm, events);
	bool lifecycle = strncmp(line, "event 'lifecycle' for", 21) == 0;
	bool reboot = strncmp(line, "event 'reboot' for", 18) == 0;

	if (strncmp(line, ERROR, strlen(ERROR)) == 0) {
		vm->absent = vm->absent || says_absent(line);
		snprintf(vm->error, sizeof(vm->error), "%s", line + strlen(ERROR));
	}
	if (!lifecycle && !reboot)
		return;
	child_stop(&vm->domstate);
	timer_arm(&vm->check, CHECK_MS, 0);
	if (reboot)
		tell(vm, vm->state, VM_RESET);
	else
		take_lifecycle(vm, after_domain(line));
}

static void events_ended(struct child *child)
{
	struct vm *vm = container_of(child, struct vm, events);
	unsigned news = 0;

	child_stop(&vm->domstate);
	timer_arm(&vm->check, 0, 0);
	timer_arm(&vm->retry, vm->backoff_ms, 0);
	vm->backoff_ms = vm->backoff_ms >= RETRY_MAX_MS / 2 ? RETRY_MAX_MS : 2 * vm->backoff_ms;
	if (!vm->absent)
		news = say_why(vm, vm->error[0] ? vm->error : "virsh exited");
	tell(vm, vm->absent ? RUN_STATE_OFF : RUN_STATE_UNKNOWN, news);
}

static const struct child_ops events_ops = { .line = events_line, .ended = events_ended };

/* All events: 'reboot' is separate from 'lifecycle', and virsh accepts one name or --all. */
static int follow_domain(struct vm *vm)
{
	const char *const words[] = { "event", "--domain", vm->guest->libvirt,
				      "--all", "--loop",   NULL };
	int rc;

	vm->absent = false;
	vm->error[0] = '\0';
	rc = start_virsh(vm, &vm->events, words, &events_ops);
	if (rc)
		return rc;
	ask_virsh(vm);
	timer_arm(&vm->check, CHECK_MS, 0);
	return 0;
}

/* --- by QMP -------------------------------------------------------------------------------- */

static void ask_qemu(struct vm *vm);

static void status_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct vm *vm = ctx;
	const char *status = json_text(json_member(result, "status"));
	enum run_state state =
		run_state_by_status(status, json_is_true(json_member(result, "running")));
	unsigned news;

	(void)qmp;
	vm->asks = false;
	if (vm->ask_again) {
		ask_qemu(vm);
		return;
	}
	if (state == RUN_STATE_UNKNOWN)
		news = say_why(vm,
			       error ? error : "query-status does not report whether the VM runs");
	else
		news = set_why(vm, "");
	tell(vm, state, news);
}

/* An outstanding answer may be older than the reason for this query. */
static void ask_qemu(struct vm *vm)
{
	vm->ask_again = vm->asks;
	if (vm->asks)
		return;
	vm->asks = qmp_command(vm->qmp, "query-status", NULL, status_reply, vm) == 0;
	if (!vm->asks)
		log_limited(&vm->limit, LOG_LEVEL_WARN,
			    "guest %s: cannot ask QEMU whether its VM runs", vm->guest->name);
}

static void monitor_ready(struct qmp *qmp)
{
	struct vm *vm = qmp_owner(qmp);

	vm->ready = true;
	vm->said[0] = '\0';
	ask_qemu(vm);
	tell(vm, vm->state, VM_MONITOR | set_why(vm, ""));
}

/* Only a refused connection shows that QEMU has exited: retry soon, to learn it quickly. */
static void monitor_closed(struct qmp *qmp, const char *reason)
{
	struct vm *vm = qmp_owner(qmp);
	bool was_ready = vm->ready, soon;
	unsigned news;

	vm->ready = vm->asks = vm->ask_again = false;
	vm->qmp = NULL;
	qmp_close(qmp);
	soon = was_ready && pace_take(&vm->hurries, pace_now_ms());
	timer_arm(&vm->retry, soon ? RETRY_SOON_MS : RETRY_MS, 0);
	news = was_ready ? VM_MONITOR | set_why(vm, reason) : say_why(vm, reason);
	tell(vm, RUN_STATE_UNKNOWN, news);
}

static void monitor_event(struct qmp *qmp, const char *name, struct json_object *data)
{
	struct vm *vm = qmp_owner(qmp);
	enum run_state state;
	unsigned news;

	if (vm->ops->event)
		vm->ops->event(vm, name, data);
	if (!vm->loop)
		return;
	state = vm->state;
	news = run_state_by_event(&state, name, json_text(json_member(data, "action")));
	if (news & RUN_ASK || (vm->asks && state != vm->state))
		ask_qemu(vm);
	tell(vm, state, vm_news(news));
}

static bool monitor_admit(void *owner, uid_t uid)
{
	const struct vm *vm = owner;

	return usock_trusts(&vm->trust, uid);
}

static const struct qmp_ops monitor_ops = { .admit = monitor_admit,
					    .ready = monitor_ready,
					    .event = monitor_event,
					    .closed = monitor_closed };

static void follow_monitor(struct vm *vm)
{
	int rc = qmp_open(vm->loop, vm->guest->qmp, &monitor_ops, vm, &vm->qmp);
	const char *why = strerror(-rc);

	if (rc == 0)
		return;
	timer_arm(&vm->retry, RETRY_MS, 0);
	if (rc == -ENOENT || rc == -ECONNREFUSED) {
		tell(vm, RUN_STATE_OFF, set_why(vm, ""));
		return;
	}
	if (rc == -EAGAIN)
		why = "other clients are already waiting for the monitor (QEMU serves one at a "
		      "time)";
	else if (rc == -EPERM)
		why = QMP_NOT_ADMITTED;
	tell(vm, RUN_STATE_UNKNOWN, say_why(vm, why));
}

/* --- both ---------------------------------------------------------------------------------- */

static void retry(struct timer *timer)
{
	struct vm *vm = container_of(timer, struct vm, retry);
	int rc;

	if (!vm->guest->libvirt) {
		follow_monitor(vm);
		return;
	}
	rc = follow_domain(vm);
	if (rc) {
		say_why(vm, strerror(-rc));
		timer_arm(&vm->retry, RETRY_MAX_MS, 0);
	}
}

int vm_open(struct vm *vm, struct loop *loop, const struct conf_guest *guest,
	    const struct vm_ops *ops)
{
	int rc;

	*vm = (struct vm){ .ops = ops,
			   .guest = guest,
			   .loop = loop,
			   .backoff_ms = RETRY_MS,
			   .events = CHILD_INIT,
			   .domstate = CHILD_INIT };
	if (guest->qmp)
		usock_trust_init(&vm->trust);
	rc = timer_init(&vm->retry, loop, retry);
	if (!rc)
		rc = timer_init(&vm->check, loop, check);
	if (!rc)
		timer_arm(&vm->retry, 1, 0);
	return rc;
}

void vm_close(struct vm *vm)
{
	if (!vm->loop)
		return;
	vm->loop = NULL;
	child_stop(&vm->events);
	child_stop(&vm->domstate);
	qmp_close(steal_ptr(&vm->qmp));
	vm->ready = false;
	timer_fini(&vm->retry);
	timer_fini(&vm->check);
}
