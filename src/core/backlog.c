/* SPDX-License-Identifier: MIT */
/* A ring of queued events, with the key state before the first and after the last of them. */
#include "core/backlog.h"

#include "base/util.h"

/* Reserved for the axes that merged motion adds to the last frame: merging never overflows. */
#define SLACK REL_CNT

void backlog_init(struct backlog *backlog, int step_max)
{
	*backlog = (struct backlog){ .step_max = step_max };
}

void backlog_reset(struct backlog *backlog)
{
	backlog->first = backlog->n = 0;
	backlog->letting_go = false;
	backlog->down = backlog->seen = (struct keyset){ 0 };
}

void backlog_let_go(struct backlog *backlog)
{
	backlog->first = backlog->n = 0;
	backlog->down = (struct keyset){ 0 };
	backlog->letting_go = !keyset_empty(&backlog->seen);
}

static struct input_event *waiting(struct backlog *backlog, unsigned i)
{
	return &backlog->ev[(backlog->first + i) % BACKLOG_MAX];
}

static void append(struct backlog *backlog, const struct input_event *ev)
{
	if (backlog->n < BACKLOG_MAX)
		*waiting(backlog, backlog->n++) = *ev;
}

static void put_back(struct backlog *backlog, const struct input_event *ev)
{
	backlog->first = (backlog->first + BACKLOG_MAX - 1) % BACKLOG_MAX;
	backlog->n++;
	*waiting(backlog, 0) = *ev;
}

static struct input_event take(struct backlog *backlog)
{
	struct input_event ev = *waiting(backlog, 0);

	backlog->first = (backlog->first + 1) % BACKLOG_MAX;
	backlog->n--;
	return ev;
}

static bool ends_frame(const struct input_event *ev)
{
	return ev->type == EV_SYN && ev->code == SYN_REPORT;
}

static bool is_motion(const struct frame *frame)
{
	for (unsigned i = 0; i + 1 < frame->n; i++)
		if (frame->ev[i].type != EV_REL)
			return false;
	return true;
}

/* The start of the last queued frame if all its events are EV_REL, else the end of the queue. */
static unsigned last_motion(struct backlog *backlog)
{
	unsigned start = backlog->n;

	if (start == 0)
		return 0;
	for (start--; start > 0 && !ends_frame(waiting(backlog, start - 1)); start--)
		if (waiting(backlog, start - 1)->type != EV_REL)
			return backlog->n;
	return start;
}

static void add_motion(struct backlog *backlog, unsigned start, const struct frame *frame)
{
	backlog->n--; /* the new frame's SYN_REPORT replaces the old one */
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		const struct input_event *ev = &frame->ev[i];
		unsigned at = start;
		int sum;

		while (at < backlog->n && waiting(backlog, at)->code != ev->code)
			at++;
		if (at == backlog->n)
			append(backlog, ev);
		else if (!__builtin_add_overflow(waiting(backlog, at)->value, ev->value, &sum))
			waiting(backlog, at)->value = sum;
	}
	append(backlog, &frame->ev[frame->n - 1]);
}

/* False if the event would repeat the key's state: an overflow has already released it. */
static bool note_key(struct keyset *down, const struct input_event *ev)
{
	if ((ev->value == 1) == keyset_has(down, ev->code))
		return false;
	if (ev->value == 1)
		keyset_add(down, ev->code);
	else if (ev->value == 0)
		keyset_remove(down, ev->code);
	return true;
}

static bool is_for_target(struct backlog *backlog, const struct input_event *ev)
{
	if (ev->type != EV_KEY)
		return true;
	if (ev->value == 2 && backlog->no_repeats)
		return false;
	return note_key(&backlog->down, ev);
}

void backlog_push(struct backlog *backlog, const struct frame *frame)
{
	unsigned start = is_motion(frame) ? last_motion(backlog) : backlog->n;
	unsigned before;

	if (start < backlog->n) {
		add_motion(backlog, start, frame);
		return;
	}
	if (backlog->n + frame->n > BACKLOG_MAX - SLACK) {
		backlog_let_go(backlog);
		backlog->overflows++;
	}
	before = backlog->n;
	for (unsigned i = 0; i + 1 < frame->n; i++)
		if (is_for_target(backlog, &frame->ev[i]))
			append(backlog, &frame->ev[i]);
	if (backlog->n > before)
		append(backlog, &frame->ev[frame->n - 1]);
}

unsigned backlog_next(const struct backlog *backlog)
{
	unsigned n = 0;

	if (backlog->letting_go)
		return 2;
	while (n < backlog->n && !ends_frame(&backlog->ev[(backlog->first + n) % BACKLOG_MAX]))
		n++;
	if (n == backlog->n)
		return 0;
	return n < FRAME_MAX ? n + 1 : FRAME_MAX;
}

/* Limits the value of *ev to +-max and returns the excess. */
static int take_excess(struct input_event *ev, int max)
{
	int value = ev->value;

	if (ev->type != EV_REL || max == 0)
		return 0;
	if (value > max)
		ev->value = max;
	else if (value < -max)
		ev->value = -max;
	return value - ev->value;
}

static void pop_releases(struct backlog *backlog, unsigned room, struct frame *out)
{
	static const struct input_event now = { 0 };

	keyset_for_each (code, &backlog->seen) {
		if (out->n + 1 >= room)
			return;
		keyset_remove(&backlog->seen, code);
		frame_put(out, &now, EV_KEY, code, 0);
	}
	backlog->letting_go = false;
}

static void pop_events(struct backlog *backlog, unsigned room, struct frame *out)
{
	struct frame rest;

	rest.n = 0;
	while (!ends_frame(waiting(backlog, 0)) && out->n + 1 < room) {
		struct input_event ev = take(backlog);
		int excess = take_excess(&ev, backlog->step_max);

		if (ev.type == EV_KEY)
			note_key(&backlog->seen, &ev);
		frame_add(out, &ev);
		if (excess)
			frame_put(&rest, &ev, EV_REL, ev.code, excess);
	}
	if (rest.n == 0 && ends_frame(waiting(backlog, 0)))
		take(backlog);
	while (rest.n > 0)
		put_back(backlog, &rest.ev[--rest.n]);
}

bool backlog_pop(struct backlog *backlog, unsigned room, struct frame *out)
{
	out->n = 0;
	out->resync = false;
	if (room > FRAME_MAX)
		room = FRAME_MAX;
	if (room < 2)
		return false;
	if (backlog->letting_go)
		pop_releases(backlog, room, out);
	if (out->n == 0 && backlog->n > 0)
		pop_events(backlog, room, out);
	if (out->n == 0)
		return false;
	frame_close(out, &out->ev[out->n - 1]);
	return true;
}
