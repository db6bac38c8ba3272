/* SPDX-License-Identifier: MIT */
/*
 * Reads JSON from a peer, whatever it sent: each function accepts NULL and values of any type, so
 * nothing has to be checked first. Also parses a whole message within limits, and prints
 * a document. No other file may call json-c's getters. Owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_object;

/* Limits of one message: nesting, bytes, and values by their commas and brackets. */
#define JSON_DEPTH_MAX  16
#define JSON_SIZE_MAX   65536
#define JSON_VALUES_MAX 1024

/* The object's member of that name; NULL if there is none, or if 'value' is not an object. */
struct json_object *json_member(struct json_object *value, const char *key);
/* The string; "" for other types, and for a string that contains a NUL, which C would cut. */
const char *json_text(struct json_object *value);
/* True if it is the boolean true. */
bool json_is_true(struct json_object *value);
/* The integer, or -1 for other types. */
int64_t json_number(struct json_object *value);
/* The number of elements of an array, 0 for other types. */
size_t json_length(struct json_object *value);
/* An element of an array, or NULL. */
struct json_object *json_element(struct json_object *value, size_t i);

/*
 * Adds a text to an object of our own. Names come from devices, guests and files and may not be UTF-8,
 * which JSON requires: log_str makes them so, and cuts what is longer.
 */
void json_add_name(struct json_object *object, const char *key, const char *text);

/* The number of values in this part of a message, as JSON_VALUES_MAX counts them. */
unsigned json_count_values(const char *text, size_t size);

/*
 * Parses a message of 'size' bytes that has to be a single JSON object (RFC 8259). Returns the
 * object, which the caller frees with json_object_put; or NULL, and *fault says what is wrong.
 */
struct json_object *json_parse_object(const char *text, size_t size, const char **fault);

/*
 * Prints the value for people and programs, indented, with a newline. 0 or -ENOMEM; 'out' keeps its
 * own errors.
 */
int json_print(FILE *out, struct json_object *value);
