/* SPDX-License-Identifier: MIT */
/*
 * The router's owner in tests of the core: takes each step where it is wanted, by a callback. Header-only,
 * so that the core is linked alone.
 */
#pragma once

#include "core/router.h"

struct pump {
	void (*send)(struct router *router, unsigned target, unsigned device,
		     const struct frame *frame);
	int (*enter)(struct router *router, unsigned target); /* 0, or why not */
	void (*focused)(struct router *router, unsigned from, unsigned to);
	void (*panicked)(struct router *router, bool again);
	/* NULL where no switch moves a part. */
	void (*moved)(struct router *router, unsigned part, unsigned to);
	void (*left)(struct router *router, unsigned target); /* may be NULL */
};

/* All that follows from a first step. Returns the outcome. */
static inline int pump_steps(const struct pump *pump, struct router *router, enum router_step step,
			     struct route *route)
{
	for (;; step = router_next(router, route)) {
		if (route->host)
			pump->send(router, ROUTER_HOST, route->device, route->host);
		if (route->guest)
			pump->send(router, route->target, route->device, route->guest);
		if (step == ROUTER_ENTER)
			router_entered(router, pump->enter(router, route->target));
		else if (step == ROUTER_FOCUSED)
			pump->focused(router, route->from, route->target);
		else if (step == ROUTER_MOVED)
			pump->moved(router, route->part, route->target);
		else if (step == ROUTER_LEFT && pump->left)
			pump->left(router, route->target);
		else if (step == ROUTER_PANICKED)
			pump->panicked(router, route->again);
		else if (step == ROUTER_DONE)
			return route->rc;
	}
}

static inline void pump_frame(const struct pump *pump, struct router *router, unsigned device,
			      const struct frame *frame)
{
	struct route route;

	pump_steps(pump, router, router_frame(router, device, frame, &route), &route);
}

static inline int pump_switch(const struct pump *pump, struct router *router, unsigned target)
{
	struct route route;

	return pump_steps(pump, router, router_switch(router, target, &route), &route);
}

static inline int pump_switch_part(const struct pump *pump, struct router *router, unsigned part,
				   unsigned target)
{
	struct route route;

	return pump_steps(pump, router, router_switch_part(router, part, target, &route), &route);
}

static inline void pump_remove(const struct pump *pump, struct router *router, unsigned device)
{
	struct route route;

	pump_steps(pump, router, router_remove_device(router, device, &route), &route);
}

static inline void pump_leave(const struct pump *pump, struct router *router)
{
	struct route route;

	pump_steps(pump, router, router_leave(router, &route), &route);
}

static inline void pump_down(const struct pump *pump, struct router *router, unsigned target,
			     int64_t now_us)
{
	if (router_target_down(router, target, now_us))
		pump->focused(router, target, ROUTER_HOST);
	pump_leave(pump, router);
}
