/* SPDX-License-Identifier: MIT */
/*
 * A real QEMU as a child process, with a machine that does nothing, and what QEMU's own trace says
 * that it got. Only the trace is looked at, never the nodes that QEMU reads. Everything is awaited
 * with a deadline; what fails ends the test with a message through cmocka.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How long QEMU may take to start in an emulated machine that shares its processors. */
#define QEMU_START_MS 60000

/* Ports whose devices QEMU lets go of by itself, as no guest has switched them on. */
#define QEMU_PORTS_WITHOUT_GUEST                                                                   \
	"-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-device",                 \
		"pcie-root-port,id=rp0,chassis=1", "-device", "pcie-root-port,id=rp1,chassis=2",   \
		"-device", "pcie-root-port,id=rp2,chassis=3", "-device",                           \
		"pcie-root-port,id=rp3,chassis=4"

/* The names that the trace has: of its keys ("a", "ctrl_r"), its buttons and its two axes. */
#define QEMU_NAME_MAX 24

enum qemu_kind { QEMU_KEY, QEMU_BUTTON, QEMU_MOTION, QEMU_SYNC };

struct qemu_event {
	enum qemu_kind kind;
	char name[QEMU_NAME_MAX];
	int value; /* of keys and buttons 1: down, 0: up, 2: down again; of motion: how far */
};

struct qemu {
	pid_t pid;   /* 0: none runs */
	int died;    /* readable once it has ended */
	int trace;   /* what it writes with -trace */
	int grown;   /* readable (inotify) once the trace has grown */
	int monitor; /* the test's own; -1: not yet used */
	unsigned version;
	char dir[32];    /* its files */
	char text[4096]; /* of the trace, not yet taken */
	size_t used;
	unsigned n_down;
	char down[32][QEMU_NAME_MAX]; /* what its guest has down, by the trace */
};

/* Which QEMU qemu_start starts from now on: the words of a command, NULL at the end. NULL: this machine's. */
void qemu_choose(const char *const *command);

/*
 * Starts QEMU with these arguments (NULL at the end) after its own, and waits until its machine
 * runs and so has opened all its devices. A QEMU that ends instead fails the test.
 */
void qemu_start(struct qemu *qemu, const char *const *args);

/* Does this QMP command, which takes no arguments ("stop", "cont"), and waits until it is done. */
void qemu_do(struct qemu *qemu, const char *command);

/* Major * 100 + minor. */
unsigned qemu_version(struct qemu *qemu);

/* The next input event in the trace, or false when none came in time. */
bool qemu_event(struct qemu *qemu, struct qemu_event *event, int timeout_ms);
/* The same with the ends of reports in between (QEMU_SYNC), of which some have nothing before them. */
bool qemu_trace(struct qemu *qemu, struct qemu_event *event, int timeout_ms);

/* "+a", "-a", "~a" (down again), "+left", "x-3". */
void qemu_event_text(const struct qemu_event *event, char *text, size_t size);

/* The next events, repetitions left out, are these, in that order: "+a -a x-3". */
void qemu_expect(struct qemu *qemu, const char *texts);
void qemu_expect_nothing(struct qemu *qemu);

/* SIGSTOP, and waits until it stands still. SIGCONT ends it. */
void qemu_freeze(struct qemu *qemu);

/* Ends it by this signal and waits until it is gone, with everything that it held. */
void qemu_kill(struct qemu *qemu, int signo);

/* The teardown of every test: ends a QEMU that a failed test left, then world_reset. */
int qemu_reset(void **state);
