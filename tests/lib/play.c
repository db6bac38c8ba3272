/* SPDX-License-Identifier: MIT */
/* Hands and eyes. */
#include "play.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "now.h"

static pid_t hands, eyes;

struct play *play_start(void)
{
	struct play *play = mmap(NULL, sizeof(*play), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(play != MAP_FAILED);
	return play;
}

static void press(struct play *play, struct puppet *keyboard, unsigned code, int value)
{
	puppet_key(keyboard, code, value);
	atomic_fetch_add(value ? &play->made_presses : &play->made_releases, 1);
}

/* 30 keys a second, every fourth of which is still down when the next is pressed; a mouse of 1 kHz. */
static void move_hands(struct play *play, struct stage *stage)
{
	static const struct timespec tick = { .tv_nsec = 1000000 };

	for (unsigned ms = 0; !atomic_load(&play->stop) || ms % 132 != 0; ms++) {
		unsigned key = ms / 33, at = ms % 33;
		unsigned code = KEY_Q + key % 10, last = KEY_Q + (key + 9) % 10;

		if (at == 0)
			press(play, &stage->keyboard, code, 1);
		if (at == 5 && key % 4 == 1)
			press(play, &stage->keyboard, last, 0);
		if (at == 15 && key % 4 != 0)
			press(play, &stage->keyboard, code, 0);
		puppet_move(&stage->mouse, 1, 0);
		atomic_fetch_add(&play->made_x, 1);
		nanosleep(&tick, NULL);
	}
}

pid_t play_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

void play_hands(struct play *play, struct stage *stage)
{
	hands = play_fork();
	if (hands)
		return;
	move_hands(play, stage);
	_exit(0);
}

static void read_node(struct play *play, const struct observer *observer)
{
	struct input_event ev[64];
	ssize_t size = read(observer->fd, ev, sizeof(ev));

	for (ssize_t i = 0; i < size / (ssize_t)sizeof(*ev); i++) {
		if (ev[i].type == EV_KEY && ev[i].value < 2)
			atomic_fetch_add(ev[i].value ? &play->presses : &play->releases, 1);
		if (ev[i].type == EV_REL && ev[i].code == REL_X)
			atomic_fetch_add(&play->x, ev[i].value);
		if (ev[i].type == EV_SYN && ev[i].code == SYN_DROPPED)
			play->was_late = true;
	}
}

void play_read_by(pid_t process)
{
	eyes = process;
}

void play_read(struct play *play, const struct observer *keyboard, const struct observer *pointer)
{
	struct pollfd fds[] = { { pointer->fd, POLLIN, 0 }, { keyboard->fd, POLLIN, 0 } };

	eyes = play_fork();
	if (eyes)
		return;
	for (;;) {
		poll(fds, 2, WORLD_MS);
		if (fds[0].revents)
			read_node(play, pointer);
		if (fds[1].revents)
			read_node(play, keyboard);
	}
}

static bool all_is_seen(const struct play *play, bool counts_motion)
{
	return play->presses == play->made_presses && play->releases == play->made_releases &&
	       (play->x == play->made_x || !counts_motion);
}

void play_let(struct play *play, unsigned keys)
{
	unsigned until = play->made_presses + keys;
	long deadline = now_ms() + WORLD_MS;

	while (play->made_presses < until && now_ms() < deadline)
		usleep(1000);
	assert_true(play->made_presses >= until);
}

static void end_process(pid_t *pid)
{
	if (*pid > 0) {
		kill(*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

int play_reset(void **state)
{
	end_process(&hands);
	end_process(&eyes);
	return world_reset(state);
}

bool play_end(struct play *play, bool counts_motion)
{
	long deadline = now_ms() + WORLD_MS;
	bool proves;

	play->stop = true;
	assert_int_equal(waitpid(hands, NULL, 0), hands);
	hands = 0;
	while (!all_is_seen(play, counts_motion) && !(counts_motion && play->was_late) &&
	       now_ms() < deadline)
		usleep(1000);
	proves = !play->was_late || !counts_motion;
	if (proves && !all_is_seen(play, counts_motion))
		fail_msg("presses %u of %u, releases %u of %u, motion %d of %d", play->presses,
			 play->made_presses, play->releases, play->made_releases, play->x,
			 play->made_x);
	end_process(&eyes);
	printf("%u keys, motion %d of %d\n", play->made_presses, play->x, play->made_x);
	munmap(play, sizeof(*play));
	return proves;
}
