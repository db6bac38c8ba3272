/* SPDX-License-Identifier: MIT */
/*
 * No frame costs an allocation, in the daemon or in a guest's keeper. The program under test is this
 * one again, with the daemon and the keeper of src/ and malloc and its kin defined here: every call
 * counts, in a page that the test shares with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <libevdev/libevdev.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "daemon/daemon.h"
#include "keeper/keeper-message.h"
#include "keeper/keeper.h"
#include "base/log.h"
#include "scenario.h"
#include "guest/channel.h"
#include "stage.h"
#include "base/util.h"
#include "vhost-guest.h"

#define FRAMES     10000
#define COUNT_PATH "EVSWITCH_TEST_COUNT"

/* The sanitizer's own would not be called. */
#ifdef __SANITIZE_ADDRESS__
#define HAVE_MALLOC 0
#else
#define HAVE_MALLOC 1
#endif

/* Where this process counts: the program under test in the shared page, the test for nobody. */
static atomic_ulong own_count;
static atomic_ulong *count = &own_count;

/* What the program under test has counted, for the test. */
static const atomic_ulong *their_count;

/* In that page. */
enum { DAEMON, KEEPERS, COUNTS };

/* --- malloc and its kin, with the C library's behind them ------------------------------------- */

#if HAVE_MALLOC
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *ptr);

void *malloc(size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_calloc(n, size);
}

void *realloc(void *ptr, size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_realloc(ptr, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	atomic_fetch_add(count, 1);
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **ptr, size_t alignment, size_t size)
{
	atomic_fetch_add(count, 1);
	*ptr = __libc_memalign(alignment, size);
	return *ptr ? 0 : ENOMEM;
}

void free(void *ptr)
{
	atomic_fetch_add(count, ptr != NULL);
	__libc_free(ptr);
}
#endif

static atomic_ulong *map_count(int fd)
{
	void *page = mmap(NULL, COUNTS * sizeof(*count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* By a path, since descriptors do not get through the launcher. */
static atomic_ulong *open_count(void)
{
	autoclose int fd = open(getenv(COUNT_PATH), O_RDWR | O_CLOEXEC);

	return fd < 0 ? NULL : map_count(fd);
}

/* --- the program under test ------------------------------------------------------------------- */

static void config_error(void *ctx, const char *message)
{
	(void)ctx;
	fprintf(stderr, "%s\n", message);
}

/* As main.c runs it: "-v -c FILE". */
static int run_daemon(const char *file)
{
	struct conf *conf = NULL;

	log_set_level(LOG_LEVEL_DEBUG);
	count = open_count();
	if (!count || conf_load(file, channel_table, config_error, NULL, &conf) < 0)
		return 1;
	return daemon_run(conf, &(struct daemon_options){ 0 });
}

/* As the daemon starts it: KEEPER_OPTION GUEST. */
static int run_keeper(const char *guest)
{
	atomic_ulong *counts = open_count();

	if (!counts)
		return 1;
	log_set_level(LOG_LEVEL_DEBUG);
	count = &counts[KEEPERS];
	return keeper_run(guest, channel_endpoint);
}

/* --- the frames ------------------------------------------------------------------------------- */

static const char conf[] = "[device keyboard]\nname = test keyboard\nremap = f13:f14\n"
			   "[device mouse]\nname = test mouse\n"
			   "[host]\nhotkey = leftctrl+leftalt+h\nalways = mute\n"
			   "[guest one]\nvia = input-linux\nhotkey = leftctrl+f2\n"
			   "[guest two]\nvia = vhost-user\nhotkey = leftctrl+f3\n";

/*
 * Every kind of frame, with nothing down at the end. The chords never complete: an other modifier
 * is down, or a key is missing.
 */
static const struct round {
	bool mouse;
	const char *events;
} rounds[] = {
	{ true, "rel_x:3 rel_y:-2" },
	{ false, "a:1" },
	{ false, "a:2" },
	{ false, "a:0" },
	{ false, "msc_scan:458756 b:1" },
	{ false, "msc_scan:458756 b:0" },
	{ true, "msc_scan:589825 btn_left:1" },
	{ true, "rel_x:1" },
	{ true, "msc_scan:589825 btn_left:0" },
	{ true, "rel_wheel:1 rel_wheel_hi_res:120" },
	{ true, "rel_wheel:-3 rel_wheel_hi_res:-360 rel_x:9 rel_y:300" },
	{ true, "rel_hwheel:1 rel_hwheel_hi_res:120" },
	{ true, "btn_middle:1 rel_y:5" },
	{ true, "btn_middle:0" },
	{ false, "leftctrl:1" },
	{ false, "leftshift:1" },
	{ false, "rightctrl:1" },
	{ false, "rightctrl:0" },
	{ false, "f2:1" },
	{ false, "f2:0" },
	{ false, "leftshift:0" },
	{ false, "leftctrl:0" },
	{ false, "leftctrl:1 leftalt:1" },
	{ false, "leftalt:0 leftctrl:0" },
	{ false, "backspace:1" },
	{ false, "esc:1" },
	{ false, "esc:0 backspace:0" },
	{ false, "leftmeta:1 rightmeta:1" },
	{ false, "leftmeta:0" },
	{ false, "rightmeta:0" },
	{ false, "mute:1" },
	{ false, "mute:0" },
	{ false, "volumeup:1" },
	{ false, "volumeup:0" },
	{ false, "sw_lid:1" },
	{ false, "sw_lid:0" },
	{ false, "msc_scan:458757" },
	{ false, "q:1 w:1 e:1 r:1 t:1 y:1 u:1 i:1 o:1 p:1 s:1 d:1 f:1 g:1 h:1 j:1 k:1 l:1" },
	{ false, "q:0 w:0 e:0 r:0 t:0 y:0 u:0 i:0 o:0 p:0 s:0 d:0 f:0 g:0 h:0 j:0 k:0 l:0" },
};

/* So many frames fit into the kernel's queues. */
#define AT_ONCE 6

static void play(const struct puppet *puppet, const struct frame *frame)
{
	ssize_t size = (ssize_t)(frame->n * sizeof(*frame->ev));

	assert_int_equal(write(puppet->uinput.fd, frame->ev, (size_t)size), size);
}

/* Where what is played comes out: at nodes, or at a guest's drivers. */
struct outlet {
	struct observer *keyboard, *mouse;
	struct vhost_guest *guest;
};

static void await_at_node(struct observer *observer, unsigned code)
{
	struct seen seen;

	do {
		if (!observer_frame(observer, &seen, WORLD_MS))
			fail_msg("%s: nothing came any more", observer->devnode);
	} while (seen.ev[0].code != code || seen.ev[0].value != 0);
}

static bool came(const struct frontend *fe, unsigned code)
{
	for (unsigned i = 0; i < fe->guest.n_log; i++)
		if (fe->guest.log[i].type == EV_KEY && fe->guest.log[i].code == code &&
		    fe->guest.log[i].value == 0)
			return true;
	return false;
}

static void await_at_driver(struct frontend *fe, unsigned code)
{
	struct pollfd call = { .fd = fe->ring[EVENTQ].call, .events = POLLIN };

	for (guest_harvest(fe); !came(fe, code); guest_harvest(fe)) {
		if (poll(&call, 1, WORLD_MS) != 1)
			fail_msg("the driver hears nothing any more");
		guest_calls(fe, EVENTQ);
	}
	guest_forget(fe);
}

static void await_marks(const struct outlet *outlet)
{
	if (outlet->guest) {
		await_at_driver(&outlet->guest->fe[SHAPE_KEYBOARD], KEY_F14);
		await_at_driver(&outlet->guest->fe[SHAPE_POINTER], BTN_SIDE);
		guest_harvest(&outlet->guest->fe[SHAPE_MEDIA]);
		guest_forget(&outlet->guest->fe[SHAPE_MEDIA]);
	} else {
		await_at_node(outlet->keyboard, KEY_F14);
		await_at_node(outlet->mouse, BTN_SIDE);
	}
}

static bool is_all_up(const struct outlet *outlet)
{
	if (outlet->guest)
		return keyset_empty(&outlet->guest->fe[SHAPE_KEYBOARD].guest.down) &&
		       keyset_empty(&outlet->guest->fe[SHAPE_POINTER].guest.down);
	return observer_keys_down(outlet->keyboard) + observer_keys_down(outlet->mouse) == 0;
}

/* A key and a button that come out last, and which are awaited, show that all was taken. */
static unsigned play_marks(struct stage *stage, const struct outlet *outlet)
{
	puppet_key(&stage->keyboard, KEY_F13, 1);
	puppet_key(&stage->mouse, BTN_SIDE, 1);
	puppet_key(&stage->keyboard, KEY_F13, 0);
	puppet_key(&stage->mouse, BTN_SIDE, 0);
	await_marks(outlet);
	return 4;
}

/* How many frames it were. */
static unsigned play_round(struct stage *stage, const struct frame *frames,
			   const struct outlet *outlet)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rounds); i++) {
		play(rounds[i].mouse ? &stage->mouse : &stage->keyboard, &frames[i]);
		n++;
		if (i % AT_ONCE == AT_ONCE - 1)
			n += play_marks(stage, outlet);
	}
	return n + play_marks(stage, outlet);
}

static void expect_none(struct stage *stage, const char *focus, const struct outlet *outlet)
{
	static struct frame frames[ARRAY_SIZE(rounds)];
	unsigned long before, kept_before;
	unsigned played = 0;
	const char *bad;

	for (unsigned i = 0; i < ARRAY_SIZE(rounds); i++)
		assert_true(events_parse(rounds[i].events, &frames[i], &bad));
	/* The switch to this focus is over when what comes after it came out. */
	play_round(stage, frames, outlet);
	before = their_count[DAEMON];
	kept_before = their_count[KEEPERS];
	while (played < FRAMES)
		played += play_round(stage, frames, outlet);
	printf("%s: %u frames, %lu allocations (%lu before), %lu in keepers (%lu before)\n", focus,
	       played, their_count[DAEMON] - before, before, their_count[KEEPERS] - kept_before,
	       kept_before);
	assert_true(before > 0 && kept_before > 0); /* it counts at all */
	assert_int_equal(their_count[DAEMON], before);
	assert_int_equal(their_count[KEEPERS], kept_before);
	/* No SYN_DROPPED either: then the frames would not have come as they were played. */
	assert_false(program_says(&stage->program, "were lost", 0));
	assert_true(is_all_up(outlet));
}

static void focus_vhost_guest(struct stage *stage)
{
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&stage->keyboard, KEY_F3, 1);
	puppet_key(&stage->keyboard, KEY_F3, 0);
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 0);
	program_expect(&stage->program, "focus: two");
}

static void test_no_allocation(void **state)
{
	struct vhost_guest guest = { 0 };
	struct stage stage;

	(void)state;
	stage_open(&stage, conf);
	expect_none(&stage, "host",
		    &(struct outlet){ &stage.host_keyboard, &stage.host_mouse, NULL });
	stage_guest_up(&stage);
	stage_drain_host(&stage);
	stage_focus_guest(&stage);
	expect_none(&stage, "guest",
		    &(struct outlet){ &stage.guest_keyboard, &stage.guest_pointer, NULL });
	vhost_guest_up(&guest, "two");
	focus_vhost_guest(&stage);
	expect_none(&stage, "vhost-user guest", &(struct outlet){ .guest = &guest });
	vhost_guest_down(&guest);
	stage_close(&stage);
	keeper_await_gone("one");
	keeper_await_gone("two");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_no_allocation) };
	int fd;
	char text[40];

	if (argc == 4 && strcmp(argv[1], "-v") == 0)
		return run_daemon(argv[3]);
	if (argc == 3 && strcmp(argv[1], KEEPER_OPTION) == 0)
		return run_keeper(argv[2]);
	if (!HAVE_MALLOC) {
		puts("skip: counting allocations: the sanitizer has malloc\n"
		     "0 passed, 0 failed, 1 skipped");
		return 0;
	}
	fd = memfd_create("count", MFD_CLOEXEC);
	snprintf(text, sizeof(text), "/proc/%d/fd/%d", getpid(), fd);
	setenv(COUNT_PATH, text, 1);
	setenv("EVSWITCH", "/proc/self/exe", 1);
	if (fd < 0 || ftruncate(fd, COUNTS * sizeof(*count)) < 0 || !(their_count = map_count(fd)))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
