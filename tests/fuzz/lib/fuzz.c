/* SPDX-License-Identifier: MIT */
/* libFuzzer's entry points: one run, and what is checked after it. */
#include "fuzz.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/closer.h"
#include "base/log.h"
#include "base/peer-fd.h"
#include "base/text.h"
#include "base/util.h"

/* Of the processor, not of the clock: a loaded machine cannot fail a run. */
#define RUN_CPU_S 20
#define FDS_MAX   256
/* How many runs it is until mappings are looked at. */
#define MAPS_EVERY 64
/* How long closes in threads may take. */
#define CLOSES_S 60

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_report_fd(void *fd);

static struct {
	int report; /* stderr as it was */
	int log;    /* receives what is written to stderr */
	char dir[64];
	unsigned long runs;
	volatile sig_atomic_t run_seconds;
} state = { .report = STDERR_FILENO, .log = -1 };

/* ---- the input ---- */

const uint8_t *fuzz_take(struct fuzz *fuzz, size_t *size)
{
	const uint8_t *at = fuzz->at;

	if (*size > fuzz->left)
		*size = fuzz->left;
	fuzz->at += *size;
	fuzz->left -= *size;
	return at;
}

static uint64_t number(struct fuzz *fuzz, size_t size)
{
	const uint8_t *at = fuzz_take(fuzz, &size);
	uint64_t value = 0;

	while (size--)
		value = value << 8 | at[size];
	return value;
}

uint8_t fuzz_u8(struct fuzz *fuzz)
{
	return (uint8_t)number(fuzz, 1);
}

uint16_t fuzz_u16(struct fuzz *fuzz)
{
	return (uint16_t)number(fuzz, 2);
}

uint32_t fuzz_u32(struct fuzz *fuzz)
{
	return (uint32_t)number(fuzz, 4);
}

uint64_t fuzz_u64(struct fuzz *fuzz)
{
	return number(fuzz, 8);
}

unsigned fuzz_below(struct fuzz *fuzz, unsigned n)
{
	return fuzz_u8(fuzz) % n;
}

size_t fuzz_text(struct fuzz *fuzz, char *text, size_t size)
{
	size_t n = 1 + fuzz_u8(fuzz) * ((size + 255) / 256);
	const uint8_t *at;

	if (n > size - 1)
		n = size - 1;
	at = fuzz_take(fuzz, &n);
	memcpy(text, at, n);
	text[n] = '\0';
	return n;
}

/* ---- failure ---- */

void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	va_list args;

	dprintf(state.report, "%s:%d: failed: %s: ", file, line, condition);
	va_start(args, format);
	vdprintf(state.report, format, args);
	va_end(args);
	dprintf(state.report, "\n");
	abort();
}

/* SIGALRM, by which libFuzzer sees this, belongs to vhost/stall.c. */
static void second_passed(int signo)
{
	static const char words[] = "fuzz: failed: the run does not end\n";

	(void)signo;
	if (++state.run_seconds <= RUN_CPU_S)
		return;
	if (write(state.report, words, sizeof(words) - 1) < 0)
		_exit(1);
	abort();
}

/* ---- what is checked after each run ---- */

bool fuzz_is_printable(const char *text, size_t size)
{
	for (unsigned length; size > 0; text += length, size -= length) {
		uint32_t point;

		length = text_utf8(text, size, &point);
		if (length == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
			return false;
	}
	return true;
}

static void check_log(void)
{
	char line[4096];
	ssize_t size;

	while ((size = recv(state.log, line, sizeof(line), MSG_DONTWAIT)) > 0) {
		if (getenv("FUZZ_LOG"))
			dprintf(state.report, "%.*s", (int)size, line);
		FUZZ_CHECK(line[size - 1] == '\n' && fuzz_is_printable(line, (size_t)size - 1),
			   "logged: %.*s", (int)size, line);
	}
}

static void await_closes(void)
{
	const struct timespec moment = { .tv_nsec = 10000 };
	uint64_t until = now_us() + CLOSES_S * UINT64_C(1000000);

	while (closes_pending() > 0 || peer_fd_stuck() > 0) {
		FUZZ_CHECK(now_us() < until, "%u closes do not end", closes_pending());
		nanosleep(&moment, NULL);
	}
}

static void list_fds(struct pollfd fds[static FDS_MAX])
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		fds[fd] = (struct pollfd){ .fd = fd };
	poll(fds, FDS_MAX, 0);
}

/* Not in the first run: libraries open some for good. */
static void check_fds(const struct pollfd before[static FDS_MAX])
{
	struct pollfd now[FDS_MAX];
	char link[32], name[128] = "";

	list_fds(now);
	for (int fd = 0; fd < FDS_MAX && state.runs > 0; fd++) {
		if (now[fd].revents & before[fd].revents & POLLNVAL ||
		    !((now[fd].revents | before[fd].revents) & POLLNVAL))
			continue;
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, name, sizeof(name) - 1) < 0)
			name[0] = '\0';
		fuzz_fail(__FILE__, __LINE__, "no descriptor is left", "%d is %s: %s", fd,
			  name[0] ? "open" : "closed", name);
	}
}

/* Guest memory and rings of frames, by the names of their files. It takes a while, so not after each run. */
static void check_unmapped(void)
{
	char line[512];
	FILE *maps;

	if (state.runs % MAPS_EVERY)
		return;
	maps = fopen("/proc/self/maps", "re");
	while (fgets(line, sizeof(line), maps))
		FUZZ_CHECK(!strstr(line, "memfd:guest-ram") && !strstr(line, "memfd:evswitch"),
			   "mapped: %s", line);
	fclose(maps);
}

/* ---- libFuzzer's entry points ---- */

static void remove_dir(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", state.dir);
	if (system(command) != 0)
		dprintf(state.report, "fuzz: %s stays\n", state.dir);
}

const char *fuzz_dir(void)
{
	if (state.dir[0])
		return state.dir;
	snprintf(state.dir, sizeof(state.dir), "/tmp/evswitch-fuzz-XXXXXX");
	if (!mkdtemp(state.dir))
		abort();
	setenv("XDG_RUNTIME_DIR", state.dir, 1);
	atexit(remove_dir);
	return state.dir;
}

/* libFuzzer's own output goes on: it is called with -close_fd_mask=2. */
static void catch_log(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
	    dup2(ends[1], STDERR_FILENO) < 0)
		abort();
	close(ends[1]);
	state.log = ends[0];
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct itimerval second = { { 1, 0 }, { 1, 0 } };
	struct sigaction action = { .sa_handler = second_passed, .sa_flags = SA_RESTART };

	(void)argc;
	(void)argv;
	fuzz_dir();
	state.report = dup(STDERR_FILENO);
	/* What a test prints there is for who runs it, unlike what is logged. */
	stderr = fdopen(state.report, "w");
	__sanitizer_set_report_fd((void *)(intptr_t)state.report);
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &second, NULL);
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_DEBUG);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz fuzz = { data, size };
	struct pollfd before[FDS_MAX];

	if (state.log < 0)
		catch_log();
	list_fds(before);
	state.run_seconds = 0;
	fuzz_one(&fuzz);
	await_closes();
	check_log();
	check_fds(before);
	check_unmapped();
	state.runs++;
	return 0;
}
