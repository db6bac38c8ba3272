/* SPDX-License-Identifier: MIT */
/* Draws the Stats of io.evswitch for people: two tables and a histogram, on one screen. Owns nothing. */
#pragma once

#include <stdint.h>
#include <stdio.h>

struct json_object;

#define CHART_NUMBER_MAX 32

/* Prints 'stats', which may be anything that a peer sent. 'out' keeps its own errors. */
void chart_print(FILE *out, struct json_object *stats);

/* 1234567 -> "1,234,567". */
void chart_number(char text[static CHART_NUMBER_MAX], int64_t number);
/* Microseconds: "87 us", "1.5 ms", "24 ms". */
void chart_time(char text[static CHART_NUMBER_MAX], int64_t us);
/* Seconds: "59 s", "3 min", "2 h 5 min", "4 d 1 h". */
void chart_span(char text[static CHART_NUMBER_MAX], int64_t seconds);
