/* SPDX-License-Identifier: MIT */
/* Hotplug: matches nodes to [device] sections and assigns them to sources. */
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "base/shortage.h"
#include "base/util.h"
#include "daemon/internal.h"
#include "evdev/access.h"

/*
 * True if a source has the node open. If that node was unplugged and its name reused, removes it.
 */
static bool is_plugged(struct daemon *daemon, const char *devnode)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];
		enum device_news news;

		if (!source_is_plugged(&input->source) ||
		    strcmp(input->source.device.devnode, devnode) != 0)
			continue;
		news = source_check(&input->source);
		forward_news(input, news);
		return news != DEVICE_GONE;
	}
	return false;
}

/* The lowest number from 1 that no source of the section has. */
static unsigned unused_nth(const struct daemon *daemon, const struct conf_device *section)
{
	bool used[ROUTER_DEVICES + 1] = { false };
	unsigned nth = 1;

	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.conf == section)
			used[daemon->input[i].source.nth - 1] = true;
	while (used[nth - 1])
		nth++;
	return nth;
}

/*
 * All are used: takes an unplugged one from its section, which has more than one if possible, and destroys
 * its clone. NULL: all are plugged in.
 */
static struct input *take_unplugged(struct daemon *daemon)
{
	struct input *found = NULL;

	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];

		if (!source_is_plugged(&input->source) &&
		    (!found || input->source.nth > found->source.nth))
			found = input;
	}
	if (!found)
		return NULL;
	log_info("device %s: the place of one that is gone is another device's now",
		 found->source.conf->name);
	forward_remove(found);
	source_retire(&found->source);
	found->tally = (struct tally_device){ 0 };
	return found;
}

/*
 * The source that had this node before, else an unplugged one of its section, else a new one, else
 * an unplugged one of another section, or NULL.
 */
static struct input *find_input(struct daemon *daemon, const struct conf_device *section,
				const struct node_info *node)
{
	struct input *vacant = NULL, *unused = NULL;
	unsigned best = 0;

	for (unsigned i = ROUTER_DEVICES; i-- > 0;) {
		struct input *input = &daemon->input[i];
		const struct source *source = &input->source;
		unsigned likeness;

		if (!source->conf)
			unused = input;
		if (source->conf != section || source_is_plugged(source))
			continue;
		likeness = source_likeness(source, node);
		if (likeness < best)
			continue;
		best = likeness;
		vacant = input;
	}
	if (vacant)
		return vacant;
	if (!unused)
		unused = take_unplugged(daemon);
	if (unused)
		source_init(&unused->source, section, unused_nth(daemon, section), &forward_wakes);
	return unused;
}

/* access_why asks the user database, which may be slow: not while a device is grabbed. */
static struct access_words why_denied(const struct daemon *daemon, const char *devnode)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.ready)
			return (struct access_words){ "run evswitch --check to see why" };
	return access_why(devnode);
}

static void plug_failed(struct daemon *daemon, const char *section, const struct node_info *node,
			int rc)
{
	struct log_str name = log_str(node->name);

	if (is_shortage(-rc))
		hotplug_miss(&daemon->hotplug, -rc);
	else if (rc == -EACCES)
		log_error("device %s: no permission to open %s (%s) for reading and writing: %s",
			  section, node->devnode, name.text,
			  why_denied(daemon, node->devnode).text);
	else
		log_error("device %s: cannot use %s (%s): %s", section, node->devnode, name.text,
			  strerror(-rc));
}

/* A path means a single node. If it now leads to another one, the section gives up the old node. */
static void follow_path(struct daemon *daemon, const struct conf_device *section,
			const struct node_info *node)
{
	for (unsigned i = 0; section->path && i < ROUTER_DEVICES; i++) {
		struct input *input = &daemon->input[i];
		struct source *source = &input->source;

		if (source->conf != section || !source_is_plugged(source))
			continue;
		log_info("device %s: %s now leads to %s: %s is returned to the host", section->name,
			 section->path, node->devnode, source->device.devnode);
		source_unplug(source);
		forward_remove(input);
	}
}

static void node_added(struct hotplug *hotplug, const struct node_info *node)
{
	struct daemon *daemon = container_of(hotplug, struct daemon, hotplug);
	const struct conf_device *section = match_section(daemon->conf, node);
	const char *refusal = match_refusal(node->uses);
	enum device_news news = DEVICE_NOTHING;
	struct input *input;
	int rc;

	if (daemon->reload.judging) {
		daemon->reload.judging->next = match_section(daemon->reload.next, node);
		return;
	}
	away_forget_lost(daemon);
	if (!section || is_plugged(daemon, node->devnode))
		return;
	if (refusal) {
		log_error("device %s: %s (%s) is ignored: %s", section->name, node->devnode,
			  log_str(node->name).text, refusal);
		return;
	}
	follow_path(daemon, section, node);
	input = find_input(daemon, section, node);
	if (!input) {
		log_error("device %s: %s is ignored: more than %d devices", section->name,
			  node->devnode, ROUTER_DEVICES);
		return;
	}
	input->judged = false;
	away_before_plug(input, node->seat);
	rc = source_plug(&input->source, &daemon->loop, node, &news);
	if (rc < 0)
		plug_failed(daemon, section->name, node, rc);
	forward_news(input, news);
	daemon->denied |= rc == -EACCES;
	daemon->hurry_due |= daemon->router.focus != ROUTER_HOST;
}

static void missed(struct hotplug *hotplug, int error)
{
	(void)hotplug;
	log_error(
		"devices that are plugged in now have to wait: %s: trying again every second (for "
		"descriptors, the limit is LimitNOFILE= of the service, or ulimit -n)",
		strerror(error));
}

static void own_settled(struct hotplug *hotplug, const char *devnode, uint64_t done_us,
			bool exposed)
{
	struct daemon *daemon = container_of(hotplug, struct daemon, hotplug);

	if (exposed && !daemon->exposed_told)
		log_warn("%s: evswitch's udev rules are not in effect (run make install): the "
			 "desktop sees the guests' devices until QEMU grabs them",
			 devnode);
	daemon->exposed_told |= exposed;
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.conf)
			forward_news(&daemon->input[i],
				     source_settled(&daemon->input[i].source, devnode, done_us));
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		guest_settled(&daemon->output[i]->guest, devnode);
}

static void look_at_path(struct daemon *daemon, unsigned i)
{
	const struct conf_device *section = &daemon->conf->devices[i];
	char event[HOTPLUG_PATH_MAX];

	if (!section->path || hotplug_look(&daemon->hotplug, section->path, event) != -ENOTTY ||
	    daemon->path_told[i])
		return;
	daemon->path_told[i] = true;
	if (*event)
		log_error("device %s: %s is not an event node: the event node of this device is %s",
			  section->name, section->path, event);
	else
		log_error("device %s: %s is not an event node (/dev/input/event*)", section->name,
			  section->path);
}

static void links_changed(struct hotplug *hotplug)
{
	struct daemon *daemon = container_of(hotplug, struct daemon, hotplug);

	for (unsigned i = 0; i < daemon->conf->n_devices; i++)
		look_at_path(daemon, i);
}

static const struct hotplug_ops hotplug_ops = {
	.added = node_added, .own = own_settled, .links = links_changed, .missed = missed
};

void plug_unsettled(struct timer *settle)
{
	struct input *input = container_of(settle, struct input, source.settle);
	enum device_news news = source_unsettled(&input->source);

	forward_news(input, news);
	if (news != DEVICE_GONE)
		hotplug_ask(&input->daemon->hotplug, input->source.clone.uinput.devnode);
}

bool plug_has(const struct daemon *daemon, const struct conf_device *section)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.conf == section)
			return true;
	return false;
}

int plug_judge_trial(const struct daemon *daemon)
{
	int rc = EX_OK;

	for (unsigned i = 0; i < daemon->conf->n_devices; i++) {
		const struct conf_device *section = &daemon->conf->devices[i];

		if (plug_has(daemon, section))
			continue;
		log_error("device %s: the trial has not found it: run evswitch --check to see why",
			  section->name);
		rc = EX_UNAVAILABLE;
	}
	return rc;
}

void plug_tell_missing(const struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->conf->n_devices; i++)
		if (!daemon->path_told[i] && !plug_has(daemon, &daemon->conf->devices[i]))
			log_info("device %s: not found yet; waiting for it (evswitch --check says "
				 "whether its section is right)",
				 daemon->conf->devices[i].name);
}

void plug_replace(struct daemon *daemon, bool looks)
{
	int rc = 0;

	if (!looks)
		return;
	rc = hotplug_rescan(&daemon->hotplug);
	if (rc < 0)
		log_error("cannot list devices through udev: %s", strerror(-rc));
	memset(daemon->path_told, 0, sizeof(daemon->path_told));
	links_changed(&daemon->hotplug);
}

int plug_init(struct daemon *daemon)
{
	int rc = hotplug_init(&daemon->hotplug, &daemon->loop, &hotplug_ops);

	if (rc == 0)
		rc = hotplug_scan(&daemon->hotplug);
	if (rc < 0) {
		log_error("cannot list devices through udev: %s", strerror(-rc));
		return EX_OSERR;
	}
	links_changed(&daemon->hotplug);
	plug_tell_missing(daemon);
	if (daemon->hotplug.undone)
		log_warn("udev has not announced %u of the input devices; waiting (is udev "
			 "running? systemctl status systemd-udevd)",
			 daemon->hotplug.undone);
	return daemon->denied ? EX_NOPERM : EX_OK;
}

void plug_fini(struct daemon *daemon)
{
	hotplug_fini(&daemon->hotplug);
}
