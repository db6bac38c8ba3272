/* SPDX-License-Identifier: MIT */
/*
 * Two commands are in flight: QEMU works on one while the next is under way. All other frames wait
 * in the backlog. QEMU executes a command as a whole or not at all, and its emulated devices treat
 * the end of a command as the end of a report. So keys and pointer get separate commands, and a
 * command has at most one pointer frame. Otherwise a button's press and release could end up in one
 * report and cancel each other out.
 */
#include "qemu/qinput.h"

#include <stdio.h>
#include <string.h>

#include "core/backlog.h"
#include "core/keys.h"
#include "core/keyset.h"
#include "base/log.h"
#include "qemu/qcode.h"
#include "qemu/qmp.h"
#include "base/text.h"
#include "base/util.h"

#define TELL_MS   100 /* delay before an unknown key is logged, off the hot path */
#define IN_FLIGHT 2
#define TEXT_MAX  1024 /* bytes of a command's arguments: less than 5 ms of QEMU's time */
#define EVENT_MAX 96   /* bytes of an event's text; 86 with the longest name */
/* Keys in one command: a PS/2 keyboard buffers 16 bytes, and a key can take three. */
#define KEYS_MAX 4
/* Clicks of a wheel in one frame, possibly summed in the backlog. Each becomes an event. */
#define CLICKS_MAX 128

/* A command in flight. */
struct sent {
	struct keyset up; /* the keys that it releases, unless QEMU rejects it */
};

struct qinput {
	const struct qinput_ops *ops;
	void *owner;
	struct conf_guest guest; /* for the vm; only the name and the monitor are set */
	struct vm vm;
	struct timer tell;
	unsigned version;
	char why[512]; /* "": it is up */

	struct backlog backlog;
	struct frame hand; /* popped from the backlog; 'at' is its next event to send */
	unsigned at;
	struct keyset owed; /* keys that may be down in the guest and must be released */
	bool settle;        /* 'owed' may be sent: the last command was not rejected */
	struct sent sent[IN_FLIGHT];
	unsigned n_sent, next_sent;

	struct log_limit limit;
	struct qinput_stats stats;
	struct keyset unknown, told; /* codes that were counted, and of them those logged */
};

/* A command under construction. */
struct command {
	struct sent *sent;
	unsigned n;   /* events */
	bool pointer; /* they are pointer events */
	size_t size;
	char text[TEXT_MAX];
};

/* --- a command's text ------------------------------------------------------------------------ */

static void put(struct command *command, const char *text)
{
	size_t length = strlen(text);

	memcpy(command->text + command->size, text, length);
	command->size += length;
}

static void put_int(struct command *command, int value)
{
	char digits[12];
	unsigned at = sizeof(digits) - 1;
	unsigned rest = value < 0 ? 0U - (unsigned)value : (unsigned)value;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		digits[--at] = '-';
	put(command, digits + at);
}

static void put_key(struct command *command, const char *name, bool down)
{
	put(command, down ? "{\"type\":\"key\",\"data\":{\"down\":true,\"key\":{\"type\":\"qcode\","
			    "\"data\":\""
			  : "{\"type\":\"key\",\"data\":{\"down\":false,\"key\":{\"type\":"
			    "\"qcode\",\"data\":\"");
	put(command, name);
	put(command, "\"}}},");
}

static void put_button(struct command *command, const char *name, bool down)
{
	put(command, down ? "{\"type\":\"btn\",\"data\":{\"down\":true,\"button\":\""
			  : "{\"type\":\"btn\",\"data\":{\"down\":false,\"button\":\"");
	put(command, name);
	put(command, "\"}},");
}

static void put_motion(struct command *command, unsigned code, int value)
{
	put(command, code == REL_X ? "{\"type\":\"rel\",\"data\":{\"axis\":\"x\",\"value\":"
				   : "{\"type\":\"rel\",\"data\":{\"axis\":\"y\",\"value\":");
	put_int(command, value);
	put(command, "}},");
}

static void begin(struct command *command, struct sent *sent)
{
	command->sent = sent;
	command->n = 0;
	command->size = 0;
	sent->up = (struct keyset){ 0 };
	put(command, "{\"events\":[");
}

/* Replaces the comma of the last event. */
static void finish(struct command *command)
{
	command->size--;
	put(command, "]}");
	command->text[command->size] = '\0';
}

/* --- from frames to commands ----------------------------------------------------------------- */

static bool has_room(const struct command *command, bool pointer)
{
	if (command->n == 0)
		return true;
	if (command->pointer != pointer)
		return false;
	/* A wheel click is two events, and the end of the text needs some bytes, too. */
	return pointer ? command->size + 3 * EVENT_MAX <= TEXT_MAX : command->n < KEYS_MAX;
}

static void note_event(struct command *command, bool pointer)
{
	command->pointer = pointer;
	command->n++;
}

/* False if the command is full. */
static bool add_key(struct qinput *qinput, struct command *command, unsigned code, bool down)
{
	const char *button = qcode_button(code);
	const char *key = qcode_key(code, qinput->version);

	if (!has_room(command, button))
		return false;
	if (button)
		put_button(command, button, down);
	else if (key)
		put_key(command, key, down);
	else
		return true;
	note_event(command, button);
	if (down) {
		keyset_remove(&command->sent->up, code);
		keyset_remove(&qinput->owed, code);
	} else {
		keyset_add(&command->sent->up, code);
	}
	return true;
}

static bool add_clicks(const struct qinput *qinput, struct command *command, struct input_event *ev)
{
	bool positive = ev->value > 0;
	const char *name = qcode_click(ev->code, positive, qinput->version);

	if (!name)
		return true;
	if (ev->value > CLICKS_MAX || ev->value < -CLICKS_MAX)
		ev->value = positive ? CLICKS_MAX : -CLICKS_MAX;
	for (; ev->value; ev->value += positive ? -1 : 1) {
		if (!has_room(command, true))
			return false;
		put_button(command, name, true);
		put_button(command, name, false);
		note_event(command, true);
	}
	return true;
}

/* False if the rest of the frame has to go into the next command. */
static bool add_event(struct qinput *qinput, struct command *command, struct input_event *ev)
{
	if (ev->type == EV_KEY)
		return add_key(qinput, command, ev->code, ev->value);
	if (ev->code != REL_X && ev->code != REL_Y)
		return add_clicks(qinput, command, ev);
	if (!has_room(command, true))
		return false;
	if (ev->value) {
		put_motion(command, ev->code, ev->value);
		note_event(command, true);
	}
	return true;
}

static void add_owed(struct qinput *qinput, struct command *command)
{
	if (!qinput->settle)
		return;
	keyset_for_each (code, &qinput->owed) {
		if (!add_key(qinput, command, code, false))
			return;
		keyset_remove(&qinput->owed, code);
	}
}

static bool next_frame(struct qinput *qinput)
{
	qinput->at = 0;
	return backlog_pop(&qinput->backlog, FRAME_MAX, &qinput->hand);
}

static bool in_hand(const struct qinput *qinput)
{
	return qinput->at + 1 < qinput->hand.n;
}

static void add_waiting(struct qinput *qinput, struct command *command)
{
	while (in_hand(qinput) || next_frame(qinput)) {
		for (; in_hand(qinput); qinput->at++)
			if (!add_event(qinput, command, &qinput->hand.ev[qinput->at]))
				return;
		if (command->n && command->pointer)
			return;
	}
}

/* The keys that the rejected command should have released may still be down. */
static void owe(struct qinput *qinput, const struct sent *sent)
{
	keyset_for_each (code, &sent->up)
		if (!keyset_has(&qinput->backlog.seen, code))
			keyset_add(&qinput->owed, code);
	qinput->settle = false;
}

static void replied(struct qmp *qmp, struct json_object *result, const char *error, void *ctx);

static bool send_next(struct qinput *qinput)
{
	struct sent *sent = &qinput->sent[qinput->next_sent];
	struct command command;

	begin(&command, sent);
	add_owed(qinput, &command);
	if (keyset_empty(&qinput->owed) || !qinput->settle)
		add_waiting(qinput, &command);
	if (command.n == 0)
		return false;
	finish(&command);
	if (qmp_command_text(vm_qmp(&qinput->vm), "input-send-event", command.text, replied, sent) <
	    0) {
		owe(qinput, sent);
		return false;
	}
	qinput->stats.commands++;
	qinput->n_sent++;
	qinput->next_sent = (qinput->next_sent + 1) % IN_FLIGHT;
	return true;
}

static void pump(struct qinput *qinput)
{
	while (qinput->n_sent < IN_FLIGHT && send_next(qinput))
		;
}

static void replied(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct qinput *qinput = container_of((struct vm *)qmp_owner(qmp), struct qinput, vm);

	(void)result;
	qinput->n_sent--;
	qinput->settle = !error;
	if (error) {
		owe(qinput, ctx);
		/* If the VM is paused, its own event reports that. */
		if (qinput->stats.refused++ == 0)
			log_limited(&qinput->limit, LOG_LEVEL_INFO, "%s: QEMU rejected input: %s",
				    log_str(qinput->guest.qmp).text, error);
	}
	if (qinput_up(qinput))
		pump(qinput);
}

/* --- what the guest has down when it is lost -------------------------------------------------- */

static void drop_waiting(struct qinput *qinput)
{
	backlog_reset(&qinput->backlog);
	qinput->hand.n = qinput->at = 0;
}

static void owe_all(struct qinput *qinput)
{
	keyset_add_all(&qinput->owed, &qinput->backlog.seen);
	keyset_add_all(&qinput->owed, &qinput->backlog.down);
	/* For the backlog, the frame in 'hand' has been delivered. */
	for (; in_hand(qinput); qinput->at++)
		if (qinput->hand.ev[qinput->at].type == EV_KEY)
			keyset_add(&qinput->owed, qinput->hand.ev[qinput->at].code);
	drop_waiting(qinput);
}

/* The guest is gone or was reset, so no key is down. */
static void forget(struct qinput *qinput)
{
	drop_waiting(qinput);
	qinput->owed = (struct keyset){ 0 };
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		qinput->sent[i].up = (struct keyset){ 0 };
}

/* --- its VM ----------------------------------------------------------------------------------- */

static void set_why(struct qinput *qinput)
{
	const struct vm *vm = &qinput->vm;
	const struct log_str path = log_str(vm->guest->qmp);
	const char *why = vm->why[0] ? vm->why : "QEMU has not answered yet";

	if (vm->state == RUN_STATE_UNKNOWN)
		text_print(qinput->why, sizeof(qinput->why), "%s: %s", path.text, why);
	else if (vm->state == RUN_STATE_OFF)
		text_print(qinput->why, sizeof(qinput->why),
			   "%s: its VM is off, or has no such monitor", path.text);
	else
		text_print(qinput->why, sizeof(qinput->why), "%s", run_state_why(vm->state));
}

static void take_state(struct qinput *qinput)
{
	enum run_state state = qinput->vm.state;

	if (run_state_takes_input(state)) {
		qinput->settle = true;
		pump(qinput);
	} else if (state == RUN_STATE_OFF || state == RUN_STATE_SHUTDOWN) {
		forget(qinput);
	} else {
		owe_all(qinput);
	}
}

/*
 * No key is down, except for those that QEMU accepted between the reset and its event. A VM that
 * does not run accepts no input.
 */
static void take_reset(struct qinput *qinput)
{
	if (!run_state_takes_input(qinput->vm.state)) {
		forget(qinput);
		return;
	}
	owe_all(qinput);
	pump(qinput);
}

static void take_monitor(struct qinput *qinput, struct qmp *qmp)
{
	if (qmp) {
		qinput->version = qmp_version(qmp);
		log_limited(&qinput->limit, LOG_LEVEL_INFO, "%s: QEMU %u.%u", qinput->guest.qmp,
			    qinput->version / 100, qinput->version % 100);
		return;
	}
	for (unsigned i = 0; i < qinput->n_sent; i++)
		owe(qinput, &qinput->sent[(qinput->next_sent + IN_FLIGHT - 1 - i) % IN_FLIGHT]);
	qinput->n_sent = 0;
}

/* Call this last: the owner may free it in 'changed'. */
static void vm_told(struct vm *vm, unsigned news)
{
	struct qinput *qinput = container_of(vm, struct qinput, vm);

	set_why(qinput);
	if (news & VM_MONITOR)
		take_monitor(qinput, vm_qmp(vm));
	if (news & VM_RESET)
		take_reset(qinput);
	if (news & VM_STATE)
		take_state(qinput);
	qinput->ops->changed(qinput);
}

static const struct vm_ops vm_ops = { .told = vm_told };

/* --- frames ----------------------------------------------------------------------------------- */

static void count_unknown(struct qinput *qinput, const struct input_event *ev)
{
	if (ev->value != 1)
		return;
	qinput->stats.unknown++;
	if (keyset_has(&qinput->unknown, ev->code))
		return;
	keyset_add(&qinput->unknown, ev->code);
	timer_arm(&qinput->tell, TELL_MS, 0);
}

static void tell_unknown(struct timer *timer)
{
	struct qinput *qinput = container_of(timer, struct qinput, tell);

	keyset_for_each (code, &qinput->unknown) {
		if (keyset_has(&qinput->told, code))
			continue;
		keyset_add(&qinput->told, code);
		log_warn("%s: QEMU %u.%u has no name for %s, so the guest does not receive it",
			 log_str(qinput->guest.qmp).text, qinput->version / 100,
			 qinput->version % 100, keys_name(code).text);
	}
}

static bool takes(struct qinput *qinput, const struct input_event *ev)
{
	if (ev->type == EV_REL)
		return qcode_carries(EV_REL, ev->code);
	if (ev->type != EV_KEY)
		return false;
	if (!qcode_key(ev->code, qinput->version) && !qcode_button(ev->code)) {
		count_unknown(qinput, ev);
		return false;
	}
	/* A delayed repetition would be typed after its key was released. */
	return ev->value != 2 || (backlog_empty(&qinput->backlog) && !in_hand(qinput));
}

void qinput_send(struct qinput *qinput, const struct frame *frame)
{
	struct frame taken;

	if (!qinput_up(qinput) || frame->n == 0)
		return;
	taken.n = 0;
	taken.resync = frame->resync;
	for (unsigned i = 0; i + 1 < frame->n; i++)
		if (takes(qinput, &frame->ev[i]))
			frame_add(&taken, &frame->ev[i]);
	if (taken.n == 0)
		return;
	frame_close(&taken, &frame->ev[frame->n - 1]);
	backlog_push(&qinput->backlog, &taken);
	pump(qinput);
}

void qinput_release_all(struct qinput *qinput)
{
	struct keyset down = qinput->backlog.down;
	struct frame frame;

	while (frame_release(&frame, &down))
		qinput_send(qinput, &frame);
}

/* --- start and end ---------------------------------------------------------------------------- */

int qinput_new(struct loop *loop, const char *guest, const char *path, const struct qinput_ops *ops,
	       void *owner, struct qinput **out)
{
	struct qinput *qinput = calloc(1, sizeof(*qinput));
	int rc;

	*out = NULL;
	if (!qinput)
		return -ENOMEM;
	qinput->ops = ops;
	qinput->owner = owner;
	qinput->guest.qmp = (char *)path;
	snprintf(qinput->guest.name, sizeof(qinput->guest.name), "%s", guest);
	backlog_init(&qinput->backlog, 0);
	rc = vm_open(&qinput->vm, loop, &qinput->guest, &vm_ops);
	if (rc == 0)
		rc = timer_init(&qinput->tell, loop, tell_unknown);
	if (rc < 0) {
		qinput_free(qinput);
		return rc;
	}
	set_why(qinput);
	*out = qinput;
	return 0;
}

void qinput_free(struct qinput *qinput)
{
	if (!qinput)
		return;
	vm_close(&qinput->vm);
	timer_fini(&qinput->tell);
	free(qinput);
}

void *qinput_owner(const struct qinput *qinput)
{
	return qinput->owner;
}

bool qinput_up(const struct qinput *qinput)
{
	return qinput->why[0] == '\0';
}

const char *qinput_why(const struct qinput *qinput)
{
	return qinput->why;
}

const struct vm *qinput_vm(const struct qinput *qinput)
{
	return &qinput->vm;
}

struct qinput_stats qinput_stats(const struct qinput *qinput)
{
	struct qinput_stats stats = qinput->stats;

	stats.overflows = qinput->backlog.overflows;
	return stats;
}
