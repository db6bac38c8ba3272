/*
 * A monitor that says so much that nobody could hear it all, while somebody types at the host: how long
 * a key takes, and how much of a processor the program takes; its lines are for information. Figures
 * count only where the clock counts instructions: tests/vm/run --icount.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "timing.h"
#include "usock.h"
#include "util.h"

#define MONITOR    "/tmp/evswitch-flood.monitor"
#define CONF       STAGE_CONF "qmp = " MONITOR "\n"
#define CHUNK_SIZE 65536
/* The program may take so many percent of a processor, and a key so long, in us. */
#define LIMIT_CPU 15
#define LIMIT_P50 60
#define LIMIT_P99 600

/* --- monitors that flood ----------------------------------------------------------------------- */

static const char greeting[] =
	"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7}},"
	"\"capabilities\":[]}}{\"return\":{},\"id\":0}"
	"{\"return\":{\"status\":\"running\"},\"id\":1}";

struct flood {
	const char *name;
	const char *text; /* over and over */
	const char
		*rest; /* a message's, behind a chunk of that; NULL: the text is whole messages */
	bool ends;     /* after one time, and so does the connection */
};

static const struct flood floods[] = {
	{ "nothing", "", NULL, false },
	{ "resets", "{\"event\":\"RESET\"}", NULL, false },
	{ "stops", "{\"event\":\"STOP\"}{\"event\":\"RESUME\"}", NULL, false },
	{ "unknown events", "{\"event\":\"A\",\"data\":{\"a\":1}}{\"event\":\"B\"}", NULL, false },
	{ "large messages", "[],", "1]}", false },
	{ "connections", "{\"event\":\"STOP\"}", NULL, true },
};

#define FLOODS ARRAY_SIZE(floods)

static size_t fill(const struct flood *flood, char chunk[static CHUNK_SIZE])
{
	size_t room = CHUNK_SIZE - 1024, size = strlen(flood->text);
	char *at = chunk;

	if (flood->rest)
		at = stpcpy(at, "{\"event\":\"A\",\"data\":[");
	do {
		at = stpcpy(at, flood->text);
	} while (size && !flood->ends && at + size < chunk + room);
	if (flood->rest)
		at = stpcpy(at, flood->rest);
	return (size_t)(at - chunk);
}

/* What it is asked lies unread, as it says everything in advance. */
static _Noreturn void play_monitor(const struct flood *flood, int listener, int connected)
{
	static const uint64_t one = 1;
	static char chunk[CHUNK_SIZE];
	size_t size = fill(flood, chunk);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nice(19) < 0)
		abort();
	for (;;) {
		autoclose int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (write(connected, &one, sizeof(one)) < 0 ||
		    send(peer, greeting, sizeof(greeting) - 1, MSG_NOSIGNAL) < 0)
			continue;
		if (size == 0)
			pause();
		while (send(peer, chunk, size, MSG_NOSIGNAL) >= 0 && !flood->ends)
			;
		if (flood->ends)
			usleep(1000); /* it is answered before it ends */
	}
}

/* Returns when the program has connected to it. */
static pid_t start_monitor(const struct flood *flood)
{
	autoclose int connected = eventfd(0, EFD_CLOEXEC);
	struct pollfd come = { .fd = connected, .events = POLLIN };
	autoclose int listener = usock_listen(MONITOR, SOCK_STREAM, 0600);
	pid_t pid;

	assert_true(listener >= 0);
	/* The monitor waits, which usock's sockets do not. */
	assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
	pid = fork();
	if (pid == 0)
		play_monitor(flood, listener, connected);
	assert_true(pid > 0);
	assert_int_equal(poll(&come, 1, WORLD_MS), 1);
	return pid;
}

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
	double cpu;           /* percent */
	double lines;         /* a second */
};

static double seconds_of(pid_t pid)
{
	char path[64];
	unsigned long long ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &ns), 1);
	fclose(file);
	return (double)ns * 1e-9;
}

static void measure_with(struct bench *bench, struct figures *figures)
{
	pid_t pid = bench->stage.program.pid;
	struct timing_samples *both = &bench->samples[0];
	double began, used;

	memset(bench->samples, 0, sizeof(bench->samples));
	/* What devices that just came set going is over, and so are a flood's bursts. */
	if (system("udevadm settle --timeout=10 >/dev/null 2>&1") < 0)
		fail_msg("system: %s", strerror(errno));
	usleep(300000);
	bench->lines = 0;
	began = (double)timing_now_ns() * 1e-9;
	used = seconds_of(pid);
	timing_play(&bench->timing, kinds, KINDS, bench->samples);
	used = seconds_of(pid) - used;
	began = (double)timing_now_ns() * 1e-9 - began;
	for (unsigned i = 0; i < bench->samples[1].n; i++)
		both->ns[both->n++] = bench->samples[1].ns[i];
	*figures = (struct figures){ .p50 = timing_us(both, 50),
				     .p99 = timing_us(both, 99),
				     .max = (double)both->ns[both->n - 1] / 1000,
				     .cpu = 100 * used / began,
				     .lines = (double)bench->lines / began };
}

static void measure(struct bench *bench, const struct flood *flood, struct figures *figures)
{
	struct stage *stage = &bench->stage;
	static const uint64_t one = 1;
	pid_t monitor;

	stage_start(stage, CONF);
	monitor = start_monitor(flood);
	bench->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(bench->stop >= 0);
	assert_int_equal(pthread_create(&bench->reader, NULL, read_all, bench), 0);
	measure_with(bench, figures);
	assert_int_equal(write(bench->stop, &one, sizeof(one)), sizeof(one));
	pthread_join(bench->reader, NULL);
	close_fd(&bench->stop);
	kill(monitor, SIGKILL);
	waitpid(monitor, NULL, 0);
	program_stop(&stage->program);
	observer_close(&stage->host_keyboard);
	observer_close(&stage->host_mouse);
	keeper_await_gone("one");
}

static bool report(const struct flood *flood, const struct figures *figures)
{
	bool good =
		figures->p50 <= LIMIT_P50 && figures->p99 <= LIMIT_P99 && figures->cpu <= LIMIT_CPU;

	printf("%-16s %9.1f %9.1f %9.1f %7.1f %9.0f%s\n", flood->name, figures->p50, figures->p99,
	       figures->max, figures->cpu, figures->lines, good ? "" : "  !");
	return good;
}

int main(void)
{
	static struct bench bench;
	struct figures figures;
	unsigned passed = 0;

	stage_plug(&bench.stage);
	timing_open(&bench.timing, &bench.stage);
	printf("%-16s %9s %9s %9s %7s %9s\n", "the monitor says", "p50 us", "p99 us", "max us",
	       "CPU %", "lines/s");
	measure(&bench, &floods[0], &figures); /* what comes first in a boot takes longer */
	for (unsigned i = 0; i < FLOODS; i++) {
		measure(&bench, &floods[i], &figures);
		passed += report(&floods[i], &figures);
	}
	printf("limits %19d %9d %9s %7d\n%u passed, %u failed\n", LIMIT_P50, LIMIT_P99, "",
	       LIMIT_CPU, passed, (unsigned)FLOODS - passed);
	timing_close(&bench.timing);
	stage_unplug(&bench.stage);
	return passed == FLOODS ? 0 : 1;
}
