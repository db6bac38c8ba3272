/* SPDX-License-Identifier: MIT */
/* Checked access to what json-c parsed. */
#include "base/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/log.h"

struct json_object *json_member(struct json_object *value, const char *key)
{
	struct json_object *member = NULL;

	if (json_object_is_type(value, json_type_object))
		json_object_object_get_ex(value, key, &member);
	return member;
}

const char *json_text(struct json_object *value)
{
	const char *text;

	if (!json_object_is_type(value, json_type_string))
		return "";
	text = json_object_get_string(value);
	return strlen(text) == (size_t)json_object_get_string_len(value) ? text : "";
}

bool json_is_true(struct json_object *value)
{
	return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

int64_t json_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
}

size_t json_length(struct json_object *value)
{
	return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
}

struct json_object *json_element(struct json_object *value, size_t i)
{
	return i < json_length(value) ? json_object_array_get_idx(value, i) : NULL;
}

void json_add_name(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(log_str(text).text));
}

unsigned json_count_values(const char *text, size_t size)
{
	unsigned n = 0;

	for (size_t i = 0; i < size; i++)
		n += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return n;
}

/* The tokener skips white space behind the value only when asked for another one. */
static bool is_rest_blank(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!text[i] || !strchr(" \t\r\n", text[i]))
			return false;
	return true;
}

static const char *check(struct json_object *value, enum json_tokener_error error, const char *rest,
			 size_t size)
{
	if (error == json_tokener_continue)
		return "it ends within a value";
	if (error != json_tokener_success)
		return json_tokener_error_desc(error);
	if (!json_object_is_type(value, json_type_object))
		return "it is not an object";
	return is_rest_blank(rest, size) ? NULL : "something follows the object";
}

struct json_object *json_parse_object(const char *text, size_t size, const char **fault)
{
	struct json_tokener *tokener;
	struct json_object *value;
	size_t used;

	*fault = NULL;
	if (size > JSON_SIZE_MAX || json_count_values(text, size) > JSON_VALUES_MAX) {
		*fault = "it is too large";
		return NULL;
	}
	tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	if (!tokener) {
		*fault = "out of memory";
		return NULL;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
						JSON_TOKENER_VALIDATE_UTF8);
	value = json_tokener_parse_ex(tokener, text, (int)size);
	used = json_tokener_get_parse_end(tokener);
	*fault = check(value, json_tokener_get_error(tokener), text + used, size - used);
	if (*fault) {
		json_object_put(value);
		value = NULL;
	}
	json_tokener_free(tokener);
	return value;
}

int json_print(FILE *out, struct json_object *value)
{
	const char *text = json_object_to_json_string_ext(
		value,
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		return -ENOMEM;
	fprintf(out, "%s\n", text);
	return 0;
}
