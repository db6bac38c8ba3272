/* SPDX-License-Identifier: MIT */
/* Frames through shared memory: order, room, a producer that lies, and two processes at full speed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "evring-pair.h"
#include "base/util.h"

/* The memory as a hostile producer sees it. */
#define PUSHED 0
#define POPPED 16
#define SLOTS  16 /* in units of 8 bytes */
#define SIZE   ((SLOTS + EVRING_SLOTS) * 8UL)

#define FRAMES     1000000
#define WAKE_UP_MS 60000

static uint32_t *indices(const struct evring_pair *pair)
{
	return (uint32_t *)pair->producer.memory;
}

static uint64_t *slots(const struct evring_pair *pair)
{
	return (uint64_t *)pair->producer.memory + SLOTS;
}

static uint64_t head(uint16_t n)
{
	return n;
}

/* Good events everywhere: so that nothing but its head is wrong in a frame. */
static void fill_slots(struct evring_pair *pair)
{
	for (unsigned i = 0; i < EVRING_SLOTS; i++)
		slots(pair)[i] = EV_REL | REL_Y << 16 | 1ULL << 32;
}

/* A frame of n events whose values count up from 'value'. */
static void make(struct frame *frame, unsigned n, int value)
{
	static const struct input_event at = { 0 };

	*frame = (struct frame){ .resync = value & 1 };
	for (unsigned i = 0; i < n; i++)
		frame_put(frame, &at, EV_REL, REL_X, value + (int)i);
	frame_close(frame, &at);
}

static int push(struct evring *ring, unsigned n, int value)
{
	struct frame frame;

	make(&frame, n, value);
	return evring_push(ring, (uint32_t)value * 3, (unsigned)value % 3, &frame);
}

static void expect(const struct evring_frame *in, unsigned n, int value)
{
	assert_int_equal(in->generation, (uint32_t)value * 3);
	assert_int_equal(in->node, (unsigned)value % 3);
	assert_int_equal(in->frame.n, n + 1);
	assert_int_equal(in->frame.resync, value & 1);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(in->frame.ev[i].type, EV_REL);
		assert_int_equal(in->frame.ev[i].code, REL_X);
		assert_int_equal(in->frame.ev[i].value, value + (int)i);
	}
	assert_int_equal(in->frame.ev[n].type, EV_SYN);
	assert_int_equal(in->frame.ev[n].code, SYN_REPORT);
	assert_int_equal(in->frame.ev[n].input_event_sec, 0);
}

static void pop(struct evring_pair *pair, unsigned n, int value)
{
	struct evring_frame in;

	assert_true(evring_pop(&pair->consumer, &in));
	expect(&in, n, value);
}

static void pop_nothing(struct evring_pair *pair)
{
	struct evring_frame in;

	assert_false(evring_pop(&pair->consumer, &in));
}

/* How often the doorbell rang since the last question. */
static uint64_t rings(struct evring_pair *pair)
{
	uint64_t count = 0;

	if (read(pair->producer.bell_fd, &count, sizeof(count)) < 0)
		assert_int_equal(errno, EAGAIN);
	return count;
}

static void test_whole_frames(void **state)
{
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	pop_nothing(&pair);
	for (unsigned n = 0; n < FRAME_MAX; n++)
		assert_int_equal(push(&pair.producer, n, (int)n * 100), 0);
	for (unsigned n = 0; n < FRAME_MAX; n++)
		pop(&pair, n, (int)n * 100);
	pop_nothing(&pair);
	evring_pair_close(&pair);
}

/* What does not fit is refused whole, and the rest is as it was. */
static void test_full(void **state)
{
	struct evring_pair pair;
	int pushed = 0;

	(void)state;
	evring_pair_open(&pair);
	while (push(&pair.producer, 63, pushed) == 0)
		pushed++;
	assert_int_equal(pushed, EVRING_SLOTS / 64);
	assert_int_equal(push(&pair.producer, 0, 0), -EAGAIN);
	pop(&pair, 63, 0);
	assert_int_equal(push(&pair.producer, 62, pushed), 0);
	assert_int_equal(push(&pair.producer, 1, 0), -EAGAIN);
	assert_int_equal(push(&pair.producer, 0, pushed + 1), 0);
	assert_int_equal(push(&pair.producer, 0, 0), -EAGAIN);
	for (int i = 1; i < pushed; i++)
		pop(&pair, 63, i);
	pop(&pair, 62, pushed);
	pop(&pair, 0, pushed + 1);
	pop_nothing(&pair);
	evring_pair_close(&pair);
}

/* Frames over the end of the slots, and over the end of what a position can count. */
static void test_wrap(void **state)
{
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (int i = 0; i < 3 * EVRING_SLOTS / 7; i++) {
		assert_int_equal(push(&pair.producer, 6, i), 0);
		pop(&pair, 6, i);
	}
	indices(&pair)[PUSHED] = indices(&pair)[POPPED] = -5U;
	pair.producer.position = pair.consumer.position = -5U;
	for (int i = 0; i < 100; i++)
		assert_int_equal(push(&pair.producer, 6, i), 0);
	for (int i = 0; i < 100; i++)
		pop(&pair, 6, i);
	pop_nothing(&pair);
	evring_pair_close(&pair);
}

/* One for what comes to an empty ring, none while the consumer has not seen that. */
static void test_doorbell(void **state)
{
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	assert_int_equal(rings(&pair), 0);
	assert_int_equal(push(&pair.producer, 2, 1), 0);
	assert_int_equal(rings(&pair), 1);
	assert_int_equal(push(&pair.producer, 2, 2), 0);
	assert_int_equal(rings(&pair), 0);
	pop(&pair, 2, 1);
	assert_int_equal(push(&pair.producer, 2, 3), 0);
	assert_int_equal(rings(&pair), 0);
	pop(&pair, 2, 2);
	pop(&pair, 2, 3);
	assert_int_equal(push(&pair.producer, 2, 4), 0);
	assert_int_equal(rings(&pair), 1);
	evring_pair_close(&pair);
}

static void release_nothing(struct evring_pair *pair)
{
	pop_nothing(pair);
	assert_false(evring_take_release(&pair->consumer));
}

/* A release has its place among the frames, also after the last one and where none follows. */
static void test_release(void **state)
{
	struct evring_frame in;
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	release_nothing(&pair);
	assert_int_equal(push(&pair.producer, 2, 1), 0);
	evring_release(&pair.producer);
	evring_release(&pair.producer);
	assert_int_equal(push(&pair.producer, 2, 2), 0);
	assert_int_equal(push(&pair.producer, 2, 3), 0);
	evring_release(&pair.producer);
	for (int i = 1; i <= 3; i++) {
		assert_true(evring_pop(&pair.consumer, &in));
		expect(&in, 2, i);
		assert_int_equal(in.release, i == 2);
	}
	pop_nothing(&pair);
	assert_true(evring_take_release(&pair.consumer));
	release_nothing(&pair);
	evring_pair_close(&pair);
}

/* It rings, also where the consumer has taken everything, and needs no room. */
static void test_release_in_full_ring(void **state)
{
	struct evring_frame in;
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	evring_release(&pair.producer);
	assert_int_equal(rings(&pair), 1);
	while (push(&pair.producer, 63, 1) == 0)
		;
	rings(&pair);
	evring_release(&pair.producer);
	assert_int_equal(rings(&pair), 1);
	assert_true(evring_pop(&pair.consumer, &in));
	assert_true(in.release);
	while (evring_pop(&pair.consumer, &in))
		assert_false(in.release);
	assert_true(evring_take_release(&pair.consumer));
	release_nothing(&pair);
	evring_pair_close(&pair);
}

/* As often as the few bits in a frame's head can count, and once more. */
static void test_many_releases(void **state)
{
	struct evring_frame in;
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (unsigned n = 0; n < 600; n++) {
		for (unsigned i = 0; i < n; i++)
			evring_release(&pair.producer);
		assert_int_equal(push(&pair.producer, 1, 0), 0);
		assert_true(evring_pop(&pair.consumer, &in));
		assert_int_equal(in.release, n % 256 != 0);
		pop_nothing(&pair);
		/* Only what the head could not count is still due. */
		assert_int_equal(evring_take_release(&pair.consumer), n >= 256);
		release_nothing(&pair);
	}
	evring_pair_close(&pair);
}

/* The consumer waits for its own things at the same place, and can tell which of the two it was. */
static void test_wait_for_other(void **state)
{
	struct evring_pair pair;
	int pipe_ends[2];
	bool other = true;

	(void)state;
	evring_pair_open(&pair);
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(evring_join(&pair.consumer, pipe_ends[0]), 0);
	assert_int_equal(evring_wait(&pair.consumer, 0, &other), 0);
	assert_false(other);
	for (int i = 0; i < 3; i++) {
		other = true;
		assert_int_equal(push(&pair.producer, 2, i), 0);
		assert_int_equal(evring_wait(&pair.consumer, 0, &other), 1);
		assert_false(other);
		assert_int_equal(evring_wait(&pair.consumer, 0, &other), 0);
		pop(&pair, 2, i);
	}
	assert_int_equal(write(pipe_ends[1], "x", 1), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(evring_wait(&pair.consumer, 0, &other), 1);
		assert_true(other);
	}
	assert_int_equal(push(&pair.producer, 2, 3), 0);
	assert_int_equal(evring_wait(&pair.consumer, 0, &other), 1);
	assert_true(other);
	/* The producer has the doorbell for longer than this consumer. */
	evring_close(&pair.consumer);
	assert_int_equal(pair.consumer.other_fd, -1);
	assert_int_equal(evring_wait(&pair.producer, 0, &other), 0);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	evring_pair_close(&pair);
}

/* What cannot be waited for is refused, and the consumer goes on without it. */
static void test_join_refuses(void **state)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct evring_pair pair;
	bool other;

	(void)state;
	evring_pair_open(&pair);
	assert_int_equal(evring_join(&pair.consumer, file), -EPERM);
	assert_int_equal(pair.consumer.other_fd, -1);
	assert_int_equal(push(&pair.producer, 2, 1), 0);
	assert_int_equal(evring_wait(&pair.consumer, 0, &other), 1);
	close(file);
	evring_pair_close(&pair);
}

static void on_alarm(int number)
{
	(void)number;
}

/* The clock goes on ringing, so one signal comes while it waits. */
static void test_signal_ends_the_wait(void **state)
{
	const struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { 0 };
	const struct sigaction action = { .sa_handler = on_alarm };
	struct evring_pair pair;
	bool other = true;

	(void)state;
	evring_pair_open(&pair);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(evring_wait(&pair.consumer, -1, &other), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	assert_false(other);
	evring_pair_close(&pair);
}

/* Which frames wait is known without a clock. */
static void test_waits(void **state)
{
	struct evring_pair pair;
	uint32_t popped;

	(void)state;
	evring_pair_open(&pair);
	assert_false(evring_waits(&pair.producer, &popped));
	assert_int_equal(push(&pair.producer, 3, 1), 0);
	assert_true(evring_waits(&pair.producer, &popped));
	assert_int_equal(popped, 0);
	pop(&pair, 3, 1);
	assert_false(evring_waits(&pair.producer, &popped));
	assert_int_equal(popped, 4);
	evring_pair_close(&pair);
}

/* A new consumer of the same ring goes on where the last one was. */
static void test_second_consumer(void **state)
{
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (int i = 0; i < 3; i++)
		assert_int_equal(push(&pair.producer, 3, i), 0);
	pop(&pair, 3, 0);
	evring_close(&pair.consumer);
	assert_int_equal(evring_attach(&pair.consumer, dup(pair.producer.memory_fd),
				       dup(pair.producer.doorbell_fd)),
			 0);
	pop(&pair, 3, 1);
	pop(&pair, 3, 2);
	pop_nothing(&pair);
	evring_pair_close(&pair);
}

/* --- lies -------------------------------------------------------------------------------- */

/* What is malformed has emptied the ring for both sides; then a good frame goes through. */
static void expect_good_again(struct evring_pair *pair)
{
	assert_int_equal(pair->consumer.position, indices(pair)[PUSHED]);
	assert_int_equal(indices(pair)[POPPED], indices(pair)[PUSHED]);
	pair->producer.position = pair->consumer.position;
	indices(pair)[PUSHED] = indices(pair)[POPPED] = pair->consumer.position;
	assert_int_equal(push(&pair->producer, 5, 1000), 0);
	pop(pair, 5, 1000);
	pop_nothing(pair);
}

static void test_long_frame(void **state)
{
	static const uint16_t lies[] = { FRAME_MAX, FRAME_MAX + 1, 255, 256, 0x7fff, 0xffff };
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		uint32_t at = pair.consumer.position;

		fill_slots(&pair);
		slots(&pair)[at % EVRING_SLOTS] = head(lies[i]);
		indices(&pair)[PUSHED] = at + EVRING_SLOTS;
		pop_nothing(&pair);
		pop_nothing(&pair);
		expect_good_again(&pair);
	}
	evring_pair_close(&pair);
}

/* A head that promises more than was pushed. */
static void test_cut_frame(void **state)
{
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (unsigned n = 1; n < FRAME_MAX; n++) {
		uint32_t at = pair.consumer.position;

		fill_slots(&pair);
		slots(&pair)[at % EVRING_SLOTS] = head((uint16_t)n);
		indices(&pair)[PUSHED] = at + n;
		pop_nothing(&pair);
		expect_good_again(&pair);
	}
	evring_pair_close(&pair);
}

/* Two frames in what says to be one. */
static void test_frame_in_frame(void **state)
{
	struct evring_pair pair;
	uint32_t at;

	(void)state;
	evring_pair_open(&pair);
	assert_int_equal(push(&pair.producer, 5, 1), 0);
	at = pair.consumer.position;
	slots(&pair)[(at + 3) % EVRING_SLOTS] = 0; /* SYN_REPORT */
	pop_nothing(&pair);
	expect_good_again(&pair);
	evring_pair_close(&pair);
}

static void test_index_out_of_range(void **state)
{
	static const uint32_t lies[] = { EVRING_SLOTS + 1, 0x80000000, -1U, -64U };
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		indices(&pair)[PUSHED] = pair.consumer.position + lies[i];
		pop_nothing(&pair);
		pop_nothing(&pair);
		expect_good_again(&pair);
	}
	evring_pair_close(&pair);
}

/* The consumer's own index is written over: it knows better. */
static void test_popped_is_not_read_back(void **state)
{
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (int i = 0; i < 3; i++)
		assert_int_equal(push(&pair.producer, 3, i), 0);
	pop(&pair, 3, 0);
	indices(&pair)[POPPED] = 0x12345678;
	pop(&pair, 3, 1);
	assert_int_equal(indices(&pair)[POPPED], 8);
	pop(&pair, 3, 2);
	evring_pair_close(&pair);
}

/* The consumer lies: the producer refuses, and writes nowhere but into the ring. */
static void test_hostile_consumer(void **state)
{
	static const uint32_t lies[] = { 1, 1000, 0x80000000, -EVRING_SLOTS - 1U };
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
		indices(&pair)[POPPED] = pair.producer.position + lies[i];
		assert_int_equal(push(&pair.producer, 63, 0), -EAGAIN);
	}
	evring_pair_close(&pair);
}

/* What it can do to the doorbell: it fills it, without O_NONBLOCK. A frame goes out at once all the same. */
static void test_hostile_doorbell(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	struct evring_pair pair;
	int status;
	pid_t pid;

	(void)state;
	evring_pair_open(&pair);
	fcntl(pair.consumer.doorbell_fd, F_SETFL, 0);
	if (write(pair.consumer.doorbell_fd, &full, sizeof(full)) < 0)
		assert_int_equal(errno, EINVAL);
	pid = fork();
	if (pid == 0) {
		alarm(5);
		_exit(push(&pair.producer, 2, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	evring_pair_close(&pair);
}

static unsigned long random_state = 88172645463325252UL;

static uint32_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

/* The producer has the doorbell, too, and lets it watch a crowd that is always ready. */
static void test_crowded_doorbell(void **state)
{
	struct epoll_event ready = { .events = EPOLLIN };
	struct evring_pair pair;
	int pipe_ends[2], crowd[8];
	bool other;

	(void)state;
	evring_pair_open(&pair);
	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	assert_int_equal(write(pipe_ends[1], "x", 1), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(crowd); i++) {
		crowd[i] = dup(pipe_ends[0]);
		assert_int_equal(
			epoll_ctl(pair.producer.doorbell_fd, EPOLL_CTL_ADD, crowd[i], &ready), 0);
	}
	assert_int_equal(push(&pair.producer, 2, 1), 0);
	assert_int_equal(evring_wait(&pair.consumer, 0, &other), 1);
	assert_false(other);
	pop(&pair, 2, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(crowd); i++)
		close(crowd[i]);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	evring_pair_close(&pair);
}

/* Nonsense everywhere: whatever comes out is a whole frame, and there is an end to it. */
static void test_random_memory(void **state)
{
	struct evring_frame in;
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	for (unsigned round = 0; round < 200; round++) {
		unsigned n = 0;

		for (unsigned i = 0; i < EVRING_SLOTS; i++)
			slots(&pair)[i] =
				rnd() % 4 ? 1 + rnd() % 80 : (uint64_t)rnd() << 32 | rnd();
		indices(&pair)[PUSHED] = pair.consumer.position + rnd() % (EVRING_SLOTS + 9);
		while (evring_pop(&pair.consumer, &in)) {
			assert_in_range(in.frame.n, 1, FRAME_MAX);
			assert_int_equal(in.frame.ev[in.frame.n - 1].type, EV_SYN);
			for (unsigned i = 0; i + 1 < in.frame.n; i++)
				assert_int_not_equal(in.frame.ev[i].type, EV_SYN);
			assert_true(++n <= EVRING_SLOTS);
		}
		assert_int_equal(pair.consumer.position, indices(&pair)[PUSHED]);
	}
	evring_pair_close(&pair);
}

static void lie(const struct evring_pair *pair)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0;; i++) {
		slots(pair)[rnd() % EVRING_SLOTS] = rnd() % 70;
		indices(pair)[rnd() % 8 ? PUSHED : POPPED] = rnd() % 4 ? i : rnd();
	}
}

/* Another process writes nonsense while this one reads. */
static void test_moving_lies(void **state)
{
	struct evring_frame in;
	struct evring_pair pair;
	pid_t liar;

	(void)state;
	evring_pair_open(&pair);
	liar = fork();
	assert_true(liar >= 0);
	if (liar == 0)
		lie(&pair);
	for (unsigned i = 0; i < 3000000; i++)
		if (evring_pop(&pair.consumer, &in)) {
			assert_in_range(in.frame.n, 1, FRAME_MAX);
			assert_int_equal(in.frame.ev[in.frame.n - 1].type, EV_SYN);
		}
	kill(liar, SIGKILL);
	assert_int_equal(waitpid(liar, NULL, 0), liar);
	evring_pair_close(&pair);
}

/* --- memory that is none ----------------------------------------------------------------- */

static unsigned count_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int make_memory(off_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* Both descriptors are closed, whichever of them was wrong. */
static void refused(int memory_fd, int rc)
{
	struct evring ring;
	unsigned before = count_fds() - (memory_fd >= 0);

	assert_int_equal(evring_attach(&ring, memory_fd, eventfd(0, EFD_CLOEXEC)), rc);
	assert_null(ring.memory);
	assert_int_equal(count_fds(), before);
	evring_close(&ring);
}

static void test_attach_refuses(void **state)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	refused(make_memory(SIZE, 0), -EINVAL);
	refused(make_memory(SIZE, F_SEAL_GROW | F_SEAL_SEAL), -EINVAL);
	refused(make_memory(SIZE - 1, F_SEAL_SHRINK | F_SEAL_GROW), -EINVAL);
	refused(make_memory(SIZE + 4096, F_SEAL_SHRINK | F_SEAL_GROW), -EINVAL);
	refused(make_memory(0, F_SEAL_SHRINK | F_SEAL_GROW), -EINVAL);
	refused(make_memory(SIZE, F_SEAL_SHRINK | F_SEAL_WRITE), -EPERM);
	refused(file, -EINVAL);
	refused(-1, -EINVAL);
}

static void test_attach_takes_good_memory(void **state)
{
	struct evring ring;

	(void)state;
	assert_int_equal(evring_attach(&ring, make_memory(SIZE, F_SEAL_SHRINK | F_SEAL_GROW),
				       eventfd(0, EFD_CLOEXEC)),
			 0);
	evring_close(&ring);
}

/* The producer's memory cannot be cut off under the consumer. */
static void test_sealed(void **state)
{
	struct evring_pair pair;

	(void)state;
	evring_pair_open(&pair);
	assert_int_equal(ftruncate(pair.producer.memory_fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	/* Nor can a consumer add a seal that keeps the next one from writing. */
	assert_int_equal(fcntl(pair.producer.memory_fd, F_GET_SEALS),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	evring_pair_close(&pair);
}

/* A doorbell that is none: an error, so that the consumer does not wait for ever. */
static void test_no_doorbell(void **state)
{
	struct evring ring;
	bool other = true;

	(void)state;
	assert_int_equal(evring_attach(&ring, make_memory(SIZE, F_SEAL_SHRINK | F_SEAL_GROW),
				       eventfd(0, EFD_CLOEXEC)),
			 0);
	assert_int_equal(evring_wait(&ring, 0, &other), -EINVAL);
	assert_false(other);
	evring_close(&ring);
}

static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		n += strstr(line, "/memfd:evswitch-frames") != NULL;
	fclose(maps);
	return n;
}

static void test_nothing_is_left(void **state)
{
	unsigned before = count_fds();
	struct evring_pair pair;

	(void)state;
	for (unsigned i = 0; i < 50; i++) {
		evring_pair_open(&pair);
		assert_int_equal(count_mappings(), 2);
		evring_pair_close(&pair);
		evring_pair_close(&pair);
	}
	assert_int_equal(count_fds(), before);
	assert_int_equal(count_mappings(), 0);
}

/* Neither side needs to know whether its ring is open. */
static void test_closed_ring(void **state)
{
	struct evring_pair pair;
	uint32_t popped = 1;

	(void)state;
	evring_pair_open(&pair);
	assert_int_equal(push(&pair.producer, 2, 1), 0);
	evring_pair_close(&pair);
	assert_null(pair.consumer.memory);
	evring_release(&pair.producer);
	assert_false(evring_waits(&pair.producer, &popped));
	assert_int_equal(popped, 0);
}

static void limit_to(int resource, rlim_t value, struct rlimit *before)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(resource, before), 0);
	limit = (struct rlimit){ value, before->rlim_max };
	assert_int_equal(setrlimit(resource, &limit), 0);
}

/* With each number of descriptors below the three that it takes, and with no room for the memory. */
static void test_create_fails_whole(void **state)
{
	unsigned before = count_fds();
	struct rlimit limit;
	struct evring ring;
	int next = dup(0);

	(void)state;
	close(next);
	for (int left = 0; left < 3; left++) {
		limit_to(RLIMIT_NOFILE, (rlim_t)(next + left), &limit);
		assert_int_equal(evring_create(&ring), -EMFILE);
		setrlimit(RLIMIT_NOFILE, &limit);
		assert_null(ring.memory);
		assert_int_equal(count_fds(), before);
		assert_int_equal(count_mappings(), 0);
	}
	signal(SIGXFSZ, SIG_IGN);
	limit_to(RLIMIT_FSIZE, SIZE - 1, &limit);
	assert_int_equal(evring_create(&ring), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(count_fds(), before);
}

/* A program whose standard input is closed: descriptor 0 is as good as another. */
static void test_descriptor_0(void **state)
{
	int input = fcntl(0, F_DUPFD_CLOEXEC, 3), pipe_ends[2];
	struct evring_pair pair;
	bool other;

	(void)state;
	close(0);
	evring_pair_open(&pair);
	assert_int_equal(pair.producer.memory_fd, 0);
	evring_pair_close(&pair);
	assert_int_equal(fcntl(0, F_GETFD), -1);

	assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
	assert_int_equal(pipe_ends[0], 0);
	assert_int_equal(write(pipe_ends[1], "x", 1), 1);
	evring_pair_open(&pair);
	assert_int_equal(evring_join(&pair.consumer, 0), 0);
	assert_int_equal(evring_wait(&pair.producer, 0, &other), 1);
	evring_close(&pair.consumer);
	assert_int_equal(evring_wait(&pair.producer, 0, &other), 0);
	evring_pair_close(&pair);
	close(pipe_ends[1]);
	assert_int_equal(dup2(input, 0), 0);
	close(input);
}

/* --- two processes ----------------------------------------------------------------------- */

static unsigned length_of(int value)
{
	return (unsigned)value * 2654435761U >> 28;
}

/* Mostly for less than a frame takes: both sides then meet at an empty ring again and again. */
static void pause_at_random(void)
{
	uint32_t dice = rnd() % 8192;

	if (dice == 0)
		usleep(rnd() % 200);
	else if (dice < 64)
		sched_yield();
	else
		for (volatile unsigned i = dice % 256; i; i--)
			;
}

static void produce(struct evring *ring)
{
	random_state ^= 0x5555;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < FRAMES; i++) {
		int rc;

		while ((rc = push(ring, length_of(i), i)) == -EAGAIN)
			sched_yield();
		if (rc < 0)
			_exit(1);
		pause_at_random();
	}
	_exit(0);
}

/* Nothing is lost, nothing comes twice, and no frame waits for the next one to wake its reader. */
static void test_two_processes(void **state)
{
	struct evring_frame in;
	struct evring_pair pair;
	int next = 0, status;
	unsigned sleeps = 0;
	pid_t producer;

	(void)state;
	evring_pair_open(&pair);
	producer = fork();
	if (producer == 0)
		produce(&pair.producer);
	assert_true(producer > 0);
	while (next < FRAMES) {
		bool other;

		if (evring_wait(&pair.consumer, WAKE_UP_MS, &other) != 1)
			fail_msg("no wake-up after frame %d", next);
		sleeps++;
		for (; evring_pop(&pair.consumer, &in); next++)
			expect(&in, length_of(next), next);
	}
	assert_int_equal(waitpid(producer, &status, 0), producer);
	assert_int_equal(status, 0);
	printf("%d frames, %u wake-ups\n", FRAMES, sleeps);
	evring_pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_frames),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_doorbell),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_release_in_full_ring),
		cmocka_unit_test(test_many_releases),
		cmocka_unit_test(test_wait_for_other),
		cmocka_unit_test(test_join_refuses),
		cmocka_unit_test(test_signal_ends_the_wait),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_second_consumer),
		cmocka_unit_test(test_long_frame),
		cmocka_unit_test(test_cut_frame),
		cmocka_unit_test(test_frame_in_frame),
		cmocka_unit_test(test_index_out_of_range),
		cmocka_unit_test(test_popped_is_not_read_back),
		cmocka_unit_test(test_hostile_consumer),
		cmocka_unit_test(test_hostile_doorbell),
		cmocka_unit_test(test_crowded_doorbell),
		cmocka_unit_test(test_random_memory),
		cmocka_unit_test(test_moving_lies),
		cmocka_unit_test(test_attach_refuses),
		cmocka_unit_test(test_attach_takes_good_memory),
		cmocka_unit_test(test_sealed),
		cmocka_unit_test(test_no_doorbell),
		cmocka_unit_test(test_nothing_is_left),
		cmocka_unit_test(test_closed_ring),
		cmocka_unit_test(test_create_fails_whole),
		cmocka_unit_test(test_descriptor_0),
		cmocka_unit_test(test_two_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
