/*
 * A guest that sets its LEDs as fast as it can, over a uinput node: what the daemon spends on it, how
 * long a key takes to the host meanwhile, and how often the real keyboard's LEDs change once the guest
 * has the focus. The guest is a process that gives way to all others, as if it had a processor of its
 * own. Figures count only where the clock counts instructions: tests/vm/run --icount.
 */
#include <linux/input.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "timing.h"

#define FOCUS_MS      2000
#define SHARE_LIMIT   5  /* percent of the processor */
#define LEDS_LIMIT    25 /* changes a second */
#define LATENCY_LIMIT 2  /* times p99 without a flood */

enum { KINDS = 2 };

static const struct timing_kind kinds[KINDS] = {
	{ "key down", false, 2, TIMING_KEY(KEY_A, 1) },
	{ "key up", false, 0, TIMING_KEY(KEY_A, 0) },
};

struct bench {
	struct stage stage;
	struct timing timing;
	pid_t guest;
	unsigned passed, failed;
};

static void check(struct bench *bench, bool good, const char *what)
{
	bench->passed += good;
	bench->failed += !good;
	if (!good)
		printf("above its limit: %s\n", what);
}

static void *read_frames(void *arg)
{
	const struct bench *bench = arg;
	struct pollfd in = { .fd = bench->stage.host_keyboard.fd, .events = POLLIN };

	for (;;) {
		struct input_event batch[64];
		ssize_t size;

		if (poll(&in, 1, -1) != 1)
			continue;
		size = read(in.fd, batch, sizeof(batch));
		if (size > 0 && batch[0].type == EV_KEY)
			timing_arrived(&bench->timing, timing_now_ns());
	}
	return NULL;
}

static void set_led(int fd, int value)
{
	struct input_event ev[] = { { .type = EV_LED, .code = LED_CAPSL, .value = value },
				    { .type = EV_SYN, .code = SYN_REPORT } };

	if (write(fd, ev, sizeof(ev)) != sizeof(ev))
		abort();
}

static volatile sig_atomic_t ended;

static void end(int signo)
{
	(void)signo;
	ended = 1;
}

/* SIGTERM ends it, with the LED on. */
static void begin_flood(struct bench *bench)
{
	bench->guest = fork();
	if (bench->guest != 0)
		return;
	/* However nice, a process is not preempted by each that wakes; an idle one is. */
	if (sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){ 0 }) < 0)
		abort();
	signal(SIGTERM, end);
	while (!ended) {
		set_led(bench->stage.guest_keyboard.fd, 1);
		set_led(bench->stage.guest_keyboard.fd, 0);
	}
	set_led(bench->stage.guest_keyboard.fd, 1);
	_exit(0);
}

static void end_flood(struct bench *bench)
{
	kill(bench->guest, SIGTERM);
	assert_int_equal(waitpid(bench->guest, NULL, 0), bench->guest);
}

static double max_us(const struct timing_samples *samples)
{
	return (double)samples->ns[samples->n - 1] / 1000;
}

/* Returns the larger p99. */
static double measure_keys(struct bench *bench, const char *name)
{
	struct timing_samples samples[KINDS] = { { 0 } };
	double worst = 0;

	timing_play(&bench->timing, kinds, KINDS, samples);
	for (unsigned i = 0; i < KINDS; i++) {
		double p99 = timing_us(&samples[i], 99);

		printf("%s, %s at the host: p50 %.1f us, p99 %.1f us, max %.1f us\n", name,
		       kinds[i].name, timing_us(&samples[i], 50), p99, max_us(&samples[i]));
		worst = p99 > worst ? p99 : worst;
	}
	return worst;
}

static double measure_share(const struct bench *bench, unsigned ms)
{
	unsigned long ticks = process_ticks(bench->stage.program.pid);
	int64_t from = timing_now_ns();

	usleep(ms * 1000);
	ticks = process_ticks(bench->stage.program.pid) - ticks;
	return 100.0 * (double)ticks / (double)sysconf(_SC_CLK_TCK) /
	       ((double)(timing_now_ns() - from) / 1e9);
}

/* How many changes a second; what they come to is *shown. */
static double measure_leds(struct bench *bench, unsigned *shown)
{
	struct pollfd in = { .fd = bench->stage.keyboard.uinput.fd, .events = POLLIN };
	int64_t until = timing_now_ns() + FOCUS_MS * 1000000LL;
	unsigned changes = 0;

	while (timing_now_ns() < until) {
		struct input_event ev[16];
		ssize_t size = poll(&in, 1, 10) == 1 ? read(in.fd, ev, sizeof(ev)) : 0;

		for (ssize_t i = 0; i < size / (ssize_t)sizeof(*ev); i++)
			if (ev[i].type == EV_LED) {
				*shown = ev[i].value ? 1U << ev[i].code : 0;
				changes++;
			}
	}
	return changes * 1000.0 / FOCUS_MS;
}

static void measure(struct bench *bench)
{
	double quiet, flooded, share, rate;
	unsigned shown = 0;

	quiet = measure_keys(bench, "quiet guest");
	begin_flood(bench);
	flooded = measure_keys(bench, "LED flood");
	share = measure_share(bench, FOCUS_MS);
	printf("LED flood, without the focus: the daemon takes %.1f %% of the processor\n", share);
	check(bench, flooded <= LATENCY_LIMIT * quiet, "latency");
	check(bench, share <= SHARE_LIMIT, "the processor, without the focus");
	stage_drain_host(&bench->stage);
	stage_toggle(&bench->stage);
	program_expect(&bench->stage.program, "focus: one");
	share = measure_share(bench, FOCUS_MS);
	rate = measure_leds(bench, &shown);
	printf("LED flood, with the focus: the daemon takes %.1f %%, the keyboard's LEDs change "
	       "%.1f times a second\n",
	       share, rate);
	check(bench, share <= SHARE_LIMIT, "the processor, with the focus");
	check(bench, rate <= LEDS_LIMIT, "the keyboard's LEDs");
	end_flood(bench);
	while (shown != 1U << LED_CAPSL && puppet_read_leds(&bench->stage.keyboard, &shown, 1000))
		;
	check(bench, shown == 1U << LED_CAPSL, "the last state, which was lost");
}

int main(void)
{
	static struct bench bench;
	pthread_t thread;

	stage_open(&bench.stage,
		   "[device keyboard]\nname = test keyboard\n"
		   "[device mouse]\nname = test mouse\n[guest one]\nvia = virtio-input\n");
	stage_guest_up(&bench.stage);
	timing_open(&bench.timing, &bench.stage);
	assert_int_equal(pthread_create(&thread, NULL, read_frames, &bench), 0);
	measure(&bench);
	timing_close(&bench.timing);
	stage_close(&bench.stage);
	printf("%u passed, %u failed\n", bench.passed, bench.failed);
	return bench.failed > 0;
}
