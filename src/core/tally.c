/* SPDX-License-Identifier: MIT */
/* What is read from the counters. */
#include "core/tally.h"

uint64_t tally_recent(const struct tally_device *tally, uint64_t now_us)
{
	uint32_t now = (uint32_t)(now_us / 1000000);
	uint64_t events = 0;

	for (unsigned i = 0; i < TALLY_SLOTS; i++) {
		uint32_t age = now - tally->slot[i].second;

		if (age >= 1 && age <= TALLY_RATE_S)
			events += tally->slot[i].events;
	}
	return events;
}

uint32_t tally_bin_from(unsigned bin)
{
	unsigned shift = bin < 16 ? 0 : bin / 8 - 1;

	return (uint32_t)(bin - 8 * shift) << shift;
}

uint64_t tally_count(const struct tally_latency *tally)
{
	uint64_t count = 0;

	for (unsigned bin = 0; bin < TALLY_BINS; bin++)
		count += tally->bin[bin];
	return count;
}

uint32_t tally_percentile(const struct tally_latency *tally, unsigned percent)
{
	uint64_t count = tally_count(tally), seen = 0;
	uint64_t rank = count / 100 * percent + (count % 100 * percent + 99) / 100;
	unsigned bin = 0;
	uint32_t us;

	if (count == 0)
		return 0;
	while ((seen += tally->bin[bin]) < rank)
		bin++;
	us = tally_bin_from(bin + 1) - 1;
	return us < tally->max_us ? us : tally->max_us;
}

uint64_t tally_bucket(const struct tally_latency *tally, unsigned bin, unsigned *next)
{
	uint64_t count = 0;

	*next = bin + (bin < 4 ? 1 : bin < 8 ? 2 : 4);
	for (; bin < *next; bin++)
		count += tally->bin[bin];
	return count;
}

void tally_add(struct tally_latency *sum, const struct tally_latency *more)
{
	for (unsigned bin = 0; bin < TALLY_BINS; bin++)
		sum->bin[bin] += more->bin[bin];
	sum->early += more->early;
	sum->late += more->late;
	if (more->max_us > sum->max_us)
		sum->max_us = more->max_us;
}
