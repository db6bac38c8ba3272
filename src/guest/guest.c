/* Shapes frames for the sink, and reacts to changes of the keeper and of the VM. */
#include "guest/guest.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "guest/channel.h"
#include "base/util.h"

static struct shape_rules rules_for(const struct channel *channel, enum conf_os os)
{
	struct shape_rules rules = channel->rules;

	if (os == CONF_OS_WINDOWS) {
		rules.no_hires_wheel = true;
		rules.step_max = 127;
	}
	return rules;
}

static int find_place(const struct channel *channel, const struct conf *conf,
		      const struct conf_guest *section, char place[static USOCK_PATH_MAX])
{
	const char *path = channel->qemu.place == QEMU_MONITOR ? section->qmp : conf->socket_dir;
	int rc;

	place[0] = '\0';
	if (channel->qemu.place == QEMU_LINKS)
		return 0;
	if (path) { /* fits: conf/ rejects longer ones */
		snprintf(place, USOCK_PATH_MAX, "%s", path);
		return 0;
	}
	rc = usock_dir(place);
	return rc == 0 && strlen(place) > CONF_SOCKET_DIR_MAX ? -ENAMETOOLONG : rc;
}

static void sink_down(struct sink *sink, const char *why)
{
	struct guest *guest = container_of(sink->kept, struct guest, kept);

	guest->ops->down(guest, why);
}

static void sink_leds(struct sink *sink)
{
	struct guest *guest = container_of(sink->kept, struct guest, kept);

	guest->ops->leds(guest);
}

/* A machine that was reset has no keys down and no LEDs lit. */
static void forget(struct guest *guest, const char *why)
{
	guest_release(guest);
	shape_reset(&guest->shape);
	if (guest->sink)
		guest->sink->leds = 0;
	guest->ops->reset(guest, why);
}

static void sink_reset(struct sink *sink, bool ready)
{
	struct guest *guest = container_of(sink->kept, struct guest, kept);

	guest->ready = ready;
	forget(guest, ready ? "its driver has started its devices anew"
			    : "its driver has stopped its devices");
}

static const struct sink_owner sink_owner = { .down = sink_down,
					      .reset = sink_reset,
					      .leds = sink_leds };

/* --- the VM ---------------------------------------------------------------------------------------- */

static void given(struct attach *attach, int rc, const char *words)
{
	struct guest *guest = container_of(attach, struct guest, attach);

	if (rc == 0)
		log_limited(&guest->limit, LOG_LEVEL_INFO,
			    "guest %s: its running VM was given its devices", guest->conf->name);
	else
		log_limited(&guest->limit, LOG_LEVEL_WARN,
			    "guest %s: its running VM cannot be given its devices: %s",
			    guest->conf->name, words);
}

/* True if the sink is of an earlier configuration, whose devices the VM still has open. */
static bool is_outdated(const struct guest *guest)
{
	return !keeper_same(&guest->sink->identity, &guest->wanted);
}

/*
 * Attaches the devices to a running VM unless it has opened them itself; once in each run of the
 * VM.
 */
static void offer(struct guest *guest)
{
	const char *why;

	if (guest->ends || guest->offered || !run_state_takes_input(guest->vm.state) ||
	    !guest->sink || is_outdated(guest) || !guest->sink->ops->vacant(guest->sink))
		return;
	guest->offered = true;
	if (attach_add(&guest->attach, given, &why) < 0)
		log_limited(&guest->limit, LOG_LEVEL_INFO,
			    "guest %s: its running VM cannot be given its devices: %s",
			    guest->conf->name, why);
}

static void taken_back(struct attach *attach, int rc, const char *words)
{
	const struct guest *guest = container_of(attach, struct guest, attach);

	if (rc < 0)
		log_warn("guest %s: its VM keeps its devices: %s", guest->conf->name, words);
}

void guest_take_back(struct guest *guest)
{
	const char *why;

	guest->ends = true;
	attach_cancel(&guest->attach);
	if (!guest_takes_back(guest) && guest->attach.added &&
	    attach_remove(&guest->attach, taken_back, &why) < 0)
		log_warn("guest %s: its VM keeps its devices until it is shut down: %s",
			 guest->conf->name, why);
}

bool guest_takes_back(const struct guest *guest)
{
	return guest->attach.doing != ATTACH_NOTHING;
}

void guest_end_take_back(struct guest *guest)
{
	attach_give_up(&guest->attach);
}

static void attach(struct guest *guest)
{
	int rc = guest->sink->ops->attach(guest->sink);

	if (rc < 0)
		log_limited(&guest->limit, LOG_LEVEL_ERROR,
			    "guest %s: its keeper does not take what is its: %s", guest->conf->name,
			    strerror(-rc));
}

static void open_sink(struct guest *guest, const struct channel *channel,
		      const struct keeper_identity *identity)
{
	guest->sink = sink_new(channel->sink, identity, guest->loop, guest->conf->name,
			       &guest->kept, &sink_owner);
	if (guest->sink)
		guest->sink->domain = guest->conf->libvirt;
	guest->open_error = guest->sink ? guest->sink->ops->open(guest->sink) : -ENOMEM;
	if (guest->open_error < 0) {
		log_limited(&guest->limit, LOG_LEVEL_ERROR, "guest %s: cannot make its devices: %s",
			    guest->conf->name, strerror(-guest->open_error));
		sink_free(guest->sink);
		guest->sink = NULL;
		return;
	}
	shape_init(&guest->shape, &identity->rules);
	if (guest->kept.attached)
		attach(guest);
	offer(guest);
}

static void look(struct timer *timer)
{
	struct guest *guest = container_of(timer, struct guest, look);

	if (guest->focused || guest_takes_back(guest) || !guest->sink ||
	    !guest->sink->ops->vacant(guest->sink))
		return;
	log_limited(&guest->limit, LOG_LEVEL_INFO,
		    "guest %s: its VM has let go of the devices of an earlier configuration",
		    guest->conf->name);
	timer_arm(timer, 0, 0);
	sink_free(guest->sink);
	guest->sink = NULL;
	kept_retire(&guest->kept); /* a new keeper follows, and kept_attached */
}

/*
 * QEMU drops input for a stopped VM. A dropped release would leave the key stuck, so keys are
 * released only once the VM runs again.
 */
static void take_state(struct guest *guest, enum run_state state)
{
	bool was_paused = guest->paused;

	log_limited(&guest->limit, LOG_LEVEL_DEBUG, "guest %s: its VM: %s", guest->conf->name,
		    run_state_name(state));
	guest->why_paused = run_state_why(state);
	guest->paused = run_state_is_stopped(state);
	if (state == RUN_STATE_OFF || (guest->paused && !was_paused))
		guest->ops->down(guest, guest->why_paused);
	/* For a guest without focus; the router releases the keys of a focused one. */
	if (state == RUN_STATE_OFF || (was_paused && !guest->paused))
		guest_release(guest);
}

/*
 * Handles changes of the VM, as vm_ops.told reports them. A VM that stops when its system crashes
 * only loses the focus; its keys are released when it runs again.
 */
static void take_news(struct guest *guest, unsigned news, enum run_state state)
{
	if (news & VM_RESET)
		forget(guest, "its VM was reset");
	if (news & VM_PANICKED && !run_state_is_stopped(state))
		forget(guest, "its system has crashed");
	if (news & VM_STATE)
		take_state(guest, state);
}

/*
 * With qmp the keeper has the monitor and reports the VM. The counters in its first state include
 * earlier resets and panics, so only later changes count.
 */
static void hear_keeper(struct guest *guest)
{
	const struct keeper_state *state = &guest->kept.state;
	struct keeper_state before = guest->heard;
	bool is_first = before.vm == RUN_STATE_UNKNOWN;
	unsigned news = 0;

	guest->heard = *state;
	if (state->vm != before.vm)
		news |= VM_STATE;
	if (!is_first && guest->kept.has_state)
		news |= (state->resets != before.resets ? VM_RESET : 0) |
			(state->panics != before.panics ? VM_PANICKED : 0);
	take_news(guest, news, state->vm);
}

static void kept_attached(struct kept *kept)
{
	struct guest *guest = container_of(kept, struct guest, kept);
	const struct keeper_hello *hello = &kept->hello;
	const struct channel *earlier = channel_find(hello->identity.via);

	if (guest->sink) {
		attach(guest);
	} else if (!hello->identity.via[0] || keeper_same(&hello->identity, &guest->wanted)) {
		open_sink(guest, channel_of(guest->conf->via), &guest->wanted);
	} else if (!hello->in_use || !earlier) {
		kept_retire(kept);
	} else {
		log_limited(
			&guest->limit, LOG_LEVEL_WARN,
			"guest %s: the VM still has the devices of an earlier configuration (via "
			"= %s): they are used until it ends",
			guest->conf->name, hello->identity.via);
		timer_arm(&guest->look, GUEST_LOOK_MS, GUEST_LOOK_MS);
		open_sink(guest, earlier, &hello->identity);
	}
}

static void kept_changed(struct kept *kept)
{
	struct guest *guest = container_of(kept, struct guest, kept);

	/* Before the sink: the VM's state gives the user a better reason than the sink's. */
	if (!guest->vm.loop)
		hear_keeper(guest);
	if (guest->sink && guest->sink->ops->kept_changed)
		guest->sink->ops->kept_changed(guest->sink);
	offer(guest);
}

static const struct kept_ops kept_ops = { .attached = kept_attached,
					  .changed = kept_changed,
					  .lost = kept_changed };

static void vm_told(struct vm *vm, unsigned news)
{
	struct guest *guest = container_of(vm, struct guest, vm);

	take_news(guest, news, vm->state);
	guest->offered &= run_state_takes_input(vm->state) || guest->paused;
	if (news & (VM_STATE | VM_MONITOR)) {
		attach_told(&guest->attach);
		offer(guest);
	}
}

static void vm_event(struct vm *vm, const char *name, struct json_object *data)
{
	attach_event(&container_of(vm, struct guest, vm)->attach, name, data);
}

static const struct vm_ops vm_ops = { .told = vm_told, .event = vm_event };

/* With qmp the keeper follows the VM: the monitor serves a single client. */
static void follow(struct guest *guest, const struct channel *channel)
{
	const struct conf_guest *conf = guest->conf;
	int rc;

	if (!conf->libvirt && (!conf->qmp || channel->qemu.place == QEMU_MONITOR))
		return;
	rc = vm_open(&guest->vm, guest->loop, conf, &vm_ops);
	if (rc == 0)
		rc = attach_init(&guest->attach, guest->loop, &guest->vm, &channel->qemu,
				 guest->wanted.place);
	if (rc < 0)
		log_error("guest %s: its VM cannot be followed: %s", conf->name, strerror(-rc));
}

int guest_open(struct guest *guest, const struct conf *conf, const struct conf_guest *section,
	       struct loop *loop, const struct guest_ops *ops)
{
	const struct channel *channel = channel_of(section->via);
	int rc;

	*guest = (struct guest){ .ops = ops, .conf = section, .loop = loop };
	snprintf(guest->wanted.via, sizeof(guest->wanted.via), "%s", section->via->name);
	guest->wanted.rules = rules_for(channel, section->os);
	rc = find_place(channel, conf, section, guest->wanted.place);
	if (rc < 0) {
		log_error("guest %s: no place for its sockets (%s): %s", section->name,
			  guest->wanted.place, strerror(-rc));
		return rc;
	}
	rc = timer_init(&guest->look, loop, look);
	if (rc < 0) {
		log_error("guest %s: cannot make a timer: %s", section->name, strerror(-rc));
		return rc;
	}
	follow(guest, channel);
	rc = kept_open(&guest->kept, loop, section->name, &kept_ops);
	if (rc == 0 || channel->end_new)
		return rc;
	log_warn("guest %s: its devices will vanish with this process", section->name);
	open_sink(guest, channel, &guest->wanted);
	return guest->open_error;
}

bool guest_is_pending(const struct guest *guest)
{
	return kept_is_pending(&guest->kept);
}

void guest_close(struct guest *guest)
{
	vm_close(&guest->vm);
	attach_fini(&guest->attach);
	sink_free(guest->sink);
	guest->sink = NULL;
	kept_close(&guest->kept);
	timer_fini(&guest->look);
}

void guest_settled(struct guest *guest, const char *devnode)
{
	if (guest->sink && guest->sink->ops->settled)
		guest->sink->ops->settled(guest->sink, devnode);
	offer(guest);
}

int guest_enter(struct guest *guest, const char **why)
{
	int rc;

	if (!guest->sink) {
		*why = guest->open_error ? strerror(-guest->open_error) : guest->kept.why;
		return -ENOTCONN;
	}
	if (guest->paused) {
		*why = guest->why_paused;
		return -EAGAIN;
	}
	rc = guest->sink->ops->enter(guest->sink, why);
	if (rc == 0) {
		guest->focused = guest->ready = true;
		shape_reset(&guest->shape);
	}
	return rc;
}

void guest_leave(struct guest *guest)
{
	guest->focused = false;
	guest->sink->ops->leave(guest->sink);
}

void guest_release(struct guest *guest)
{
	if (guest->sink)
		guest->sink->ops->release(guest->sink);
}

uint16_t guest_leds(const struct guest *guest)
{
	return guest->sink ? guest->sink->leds : 0;
}

int guest_send(struct guest *guest, const struct frame *frame)
{
	const struct shape *shape = &guest->shape;
	unsigned ready = shape_frame(&guest->shape, frame);
	int rc = 0;

	for (;; ready = shape_more(&guest->shape)) {
		for (unsigned node = 0; node < SHAPE_NODES; node++)
			if (ready >> node & 1 && rc == 0)
				rc = guest->sink->ops->send(guest->sink, node, shape->ready[node]);
		if (!(ready & SHAPE_MORE))
			return rc;
	}
}
