/* SPDX-License-Identifier: MIT */
/* Chooses the way to the desktop, and passes calls on to it. */
#include "clipboard/desktop.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "clipboard/desktop-ops.h"
#include "clipboard/wayland.h"
#include "clipboard/x11.h"

/* The value of a variable that names a desktop, or NULL. */
static const char *named(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0] ? value : NULL;
}

/* 'rc' is of wayland_open. */
static const char *why_not_wayland(int rc)
{
	switch (rc) {
	case -ENOENT:
		return "wl-paste is not installed (package wl-clipboard)";
	case -ENOTSUP:
		return "the Wayland compositor has no data control, or cannot be reached";
	default:
		return strerrordesc_np(-rc);
	}
}

/* 'rc' is of x11_open. */
static const char *why_not_x11(int rc)
{
	switch (rc) {
	case -ENOTCONN:
		return "the X server cannot be reached";
	case -ENOTSUP:
		return "the X server has no XFixes";
	default:
		return strerrordesc_np(-rc);
	}
}

static struct desktop *open_wayland(struct loop *loop, struct desktop_client *client, int *error)
{
	struct desktop *desktop = wayland_open(loop, client, CLIP_STALL_MS, error);

	if (desktop)
		log_info("clipboard: by Wayland's data control, at WAYLAND_DISPLAY=%s",
			 log_str(named("WAYLAND_DISPLAY")).text);
	return desktop;
}

/* 'wayland': why not by Wayland, 0 if there is none. */
static struct desktop *open_x11(struct loop *loop, struct desktop_client *client, int wayland,
				int *error)
{
	struct log_str display = log_str(named("DISPLAY"));
	struct desktop *desktop = x11_open(loop, client, CLIP_STALL_MS, error);

	if (desktop && wayland)
		log_info("clipboard: by X11, at DISPLAY=%s, because %s", display.text,
			 why_not_wayland(wayland));
	else if (desktop)
		log_info("clipboard: by X11, at DISPLAY=%s", display.text);
	else
		log_error("clipboard: not by X11, at DISPLAY=%s: %s", display.text,
			  why_not_x11(*error));
	return desktop;
}

/* There is no other way left. */
static void log_wayland(int rc)
{
	log_error("clipboard: not by Wayland: %s", why_not_wayland(rc));
	if (rc == -ENOENT)
		log_error("clipboard: install the package wl-clipboard, and start again");
	else if (rc == -ENOTSUP)
		log_error("clipboard: use a compositor with data control (sway, Hyprland, KDE), or "
			  "one that runs Xwayland, and set DISPLAY");
}

struct desktop *desktop_open(struct loop *loop, struct desktop_client *client, int *error)
{
	struct desktop *desktop = NULL;
	int wayland = 0;

	*error = -ENOTCONN;
	if (named("WAYLAND_DISPLAY")) {
		desktop = open_wayland(loop, client, &wayland);
		*error = -ENOTSUP;
	}
	if (!desktop && named("DISPLAY"))
		desktop = open_x11(loop, client, wayland, error);
	if (desktop)
		return desktop;
	if (wayland)
		log_wayland(wayland);
	else if (!named("DISPLAY"))
		log_error("clipboard: there is no desktop: neither WAYLAND_DISPLAY nor DISPLAY is "
			  "set");
	if (wayland && *error == -ENOTCONN)
		*error = -ENOTSUP;
	return NULL;
}

const char *desktop_kind(const struct desktop *desktop)
{
	return desktop ? desktop->way->kind : "none";
}

void desktop_close(struct desktop *desktop)
{
	if (desktop)
		desktop->way->close(desktop);
}

int desktop_fetch(struct desktop *desktop, enum clip_type type)
{
	return desktop->way->fetch(desktop, type);
}

int desktop_offer(struct desktop *desktop, unsigned types)
{
	return desktop->way->offer(desktop, types);
}

void desktop_give(struct desktop *desktop, enum clip_type type, const void *data, size_t size)
{
	desktop->way->give(desktop, type, data, size);
}
