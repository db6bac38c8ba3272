/*
 * How much evswitch adds to every frame, beside the least that a forwarder on epoll adds
 * (tests/bench/floor.c): from the write on the source's uinput device to the SYN_REPORT that a
 * reader of the last node gets. Writer, reader and source stay the same, only what stands between
 * changes: nothing, the floor, evswitch. Figures count within one run only, and only where the
 * clock counts instructions: tests/vm/run --icount.
 *
 * latency [PERCENT]: fails where evswitch adds more than PERCENT (110) of what the floor adds.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "stage.h"
#include "util.h"

#define LIMIT_PERCENT 110
#define ROUNDS        3
#define WARM_UP       20
#define PER_ROUND     200
#define SAMPLES       (ROUNDS * PER_ROUND)
/* Between two frames: long enough for everybody to be asleep again. */
#define PACE_NS 2000000

/* What stands between the write and the reader. QEMU, as a guest's reader, has the node grabbed. */
enum view { SOURCE, FLOOR, HOST, GRABBED_SOURCE, GRABBED_FLOOR, GUEST, VIEWS };

enum { KINDS = 9 };

/* How many events, and which; the SYN_REPORT is the zeroes behind them. */
/* clang-format off */
#define EVENT(type_, code_, value_) { .type = type_, .code = code_, .value = value_ }
#define MOVE(dx, dy)              3, { EVENT(EV_REL, REL_X, dx), EVENT(EV_REL, REL_Y, dy) }
#define KEY(code, down)           2, { EVENT(EV_KEY, code, down) }
#define SCAN_KEY(scan, code, down) \
	3, { EVENT(EV_MSC, MSC_SCAN, scan), EVENT(EV_KEY, code, down) }
/* clang-format on */

/*
 * In the order in which they are played: a series at a time, its kinds in turn, over and over. The
 * first kind of a series says how many there are in it, the others 0.
 */
static const struct kind {
	const char *name;
	bool mouse;
	unsigned series, n;
	struct input_event ev[3];
} kinds[KINDS] = {
	{ "move", true, 1, MOVE(3, -2) },
	{ "key down", false, 2, KEY(KEY_A, 1) },
	{ "key up", false, 0, KEY(KEY_A, 0) },
	{ "key down, scan code", false, 2, SCAN_KEY(0x70004, KEY_A, 1) },
	{ "key up, scan code", false, 0, SCAN_KEY(0x70004, KEY_A, 0) },
	{ "click down", true, 2, KEY(BTN_LEFT, 1) },
	{ "click up", true, 0, KEY(BTN_LEFT, 0) },
	{ "click down, scan code", true, 2, SCAN_KEY(0x90001, BTN_LEFT, 1) },
	{ "click up, scan code", true, 0, SCAN_KEY(0x90001, BTN_LEFT, 0) },
};

struct bench {
	struct stage stage;
	struct puppet stirrer;
	unsigned seed;
	int epoll_fd, arrived_fd; /* what the reader waits for, and where it says when it came */
	unsigned n[VIEWS][KINDS];
	int64_t ns[VIEWS][KINDS][SAMPLES];
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* --- the reader, in its own thread ------------------------------------------------------------ */

static void *read_frames(void *arg)
{
	const struct bench *bench = arg;

	for (;;) {
		struct input_event batch[64];
		struct epoll_event ready;
		uint64_t now;
		ssize_t size;

		if (epoll_wait(bench->epoll_fd, &ready, 1, -1) != 1)
			continue;
		size = read(ready.data.fd, batch, sizeof(batch));
		if (size <= 0 || batch[size / (ssize_t)sizeof(*batch) - 1].type != EV_SYN)
			continue;
		now = (uint64_t)now_ns();
		if (write(bench->arrived_fd, &now, sizeof(now)) < 0)
			abort();
	}
	return NULL;
}

static void start_reader(struct bench *bench)
{
	pthread_t thread;

	bench->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	bench->arrived_fd = eventfd(0, EFD_CLOEXEC);
	assert_true(bench->epoll_fd >= 0 && bench->arrived_fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, read_frames, bench), 0);
}

static void watch(const struct bench *bench, int op, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	assert_int_equal(epoll_ctl(bench->epoll_fd, op, fd, &ev), 0);
}

/* --- the writer ------------------------------------------------------------------------------- */

static int64_t play(const struct bench *bench, const struct kind *kind)
{
	const struct puppet *puppet = kind->mouse ? &bench->stage.mouse : &bench->stage.keyboard;
	struct pollfd arrived = { .fd = bench->arrived_fd, .events = POLLIN };
	ssize_t size = (ssize_t)(kind->n * sizeof(*kind->ev));
	int64_t written_at = now_ns();
	uint64_t read_at;

	if (write(puppet->uinput.fd, kind->ev, (size_t)size) != size)
		fail_msg("%s: %s", kind->name, strerror(errno));
	if (poll(&arrived, 1, WORLD_MS) != 1)
		fail_msg("%s: it never arrived", kind->name);
	assert_int_equal(read(bench->arrived_fd, &read_at, sizeof(read_at)), sizeof(read_at));
	return (int64_t)read_at - written_at;
}

/*
 * The kernel mixes every event that differs from the one before into its entropy pool, and works
 * longer on each that fills a block. Which do would depend on what was played before, and p90 on
 * that: a random number of events on a device that nobody reads makes it even.
 */
static void stir(struct bench *bench)
{
	struct input_event ev[16];
	unsigned n = (unsigned)rand_r(&bench->seed) % ARRAY_SIZE(ev);

	for (unsigned i = 0; i < n; i++)
		ev[i] = (struct input_event){ .type = EV_REL, .code = REL_X, .value = 40 + i };
	puppet_play(&bench->stirrer, ev, n);
}

static void pace(struct bench *bench)
{
	stir(bench);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = PACE_NS }, NULL);
}

static void play_series(struct bench *bench, enum view view, unsigned first)
{
	for (unsigned i = 0; i < WARM_UP + PER_ROUND; i++) {
		for (unsigned kind = first; kind < first + kinds[first].series; kind++) {
			int64_t ns = play(bench, &kinds[kind]);

			if (i >= WARM_UP)
				bench->ns[view][kind][bench->n[view][kind]++] = ns;
			pace(bench);
		}
	}
}

static void measure(struct bench *bench, enum view view, const struct observer *keyboard,
		    const struct observer *mouse)
{
	/* What a device that just came sets going is none of the frames' business. */
	if (system("udevadm settle --timeout=10 >/dev/null 2>&1") < 0)
		fail_msg("system: %s", strerror(errno));
	watch(bench, EPOLL_CTL_ADD, keyboard->fd);
	watch(bench, EPOLL_CTL_ADD, mouse->fd);
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (kinds[kind].series)
			play_series(bench, view, kind);
	watch(bench, EPOLL_CTL_DEL, keyboard->fd);
	watch(bench, EPOLL_CTL_DEL, mouse->fd);
}

/* The same nodes as a desktop reads them, and as QEMU does. */
static void measure_both(struct bench *bench, enum view view, enum view grabbed,
			 const char *keyboard_phys, const char *mouse_phys)
{
	struct observer keyboard, mouse;

	observer_open(&keyboard, keyboard_phys);
	observer_open(&mouse, mouse_phys);
	measure(bench, view, &keyboard, &mouse);
	observer_grab(&keyboard);
	observer_grab(&mouse);
	measure(bench, grabbed, &keyboard, &mouse);
	observer_close(&keyboard);
	observer_close(&mouse);
}

static void measure_floor(struct bench *bench)
{
	const struct stage *stage = &bench->stage;
	const char *binary = getenv("EVSWITCH_FLOOR") ?: "build/tests/bench/floor";
	struct program floor;

	program_exec(&floor, (const char *const[]){ binary, stage->keyboard.uinput.devnode,
						    "floor/keyboard", stage->mouse.uinput.devnode,
						    "floor/mouse", NULL });
	program_expect(&floor, "ready");
	measure_both(bench, FLOOR, GRABBED_FLOOR, "floor/keyboard", "floor/mouse");
	program_signal(&floor, SIGKILL);
	program_wait(&floor);
}

static void measure_evswitch(struct bench *bench)
{
	struct stage *stage = &bench->stage;

	stage_start(stage, STAGE_CONF);
	measure(bench, HOST, &stage->host_keyboard, &stage->host_mouse);
	stage_guest_up(stage);
	stage_drain_host(stage);
	stage_focus_guest(stage);
	measure(bench, GUEST, &stage->guest_keyboard, &stage->guest_pointer);
	program_stop(&stage->program);
	stage_guest_down(stage);
	observer_close(&stage->host_keyboard);
	observer_close(&stage->host_mouse);
}

/* --- the figures ------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static double us(const struct bench *bench, enum view view, unsigned kind, unsigned percent)
{
	return (double)bench->ns[view][kind][SAMPLES * percent / 100] / 1000;
}

/* How much of what the floor adds evswitch adds; false where that is above the limit. */
static bool print_ratio(const struct bench *bench, enum view source, unsigned kind,
			unsigned percent, unsigned limit)
{
	double base = us(bench, source, kind, percent);
	double ratio = (us(bench, source + 2, kind, percent) - base) /
		       (us(bench, source + 1, kind, percent) - base);
	bool good = ratio <= limit / 100.0;

	printf("  %5.2f%c", ratio, good ? ' ' : '!');
	return good;
}

/* One line per kind; returns how many of the two ratios in each are above the limit. */
static unsigned print_table(const struct bench *bench, enum view source, const char *name,
			    unsigned limit)
{
	unsigned above = 0;

	printf("\n%-23s  %13s  %13s  %13s  %s\n", "us = 1,000 instructions", "source", "floor",
	       name, "added, of what the floor adds");
	printf("%-23s  %13s  %13s  %13s  %6s %7s\n", "", "p50    p90", "p50    p90", "p50    p90",
	       "p50", "p90");
	for (unsigned kind = 0; kind < KINDS; kind++) {
		printf("%-23s", kinds[kind].name);
		for (enum view view = source; view <= source + 2; view++)
			printf("  %6.2f %6.2f", us(bench, view, kind, 50),
			       us(bench, view, kind, 90));
		above += !print_ratio(bench, source, kind, 50, limit);
		above += !print_ratio(bench, source, kind, 90, limit);
		putchar('\n');
	}
	return above;
}

static int report(struct bench *bench, unsigned limit)
{
	unsigned failed;

	for (enum view view = 0; view < VIEWS; view++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			qsort(bench->ns[view][kind], SAMPLES, sizeof(int64_t), compare);
	failed = print_table(bench, SOURCE, "evswitch, host", limit);
	print_table(bench, GRABBED_SOURCE, "evswitch, guest", limit);
	printf("\n%u samples each; the reader of the second table has grabbed its node, as QEMU "
	       "does,\nand those ratios are for information; the limit of the first is %u.%02u\n\n",
	       SAMPLES, limit / 100, limit % 100);
	printf("%u passed, %u failed\n", 2 * KINDS - failed, failed);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	unsigned limit = argc > 1 ? (unsigned)atoi(argv[1]) : LIMIT_PERCENT;
	int rc;

	start_reader(&bench);
	stage_plug(&bench.stage);
	puppet_plug(&bench.stirrer, PUPPET_MOUSE, "test stirrer", "test/stirrer", 0xc003);
	for (unsigned round = 0; round < ROUNDS; round++) {
		measure_both(&bench, SOURCE, GRABBED_SOURCE, "test/keyboard", "test/mouse");
		measure_floor(&bench);
		measure_evswitch(&bench);
	}
	rc = report(&bench, limit);
	stage_unplug(&bench.stage);
	puppet_unplug(&bench.stirrer);
	return rc;
}
