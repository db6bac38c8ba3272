/* SPDX-License-Identifier: MIT */
#include "clipboard/wayland.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/util.h"
#include "clipboard/clip-text.h"
#include "clipboard/desktop-ops.h"
#include "clipboard/program.h"

#define LIST_SIZE_MAX (64 * 1024) /* bytes of names of types */
/* Between two lists, however often somebody copies; before one is tried again. */
#define LIST_PAUSE_MS 20
#define LIST_AGAIN_MS 1000
/* A compositor without data control makes wl-paste end sooner than this, on most machines. */
#define TRY_WATCH_MS 300
/* How long desktop_close waits for wl-copy to end. */
#define CLOSE_MS 500

struct wayland;

struct fetch {
	struct wayland *owner;
	struct program program; /* wl-paste, for the data and then for the types */
	bool busy;
	unsigned char *data;
	size_t size;
};

struct copy {
	struct wayland *owner;
	struct program program; /* wl-copy */
	int memory;             /* its input; -1: none */
	size_t size;
	enum clip_type type;
};

struct wayland {
	struct desktop desktop;
	unsigned stall_ms;
	struct log_limit limit;
	struct program watch; /* says that somebody has copied */
	struct program list;  /* says what */
	bool relist;          /* somebody has copied meanwhile */
	bool list_due;
	struct timer list_timer;
	bool told_empty; /* the owner knows that nothing is there */
	unsigned types;  /* can be fetched */
	const char *names[CLIP_TYPES];
	struct fetch fetches[CLIP_TYPES];
	/* Our own offer. */
	bool asks; /* for data of this type */
	enum clip_type asked;
	struct timer ask_soon;
	struct copy copies[2]; /* the old one ends when the new one is there */
	unsigned newest;
	bool waits;             /* the newest, until the clipboard is cleared */
	struct program clear;   /* wl-copy --clear */
	struct program compare; /* wl-paste: is this what we offer? */
	unsigned found;         /* types, if not */
	bool differed;          /* at the first look */
};

static const struct {
	const char *name;
	enum clip_type type;
} known[] = {
	/* The best of each type first. */
	{ "text/plain;charset=utf-8", CLIP_TEXT },
	{ "text/plain;charset=UTF-8", CLIP_TEXT },
	{ "UTF8_STRING", CLIP_TEXT },
	{ "text/plain", CLIP_TEXT },
	{ "STRING", CLIP_TEXT },
	{ "image/png", CLIP_PNG },
	{ "image/bmp", CLIP_BMP },
	{ "image/x-bmp", CLIP_BMP },
	{ "image/x-MS-bmp", CLIP_BMP },
};

static struct wayland *wayland_of(struct desktop *desktop)
{
	return container_of(desktop, struct wayland, desktop);
}

/* --- wl-paste ------------------------------------------------------------------------------ */

static int start_list(struct program *program, struct loop *loop, unsigned stall_ms,
		      const struct program_ops *ops)
{
	static const char *const argv[] = { "wl-paste", "--list-types", NULL };
	const struct program_how how = {
		.argv = argv, .input = -1, .max = LIST_SIZE_MAX, .stall_ms = stall_ms
	};

	return program_start(program, loop, &how, ops);
}

static int start_paste(struct wayland *w, struct program *program, const char *name,
		       const struct program_ops *ops)
{
	const char *const argv[] = { "wl-paste", "--no-newline", "--type", name, NULL };
	const struct program_how how = {
		.argv = argv, .input = -1, .max = CLIP_SIZE_MAX, .stall_ms = w->stall_ms
	};

	return program_start(program, w->desktop.loop, &how, ops);
}

static int start_watch(struct program *program, struct loop *loop, const struct program_ops *ops)
{
	/* The command writes a line, and reads nothing of what was copied. */
	static const char *const argv[] = { "wl-paste", "--watch", "echo", NULL };
	const struct program_how how = { .argv = argv, .input = -1 };

	return program_start(program, loop, &how, ops);
}

static bool has_line(const struct program *program, const char *name)
{
	size_t size = strlen(name);
	const unsigned char *at = program->data, *end = at + program->size;

	while (at < end) {
		const unsigned char *newline = memchr(at, '\n', (size_t)(end - at));
		const unsigned char *stop = newline ? newline : end;

		if ((size_t)(stop - at) == size && memcmp(at, name, size) == 0)
			return true;
		at = stop + 1;
	}
	return false;
}

/* The types that it has listed; 0 if they are not for others. Sets 'names'. */
static unsigned listed(const struct program *program, const char *names[CLIP_TYPES])
{
	unsigned types = 0;

	if (program->status != 0 || !program->data ||
	    has_line(program, "x-kde-passwordManagerHint"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (types & 1u << known[i].type || !has_line(program, known[i].name))
			continue;
		types |= 1u << known[i].type;
		names[known[i].type] = known[i].name;
	}
	return types;
}

/* --- fetching ------------------------------------------------------------------------------ */

static enum clip_type type_of(const struct fetch *fetch)
{
	return (enum clip_type)(fetch - fetch->owner->fetches);
}

static void answer_fetch(struct fetch *fetch, bool good)
{
	struct desktop_client *client = fetch->owner->desktop.client;
	enum clip_type type = type_of(fetch);
	autofree unsigned char *data = steal_ptr(&fetch->data);
	size_t size = fetch->size;

	fetch->busy = false;
	if (good && type == CLIP_TEXT && clip_text_clean(&data, &size) < 0)
		good = false;
	if (good)
		client->ops->fetched(client, type, size ? (void *)data : "", size);
	else
		client->ops->fetched(client, type, NULL, 0);
}

/* It has listed what was on the clipboard when the data had come, or what has replaced that. */
static void check_ended(struct program *program)
{
	struct fetch *fetch = container_of(program, struct fetch, program);
	const char *names[CLIP_TYPES];

	answer_fetch(fetch, listed(program, names) & 1u << type_of(fetch));
}

static const struct program_ops check_ops = { .ended = check_ended };

static void fetch_ended(struct program *program)
{
	struct fetch *fetch = container_of(program, struct fetch, program);
	struct wayland *w = fetch->owner;

	fetch->size = program->size;
	fetch->data = steal_ptr(&program->data);
	if (program->status != 0 ||
	    start_list(program, w->desktop.loop, w->stall_ms, &check_ops) < 0)
		answer_fetch(fetch, false);
}

static const struct program_ops fetch_ops = { .ended = fetch_ended };

static int fetch_type(struct desktop *desktop, enum clip_type type)
{
	struct wayland *w = wayland_of(desktop);
	struct fetch *fetch = &w->fetches[type];
	int rc;

	if (!(w->types & 1u << type))
		return -ENOENT;
	if (fetch->busy)
		return -EBUSY;
	rc = start_paste(w, &fetch->program, w->names[type], &fetch_ops);
	fetch->busy = rc == 0;
	return rc;
}

/* --- what others have copied --------------------------------------------------------------- */

static bool copies_run(const struct wayland *w)
{
	return program_runs(&w->copies[0].program) || program_runs(&w->copies[1].program);
}

/* While a wl-copy runs, nothing is there yet, or no more: then that ends, and the types are listed again. */
static void report(struct wayland *w, unsigned types)
{
	struct desktop_client *client = w->desktop.client;

	w->types = types;
	if (!types && (w->told_empty || w->waits || copies_run(w)))
		return;
	w->told_empty = !types;
	client->ops->copied(client, types);
}

static void list_soon(struct wayland *w)
{
	w->relist = program_runs(&w->list);
	if (w->relist || w->list_due)
		return;
	w->list_due = true;
	timer_arm(&w->list_timer, LIST_PAUSE_MS, 0);
}

/* Something has changed. What is being listed or compared may be of before. */
static void list_anew(struct wayland *w)
{
	program_stop(&w->compare);
	w->differed = false;
	list_soon(w);
}

static bool is_data_of(const struct copy *copy, const struct program *program)
{
	bool same = program->size == copy->size;
	void *bytes;

	if (!program_runs(&copy->program) || !same || copy->size == 0)
		return program_runs(&copy->program) && same;
	bytes = mmap(NULL, copy->size, PROT_READ, MAP_SHARED, copy->memory, 0);
	if (bytes == MAP_FAILED)
		return false;
	same = memcmp(bytes, program->data, copy->size) == 0;
	munmap(bytes, copy->size);
	return same;
}

/*
 * A program that ends while it is read from gives less, which nothing tells from all. So what differs counts
 * only if it does once more, and nothing has changed in between.
 */
static void compare_ended(struct program *program)
{
	struct wayland *w = container_of(program, struct wayland, compare);
	bool ours = program->status == 0 &&
		    (is_data_of(&w->copies[0], program) || is_data_of(&w->copies[1], program));
	bool certain = w->differed;

	program_stop(program);
	w->differed = !ours && !certain;
	if (w->differed)
		list_soon(w);
	else if (!ours)
		report(w, w->found);
}

static const struct program_ops compare_ops = { .ended = compare_ended };

/* Begins if one of ours may be what is there. False: none is, or it cannot be known. */
static bool start_compare(struct wayland *w)
{
	for (unsigned i = 0; i < ARRAY_SIZE(w->copies); i++) {
		const struct copy *copy = &w->copies[i];

		if (program_runs(&copy->program) && w->found & 1u << copy->type)
			return start_paste(w, &w->compare, w->names[copy->type], &compare_ops) == 0;
	}
	return false;
}

static void list_ended(struct program *program)
{
	struct wayland *w = container_of(program, struct wayland, list);

	if (w->relist) {
		list_soon(w);
		return;
	}
	w->found = listed(program, w->names);
	if (!start_compare(w))
		report(w, w->found);
}

static const struct program_ops list_ops = { .ended = list_ended };

static void list_now(struct timer *timer)
{
	struct wayland *w = container_of(timer, struct wayland, list_timer);
	int rc;

	w->list_due = false;
	rc = start_list(&w->list, w->desktop.loop, w->stall_ms, &list_ops);
	if (rc == 0)
		return;
	log_limited(&w->limit, LOG_LEVEL_WARN, "clipboard: cannot start wl-paste: %s",
		    strerrordesc_np(-rc));
	w->list_due = true;
	timer_arm(timer, LIST_AGAIN_MS, 0);
}

/* What is being fetched may now be another's, even a secret. */
static void watch_said(struct program *program)
{
	struct wayland *w = container_of(program, struct wayland, watch);

	w->types = 0;
	list_anew(w);
	for (unsigned type = 0; type < CLIP_TYPES; type++) {
		struct fetch *fetch = &w->fetches[type];

		if (!fetch->busy)
			continue;
		program_stop(&fetch->program);
		answer_fetch(fetch, false);
	}
}

static void watch_ended(struct program *program)
{
	struct desktop_client *client =
		container_of(program, struct wayland, watch)->desktop.client;

	client->ops->closed(client);
}

static const struct program_ops watch_ops = { .said = watch_said, .ended = watch_ended };

/* --- our own offer ------------------------------------------------------------------------- */

static void forget(struct copy *copy)
{
	program_stop(&copy->program);
	close_fd(&copy->memory);
}

/* Another program has copied or cleared: of the latter wl-paste may not tell. */
static void copy_ended(struct program *program)
{
	struct copy *copy = container_of(program, struct copy, program);

	if (program->status != 0)
		log_limited(&copy->owner->limit, LOG_LEVEL_WARN,
			    "clipboard: wl-copy failed, so nothing is offered to the desktop");
	forget(copy);
	list_anew(copy->owner);
}

static const struct program_ops copy_ops = { .ended = copy_ended };

static void start_copy(struct wayland *w)
{
	static const char *const names[CLIP_TYPES] = {
		[CLIP_TEXT] = "text/plain;charset=utf-8",
		[CLIP_PNG] = "image/png",
		[CLIP_BMP] = "image/bmp",
	};
	struct copy *copy = &w->copies[w->newest];
	const char *const argv[] = { "wl-copy", "--foreground", "--type", names[copy->type], NULL };
	const struct program_how how = { .argv = argv, .input = copy->memory, .outlives = true };
	int rc = program_start(&copy->program, w->desktop.loop, &how, &copy_ops);

	w->told_empty = false;
	if (rc == 0)
		return;
	log_limited(&w->limit, LOG_LEVEL_WARN, "clipboard: cannot start wl-copy: %s",
		    strerrordesc_np(-rc));
	forget(copy);
}

static void clear_ended(struct program *program)
{
	struct wayland *w = container_of(program, struct wayland, clear);

	if (w->waits)
		start_copy(w);
	w->waits = false;
}

static const struct program_ops clear_ops = { .ended = clear_ended };

/* Whoever copies in the moment that this takes loses that. */
static void withdraw(struct wayland *w)
{
	static const char *const argv[] = { "wl-copy", "--clear", NULL };
	const struct program_how how = { .argv = argv, .input = -1, .outlives = true };

	w->asks = false;
	if (w->waits)
		forget(&w->copies[w->newest]);
	w->waits = false;
	if (!copies_run(w) || program_runs(&w->clear))
		return;
	if (program_start(&w->clear, w->desktop.loop, &how, &clear_ops) == 0)
		w->told_empty = true;
}

static int offer_types(struct desktop *desktop, unsigned types)
{
	struct wayland *w = wayland_of(desktop);

	if (!types) {
		withdraw(w);
		return 0;
	}
	w->asked = CLIP_BMP;
	if (types & 1u << CLIP_TEXT)
		w->asked = CLIP_TEXT;
	else if (types & 1u << CLIP_PNG)
		w->asked = CLIP_PNG;
	w->asks = true;
	timer_arm(&w->ask_soon, 1, 0);
	return 0;
}

static void ask(struct timer *timer)
{
	struct wayland *w = container_of(timer, struct wayland, ask_soon);
	struct desktop_client *client = w->desktop.client;

	if (w->asks)
		client->ops->wanted(client, w->asked);
}

static void give(struct desktop *desktop, enum clip_type type, const void *data, size_t size)
{
	struct wayland *w = wayland_of(desktop);
	int memory;

	if (!w->asks || type != w->asked)
		return;
	w->asks = false;
	memory = data && size <= CLIP_SIZE_MAX ? program_input(data, size) : -ENODATA;
	if (memory < 0) {
		withdraw(w);
		return;
	}
	if (!w->waits)
		w->newest = !w->newest;
	forget(&w->copies[w->newest]);
	w->copies[w->newest].memory = memory;
	w->copies[w->newest].size = size;
	w->copies[w->newest].type = type;
	w->waits = program_runs(&w->clear);
	if (!w->waits)
		start_copy(w);
}

/* --- open and close ------------------------------------------------------------------------ */

/* wl-copy ends because the clipboard is cleared, and removes its file then. */
static void end_copies(struct wayland *w)
{
	withdraw(w);
	if (!program_runs(&w->clear))
		return;
	program_wait(&w->clear, CLOSE_MS);
	program_wait(&w->copies[0].program, CLOSE_MS);
	program_wait(&w->copies[1].program, CLOSE_MS);
}

static void close_desktop(struct desktop *desktop)
{
	struct wayland *w = wayland_of(desktop);

	end_copies(w);
	forget(&w->copies[0]);
	forget(&w->copies[1]);
	program_stop(&w->clear);
	program_stop(&w->compare);
	program_stop(&w->watch);
	program_stop(&w->list);
	for (unsigned type = 0; type < CLIP_TYPES; type++) {
		program_stop(&w->fetches[type].program);
		free(w->fetches[type].data);
	}
	timer_fini(&w->list_timer);
	timer_fini(&w->ask_soon);
	free(w);
}

static const struct desktop_way way = { .kind = "wayland",
					.fetch = fetch_type,
					.offer = offer_types,
					.give = give,
					.close = close_desktop };

/* Does wl-paste work here? In a loop of its own. */
struct trial {
	struct loop loop;
	struct program watch, list;
	bool said, works, over;
};

static void trial_said(struct program *program)
{
	struct trial *trial = container_of(program, struct trial, watch);

	trial->said = trial->works = trial->over = true;
}

static void trial_watch_ended(struct program *program)
{
	container_of(program, struct trial, watch)->over = true;
}

/* Whether something is copied or not: wl-paste was connected for as long as it takes. */
static void trial_listed(struct program *program)
{
	struct trial *trial = container_of(program, struct trial, list);

	trial->works = trial->over = true;
}

static void wait_for(struct trial *trial, unsigned ms)
{
	uint64_t until = now_us() + ms * UINT64_C(1000), now;

	while (!trial->over && (now = now_us()) < until)
		if (loop_turn(&trial->loop, (int)((until - now) / 1000 + 1)) < 0)
			return;
}

static int try_programs(struct wayland *w, struct trial *trial)
{
	static const struct program_ops watch = { .said = trial_said, .ended = trial_watch_ended };
	static const struct program_ops list = { .ended = trial_listed };
	int rc = start_watch(&trial->watch, &trial->loop, &watch);

	if (rc < 0)
		return rc;
	wait_for(trial, TRY_WATCH_MS);
	if (!trial->over) {
		rc = start_list(&trial->list, &trial->loop, w->stall_ms, &list);
		if (rc < 0)
			return rc;
		wait_for(trial, WAYLAND_TRY_MS - TRY_WATCH_MS);
	}
	if (trial->works)
		return 0;
	return trial->watch.status == 127 ? -ENOENT : -ENOTSUP;
}

static int try_wayland(struct wayland *w, bool *has_some)
{
	struct trial trial = { 0 };
	int rc = loop_init(&trial.loop);

	if (rc < 0)
		return rc;
	rc = try_programs(w, &trial);
	*has_some = trial.said;
	program_stop(&trial.watch);
	program_stop(&trial.list);
	loop_fini(&trial.loop);
	return rc;
}

/* 'has_some': something is copied. Then wl-paste tells of it; otherwise it says nothing. */
static int start(struct wayland *w, bool has_some)
{
	struct loop *loop = w->desktop.loop;
	int rc = timer_init(&w->list_timer, loop, list_now);

	if (rc == 0)
		rc = timer_init(&w->ask_soon, loop, ask);
	if (rc == 0)
		rc = start_watch(&w->watch, loop, &watch_ops);
	if (rc == 0)
		timer_arm(&w->list_timer, has_some ? LIST_AGAIN_MS : LIST_PAUSE_MS, 0);
	return rc;
}

struct desktop *wayland_open(struct loop *loop, struct desktop_client *client, unsigned stall_ms,
			     int *error)
{
	struct wayland *w = calloc(1, sizeof(*w));
	bool has_some = false;
	int rc;

	if (!w) {
		*error = -ENOMEM;
		return NULL;
	}
	w->desktop = (struct desktop){ .way = &way, .loop = loop, .client = client };
	w->stall_ms = stall_ms;
	for (unsigned type = 0; type < CLIP_TYPES; type++)
		w->fetches[type].owner = w;
	for (unsigned i = 0; i < ARRAY_SIZE(w->copies); i++)
		w->copies[i] = (struct copy){ .owner = w, .memory = -1 };
	rc = try_wayland(w, &has_some);
	if (rc == 0)
		rc = start(w, has_some);
	if (rc < 0) {
		close_desktop(&w->desktop);
		*error = rc;
		return NULL;
	}
	return &w->desktop;
}
