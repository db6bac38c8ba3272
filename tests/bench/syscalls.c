/* SPDX-License-Identifier: MIT */
/*
 * A frame costs three system calls: epoll_wait, read, write; and in the keeper of a guest with
 * via = vhost-user two more, epoll_wait and write. Counted by the kernel's own tracing, on the running
 * processes, with the focus on the host and on guests; exactly, but for timers, which frames do not set off.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "stage.h"
#include "base/util.h"
#include "vhost-guest.h"

#define FRAMES 1000
/* Of WORLD_QUIET_MS: longer than a node that is not held is looked at, and LEDs rest. */
#define QUIET_TIMES 2
#define TRACEFS     "/sys/kernel/tracing"
#define ENTER       TRACEFS "/events/raw_syscalls/sys_enter"

/* aarch64 has no epoll_wait: the C library calls the other. */
#ifdef SYS_epoll_wait
#define SYS_WAIT SYS_epoll_wait
#else
#define SYS_WAIT SYS_epoll_pwait
#endif

struct count {
	unsigned long wait, read, write, other;
};

static unsigned long total(const struct count *count)
{
	return count->wait + count->read + count->write + count->other;
}

/* --- the kernel's counters -------------------------------------------------------------------- */

static bool have_tracing(void)
{
	if (access(ENTER "/trigger", W_OK) == 0)
		return true;
	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	return access(ENTER "/trigger", W_OK) == 0;
}

/* 'how': "" begins to count what the process calls, "!" ends it. */
static void trigger(const char *how, pid_t pid)
{
	char text[80];
	int fd = open(ENTER "/trigger", O_WRONLY | O_APPEND | O_CLOEXEC);
	int size = snprintf(text, sizeof(text), "%shist:keys=id if common_pid == %d\n", how, pid);

	if (fd < 0 || write(fd, text, (size_t)size) != size)
		fail_msg("%s/trigger: %s", ENTER, strerror(errno));
	close(fd);
}

static void add(struct count *count, long id, unsigned long hits)
{
	if (id == SYS_WAIT)
		count->wait += hits;
	else if (id == SYS_read)
		count->read += hits;
	else if (id == SYS_write)
		count->write += hits;
	else
		count->other += hits;
}

static struct count read_count(void)
{
	struct count count = { 0 };
	FILE *file = fopen(ENTER "/hist", "re");
	unsigned long hits;
	char line[256];
	long id;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "{ id: %ld } hitcount: %lu", &id, &hits) == 2)
			add(&count, id, hits);
	fclose(file);
	return count;
}

/* What was counted once nothing has been for WORLD_QUIET_MS: the program is asleep. */
static struct count settled_count(void)
{
	struct count before, now = read_count();
	unsigned tries = WORLD_MS / WORLD_QUIET_MS, quiet = 0;

	do {
		before = now;
		nanosleep(&(struct timespec){ .tv_nsec = WORLD_QUIET_MS * 1000000L }, NULL);
		now = read_count();
		quiet = total(&now) == total(&before) ? quiet + 1 : 0;
	} while (quiet < QUIET_TIMES && --tries);
	assert_true(tries > 0);
	return now;
}

/* A filter is on a thread: every one of the process has its own, and all are added up. */
static void trigger_all(const char *how, pid_t pid)
{
	struct dirent *entry;
	char path[40];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			trigger(how, (pid_t)strtol(entry->d_name, NULL, 10));
	closedir(dir);
}

/* --- what is played --------------------------------------------------------------------------- */

struct play {
	const char *name;
	bool mouse;
	unsigned n;
	struct input_event ev[2]; /* a key's is played with the value 1 and 0 in turn */
};

static const struct play moves = {
	"moves",
	true,
	2,
	{ { .type = EV_REL, .code = REL_X, .value = 3 },
	  { .type = EV_REL, .code = REL_Y, .value = -2 } },
};
static const struct play keys = {
	"presses and releases of a key",
	false,
	2,
	{ { .type = EV_MSC, .code = MSC_SCAN, .value = 0x70004 },
	  { .type = EV_KEY, .code = KEY_A } },
};
static const struct play clicks = {
	"presses and releases of a button",
	true,
	2,
	{ { .type = EV_MSC, .code = MSC_SCAN, .value = 0x90001 },
	  { .type = EV_KEY, .code = BTN_LEFT } },
};

/* Where what is played comes out: at a node, or at a guest's driver. */
struct outlet {
	struct observer *observer;
	struct frontend *fe;
};

static void await_frame(const struct outlet *outlet, const struct play *play, unsigned nth)
{
	struct seen seen;

	if (outlet->fe) {
		guest_await(outlet->fe, 1);
		guest_forget(outlet->fe);
	} else if (!observer_frame(outlet->observer, &seen, WORLD_MS)) {
		fail_msg("%s: frame %u did not come out", play->name, nth);
	}
}

/* One by one: the next frame is written when this one has come out. */
static unsigned play(struct stage *stage, const struct play *play, const struct outlet *outlet)
{
	unsigned frames = play->ev[1].type == EV_KEY ? 2 * FRAMES : FRAMES;
	struct puppet *puppet = play->mouse ? &stage->mouse : &stage->keyboard;
	struct input_event ev[2];

	memcpy(ev, play->ev, sizeof(ev));
	for (unsigned i = 0; i < frames; i++) {
		if (ev[1].type == EV_KEY)
			ev[1].value = i % 2 == 0;
		puppet_play(puppet, ev, play->n);
		await_frame(outlet, play, i);
	}
	return frames;
}

/* What this process calls for so many frames. */
static struct count count_calls(struct stage *stage, pid_t pid, const struct play *what,
				const char *where, const struct outlet *outlet, unsigned *frames)
{
	struct count before, after, calls;

	trigger_all("", pid);
	before = settled_count();
	*frames = play(stage, what, outlet);
	after = settled_count();
	trigger_all("!", pid);
	calls = (struct count){ after.wait - before.wait, after.read - before.read,
				after.write - before.write, after.other - before.other };
	printf("%s: %u %s: %lu epoll_wait, %lu read, %lu write, %lu other\n", where, *frames,
	       what->name, calls.wait, calls.read, calls.write, calls.other);
	return calls;
}

/* 'timers': how many times a timer may be waited for and read beside the frames. */
static void expect_three(struct stage *stage, const struct play *what, const char *where,
			 const struct outlet *outlet, unsigned timers)
{
	unsigned frames;
	struct count calls = count_calls(stage, stage->program.pid, what, where, outlet, &frames);

	assert_in_range(calls.wait, frames, frames + timers);
	assert_int_equal(calls.read, calls.wait);
	assert_int_equal(calls.write, frames);
	assert_int_equal(calls.other, 0);
}

static void expect_three_at(struct stage *stage, const struct play *what, const char *focus,
			    struct observer *observer)
{
	expect_three(stage, what, focus, &(struct outlet){ .observer = observer }, 0);
}

/*
 * Three of the daemon's, and two of the keeper's, which leaves its doorbell unread. A frame that comes
 * before the keeper sleeps again costs it no epoll_wait; the timer that bounds its writes costs a few
 * calls in each 50 ms, however many frames there are.
 */
static void expect_five(struct stage *stage, const struct play *what, pid_t keeper,
			struct frontend *fe)
{
	const struct outlet outlet = { .fe = fe };
	struct count calls;
	unsigned frames;

	/* Once a second it looks whether the keeper runs. */
	expect_three(stage, what, "vhost-user guest", &outlet, 10);
	calls = count_calls(stage, keeper, what, "vhost-user guest, keeper", &outlet, &frames);
	assert_in_range(calls.wait, 1, frames + frames / 50);
	assert_in_range(calls.read, 0, frames / 50);
	assert_int_equal(calls.write, frames);
	assert_in_range(calls.other, 0, frames / 50);
}

static void test_host(void **state)
{
	struct stage *stage = *state;

	expect_three_at(stage, &moves, "host", &stage->host_mouse);
	expect_three_at(stage, &keys, "host", &stage->host_keyboard);
	expect_three_at(stage, &clicks, "host", &stage->host_mouse);
}

static void test_guest(void **state)
{
	struct stage *stage = *state;

	stage_guest_up(stage);
	stage_focus_guest(stage);
	expect_three_at(stage, &moves, "guest", &stage->guest_pointer);
	expect_three_at(stage, &keys, "guest", &stage->guest_keyboard);
	expect_three_at(stage, &clicks, "guest", &stage->guest_pointer);
}

static void test_vhost_guest(void **state)
{
	struct stage *stage = *state;
	struct vhost_guest guest = { 0 };
	pid_t keeper;

	vhost_guest_up(&guest, "two");
	keeper = vhost_guest_keeper(&guest);
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&stage->keyboard, KEY_F2, 1);
	puppet_key(&stage->keyboard, KEY_F2, 0);
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 0);
	program_expect(&stage->program, "focus: two");
	expect_five(stage, &moves, keeper, &guest.fe[SHAPE_POINTER]);
	expect_five(stage, &keys, keeper, &guest.fe[SHAPE_KEYBOARD]);
	expect_five(stage, &clicks, keeper, &guest.fe[SHAPE_POINTER]);
	vhost_guest_down(&guest);
}

static int set_up(void **state)
{
	static struct stage stage;

	stage_open(&stage, STAGE_CONF "[guest two]\nvia = vhost-user\nhotkey = leftctrl+f2\n");
	*state = &stage;
	return 0;
}

static int tear_down(void **state)
{
	stage_close(*state);
	keeper_await_gone("one");
	keeper_await_gone("two");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_host),
					    cmocka_unit_test(test_guest),
					    cmocka_unit_test(test_vhost_guest) };

	if (!have_tracing()) {
		puts("skip: counting system calls: no " ENTER "/trigger");
		puts("0 passed, 0 failed, 3 skipped");
		return 0;
	}
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
