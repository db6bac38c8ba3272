/* SPDX-License-Identifier: MIT */
/* Sends frames to the keeper through a ring, and follows the state that the keeper reports. */
#include "guest/sink-keeper.h"

#include "keeper/evring.h"
#include "base/log.h"
#include "base/util.h"

static const char not_running[] =
	"its keeper does not run: its process, evs-keeper, is stopped or gets no processor time; "
	"run: pkill -CONT -x evs-keeper";

/* A keeper that takes no frame for this many checks counts as stopped: more than a second. */
#define LOOK_MS     500
#define LOOKS_STILL 3

struct sink_keeper {
	struct sink sink;
	struct evring ring;
	struct timer look; /* runs while the guest has the focus */
	uint32_t popped;   /* the ring's counter at the last check */
	unsigned still;    /* checks in a row with frames waiting and none taken */
	bool up;           /* as last logged */
	bool entered;
	bool ready;          /* while entered: as last reported to the owner */
	uint32_t generation; /* while entered: of the state that was reported */
};

static struct sink_keeper *to_self(struct sink *sink)
{
	return container_of(sink, struct sink_keeper, sink);
}

static void leave(struct sink *sink)
{
	to_self(sink)->entered = false;
	timer_arm(&to_self(sink)->look, 0, 0);
}

/* True if the keeper counts as stopped and has still not taken a frame. */
static bool stands_still(struct sink_keeper *self)
{
	uint32_t popped;

	if (!evring_waits(&self->ring, &popped) || popped != self->popped)
		self->still = 0;
	self->popped = popped;
	return self->still >= LOOKS_STILL;
}

static void look(struct timer *timer)
{
	struct sink_keeper *self = container_of(timer, struct sink_keeper, look);

	self->still++;
	if (!stands_still(self))
		return;
	leave(&self->sink);
	evring_release(&self->ring);
	self->sink.owner->down(&self->sink, not_running);
}

static int sink_open(struct sink *sink)
{
	to_self(sink)->ring = (struct evring)EVRING_INIT;
	return timer_init(&to_self(sink)->look, sink->loop, look);
}

static void sink_close(struct sink *sink)
{
	timer_fini(&to_self(sink)->look);
	evring_close(&to_self(sink)->ring);
}

/* Each keeper gets a new ring: how far the last one has read the old ring is unknown. */
static int attach(struct sink *sink)
{
	struct sink_keeper *self = to_self(sink);
	int rc;

	evring_close(&self->ring);
	self->still = 0;
	rc = evring_create(&self->ring);
	if (rc < 0)
		return rc;
	return keeper_client_drive(sink->keeper, &sink->identity, sink->domain,
				   self->ring.memory_fd, self->ring.doorbell_fd);
}

static const char *why_down(const struct keeper_client *keeper)
{
	return keeper->attached && keeper->state.why[0] ? keeper->state.why : keeper->why;
}

/* Without this, the user would learn that the VM started or stopped only from a failed switch. */
static void tell_user(struct sink_keeper *self)
{
	struct keeper_client *from = self->sink.keeper;

	if (from->state.up == self->up)
		return;
	self->up = from->state.up;
	if (self->up)
		log_limited(&from->limit, LOG_LEVEL_INFO, "guest %s is up", self->sink.guest);
	else
		log_limited(&from->limit, LOG_LEVEL_INFO, "guest %s is down: %s", self->sink.guest,
			    why_down(from));
}

/* The generation reveals that the endpoint went down and up again between two states. */
static bool is_reset(const struct sink_keeper *self, const struct keeper_state *state)
{
	return state->up != self->ready || (state->up && state->generation != self->generation);
}

static void keeper_changed(struct sink *sink)
{
	struct sink_keeper *self = to_self(sink);
	const struct keeper_state *state = &sink->keeper->state;
	uint16_t before = sink->leds;

	tell_user(self);
	sink->leds = state->up ? state->leds : 0;
	sink->leds_known = state->up && state->leds_known;
	if (self->entered && !state->up && !state->in_use) {
		leave(sink);
		sink->owner->down(sink, "it released its devices");
	} else if (self->entered && is_reset(self, state)) {
		self->ready = state->up;
		self->generation = state->generation;
		sink->owner->reset(sink, self->ready);
	} else if (before != sink->leds) {
		sink->owner->leds(sink);
	}
}

static int enter(struct sink *sink)
{
	struct sink_keeper *self = to_self(sink);
	const struct keeper_client *from = sink->keeper;

	if (!from->attached || !from->state.up || stands_still(self))
		return -ENOTCONN;
	self->entered = self->ready = true;
	self->generation = from->state.generation;
	self->still = 0;
	timer_arm(&self->look, LOOK_MS, LOOK_MS);
	return 0;
}

static void why(struct sink *sink, struct guest_why *why)
{
	const struct keeper_client *from = sink->keeper;
	const struct keeper_state *state = &from->state;

	if (!from->attached)
		guest_why_set(why, from->other ? GUEST_OTHER_KEEPER : GUEST_NO_KEEPER, "%s",
			      from->why);
	else if (state->up && stands_still(to_self(sink)))
		guest_why_set(why, GUEST_NO_KEEPER, not_running);
	else if (!state->up && state->other_domain)
		guest_why_set(why, GUEST_OTHER_DOMAIN,
			      "a VM that is not the domain of 'libvirt = %s' tried to connect and "
			      "was refused: start that domain, or correct 'libvirt ='",
			      sink->domain ?: "");
	else if (!state->up)
		guest_why_set(why, state->in_use ? GUEST_NOT_READY : GUEST_NOT_OPEN, "%s",
			      why_down(from));
}

/* Before its first state, the keeper has not created the endpoint. */
static bool vacant(struct sink *sink)
{
	const struct keeper_client *keeper = sink->keeper;

	return keeper->attached && keeper->has_state && !keeper->state.in_use;
}

static void release(struct sink *sink)
{
	evring_release(&to_self(sink)->ring);
}

static int send_frame(struct sink *sink, enum shape_node node, const struct frame *frame)
{
	struct sink_keeper *self = to_self(sink);

	return evring_push(&self->ring, self->generation, node, frame);
}

const struct sink_ops sink_keeper = { .size = sizeof(struct sink_keeper),
				      .open = sink_open,
				      .close = sink_close,
				      .attach = attach,
				      .keeper_changed = keeper_changed,
				      .enter = enter,
				      .leave = leave,
				      .why = why,
				      .vacant = vacant,
				      .release = release,
				      .send = send_frame };
