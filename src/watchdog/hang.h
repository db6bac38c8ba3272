/* SPDX-License-Identifier: MIT */
/*
 * Decides from samples of a thread whether it hangs. Pure: the caller takes the samples and brings
 * the time. A thread that does not get a processor, since the machine is busy or was asleep, makes no
 * progress either; so what counts is what the thread has used, not what the clock says. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How often to take a sample. */
#define HANG_SAMPLE_MS 100
/* The time between two samples counts for at most this much: if it is longer, the sampler stood still, too. */
#define HANG_CREDIT_MS 200
/* A thread that spins, or sleeps in a system call, hangs after this time without progress. */
#define HANG_STILL_MS 400
/* A thread that is stopped or traced. */
#define HANG_STOPPED_MS 1500
/* Any other: it waits for a processor, or for the kernel, which no signal interrupts. */
#define HANG_WAITING_MS 5000

struct hang_sample {
	uint64_t time_ms; /* CLOCK_MONOTONIC */
	uint32_t turn;    /* changes with each step; odd: there is work, even: it waits for some */
	/* Only needed if the turn is that of the sample before. */
	uint64_t used_ms; /* CPU time used by the thread so far */
	char state;       /* as in /proc/PID/stat, proc(5); '?': unknown */
};

struct hang {
	unsigned patience;       /* all limits are so many times as long; at least 1 */
	struct hang_sample last; /* the last sample */
	uint64_t used_ms;        /* CPU time used when it was first seen again in its turn */
	unsigned still_ms;       /* seen in this turn for so long, ... */
	unsigned asleep_ms;      /* ... at the end of it asleep for so long, ... */
	unsigned stopped_ms;     /* ... or stopped */
};

/* Forgets what was seen, but not the patience: the thread need not have made progress before this sample. */
void hang_reset(struct hang *hang, const struct hang_sample *sample);
/* Takes the next sample. True if the thread hangs. */
bool hang_judge(struct hang *hang, const struct hang_sample *sample);
