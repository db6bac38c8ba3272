/* SPDX-License-Identifier: MIT */
/* The event queue and its backlog, the status queue, and the listener. */
#include "vhost/vinput.h"

#include <endian.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/backlog.h"
#include "base/closer.h"
#include "base/log.h"
#include "base/peer-fd.h"
#include "base/shortage.h"
#include "base/util.h"
#include "vhost/vhost.h"
#include "vhost/vinput-config.h"

#define EVENTQ           0
#define STATUSQ          1
#define RETRY_MS         8   /* in case the driver refilled its ring without a kick */
#define FRAMES_PER_FLUSH 256 /* the rest follows at the next retry: bounded work per wake-up */
#define STATUS_MS        50  /* minimum time between two reads of the guest's LEDs */
#define STATUS_PER_RUN   64
#define UNSHARED_MS      2000 /* how long after a kick to wait for a buffer to appear */
#define STUCK_MAX        64   /* less than what ends a connection: whoever is refused ends none */
#define LISTEN_AGAIN_MS  100
#define SHORTAGE_MS      1000 /* out of descriptors or memory */
#define ACCEPT_MS        10   /* pause after each connection if there are many */
#define LEDS             (1u << LED_NUML | 1u << LED_CAPSL | 1u << LED_SCROLLL)

struct vinput {
	struct vinput_model model;
	const struct vinput_ops *ops;
	void *owner;
	struct watch listener;
	struct timer listen_again;
	struct pace accepts;
	struct log_limit limit;
	struct vhost vhost;
	uint8_t select, subsel; /* the guest's last writes to the config space */

	bool up;
	unsigned most; /* the most buffers available at a time since the start */
	struct backlog backlog;
	struct timer retry;
	bool retrying;

	uint16_t leds;
	bool leds_known; /* the guest has set one since its driver started */
	struct timer status;
	bool status_rests; /* the timer of the status queue runs */

	struct timer unshared_timer;
	unsigned kicks;     /* since the event queue started */
	bool shortage_told; /* logged: no connection can be accepted */
	bool unshared, warned_unshared;

	bool told_up, told_connected; /* as last reported to the owner */
	uint16_t told_leds;
	bool told_leds_known;
};

/* Call this last: the owner may call vinput_send in the callback. */
static void tell(struct vinput *vinput)
{
	if (vinput->told_up == vinput->up && vinput->told_leds == vinput->leds &&
	    vinput->told_leds_known == vinput->leds_known &&
	    vinput->told_connected == vinput_connected(vinput))
		return;
	vinput->told_up = vinput->up;
	vinput->told_connected = vinput_connected(vinput);
	vinput->told_leds = vinput->leds;
	vinput->told_leds_known = vinput->leds_known;
	vinput->ops->changed(vinput);
}

static struct virtq *eventq(struct vinput *vinput)
{
	return &vinput->vhost.ring[EVENTQ].vq;
}

static void put_event(struct virtq *virtq, const struct input_event *ev)
{
	struct virtio_input_event event = {
		.type = htole16(ev->type),
		.code = htole16(ev->code),
		.value = htole32((uint32_t)ev->value),
	};

	virtq_put(virtq, &event, sizeof(event));
}

static void retry_later(struct vinput *vinput, unsigned ms)
{
	if (!vinput->retrying)
		timer_arm(&vinput->retry, ms, 0);
	vinput->retrying = true;
}

/* Returns the used buffers to the driver. A broken queue is handled from the loop. */
static void publish(struct vinput *vinput)
{
	if (virtq_publish(eventq(vinput)))
		vhost_signal(&vinput->vhost, EVENTQ);
	if (vhost_ring_broken(&vinput->vhost, EVENTQ)) {
		vinput->up = false;
		retry_later(vinput, 1);
	}
}

/* Hot. Sends the whole frame if the ring has room for it. */
static bool put_frame(struct vinput *vinput, const struct frame *frame)
{
	struct virtq *virtq = eventq(vinput);
	unsigned put = 0;

	if (virtq_room(virtq, frame->n) < frame->n)
		return false;
	for (unsigned i = 0; i + 1 < frame->n; i++) {
		if (!backlog_pass(&vinput->backlog, &frame->ev[i]))
			continue;
		put_event(virtq, &frame->ev[i]);
		put++;
	}
	if (put > 0)
		put_event(virtq, &frame->ev[frame->n - 1]);
	return true;
}

static unsigned look_for_room(struct vinput *vinput)
{
	unsigned room = virtq_room(eventq(vinput), FRAME_MAX);

	if (room > vinput->most)
		vinput->most = room;
	return room;
}

/*
 * The room that the oldest frame needs: for all of it, to avoid splitting. If the driver never
 * offers that much, or has had enough time, the smallest usable room.
 */
static unsigned room_wanted(struct vinput *vinput, bool impatient)
{
	unsigned want = impatient ? 2 : backlog_next(&vinput->backlog);

	if (want > vinput->most)
		want = vinput->most;
	return want < 2 ? 2 : want;
}

/* True if no frame is waiting any more. */
static bool put_waiting(struct vinput *vinput, bool impatient)
{
	struct virtq *virtq = eventq(vinput);
	struct frame frame;

	for (unsigned i = 0; i < FRAMES_PER_FLUSH && !backlog_empty(&vinput->backlog); i++) {
		unsigned room = look_for_room(vinput);
		unsigned want = room_wanted(vinput, impatient);

		if (room < want &&
		    (!virtq_wait(virtq, want) || (room = look_for_room(vinput)) < want))
			break;
		if (!backlog_pop(&vinput->backlog, room, &frame))
			break;
		for (unsigned k = 0; k < frame.n; k++)
			put_event(virtq, &frame.ev[k]);
	}
	return backlog_empty(&vinput->backlog);
}

static void flush(struct vinput *vinput, bool impatient)
{
	if (put_waiting(vinput, impatient))
		virtq_quiet(eventq(vinput));
	else
		retry_later(vinput, RETRY_MS);
	publish(vinput);
}

void vinput_send(struct vinput *vinput, const struct frame *frame)
{
	if (!vinput->up)
		return;
	if (backlog_empty(&vinput->backlog) && put_frame(vinput, frame)) {
		publish(vinput);
		return;
	}
	backlog_push(&vinput->backlog, frame);
	flush(vinput, false);
}

void vinput_release_all(struct vinput *vinput)
{
	struct keyset down = vinput->backlog.down;
	struct frame frame;

	while (frame_release(&frame, &down))
		vinput_send(vinput, &frame);
}

static void retry(struct timer *timer)
{
	struct vinput *vinput = container_of(timer, struct vinput, retry);
	bool running = vhost_running(&vinput->vhost, EVENTQ);

	vinput->retrying = false;
	if (running && vhost_ring_broken(&vinput->vhost, EVENTQ))
		vhost_break(&vinput->vhost, EVENTQ);
	else if (vinput->up && !backlog_empty(&vinput->backlog))
		flush(vinput, true);
	tell(vinput);
}

/* Accepts nothing but one of the three lock LEDs being on or off. */
static void take_status(struct vinput *vinput, const struct virtio_input_event *event)
{
	unsigned code = le16toh(event->code);
	uint32_t value = le32toh(event->value);

	if (le16toh(event->type) != EV_LED || code >= 16 ||
	    !(LEDS & vinput->model.leds >> code & 1))
		return;
	if (value > 1)
		return;
	vinput->leds = (uint16_t)((vinput->leds & ~(1u << code)) | value << code);
	vinput->leds_known = true;
}

/*
 * Reads the status queue. Then suppresses kicks until the queue stays empty for a period, so that a
 * guest can only cause a limited number of reads.
 */
static void take_statuses(struct vinput *vinput)
{
	struct virtq *virtq = &vinput->vhost.ring[STATUSQ].vq;
	struct virtio_input_event event;
	unsigned n = 0;
	int rc;

	virtq_quiet(virtq);
	while (n < STATUS_PER_RUN && (rc = virtq_get(virtq, &event, sizeof(event))) >= 0) {
		if (rc == sizeof(event))
			take_status(vinput, &event);
		n++;
	}
	if (virtq_publish(virtq))
		vhost_signal(&vinput->vhost, STATUSQ);
	vinput->status_rests = n > 0 || virtq_wait(virtq, 1);
	if (vinput->status_rests)
		timer_arm(&vinput->status, STATUS_MS, 0);
	if (vhost_ring_broken(&vinput->vhost, STATUSQ))
		vhost_break(&vinput->vhost, STATUSQ);
}

static void status_rested(struct timer *timer)
{
	struct vinput *vinput = container_of(timer, struct vinput, status);

	vinput->status_rests = false;
	if (vhost_running(&vinput->vhost, STATUSQ))
		take_statuses(vinput);
	tell(vinput);
}

static void set_up(struct vinput *vinput)
{
	vinput->up = vhost_running(&vinput->vhost, EVENTQ) && !vinput->unshared &&
		     !vhost_ring_broken(&vinput->vhost, EVENTQ);
}

/* The driver kicked. If its memory is not really shared with us, no buffer will ever appear. */
static void check_shared(struct vinput *vinput, bool sure)
{
	bool seen =
		look_for_room(vinput) > 0 || vinput->most > 0 || eventq(vinput)->last_avail != 0;

	if (!seen && sure && !vinput->unshared) {
		vinput->unshared = true;
		vinput->up = false; /* vinput_why depends on it */
		if (!vinput->warned_unshared)
			log_limited(&vinput->limit, LOG_LEVEL_WARN, "%s: %s",
				    log_str(vinput->model.name).text, vinput_why(vinput));
		vinput->warned_unshared = true;
	} else if (seen) {
		vinput->unshared = false;
	}
	if (vhost_ring_broken(&vinput->vhost, EVENTQ))
		vhost_break(&vinput->vhost, EVENTQ);
	set_up(vinput);
}

static void unshared_passed(struct timer *timer)
{
	struct vinput *vinput = container_of(timer, struct vinput, unshared_timer);

	if (vhost_running(&vinput->vhost, EVENTQ))
		check_shared(vinput, true);
	tell(vinput);
}

static void get_config(struct vhost *vhost, uint8_t config[VHOST_CONFIG_MAX])
{
	struct vinput *vinput = container_of(vhost, struct vinput, vhost);
	struct virtio_input_config answer;

	_Static_assert(sizeof(answer) == VHOST_CONFIG_MAX, "the config space has 136 bytes");
	vinput_config(&vinput->model, vinput->select, vinput->subsel, &answer);
	memcpy(config, &answer, sizeof(answer));
}

/* Only 'select' and 'subsel' are writable. */
static void set_config(struct vhost *vhost, unsigned offset, const uint8_t *bytes, unsigned size)
{
	struct vinput *vinput = container_of(vhost, struct vinput, vhost);

	for (unsigned i = 0; i < size; i++) {
		if (offset + i == offsetof(struct virtio_input_config, select))
			vinput->select = bytes[i];
		else if (offset + i == offsetof(struct virtio_input_config, subsel))
			vinput->subsel = bytes[i];
	}
}

static void start_events(struct vinput *vinput, bool fresh)
{
	vinput->kicks = vinput->most = 0;
	vinput->unshared = false;
	look_for_room(vinput);
	if (fresh) {
		backlog_reset(&vinput->backlog);
		vinput->leds = 0;
		vinput->leds_known = false;
	}
	/* A ring of one buffer cannot hold an event and its SYN_REPORT. */
	if (eventq(vinput)->num < 2)
		vhost_break(&vinput->vhost, EVENTQ);
	set_up(vinput);
	if (vinput->up)
		flush(vinput, false);
}

static void started(struct vhost *vhost, unsigned index, bool fresh)
{
	struct vinput *vinput = container_of(vhost, struct vinput, vhost);

	if (index == EVENTQ)
		start_events(vinput, fresh);
	else if (!vinput->status_rests)
		take_statuses(vinput);
	tell(vinput);
}

/* If the driver continues later, keys that are down in the guest must be released first. */
static void stopped(struct vhost *vhost, unsigned index)
{
	struct vinput *vinput = container_of(vhost, struct vinput, vhost);

	if (index == EVENTQ) {
		backlog_let_go(&vinput->backlog);
		vinput->up = false;
	}
	tell(vinput);
}

static void kicked(struct vhost *vhost, unsigned index)
{
	struct vinput *vinput = container_of(vhost, struct vinput, vhost);

	if (index == STATUSQ) {
		if (!vinput->status_rests)
			take_statuses(vinput);
	} else {
		/* The first may be the kick that every started ring gets. */
		if (vinput->kicks++ == 0)
			timer_arm(&vinput->unshared_timer, UNSHARED_MS, 0);
		check_shared(vinput, vinput->kicks > 1);
		if (vinput->up && !backlog_empty(&vinput->backlog))
			flush(vinput, false);
	}
	tell(vinput);
}

static void closed(struct vhost *vhost)
{
	struct vinput *vinput = container_of(vhost, struct vinput, vhost);

	log_limited(&vinput->limit, LOG_LEVEL_INFO, "%s: the front end disconnected",
		    log_str(vinput->model.name).text);
	backlog_let_go(&vinput->backlog);
	vinput->up = vinput->unshared = false;
	vinput->leds = 0;
	vinput->leds_known = false;
	tell(vinput);
}

static const struct vhost_ops vhost_ops = {
	.get_config = get_config,
	.set_config = set_config,
	.started = started,
	.stopped = stopped,
	.kicked = kicked,
	.closed = closed,
};

/* Further connections wait in the socket's backlog. */
static void rest_listener(struct vinput *vinput, unsigned ms)
{
	watch_stop(&vinput->listener);
	timer_arm(&vinput->listen_again, ms, 0);
}

static void tell_shortage(struct vinput *vinput, int error)
{
	rest_listener(vinput, SHORTAGE_MS);
	if (!vinput->shortage_told)
		log_limited(&vinput->limit, LOG_LEVEL_ERROR,
			    "%s: cannot accept a connection: %s: trying again every second",
			    log_str(vinput->model.name).text, strerror(error));
	vinput->shortage_told = true;
}

static void listener_ready(struct watch *watch, uint32_t events)
{
	struct vinput *vinput = container_of(watch, struct vinput, listener);
	int fd, rc;

	(void)events;
	if (peer_fd_stuck() > STUCK_MAX) {
		rest_listener(vinput, LISTEN_AGAIN_MS);
		return;
	}
	if (!pace_take(&vinput->accepts, pace_now_ms()))
		rest_listener(vinput, ACCEPT_MS);
	fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (is_shortage(errno))
			tell_shortage(vinput, errno);
		return;
	}
	vinput->shortage_told = false;
	if (vinput->vhost.open || !vinput->ops->admit(vinput, fd)) {
		close_later(fd); /* may close descriptors that are still unread in it */
		return;
	}
	vinput->select = vinput->subsel = 0;
	vinput->warned_unshared = false;
	rc = vhost_open(&vinput->vhost, vinput->retry.watch.loop, fd, &vhost_ops,
			vinput->model.name, &vinput->limit);
	if (rc < 0)
		log_limited(&vinput->limit, LOG_LEVEL_ERROR, "%s: cannot serve a connection: %s",
			    log_str(vinput->model.name).text, strerror(-rc));
	else
		log_limited(&vinput->limit, LOG_LEVEL_INFO, "%s: a front end connected",
			    log_str(vinput->model.name).text);
	tell(vinput);
}

static void listen_again(struct timer *timer)
{
	struct vinput *vinput = container_of(timer, struct vinput, listen_again);

	watch_start_peer(&vinput->listener, timer->watch.loop, vinput->listener.fd, EPOLLIN,
			 listener_ready);
}

static int open_all(struct vinput *vinput, struct loop *loop, int listener)
{
	int rc = timer_init(&vinput->retry, loop, retry);

	if (rc == 0)
		rc = timer_init(&vinput->status, loop, status_rested);
	if (rc == 0)
		rc = timer_init(&vinput->unshared_timer, loop, unshared_passed);
	if (rc == 0)
		rc = timer_init(&vinput->listen_again, loop, listen_again);
	if (rc == 0 && fcntl(listener, F_SETFL, O_NONBLOCK) < 0)
		rc = -errno;
	if (rc == 0)
		rc = watch_start_peer(&vinput->listener, loop, listener, EPOLLIN, listener_ready);
	return rc;
}

int vinput_new(struct loop *loop, int listener, const struct vinput_model *model,
	       const struct vinput_ops *ops, void *owner, struct vinput **out)
{
	struct vinput *vinput = calloc(1, sizeof(*vinput));
	int rc = -ENOMEM;

	*out = NULL;
	if (vinput) {
		vinput->model = *model;
		vinput->ops = ops;
		vinput->owner = owner;
		backlog_init(&vinput->backlog, model->step_max);
		vinput->backlog.no_repeats = model->repeat;
		rc = open_all(vinput, loop, listener);
	}
	if (rc < 0) {
		close_fd(&listener);
		vinput_free(vinput);
		return rc;
	}
	*out = vinput;
	return 0;
}

void vinput_free(struct vinput *vinput)
{
	if (!vinput)
		return;
	vhost_close(&vinput->vhost);
	timer_fini(&vinput->retry);
	timer_fini(&vinput->status);
	timer_fini(&vinput->unshared_timer);
	timer_fini(&vinput->listen_again);
	if (vinput->listener.fn) {
		watch_stop(&vinput->listener);
		close_fd(&vinput->listener.fd);
	}
	free(vinput);
}

void *vinput_owner(const struct vinput *vinput)
{
	return vinput->owner;
}

bool vinput_up(const struct vinput *vinput)
{
	return vinput->up;
}

bool vinput_connected(const struct vinput *vinput)
{
	return vinput->vhost.open;
}

uint16_t vinput_leds(const struct vinput *vinput)
{
	return vinput->leds;
}

bool vinput_leds_known(const struct vinput *vinput)
{
	return vinput->leds_known;
}

const char *vinput_why(const struct vinput *vinput)
{
	const struct vhost *vhost = &vinput->vhost;

	if (vinput->up)
		return "";
	if (!vhost->open)
		return "no VM is connected to its socket: start the VM; if it runs, give it what "
		       "evswitch --xml prints, and start it again";
	if (vhost->refused)
		return "the guest uses packed rings or an IOMMU for it: remove packed=on and "
		       "iommu_platform=on";
	if (vinput->unshared)
		return "the guest's memory is not shared. libvirt: <memoryBacking>"
		       "<source type='memfd'/><access mode='shared'/></memoryBacking>; QEMU: "
		       "-object memory-backend-memfd,id=mem,size=...,share=on "
		       "-machine memory-backend=mem";
	if (vmem_broken(&vhost->mem))
		return "the VM withdrew its shared memory: restart it";
	if (vhost->ring[EVENTQ].broken || vhost->ring[EVENTQ].vq.broken)
		return "the guest's driver violated the virtqueue protocol: restart the guest";
	return "the guest's driver has not started it: the guest is booting or paused, or has no "
	       "virtio-input driver";
}
