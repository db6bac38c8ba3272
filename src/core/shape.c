/* SPDX-License-Identifier: MIT */
/* Which code belongs to which node; modifier pairs that must not meet; motion in steps. */
#include "core/shape.h"

#include "base/hot.h"
#include "base/util.h"

const char *shape_node_name(enum shape_node node)
{
	static const char *const names[SHAPE_NODES] = { "keyboard", "media", "pointer" };

	return names[node];
}

static const uint16_t pairs[SHAPE_PAIRS][2] = {
	{ KEY_LEFTCTRL, KEY_RIGHTCTRL },
	{ KEY_LEFTSHIFT, KEY_RIGHTSHIFT },
	{ KEY_LEFTALT, KEY_RIGHTALT },
	{ KEY_LEFTMETA, KEY_RIGHTMETA },
};

/* Keys of the HID consumer page, sorted to end the search early: most codes are below the first. */
static const uint16_t media_keys[] = {
	KEY_MUTE,         KEY_VOLUMEDOWN,   KEY_VOLUMEUP,  KEY_STOP,         KEY_CALC,
	KEY_FILE,         KEY_WWW,          KEY_MAIL,      KEY_BOOKMARKS,    KEY_COMPUTER,
	KEY_BACK,         KEY_FORWARD,      KEY_EJECTCD,   KEY_EJECTCLOSECD, KEY_NEXTSONG,
	KEY_PLAYPAUSE,    KEY_PREVIOUSSONG, KEY_STOPCD,    KEY_RECORD,       KEY_REWIND,
	KEY_CONFIG,       KEY_HOMEPAGE,     KEY_REFRESH,   KEY_PLAYCD,       KEY_PAUSECD,
	KEY_PLAY,         KEY_FASTFORWARD,  KEY_BASSBOOST, KEY_SEARCH,       KEY_BRIGHTNESSDOWN,
	KEY_BRIGHTNESSUP, KEY_MEDIA,
};

static bool is_media_key(unsigned code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(media_keys) && media_keys[i] <= code; i++)
		if (media_keys[i] == code)
			return true;
	return false;
}

/*
 * The keys above the button range that keyboards have. Linux before 6.10 never announces a device
 * whose uevent exceeds 2,048 bytes, and each key from KEY_MUTE on takes 3 or 4 bytes of it. So the
 * keys of remote controls, telephones and cameras are left out, and so are Fn chords of laptops,
 * which firmware generates.
 */
static const struct {
	uint16_t first, last;
} keyboard_keys[] = {
	{ KEY_OK, KEY_CLEAR },
	{ KEY_OPTION, KEY_INFO },
	{ KEY_FAVORITES, KEY_FAVORITES },
	{ KEY_ZOOM, KEY_SCREEN },
	{ KEY_ZOOMIN, KEY_EURO },
	{ KEY_CONTEXT_MENU, KEY_CONTEXT_MENU },
	{ KEY_IMAGES, KEY_IMAGES },
	{ KEY_NOTIFICATION_CENTER, KEY_LINK_PHONE },
	{ KEY_FN, KEY_FN_ESC },
	{ KEY_BRL_DOT1, KEY_BRL_DOT10 },
	{ KEY_TOUCHPAD_TOGGLE, KEY_TOUCHPAD_OFF },
	{ KEY_ALS_TOGGLE, KEY_REFRESH_RATE_TOGGLE },
	{ KEY_BUTTONCONFIG, KEY_BRIGHTNESS_MAX },
	{ KEY_KBDINPUTASSIST_PREV, KEY_KBDINPUTASSIST_CANCEL },
	{ KEY_MACRO1, KEY_KBD_LCD_MENU5 },
};

static bool is_keyboard_key(unsigned code)
{
	if (code <= KEY_MICMUTE)
		return code != KEY_RESERVED;
	for (unsigned i = 0; i < ARRAY_SIZE(keyboard_keys); i++)
		if (code >= keyboard_keys[i].first && code <= keyboard_keys[i].last)
			return true;
	return false;
}

/*
 * The node of an EV_KEY code, or SHAPE_NODES for none. Buttons of game pads and tablets have none:
 * with them, a guest would classify the whole node as a joystick, which its desktop ignores.
 */
static enum shape_node key_node(unsigned code)
{
	if (code >= BTN_MISC && code < BTN_JOYSTICK)
		return SHAPE_POINTER;
	if (!is_keyboard_key(code))
		return SHAPE_NODES;
	return is_media_key(code) ? SHAPE_MEDIA : SHAPE_KEYBOARD;
}

static bool is_hires_wheel(unsigned code)
{
	return code == REL_WHEEL_HI_RES || code == REL_HWHEEL_HI_RES;
}

/*
 * With nine axes, evdev gives each client of the node a buffer of 256 events instead of 128. That
 * is why input-linux gets the axes of 6DoF controllers, too. In a guest that sees the node's own
 * axes, udev would classify it by them, so they are left out.
 */
static bool rel_carried(const struct shape_rules *rules, unsigned code)
{
	if (code > REL_HWHEEL_HI_RES || code == REL_RESERVED)
		return false;
	if (is_hires_wheel(code))
		return !rules->no_hires_wheel;
	return rules->wheel_clicks || code < REL_Z || code >= REL_HWHEEL;
}

/* True if the node of an EV_KEY code declares it under these rules. */
static bool key_carried(const struct shape_rules *rules, unsigned code)
{
	return code != KEY_SCROLLLOCK || !rules->one_of_pair;
}

bool shape_carries(const struct shape_rules *rules, enum shape_node node, unsigned type,
		   unsigned code)
{
	if (type == EV_REL)
		return node == SHAPE_POINTER && rel_carried(rules, code);
	return type == EV_KEY && key_carried(rules, code) && key_node(code) == node;
}

void shape_init(struct shape *shape, const struct shape_rules *rules)
{
	*shape = (struct shape){ .rules = *rules };
	for (unsigned code = 0; code < KEY_CNT; code++)
		shape->key_node[code] =
			(uint8_t)(key_carried(rules, code) ? key_node(code) : SHAPE_NODES);
	for (unsigned code = 0; code < REL_CNT; code++)
		shape->rel_carried |= (uint16_t)(rel_carried(rules, code) << code);
	if (rules->wheel_clicks)
		shape->rel_in_steps |= 1U << REL_WHEEL;
	if (rules->step_max)
		shape->rel_in_steps |= 1U << REL_X | 1U << REL_Y;
}

void shape_reset(struct shape *shape)
{
	for (unsigned i = 0; i < SHAPE_PAIRS; i++)
		shape->pair[i] = (struct shape_pair){ 0 };
}

static struct shape_pair *find_pair(struct shape *shape, unsigned code)
{
	for (unsigned i = 0; shape->rules.one_of_pair && i < SHAPE_PAIRS; i++)
		if (pairs[i][0] == code || pairs[i][1] == code)
			return &shape->pair[i];
	return NULL;
}

static void pair_release(struct shape_pair *pair, struct frame *out, const struct input_event *ev)
{
	if (ev->code == pair->waiting)
		pair->waiting = 0;
	if (ev->code != pair->down) /* was held back, or was down before a reset */
		return;
	frame_add(out, ev);
	pair->down = pair->waiting;
	pair->waiting = 0;
	if (pair->down)
		frame_put(out, ev, EV_KEY, pair->down, 1);
}

static void put_pair(struct shape_pair *pair, struct frame *out, const struct input_event *ev)
{
	if (ev->value == 0) {
		pair_release(pair, out, ev);
	} else if (pair->down && pair->down != ev->code) {
		pair->waiting = ev->code;
	} else {
		pair->down = ev->code;
		frame_add(out, ev);
	}
}

/* Sums the motion that has to be sent in steps. */
static void put_aside(struct shape *shape, const struct input_event *ev)
{
	int *sum = ev->code == REL_X ? &shape->dx : ev->code == REL_Y ? &shape->dy : &shape->clicks;

	if (__builtin_add_overflow(*sum, ev->value, sum))
		*sum = ev->value;
}

/* Takes the next step, at most 'max' in either direction (0: any), from *sum. */
static int take_step(int *sum, int max)
{
	int step = *sum;

	if (max && step > max)
		step = max;
	if (max && step < -max)
		step = -max;
	*sum -= step;
	return step;
}

static void put_step(struct shape *shape, struct frame *out, const struct input_event *at)
{
	int dx = take_step(&shape->dx, shape->rules.step_max);
	int dy = take_step(&shape->dy, shape->rules.step_max);
	int click = take_step(&shape->clicks, 1);

	if (dx)
		frame_put(out, at, EV_REL, REL_X, dx);
	if (dy)
		frame_put(out, at, EV_REL, REL_Y, dy);
	if (click)
		frame_put(out, at, EV_REL, REL_WHEEL, click);
}

static bool fits_one_step(const struct shape *shape)
{
	int max = shape->rules.step_max;

	return shape->clicks >= -1 && shape->clicks <= 1 &&
	       (!max ||
		(shape->dx >= -max && shape->dx <= max && shape->dy >= -max && shape->dy <= max));
}

/* For two events of one (a pair's release), three of the last step, and the SYN_REPORT. */
#define ROOM 6

static void put_key(struct shape *shape, struct frame *out, const struct input_event *ev)
{
	struct shape_pair *pair = find_pair(shape, ev->code);

	if (pair)
		put_pair(pair, out, ev);
	else
		frame_add(out, ev);
}

static void put_motion(struct shape *shape, struct frame *out, const struct input_event *ev)
{
	if (shape->rel_in_steps >> ev->code & 1)
		put_aside(shape, ev);
	else
		frame_add(out, ev);
}

/* The node for the event, or SHAPE_NODES if none carries it. */
static enum shape_node node_of(const struct shape *shape, const struct input_event *ev)
{
	if (ev->type == EV_KEY && ev->code < KEY_CNT)
		return shape->key_node[ev->code];
	if (ev->type == EV_REL && ev->code < REL_CNT && shape->rel_carried >> ev->code & 1)
		return SHAPE_POINTER;
	return SHAPE_NODES;
}

/* Returns SHAPE_NODES, or the node whose frame is full and must be sent before the next event. */
static enum shape_node put_events(struct shape *shape, const struct input_event *last)
{
	for (; shape->ev < last; shape->ev++) {
		const struct input_event *ev = shape->ev;
		enum shape_node node = node_of(shape, ev);
		struct frame *out = &shape->out[node];

		if (node == SHAPE_NODES)
			continue;
		if (out->n > FRAME_MAX - ROOM)
			return node;
		if (ev->type == EV_KEY)
			put_key(shape, out, ev);
		else
			put_motion(shape, out, ev);
	}
	return SHAPE_NODES;
}

/* Each step but the last is a frame of its own; the last joins the other events' frame. */
static bool put_own_step(struct shape *shape, const struct input_event *at)
{
	if (!fits_one_step(shape) && ++shape->steps < SHAPE_STEPS_MAX) {
		put_step(shape, &shape->step, at);
		return true;
	}
	put_step(shape, &shape->out[SHAPE_POINTER], at);
	shape->dx = shape->dy = shape->clicks = 0;
	return false;
}

static unsigned hand_out(struct shape *shape, enum shape_node node, const struct input_event *at)
{
	frame_close(&shape->out[node], at);
	shape->ready[node] = &shape->out[node];
	shape->handed |= 1U << node;
	return 1U << node;
}

static unsigned hand_out_step(struct shape *shape, const struct input_event *at)
{
	frame_close(&shape->step, at);
	shape->ready[SHAPE_POINTER] = &shape->step;
	return 1U << SHAPE_POINTER;
}

OFF_PATH unsigned shape_more(struct shape *shape)
{
	const struct input_event *last = &shape->in->ev[shape->in->n - 1];
	enum shape_node full;
	unsigned ready = 0;

	for (unsigned node = 0; node < SHAPE_NODES; node++)
		if (shape->handed >> node & 1)
			shape->out[node].n = 0;
	shape->handed = shape->step.n = 0;
	full = put_events(shape, last);
	if (full != SHAPE_NODES)
		return hand_out(shape, full, shape->ev) | SHAPE_MORE;
	if ((shape->dx || shape->dy || shape->clicks) && put_own_step(shape, last))
		return hand_out_step(shape, last) | SHAPE_MORE;
	for (enum shape_node node = 0; node < SHAPE_NODES; node++)
		if (shape->out[node].n > 0)
			ready |= hand_out(shape, node, last);
	return ready;
}

static bool is_changed(const struct shape *shape, const struct input_event *ev)
{
	return ev->type == EV_REL ? shape->rel_in_steps >> ev->code & 1 : shape->rules.one_of_pair;
}

/* Nearly every frame is for one node and needs no change: returns that node, or SHAPE_NODES. */
static enum shape_node passes_to(const struct shape *shape, const struct frame *in)
{
	enum shape_node node = SHAPE_NODES;

	for (unsigned i = 0; i < in->n - 1; i++) {
		enum shape_node its = node_of(shape, &in->ev[i]);

		if (its == SHAPE_NODES || (i > 0 && its != node) || is_changed(shape, &in->ev[i]))
			return SHAPE_NODES;
		node = its;
	}
	return node;
}

unsigned shape_frame(struct shape *shape, const struct frame *in)
{
	enum shape_node node = passes_to(shape, in);

	if (node != SHAPE_NODES) {
		shape->ready[node] = in;
		return 1U << node;
	}
	shape->in = in;
	shape->ev = in->ev;
	shape->steps = 0;
	return shape_more(shape);
}
