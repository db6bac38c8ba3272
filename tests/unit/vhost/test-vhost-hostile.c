/* SPDX-License-Identifier: MIT */
/*
 * The vhost-user back end against a front end that was taken over by its guest, and against a guest
 * that lies in its rings. One test for each rule; where a rule was learned from a published flaw of
 * another back end, its CVE is named. Every test ends in stand_survived: the process lives, the other
 * device goes on, an honest guest can come after, and nothing was leaked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "now.h"
#include "stand.h"
#include "stuck.h"
#include "base/util.h"

/* How far the honest part has come when the lie begins. */
enum from { RAW, REALIZED, STARVED, STARTED };

struct hostile {
	enum from from;
	const char *name;
	void (*attack)(struct stand *stand);
};

static const struct frontend_play victim = { .kind = FRONTEND_QEMU_7,
					     .num = 64,
					     .want = BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
						     BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) };

static void begin(struct stand *stand)
{
	const struct hostile *hostile = stand->param;
	struct frontend *fe = &stand->fe;

	frontend_init(fe, &victim);
	frontend_connect(fe, stand->backend.path[DEVICE]);
	if (hostile->from >= REALIZED)
		frontend_realize(fe);
	if (hostile->from >= STARVED) {
		frontend_start(fe);
		backend_await_up(&stand->backend, DEVICE, true);
	}
	if (hostile->from >= STARTED)
		guest_give(fe, fe->guest.buffers);
}

/* Another connection, as far as the one before was: each lie is told to a fresh one. */
static void again(struct stand *stand)
{
	stand_end(stand);
	begin(stand);
}

static void run(void **state)
{
	struct stand *stand = *state;
	const struct hostile *hostile = stand->param;

	begin(stand);
	hostile->attack(stand);
	stand_survived(stand);
}

static unsigned xorshift(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (unsigned)(*random >> 32);
}

static void type(struct stand *stand)
{
	for (int down = 1; down >= 0; down--)
		stand_send(stand, EVENTS({ EV_KEY, KEY_A, down }));
}

/* --- lies on the socket ------------------------------------------------------------------ */

/* The message is refused: by a nack, or by the end of the connection. */
static void lie(struct stand *stand, uint32_t request, const void *payload, size_t size,
		const int *fds, unsigned n)
{
	if (frontend_message(&stand->fe, request, VHOST_USER_NEED_REPLY_MASK, payload, size, fds,
			     n))
		frontend_expect_refused(&stand->fe);
	again(stand);
}

static void lie_state(struct stand *stand, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_vring_state state = { index, num };

	lie(stand, request, &state, sizeof(state), NULL, 0);
}

/* Whatever the answer is, if there is one: the connection is left. */
static void say(struct frontend *fe, uint32_t request, const void *payload, size_t size,
		const int *fds, unsigned n)
{
	frontend_message(fe, request, 0, payload, size, fds, n);
}

/* Waits until all that was said was done: by the answer to a question, or by the end. */
static void await_said(struct frontend *fe)
{
	const struct vhost_user_config config = { .size = 1 };
	struct vhost_user_header header;
	uint8_t payload[4096];

	say(fe, VHOST_USER_GET_CONFIG, &config, 13, NULL, 0);
	while (frontend_read(fe, &header, sizeof(header)) && header.size <= sizeof(payload) &&
	       frontend_read(fe, payload, header.size) && header.request != VHOST_USER_GET_CONFIG)
		;
}

static void version_is_checked(struct stand *stand)
{
	for (uint32_t version = 0; version < 4; version++) {
		struct vhost_user_header header = { VHOST_USER_GET_FEATURES, version, 0 };

		if (version == VHOST_USER_VERSION)
			continue;
		if (frontend_write(&stand->fe, &header, sizeof(header), NULL, 0))
			frontend_expect_closed(&stand->fe);
		again(stand);
	}
}

static void reserved_flags_are_refused(struct stand *stand)
{
	for (unsigned bit = 4; bit < 32; bit += 9) {
		struct vhost_user_header header = { VHOST_USER_SET_OWNER,
						    VHOST_USER_VERSION | 1U << bit, 0 };

		if (frontend_write(&stand->fe, &header, sizeof(header), NULL, 0))
			frontend_expect_closed(&stand->fe);
		again(stand);
	}
}

static void answer_that_nobody_asked_for(struct stand *stand)
{
	uint64_t value = 0;

	if (frontend_message(&stand->fe, VHOST_USER_GET_FEATURES, VHOST_USER_REPLY_MASK, &value, 8,
			     NULL, 0))
		frontend_expect_closed(&stand->fe);
}

/* What is announced comes, too: a bound that is missing shows by more than the deadline. */
static void message_size_is_bounded(struct stand *stand)
{
	static const uint32_t too_long[] = { 4097, 65536, 0x7fffffff, 0x80000000, 0xffffffff };
	static uint8_t payload[32768];

	memset(payload, 0x5a, sizeof(payload));
	for (unsigned i = 0; i < ARRAY_SIZE(too_long); i++) {
		struct vhost_user_header header = { VHOST_USER_SET_CONFIG, VHOST_USER_VERSION,
						    too_long[i] };

		if (frontend_write(&stand->fe, &header, sizeof(header), NULL, 0))
			send(stand->fe.sock, payload, sizeof(payload), MSG_DONTWAIT | MSG_NOSIGNAL);
		frontend_expect_closed(&stand->fe);
		again(stand);
	}
}

static const struct {
	uint32_t request;
	size_t size;
} sizes[] = {
	{ VHOST_USER_GET_FEATURES, 0 },
	{ VHOST_USER_SET_FEATURES, 8 },
	{ VHOST_USER_SET_OWNER, 0 },
	{ VHOST_USER_SET_VRING_NUM, 8 },
	{ VHOST_USER_SET_VRING_ADDR, 40 },
	{ VHOST_USER_SET_VRING_BASE, 8 },
	{ VHOST_USER_GET_VRING_BASE, 8 },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, 0 },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, 8 },
	{ VHOST_USER_GET_QUEUE_NUM, 0 },
	{ VHOST_USER_SET_VRING_ENABLE, 8 },
};

static void payload_is_not_too_short(struct stand *stand)
{
	static const uint8_t zeros[64];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (!sizes[i].size)
			continue;
		lie(stand, sizes[i].request, zeros, sizes[i].size - 1, NULL, 0);
		lie(stand, sizes[i].request, zeros, 0, NULL, 0);
	}
}

static void payload_is_not_too_long(struct stand *stand)
{
	static const uint8_t zeros[64];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		frontend_message(&stand->fe, sizes[i].request, 0, zeros, sizes[i].size + 4, NULL,
				 0);
		frontend_expect_closed(&stand->fe);
		again(stand);
	}
}

static void request_0_ends_nothing(struct stand *stand)
{
	lie(stand, 0, NULL, 0, NULL, 0);
}

static void unknown_request_is_refused(struct stand *stand)
{
	static const uint32_t requests[] = { 23, 26, 27, 44, 63, 64, 100, 255, 256, 0x80000001 };
	uint64_t value = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++) {
		lie(stand, requests[i], NULL, 0, NULL, 0);
		lie(stand, requests[i], &value, sizeof(value), NULL, 0);
	}
}

static void half_a_header_is_not_waited_for(struct stand *stand)
{
	const struct vhost_user_header header = { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0 };

	frontend_write(&stand->fe, &header, 5, NULL, 0);
	backend_expect_idle(&stand->backend);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	frontend_expect_closed(&stand->fe);
}

static void half_a_payload_is_not_waited_for(struct stand *stand)
{
	const struct {
		struct vhost_user_header header;
		uint32_t half;
	} message = { { VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, 8 }, 0 };

	frontend_write(&stand->fe, &message, sizeof(message), NULL, 0);
	backend_expect_idle(&stand->backend);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	frontend_expect_closed(&stand->fe);
}

/* A second for all of a message, and not for each byte: this one would take an hour. */
static void trickle_is_not_waited_for(struct stand *stand)
{
	const struct vhost_user_header header = { VHOST_USER_SET_CONFIG, VHOST_USER_VERSION, 4096 };
	struct pollfd closed = { .fd = stand->fe.sock, .events = POLLIN };
	unsigned sent = 0;

	assert_true(frontend_write(&stand->fe, &header, sizeof(header), NULL, 0));
	while (poll(&closed, 1, 500) == 0) {
		assert_in_range(sent++, 0, 100);
		frontend_write(&stand->fe, "", 1, NULL, 0);
	}
	frontend_expect_closed(&stand->fe);
}

static void half_a_message_and_gone(struct stand *stand)
{
	const struct vhost_user_header header = { VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, 8 };

	for (unsigned size = 1; size <= sizeof(header); size++) {
		frontend_write(&stand->fe, &header, size, NULL, 0);
		again(stand);
	}
}

/* Time enough for the back end's deadline to pass: then an end proves nothing. */
static bool was_slow(long since)
{
	return now_ms() - since > 700;
}

/* No lie: a stream has no messages, and may come in any pieces. */
static void message_in_single_bytes(struct stand *stand)
{
	const struct {
		struct vhost_user_header header;
		struct vhost_vring_state state;
	} message = { { VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, 8 }, { EVENTQ, 0 } };
	uint8_t answer[20];
	long start = now_ms();

	for (unsigned i = 0; i < sizeof(message); i++) {
		if (!frontend_write(&stand->fe, (const uint8_t *)&message + i, 1, NULL, 0)) {
			assert_true(was_slow(start));
			return;
		}
		backend_sync(&stand->backend);
	}
	assert_true(frontend_read(&stand->fe, answer, sizeof(answer)) || was_slow(start));
}

/* The rest is there in time, and nobody looks: that is not the front end's fault. */
static void message_waits_for_a_late_look(struct stand *stand)
{
	const struct vhost_user_header message = { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0 };
	const uint8_t *bytes = (const uint8_t *)&message;
	uint8_t answer[20];
	int status;

	assert_true(frontend_write(&stand->fe, bytes, 6, NULL, 0));
	backend_sync(&stand->backend);
	kill(stand->backend.pid, SIGSTOP);
	assert_int_equal(waitpid(stand->backend.pid, &status, WUNTRACED), stand->backend.pid);
	assert_true(frontend_write(&stand->fe, bytes + 6, 6, NULL, 0));
	usleep(1200000); /* time is what it waits for */
	kill(stand->backend.pid, SIGCONT);
	assert_true(frontend_read(&stand->fe, answer, sizeof(answer)));
}

/*
 * The end of a message and the beginning of the next in one piece, again and again: each has a second of
 * its own. Where we were slow ourselves, it is no proof.
 */
static void each_message_has_its_own_time(struct stand *stand)
{
	const struct vhost_user_header message = { VHOST_USER_SET_OWNER, VHOST_USER_VERSION, 0 };
	const uint8_t *bytes = (const uint8_t *)&message;
	uint8_t turned[sizeof(message)];
	struct pollfd closed = { .fd = stand->fe.sock, .events = POLLIN };
	long begun = now_ms(),
	     before = begun; /* the message that is under way, and the one before it */

	memcpy(turned, bytes + 6, 6);
	memcpy(turned + 6, bytes, 6);
	assert_true(frontend_write(&stand->fe, bytes, 6, NULL, 0));
	for (unsigned i = 0; i < 6; i++) {
		bool ended = poll(&closed, 1, 300) != 0;
		long now = now_ms();

		if (ended || !frontend_write(&stand->fe, turned, sizeof(turned), NULL, 0)) {
			assert_true(was_slow(begun) || was_slow(before));
			return;
		}
		before = begun;
		begun = now;
	}
}

static void messages_in_one_piece(struct stand *stand)
{
	struct vhost_user_header headers[100];
	uint8_t answer[20];

	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++)
		headers[i] = (struct vhost_user_header){ VHOST_USER_GET_FEATURES,
							 VHOST_USER_VERSION, 0 };
	assert_true(frontend_write(&stand->fe, headers, sizeof(headers), NULL, 0));
	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++)
		assert_true(frontend_read(&stand->fe, answer, sizeof(answer)));
}

static void silent_peer(struct stand *stand)
{
	backend_await_connected(&stand->backend, DEVICE, true);
	backend_expect_idle(&stand->backend);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
}

/* Until the back end takes no more, or has closed. */
static void flood(struct stand *stand, uint32_t request, const void *payload, size_t size)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[160];
	} message = { .header = { request, VHOST_USER_VERSION, (uint32_t)size } };
	ssize_t sent = 0;

	if (size)
		memcpy(message.payload, payload, size);
	for (unsigned i = 0; i < 100000 && sent >= 0; i++) {
		sent = send(stand->fe.sock, &message, sizeof(message.header) + size,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		/* Half a message is as good. */
		if (i % 256 == 0)
			stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	}
	backend_expect_idle(&stand->backend);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
}

static void peer_that_does_not_read(struct stand *stand)
{
	flood(stand, VHOST_USER_GET_FEATURES, NULL, 0);
}

static void peer_that_does_not_read_its_config(struct stand *stand)
{
	const struct vhost_user_config config = { .size = VHOST_CONFIG_SIZE };

	flood(stand, VHOST_USER_GET_CONFIG, &config, sizeof(config));
}

static void flood_of_messages(struct stand *stand)
{
	const uint64_t features =
		BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES);

	for (unsigned i = 0; i < 20000; i++) {
		assert_true(frontend_message(&stand->fe, VHOST_USER_SET_FEATURES, 0, &features, 8,
					     NULL, 0));
		if (i % 500 == 0)
			stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	}
}

static void comes_and_goes(struct stand *stand)
{
	for (unsigned i = 0; i < 600; i++) {
		frontend_close(&stand->fe);
		frontend_connect(&stand->fe, stand->backend.path[DEVICE]);
	}
	/* Those that still stand in the listener's queue. */
	for (unsigned i = 0; i < 20; i++)
		backend_sync(&stand->backend);
}

static void refused_user_gets_nothing(struct stand *stand)
{
	stand_end(stand);
	backend_admit(&stand->backend, false);
	frontend_init(&stand->fe, &victim);
	frontend_connect(&stand->fe, stand->backend.path[DEVICE]);
	frontend_expect_closed(&stand->fe);
	assert_int_equal(backend_state(&stand->backend, DEVICE).asked, getuid());
	assert_false(backend_state(&stand->backend, DEVICE).connected);
	backend_admit(&stand->backend, true);
	frontend_fini(&stand->fe);
	begin(stand);
}

static void refused_users_leak_nothing(struct stand *stand)
{
	stand_end(stand);
	backend_admit(&stand->backend, false);
	for (unsigned i = 0; i < 500; i++) {
		frontend_init(&stand->fe, &victim);
		frontend_connect(&stand->fe, stand->backend.path[DEVICE]);
		frontend_write(&stand->fe, "any bytes", 9, &stand->fe.memfd, 1);
		frontend_expect_closed(&stand->fe);
		frontend_fini(&stand->fe);
	}
	assert_int_equal(backend_holds(&stand->backend).fds, stand->before.fds);
	backend_admit(&stand->backend, true);
	begin(stand);
}

/* Who connects meanwhile waits, nobody is asked again and again, and the next second lets him in. */
static void out_of_descriptors_is_waited_for(struct stand *stand)
{
	struct rlimit few = { .rlim_cur = 1 }, before; /* poll() wants room for what it looks at */

	stand_end(stand);
	assert_int_equal(prlimit(stand->backend.pid, RLIMIT_NOFILE, NULL, &before), 0);
	few.rlim_max = before.rlim_max;
	assert_int_equal(prlimit(stand->backend.pid, RLIMIT_NOFILE, &few, NULL), 0);
	frontend_init(&stand->fe, &victim);
	frontend_connect(&stand->fe, stand->backend.path[DEVICE]);
	backend_sync(&stand->backend);
	backend_expect_idle(&stand->backend);
	assert_false(backend_state(&stand->backend, DEVICE).connected);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	assert_int_equal(prlimit(stand->backend.pid, RLIMIT_NOFILE, &before, NULL), 0);
	backend_await_connected(&stand->backend, DEVICE, true);
	frontend_realize(&stand->fe);
}

static void second_connection_is_refused(struct stand *stand)
{
	struct frontend second;

	frontend_init(&second, &victim);
	frontend_connect(&second, stand->backend.path[DEVICE]);
	frontend_expect_closed(&second);
	frontend_fini(&second);
	guest_calls(&stand->fe, EVENTQ);
	stand_delivers(stand, DEVICE, &stand->fe);
}

static void random_bytes(struct stand *stand)
{
	uint64_t random = 88172645463325252;
	uint8_t bytes[256];

	for (unsigned i = 0; i < 500; i++) {
		for (unsigned k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)xorshift(&random);
		/* Every second one begins like a message. */
		if (i % 2)
			memcpy(bytes, (uint32_t[]){ xorshift(&random) % 45, 1, bytes[8] % 64 }, 12);
		frontend_write(&stand->fe, bytes, 1 + xorshift(&random) % sizeof(bytes), NULL, 0);
		again(stand);
	}
}

/* Well-formed messages in any order, with values that are now right and now wrong. */
static void random_message(struct frontend *fe, uint64_t *random)
{
	const struct frontend_ring *ring = &fe->ring[xorshift(random) % RINGS];
	uint32_t index = xorshift(random) % 16 ? xorshift(random) % RINGS : xorshift(random);
	struct vhost_vring_state state = { index, 1U << xorshift(random) % 17 };
	struct vhost_vring_addr addr = { .index = index,
					 .desc_user_addr = frontend_user(fe, ring->vring.desc),
					 .avail_user_addr = frontend_user(fe, ring->vring.avail),
					 .used_user_addr = frontend_user(fe, ring->vring.used) };
	uint64_t word =
		xorshift(random) % 4 ? index & 0xff : (index & 0xff) | VHOST_USER_VRING_NOFD_MASK;
	int fds[] = { fe->memfd, fe->memfd }, event = fe->ring[EVENTQ].err;
	size_t table = 8 + fe->memory.n * sizeof(fe->memory.region[0]);

	switch (xorshift(random) % 12) {
	case 0:
		say(fe, VHOST_USER_SET_VRING_NUM, &state, sizeof(state), NULL, 0);
		break;
	case 1:
		say(fe, VHOST_USER_SET_VRING_BASE, &state, sizeof(state), NULL, 0);
		break;
	case 2:
	case 3:
		state.num &= 1;
		say(fe, VHOST_USER_SET_VRING_ENABLE, &state, sizeof(state), NULL, 0);
		break;
	case 4:
	case 5:
		say(fe, VHOST_USER_SET_MEM_TABLE, &fe->memory, table, fds, fe->memory.n);
		break;
	case 6:
		say(fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), NULL, 0);
		break;
	case 7:
	case 8:
		say(fe, VHOST_USER_SET_VRING_KICK, &word, sizeof(word), &event,
		    !(word & VHOST_USER_VRING_NOFD_MASK));
		break;
	case 9:
		say(fe, VHOST_USER_SET_VRING_CALL, &word, sizeof(word), &event,
		    !(word & VHOST_USER_VRING_NOFD_MASK));
		break;
	default:
		say(fe, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
		break;
	}
}

static void random_messages(struct stand *stand)
{
	uint64_t random = 2463534242;

	for (unsigned i = 0; i < 200; i++) {
		for (unsigned k = 0; k < 100; k++)
			random_message(&stand->fe, &random);
		type(stand);
		again(stand);
	}
}

/* --- descriptors ------------------------------------------------------------------------- */

static void unexpected_fds_are_refused(struct stand *stand)
{
	static const uint8_t zeros[64];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		frontend_message(&stand->fe, sizes[i].request, 0, zeros, sizes[i].size,
				 &stand->fe.memfd, 1);
		frontend_expect_closed(&stand->fe);
		again(stand);
	}
}

/* Refused or not: what came with it is closed at once, and not only when the peer leaves. */
static void unexpected_fds_are_closed(struct stand *stand)
{
	static const uint8_t zeros[64];
	int fds[8];

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = stand->fe.memfd;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (unsigned k = 0; k < 100; k++)
			if (!frontend_message(&stand->fe, sizes[i].request, 0, zeros, sizes[i].size,
					      fds, 1 + k % ARRAY_SIZE(fds)))
				break;
		assert_in_range(backend_holds(&stand->backend).fds, 0, stand->before.fds + 30);
		again(stand);
	}
}

static void more_fds_than_there_is_room_for(struct stand *stand)
{
	static const unsigned counts[] = { 9, 17, 33, 100, VHOST_FDS_MAX };
	int fds[VHOST_FDS_MAX];

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = stand->fe.memfd;
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(fds); k++)
			fds[k] = stand->fe.memfd;
		lie(stand, VHOST_USER_SET_MEM_TABLE, &stand->fe.memory, 8 + 2 * 32, fds, counts[i]);
	}
}

/* As many as there is room for would do; one more came, and the kernel has cut it off. */
static void fds_that_were_cut_off(struct stand *stand)
{
	struct vhost_user_memory memory = { .n = 8 };
	int fds[9];

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = stand->fe.memfd;
	for (unsigned i = 0; i < memory.n; i++)
		memory.region[i] = (struct vhost_user_region){ i * 4096UL, 4096, i * 8192UL, 0 };
	assert_true(frontend_message(&stand->fe, VHOST_USER_SET_MEM_TABLE, 0, &memory, 8 + 8 * 32,
				     fds, 8));
	frontend_sync(&stand->fe);
	lie(stand, VHOST_USER_SET_MEM_TABLE, &memory, 8 + 8 * 32, fds, 9);
}

static void fds_with_every_byte(struct stand *stand)
{
	const struct {
		struct vhost_user_header header;
		uint64_t value;
	} message = { { VHOST_USER_SET_VRING_CALL, VHOST_USER_VERSION, 8 }, 0 };

	for (unsigned round = 0; round < 20; round++) {
		int fds[] = { stand->fe.memfd, stand->fe.memfd };

		for (unsigned i = 0; i < sizeof(message); i++) {
			if (!frontend_write(&stand->fe, (const uint8_t *)&message + i, 1, fds, 2))
				break;
			backend_sync(&stand->backend);
		}
		assert_in_range(backend_holds(&stand->backend).fds, 0, stand->before.fds + 40);
		again(stand);
	}
}

static void missing_fd_is_refused(struct stand *stand)
{
	static const uint32_t requests[] = { VHOST_USER_SET_VRING_KICK, VHOST_USER_SET_VRING_CALL,
					     VHOST_USER_SET_VRING_ERR };
	const uint64_t ring = EVENTQ;

	for (unsigned i = 0; i < ARRAY_SIZE(requests); i++)
		lie(stand, requests[i], &ring, sizeof(ring), NULL, 0);
}

static void fd_and_no_fd_at_once(struct stand *stand)
{
	const uint64_t word = EVENTQ | VHOST_USER_VRING_NOFD_MASK;

	lie(stand, VHOST_USER_SET_VRING_CALL, &word, sizeof(word), &stand->fe.memfd, 1);
}

static void repeated(struct stand *stand, uint32_t request)
{
	for (unsigned i = 0; i < 1000; i++) {
		autoclose int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		uint64_t ring = i % RINGS;

		assert_true(frontend_message(&stand->fe, request, 0, &ring, sizeof(ring), &fd, 1));
	}
	frontend_sync(&stand->fe);
	assert_in_range(backend_holds(&stand->backend).fds, 0, stand->before.fds + 16);
}

static void kick_repeated_leaks_nothing(struct stand *stand)
{
	repeated(stand, VHOST_USER_SET_VRING_KICK);
}

static void call_repeated_leaks_nothing(struct stand *stand)
{
	repeated(stand, VHOST_USER_SET_VRING_CALL);
}

static void err_repeated_leaks_nothing(struct stand *stand)
{
	repeated(stand, VHOST_USER_SET_VRING_ERR);
}

/* Something of every kind that is no eventfd; one end of what has two is gone. */
static int odd_fd(unsigned kind)
{
	int pair[2] = { -1, -1 };

	switch (kind) {
	case 0:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 1:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	case 2:
		return open("/dev/full", O_RDWR | O_CLOEXEC);
	case 3:
		return open("/tmp", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	case 4:
		return memfd_create("odd", MFD_CLOEXEC);
	case 5:
		return epoll_create1(EPOLL_CLOEXEC);
	case 6: /* to be written to: nobody reads */
		assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
		close(pair[0]);
		return pair[1];
	case 7: /* at its end for ever */
		assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
		close(pair[1]);
		return pair[0];
	case 8:
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		close(pair[0]);
		return pair[1];
	case 9:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	case 10:
		return open("/dev/null", O_PATH | O_CLOEXEC);
	case 11:
		return eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
	default:
		return -1;
	}
}

#define ODD_FDS 12

/* An eventfd, the end of a pipe, or a unix socket, which UML uses: what is due. */
static bool can_signal(unsigned kind)
{
	return (kind >= 6 && kind <= 9) || kind == 11;
}

static void expect_acknowledged(struct frontend *fe)
{
	struct {
		struct vhost_user_header header;
		uint32_t status[2];
	} answer;

	assert_true(frontend_read(fe, &answer, sizeof(answer)));
	assert_int_equal(answer.status[0] | answer.status[1], 0);
}

static void set_odd(struct stand *stand, uint32_t request, unsigned kind)
{
	autoclose int fd = odd_fd(kind);
	const uint64_t ring = EVENTQ;

	assert_true(fd >= 0);
	frontend_message(&stand->fe, request, VHOST_USER_NEED_REPLY_MASK, &ring, sizeof(ring), &fd,
			 1);
	if (can_signal(kind))
		expect_acknowledged(&stand->fe);
	else
		frontend_expect_refused(&stand->fe);
	for (unsigned i = 0; i < 4; i++)
		type(stand);
	backend_expect_idle(&stand->backend);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	again(stand);
}

static void kick_of_any_kind(struct stand *stand)
{
	for (unsigned kind = 0; kind < ODD_FDS; kind++)
		set_odd(stand, VHOST_USER_SET_VRING_KICK, kind);
}

static void call_of_any_kind(struct stand *stand)
{
	for (unsigned kind = 0; kind < ODD_FDS; kind++)
		set_odd(stand, VHOST_USER_SET_VRING_CALL, kind);
}

/* A ring that breaks tells through it. */
static void err_of_any_kind(struct stand *stand)
{
	for (unsigned kind = 0; kind < ODD_FDS; kind++) {
		autoclose int fd = odd_fd(kind);
		const uint64_t ring = EVENTQ;

		frontend_message(&stand->fe, VHOST_USER_SET_VRING_ERR, 0, &ring, sizeof(ring), &fd,
				 1);
		stand->fe.ring[EVENTQ].vring.avail->idx = 0x7000;
		type(stand);
		backend_sync(&stand->backend);
		again(stand);
	}
}

/* Less than what makes the back end refuse connections. */
#define BEARABLE 32

/* A message with a descriptor on which calls wait, as often as is told; nobody waits. */
static void hand_over_stuck(struct stand *stand, uint32_t request, const void *payload, size_t size,
			    const unsigned *counts, unsigned n_counts)
{
	for (unsigned kind = 0; kind < STUCK_KINDS; kind++)
		for (unsigned i = 0; i < n_counts; i++) {
			struct stuck stuck;
			int fds[VHOST_FDS_MAX];

			if (!stuck_make(&stuck, kind))
				skip();
			for (unsigned k = 0; k < counts[i]; k++)
				fds[k] = stuck.fd;
			frontend_message(&stand->fe, request, 0, payload, size, fds, counts[i]);
			for (unsigned k = 0; k < 4; k++)
				type(stand);
			backend_expect_idle(&stand->backend);
			stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
			/* While so many closes wait nobody new is let in, and then again. */
			if (counts[i] > BEARABLE)
				stuck_end(&stuck);
			again(stand);
			stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
			stuck_end(&stuck);
		}
}

static void stuck_memory_is_not_waited_for(struct stand *stand)
{
	static const unsigned counts[] = { 2, 8, 200 };

	hand_over_stuck(stand, VHOST_USER_SET_MEM_TABLE, &stand->fe.memory, 8 + 2 * 32, counts,
			ARRAY_SIZE(counts));
}

/* Each connection could leave as many again: nobody is let in before most of them have ended. */
static void nobody_comes_while_many_are_stuck(struct stand *stand)
{
	int fds[VHOST_FDS_MAX];
	struct stuck stuck;

	if (!stuck_make(&stuck, STUCK_FILE))
		skip();
	for (unsigned i = 0; i < 200; i++)
		fds[i] = stuck.fd;
	frontend_message(&stand->fe, VHOST_USER_SET_MEM_TABLE, 0, &stand->fe.memory, 8 + 2 * 32,
			 fds, 200);
	backend_await_connected(&stand->backend, DEVICE, false);
	frontend_close(&stand->fe);
	frontend_connect(&stand->fe, stand->backend.path[DEVICE]);
	backend_sync(&stand->backend);
	backend_expect_idle(&stand->backend);
	assert_false(backend_state(&stand->backend, DEVICE).connected);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	stuck_end(&stuck);
	backend_await_connected(&stand->backend, DEVICE, true);
	frontend_realize(&stand->fe);
}

static void stuck_kick_call_and_err_are_not_waited_for(struct stand *stand)
{
	static const unsigned one = 1;
	const uint64_t ring = EVENTQ;

	for (uint32_t r = VHOST_USER_SET_VRING_KICK; r <= VHOST_USER_SET_VRING_ERR; r++)
		hand_over_stuck(stand, r, &ring, sizeof(ring), &one, 1);
}

/* Where no descriptor is due at all, and the message is refused. */
static void stuck_and_unexpected_is_not_waited_for(struct stand *stand)
{
	static const unsigned one = 1;
	const uint64_t features = BIT_ULL(VIRTIO_F_VERSION_1);

	hand_over_stuck(stand, VHOST_USER_SET_FEATURES, &features, sizeof(features), &one, 1);
	hand_over_stuck(stand, 100, NULL, 0, &one, 1);
}

/* A ring that breaks says so through it. */
static void stuck_err_is_not_waited_for(struct stand *stand)
{
	const uint64_t ring = EVENTQ;
	struct stuck stuck;

	if (!stuck_make(&stuck, STUCK_PIPE))
		skip();
	frontend_message(&stand->fe, VHOST_USER_SET_VRING_ERR, 0, &ring, sizeof(ring), &stuck.fd,
			 1);
	stand->fe.ring[EVENTQ].vring.avail->idx = 0x7000;
	type(stand);
	backend_await_up(&stand->backend, DEVICE, false);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	again(stand);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	stuck_end(&stuck);
}

/* Until no timer of a call descriptor's runs any more: its signal would end some of the waits. */
static void settle(struct stand *stand)
{
	for (unsigned i = 0; i < 8; i++)
		backend_expect_idle(&stand->backend);
}

/*
 * What nobody has read when the connection ends is closed with it, and ours are closed before. Not one on
 * FUSE: its server is only asked where it was somebody's descriptor.
 */
static void stuck_and_unread_is_not_waited_for(struct stand *stand)
{
	const struct vhost_user_header wrong = { VHOST_USER_SET_OWNER, 7, 0 };

	for (unsigned kind = STUCK_SOCKET; kind < STUCK_KINDS; kind++) {
		struct stuck stuck;

		if (!stuck_make(&stuck, kind))
			skip();
		frontend_sync(&stand->fe);
		settle(stand);
		kill(stand->backend.pid, SIGSTOP);
		frontend_write(&stand->fe, &wrong, sizeof(wrong), NULL, 0);
		frontend_write(&stand->fe, &wrong, sizeof(wrong), &stuck.fd, 1);
		close_fd(&stuck.fd);
		kill(stand->backend.pid, SIGCONT);
		frontend_close(&stand->fe);
		stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
		again(stand);
		stuck_end(&stuck);
	}
}

static void stuck_of_a_refused_user_is_not_waited_for(struct stand *stand)
{
	stand_end(stand);
	for (unsigned kind = STUCK_SOCKET; kind < STUCK_KINDS; kind++) {
		struct stuck stuck;

		if (!stuck_make(&stuck, kind))
			skip();
		backend_admit(&stand->backend, false);
		frontend_init(&stand->fe, &victim);
		settle(stand);
		kill(stand->backend.pid, SIGSTOP);
		frontend_connect(&stand->fe, stand->backend.path[DEVICE]);
		frontend_write(&stand->fe, "any bytes", 9, &stuck.fd, 1);
		close_fd(&stuck.fd);
		kill(stand->backend.pid, SIGCONT);
		frontend_expect_closed(&stand->fe);
		stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
		frontend_fini(&stand->fe);
		backend_admit(&stand->backend, true);
		stuck_end(&stuck);
	}
	begin(stand);
}

/* Its writer waits for ever where nothing says that it shall not. */
static void full_call_does_not_block(struct stand *stand)
{
	uint64_t most = UINT64_MAX - 1;

	frontend_sync(&stand->fe);
	guest_calls(&stand->fe, EVENTQ);
	assert_int_equal(write(stand->fe.ring[EVENTQ].call, &most, sizeof(most)), sizeof(most));
	for (unsigned i = 0; i < 8; i++)
		type(stand);
	backend_sync(&stand->backend);
	assert_true(backend_state(&stand->backend, DEVICE).up);
}

/* Nothing is lost by one that was full: from when it was read, it is written to again. */
static void full_call_is_used_again(struct stand *stand)
{
	struct frontend *fe = &stand->fe;
	uint64_t most = UINT64_MAX - 1;

	frontend_sync(fe);
	guest_calls(fe, EVENTQ);
	assert_int_equal(write(fe->ring[EVENTQ].call, &most, sizeof(most)), sizeof(most));
	type(stand);
	backend_sync(&stand->backend);
	assert_true(guest_calls(fe, EVENTQ) == most);
	guest_await(fe, 2);
	guest_calls(fe, EVENTQ);
	stand_delivers(stand, DEVICE, fe);
}

/* The flag is one of the open file, which the peer has too. */
static void call_made_blocking_does_not_block(struct stand *stand)
{
	int call = stand->fe.ring[EVENTQ].call;
	uint64_t most = UINT64_MAX - 1;

	frontend_sync(&stand->fe);
	guest_calls(&stand->fe, EVENTQ);
	assert_int_equal(fcntl(call, F_SETFL, 0), 0);
	assert_int_equal(write(call, &most, sizeof(most)), sizeof(most));
	for (unsigned i = 0; i < 8; i++)
		type(stand);
	backend_sync(&stand->backend);
}

/* The same for the one through which it is told that its ring broke. */
static void err_made_blocking_does_not_block(struct stand *stand)
{
	int err = stand->fe.ring[EVENTQ].err;
	uint64_t most = UINT64_MAX - 1;

	frontend_sync(&stand->fe);
	assert_int_equal(fcntl(err, F_SETFL, 0), 0);
	assert_int_equal(write(err, &most, sizeof(most)), sizeof(most));
	stand->fe.ring[EVENTQ].vring.avail->idx = 0x7000;
	type(stand);
	backend_await_up(&stand->backend, DEVICE, false);
}

static void *empty_kicks(void *data)
{
	struct frontend *fe = data;
	uint64_t value;

	for (unsigned i = 0; i < 20000; i++) {
		value = 1;
		(void)!write(fe->ring[EVENTQ].kick, &value, sizeof(value));
		fcntl(fe->ring[EVENTQ].kick, F_SETFL, O_NONBLOCK);
		(void)!read(fe->ring[EVENTQ].kick, &value, sizeof(value));
		fcntl(fe->ring[EVENTQ].kick, F_SETFL, 0);
	}
	return NULL;
}

/* Readable when the back end looks, empty and blocking when it reads. */
static void kick_made_blocking_does_not_block(struct stand *stand)
{
	pthread_t thread;
	uint64_t one = 1;

	frontend_sync(&stand->fe);
	assert_int_equal(pthread_create(&thread, NULL, empty_kicks, &stand->fe), 0);
	pthread_join(thread, NULL);
	/* Whatever became of it, it shall not be waiting for this one. */
	backend_sync(&stand->backend);
	(void)!write(stand->fe.ring[EVENTQ].kick, &one, sizeof(one));
}

/* Made once by the peer, it would keep this side busy for ever: a count that sinks by one each read. */
static void kick_semaphore_keeps_nobody_busy(struct stand *stand)
{
	autoclose int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	const uint64_t most = UINT64_MAX - 1, ring = EVENTQ;

	assert_int_equal(write(fd, &most, sizeof(most)), sizeof(most));
	frontend_message(&stand->fe, VHOST_USER_SET_VRING_KICK, 0, &ring, sizeof(ring), &fd, 1);
	await_said(&stand->fe);
	backend_expect_idle(&stand->backend);
}

/* Due again as soon as it was read. */
static void kick_timer_keeps_nobody_busy(struct stand *stand)
{
	autoclose int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	const struct itimerspec always = { { 0, 1 }, { 0, 1 } };
	const uint64_t ring = EVENTQ;

	assert_int_equal(timerfd_settime(fd, 0, &always, NULL), 0);
	frontend_message(&stand->fe, VHOST_USER_SET_VRING_KICK, 0, &ring, sizeof(ring), &fd, 1);
	await_said(&stand->fe);
	backend_expect_idle(&stand->backend);
}

static void kicks_without_end(struct stand *stand)
{
	for (unsigned i = 0; i < 50000; i++) {
		guest_kick_anyway(&stand->fe, i % RINGS);
		if (i % 500 == 0)
			stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	}
}

/* --- rings ------------------------------------------------------------------------------- */

static const uint32_t bad_indices[] = { 2, 3, 0xff, 0x100, 0x10000, 0x80000000, 0xffffffff };

static void queue_index_is_bounded(struct stand *stand, uint32_t request)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad_indices); i++)
		lie_state(stand, request, bad_indices[i], 1);
}

static void queue_index_of_num_is_bounded(struct stand *stand)
{
	queue_index_is_bounded(stand, VHOST_USER_SET_VRING_NUM);
}

static void queue_index_of_base_is_bounded(struct stand *stand)
{
	queue_index_is_bounded(stand, VHOST_USER_SET_VRING_BASE);
}

static void queue_index_of_get_base_is_bounded(struct stand *stand)
{
	queue_index_is_bounded(stand, VHOST_USER_GET_VRING_BASE);
}

static void queue_index_of_enable_is_bounded(struct stand *stand)
{
	queue_index_is_bounded(stand, VHOST_USER_SET_VRING_ENABLE);
}

static void queue_index_of_addr_is_bounded(struct stand *stand)
{
	for (unsigned i = 0; i < ARRAY_SIZE(bad_indices); i++) {
		struct vhost_vring_addr addr = { .index = bad_indices[i] };

		lie(stand, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	}
}

static void queue_index_of_eventfds_is_bounded(struct stand *stand)
{
	for (uint32_t r = VHOST_USER_SET_VRING_KICK; r <= VHOST_USER_SET_VRING_ERR; r++) {
		for (unsigned i = 0; i < 3; i++) {
			autoclose int fd = eventfd(0, EFD_CLOEXEC);
			uint64_t ring = bad_indices[i];

			lie(stand, r, &ring, sizeof(ring), &fd, 1);
		}
	}
}

static void queue_size_is_a_power_of_two(struct stand *stand)
{
	static const uint32_t nums[] = { 0, 3, 5, 100, 32769, 65536, 0x10040, 0x80000000, ~0U };

	for (unsigned i = 0; i < ARRAY_SIZE(nums); i++)
		lie_state(stand, VHOST_USER_SET_VRING_NUM, EVENTQ, nums[i]);
}

static void queue_size_stays_while_it_runs(struct stand *stand)
{
	lie_state(stand, VHOST_USER_SET_VRING_NUM, EVENTQ, 32768);
	lie_state(stand, VHOST_USER_SET_VRING_NUM, STATUSQ, 2);
}

/* The start of QEMU 7.2 with one thing that is a lie; it may be refused at any point. */
struct start {
	uint64_t features;
	struct vhost_vring_addr addr[RINGS];
	uint32_t num, base;
	bool no_memory, no_kick, no_enable;
};

static struct start honest_start(const struct frontend *fe)
{
	struct start start = { .features = BIT_ULL(VIRTIO_F_VERSION_1) |
					   BIT_ULL(VHOST_USER_F_PROTOCOL_FEATURES),
			       .num = fe->play.num };

	for (unsigned i = 0; i < RINGS; i++)
		start.addr[i] = (struct vhost_vring_addr){
			.index = i,
			.desc_user_addr = frontend_user(fe, fe->ring[i].vring.desc),
			.avail_user_addr = frontend_user(fe, fe->ring[i].vring.avail),
			.used_user_addr = frontend_user(fe, fe->ring[i].vring.used),
		};
	return start;
}

/* Good ones, but others. */
static void addresses_stay_while_it_runs(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);
	struct vhost_vring_addr addr = start.addr[STATUSQ];

	addr.index = EVENTQ;
	lie(stand, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
}

static void base_stays_while_it_runs(struct stand *stand)
{
	lie_state(stand, VHOST_USER_SET_VRING_BASE, EVENTQ, 7);
}

static void start_lying(struct frontend *fe, const struct start *start)
{
	const int fds[] = { fe->memfd, fe->memfd };

	say(fe, VHOST_USER_SET_FEATURES, &start->features, 8, NULL, 0);
	if (!start->no_memory)
		say(fe, VHOST_USER_SET_MEM_TABLE, &fe->memory, 8 + fe->memory.n * 32, fds,
		    fe->memory.n);
	for (uint32_t i = 0; i < RINGS; i++) {
		struct vhost_vring_state num = { i, start->num }, base = { i, start->base };
		struct vhost_vring_state enable = { i, 1 };
		uint64_t word = i;

		fe->ring[i].kick = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		say(fe, VHOST_USER_SET_VRING_NUM, &num, sizeof(num), NULL, 0);
		say(fe, VHOST_USER_SET_VRING_BASE, &base, sizeof(base), NULL, 0);
		say(fe, VHOST_USER_SET_VRING_ADDR, &start->addr[i], sizeof(start->addr[i]), NULL,
		    0);
		if (!start->no_kick)
			say(fe, VHOST_USER_SET_VRING_KICK, &word, sizeof(word), &fe->ring[i].kick,
			    1);
		if (!start->no_enable)
			say(fe, VHOST_USER_SET_VRING_ENABLE, &enable, sizeof(enable), NULL, 0);
	}
}

static void never_up(struct stand *stand, const struct start *start)
{
	start_lying(&stand->fe, start);
	await_said(&stand->fe);
	type(stand);
	assert_false(backend_state(&stand->backend, DEVICE).up);
	again(stand);
}

static void the_honest_start_is_one(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start_lying(&stand->fe, &start);
	await_said(&stand->fe);
	assert_true(backend_state(&stand->backend, DEVICE).up);
}

/* Without VHOST_USER_F_PROTOCOL_FEATURES nothing is enabled: a ring starts with its kick. */
static void start_without_protocol_features(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.features = BIT_ULL(VIRTIO_F_VERSION_1);
	start.no_enable = true;
	start_lying(&stand->fe, &start);
	await_said(&stand->fe);
	assert_true(backend_state(&stand->backend, DEVICE).up);
}

static void packed_ring_is_refused(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.features |= BIT_ULL(VIRTIO_F_RING_PACKED);
	never_up(stand, &start);
}

static void iommu_is_refused(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.features |= BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);
	never_up(stand, &start);
}

/* One address of one ring after the other is this. */
static void bad_address(struct stand *stand, uint64_t address)
{
	for (unsigned i = 0; i < 3; i++) {
		struct start start = honest_start(&stand->fe);
		__u64 *const field[] = { &start.addr[EVENTQ].desc_user_addr,
					 &start.addr[EVENTQ].avail_user_addr,
					 &start.addr[EVENTQ].used_user_addr };

		*field[i] = address;
		never_up(stand, &start);
	}
}

static void ring_addresses_are_mapped(struct stand *stand)
{
	const struct vhost_user_region *region = stand->fe.memory.region;

	bad_address(stand, 0);
	bad_address(stand, region[0].user - 4096);
	bad_address(stand, region[0].user + region[0].size);
	bad_address(stand, region[1].gpa); /* of the guest's own space */
	bad_address(stand, 0x8000000000000000);
	bad_address(stand, 0xfffffffffffffff0);
}

static void ring_is_mapped_to_its_end(struct stand *stand)
{
	const struct vhost_user_region *region = stand->fe.memory.region;

	bad_address(stand, region[0].user + region[0].size - 16);
	bad_address(stand, region[1].user + region[1].size - 128);
}

static void ring_is_as_long_as_its_size_says(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.num = 32768;
	never_up(stand, &start);
}

static void ring_addresses_are_aligned(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.addr[EVENTQ].desc_user_addr += 8;
	never_up(stand, &start);
	start = honest_start(&stand->fe);
	start.addr[EVENTQ].avail_user_addr += 1;
	never_up(stand, &start);
	start = honest_start(&stand->fe);
	start.addr[EVENTQ].used_user_addr += 2;
	never_up(stand, &start);
}

static void no_ring_without_memory(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.no_memory = true;
	never_up(stand, &start);
}

static void no_ring_before_its_kick(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.no_kick = true;
	never_up(stand, &start);
}

static void no_ring_before_it_is_enabled(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	start.no_enable = true;
	never_up(stand, &start);
}

static void base_of_any_value(struct stand *stand)
{
	static const uint32_t bases[] = { 1, 63, 64, 0x7fff, 0xffff, 0x10000, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
		struct start start = honest_start(&stand->fe);

		start.base = bases[i];
		start_lying(&stand->fe, &start);
		await_said(&stand->fe);
		type(stand);
		backend_sync(&stand->backend);
		again(stand);
	}
}

/* What the device writes changes what it reads. */
static void rings_upon_each_other(struct stand *stand)
{
	for (unsigned i = 0; i < 3; i++) {
		struct start start = honest_start(&stand->fe);
		struct vhost_vring_addr *addr = &start.addr[EVENTQ];

		if (i == 0)
			addr->avail_user_addr = addr->used_user_addr = addr->desc_user_addr;
		else if (i == 1)
			addr->used_user_addr = addr->desc_user_addr + 16;
		else
			start.addr[STATUSQ] = (struct vhost_vring_addr){ STATUSQ,
									 0,
									 addr->desc_user_addr,
									 addr->used_user_addr,
									 addr->avail_user_addr,
									 0 };
		start_lying(&stand->fe, &start);
		await_said(&stand->fe);
		for (unsigned k = 0; k < 64; k++) {
			guest_lie(&stand->fe, EVENTQ, (uint16_t)k);
			type(stand);
		}
		backend_sync(&stand->backend);
		again(stand);
	}
}

static void started_twice(struct stand *stand)
{
	struct start start = honest_start(&stand->fe);

	for (unsigned i = 0; i < 20; i++) {
		start_lying(&stand->fe, &start);
		close_fd(&stand->fe.ring[EVENTQ].kick);
		close_fd(&stand->fe.ring[STATUSQ].kick);
	}
	await_said(&stand->fe);
	assert_in_range(backend_holds(&stand->backend).fds, 0, stand->before.fds + 16);
}

static void stopped_twice(struct stand *stand)
{
	for (unsigned i = 0; i < 2 * RINGS; i++) {
		struct vhost_vring_state state = { i % RINGS, 0 }, reply;

		frontend_ask(&stand->fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), &reply,
			     sizeof(reply));
	}
	assert_false(backend_state(&stand->backend, DEVICE).up);
}

/* After so many messages of the start it is gone. */
static void leaves_in_the_middle(struct stand *stand)
{
	for (unsigned round = 0; round < 50; round++) {
		struct start start = honest_start(&stand->fe);

		start_lying(&stand->fe, &start);
		if (round % 2)
			backend_sync(&stand->backend);
		shutdown(stand->fe.sock, round % 3 == 0 ? SHUT_WR : SHUT_RDWR);
		again(stand);
	}
}

/* --- the memory table -------------------------------------------------------------------- */

static void lie_memory(struct stand *stand, const struct vhost_user_memory *memory, unsigned n_fds)
{
	unsigned n = memory->n < VHOST_REGIONS_MAX ? memory->n : 2;
	int fds[VHOST_REGIONS_MAX];

	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = stand->fe.memfd;
	lie(stand, VHOST_USER_SET_MEM_TABLE, memory, 8 + n * sizeof(memory->region[0]), fds, n_fds);
}

static void region_count_is_bounded(struct stand *stand)
{
	static const uint32_t counts[] = { 0, 9, 33, 0x10002, 0x80000002, 0xffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
		struct vhost_user_memory memory = stand->fe.memory;

		memory.n = counts[i];
		lie_memory(stand, &memory, counts[i] < 34 ? counts[i] : 8);
	}
}

static void region_count_fits_the_payload(struct stand *stand)
{
	const int fds[] = { stand->fe.memfd, stand->fe.memfd };

	/* The rest still stands where the message before it has left it. */
	frontend_tell(&stand->fe, VHOST_USER_SET_MEM_TABLE, &stand->fe.memory, 8 + 2 * 32, fds, 2);
	lie(stand, VHOST_USER_SET_MEM_TABLE, &stand->fe.memory, 8 + 32, fds, 2);
	for (size_t size = 0; size < 8; size += 4)
		lie(stand, VHOST_USER_SET_MEM_TABLE, &stand->fe.memory, size, NULL, 0);
}

static void region_count_is_the_fd_count(struct stand *stand)
{
	lie_memory(stand, &stand->fe.memory, 0);
	lie_memory(stand, &stand->fe.memory, 1);
	lie_memory(stand, &stand->fe.memory, 3);
}

/* One field of the second region is this. */
static void bad_region(struct stand *stand, size_t field, uint64_t value)
{
	struct vhost_user_memory memory = stand->fe.memory;

	memcpy((uint8_t *)&memory.region[1] + field, &value, sizeof(value));
	lie_memory(stand, &memory, 2);
}

static void region_is_not_empty(struct stand *stand)
{
	bad_region(stand, offsetof(struct vhost_user_region, size), 0);
}

static void region_size_does_not_overflow(struct stand *stand)
{
	bad_region(stand, offsetof(struct vhost_user_region, size), UINT64_MAX);
	bad_region(stand, offsetof(struct vhost_user_region, size), UINT64_MAX - 4095);
	bad_region(stand, offsetof(struct vhost_user_region, size), 1ULL << 63);
}

static void region_is_within_its_file(struct stand *stand)
{
	const struct vhost_user_region *region = &stand->fe.memory.region[1];

	bad_region(stand, offsetof(struct vhost_user_region, size), region->size + 4096);
	bad_region(stand, offsetof(struct vhost_user_region, size), 1ULL << 40);
	bad_region(stand, offsetof(struct vhost_user_region, offset), region->offset + 4096);
}

static void region_offset_does_not_overflow(struct stand *stand)
{
	bad_region(stand, offsetof(struct vhost_user_region, offset), UINT64_MAX - 4095);
	bad_region(stand, offsetof(struct vhost_user_region, offset), 1ULL << 63);
}

static void region_addresses_do_not_overflow(struct stand *stand)
{
	bad_region(stand, offsetof(struct vhost_user_region, gpa), UINT64_MAX - 4095);
	bad_region(stand, offsetof(struct vhost_user_region, user), UINT64_MAX - 4095);
}

static void regions_do_not_overlap(struct stand *stand)
{
	const struct vhost_user_region *first = &stand->fe.memory.region[0];

	bad_region(stand, offsetof(struct vhost_user_region, gpa), first->gpa + first->size - 4096);
	bad_region(stand, offsetof(struct vhost_user_region, user), first->user + 4096);
}

static void region_is_memory(struct stand *stand)
{
	for (unsigned kind = 0; kind < ODD_FDS; kind++) {
		autoclose int fd = odd_fd(kind);
		const int fds[] = { stand->fe.memfd, fd };

		lie(stand, VHOST_USER_SET_MEM_TABLE, &stand->fe.memory, 8 + 2 * 32, fds, 2);
	}
}

/* A sparse file costs its owner nothing. Neither one region nor all of them may be too much. */
static void region_total_is_bounded(struct stand *stand)
{
	const uint64_t tera = 1ULL << 40;

	for (uint64_t size = 3 * tera; size <= 48 * tera; size *= 16) {
		const struct vhost_user_memory memory = {
			.n = 2,
			.region = { { 0, size, 64 * tera, 0 }, { 64 * tera, size, 0, 0 } },
		};
		autoclose int fd = memfd_create("huge", MFD_CLOEXEC);
		const int fds[] = { fd, fd };

		assert_int_equal(ftruncate(fd, (off_t)size), 0);
		lie(stand, VHOST_USER_SET_MEM_TABLE, &memory, 8 + 2 * 32, fds, 2);
	}
}

static void memory_cut_before_it_is_sent(struct stand *stand)
{
	assert_int_equal(ftruncate(stand->fe.memfd, (off_t)stand->fe.memory.region[1].offset), 0);
	lie_memory(stand, &stand->fe.memory, 2);
}

static void tell_table(struct frontend *fe, const struct vhost_user_memory *memory)
{
	const int fds[] = { fe->memfd, fe->memfd };

	say(fe, VHOST_USER_SET_MEM_TABLE, memory, 8 + memory->n * 32UL, fds, memory->n);
}

/* A ring that was stopped waits for its next kick descriptor, whatever else is said meanwhile. */
static void stopped_ring_stays_so(struct stand *stand)
{
	struct frontend *fe = &stand->fe;
	const uint64_t features = fe->features;

	for (uint32_t i = 0; i < RINGS; i++) {
		struct vhost_vring_state state = { i, 0 }, base;

		frontend_ask(fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), &base,
			     sizeof(base));
	}
	tell_table(fe, &fe->memory);
	say(fe, VHOST_USER_SET_FEATURES, &features, sizeof(features), NULL, 0);
	for (uint32_t i = 0; i < RINGS; i++) {
		struct vhost_vring_state state = { i, 1 };

		say(fe, VHOST_USER_SET_VRING_ENABLE, &state, sizeof(state), NULL, 0);
	}
	await_said(fe);
	type(stand);
	assert_false(backend_state(&stand->backend, DEVICE).up);
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.n_log, 0);
}

static void memory_repeated_leaks_nothing(struct stand *stand)
{
	for (unsigned i = 0; i < 500; i++)
		tell_table(&stand->fe, &stand->fe.memory);
	await_said(&stand->fe);
	assert_in_range(backend_holds(&stand->backend).fds, 0, stand->before.fds + 16);
	assert_in_range(backend_holds(&stand->backend).shared, 0, stand->before.shared + 2);
	guest_calls(&stand->fe, EVENTQ);
	stand_delivers(stand, DEVICE, &stand->fe);
}

/* Pointers into what was mapped before are void, and so are rings that lie nowhere any more. */
static void rings_go_with_their_memory(struct stand *stand)
{
	struct vhost_user_memory memory = stand->fe.memory;

	memory.n = 1;
	tell_table(&stand->fe, &memory);
	type(stand);
	await_said(&stand->fe);
	type(stand);
	assert_false(backend_state(&stand->backend, DEVICE).up);
}

static void buffers_go_with_their_memory(struct stand *stand)
{
	struct vhost_user_memory memory = stand->fe.memory;

	memory.region[0] = memory.region[1];
	memory.n = 1;
	tell_table(&stand->fe, &memory);
	await_said(&stand->fe);
	for (unsigned i = 0; i < 8; i++)
		type(stand);
	backend_await_up(&stand->backend, DEVICE, false);
}

/* --- what was not negotiated ------------------------------------------------------------- */

static void refused_again_and_again(struct stand *stand, uint32_t request, size_t size,
				    unsigned n_fds)
{
	static const uint8_t ones[64] = { [0 ... 63] = 0xff };

	for (unsigned i = 0; i < 100; i++) {
		const int fds[] = { stand->fe.memfd, stand->fe.memfd };

		lie(stand, request, ones, size, fds, n_fds);
	}
	assert_in_range(backend_holds(&stand->backend).shared, 0, stand->before.shared + 2);
}

static void get_inflight_repeated(struct stand *stand)
{
	refused_again_and_again(stand, VHOST_USER_GET_INFLIGHT_FD, 24, 0);
}

static void set_inflight_leaks_nothing(struct stand *stand)
{
	refused_again_and_again(stand, VHOST_USER_SET_INFLIGHT_FD, 24, 2);
}

static void log_is_refused(struct stand *stand)
{
	refused_again_and_again(stand, VHOST_USER_SET_LOG_BASE, 16, 1);
	refused_again_and_again(stand, VHOST_USER_SET_LOG_FD, 0, 1);
}

static void iotlb_is_refused(struct stand *stand)
{
	refused_again_and_again(stand, VHOST_USER_IOTLB_MSG, 40, 0);
}

static void postcopy_is_refused(struct stand *stand)
{
	for (uint32_t request = 28; request <= 30; request++)
		refused_again_and_again(stand, request, 0, 0);
}

static void backend_channel_is_refused(struct stand *stand)
{
	refused_again_and_again(stand, VHOST_USER_SET_BACKEND_REQ_FD, 0, 1);
}

static void memory_slots_are_refused(struct stand *stand)
{
	refused_again_and_again(stand, VHOST_USER_ADD_MEM_REG, 40, 1);
	refused_again_and_again(stand, VHOST_USER_REM_MEM_REG, 40, 1);
}

static void crypto_sessions_are_refused(struct stand *stand)
{
	refused_again_and_again(stand, 26, 64, 0);
	refused_again_and_again(stand, 27, 8, 0);
}

/* --- the config space -------------------------------------------------------------------- */

static void lie_config(struct stand *stand, uint32_t request, uint32_t offset, uint32_t size,
		       size_t bytes)
{
	const struct vhost_user_config config = { .offset = offset, .size = size };

	lie(stand, request, &config, 12 + bytes, NULL, 0);
}

static void config_offset_is_bounded(struct stand *stand)
{
	for (uint32_t request = VHOST_USER_GET_CONFIG; request <= VHOST_USER_SET_CONFIG;
	     request++) {
		lie_config(stand, request, 136, 1, 1);
		lie_config(stand, request, 135, 2, 2);
		lie_config(stand, request, 1, 136, 136);
		lie_config(stand, request, 0xffffffff, 1, 1);
		lie_config(stand, request, 0xffffffff, 2, 2);
		lie_config(stand, request, 0x80000000, 8, 8);
	}
}

static void config_size_fits_the_payload(struct stand *stand)
{
	for (uint32_t request = VHOST_USER_GET_CONFIG; request <= VHOST_USER_SET_CONFIG;
	     request++) {
		lie_config(stand, request, 0, 136, 4);
		lie_config(stand, request, 0, 0xffffffff, 136);
		lie_config(stand, request, 0, 0xfffffff4, 0);
	}
	lie(stand, VHOST_USER_SET_CONFIG, NULL, 0, NULL, 0);
}

/* guest_config looks at every byte: nothing of the process comes with it. */
static void config_of_any_selection(struct stand *stand)
{
	uint8_t bytes[128];

	for (unsigned select = 0; select < 256; select += select < 0x20 ? 1 : 37)
		for (unsigned subsel = 0; subsel < 256; subsel += subsel < 0x20 ? 1 : 37)
			guest_config(&stand->fe, (uint8_t)select, (uint8_t)subsel, bytes);
}

static void config_is_only_read(struct stand *stand)
{
	struct vhost_user_config config = { .size = VHOST_CONFIG_SIZE };

	memset(config.bytes, 0xff, sizeof(config.bytes));
	for (uint32_t offset = 2; offset < VHOST_CONFIG_SIZE; offset += 7) {
		config.offset = offset;
		config.size = VHOST_CONFIG_SIZE - offset;
		say(&stand->fe, VHOST_USER_SET_CONFIG, &config, 12 + config.size, NULL, 0);
	}
	await_said(&stand->fe);
	guest_probe(&stand->fe, &backend_model);
}

/* --- lies in the ring -------------------------------------------------------------------- */

static struct vring_desc *desc_of(struct stand *stand, unsigned ring)
{
	return stand->fe.ring[ring].vring.desc;
}

static struct vring_desc honest_desc(struct stand *stand)
{
	return (struct vring_desc){ frontend_gpa(&stand->fe, stand->fe.slots[0]), 8,
				    VRING_DESC_F_WRITE, 0 };
}

/* The ring breaks, alone, and stays so until the driver starts anew. */
static void breaks(struct stand *stand)
{
	guest_kick_anyway(&stand->fe, EVENTQ);
	type(stand);
	backend_await_up(&stand->backend, DEVICE, false);
	assert_true(backend_state(&stand->backend, DEVICE).connected);
	type(stand);
	backend_expect_idle(&stand->backend);
	stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
	frontend_stop(&stand->fe);
	guest_reset(&stand->fe);
	stand->fe.guest.forgives = true;
	frontend_start(&stand->fe);
	guest_give(&stand->fe, 64);
	frontend_sync(&stand->fe);
	backend_await_up(&stand->backend, DEVICE, true);
	guest_drain(&stand->fe, &stand->backend);
	guest_calls(&stand->fe, EVENTQ);
	stand_delivers(stand, DEVICE, &stand->fe);
	again(stand);
}

/* A chain of n descriptors from 0 on, as they stand in the table, is the next two buffers. */
static void lie_chain(struct stand *stand, const struct vring_desc *chain, unsigned n)
{
	memcpy(desc_of(stand, EVENTQ), chain, n * sizeof(*chain));
	guest_lie(&stand->fe, EVENTQ, 0);
	guest_lie(&stand->fe, EVENTQ, 0);
	breaks(stand);
}

static void expect_told(struct stand *stand, unsigned ring)
{
	struct pollfd err = { .fd = stand->fe.ring[ring].err, .events = POLLIN };

	if (poll(&err, 1, BACKEND_MS) != 1)
		fail_msg("QEMU is not told that the ring broke");
}

/* A frame finds it, nobody kicks, and the look that is due after the first kick is over. */
static void broken_ring_is_told_after_a_frame(struct stand *stand)
{
	stand->fe.guest.keeps = true;
	guest_give(&stand->fe, 2);
	stand_send(stand, EVENTS({ EV_KEY, KEY_B, 1 }));
	guest_await(&stand->fe, 1);
	usleep(2200000); /* time is what it waits for */
	backend_sync(&stand->backend);
	assert_true(backend_state(&stand->backend, DEVICE).up);
	guest_lie(&stand->fe, EVENTQ, 64);
	guest_lie(&stand->fe, EVENTQ, 64);
	stand_send(stand, EVENTS({ EV_KEY, KEY_A, 1 }));
	backend_await_up(&stand->backend, DEVICE, false);
	expect_told(stand, EVENTQ);
	again(stand);
}

/* It was kicked, and is looked at once more later: when the front end is gone with its memory. */
static void kicked_and_gone(struct stand *stand)
{
	guest_kick_anyway(&stand->fe, EVENTQ);
	backend_sync(&stand->backend);
	stand_end(stand);
	usleep(2200000); /* time is what it waits for */
}

static void avail_index_does_not_jump(struct stand *stand)
{
	static const uint16_t indices[] = { 65, 66, 0x7fff, 0x8000, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(indices); i++) {
		stand->fe.ring[EVENTQ].vring.avail->idx = indices[i];
		breaks(stand);
	}
}

static void head_is_bounded(struct stand *stand)
{
	static const uint16_t heads[] = { 64, 65, 0x8000, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
		guest_lie(&stand->fe, EVENTQ, heads[i]);
		guest_lie(&stand->fe, EVENTQ, heads[i]);
		breaks(stand);
	}
}

static void next_is_bounded(struct stand *stand)
{
	static const uint16_t nexts[] = { 64, 0x8000, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(nexts); i++) {
		struct vring_desc desc = honest_desc(stand);

		desc.len = 3;
		desc.flags |= VRING_DESC_F_NEXT;
		desc.next = nexts[i];
		lie_chain(stand, &desc, 1);
	}
}

static void chain_of_one_does_not_loop(struct stand *stand)
{
	for (uint32_t len = 0; len < 16; len += 5) {
		struct vring_desc desc = honest_desc(stand);

		desc.len = len;
		desc.flags |= VRING_DESC_F_NEXT;
		lie_chain(stand, &desc, 1);
	}
}

static void chain_does_not_loop(struct stand *stand)
{
	for (uint32_t len = 0; len < 2; len++) {
		struct vring_desc chain[64];

		for (unsigned i = 0; i < ARRAY_SIZE(chain); i++) {
			chain[i] = honest_desc(stand);
			chain[i].len = len;
			chain[i].flags |= VRING_DESC_F_NEXT;
			chain[i].next = (uint16_t)((i + 1) % ARRAY_SIZE(chain));
		}
		lie_chain(stand, chain, ARRAY_SIZE(chain));
	}
}

static void buffer_is_writable(struct stand *stand)
{
	struct vring_desc desc = honest_desc(stand);

	desc.flags = 0;
	lie_chain(stand, &desc, 1);
}

static void buffer_is_long_enough(struct stand *stand)
{
	for (uint32_t len = 0; len < 8; len++) {
		struct vring_desc desc = honest_desc(stand);

		desc.len = len;
		lie_chain(stand, &desc, 1);
	}
}

static void buffer_is_mapped(struct stand *stand)
{
	const struct vhost_user_region *region = stand->fe.memory.region;
	const uint64_t addresses[] = { 0,
				       region[0].gpa - 8,
				       region[0].gpa + region[0].size,
				       region[1].gpa - 1,
				       region[0].user,
				       0x8000000000000000,
				       0xfffffffffffffff8 };

	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct vring_desc desc = honest_desc(stand);

		desc.addr = addresses[i];
		lie_chain(stand, &desc, 1);
	}
}

static void buffer_is_mapped_to_its_end(struct stand *stand)
{
	const struct vhost_user_region *region = stand->fe.memory.region;

	for (unsigned left = 1; left < 8; left++) {
		struct vring_desc desc = honest_desc(stand);

		desc.addr = region[0].gpa + region[0].size - left;
		lie_chain(stand, &desc, 1);
	}
}

static void buffer_address_does_not_overflow(struct stand *stand)
{
	for (unsigned left = 1; left < 8; left++) {
		struct vring_desc desc = honest_desc(stand);

		desc.addr = UINT64_MAX - left;
		lie_chain(stand, &desc, 1);
	}
}

/* Broken or not: 8 bytes are all that is written. */
static void buffer_of_4_gigabytes(struct stand *stand)
{
	struct vring_desc chain[2] = { honest_desc(stand), honest_desc(stand) };

	chain[0].len = chain[1].len = 0xffffffff;
	chain[0].flags |= VRING_DESC_F_NEXT;
	chain[0].next = 1;
	memcpy(desc_of(stand, EVENTQ), chain, sizeof(chain));
	for (unsigned i = 0; i < 8; i++)
		guest_lie(&stand->fe, EVENTQ, 0);
	guest_kick_anyway(&stand->fe, EVENTQ);
	type(stand);
	backend_sync(&stand->backend);
}

/* The head is an indirect table of this length, with one honest entry and zeros after. */
static void lie_table(struct stand *stand, const struct vring_desc *table, uint32_t len,
		      uint16_t flags)
{
	struct vring_desc head = { frontend_gpa(&stand->fe, stand->fe.indirect), len,
				   (uint16_t)(VRING_DESC_F_INDIRECT | flags), 1 };

	memcpy(stand->fe.indirect, table, sizeof(*table));
	lie_chain(stand, &head, 1);
}

static void indirect_length_is_checked(struct stand *stand)
{
	static const uint32_t lens[] = { 0, 1, 15, 17, 31, 0x100000, 0x80000000, 0xfffffff0, ~0U };

	for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
		struct vring_desc entry = honest_desc(stand);

		lie_table(stand, &entry, lens[i], 0);
	}
}

static void indirect_is_not_nested(struct stand *stand)
{
	struct vring_desc entry = { frontend_gpa(&stand->fe, stand->fe.indirect), 16,
				    VRING_DESC_F_INDIRECT, 0 };

	lie_table(stand, &entry, 16, 0);
}

static void indirect_has_no_next(struct stand *stand)
{
	struct vring_desc entry = honest_desc(stand);

	lie_table(stand, &entry, 16, VRING_DESC_F_NEXT);
}

static void indirect_next_is_bounded(struct stand *stand)
{
	static const uint16_t nexts[] = { 1, 2, 63, 64, 0xffff };

	for (unsigned i = 0; i < ARRAY_SIZE(nexts); i++) {
		struct vring_desc entry = honest_desc(stand);

		entry.len = 3;
		entry.flags |= VRING_DESC_F_NEXT;
		entry.next = nexts[i];
		lie_table(stand, &entry, 16, 0);
	}
}

static void indirect_does_not_loop(struct stand *stand)
{
	for (uint32_t len = 0; len < 16; len += 5) {
		struct vring_desc entry = honest_desc(stand);

		entry.len = len;
		entry.flags |= VRING_DESC_F_NEXT;
		lie_table(stand, &entry, 16, 0);
	}
}

static void indirect_table_is_mapped(struct stand *stand)
{
	const struct vhost_user_region *region = stand->fe.memory.region;
	const uint64_t addresses[] = { 0, region[0].gpa + region[0].size - 8,
				       region[0].gpa + region[0].size, 0xfffffffffffffff8 };

	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct vring_desc head = { addresses[i], 16, VRING_DESC_F_INDIRECT, 0 };

		lie_chain(stand, &head, 1);
	}
}

/* What the driver shall not touch is written to all the same. */
static void used_ring_of_any_content(struct stand *stand)
{
	struct vring *vring = &stand->fe.ring[EVENTQ].vring;
	uint64_t random = 6364136223846793005;

	for (unsigned i = 0; i < 2000; i++) {
		vring->used->idx = (uint16_t)xorshift(&random);
		vring->used->flags = (uint16_t)xorshift(&random);
		vring_avail_event(vring) = (uint16_t)xorshift(&random);
		vring_used_event(vring) = (uint16_t)xorshift(&random);
		vring->avail->flags = (uint16_t)xorshift(&random);
		type(stand);
	}
	backend_sync(&stand->backend);
}

/* --- between two looks ------------------------------------------------------------------- */

struct flipper {
	struct frontend *fe;
	unsigned ring;
	atomic_bool ends;
};

/* Every field of every descriptor, and the available ring, are now right and now wrong. */
static void *flip(void *data)
{
	struct flipper *flipper = data;
	struct frontend *fe = flipper->fe;
	struct vring *vring = &fe->ring[flipper->ring].vring;
	uint16_t honest = flipper->ring == EVENTQ ? VRING_DESC_F_WRITE : 0;
	volatile struct vring_desc *desc = vring->desc;
	volatile struct vring_desc *table = (struct vring_desc *)(void *)fe->indirect;
	volatile uint16_t *heads = vring->avail->ring;
	uint64_t random = 1442695040888963407;

	while (!atomic_load(&flipper->ends)) {
		unsigned i = xorshift(&random) % vring->num, lie = xorshift(&random) % 8;

		desc[i].addr = lie == 0 ? random : frontend_gpa(fe, fe->slots[0]);
		desc[i].len = lie == 1 ? xorshift(&random) : 8;
		desc[i].next = (uint16_t)(lie == 2 ? xorshift(&random) : i + 1);
		desc[i].flags = (uint16_t)(lie == 3 ? xorshift(&random) % 8 : honest);
		if (lie == 4) {
			desc[i].addr = frontend_gpa(fe, fe->indirect);
			desc[i].len = xorshift(&random) % 2 ? 16 : 0xfffffff0;
			desc[i].flags = VRING_DESC_F_INDIRECT;
		}
		table[i % 4].len = xorshift(&random);
		table[i % 4].next = (uint16_t)xorshift(&random);
		table[i % 4].flags = (uint16_t)xorshift(&random);
		heads[i] = (uint16_t)(lie == 5 ? xorshift(&random) : i);
	}
	return NULL;
}

static void flip_while_it_runs(struct stand *stand, unsigned ring)
{
	for (unsigned round = 0; round < 150; round++) {
		struct flipper flipper = { .fe = &stand->fe, .ring = ring };
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, flip, &flipper), 0);
		for (unsigned i = 0; i < 32; i++) {
			for (uint16_t head = 0; head < 4; head++)
				guest_lie(&stand->fe, ring, head);
			guest_kick_anyway(&stand->fe, ring);
			type(stand);
			backend_sync(&stand->backend);
		}
		atomic_store(&flipper.ends, true);
		pthread_join(thread, NULL);
		again(stand);
	}
}

static void nothing_is_read_twice(struct stand *stand)
{
	flip_while_it_runs(stand, EVENTQ);
}

static void nothing_is_read_twice_of_the_status(struct stand *stand)
{
	flip_while_it_runs(stand, STATUSQ);
}

/* A guest that runs while its QEMU takes the memory away, at any moment (SIGBUS). */
static void memory_cut_while_it_runs(struct stand *stand)
{
	uint64_t random = 3935559000370003845;

	for (unsigned round = 0; round < 1000; round++) {
		unsigned before = xorshift(&random) % 12;

		for (unsigned i = 0; i < 12; i++) {
			/* Every second time to nothing, else to anything. */
			if (i == before)
				assert_int_equal(
					ftruncate(stand->fe.memfd,
						  round % 2 ? 0
							    : xorshift(&random) % stand->fe.size),
					0);
			if (i % 4 == 0)
				guest_kick_anyway(&stand->fe, i / 4 % RINGS);
			type(stand);
		}
		backend_sync(&stand->backend);
		if (round % 2)
			backend_await_up(&stand->backend, DEVICE, false);
		if (round % 100 == 0)
			stand_delivers(stand, NEIGHBOUR, &stand->neighbour);
		again(stand);
	}
}

static void memory_cut_and_grown_again(struct stand *stand)
{
	for (unsigned round = 0; round < 100; round++) {
		assert_int_equal(ftruncate(stand->fe.memfd, 0), 0);
		type(stand);
		assert_int_equal(ftruncate(stand->fe.memfd, (off_t)stand->fe.size), 0);
		type(stand);
		backend_sync(&stand->backend);
		again(stand);
	}
}

static void memory_cut_before_a_message(struct stand *stand)
{
	struct vhost_vring_state state = { EVENTQ, 0 };

	assert_int_equal(ftruncate(stand->fe.memfd, 0), 0);
	say(&stand->fe, VHOST_USER_SET_VRING_ENABLE, &state, sizeof(state), NULL, 0);
	state.num = 1;
	say(&stand->fe, VHOST_USER_SET_VRING_ENABLE, &state, sizeof(state), NULL, 0);
	say(&stand->fe, VHOST_USER_GET_VRING_BASE, &state, sizeof(state), NULL, 0);
	await_said(&stand->fe);
	guest_kick_anyway(&stand->fe, STATUSQ);
	type(stand);
}

/* --- the status queue -------------------------------------------------------------------- */

/* Nothing but three LEDs, and those 100 times a second at most; nothing comes back to the guest. */
static void status_flood(struct stand *stand)
{
	struct frontend *fe = &stand->fe;
	long start = now_ms();
	uint64_t random = 1103515245;
	struct backend_state state;

	frontend_sync(fe);
	for (unsigned i = 0; i < 10000; i++) {
		uint16_t type = (uint16_t)(xorshift(&random) % 2 ? EV_LED : xorshift(&random));
		uint16_t code = (uint16_t)(xorshift(&random) % 4 ? xorshift(&random) % 16
								 : xorshift(&random));

		guest_status(fe, type, code, (int32_t)(xorshift(&random) % 3));
	}
	guest_await_status(fe);
	state = backend_state(&stand->backend, DEVICE);
	assert_in_range(state.led_writes, 1, (unsigned)(now_ms() - start) / 10 + 2);
	assert_int_equal(state.leds & ~(1U << LED_NUML | 1U << LED_CAPSL | 1U << LED_SCROLLL), 0);
	assert_true(state.up);
	guest_drain(fe, &stand->backend);
	assert_int_equal(fe->guest.n_log, 0);
}

static void leds_that_the_device_has_not(struct stand *stand)
{
	static const struct guest_event events[] = {
		{ EV_LED, LED_MUTE, 1 },      { EV_LED, 15, 1 },          { EV_LED, 16, 1 },
		{ EV_LED, 0xffff, 1 },        { EV_LED, LED_CAPSL, 2 },   { EV_LED, LED_CAPSL, -1 },
		{ EV_LED, LED_CAPSL, 0x100 }, { EV_LED, 0x101, 1 },       { EV_KEY, KEY_A, 1 },
		{ EV_REP, REP_DELAY, 1 },     { EV_MSC, MSC_SCAN, 1 },    { EV_SND, SND_BELL, 1 },
		{ EV_SW, SW_LID, 1 },         { EV_SYN, SYN_DROPPED, 0 }, { EV_REL, REL_X, 1 },
		{ 0x8011, LED_CAPSL, 1 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(events); i++)
		guest_status(&stand->fe, events[i].type, events[i].code, events[i].value);
	guest_await_status(&stand->fe);
	assert_int_equal(backend_state(&stand->backend, DEVICE).leds, 0);
	assert_int_equal(backend_state(&stand->backend, DEVICE).led_writes, 0);
	guest_drain(&stand->fe, &stand->backend);
	assert_int_equal(stand->fe.guest.n_log, 0);
}

/* One lie in the status queue; the event queue is another. */
static void lie_status(struct stand *stand, const struct vring_desc *desc, uint16_t head)
{
	const struct guest_event caps = { EV_LED, LED_CAPSL, 1 };

	frontend_sync(&stand->fe);
	memcpy(stand->fe.status, &caps, sizeof(caps));
	if (desc)
		desc_of(stand, STATUSQ)[0] = *desc;
	guest_lie(&stand->fe, STATUSQ, head);
	guest_kick_anyway(&stand->fe, STATUSQ);
	backend_sync(&stand->backend);
	assert_int_equal(backend_state(&stand->backend, DEVICE).leds, 0);
	guest_calls(&stand->fe, EVENTQ);
	stand_delivers(stand, DEVICE, &stand->fe);
	backend_expect_idle(&stand->backend);
	again(stand);
}

static struct vring_desc status_desc(struct stand *stand)
{
	return (struct vring_desc){ frontend_gpa(&stand->fe, stand->fe.status), 8, 0, 0 };
}

static void status_is_readable(struct stand *stand)
{
	struct vring_desc desc = status_desc(stand);

	desc.flags = VRING_DESC_F_WRITE;
	lie_status(stand, &desc, 0);
}

static void status_is_long_enough(struct stand *stand)
{
	for (uint32_t len = 0; len < 8; len++) {
		struct vring_desc desc = status_desc(stand);

		desc.len = len;
		lie_status(stand, &desc, 0);
	}
}

/* The rest is not taken from the event before it. */
static void short_status_after_a_whole_one(struct stand *stand)
{
	const struct guest_event num = { EV_LED, LED_NUML, 1 }, caps = { EV_LED, LED_CAPSL, 1 };
	struct vring_desc *desc = desc_of(stand, STATUSQ);

	frontend_sync(&stand->fe);
	memcpy(stand->fe.status, &num, sizeof(num));
	memcpy(stand->fe.status + sizeof(num), &caps, sizeof(caps));
	desc[0] = desc[1] = status_desc(stand);
	desc[1].addr += sizeof(num);
	desc[1].len = 4;
	guest_lie(&stand->fe, STATUSQ, 0);
	guest_lie(&stand->fe, STATUSQ, 1);
	guest_kick_anyway(&stand->fe, STATUSQ);
	while (!backend_state(&stand->backend, DEVICE).leds)
		backend_sync(&stand->backend);
	assert_int_equal(backend_state(&stand->backend, DEVICE).leds, 1U << LED_NUML);
	again(stand);
}

static void broken_status_queue_is_told(struct stand *stand)
{
	frontend_sync(&stand->fe);
	guest_lie(&stand->fe, STATUSQ, 64);
	guest_kick_anyway(&stand->fe, STATUSQ);
	expect_told(stand, STATUSQ);
	again(stand);
}

static void status_is_mapped(struct stand *stand)
{
	const struct vhost_user_region *region = stand->fe.memory.region;
	const uint64_t addresses[] = { 0, region[0].gpa + region[0].size - 4, ~0ULL - 4 };

	for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct vring_desc desc = status_desc(stand);

		desc.addr = addresses[i];
		lie_status(stand, &desc, 0);
	}
}

static void status_head_is_bounded(struct stand *stand)
{
	lie_status(stand, NULL, 64);
	lie_status(stand, NULL, 0xffff);
}

static void status_chain_does_not_loop(struct stand *stand)
{
	for (uint32_t len = 0; len < 16; len += 5) {
		struct vring_desc desc = status_desc(stand);

		desc.len = len;
		desc.flags = VRING_DESC_F_NEXT;
		lie_status(stand, &desc, 0);
	}
}

static void status_index_does_not_jump(struct stand *stand)
{
	stand->fe.ring[STATUSQ].avail = 0x4000;
	lie_status(stand, NULL, 0);
}

/* --- the list ---------------------------------------------------------------------------- */

#define H(attack) #attack, attack
static const struct hostile list[] = {
	/* Messages: QEMU's issue 4403, and the many libvhost-user checks nothing of. */
	{ RAW, H(version_is_checked) },
	{ RAW, H(reserved_flags_are_refused) },
	{ RAW, H(answer_that_nobody_asked_for) },
	{ RAW, H(message_size_is_bounded) },
	{ REALIZED, H(payload_is_not_too_short) }, /* CVE-2020-14374 to 14378 */
	{ REALIZED, H(payload_is_not_too_long) },
	{ REALIZED, H(request_0_ends_nothing) }, /* libvhost-user exits */
	{ REALIZED, H(unknown_request_is_refused) },
	{ RAW, H(half_a_header_is_not_waited_for) },
	{ RAW, H(half_a_payload_is_not_waited_for) },
	{ RAW, H(trickle_is_not_waited_for) },
	{ RAW, H(half_a_message_and_gone) },
	{ RAW, H(message_in_single_bytes) },
	{ RAW, H(message_waits_for_a_late_look) },
	{ RAW, H(each_message_has_its_own_time) },
	{ RAW, H(messages_in_one_piece) },
	{ RAW, H(silent_peer) },
	{ RAW, H(peer_that_does_not_read) },
	{ RAW, H(peer_that_does_not_read_its_config) },
	{ REALIZED, H(flood_of_messages) },
	{ RAW, H(comes_and_goes) }, /* as CVE-2021-42075 of Barrier */
	{ STARTED, H(refused_user_gets_nothing) },
	{ RAW, H(refused_users_leak_nothing) },
	{ RAW, H(out_of_descriptors_is_waited_for) },
	{ STARTED, H(second_connection_is_refused) },
	{ RAW, H(random_bytes) },
	{ REALIZED, H(random_messages) },
	/* Descriptors. */
	{ REALIZED, H(unexpected_fds_are_refused) },
	{ REALIZED, H(unexpected_fds_are_closed) },       /* CVE-2019-14818, CVE-2020-10717 */
	{ REALIZED, H(more_fds_than_there_is_room_for) }, /* QEMU's assert(fd_size < 8) */
	{ REALIZED, H(fds_that_were_cut_off) },
	{ REALIZED, H(fds_with_every_byte) },
	{ REALIZED, H(missing_fd_is_refused) },
	{ REALIZED, H(fd_and_no_fd_at_once) },
	{ REALIZED, H(kick_repeated_leaks_nothing) },
	{ REALIZED, H(call_repeated_leaks_nothing) },
	{ REALIZED, H(err_repeated_leaks_nothing) },
	{ STARTED, H(kick_of_any_kind) },
	{ STARTED, H(call_of_any_kind) },
	{ STARVED, H(err_of_any_kind) },
	{ REALIZED, H(stuck_memory_is_not_waited_for) },
	{ REALIZED, H(nobody_comes_while_many_are_stuck) },
	{ STARTED, H(stuck_kick_call_and_err_are_not_waited_for) },
	{ REALIZED, H(stuck_and_unexpected_is_not_waited_for) },
	{ STARVED, H(stuck_err_is_not_waited_for) },
	{ REALIZED, H(stuck_and_unread_is_not_waited_for) },
	{ RAW, H(stuck_of_a_refused_user_is_not_waited_for) },
	{ STARTED, H(full_call_does_not_block) },
	{ STARTED, H(full_call_is_used_again) },
	{ STARTED, H(call_made_blocking_does_not_block) },
	{ STARVED, H(err_made_blocking_does_not_block) },
	{ STARTED, H(kick_made_blocking_does_not_block) },
	{ STARTED, H(kick_semaphore_keeps_nobody_busy) },
	{ STARTED, H(kick_timer_keeps_nobody_busy) },
	{ STARVED, H(kicks_without_end) },
	/* Rings. */
	{ REALIZED, H(queue_index_of_num_is_bounded) }, /* CVE-2020-10723 */
	{ REALIZED, H(queue_index_of_base_is_bounded) },
	{ REALIZED, H(queue_index_of_get_base_is_bounded) },
	{ REALIZED, H(queue_index_of_enable_is_bounded) },
	{ REALIZED, H(queue_index_of_addr_is_bounded) },
	{ REALIZED, H(queue_index_of_eventfds_is_bounded) },
	{ REALIZED, H(queue_size_is_a_power_of_two) },
	{ STARTED, H(queue_size_stays_while_it_runs) }, /* CVE-2026-86565 */
	{ STARTED, H(addresses_stay_while_it_runs) },
	{ STARTED, H(base_stays_while_it_runs) },
	{ REALIZED, H(the_honest_start_is_one) },
	{ REALIZED, H(start_without_protocol_features) },
	{ REALIZED, H(packed_ring_is_refused) },
	{ REALIZED, H(iommu_is_refused) },
	{ REALIZED, H(ring_addresses_are_mapped) },
	{ REALIZED, H(ring_is_mapped_to_its_end) }, /* CVE-2018-1059 */
	{ REALIZED, H(ring_is_as_long_as_its_size_says) },
	{ REALIZED, H(ring_addresses_are_aligned) },
	{ REALIZED, H(no_ring_without_memory) },
	{ REALIZED, H(no_ring_before_its_kick) },
	{ REALIZED, H(no_ring_before_it_is_enabled) },
	{ REALIZED, H(base_of_any_value) },
	{ REALIZED, H(rings_upon_each_other) },
	{ REALIZED, H(started_twice) },
	{ STARTED, H(stopped_twice) },
	{ REALIZED, H(leaves_in_the_middle) }, /* as CVE-2021-42074 of Barrier */
	/* The memory table. */
	{ REALIZED, H(region_count_is_bounded) },
	{ REALIZED, H(region_count_fits_the_payload) },
	{ REALIZED, H(region_count_is_the_fd_count) },
	{ REALIZED, H(region_is_not_empty) },
	{ REALIZED, H(region_size_does_not_overflow) }, /* CVE-2026-86561 */
	{ REALIZED, H(region_is_within_its_file) },
	{ REALIZED, H(region_offset_does_not_overflow) }, /* CVE-2020-10722 */
	{ REALIZED, H(region_addresses_do_not_overflow) },
	{ REALIZED, H(regions_do_not_overlap) },
	{ REALIZED, H(region_is_memory) }, /* as CVE-2020-35517 of virtiofsd */
	{ REALIZED, H(region_total_is_bounded) },
	{ REALIZED, H(memory_cut_before_it_is_sent) },
	{ STARTED, H(stopped_ring_stays_so) },
	{ STARTED, H(memory_repeated_leaks_nothing) }, /* as CVE-2021-3544 */
	{ STARTED, H(rings_go_with_their_memory) },    /* CVE-2026-86567 */
	{ STARTED, H(buffers_go_with_their_memory) },
	/* What was not negotiated. */
	{ REALIZED, H(get_inflight_repeated) },      /* CVE-2020-10726 */
	{ REALIZED, H(set_inflight_leaks_nothing) }, /* CVE-2021-3839, CVE-2022-0669 */
	{ REALIZED, H(log_is_refused) },             /* CVE-2020-10722, CVE-2026-86563 */
	{ REALIZED, H(iotlb_is_refused) },           /* CVE-2026-86567 */
	{ REALIZED, H(postcopy_is_refused) },
	{ REALIZED, H(backend_channel_is_refused) },
	{ REALIZED, H(memory_slots_are_refused) },
	{ REALIZED, H(crypto_sessions_are_refused) }, /* CVE-2020-10724, CVE-2026-86845 */
	/* The config space. */
	{ REALIZED, H(config_offset_is_bounded) },
	{ REALIZED, H(config_size_fits_the_payload) },
	{ REALIZED, H(config_of_any_selection) }, /* CVE-2021-3545 */
	{ REALIZED, H(config_is_only_read) },
	/* The guest's part. */
	{ STARVED, H(broken_ring_is_told_after_a_frame) },
	{ STARVED, H(kicked_and_gone) },
	{ STARVED, H(avail_index_does_not_jump) },  /* CVE-2016-5403, rust-vmm's vm-virtio 196 */
	{ STARVED, H(head_is_bounded) },            /* CVE-2026-86846 */
	{ STARVED, H(next_is_bounded) },            /* DPDK's control queue, 2026-01 */
	{ STARVED, H(chain_of_one_does_not_loop) }, /* CVE-2026-86847 */
	{ STARVED, H(chain_does_not_loop) },        /* CVE-2026-86847 */
	{ STARVED, H(buffer_is_writable) },
	{ STARVED, H(buffer_is_long_enough) }, /* CVE-2022-2132, CVE-2026-86566 */
	{ STARVED, H(buffer_is_mapped) },
	{ STARVED, H(buffer_is_mapped_to_its_end) },      /* CVE-2018-1059 */
	{ STARVED, H(buffer_address_does_not_overflow) }, /* CVE-2020-10725 */
	{ STARVED, H(buffer_of_4_gigabytes) },
	{ STARVED, H(indirect_length_is_checked) }, /* CVE-2026-93683 */
	{ STARVED, H(indirect_is_not_nested) },
	{ STARVED, H(indirect_has_no_next) },
	{ STARVED, H(indirect_next_is_bounded) },
	{ STARVED, H(indirect_does_not_loop) },
	{ STARVED, H(indirect_table_is_mapped) },
	{ STARTED, H(used_ring_of_any_content) },
	/* Between two looks. */
	{ STARVED, H(nothing_is_read_twice) }, /* CVE-2026-86562, 86848, 93683 */
	{ STARVED, H(nothing_is_read_twice_of_the_status) },
	{ STARTED, H(memory_cut_while_it_runs) },
	{ STARTED, H(memory_cut_and_grown_again) },
	{ STARTED, H(memory_cut_before_a_message) },
	/* The status queue. */
	{ STARTED, H(status_flood) }, /* QEMU's and crosvm's pass it all on; ACRN 1705 */
	{ STARTED, H(leds_that_the_device_has_not) },
	{ STARTED, H(status_is_readable) },
	{ STARTED, H(status_is_long_enough) },
	{ STARTED, H(short_status_after_a_whole_one) },
	{ STARTED, H(broken_status_queue_is_told) },
	{ STARTED, H(status_is_mapped) },
	{ STARTED, H(status_head_is_bounded) },
	{ STARTED, H(status_chain_does_not_loop) },
	{ STARTED, H(status_index_does_not_jump) },
};

int main(int argc, char **argv)
{
	static struct CMUnitTest tests[ARRAY_SIZE(list)];

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
		tests[i] = (struct CMUnitTest){ list[i].name, run, stand_setup, stand_teardown,
						(void *)(uintptr_t)&list[i] };
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests_name("vhost-hostile", tests, NULL, NULL);
}
