/* Plugging, settling, grabbing and unplugging of one configured device. */
#include "evdev/source.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "core/router.h"
#include "base/util.h"

static struct source *of_device(struct device *device)
{
	return container_of(device, struct source, device);
}

void source_init(struct source *source, const struct conf_device *conf, unsigned nth,
		 const struct source_ops *ops)
{
	*source = (struct source){
		.ops = ops, .conf = conf, .nth = nth, .device.fd = -1, .clone = CLONE_INIT
	};
}

unsigned source_likeness(const struct source *source, const struct node_info *node)
{
	struct match_traits traits = match_traits(node);

	return clone_is_open(&source->clone) ? match_likeness(&source->traits, &traits) : 0;
}

static void device_frame(struct device *device, const struct frame *frame)
{
	struct source *source = of_device(device);

	source->ops->frame(source, frame);
}

static void device_grabbed(struct device *device)
{
	struct source *source = of_device(device);

	log_info("device %s: %s (%s) is grabbed", source->conf->name, device->devnode,
		 log_str(source->clone.identity.name).text);
	source->ready = true;
	source->ops->ready(source);
}

void source_unplug(struct source *source)
{
	bool was_ready = source->ready;

	source->ready = false;
	timer_fini(&source->settle);
	device_close(&source->device);
	if (was_ready)
		source->ops->gone(source);
}

static void device_gone(struct device *device)
{
	struct source *source = of_device(device);

	log_info("device %s: %s is gone; waiting for it to come back", source->conf->name,
		 device->devnode);
	source_unplug(source);
}

static const struct device_ops device_ops = { .frame = device_frame,
					      .grabbed = device_grabbed,
					      .gone = device_gone };

static void clone_leds(struct clone *clone, uint16_t changed)
{
	struct source *source = container_of(clone, struct source, clone);

	source->ops->leds(source, changed);
}

static void grab(struct source *source)
{
	int rc;

	timer_fini(&source->settle);
	rc = device_grab(&source->device);
	if (rc < 0)
		log_error("device %s: cannot watch it: %s", source->conf->name, strerror(-rc));
}

static void settle_expired(struct timer *timer)
{
	struct source *source = container_of(timer, struct source, settle);

	if (!device_is_alive(&source->device))
		return;
	if (!source->settle_told)
		log_warn("device %s: not grabbed yet: udev has not announced its clone %s, so the "
			 "desktop cannot hear it; waiting (is udev running? systemctl status "
			 "systemd-udevd)",
			 source->conf->name, source->clone.uinput.devnode);
	source->settle_told = true;
	source->ops->unsettled(source);
}

static int make_clone(struct source *source)
{
	char phys[80], nth[16] = "";
	struct device *device = &source->device;

	if (source->nth > 1)
		snprintf(nth, sizeof(nth), ".%u", source->nth);
	snprintf(phys, sizeof(phys), MATCH_OWN_HOST_PHYS "%s%s", source->conf->name, nth);
	clone_close(&source->clone);
	source->settled = source->settle_told = false;
	source->made_us = now_us();
	return clone_open(&source->clone, device->loop, device->evdev, phys, device_leds(device),
			  clone_leds);
}

/* Grabbing before the desktop has opened the clone would lose what is typed meanwhile. */
static int wait_for_udev(struct source *source)
{
	int rc = timer_init(&source->settle, source->device.loop, settle_expired);

	if (rc == 0)
		timer_arm(&source->settle, SOURCE_SETTLE_MS, SOURCE_SETTLE_MS);
	return rc;
}

/*
 * What a remap makes of the device's keys, and what the router puts beside them, its clone can press;
 * and it can turn its wheels as the device does now.
 */
static void declare_more(struct source *source)
{
	const struct remap *remap = &source->conf->remap;
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

int source_plug(struct source *source, struct loop *loop, const struct node_info *node)
{
	int rc = device_open(&source->device, loop, node->devnode, &device_ops);

	if (rc < 0)
		return rc;
	source->traits = match_traits(node);
	declare_more(source);
	if (!clone_is_open(&source->clone) || !clone_fits(&source->clone, source->device.evdev))
		rc = make_clone(source);
	if (rc == 0 && source->settled) {
		grab(source);
		return 0;
	}
	if (rc == 0)
		rc = wait_for_udev(source);
	if (rc < 0)
		device_close(&source->device);
	return rc;
}

void source_settled(struct source *source, const char *devnode, uint64_t done_us)
{
	if (!clone_is_open(&source->clone) || done_us < source->made_us ||
	    strcmp(source->clone.uinput.devnode, devnode) != 0)
		return;
	source->settled = true;
	if (source->settle.watch.loop)
		grab(source);
}

void source_hurry(struct source *source)
{
	if (source->settle.watch.loop)
		grab(source);
	if (source_is_plugged(source))
		device_hurry(&source->device);
}

int source_suspend(struct source *source)
{
	if (!source->ready)
		return -1;
	source->ready = false;
	return device_suspend(&source->device);
}

void source_resume(struct source *source)
{
	grab(source);
}

int source_close(struct source *source)
{
	timer_fini(&source->settle);
	clone_close(&source->clone);
	return device_is_open(&source->device) ? device_close_keep_fd(&source->device) : -1;
}
