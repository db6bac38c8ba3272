/* SPDX-License-Identifier: MIT */
/* The life of a configured device: plugged in, settled, grabbed, unplugged. */
#include "evdev/source.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/router.h"
#include "base/util.h"

void source_init(struct source *source, const struct conf_device *conf, unsigned nth,
		 const struct source_wakes *wakes)
{
	*source = (struct source){
		.wakes = wakes,
		.conf = conf,
		.nth = nth,
		.device.fd = -1,
		.clone = CLONE_INIT,
		.heir = CLONE_INIT,
	};
}

const char *source_why_waiting(const struct source *source)
{
	if (source->suspended)
		return source->suspended;
	if (source->settle.watch.loop)
		return "udev has not announced its clone yet (is udev running? systemctl status "
		       "systemd-udevd)";
	if (source->device.busy_told)
		return "another program has grabbed it (run evswitch --check to see which)";
	if (!source->device.watch.loop)
		return "it cannot be opened a second time: the journal says why";
	return "some of its keys are down: it is grabbed once all are up";
}

unsigned source_likeness(const struct source *source, const struct node_info *node)
{
	struct match_traits traits = match_traits(node);

	return clone_is_open(&source->clone) ? match_likeness(&source->traits, &traits) : 0;
}

void source_unplug(struct source *source)
{
	source->ready = false;
	timer_fini(&source->settle);
	device_close(&source->device);
}

/* Keeps the source's own state in step with the device's. */
static enum device_news note(struct source *source, enum device_news news)
{
	if (news == DEVICE_GRABBED) {
		log_info("device %s: %s (%s) is grabbed", source->conf->name,
			 source->device.devnode, log_str(source->clone.identity.name).text);
		source->ready = true;
	}
	if (news == DEVICE_GONE) {
		log_info("device %s: %s is gone; waiting for it to come back", source->conf->name,
			 source->device.devnode);
		source_unplug(source);
	}
	return news;
}

enum device_news source_read(struct source *source)
{
	enum device_news news = device_read(&source->device);

	return news == DEVICE_NOTHING ? news : note(source, news);
}

enum device_news source_due(struct source *source)
{
	return note(source, device_due(&source->device));
}

enum device_news source_check(struct source *source)
{
	bool lost = source_is_plugged(source) && !device_is_alive(&source->device);

	return note(source, lost ? DEVICE_GONE : DEVICE_NOTHING);
}

static enum device_news grab(struct source *source)
{
	enum device_news news;
	int rc;

	timer_fini(&source->settle);
	if (source->suspended)
		return DEVICE_NOTHING;
	rc = device_grab(&source->device, &news);
	if (rc < 0)
		log_error("device %s: cannot watch %s: %s: trying again every %d s",
			  source->conf->name, source->device.devnode, strerror(-rc),
			  DEVICE_BUSY_MS / 1000);
	return note(source, news);
}

enum device_news source_unsettled(struct source *source)
{
	if (source_check(source) == DEVICE_GONE)
		return DEVICE_GONE;
	if (!source->settle_told)
		log_warn("device %s: not grabbed yet: udev has not announced its clone %s, so the "
			 "desktop cannot hear it; waiting (is udev running? systemctl status "
			 "systemd-udevd)",
			 source->conf->name, source->clone.uinput.devnode);
	source->settle_told = true;
	return DEVICE_NOTHING;
}

static int open_clone(struct source *source, struct clone *clone, const struct conf_device *section,
		      uint16_t leds)
{
	char phys[80], nth[16] = "";
	struct device *device = &source->device;

	if (source->nth > 1)
		snprintf(nth, sizeof(nth), ".%u", source->nth);
	snprintf(phys, sizeof(phys), MATCH_OWN_HOST_PHYS "%s%s", section->name, nth);
	return clone_open(clone, device->loop, device->evdev, phys, leds, source->wakes->leds);
}

static int make_clone(struct source *source)
{
	clone_close(&source->clone);
	source->settled = source->settle_told = false;
	source->made_us = now_us();
	return open_clone(source, &source->clone, source->conf, device_leds(&source->device));
}

/* Input would be lost if the device were grabbed before the desktop can open the clone. */
static int wait_for_udev(struct source *source)
{
	int rc = timer_init(&source->settle, source->device.loop, source->wakes->unsettled);

	if (rc == 0)
		timer_arm(&source->settle, SOURCE_SETTLE_MS, SOURCE_SETTLE_MS);
	return rc;
}

/* The clone must declare all codes that remap, router (the tap of Ctrl) and wheel can generate. */
static void declare_more(struct source *source, const struct remap *remap)
{
	struct libevdev *evdev = source->device.evdev;

	for (unsigned i = 0; i < remap->n; i++)
		if (libevdev_has_event_code(evdev, EV_KEY, remap->entry[i].from))
			libevdev_enable_event_code(evdev, EV_KEY, remap->entry[i].to, NULL);
	for (unsigned code = 0; code < REL_CNT; code++)
		if (source->device.wheel.made >> code & 1)
			libevdev_enable_event_code(evdev, EV_REL, code, NULL);
	for (unsigned i = 0; i < ROUTER_MENU_KEYS; i++)
		if (libevdev_has_event_code(evdev, EV_KEY, router_menu_keys[i]))
			libevdev_enable_event_code(evdev, EV_KEY, KEY_LEFTCTRL, NULL);
}

int source_plug(struct source *source, struct loop *loop, const struct node_info *node,
		enum device_news *news)
{
	int rc = device_open(&source->device, loop, node->devnode, source->wakes->readable,
			     source->wakes->due);

	if (rc < 0)
		return rc;
	*news = DEVICE_NOTHING;
	source->traits = match_traits(node);
	declare_more(source, &source->conf->remap);
	if (!clone_is_open(&source->clone) || !clone_fits(&source->clone, source->device.evdev))
		rc = make_clone(source);
	if (rc == 0 && source->settled) {
		*news = grab(source);
		return 0;
	}
	if (rc == 0)
		rc = wait_for_udev(source);
	if (rc < 0)
		device_close(&source->device);
	return rc;
}

enum device_news source_settled(struct source *source, const char *devnode, uint64_t done_us)
{
	if (clone_is_open(&source->heir) && !source->heir_settled_us &&
	    done_us >= source->heir_us && strcmp(source->heir.uinput.devnode, devnode) == 0)
		source->heir_settled_us = now_us();
	if (!clone_is_open(&source->clone) || done_us < source->made_us ||
	    strcmp(source->clone.uinput.devnode, devnode) != 0)
		return DEVICE_NOTHING;
	source->settled = true;
	return source->settle.watch.loop ? grab(source) : DEVICE_NOTHING;
}

enum device_news source_hurry(struct source *source)
{
	enum device_news news = DEVICE_NOTHING;

	if (source->suspended)
		return news;
	if (source->settle.watch.loop)
		news = grab(source);
	if (news == DEVICE_NOTHING && source_is_plugged(source))
		news = note(source, device_hurry(&source->device));
	return news;
}

int source_suspend(struct source *source, const char *why)
{
	bool was_ready = source->ready;
	int fd = source_is_plugged(source) ? device_suspend(&source->device) : -1;

	source->suspended = why;
	source->ready = false;
	return was_ready ? fd : -1;
}

enum device_news source_resume(struct source *source)
{
	source->suspended = NULL;
	/* If udev has not announced the clone, that is still to be awaited. */
	if (!source_is_plugged(source) || source->settle.watch.loop)
		return DEVICE_NOTHING;
	return grab(source);
}

int source_prepare(struct source *source, const struct conf_device *section)
{
	source_give_up(source);
	declare_more(source, &section->remap);
	if (strcmp(section->name, source->conf->name) == 0 &&
	    clone_fits(&source->clone, source->device.evdev))
		return 0;
	source->heir_settled_us = 0;
	source->heir_us = now_us();
	return open_clone(source, &source->heir, section, source->clone.leds.mask);
}

bool source_is_prepared(const struct source *source)
{
	return !clone_is_open(&source->heir) ||
	       (source->heir_settled_us &&
		now_us() - source->heir_settled_us >= SOURCE_OPEN_MS * 1000);
}

enum device_news source_adopt(struct source *source, const struct conf_device *section)
{
	int rc = 0;

	source->conf = section;
	if (!clone_is_open(&source->heir))
		return DEVICE_NOTHING;
	rc = clone_replace(&source->clone, &source->heir);
	if (rc < 0)
		log_warn("device %s: cannot watch the LEDs of its clone: %s", section->name,
			 strerror(-rc));
	source->made_us = source->heir_us;
	source->settled = source->heir_settled_us != 0;
	return source->settled && source->settle.watch.loop ? grab(source) : DEVICE_NOTHING;
}

void source_give_up(struct source *source)
{
	clone_close_later(&source->heir);
}

void source_retire(struct source *source)
{
	source_unplug(source);
	source_give_up(source);
	clone_close_later(&source->clone);
	source->conf = NULL;
}

int source_let_go(struct source *source)
{
	timer_fini(&source->settle);
	return device_is_open(&source->device) ? device_close_keep_fd(&source->device) : -1;
}

void source_close(struct source *source)
{
	source_give_up(source);
	clone_close(&source->clone);
}
