/* SPDX-License-Identifier: MIT */
/* The common set-up of tests on a real kernel. */
#include "stage.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/router.h"

void stage_plug(struct stage *stage)
{
	*stage = (struct stage){ .program.err = -1,
				 .host_keyboard.fd = -1,
				 .host_mouse.fd = -1,
				 .guest_keyboard.fd = -1,
				 .guest_media.fd = -1,
				 .guest_pointer.fd = -1 };
	puppet_plug(&stage->keyboard, PUPPET_KEYBOARD, "test keyboard", "test/keyboard", 0xc001);
	puppet_plug(&stage->mouse, PUPPET_MOUSE, "test mouse", "test/mouse", 0xc002);
}

void stage_start(struct stage *stage, const char *conf)
{
	program_start(&stage->program, conf);
	program_expect(&stage->program, "is grabbed");
	program_expect(&stage->program, "is grabbed");
	observer_open(&stage->host_keyboard, "evswitch/host/keyboard");
	observer_open(&stage->host_mouse, "evswitch/host/mouse");
}

void stage_open(struct stage *stage, const char *conf)
{
	stage_plug(stage);
	stage_start(stage, conf);
}

void stage_unplug(struct stage *stage)
{
	stage_guest_down(stage);
	observer_close(&stage->host_keyboard);
	observer_close(&stage->host_mouse);
	puppet_unplug(&stage->keyboard);
	puppet_unplug(&stage->mouse);
}

void stage_close(struct stage *stage)
{
	program_stop(&stage->program);
	stage_unplug(stage);
}

void stage_expect_end(struct stage *stage, int code)
{
	assert_int_equal(program_wait(&stage->program), code);
	observer_close(&stage->host_keyboard);
	observer_close(&stage->host_mouse);
}

void stage_kill(struct stage *stage)
{
	program_signal(&stage->program, SIGKILL);
	stage_expect_end(stage, 128 + SIGKILL);
}

static pid_t kill_after(pid_t victim, unsigned us)
{
	pid_t pid = fork();

	if (pid == 0) {
		usleep(us);
		kill(victim, SIGKILL);
		_exit(0);
	}
	return pid;
}

void stage_kill_in_play(struct stage *stage, unsigned us, void (*turn)(void *arg), void *arg)
{
	pid_t killer = kill_after(stage->program.pid, us);

	puppet_key(&stage->keyboard, KEY_A, 1);
	puppet_key(&stage->mouse, BTN_LEFT, 1);
	while (waitpid(killer, NULL, WNOHANG) == 0) {
		stage_toggle(stage);
		puppet_key(&stage->keyboard, KEY_C, 1);
		puppet_key(&stage->keyboard, KEY_C, 0);
		puppet_move(&stage->mouse, 1, 0);
		if (turn)
			turn(arg);
		usleep(2000); /* a pace for the play, not a wait */
	}
	puppet_key(&stage->keyboard, KEY_A, 0);
	puppet_key(&stage->mouse, BTN_LEFT, 0);
}

static void hold(struct observer *observer, const char *phys)
{
	observer_open(observer, phys);
	observer_grab(observer);
}

void stage_guest_up(struct stage *stage)
{
	hold(&stage->guest_keyboard, "evswitch/one/keyboard");
	hold(&stage->guest_media, "evswitch/one/media");
	hold(&stage->guest_pointer, "evswitch/one/pointer");
}

void stage_guest_down(struct stage *stage)
{
	observer_close(&stage->guest_keyboard);
	observer_close(&stage->guest_media);
	observer_close(&stage->guest_pointer);
}

void stage_play(struct stage *stage, enum shape_node node, const struct frame *frame)
{
	struct puppet *puppet = node == SHAPE_POINTER ? &stage->mouse : &stage->keyboard;

	puppet_play(puppet, frame->ev, frame->n - 1);
}

void stage_toggle(struct stage *stage)
{
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 1);
	puppet_key(&stage->keyboard, KEY_RIGHTCTRL, 1);
	puppet_key(&stage->keyboard, KEY_RIGHTCTRL, 0);
	puppet_key(&stage->keyboard, KEY_LEFTCTRL, 0);
}

void stage_drain_host(struct stage *stage)
{
	struct seen seen;

	while (observer_frame(&stage->host_keyboard, &seen, 0))
		;
	while (observer_frame(&stage->host_mouse, &seen, 0))
		;
}

void stage_drain_guest(struct stage *stage)
{
	struct seen seen;

	while (observer_frame(&stage->guest_keyboard, &seen, WORLD_QUIET_MS))
		;
	while (observer_frame(&stage->guest_pointer, &seen, 0))
		;
}

void stage_focus_guest(struct stage *stage)
{
	stage_toggle(stage);
	program_expect(&stage->program, "focus: one");
	observer_expect(&stage->host_keyboard, EV_KEY, KEY_LEFTCTRL, 1);
	observer_expect(&stage->host_keyboard, EV_KEY, KEY_LEFTCTRL, 0);
}

void stage_focus_host(struct stage *stage)
{
	stage_toggle(stage);
	program_expect(&stage->program, "focus: host");
}

void stage_await_quiet(struct stage *stage)
{
	puppet_move(&stage->mouse, 1, 0);
	usleep(ROUTER_QUIET_US); /* time is what it waits for */
	stage_drain_host(stage);
}

void stage_set_host_led(struct stage *stage, unsigned code, int value)
{
	struct input_event ev[] = {
		{ .type = EV_LED, .code = (uint16_t)code, .value = value },
		{ .type = EV_SYN, .code = SYN_REPORT },
	};

	assert_int_equal(write(stage->host_keyboard.fd, ev, sizeof(ev)), sizeof(ev));
	stage_drain_host(stage); /* its readers hear of it too */
}
