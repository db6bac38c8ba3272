/* SPDX-License-Identifier: MIT */
/* Collects the counters of devices and targets. */
#include "daemon/stats.h"

#include <json-c/json.h>

#include "base/json.h"
#include "base/util.h"

static void add_number(struct json_object *object, const char *key, uint64_t number)
{
	json_object_object_add(object, key, json_object_new_int64((int64_t)number));
}

static struct json_object *device_json(const struct input *input, uint64_t now)
{
	struct json_object *device = json_object_new_object();

	json_add_name(device, "name", input->source.conf->name);
	if (source_is_plugged(&input->source))
		json_add_name(device, "node", input->source.device.devnode);
	add_number(device, "frames", input->tally.frames);
	add_number(device, "events", input->tally.events);
	add_number(device, "events_per_second",
		   (tally_recent(&input->tally, now) + TALLY_RATE_S / 2) / TALLY_RATE_S);
	add_number(device, "losses", input->source.device.losses);
	add_number(device, "longest", input->tally.longest);
	return device;
}

static struct json_object *latency_json(const struct tally_latency *latency)
{
	struct json_object *object = json_object_new_object();

	add_number(object, "frames", tally_count(latency));
	add_number(object, "median_us", tally_percentile(latency, 50));
	add_number(object, "p99_us", tally_percentile(latency, 99));
	add_number(object, "max_us", latency->max_us);
	add_number(object, "late", latency->late);
	add_number(object, "early", latency->early);
	return object;
}

static struct json_object *target_json(struct daemon *daemon, unsigned target)
{
	const struct tally_target *tally = tally_of(daemon, target);
	struct json_object *object = json_object_new_object();

	json_add_name(object, "name", forward_target_name(daemon, target));
	add_number(object, "frames", tally->frames);
	add_number(object, "motion", tally->motion);
	add_number(object, "refused", tally->refused);
	add_number(object, "led_changes", tally->led_changes);
	json_object_object_add(object, "latency", latency_json(&tally->latency));
	return object;
}

/* From the first bucket that has frames to the last. */
static struct json_object *buckets_json(const struct tally_latency *latency)
{
	struct json_object *buckets = json_object_new_array();
	uint64_t left = tally_count(latency);

	for (unsigned bin = 0; left > 0;) {
		unsigned next;
		uint64_t frames = tally_bucket(latency, bin, &next);

		if (frames > 0 || json_length(buckets) > 0) {
			struct json_object *bucket = json_object_new_object();

			add_number(bucket, "from_us", tally_bin_from(bin));
			add_number(bucket, "below_us", tally_bin_from(next));
			add_number(bucket, "frames", frames);
			json_object_array_add(buckets, bucket);
		}
		left -= frames;
		bin = next;
	}
	return buckets;
}

struct json_object *stats_json(struct daemon *daemon)
{
	struct json_object *stats = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	struct json_object *targets = json_object_new_array();
	struct tally_latency all = { 0 };
	uint64_t now = now_us();

	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->input[i].source.conf)
			json_object_array_add(devices, device_json(&daemon->input[i], now));
	for (unsigned i = 0; i <= daemon->conf->n_guests; i++) {
		json_object_array_add(targets, target_json(daemon, i));
		tally_add(&all, &tally_of(daemon, i)->latency);
	}
	add_number(stats, "seconds", (now - daemon->started_us) / 1000000);
	json_object_object_add(stats, "devices", devices);
	json_object_object_add(stats, "targets", targets);
	add_number(stats, "timed_every", STATS_TIMED_EVERY);
	json_object_object_add(stats, "latency", latency_json(&all));
	json_object_object_add(stats, "buckets", buckets_json(&all));
	return stats;
}
