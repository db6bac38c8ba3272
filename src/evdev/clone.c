/* SPDX-License-Identifier: MIT */
/* Copies a source's description to a uinput device. */
#include "evdev/clone.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/closer.h"
#include "base/util.h"

static void set_bit(unsigned char *bits, unsigned i)
{
	bits[i / 8] = (unsigned char)(bits[i / 8] | 1U << (i % 8));
}

static void identify_codes(struct libevdev *source, struct clone_identity *identity)
{
	for (unsigned type = 0; type < EV_CNT; type++) {
		int max = libevdev_event_type_get_max(type);

		for (unsigned code = 0; max >= 0 && code <= (unsigned)max; code++)
			if (libevdev_has_event_code(source, type, code))
				set_bit(identity->codes[type], code);
	}
	for (unsigned code = 0; code < ABS_CNT; code++) {
		const struct input_absinfo *abs = libevdev_get_abs_info(source, code);

		if (!abs)
			continue;
		identity->abs[code] = *abs;
		identity->abs[code].value = 0;
	}
}

/*
 * The kernel checks this for uinput only, not for drivers. The axis's values are passed on
 * unchanged.
 */
static struct input_absinfo mended(unsigned code, struct input_absinfo abs)
{
	if (abs.maximum < abs.minimum) {
		int maximum = abs.minimum;

		abs.minimum = abs.maximum;
		abs.maximum = maximum;
	}
	if ((int64_t)abs.flat > (int64_t)abs.maximum - abs.minimum)
		abs.flat = 0;
	if (code == ABS_MT_SLOT) {
		abs.minimum = 0;
		abs.maximum = abs.maximum < 0 ? 0 : abs.maximum;
		abs.maximum = abs.maximum > UINPUT_SLOT_MAX ? UINPUT_SLOT_MAX : abs.maximum;
	}
	return abs;
}

static void mend(struct libevdev *source)
{
	libevdev_disable_event_type(source, EV_FF);
	if (!*libevdev_get_name(source))
		libevdev_set_name(source, "unnamed device");
	for (unsigned code = 0; code < ABS_CNT; code++) {
		const struct input_absinfo *abs = libevdev_get_abs_info(source, code);
		struct input_absinfo fit = abs ? mended(code, *abs) : (struct input_absinfo){ 0 };

		if (abs)
			libevdev_set_abs_info(source, code, &fit);
	}
}

static void identify(struct libevdev *source, struct clone_identity *identity)
{
	*identity = (struct clone_identity){
		.id = { libevdev_get_id_bustype(source), libevdev_get_id_vendor(source),
			libevdev_get_id_product(source), libevdev_get_id_version(source) }
	};
	snprintf(identity->name, sizeof(identity->name), "%s", libevdev_get_name(source));
	libevdev_get_repeat(source, &identity->repeat[0], &identity->repeat[1]);
	for (unsigned property = 0; property < INPUT_PROP_CNT; property++)
		if (libevdev_has_property(source, property))
			set_bit(identity->properties, property);
	identify_codes(source, identity);
}

/* A uinput device starts with the kernel's default delay and rate: set the source's. */
static void copy_repeat(struct clone *clone, const struct libevdev *source)
{
	const int *repeat = clone->identity.repeat;
	struct frame frame = { 0 };
	struct input_event now = { 0 };

	if (!libevdev_has_event_type(source, EV_REP))
		return;
	frame_put(&frame, &now, EV_REP, REP_DELAY, repeat[0]);
	frame_put(&frame, &now, EV_REP, REP_PERIOD, repeat[1]);
	if (uinput_send(clone->uinput.fd, &frame) < 0)
		log_warn("%s: cannot set the repeat rate: %s", clone->uinput.devnode,
			 strerror(errno));
}

static void leds_changed(struct uinput_leds *leds, uint16_t changed)
{
	struct clone *clone = container_of(leds, struct clone, leds);

	clone->leds_changed(clone, changed);
}

int clone_open(struct clone *clone, struct loop *loop, struct libevdev *source, const char *phys,
	       uint16_t leds, clone_leds_fn changed)
{
	int rc;

	*clone = (struct clone){ .uinput.fd = -1, .leds_changed = changed };
	mend(source);
	identify(source, &clone->identity);
	rc = uinput_open(&clone->uinput, source, phys);
	if (rc < 0)
		return rc;
	copy_repeat(clone, source);
	rc = uinput_watch_leds(&clone->leds, loop, clone->uinput.fd, leds, leds_changed);
	if (rc < 0)
		clone_close(clone);
	return rc;
}

bool clone_fits(const struct clone *clone, struct libevdev *source)
{
	struct clone_identity now;

	mend(source);
	identify(source, &now);
	return memcmp(&now, &clone->identity, sizeof(now)) == 0;
}

int clone_replace(struct clone *clone, struct clone *heir)
{
	struct loop *loop = heir->leds.loop;
	uint16_t leds = heir->leds.mask;

	clone_close_later(clone);
	uinput_unwatch_leds(&heir->leds);
	*clone = *heir;
	*heir = (struct clone)CLONE_INIT;
	return uinput_watch_leds(&clone->leds, loop, clone->uinput.fd, leds, leds_changed);
}

int clone_send(struct clone *clone, const struct frame *frame)
{
	return uinput_send(clone->uinput.fd, frame);
}

void clone_close_later(struct clone *clone)
{
	uinput_unwatch_leds(&clone->leds);
	close_later(steal_fd(&clone->uinput.fd));
}

void clone_close(struct clone *clone)
{
	uinput_unwatch_leds(&clone->leds);
	uinput_close(&clone->uinput);
}
