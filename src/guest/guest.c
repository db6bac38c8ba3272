/* SPDX-License-Identifier: MIT */
/* Shapes frames for the sink, and reacts to changes of the keeper and of the VM. */
#include "guest/guest.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/shortage.h"
#include "guest/channel.h"
#include "base/text.h"
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

/* The directory of the sockets, or the path of the monitor; "" if the channel needs neither. */
static int find_socket_path(const struct channel *channel, const struct conf *conf,
			    const struct conf_guest *section, char path[static USOCK_PATH_MAX])
{
	const char *configured =
		channel->qemu.transport == QEMU_MONITOR ? section->qmp : conf->socket_dir;
	int rc;

	path[0] = '\0';
	if (channel->qemu.transport == QEMU_LINKS)
		return 0;
	if (configured) { /* fits: conf/ rejects longer ones */
		snprintf(path, USOCK_PATH_MAX, "%s", configured);
		return 0;
	}
	rc = usock_dir(path);
	return rc == 0 && strlen(path) > CONF_SOCKET_DIR_MAX ? -ENAMETOOLONG : rc;
}

static void went_down(struct guest *guest, const char *why)
{
	guest->ops->down(guest, why);
	guest->here = false;
	guest->ops->changed(guest);
}

static void sink_down(struct sink *sink, const char *why)
{
	went_down(container_of(sink->keeper, struct guest, keeper), why);
}

static void sink_leds(struct sink *sink)
{
	struct guest *guest = container_of(sink->keeper, struct guest, keeper);

	guest->ops->leds(guest);
}

/* A machine that was reset has no keys down and no LEDs lit. */
static void forget(struct guest *guest, const char *why)
{
	guest_release(guest);
	shape_reset(&guest->shape);
	if (guest->sink) {
		guest->sink->leds = 0;
		guest->sink->leds_known = false;
	}
	guest->ops->reset(guest, why);
	guest->ops->changed(guest);
}

static void sink_reset(struct sink *sink, bool ready)
{
	struct guest *guest = container_of(sink->keeper, struct guest, keeper);

	guest->ready = ready;
	forget(guest, ready ? "its driver has restarted its devices"
			    : "its driver has stopped its devices");
}

static const struct sink_owner sink_owner = { .down = sink_down,
					      .reset = sink_reset,
					      .leds = sink_leds };

/* --- the VM ----------------------------------------------------------------------------------- */

static void given(struct attach *attach, int rc, const char *words)
{
	struct guest *guest = container_of(attach, struct guest, attach);

	if (rc == 0)
		log_limited(&guest->limit, LOG_LEVEL_INFO,
			    "guest %s: its devices are attached to the running VM",
			    guest->conf->name);
	else
		log_limited(&guest->limit, LOG_LEVEL_WARN,
			    "guest %s: cannot attach its devices to the running VM: %s",
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
			    "guest %s: cannot attach its devices to the running VM: %s",
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

	if (is_shortage(-rc))
		timer_arm(&guest->make, GUEST_MAKE_AGAIN_MS, 0);
	if (rc < 0)
		log_limited(&guest->limit, LOG_LEVEL_ERROR,
			    "guest %s: cannot hand its devices to the keeper: %s",
			    guest->conf->name, strerror(-rc));
}

static void stop_making(struct guest *guest)
{
	timer_arm(&guest->make, 0, 0);
	sink_free(guest->making);
	guest->making = NULL;
}

/* Out of descriptors or memory: in a while, from the beginning. */
static void make_later(struct guest *guest)
{
	stop_making(guest);
	timer_arm(&guest->make, GUEST_MAKE_AGAIN_MS, 0);
}

static void sink_is_made(struct guest *guest)
{
	guest->sink = guest->making;
	guest->making = NULL;
	shape_init(&guest->shape, &guest->sink->identity.rules);
	if (guest->keeper.attached)
		attach(guest);
	offer(guest);
	guest->ops->changed(guest);
}

static void make_sink(struct guest *guest)
{
	int rc = guest->making ? guest->making->ops->open(guest->making) : -ENOMEM;
	int before = guest->open_error;

	guest->open_error = rc < 0 ? rc : 0;
	if (rc > 0) {
		timer_arm(&guest->make, 1, 0);
	} else if (rc == 0) {
		sink_is_made(guest);
	} else {
		if (rc != before)
			log_limited(&guest->limit, LOG_LEVEL_ERROR,
				    "guest %s: cannot create its devices: %s", guest->conf->name,
				    strerror(-rc));
		if (is_shortage(-rc))
			make_later(guest);
		else
			stop_making(guest);
	}
}

/* The keeper says anew what it has, since what it passed is closed. */
static void make_more(struct timer *timer)
{
	struct guest *guest = container_of(timer, struct guest, make);

	if (guest->making)
		make_sink(guest);
	else
		keeper_client_restart(&guest->keeper);
}

static void open_sink(struct guest *guest, const struct channel *channel,
		      const struct keeper_identity *identity)
{
	stop_making(guest);
	guest->making = sink_new(channel->sink, identity, guest->loop, guest->conf->name,
				 &guest->keeper, &sink_owner);
	if (guest->making)
		guest->making->domain = guest->conf->libvirt;
	make_sink(guest);
}

static void look(struct timer *timer)
{
	struct guest *guest = container_of(timer, struct guest, look);

	if (guest->focused || guest_takes_back(guest) || !guest->sink ||
	    !guest->sink->ops->vacant(guest->sink))
		return;
	log_limited(&guest->limit, LOG_LEVEL_INFO,
		    "guest %s: its VM has released the devices of an earlier configuration",
		    guest->conf->name);
	timer_arm(timer, 0, 0);
	sink_free(guest->sink);
	guest->sink = NULL;
	keeper_client_retire(&guest->keeper); /* a new keeper follows, and keeper_attached */
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
		went_down(guest, guest->why_paused);
	guest->here |= run_state_takes_input(state);
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
	if (news & VM_STATE) {
		take_state(guest, state);
		guest->ops->changed(guest);
	}
}

/*
 * With qmp the keeper has the monitor and reports the VM. The counters in its first state include
 * earlier resets and panics, so only later changes count.
 */
static void hear_keeper(struct guest *guest)
{
	const struct keeper_state *state = &guest->keeper.state;
	struct keeper_state before = guest->heard;
	bool is_first = before.vm == RUN_STATE_UNKNOWN;
	unsigned news = 0;

	guest->heard = *state;
	if (state->vm != before.vm)
		news |= VM_STATE;
	if (!is_first && guest->keeper.has_state)
		news |= (state->resets != before.resets ? VM_RESET : 0) |
			(state->panics != before.panics ? VM_PANICKED : 0);
	take_news(guest, news, state->vm);
}

static void keeper_attached(struct keeper_client *keeper)
{
	struct guest *guest = container_of(keeper, struct guest, keeper);
	const struct keeper_hello *hello = &keeper->hello;
	const struct channel *earlier = channel_find(hello->identity.via);

	if (guest->sink) {
		attach(guest);
	} else if (!hello->identity.via[0] || keeper_same(&hello->identity, &guest->wanted)) {
		open_sink(guest, channel_of(guest->conf->via), &guest->wanted);
	} else if (!hello->in_use || !earlier) {
		keeper_client_retire(keeper);
	} else {
		log_limited(
			&guest->limit, LOG_LEVEL_WARN,
			"guest %s: its VM still uses the devices of an earlier configuration (via "
			"= %s): they stay in use until it ends",
			guest->conf->name, hello->identity.via);
		timer_arm(&guest->look, GUEST_LOOK_MS, GUEST_LOOK_MS);
		open_sink(guest, earlier, &hello->identity);
	}
}

/* Without the focus, the sink does not report that the guest went down. */
static void note_keeper(struct guest *guest)
{
	const struct keeper_state *state = &guest->keeper.state;

	if (state->up)
		guest->here = true;
	else if (!state->in_use && guest->here && !guest->focused && guest->keeper.has_state)
		went_down(guest, "it released its devices");
}

static void keeper_changed(struct keeper_client *keeper)
{
	struct guest *guest = container_of(keeper, struct guest, keeper);

	/* Before the sink: the VM's state gives the user a better reason than the sink's. */
	if (!guest->vm.loop)
		hear_keeper(guest);
	if (guest->sink && guest->sink->ops->keeper_changed)
		guest->sink->ops->keeper_changed(guest->sink);
	note_keeper(guest);
	offer(guest);
	guest->ops->changed(guest);
}

/* Its successor has none of the devices that were to be taken over. */
static void keeper_lost(struct keeper_client *keeper)
{
	stop_making(container_of(keeper, struct guest, keeper));
	keeper_changed(keeper);
}

static const struct keeper_client_ops keeper_ops = { .attached = keeper_attached,
						     .changed = keeper_changed,
						     .lost = keeper_lost };

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

	if (!conf->libvirt && (!conf->qmp || channel->qemu.transport == QEMU_MONITOR))
		return;
	rc = vm_open(&guest->vm, guest->loop, conf, &vm_ops);
	if (rc == 0)
		rc = attach_init(&guest->attach, guest->loop, &guest->vm, &channel->qemu,
				 guest->wanted.socket_path);
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
	rc = find_socket_path(channel, conf, section, guest->wanted.socket_path);
	if (rc < 0) {
		log_error("guest %s: no directory for its sockets (%s): %s", section->name,
			  guest->wanted.socket_path, strerror(-rc));
		return rc;
	}
	rc = timer_init(&guest->look, loop, look);
	if (rc == 0)
		rc = timer_init(&guest->make, loop, make_more);
	if (rc < 0) {
		log_error("guest %s: cannot create a timer: %s", section->name, strerror(-rc));
		return rc;
	}
	follow(guest, channel);
	rc = keeper_client_open(&guest->keeper, loop, section->name, &keeper_ops);
	if (rc == 0 || channel->endpoint_new)
		return rc;
	log_warn("guest %s: its devices will disappear when this process ends", section->name);
	open_sink(guest, channel, &guest->wanted);
	return guest->open_error;
}

bool guest_is_pending(const struct guest *guest)
{
	return guest->making || keeper_client_is_pending(&guest->keeper);
}

void guest_close(struct guest *guest)
{
	vm_close(&guest->vm);
	attach_fini(&guest->attach);
	sink_free(guest->making);
	guest->making = NULL;
	sink_free(guest->sink);
	guest->sink = NULL;
	keeper_client_close(&guest->keeper);
	timer_fini(&guest->make);
	timer_fini(&guest->look);
}

void guest_settled(struct guest *guest, const char *devnode)
{
	struct sink *sink = guest->sink ?: guest->making;

	if (sink && sink->ops->settled)
		sink->ops->settled(sink, devnode);
	offer(guest);
}

int guest_enter(struct guest *guest)
{
	int rc;

	if (!guest->sink || guest->paused)
		return guest->sink ? -EAGAIN : -ENOTCONN;
	rc = guest->sink->ops->enter(guest->sink);
	if (rc == 0) {
		guest->focused = guest->ready = guest->here = true;
		shape_reset(&guest->shape);
	}
	return rc;
}

/* --- why it is down ----------------------------------------------------------------------------------- */

enum run_state guest_vm(const struct guest *guest)
{
	return guest->vm.loop ? guest->vm.state : (enum run_state)guest->heard.vm;
}

/* The command of this virsh verb for the guest's domain, or what to do without libvirt. */
static void remedy(const struct guest *guest, const char *verb, const char *without, char *words,
		   size_t size)
{
	const char *uri[VM_VIRSH_WORDS];

	vm_virsh(uri);
	if (guest->conf->libvirt)
		text_print(words, size, "run: virsh --connect %s %s %s", uri[2], verb,
			   guest->conf->libvirt);
	else
		text_print(words, size, "%s", without);
}

static void why_stopped(const struct guest *guest, struct guest_why *why)
{
	enum run_remedy how = run_state_remedy(guest_vm(guest));
	char words[256] = "wait until that is over";

	if (how == RUN_REMEDY_RESUME)
		remedy(guest, "resume", "continue it (cont in QEMU's monitor)", words,
		       sizeof(words));
	else if (how == RUN_REMEDY_RESET)
		remedy(guest, "reset", "reset it (system_reset, then cont in QEMU's monitor)",
		       words, sizeof(words));
	guest_why_set(why, GUEST_VM_PAUSED, "%s: %s", guest->why_paused, words);
}

static void why_off(const struct guest *guest, struct guest_why *why)
{
	char words[256];

	if (guest->conf->libvirt)
		remedy(guest, "start", "", words, sizeof(words));
	else
		text_print(words, sizeof(words),
			   "nobody listens at %s: start it, or correct 'qmp ='", guest->conf->qmp);
	guest_why_set(why, GUEST_VM_OFF, "its VM is off: %s", words);
}

/* The sink sees no VM at the devices. The state of the VM, if it is known, says why. */
static void why_not_open(const struct guest *guest, struct guest_why *why)
{
	const char *name = guest->conf->name;
	char seen[201];

	text_print(seen, sizeof(seen), "%s", why->text);
	if (guest_vm(guest) == RUN_STATE_OFF)
		why_off(guest, why);
	else if (run_state_takes_input(guest_vm(guest)))
		guest_why_set(why, GUEST_NOT_OPEN,
			      "its VM runs without its devices: give it what evswitch --xml %s (or "
			      "--qemu-args %s) prints, and start it again",
			      name, name);
	else if (guest->vm.why[0])
		guest_why_set(why, GUEST_NOT_OPEN, "%s; whether its VM runs is not known: %s", seen,
			      guest->vm.why);
}

void guest_why_down(struct guest *guest, struct guest_why *why)
{
	*why = (struct guest_why){ .cause = GUEST_UP };
	if (guest->focused)
		why->cause = GUEST_FOCUSED;
	else if (guest->open_error)
		guest_why_set(why, GUEST_FAILED, "its devices could not be created: %s",
			      strerror(-guest->open_error));
	else if (guest->making)
		guest_why_set(why, GUEST_NO_KEEPER,
			      "its devices are being created: try again in a moment");
	else if (!guest->sink)
		guest_why_set(why, guest->keeper.other ? GUEST_OTHER_KEEPER : GUEST_NO_KEEPER, "%s",
			      guest->keeper.why);
	else if (guest->paused)
		why_stopped(guest, why);
	else
		guest->sink->ops->why(guest->sink, why);
	if (why->cause == GUEST_NOT_OPEN)
		why_not_open(guest, why);
}

/* --- the focus ---------------------------------------------------------------------------------------- */

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

bool guest_leds_known(const struct guest *guest)
{
	return guest->sink && guest->sink->leds_known;
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
