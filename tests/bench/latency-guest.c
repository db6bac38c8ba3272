/* SPDX-License-Identifier: MIT */
/*
 * How long a frame takes to a guest, in one run, beside the least that it can take:
 *
 * via = virtio-input: from the write on the source to the SYN_REPORT in the guest's node, which a
 * reader has grabbed as QEMU does; as latency.c counts it, beside tests/bench/floor.c with a device
 * like that node.
 *
 * via = vhost-user: from the write on the source until the front end wakes on the call eventfd,
 * beside tests/bench/floor-two.c, whole times; the test plays front end and guest driver.
 *
 * latency-guest [NODE_PERCENT [VHOST_PERCENT]]: fails where evswitch takes more than that of what the
 * floor takes.
 *
 * Where tests/nested/run --latency brings a guest, also how long QEMU itself takes when it reads the
 * source, by input-linux and by virtio-input-host: until it notifies that guest, by its own trace, which
 * rounds down to a microsecond. No limit is set on that.
 */
#include <fcntl.h>
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
#include <sys/inotify.h>
#include <unistd.h>

#include <cmocka.h>

#include "machine.h"
#include "qemu.h"
#include "timing.h"
#include "base/util.h"
#include "vhost-guest.h"

#define NODE_PERCENT  113 /* as for a click in latency.c, which has a limit for each kind */
#define VHOST_PERCENT 104 /* 3 % above what was measured, where the clock is the instructions */

enum view { SOURCE, FLOOR, NODE, FLOOR_TWO, VHOST, INPUT_LINUX, INPUT_HOST, VIEWS };

enum { KINDS = 5 };

static const struct timing_kind kinds[KINDS] = {
	{ "move", true, 1, TIMING_MOVE(3, -2) },
	{ "key down", false, 2, TIMING_KEY(KEY_A, 1) },
	{ "key up", false, 0, TIMING_KEY(KEY_A, 0) },
	{ "click down", true, 2, TIMING_KEY(BTN_LEFT, 1) },
	{ "click up", true, 0, TIMING_KEY(BTN_LEFT, 0) },
};

static const char conf[] = "[device keyboard]\nname = test keyboard\n"
			   "[device mouse]\nname = test mouse\n"
			   "[guest one]\nvia = virtio-input\nhotkey = leftctrl+f1\n"
			   "[guest two]\nvia = vhost-user\nhotkey = leftctrl+f2\n";

/* What the reader waits for, and how it takes a frame there: false where none has come. */
struct mark {
	int fd; /* a node, a call eventfd, or an inotify on QEMU's trace */
	bool (*take)(const struct mark *mark, int64_t *at_ns);
	struct frontend *fe; /* whose ring is behind the eventfd; NULL: the floor's */
	FILE *trace;
};

struct bench {
	struct stage stage;
	struct timing timing;
	int epoll_fd;
	int call_fd; /* the floor's */
	struct vhost_guest guest;
	struct timing_samples samples[VIEWS][KINDS];
};

/* --- the reader, in its own thread ------------------------------------------------------------ */

static bool take_node(const struct mark *mark, int64_t *at_ns)
{
	struct input_event batch[64];
	ssize_t size = read(mark->fd, batch, sizeof(batch));

	*at_ns = timing_now_ns();
	return size > 0 && batch[size / (ssize_t)sizeof(*batch) - 1].type == EV_SYN;
}

/* Who has woken has been notified; what a guest does then counts no more. */
static bool take_call(const struct mark *mark, int64_t *at_ns)
{
	uint64_t calls;
	unsigned n;

	*at_ns = timing_now_ns();
	if (read(mark->fd, &calls, sizeof(calls)) != sizeof(calls))
		return false;
	if (!mark->fe)
		return true;
	n = guest_harvest(mark->fe);
	guest_forget(mark->fe);
	return n > 0;
}

/* QEMU dates its trace by the time of day. */
static int64_t of_day(int64_t sec, int64_t us)
{
	struct timespec day;

	clock_gettime(CLOCK_REALTIME, &day);
	return timing_now_ns() - (day.tv_sec - sec) * 1000000000LL - day.tv_nsec + us * 1000;
}

static bool take_trace(const struct mark *mark, int64_t *at_ns)
{
	char line[256];
	bool taken = false;
	long long sec, us;

	if (read(mark->fd, line, sizeof(line)) < 0)
		return false;
	while (fgets(line, sizeof(line), mark->trace)) {
		if (taken || !strstr(line, ":virtio_notify ") ||
		    sscanf(line, "%*d@%lld.%lld:", &sec, &us) != 2)
			continue;
		*at_ns = of_day(sec, us);
		taken = true;
	}
	clearerr(mark->trace);
	return taken;
}

static void *read_frames(void *arg)
{
	const struct bench *bench = arg;

	for (;;) {
		struct epoll_event ready;
		const struct mark *mark;
		int64_t at_ns;

		if (epoll_wait(bench->epoll_fd, &ready, 1, -1) != 1)
			continue;
		mark = ready.data.ptr;
		if (mark->take(mark, &at_ns))
			timing_arrived(&bench->timing, at_ns);
	}
	return NULL;
}

static void start_reader(struct bench *bench)
{
	pthread_t thread;

	bench->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_true(bench->epoll_fd >= 0);
	assert_int_equal(pthread_create(&thread, NULL, read_frames, bench), 0);
}

/* --- the views -------------------------------------------------------------------------------- */

static void measure(struct bench *bench, enum view view, const struct mark *marks, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct epoll_event ev = { .events = EPOLLIN,
					  .data.ptr = (void *)(uintptr_t)&marks[i] };

		assert_int_equal(epoll_ctl(bench->epoll_fd, EPOLL_CTL_ADD, marks[i].fd, &ev), 0);
	}
	timing_play(&bench->timing, kinds, KINDS, bench->samples[view]);
	for (unsigned i = 0; i < n; i++)
		epoll_ctl(bench->epoll_fd, EPOLL_CTL_DEL, marks[i].fd, NULL);
}

static void measure_nodes(struct bench *bench, enum view view, const struct observer *keyboard,
			  const struct observer *mouse)
{
	const struct mark marks[] = { { .fd = keyboard->fd, .take = take_node },
				      { .fd = mouse->fd, .take = take_node } };

	measure(bench, view, marks, ARRAY_SIZE(marks));
}

static void measure_held(struct bench *bench, enum view view, const char *keyboard_phys,
			 const char *mouse_phys)
{
	struct observer keyboard, mouse;

	observer_open(&keyboard, keyboard_phys);
	observer_open(&mouse, mouse_phys);
	observer_grab(&keyboard);
	observer_grab(&mouse);
	measure_nodes(bench, view, &keyboard, &mouse);
	observer_close(&keyboard);
	observer_close(&mouse);
}

static const char *program_of(const char *variable, const char *otherwise)
{
	return getenv(variable) ?: otherwise;
}

static void measure_floor(struct bench *bench)
{
	const struct stage *stage = &bench->stage;
	struct program floor;

	program_exec(&floor, (const char *const[]){
				     program_of("EVSWITCH_FLOOR", "build/tests/bench/floor"),
				     stage->keyboard.uinput.devnode, "floor/keyboard",
				     stage->guest_keyboard.devnode, stage->mouse.uinput.devnode,
				     "floor/mouse", stage->guest_pointer.devnode, NULL });
	program_expect(&floor, "ready");
	measure_held(bench, FLOOR, "floor/keyboard", "floor/mouse");
	program_signal(&floor, SIGKILL);
	program_wait(&floor);
}

static void measure_floor_two(struct bench *bench)
{
	const struct mark mark = { .fd = bench->call_fd, .take = take_call };
	struct program floor;
	char call[16];

	snprintf(call, sizeof(call), "%d", bench->call_fd);
	program_exec(&floor, (const char *const[]){ program_of("EVSWITCH_FLOOR_TWO",
							       "build/tests/bench/floor-two"),
						    call, bench->stage.keyboard.uinput.devnode,
						    bench->stage.mouse.uinput.devnode, NULL });
	program_expect(&floor, "ready");
	measure(bench, FLOOR_TWO, &mark, 1);
	program_signal(&floor, SIGKILL);
	program_wait(&floor);
}

static void press_hotkey(struct bench *bench, unsigned code, const char *says)
{
	struct puppet *keyboard = &bench->stage.keyboard;

	puppet_key(keyboard, KEY_LEFTCTRL, 1);
	puppet_key(keyboard, code, 1);
	puppet_key(keyboard, code, 0);
	puppet_key(keyboard, KEY_LEFTCTRL, 0);
	program_expect(&bench->stage.program, says);
}

static void start_evswitch(struct bench *bench)
{
	stage_start(&bench->stage, conf);
	observer_close(&bench->stage.host_keyboard);
	observer_close(&bench->stage.host_mouse);
}

static void measure_evswitch(struct bench *bench)
{
	struct vhost_guest *guest = &bench->guest;
	const struct mark calls[] = {
		{ .fd = guest->fe[SHAPE_KEYBOARD].ring[EVENTQ].call,
		  .take = take_call,
		  .fe = &guest->fe[SHAPE_KEYBOARD] },
		{ .fd = guest->fe[SHAPE_POINTER].ring[EVENTQ].call,
		  .take = take_call,
		  .fe = &guest->fe[SHAPE_POINTER] },
	};
	struct stage *stage = &bench->stage;

	start_evswitch(bench);
	press_hotkey(bench, KEY_F1, "focus: one");
	stage_drain_guest(stage);
	measure_nodes(bench, NODE, &stage->guest_keyboard, &stage->guest_pointer);
	press_hotkey(bench, KEY_F2, "focus: two");
	stage_drain_guest(stage);
	measure(bench, VHOST, calls, ARRAY_SIZE(calls));
	program_stop(&stage->program);
}

/* --- QEMU by itself ------------------------------------------------------------------------------- */

#define TRACE "/tmp/evswitch-notify"
/* A guest that has not yet taken the last event is not notified of the next. */
#define QEMU_PACE_US 20000

/* With our devices in the one way, and those of the other stage in the other. */
static void start_qemu(struct machine *machine, struct loop *loop, const struct stage *by_host,
		       const struct stage *by_linux)
{
	char device[2][128], object[2][128], said[MACHINE_LINE];

	snprintf(device[0], 128, "virtio-input-host-pci,evdev=%s",
		 by_host->keyboard.uinput.devnode);
	snprintf(device[1], 128, "virtio-input-host-pci,evdev=%s", by_host->mouse.uinput.devnode);
	snprintf(object[0], 128, "input-linux,id=k,evdev=%s", by_linux->keyboard.uinput.devnode);
	snprintf(object[1], 128, "input-linux,id=m,evdev=%s", by_linux->mouse.uinput.devnode);
	assert_int_equal(loop_init(loop), 0);
	machine_nest(machine, loop,
		     (const char *const[]){ "-device", device[0], "-device", device[1], "-device",
					    "virtio-keyboard-pci", "-device", "virtio-mouse-pci",
					    "-object", object[0], "-object", object[1], "-msg",
					    "timestamp=on", "-trace", "virtio_notify", "-D", TRACE,
					    NULL });
	machine_ask(machine, "stall", said); /* it has no devices of ours to look for */
}

static void measure_qemu(struct bench *bench)
{
	struct mark mark = { .fd = inotify_init1(IN_CLOEXEC), .take = take_trace };
	static struct machine machine;
	unsigned pace_us = bench->timing.pace_us;
	struct stage other;
	struct loop loop;

	printf("booting a guest in QEMU: minutes\n");
	stage_plug(&other);
	start_qemu(&machine, &loop, &bench->stage, &other);
	mark.trace = fopen(TRACE, "re");
	assert_non_null(mark.trace);
	assert_true(inotify_add_watch(mark.fd, TRACE, IN_MODIFY) >= 0);
	bench->timing.pace_us = QEMU_PACE_US;
	measure(bench, INPUT_HOST, &mark, 1);
	bench->timing.stage = &other;
	measure(bench, INPUT_LINUX, &mark, 1);
	bench->timing.stage = &bench->stage;
	bench->timing.pace_us = pace_us;
	machine_kill(&machine);
	loop_fini(&loop);
	fclose(mark.trace);
	close(mark.fd);
	stage_unplug(&other);
}

/* --- the guests, which stay while evswitch comes and goes --------------------------------------- */

static void start_guests(struct bench *bench)
{
	start_evswitch(bench);
	stage_guest_up(&bench->stage);
	vhost_guest_up(&bench->guest, "two");
	program_stop(&bench->stage.program);
}

/* --- the figures ------------------------------------------------------------------------------ */

static double us(struct bench *bench, enum view view, unsigned kind, unsigned percent)
{
	return view == VIEWS ? 0 : timing_us(&bench->samples[view][kind], percent);
}

/* How much of what the floor takes evswitch takes; false where that is above the limit. */
static bool print_ratio(struct bench *bench, enum view base, enum view floor, unsigned kind,
			unsigned percent, unsigned limit)
{
	double from = us(bench, base, kind, percent);
	double ratio = (us(bench, floor + 1, kind, percent) - from) /
		       (us(bench, floor, kind, percent) - from);
	bool good = ratio <= limit / 100.0;

	printf("  %5.3f%c", ratio, good ? ' ' : '!');
	return good;
}

static void print_view(struct bench *bench, enum view view, unsigned kind)
{
	printf("  %6.2f %6.2f", us(bench, view, kind, 50), us(bench, view, kind, 90));
}

/* 'base' is taken off both: VIEWS for nothing. Returns how many ratios are above the limit. */
static unsigned print_table(struct bench *bench, const char *what, enum view base, enum view floor,
			    unsigned limit)
{
	unsigned above = 0;

	printf("\n%s; us = 1,000 instructions\n%-10s", what, "");
	if (base != VIEWS)
		printf("  %13s", "source");
	printf("  %13s  %13s  %15s\n", "floor", "evswitch", "of the floor");
	printf("%-10s%s%s\n", "", base != VIEWS ? "  p50    p90  " : "",
	       "    p50    p90    p50    p90       p50     p90");
	for (unsigned kind = 0; kind < KINDS; kind++) {
		printf("%-10s", kinds[kind].name);
		if (base != VIEWS)
			print_view(bench, base, kind);
		print_view(bench, floor, kind);
		print_view(bench, floor + 1, kind);
		above += !print_ratio(bench, base, floor, kind, 50, limit);
		above += !print_ratio(bench, base, floor, kind, 90, limit);
		putchar('\n');
	}
	printf("limit %u.%02u%s\n", limit / 100, limit % 100,
	       base != VIEWS ? ", of what each adds to reading the source directly" : "");
	return above;
}

static void print_qemu(struct bench *bench)
{
	static const enum view views[] = { INPUT_LINUX, INPUT_HOST, VHOST };

	printf("\nQEMU by itself, until it notifies its guest; %u samples\n%-10s  %13s  %13s  "
	       "%13s\n",
	       TIMING_PER_ROUND, "", "input-linux", "virtio-in-host", "evswitch");
	printf("%-10s    p50    p90    p50    p90    p50    p90\n", "");
	for (unsigned kind = 0; kind < KINDS; kind++) {
		printf("%-10s", kinds[kind].name);
		for (unsigned i = 0; i < ARRAY_SIZE(views); i++)
			print_view(bench, views[i], kind);
		putchar('\n');
	}
}

static int report(struct bench *bench, unsigned node_limit, unsigned vhost_limit)
{
	unsigned failed = print_table(bench, "via = virtio-input, the guest's node", SOURCE, FLOOR,
				      node_limit);

	failed += print_table(bench, "via = vhost-user, the call eventfd", VIEWS, FLOOR_TWO,
			      vhost_limit);
	printf("\n%u samples each\n", TIMING_SAMPLES);
	if (bench->samples[INPUT_HOST]->n)
		print_qemu(bench);
	printf("%u passed, %u failed\n", 4 * KINDS - failed, failed);
	return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	unsigned node_limit = argc > 1 ? (unsigned)atoi(argv[1]) : NODE_PERCENT;
	unsigned vhost_limit = argc > 2 ? (unsigned)atoi(argv[2]) : VHOST_PERCENT;
	int rc;

	stage_plug(&bench.stage);
	timing_open(&bench.timing, &bench.stage);
	bench.call_fd = eventfd(0, 0); /* the floor inherits it */
	assert_true(bench.call_fd >= 0);
	start_reader(&bench);
	if (getenv("NESTED_KERNEL"))
		measure_qemu(&bench);
	start_guests(&bench);
	for (unsigned round = 0; round < TIMING_ROUNDS; round++) {
		measure_held(&bench, SOURCE, "test/keyboard", "test/mouse");
		measure_floor(&bench);
		measure_floor_two(&bench);
		measure_evswitch(&bench);
	}
	rc = report(&bench, node_limit, vhost_limit);
	vhost_guest_down(&bench.guest);
	timing_close(&bench.timing);
	stage_unplug(&bench.stage);
	keeper_await_gone("one");
	keeper_await_gone("two");
	return rc;
}
