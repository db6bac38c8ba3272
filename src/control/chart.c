/* SPDX-License-Identifier: MIT */
/* Columns and bars in plain ASCII, for a terminal of 80 columns. */
#include "control/chart.h"

#include <inttypes.h>

#include "base/json.h"
#include "base/log.h"

#define BAR_MAX 24

void chart_number(char text[static CHART_NUMBER_MAX], int64_t number)
{
	char digits[CHART_NUMBER_MAX];
	int n = snprintf(digits, sizeof(digits), "%" PRId64, number < 0 ? 0 : number);
	unsigned used = 0;

	for (int i = 0; i < n; i++) {
		if (i > 0 && (n - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
}

void chart_time(char text[static CHART_NUMBER_MAX], int64_t us)
{
	if (us < 1000)
		snprintf(text, CHART_NUMBER_MAX, "%" PRId64 " us", us);
	else if (us < 10000)
		snprintf(text, CHART_NUMBER_MAX, "%.1f ms", (double)us / 1000);
	else
		snprintf(text, CHART_NUMBER_MAX, "%" PRId64 " ms", us / 1000 + (us % 1000 >= 500));
}

void chart_span(char text[static CHART_NUMBER_MAX], int64_t seconds)
{
	int64_t minutes = seconds / 60, hours = minutes / 60;

	if (minutes == 0)
		snprintf(text, CHART_NUMBER_MAX, "%" PRId64 " s", seconds);
	else if (hours == 0)
		snprintf(text, CHART_NUMBER_MAX, "%" PRId64 " min", minutes);
	else if (hours < 24)
		snprintf(text, CHART_NUMBER_MAX, "%" PRId64 " h %d min", hours,
			 (int)(minutes % 60));
	else
		snprintf(text, CHART_NUMBER_MAX, "%" PRId64 " d %d h", hours / 24,
			 (int)(hours % 24));
}

/* A column, right-aligned behind at least two blanks. */
static void print_number(FILE *out, struct json_object *object, const char *key, int width)
{
	char text[CHART_NUMBER_MAX];

	chart_number(text, json_number(json_member(object, key)));
	fprintf(out, "  %*s", width, text);
}

static void print_time(FILE *out, struct json_object *latency, const char *key, int width)
{
	char text[CHART_NUMBER_MAX] = "-";

	if (json_number(json_member(latency, "frames")) > 0)
		chart_time(text, json_number(json_member(latency, key)));
	fprintf(out, "  %*s", width, text);
}

static void print_name(FILE *out, struct json_object *object)
{
	fprintf(out, "%-18s", log_str(json_text(json_member(object, "name"))).text);
}

static void print_devices(FILE *out, struct json_object *devices)
{
	fprintf(out, "%-18s  %12s  %14s  %8s  %11s  %7s\n", "device", "frames", "events",
		"events/s", "SYN_DROPPED", "longest");
	for (size_t i = 0; i < json_length(devices); i++) {
		struct json_object *device = json_element(devices, i);

		print_name(out, device);
		print_number(out, device, "frames", 12);
		print_number(out, device, "events", 14);
		print_number(out, device, "events_per_second", 8);
		print_number(out, device, "losses", 11);
		print_number(out, device, "longest", 7);
		fputc('\n', out);
	}
}

static void print_targets(FILE *out, struct json_object *targets)
{
	fprintf(out, "\n%-18s  %12s  %12s  %7s  %5s  %7s  %7s\n", "target", "frames", "motion",
		"refused", "LEDs", "median", "p99");
	for (size_t i = 0; i < json_length(targets); i++) {
		struct json_object *target = json_element(targets, i);
		struct json_object *latency = json_member(target, "latency");

		print_name(out, target);
		print_number(out, target, "frames", 12);
		print_number(out, target, "motion", 12);
		print_number(out, target, "refused", 7);
		print_number(out, target, "led_changes", 5);
		print_time(out, latency, "median_us", 7);
		print_time(out, latency, "p99_us", 7);
		fputc('\n', out);
	}
}

/* Marks the bucket where a percentile is. */
static void print_mark(FILE *out, struct json_object *latency, const char *key, const char *label,
		       struct json_object *bucket)
{
	int64_t us = json_number(json_member(latency, key));
	char text[CHART_NUMBER_MAX];

	if (us < json_number(json_member(bucket, "from_us")) ||
	    us >= json_number(json_member(bucket, "below_us")))
		return;
	chart_time(text, us);
	fprintf(out, "  %s %s", label, text);
}

static int64_t most_frames(struct json_object *buckets)
{
	int64_t most = 1;

	for (size_t i = 0; i < json_length(buckets); i++) {
		int64_t frames = json_number(json_member(json_element(buckets, i), "frames"));

		if (frames > most)
			most = frames;
	}
	return most;
}

/* No bucket with frames is without a bar. */
static int bar_length(int64_t frames, int64_t most)
{
	int length;

	if (frames <= 0)
		return 0;
	length = (int)((double)frames / (double)most * BAR_MAX + 0.5);
	return length < 1 ? 1 : length;
}

static void print_buckets(FILE *out, struct json_object *buckets, struct json_object *latency)
{
	static const char bar[] = "########################";
	int64_t most = most_frames(buckets);

	_Static_assert(sizeof(bar) == BAR_MAX + 1, "a full bar");
	for (size_t i = 0; i < json_length(buckets); i++) {
		struct json_object *bucket = json_element(buckets, i);
		char below[CHART_NUMBER_MAX];

		chart_time(below, json_number(json_member(bucket, "below_us")));
		fprintf(out, "  below %7s", below);
		print_number(out, bucket, "frames", 11);
		fprintf(out, "  %.*s", bar_length(json_number(json_member(bucket, "frames")), most),
			bar);
		print_mark(out, latency, "median_us", "median", bucket);
		print_mark(out, latency, "p99_us", "p99", bucket);
		print_mark(out, latency, "max_us", "max", bucket);
		fputc('\n', out);
	}
}

static void print_latency(FILE *out, struct json_object *stats)
{
	struct json_object *latency = json_member(stats, "latency");
	int64_t late = json_number(json_member(latency, "late"));
	int64_t early = json_number(json_member(latency, "early"));
	char text[CHART_NUMBER_MAX];

	chart_number(text, json_number(json_member(latency, "frames")));
	fprintf(out,
		"\nlatency, from the kernel's time stamp until written, of %s frames (1 in %" PRId64
		"):\n",
		text, json_number(json_member(stats, "timed_every")));
	print_buckets(out, json_member(stats, "buckets"), latency);
	if (late > 0)
		fprintf(out, "  not in this: %" PRId64 " that took more than a second\n", late);
	if (early > 0)
		fprintf(out, "  not in this: %" PRId64 " dated in the future\n", early);
}

void chart_print(FILE *out, struct json_object *stats)
{
	char text[CHART_NUMBER_MAX];

	chart_span(text, json_number(json_member(stats, "seconds")));
	fprintf(out, "since evswitch started, %s ago\n\n", text);
	print_devices(out, json_member(stats, "devices"));
	print_targets(out, json_member(stats, "targets"));
	print_latency(out, stats);
}
