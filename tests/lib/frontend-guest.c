/* SPDX-License-Identifier: MIT */
/* The driver's part: the config space, the buffers and what comes in them, and the LEDs. */
#include "frontend.h"

#include <linux/virtio_input.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"
#include "base/util.h"

#define LINUX_BUFFERS 64
#define EVENT_SIZE    8
/* Nothing of the device's stands in the guest's buffers where this still does. */
#define UNTOUCHED 0xa5

/* --- the config space -------------------------------------------------------------------- */

static void write_config(struct frontend *fe, uint32_t offset, uint8_t value)
{
	struct vhost_user_config *config = &fe->config;
	struct vhost_user_config byte = { .offset = offset, .size = 1, .bytes = { value } };

	config->size = VHOST_CONFIG_SIZE;
	config->bytes[offset] = value;
	if (fe->play.kind == FRONTEND_UML)
		frontend_tell(fe, VHOST_USER_SET_CONFIG, &byte, 12 + 1, NULL, 0);
	else
		frontend_tell(fe, VHOST_USER_SET_CONFIG, config, sizeof(*config), NULL, 0);
}

static void read_config(struct frontend *fe, uint32_t size, uint8_t *bytes)
{
	struct vhost_user_config asked = { .size = size }, reply = { 0 };

	assert_int_equal(
		frontend_ask(fe, VHOST_USER_GET_CONFIG, &asked, 12 + size, &reply, sizeof(reply)),
		12 + size);
	assert_int_equal(reply.offset, 0);
	assert_int_equal(reply.size, size);
	memcpy(bytes, reply.bytes, size);
}

unsigned guest_config(struct frontend *fe, uint8_t select, uint8_t subsel, uint8_t *bytes)
{
	uint8_t all[VHOST_CONFIG_SIZE] = { 0 };
	unsigned size, reads;

	write_config(fe, 0, select);
	write_config(fe, 1, subsel);
	read_config(fe, fe->play.kind == FRONTEND_UML ? 3 : VHOST_CONFIG_SIZE, all);
	size = all[2];
	assert_in_range(size, 0, 128);
	/* QEMU asks anew for every byte that the guest reads. */
	reads = fe->play.kind == FRONTEND_UML ? 1 : size + 1;
	for (unsigned i = 0; i < reads; i++) {
		read_config(fe, VHOST_CONFIG_SIZE, all);
		assert_int_equal(all[0], select);
		assert_int_equal(all[1], subsel);
		assert_int_equal(all[2], size);
	}
	memcpy(bytes, all + 8, 128);
	for (unsigned i = size; i < 128; i++)
		assert_int_equal(bytes[i], 0);
	return size;
}

static void expect_config(struct frontend *fe, uint8_t select, uint8_t subsel, const void *expected,
			  unsigned size)
{
	uint8_t bytes[128];

	assert_int_equal(guest_config(fe, select, subsel, bytes), size);
	assert_memory_equal(bytes, expected, size);
}

/* A bitmap is as long as its last bit needs. */
static void expect_bits(struct frontend *fe, uint8_t type, const void *bits, unsigned size)
{
	while (size > 0 && ((const uint8_t *)bits)[size - 1] == 0)
		size--;
	expect_config(fe, VIRTIO_INPUT_CFG_EV_BITS, type, bits, size);
}

void guest_probe(struct frontend *fe, const struct vinput_model *model)
{
	const uint16_t ids[] = { model->bustype, model->vendor, model->product, model->version };
	uint8_t repeat[128];

	expect_config(fe, VIRTIO_INPUT_CFG_ID_NAME, 0, model->name, (unsigned)strlen(model->name));
	expect_config(fe, VIRTIO_INPUT_CFG_ID_SERIAL, 0, model->serial,
		      (unsigned)strlen(model->serial));
	expect_config(fe, VIRTIO_INPUT_CFG_ID_DEVIDS, 0, ids, sizeof(ids));
	expect_config(fe, VIRTIO_INPUT_CFG_PROP_BITS, 0, NULL, 0);
	assert_int_equal(guest_config(fe, VIRTIO_INPUT_CFG_EV_BITS, EV_REP, repeat) > 0,
			 model->repeat);
	expect_bits(fe, EV_KEY, &model->keys, sizeof(model->keys));
	expect_bits(fe, EV_REL, &model->rel, sizeof(model->rel));
	expect_bits(fe, EV_ABS, NULL, 0);
	expect_bits(fe, EV_MSC, NULL, 0);
	expect_bits(fe, EV_SW, NULL, 0);
	expect_bits(fe, EV_LED, &model->leds, sizeof(model->leds));
	expect_bits(fe, EV_SND, NULL, 0);
}

/* --- its buffers ------------------------------------------------------------------------- */

static unsigned descriptors_each(const struct frontend *fe)
{
	return fe->play.layout == GUEST_SPLIT ? 2 : 1;
}

static uint8_t *slot(const struct frontend *fe, unsigned buffer)
{
	return fe->slots[buffer & 1] + 16UL * (buffer / 2);
}

static struct vring_desc piece(const struct frontend *fe, uint8_t *at, uint32_t len, int next)
{
	return (struct vring_desc){
		.addr = frontend_gpa(fe, at),
		.len = len,
		.flags = (uint16_t)(VRING_DESC_F_WRITE | (next >= 0 ? VRING_DESC_F_NEXT : 0)),
		.next = (uint16_t)(next >= 0 ? next : 0),
	};
}

static void describe(struct frontend *fe, unsigned buffer)
{
	struct vring_desc *desc = fe->ring[EVENTQ].vring.desc;
	struct vring_desc *table = (struct vring_desc *)(void *)fe->indirect + 2UL * buffer;
	uint8_t *at = slot(fe, buffer);
	unsigned head = buffer * descriptors_each(fe);

	memset(at, UNTOUCHED, 16);
	switch (fe->play.layout) {
	case GUEST_DIRECT:
		desc[head] = piece(fe, at, EVENT_SIZE, -1);
		break;
	case GUEST_LONG:
		desc[head] = piece(fe, at, 16, -1);
		break;
	case GUEST_SPLIT:
		desc[head] = piece(fe, at, 3, (int)head + 1);
		desc[head + 1] = piece(fe, at + 3, 5, -1);
		break;
	case GUEST_INDIRECT:
		table[0] = piece(fe, at, 3, 1);
		table[1] = piece(fe, at + 3, 5, -1);
		desc[head] = (struct vring_desc){ frontend_gpa(fe, table), 2 * sizeof(*table),
						  VRING_DESC_F_INDIRECT, 0 };
		break;
	}
}

static unsigned count_buffers(const struct frontend *fe)
{
	unsigned most = fe->play.num / descriptors_each(fe);
	unsigned wanted = fe->play.buffers ? fe->play.buffers : LINUX_BUFFERS;

	return wanted < most ? wanted : most;
}

static void keep(struct guest *guest, uint16_t head)
{
	guest->kept[(guest->first_kept + guest->n_kept++) % guest->buffers] = head;
}

void guest_reset(struct frontend *fe)
{
	struct guest *guest = &fe->guest;

	free(guest->log);
	free(guest->kept);
	free(guest->given);
	*guest = (struct guest){ .buffers = count_buffers(fe) };
	guest->kept = calloc(fe->play.num, sizeof(*guest->kept));
	guest->given = calloc(fe->play.num, sizeof(*guest->given));
	assert_true(guest->kept && guest->given);
	for (unsigned i = 0; i < RINGS; i++) {
		struct frontend_ring *ring = &fe->ring[i];

		memset(ring->vring.desc, 0, 16UL * ring->vring.num);
		memset(ring->vring.avail, 0, 6 + 2UL * ring->vring.num);
		memset(ring->vring.used, 0, 6 + 8UL * ring->vring.num);
		ring->avail = ring->used = ring->kicked = ring->base = 0;
		ring->muted = ring->no_kick = false;
	}
	/* In no particular order, as after a while in a real driver: 7 has no factor in common
	 * with any number of buffers here. */
	for (unsigned i = 0; i < guest->buffers; i++) {
		unsigned buffer = (i * 7 + 3) % guest->buffers;

		describe(fe, buffer);
		keep(guest, (uint16_t)(buffer * descriptors_each(fe)));
	}
}

static void make_available(struct frontend_ring *ring, uint16_t head)
{
	ring->vring.avail->ring[ring->avail % ring->vring.num] = head;
	__atomic_store_n(&ring->vring.avail->idx, ++ring->avail, __ATOMIC_RELEASE);
}

void guest_lie(struct frontend *fe, unsigned ring, uint16_t head)
{
	make_available(&fe->ring[ring], head);
}

void guest_kick_anyway(struct frontend *fe, unsigned i)
{
	uint64_t one = 1;

	assert_int_equal(write(fe->ring[i].kick, &one, sizeof(one)), sizeof(one));
}

static bool device_wants_kick(struct frontend *fe, struct frontend_ring *ring)
{
	uint16_t before = ring->kicked;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	ring->kicked = ring->avail;
	if (fe->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(vring_avail_event(&ring->vring), ring->avail, before);
	return !(ring->vring.used->flags & VRING_USED_F_NO_NOTIFY);
}

void guest_kick(struct frontend *fe, unsigned i)
{
	struct frontend_ring *ring = &fe->ring[i];

	if (ring->no_kick || ring->kick < 0 || !device_wants_kick(fe, ring))
		return;
	ring->kicks++;
	guest_kick_anyway(fe, i);
}

void guest_give(struct frontend *fe, unsigned n)
{
	struct guest *guest = &fe->guest;

	for (; n > 0 && guest->n_kept > 0; n--, guest->n_kept--) {
		uint16_t head = guest->kept[guest->first_kept];

		guest->first_kept = (guest->first_kept + 1) % guest->buffers;
		guest->given[head] = true;
		make_available(&fe->ring[EVENTQ], head);
	}
	guest_kick(fe, EVENTQ);
}

/* --- what comes -------------------------------------------------------------------------- */

static void append(struct guest *guest, const struct guest_event *event)
{
	if (guest->n_log == guest->log_max) {
		guest->log_max = guest->log_max ? 2 * guest->log_max : 256;
		guest->log = realloc(guest->log, guest->log_max * sizeof(*event));
		assert_non_null(guest->log);
	}
	guest->log[guest->n_log++] = *event;
}

void guest_forget(struct frontend *fe)
{
	fe->guest.n_log = fe->guest.events = 0;
}

/* As the guest's input core sees it, but for what that would silently mend. */
static void believe(struct guest *guest, const struct guest_event *event)
{
	append(guest, event);
	guest->in_frame++;
	guest->events += event->type != EV_SYN;
	switch (event->type) {
	case EV_KEY:
		if (event->value != 2 && !guest->forgives)
			assert_int_equal(keyset_has(&guest->down, event->code), !event->value);
		if (event->value == 1)
			keyset_add(&guest->down, event->code);
		else if (event->value == 0)
			keyset_remove(&guest->down, event->code);
		break;
	case EV_REL:
		assert_in_range(event->code, 0, REL_CNT - 1);
		guest->rel[event->code] += event->value;
		break;
	case EV_SYN:
		assert_int_equal(event->code, SYN_REPORT);
		assert_int_equal(event->value, 0);
		assert_true(guest->in_frame > 1);
		guest->in_frame = 0;
		break;
	default:
		fail_msg("an event of type %u", event->type);
	}
}

static void take_buffer(struct frontend *fe, const struct vring_used_elem *elem)
{
	struct guest *guest = &fe->guest;
	struct guest_event event;
	uint8_t *at;

	assert_true(elem->id < fe->play.num && guest->given[elem->id]);
	assert_int_equal(elem->len, EVENT_SIZE);
	at = slot(fe, elem->id / descriptors_each(fe));
	memcpy(&event, at, sizeof(event));
	for (unsigned i = EVENT_SIZE; i < 16; i++)
		assert_int_equal(at[i], UNTOUCHED);
	memset(at, UNTOUCHED, EVENT_SIZE);
	guest->given[elem->id] = false;
	keep(guest, (uint16_t)elem->id);
	believe(guest, &event);
}

static bool take_used(struct frontend_ring *ring, struct vring_used_elem *elem)
{
	if (__atomic_load_n(&ring->vring.used->idx, __ATOMIC_ACQUIRE) == ring->used)
		return false;
	*elem = ring->vring.used->ring[ring->used++ % ring->vring.num];
	return true;
}

/* True where something came between the last look and this. */
static bool want_call(struct frontend *fe, struct frontend_ring *ring)
{
	if (ring->muted)
		return false;
	if (fe->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX))
		vring_used_event(&ring->vring) = ring->used;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&ring->vring.used->idx, __ATOMIC_ACQUIRE) != ring->used;
}

unsigned guest_harvest(struct frontend *fe)
{
	struct frontend_ring *ring = &fe->ring[EVENTQ];
	struct vring_used_elem elem;
	unsigned n = 0;

	do {
		for (; take_used(ring, &elem); n++)
			take_buffer(fe, &elem);
	} while (want_call(fe, ring));
	if (!fe->guest.keeps && n)
		guest_give(fe, fe->guest.n_kept);
	return n;
}

void guest_mute(struct frontend *fe, unsigned i, bool muted)
{
	struct frontend_ring *ring = &fe->ring[i];

	ring->muted = muted;
	if (fe->features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX))
		vring_used_event(&ring->vring) = (uint16_t)(ring->used - (muted ? 1 : 0));
	else
		ring->vring.avail->flags = muted ? VRING_AVAIL_F_NO_INTERRUPT : 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void guest_drain(struct frontend *fe, struct backend *backend)
{
	do
		backend_sync(backend);
	while (guest_harvest(fe));
}

static void read_calls(struct frontend_ring *ring)
{
	uint64_t calls;

	if (ring->call >= 0 && read(ring->call, &calls, sizeof(calls)) == sizeof(calls))
		ring->calls += calls;
}

uint64_t guest_calls(struct frontend *fe, unsigned i)
{
	struct frontend_ring *ring = &fe->ring[i];
	uint64_t calls;

	read_calls(ring);
	calls = ring->calls;
	ring->calls = 0;
	return calls;
}

/* Who is muted has to look by itself. */
static void await_call(struct frontend_ring *ring, long deadline, const char *what)
{
	struct pollfd call = { .fd = ring->call, .events = POLLIN };
	long left = deadline - now_ms();

	if (left <= 0 || (poll(&call, 1, ring->muted ? 2 : (int)left) == 0 && !ring->muted))
		fail_msg("no notification of %s", what);
	read_calls(ring);
}

void guest_await(struct frontend *fe, unsigned events)
{
	long deadline = now_ms() + BACKEND_MS;

	guest_harvest(fe);
	while (fe->guest.events < events || fe->guest.in_frame) {
		await_call(&fe->ring[EVENTQ], deadline, "events");
		guest_harvest(fe);
	}
}

static bool same(const struct guest_event *a, const struct guest_event *b)
{
	return a->type == b->type && a->code == b->code && a->value == b->value;
}

void guest_expect(struct frontend *fe, const struct guest_event *events, unsigned n, bool cut)
{
	const struct guest *guest = &fe->guest;
	unsigned at = 0, n_events = 0;

	for (unsigned i = 0; i < n; i++)
		n_events += events[i].type != EV_SYN;
	guest_await(fe, n_events);
	for (unsigned i = 0; i < guest->n_log; i++) {
		const struct guest_event *got = &guest->log[i];

		if (at < n && same(got, &events[at]))
			at++;
		else if (got->type != EV_SYN || (!cut && i + 1 < guest->n_log))
			fail_msg("event %u of %u is (%u,%u,%d)", i, guest->n_log, got->type,
				 got->code, got->value);
	}
	assert_int_equal(at, n);
	guest_forget(fe);
}

void make_frame(struct frame *frame, const struct guest_event *events, unsigned n)
{
	static const struct input_event now = { 0 };

	frame->n = 0;
	frame->resync = false;
	for (unsigned i = 0; i < n; i++)
		frame_put(frame, &now, events[i].type, events[i].code, events[i].value);
	frame_close(frame, &now);
}

/* --- LEDs -------------------------------------------------------------------------------- */

static void reclaim_status(struct frontend *fe)
{
	struct frontend_ring *ring = &fe->ring[STATUSQ];
	struct vring_used_elem elem;

	do {
		for (; take_used(ring, &elem); fe->guest.status_taken++) {
			assert_int_equal(elem.id, fe->guest.status_taken % fe->play.num);
			assert_int_equal(elem.len, 0);
		}
	} while (want_call(fe, ring));
}

static void await_status(struct frontend *fe, unsigned in_flight)
{
	long deadline = now_ms() + BACKEND_MS;

	reclaim_status(fe);
	while (fe->guest.status_sent - fe->guest.status_taken > in_flight) {
		await_call(&fe->ring[STATUSQ], deadline, "LEDs taken");
		reclaim_status(fe);
	}
}

void guest_status(struct frontend *fe, uint16_t type, uint16_t code, int32_t value)
{
	struct frontend_ring *ring = &fe->ring[STATUSQ];
	struct guest_event event = { type, code, value };
	unsigned head = fe->guest.status_sent % fe->play.num;
	uint8_t *at = fe->status + 8UL * head;

	await_status(fe, fe->play.num - 1);
	memcpy(at, &event, sizeof(event));
	ring->vring.desc[head] = (struct vring_desc){ frontend_gpa(fe, at), EVENT_SIZE, 0, 0 };
	fe->guest.status_sent++;
	make_available(ring, (uint16_t)head);
	guest_kick(fe, STATUSQ);
}

void guest_await_status(struct frontend *fe)
{
	await_status(fe, 0);
}

void guest_await_call(struct frontend *fe, const char *what)
{
	struct pollfd call = { .fd = fe->ring[EVENTQ].call, .events = POLLIN };

	if (poll(&call, 1, BACKEND_MS) != 1)
		fail_msg("the guest waits for %s, and nothing comes", what);
	guest_calls(fe, EVENTQ);
}

void guest_await_released(struct frontend *fe)
{
	guest_harvest(fe);
	while (!keyset_empty(&fe->guest.down) || fe->guest.in_frame) {
		guest_await_call(fe, "releases");
		guest_harvest(fe);
	}
	guest_forget(fe);
}

void guest_await_key(struct frontend *fe, uint16_t code, int value)
{
	guest_harvest(fe);
	while (keyset_has(&fe->guest.down, code) != value || fe->guest.in_frame) {
		guest_await_call(fe, "a key");
		guest_harvest(fe);
	}
}

void guest_await_rel(struct frontend *fe, uint16_t code, int64_t sum)
{
	guest_harvest(fe);
	while (fe->guest.rel[code] != sum) {
		guest_await_call(fe, "motion");
		guest_harvest(fe);
	}
}

void guest_expect_key(struct frontend *fe, uint16_t code, int value)
{
	guest_expect(fe, EVENTS({ EV_KEY, code, value }, { EV_SYN, SYN_REPORT, 0 }), false);
}
