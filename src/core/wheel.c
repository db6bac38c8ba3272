/* SPDX-License-Identifier: MIT */
/* Conversion between wheel clicks and 120ths of a click. */
#include "core/wheel.h"

static uint16_t missing(uint16_t declared, unsigned clicks, unsigned hires)
{
	bool has_clicks = declared >> clicks & 1, has_hires = declared >> hires & 1;

	if (has_clicks == has_hires)
		return 0;
	return (uint16_t)(has_clicks ? hires : clicks);
}

void wheel_init(struct wheel *wheel, uint16_t declared)
{
	uint16_t vertical = missing(declared, REL_WHEEL, REL_WHEEL_HI_RES);
	uint16_t horizontal = missing(declared, REL_HWHEEL, REL_HWHEEL_HI_RES);

	*wheel = (struct wheel){ .vertical.made = vertical, .horizontal.made = horizontal };
	if (vertical)
		wheel->made |= (uint16_t)(1U << vertical);
	if (horizontal)
		wheel->made |= (uint16_t)(1U << horizontal);
}

static int make_clicks(struct wheel_axis *axis, int units)
{
	int64_t sum = units;

	if ((int64_t)axis->rest * units >= 0)
		sum += axis->rest;
	axis->rest = (int)(sum % WHEEL_CLICK);
	return (int)(sum / WHEEL_CLICK);
}

static int make_units(int clicks)
{
	int64_t units = (int64_t)clicks * WHEEL_CLICK;

	if (units > INT32_MAX)
		return INT32_MAX;
	return units < INT32_MIN ? INT32_MIN : (int)units;
}

bool wheel_make(struct wheel *wheel, const struct input_event *ev, struct input_event *made)
{
	bool is_hires = ev->code == REL_WHEEL_HI_RES || ev->code == REL_HWHEEL_HI_RES;
	bool is_vertical = ev->code == REL_WHEEL || ev->code == REL_WHEEL_HI_RES;
	struct wheel_axis *axis = is_vertical ? &wheel->vertical : &wheel->horizontal;

	if (!axis->made || (!is_hires && !is_vertical && ev->code != REL_HWHEEL))
		return false;
	*made = *ev;
	made->code = axis->made;
	made->value = is_hires ? make_clicks(axis, ev->value) : make_units(ev->value);
	return made->value != 0;
}
