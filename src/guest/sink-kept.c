/* Sends frames to the keeper through a ring, and follows the state that the keeper reports. */
#include "guest/sink-kept.h"

#include "keeper/evring.h"
#include "base/log.h"
#include "base/util.h"

static const char not_running[] =
	"its keeper does not run: its process, evs-keeper, is stopped or gets no processor time";

/* A keeper that takes no frame for this many checks counts as stopped: more than a second. */
#define LOOK_MS     500
#define LOOKS_STILL 3

struct sink_kept {
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

static struct sink_kept *to_kept(struct sink *sink)
{
	return container_of(sink, struct sink_kept, sink);
}

static void leave(struct sink *sink)
{
	to_kept(sink)->entered = false;
	timer_arm(&to_kept(sink)->look, 0, 0);
}

/* True if the keeper counts as stopped and has still not taken a frame. */
static bool stands_still(struct sink_kept *kept)
{
	uint32_t popped;

	if (!evring_waits(&kept->ring, &popped) || popped != kept->popped)
		kept->still = 0;
	kept->popped = popped;
	return kept->still >= LOOKS_STILL;
}

static void look(struct timer *timer)
{
	struct sink_kept *kept = container_of(timer, struct sink_kept, look);

	kept->still++;
	if (!stands_still(kept))
		return;
	leave(&kept->sink);
	evring_release(&kept->ring);
	kept->sink.owner->down(&kept->sink, not_running);
}

static int sink_open(struct sink *sink)
{
	to_kept(sink)->ring = (struct evring)EVRING_INIT;
	return timer_init(&to_kept(sink)->look, sink->loop, look);
}

static void sink_close(struct sink *sink)
{
	timer_fini(&to_kept(sink)->look);
	evring_close(&to_kept(sink)->ring);
}

/* Each keeper gets a new ring: how far the last one has read the old ring is unknown. */
static int attach(struct sink *sink)
{
	struct sink_kept *kept = to_kept(sink);
	int rc;

	evring_close(&kept->ring);
	kept->still = 0;
	rc = evring_create(&kept->ring);
	if (rc < 0)
		return rc;
	return kept_drive(sink->kept, &sink->identity, sink->domain, kept->ring.memory_fd,
			  kept->ring.doorbell_fd);
}

static const char *why_down(const struct kept *kept)
{
	return kept->attached && kept->state.why[0] ? kept->state.why : kept->why;
}

/* Without this, the user would learn that the VM started or stopped only from a failed switch. */
static void tell_user(struct sink_kept *kept)
{
	struct kept *from = kept->sink.kept;

	if (from->state.up == kept->up)
		return;
	kept->up = from->state.up;
	if (kept->up)
		log_limited(&from->limit, LOG_LEVEL_INFO, "guest %s is up", kept->sink.guest);
	else
		log_limited(&from->limit, LOG_LEVEL_INFO, "guest %s is down: %s", kept->sink.guest,
			    why_down(from));
}

/* The generation reveals that the end went down and up again between two states. */
static bool is_reset(const struct sink_kept *kept, const struct keeper_state *state)
{
	return state->up != kept->ready || (state->up && state->generation != kept->generation);
}

static void kept_changed(struct sink *sink)
{
	struct sink_kept *kept = to_kept(sink);
	const struct keeper_state *state = &sink->kept->state;
	uint16_t before = sink->leds;

	tell_user(kept);
	sink->leds = state->up ? state->leds : 0;
	if (kept->entered && !state->up && !state->in_use) {
		leave(sink);
		sink->owner->down(sink, "it let go of its devices");
	} else if (kept->entered && is_reset(kept, state)) {
		kept->ready = state->up;
		kept->generation = state->generation;
		sink->owner->reset(sink, kept->ready);
	} else if (before != sink->leds) {
		sink->owner->leds(sink);
	}
}

static int enter(struct sink *sink, const char **why)
{
	struct sink_kept *kept = to_kept(sink);
	const struct kept *from = sink->kept;

	if (!from->attached || !from->state.up || stands_still(kept)) {
		*why = from->attached && from->state.up ? not_running : why_down(from);
		return -ENOTCONN;
	}
	kept->entered = kept->ready = true;
	kept->generation = from->state.generation;
	kept->still = 0;
	timer_arm(&kept->look, LOOK_MS, LOOK_MS);
	return 0;
}

/* Before its first state, the keeper has not created the end. */
static bool vacant(struct sink *sink)
{
	const struct kept *kept = sink->kept;

	return kept->attached && kept->has_state && !kept->state.in_use;
}

static void release(struct sink *sink)
{
	evring_release(&to_kept(sink)->ring);
}

static int send_frame(struct sink *sink, enum shape_node node, const struct frame *frame)
{
	struct sink_kept *kept = to_kept(sink);

	return evring_push(&kept->ring, kept->generation, node, frame);
}

const struct sink_ops sink_kept = { .size = sizeof(struct sink_kept),
				    .open = sink_open,
				    .close = sink_close,
				    .attach = attach,
				    .kept_changed = kept_changed,
				    .enter = enter,
				    .leave = leave,
				    .vacant = vacant,
				    .release = release,
				    .send = send_frame };
