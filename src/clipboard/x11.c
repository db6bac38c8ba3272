/* SPDX-License-Identifier: MIT */
/*
 * The connection, whose events it deals out to x11-reader.c and x11-offer.c, and who owns the clipboard.
 * libxcb reads ahead, also while it sends: what it has queued wakes no epoll. So nothing is sent but in
 * run(), which goes on until a pass has found nothing; what the owner calls only wakes it.
 */
#include "clipboard/x11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xcb/xcb.h>
#include <xcb/xfixes.h>

#include "base/util.h"
#include "clipboard/clip-text.h"
#include "clipboard/desktop-ops.h"
#include "clipboard/x11-atoms.h"
#include "clipboard/x11-offer.h"
#include "clipboard/x11-reader.h"

/* Events in one turn of the loop. */
#define BATCH 64
/* In bytes: 4,096 types. More than any program has, and a longer list counts as none. */
#define TARGETS_SIZE_MAX (4096 * sizeof(xcb_atom_t))
#define HINT_SIZE_MAX    64

struct x11 {
	struct desktop desktop;
	xcb_connection_t *conn;
	uint8_t fixes; /* first event of XFixes */
	xcb_window_t window;
	xcb_atom_t atoms[X11_ATOMS];
	struct watch watch;
	struct timer soon;     /* run() has something to do */
	struct timer deadline; /* a transfer stalls */
	struct x11_reader reader;
	struct x11_offer offer;
	bool lost;
	/* What others have copied. */
	bool asks; /* who owned it at the start, when the server has told its time */
	xcb_timestamp_t time;
	unsigned types;
	unsigned found; /* types in TARGETS, not announced before the hint is known */
	xcb_atom_t targets[CLIP_TYPES];
	/* Our own offer. */
	bool is_owner;
	bool claims;    /* becomes the owner when the server has told its time */
	bool claimed;   /* has asked to be the owner, and not heard of it */
	bool withdraws; /* has taken it back, and not heard of it */
};

static struct x11 *x11_of(struct desktop *desktop)
{
	return container_of(desktop, struct x11, desktop);
}

static void wake(struct x11 *x)
{
	timer_arm(&x->soon, 1, 0);
}

/* --- what others have copied --------------------------------------------------------------- */

static void announce(struct x11 *x, unsigned types)
{
	struct desktop_client *client = x->desktop.client;

	x->types = types;
	client->ops->copied(client, types);
}

static bool has_target(const struct x11_bytes *data, xcb_atom_t target)
{
	const xcb_atom_t *targets = (const xcb_atom_t *)data->bytes;

	for (size_t i = 0; i < data->size / sizeof(*targets); i++)
		if (targets[i] == target)
			return true;
	return false;
}

/* Sets x->targets. */
static unsigned find_types(struct x11 *x, const struct x11_bytes *data)
{
	unsigned types = 0;

	for (size_t i = 0; i < ARRAY_SIZE(x11_targets); i++) {
		unsigned bit = 1u << x11_targets[i].type;

		if (types & bit || !has_target(data, x->atoms[x11_targets[i].target]))
			continue;
		types |= bit;
		x->targets[x11_targets[i].type] = x->atoms[x11_targets[i].target];
	}
	if (!(types & 1u << CLIP_TEXT) && has_target(data, XCB_ATOM_STRING)) {
		types |= 1u << CLIP_TEXT;
		x->targets[CLIP_TEXT] = XCB_ATOM_STRING;
	}
	return types;
}

static void targets_read(struct x11 *x, const struct x11_bytes *data)
{
	/* Some old clients say TARGETS for the type. */
	if (!data || data->format != 32 ||
	    (data->type != XCB_ATOM_ATOM && data->type != x->atoms[X11_TARGETS])) {
		announce(x, 0);
		return;
	}
	x->found = find_types(x, data);
	if (x->found && has_target(data, x->atoms[X11_HINT]))
		x11_reader_begin(&x->reader, X11_READ_HINT, x->atoms[X11_HINT], x->time,
				 HINT_SIZE_MAX);
	else
		announce(x, x->found);
}

/* Who has a hint but does not let it be read may have a secret. */
static void hint_read(struct x11 *x, const struct x11_bytes *data)
{
	static const char secret[] = "secret";

	if (!data || data->format != 8 || data->size == 0 ||
	    (data->size >= strlen(secret) && memcmp(data->bytes, secret, strlen(secret)) == 0))
		announce(x, 0);
	else
		announce(x, x->found);
}

static bool is_text_type(const struct x11 *x, xcb_atom_t type)
{
	return type == x->atoms[X11_UTF8_STRING] || type == x->atoms[X11_TEXT_UTF8] ||
	       type == x->atoms[X11_TEXT_PLAIN] || type == XCB_ATOM_STRING;
}

static bool is_good(const struct x11 *x, enum clip_type type, struct x11_bytes *data)
{
	if (data->format != 8)
		return false;
	if (type != CLIP_TEXT)
		return data->type == x->targets[type];
	return is_text_type(x, data->type) && clip_text_clean(&data->bytes, &data->size) == 0;
}

static void data_read(struct x11 *x, enum clip_type type, struct x11_bytes *data)
{
	struct desktop_client *client = x->desktop.client;

	/* No bytes at all have no memory. */
	if (data && is_good(x, type, data))
		client->ops->fetched(client, type, data->size ? (void *)data->bytes : "",
				     data->size);
	else
		client->ops->fetched(client, type, NULL, 0);
}

static void read_done(struct x11_reader *reader, unsigned id, struct x11_bytes *data)
{
	struct x11 *x = container_of(reader, struct x11, reader);

	if (id == X11_READ_TARGETS)
		targets_read(x, data);
	else if (id == X11_READ_HINT)
		hint_read(x, data);
	else
		data_read(x, id, data);
}

/*
 * What is being read was asked of the old owner, or already reaches the new one: then it may be a
 * password. The server tells of the new owner before anything of it arrives.
 */
static void stop_reading(struct x11 *x)
{
	struct desktop_client *client = x->desktop.client;

	x->types = 0;
	x11_reader_stop(&x->reader, X11_READ_TARGETS);
	x11_reader_stop(&x->reader, X11_READ_HINT);
	for (unsigned type = 0; type < CLIP_TYPES; type++) {
		if (!x11_reader_reads(&x->reader, type))
			continue;
		x11_reader_stop(&x->reader, type);
		client->ops->fetched(client, type, NULL, 0);
	}
}

static void ask_targets(struct x11 *x, xcb_timestamp_t time)
{
	x->time = time;
	x11_reader_begin(&x->reader, X11_READ_TARGETS, x->atoms[X11_TARGETS], time,
			 TARGETS_SIZE_MAX);
}

static void owner_changed(struct x11 *x, const xcb_xfixes_selection_notify_event_t *event)
{
	bool withdrawn = x->withdraws && event->owner == XCB_NONE;

	if (event->selection != x->atoms[X11_CLIPBOARD])
		return;
	x->asks = false;
	x->is_owner = event->owner == x->window;
	if (x->is_owner)
		x->claimed = false;
	else
		x->withdraws = false;
	stop_reading(x);
	/* What is claimed comes later, and takes its place. */
	if (x->is_owner || withdrawn || x->claims)
		return;
	if (event->owner == XCB_NONE)
		announce(x, 0);
	else
		ask_targets(x, event->timestamp);
}

/* --- events -------------------------------------------------------------------------------- */

static void wanted(struct x11_offer *offer, enum clip_type type)
{
	struct desktop_client *client = container_of(offer, struct x11, offer)->desktop.client;

	client->ops->wanted(client, type);
}

/* Nothing is appended, but the event has the server's time. */
static void ask_time(struct x11 *x)
{
	xcb_change_property(x->conn, XCB_PROP_MODE_APPEND, x->window, x->atoms[X11_CLOCK],
			    XCB_ATOM_INTEGER, 32, 0, NULL);
}

/* What waits for it. */
static void take_time(struct x11 *x, xcb_timestamp_t time)
{
	if (x->asks)
		ask_targets(x, time);
	if (x->claims) {
		x->offer.since = time;
		x->claimed = true;
		xcb_set_selection_owner(x->conn, x->window, x->atoms[X11_CLIPBOARD], time);
	}
	x->asks = false;
	x->claims = false;
}

static void property_changed(struct x11 *x, const xcb_property_notify_event_t *event)
{
	if (event->window != x->window) {
		if (event->state == XCB_PROPERTY_DELETE)
			x11_offer_deleted(&x->offer, event);
		return;
	}
	if (event->state != XCB_PROPERTY_NEW_VALUE)
		return;
	if (event->atom == x->atoms[X11_CLOCK])
		take_time(x, event->time);
	else
		x11_reader_property(&x->reader, event);
}

/* SelectionNotify is the only event that a client sends. */
static void take_event(struct x11 *x, xcb_generic_event_t *event)
{
	void *is = event;

	if (event->response_type == 0) {
		/* BadWindow: a requestor has gone. */
		x11_offer_gone(&x->offer, ((xcb_generic_error_t *)is)->resource_id);
	} else if ((event->response_type & 0x7f) == XCB_SELECTION_NOTIFY) {
		const xcb_selection_notify_event_t *notify = is;

		if (notify->requestor == x->window && notify->selection == x->atoms[X11_CLIPBOARD])
			x11_reader_selection(&x->reader, notify);
	} else if (event->response_type == XCB_PROPERTY_NOTIFY) {
		property_changed(x, is);
	} else if (event->response_type == XCB_SELECTION_REQUEST) {
		x11_offer_request(&x->offer, is, x->is_owner);
	} else if (event->response_type == XCB_DESTROY_NOTIFY) {
		x11_offer_gone(&x->offer, ((xcb_destroy_notify_event_t *)is)->window);
	} else if (event->response_type == x->fixes + XCB_XFIXES_SELECTION_NOTIFY) {
		owner_changed(x, is);
	}
}

static void arm_deadline(struct x11 *x)
{
	uint64_t now = now_us();
	uint64_t next = x11_reader_expire(&x->reader, now);
	uint64_t of_offer = x11_offer_expire(&x->offer, now);

	if (of_offer < next)
		next = of_offer;
	/* Of microseconds that follow, one millisecond more than are complete. */
	timer_arm(&x->deadline, next == UINT64_MAX ? 0 : (unsigned)((next - now) / 1000 + 1), 0);
}

static void lose(struct x11 *x)
{
	struct desktop_client *client = x->desktop.client;

	x->lost = true;
	watch_stop(&x->watch);
	timer_arm(&x->deadline, 0, 0);
	client->ops->closed(client);
}

static void run(struct x11 *x)
{
	unsigned n = 0;
	bool any;

	if (x->lost)
		return;
	do {
		xcb_generic_event_t *event;

		any = false;
		for (; n < BATCH && (event = xcb_poll_for_event(x->conn)); n++) {
			take_event(x, event);
			free(event);
			any = true;
		}
		if (x11_reader_replies(&x->reader))
			any = true;
		arm_deadline(x);
		xcb_flush(x->conn);
	} while (any && n < BATCH);
	if (xcb_connection_has_error(x->conn))
		lose(x);
	else if (any)
		wake(x);
}

static void readable(struct watch *watch, uint32_t events)
{
	(void)events;
	run(container_of(watch, struct x11, watch));
}

static void woken(struct timer *timer)
{
	run(container_of(timer, struct x11, soon));
}

static void stalled(struct timer *timer)
{
	run(container_of(timer, struct x11, deadline));
}

/* --- the desktop's functions --------------------------------------------------------------- */

static int fetch(struct desktop *desktop, enum clip_type type)
{
	struct x11 *x = x11_of(desktop);

	if (!(x->types & 1u << type))
		return -ENOENT;
	if (x11_reader_reads(&x->reader, type))
		return -EBUSY;
	x11_reader_begin(&x->reader, type, x->targets[type], x->time, CLIP_SIZE_MAX);
	wake(x);
	return 0;
}

/* Has no effect if another client became the owner after us. */
static void withdraw(struct x11 *x)
{
	/* What others have copied meanwhile was not looked at. */
	if (x->claims) {
		x->asks = true;
		ask_time(x);
	}
	x->claims = false;
	x->withdraws = x->is_owner || x->claimed;
	if (x->withdraws)
		xcb_set_selection_owner(x->conn, XCB_NONE, x->atoms[X11_CLIPBOARD], x->offer.since);
}

static int offer_types(struct desktop *desktop, unsigned types)
{
	struct x11 *x = x11_of(desktop);

	if (types) {
		/* What others have copied is older, and must not be announced after this. */
		x->asks = false;
		x11_reader_stop(&x->reader, X11_READ_TARGETS);
		x11_reader_stop(&x->reader, X11_READ_HINT);
		x->claims = true;
		ask_time(x);
	} else {
		withdraw(x);
	}
	x11_offer_set(&x->offer, types);
	wake(x);
	return 0;
}

static void give(struct desktop *desktop, enum clip_type type, const void *data, size_t size)
{
	struct x11 *x = x11_of(desktop);

	x11_offer_give(&x->offer, type, data, size);
	wake(x);
}

static void close_desktop(struct desktop *desktop)
{
	struct x11 *x = x11_of(desktop);

	for (unsigned id = 0; id < X11_READS; id++)
		x11_reader_stop(&x->reader, id);
	x11_offer_fini(&x->offer);
	watch_stop(&x->watch);
	timer_fini(&x->soon);
	timer_fini(&x->deadline);
	xcb_disconnect(x->conn);
	free(x);
}

static const struct desktop_way way = {
	.kind = "x11", .fetch = fetch, .offer = offer_types, .give = give, .close = close_desktop
};

/* --- opening: here the server is waited for ------------------------------------------------ */

static const char *const atom_names[X11_PROPERTY] = {
	[X11_CLIPBOARD] = "CLIPBOARD",
	[X11_TARGETS] = "TARGETS",
	[X11_TIMESTAMP] = "TIMESTAMP",
	[X11_INCR] = "INCR",
	[X11_HINT] = "x-kde-passwordManagerHint",
	[X11_UTF8_STRING] = "UTF8_STRING",
	[X11_TEXT_UTF8] = "text/plain;charset=utf-8",
	[X11_TEXT_PLAIN] = "text/plain",
	[X11_PNG] = "image/png",
	[X11_BMP] = "image/bmp",
	[X11_X_BMP] = "image/x-bmp",
	[X11_MS_BMP] = "image/x-MS-bmp",
	[X11_CLOCK] = "EVSWITCH_TIME",
};

static xcb_intern_atom_cookie_t ask_atom(struct x11 *x, unsigned i)
{
	char name[32];

	if (i < X11_PROPERTY)
		snprintf(name, sizeof(name), "%s", atom_names[i]);
	else
		snprintf(name, sizeof(name), "EVSWITCH_%u", i - X11_PROPERTY);
	return xcb_intern_atom(x->conn, 0, (uint16_t)strlen(name), name);
}

static bool get_atoms(struct x11 *x)
{
	xcb_intern_atom_cookie_t cookies[X11_ATOMS];
	bool all = true;

	for (unsigned i = 0; i < X11_ATOMS; i++)
		cookies[i] = ask_atom(x, i);
	for (unsigned i = 0; i < X11_ATOMS; i++) {
		autofree xcb_intern_atom_reply_t *reply =
			xcb_intern_atom_reply(x->conn, cookies[i], NULL);

		if (reply)
			x->atoms[i] = reply->atom;
		else
			all = false;
	}
	return all;
}

static bool has_fixes(struct x11 *x)
{
	const xcb_query_extension_reply_t *extension =
		xcb_get_extension_data(x->conn, &xcb_xfixes_id);
	autofree xcb_xfixes_query_version_reply_t *version = NULL;

	if (!extension || !extension->present)
		return false;
	version = xcb_xfixes_query_version_reply(
		x->conn, xcb_xfixes_query_version(x->conn, XCB_XFIXES_MAJOR_VERSION, 0), NULL);
	x->fixes = extension->first_event;
	return version;
}

static void make_window(struct x11 *x)
{
	const xcb_screen_t *screen = xcb_setup_roots_iterator(xcb_get_setup(x->conn)).data;
	/* In the order of their bits. */
	const uint32_t values[] = { 1, XCB_EVENT_MASK_PROPERTY_CHANGE };

	x->window = xcb_generate_id(x->conn);
	xcb_create_window(x->conn, XCB_COPY_FROM_PARENT, x->window, screen->root, -1, -1, 1, 1, 0,
			  XCB_WINDOW_CLASS_INPUT_ONLY, XCB_COPY_FROM_PARENT,
			  XCB_CW_OVERRIDE_REDIRECT | XCB_CW_EVENT_MASK, values);
	xcb_xfixes_select_selection_input(
		x->conn, x->window, x->atoms[X11_CLIPBOARD],
		XCB_XFIXES_SELECTION_EVENT_MASK_SET_SELECTION_OWNER |
			XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_WINDOW_DESTROY |
			XCB_XFIXES_SELECTION_EVENT_MASK_SELECTION_CLIENT_CLOSE);
}

static void set_up_parts(struct x11 *x, unsigned stall_ms)
{
	size_t quarter = xcb_get_maximum_request_length(x->conn); /* in units of 4 bytes */

	x->reader = (struct x11_reader){ .conn = x->conn,
					 .window = x->window,
					 .atoms = x->atoms,
					 .stall_ms = stall_ms,
					 .done = read_done };
	x->offer = (struct x11_offer){ .conn = x->conn,
				       .window = x->window,
				       .atoms = x->atoms,
				       .stall_ms = stall_ms,
				       .chunk = quarter < X11_CHUNK_MAX ? quarter : X11_CHUNK_MAX,
				       .wanted = wanted };
}

static int connect_x11(struct x11 *x, unsigned stall_ms)
{
	if (xcb_connection_has_error(x->conn))
		return -ENOTCONN;
	if (!has_fixes(x))
		return xcb_connection_has_error(x->conn) ? -ENOTCONN : -ENOTSUP;
	if (!get_atoms(x))
		return -ENOTCONN;
	make_window(x);
	set_up_parts(x, stall_ms);
	return xcb_connection_has_error(x->conn) ? -ENOTCONN : 0;
}

static int start(struct x11 *x)
{
	struct loop *loop = x->desktop.loop;
	int rc = timer_init(&x->soon, loop, woken);

	if (rc == 0)
		rc = timer_init(&x->deadline, loop, stalled);
	if (rc == 0)
		rc = watch_start(&x->watch, loop, xcb_get_file_descriptor(x->conn), EPOLLIN,
				 readable);
	return rc;
}

struct desktop *x11_open(struct loop *loop, struct desktop_client *client, unsigned stall_ms,
			 int *error)
{
	struct x11 *x = calloc(1, sizeof(*x));
	int rc;

	if (!x) {
		*error = -ENOMEM;
		return NULL;
	}
	x->desktop = (struct desktop){ .way = &way, .loop = loop, .client = client };
	x->conn = xcb_connect(NULL, NULL); /* never NULL */
	rc = connect_x11(x, stall_ms);
	if (rc == 0)
		rc = start(x);
	if (rc < 0) {
		close_desktop(&x->desktop);
		*error = rc;
		return NULL;
	}
	/* XFixes tells only of owners that come. */
	x->asks = true;
	ask_time(x);
	wake(x);
	return &x->desktop;
}
