/* SPDX-License-Identifier: MIT */
/* Adds up for how long a thread has made no progress, and in which state. */
#include "watchdog/hang.h"

/* Of the time without progress, this much must have been used or slept to count as a hang. */
#define HANG_SHARE_MS (HANG_STILL_MS * 3 / 5)

void hang_reset(struct hang *hang, const struct hang_sample *sample)
{
	*hang = (struct hang){ .patience = hang->patience, .last = *sample };
}

static bool is_stopped(char state)
{
	return state == 'T' || state == 't';
}

static bool has_work(const struct hang_sample *sample)
{
	return sample->turn & 1;
}

bool hang_judge(struct hang *hang, const struct hang_sample *sample)
{
	uint64_t passed = sample->time_ms - hang->last.time_ms;
	unsigned credit = passed < HANG_CREDIT_MS ? (unsigned)passed : HANG_CREDIT_MS;
	bool is_still;

	if (sample->turn != hang->last.turn) {
		hang_reset(hang, sample);
		return false;
	}
	if (!hang->still_ms)
		hang->used_ms = sample->used_ms;
	hang->last = *sample;
	hang->still_ms += credit;
	hang->asleep_ms = sample->state == 'S' ? hang->asleep_ms + credit : 0;
	hang->stopped_ms = is_stopped(sample->state) ? hang->stopped_ms + credit : 0;
	if (hang->stopped_ms >= HANG_STOPPED_MS * hang->patience)
		return true;
	if (is_stopped(sample->state))
		return false;
	/* Even while it should wait for work: then it has not come back from there. */
	is_still = hang->still_ms >= HANG_STILL_MS * hang->patience;
	if (is_still && sample->used_ms - hang->used_ms >= HANG_SHARE_MS * hang->patience)
		return true;
	if (!has_work(sample))
		return false;
	return (is_still && hang->asleep_ms >= HANG_SHARE_MS * hang->patience) ||
	       hang->still_ms >= HANG_WAITING_MS * hang->patience;
}
