/* SPDX-License-Identifier: MIT */
/*
 * Peers that say so much that nobody could hear it all, while somebody types at the host: how long a key
 * takes, how much of a processor the program takes, and how many lines it writes. First a monitor alone,
 * which floods in several ways; then one, a guest's LEDs and a front end at the same time, and how often
 * the keyboard's LEDs change for that guest once it has the focus. Figures count only where the clock
 * counts instructions: tests/vm/run --icount.
 */
#include <errno.h>
#include <linux/input.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "flood.h"
#include "timing.h"
#include "base/util.h"

#define MONITOR "/tmp/evswitch-flood.monitor"
#define CONF                                                                                       \
	"[device keyboard]\nname = test keyboard\n"                                                \
	"[device mouse]\nname = test mouse\n"                                                      \
	"[guest one]\nvia = virtio-input\nqmp = " MONITOR "\n"                                     \
	"[guest two]\nvia = vhost-user\n"
#define FOCUS_MS 2000
/* A process may take so many percent of a processor, a key so long, in us, and LEDs change so often. */
#define LIMIT_CPU  16 /* counted in ticks, of which one is 1 % */
#define LIMIT_P50  35
#define LIMIT_P99  225 /* LOOP_PEER_US, one callback more, and who wakes */
#define LIMIT_LEDS 21
/* Of some limits, each with a burst, over a second or two. */
#define LIMIT_LINES 10

enum others {
	ALONE,
	IN_FOCUS, /* alone, and in the end its guest has the focus */
	WITH_ALL, /* the other peers too */
};

static const struct flood {
	struct flood_monitor monitor;
	enum others others;
} floods[] = {
	{ { "nothing", "", NULL, false }, ALONE },
	{ { "resets", "{\"event\":\"RESET\"}", NULL, false }, IN_FOCUS },
	{ { "stops", "{\"event\":\"STOP\"}{\"event\":\"RESUME\"}", NULL, false }, ALONE },
	{ { "unknown events", "{\"event\":\"A\",\"data\":{\"a\":1}}{\"event\":\"B\"}", NULL,
	    false },
	  ALONE },
	{ { "large messages", "[],", "1]}", false }, ALONE },
	{ { "connections", "{\"event\":\"STOP\"}", NULL, true }, ALONE },
	{ { "with all others", "{\"event\":\"A\",\"data\":{\"a\":1}}{\"event\":\"B\"}", NULL,
	    false },
	  WITH_ALL },
};

#define FLOODS ARRAY_SIZE(floods)

/* --- who reads ------------------------------------------------------------------------------- */

enum { KINDS = 2 };

static const struct timing_kind kinds[KINDS] = {
	{ "key down", false, 2, TIMING_KEY(KEY_A, 1) },
	{ "key up", false, 0, TIMING_KEY(KEY_A, 0) },
};

struct bench {
	struct stage stage;
	struct timing timing;
	pthread_t reader;
	int stop; /* an eventfd: the reader ends */
	long lines;
	struct timing_samples samples[KINDS];
};

static void read_frame(const struct bench *bench)
{
	struct input_event batch[64];
	ssize_t size = read(bench->stage.host_keyboard.fd, batch, sizeof(batch));

	if (size > 0 && batch[size / (ssize_t)sizeof(*batch) - 1].type == EV_SYN)
		timing_arrived(&bench->timing, timing_now_ns());
}

static void read_log(struct bench *bench)
{
	static char text[65536];
	ssize_t size = read(bench->stage.program.err, text, sizeof(text));

	for (ssize_t i = 0; i < size; i++)
		bench->lines += text[i] == '\n';
}

static void *read_all(void *arg)
{
	struct bench *bench = arg;
	struct pollfd fds[] = { { .fd = bench->stage.host_keyboard.fd, .events = POLLIN },
				{ .fd = bench->stage.program.err, .events = POLLIN },
				{ .fd = bench->stop, .events = POLLIN } };

	while (poll(fds, ARRAY_SIZE(fds), -1) >= 0 && !fds[2].revents) {
		if (fds[0].revents)
			read_frame(bench);
		if (fds[1].revents)
			read_log(bench);
	}
	return NULL;
}

/* --- figures ----------------------------------------------------------------------------------- */

struct figures {
	double p50, p99, max; /* us */
	double cpu, keeper;   /* percent: the program, and the keeper of the front end's guest */
	double lines, leds;   /* a second */
};

/* What a process has used of processors; 0 where there is none. */
static double seconds_of(pid_t pid)
{
	struct timespec used = { 0 };
	clockid_t clock;

	if (pid > 0 && (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used) < 0))
		fail_msg("process %d has ended", (int)pid);
	return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static void measure_keys(struct bench *bench, pid_t keeper, struct figures *figures)
{
	pid_t pid = bench->stage.program.pid;
	struct timing_samples *both = &bench->samples[0];
	double began, used, used_by_keeper;

	memset(bench->samples, 0, sizeof(bench->samples));
	/* What devices that just came set going is over, and so are a flood's bursts. */
	if (system("udevadm settle --timeout=10 >/dev/null 2>&1") < 0)
		fail_msg("system: %s", strerror(errno));
	usleep(300000);
	bench->lines = 0;
	began = (double)timing_now_ns() * 1e-9;
	used = seconds_of(pid);
	used_by_keeper = seconds_of(keeper);
	timing_play(&bench->timing, kinds, KINDS, bench->samples);
	used = seconds_of(pid) - used;
	used_by_keeper = seconds_of(keeper) - used_by_keeper;
	began = (double)timing_now_ns() * 1e-9 - began;
	for (unsigned i = 0; i < bench->samples[1].n; i++)
		both->ns[both->n++] = bench->samples[1].ns[i];
	*figures = (struct figures){ .p50 = timing_us(both, 50),
				     .p99 = timing_us(both, 99),
				     .max = (double)both->ns[both->n - 1] / 1000,
				     .cpu = 100 * used / began,
				     .keeper = 100 * used_by_keeper / began,
				     .lines = (double)bench->lines / began };
}

/* While somebody reads what comes out. */
static void measure_with_reader(struct bench *bench, pid_t keeper, struct figures *figures)
{
	static const uint64_t one = 1;

	bench->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(bench->stop >= 0);
	assert_int_equal(pthread_create(&bench->reader, NULL, read_all, bench), 0);
	measure_keys(bench, keeper, figures);
	assert_int_equal(write(bench->stop, &one, sizeof(one)), sizeof(one));
	pthread_join(bench->reader, NULL);
	close_fd(&bench->stop);
}

/* Toggles, and waits until the program says so; nobody else reads what it says. */
static void focus_one(struct bench *bench)
{
	stage_toggle(&bench->stage);
	program_expect(&bench->stage.program, "focus: one");
}

static void measure_in_focus(struct bench *bench, struct figures *figures)
{
	struct pollfd err = { .fd = bench->stage.program.err, .events = POLLIN };
	int64_t until;
	double lines;

	stage_guest_up(&bench->stage);
	measure_with_reader(bench, 0, figures);
	focus_one(bench);
	bench->lines = 0;
	until = timing_now_ns() + FOCUS_MS * 1000000LL;
	while (timing_now_ns() < until)
		if (poll(&err, 1, 10) == 1)
			read_log(bench);
	lines = (double)bench->lines * 1000 / FOCUS_MS;
	if (lines > figures->lines)
		figures->lines = lines;
	stage_guest_down(&bench->stage);
}

/* Beside the monitor, a guest's LEDs and a front end; the last of the LEDs' states must not be lost. */
static void measure_all(struct bench *bench, pid_t *monitor, struct figures *figures)
{
	struct stage *stage = &bench->stage;
	struct vhost_guest guest = { 0 };
	pid_t leds, frontend;
	unsigned shown = 0;

	stage_guest_up(stage);
	vhost_guest_up(&guest, "two");
	leds = flood_leds(stage->guest_keyboard.fd);
	frontend = flood_frontend(&guest.fe[SHAPE_KEYBOARD]);
	measure_with_reader(bench, vhost_guest_keeper(&guest), figures);
	focus_one(bench);
	figures->leds = flood_led_rate(&stage->keyboard, FOCUS_MS, &shown);
	flood_end(frontend);
	flood_end(*monitor);
	*monitor = 0;
	flood_end(leds);
	while (shown != 1U << LED_CAPSL)
		if (!puppet_read_leds(&stage->keyboard, &shown, WORLD_MS))
			fail_msg("the last state of the LEDs was lost");
	vhost_guest_down(&guest);
	stage_guest_down(stage);
}

static void measure(struct bench *bench, const struct flood *flood, struct figures *figures)
{
	struct stage *stage = &bench->stage;
	pid_t monitor;

	stage_start(stage, CONF);
	monitor = flood_monitor(&flood->monitor, MONITOR);
	if (flood->others == WITH_ALL)
		measure_all(bench, &monitor, figures);
	else if (flood->others == IN_FOCUS)
		measure_in_focus(bench, figures);
	else
		measure_with_reader(bench, 0, figures);
	if (monitor)
		flood_end(monitor);
	program_stop(&stage->program);
	observer_close(&stage->host_keyboard);
	observer_close(&stage->host_mouse);
	keeper_await_gone("one");
	keeper_await_gone("two");
}

static bool report(const struct flood *flood, const struct figures *figures)
{
	bool good = figures->p50 <= LIMIT_P50 && figures->p99 <= LIMIT_P99 &&
		    figures->cpu <= LIMIT_CPU && figures->keeper <= LIMIT_CPU &&
		    figures->leds <= LIMIT_LEDS && figures->lines <= LIMIT_LINES;

	printf("%-16s %9.1f %9.1f %9.1f %7.1f %9.1f %9.0f %7.1f%s\n", flood->monitor.name,
	       figures->p50, figures->p99, figures->max, figures->cpu, figures->keeper,
	       figures->lines, figures->leds, good ? "" : "  !");
	return good;
}

int main(void)
{
	static struct bench bench;
	struct figures figures;
	unsigned passed = 0;

	stage_plug(&bench.stage);
	timing_open(&bench.timing, &bench.stage);
	printf("%-16s %9s %9s %9s %7s %9s %9s %7s\n", "the monitor says", "p50 us", "p99 us",
	       "max us", "CPU %", "keeper %", "lines/s", "LEDs/s");
	measure(&bench, &floods[0], &figures); /* what comes first in a boot takes longer */
	for (unsigned i = 0; i < FLOODS; i++) {
		measure(&bench, &floods[i], &figures);
		passed += report(&floods[i], &figures);
	}
	printf("limits %19d %9d %9s %7d %9d %9d %7d\n%u passed, %u failed\n", LIMIT_P50, LIMIT_P99,
	       "", LIMIT_CPU, LIMIT_CPU, LIMIT_LINES, LIMIT_LEDS, passed,
	       (unsigned)FLOODS - passed);
	timing_close(&bench.timing);
	stage_unplug(&bench.stage);
	return passed == FLOODS ? 0 : 1;
}
