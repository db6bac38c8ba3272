/* SPDX-License-Identifier: MIT */
/* Calls the running evswitch, and prints its replies. */
#include "control/commands.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "base/util.h"
#include "control/chart.h"
#include "control/client.h"

/* evswitch gives a reload up before that. */
#define RELOAD_REPLY_MS 30000

/* --- errors ---------------------------------------------------------------------------------- */

static int not_reached(const struct client *client, int rc)
{
	if (rc == -ENOENT)
		log_error("evswitch is not running: start it (systemctl --user start evswitch) or "
			  "see why it ended (systemctl --user status evswitch)");
	else if (rc == -ENOTUNIQ)
		log_error("several users run evswitch: run this command as one of them "
			  "(sudo -u USER evswitch ...)");
	else if (rc == -EACCES || rc == -EPERM)
		log_error(
			"evswitch is run by another user, or serves the user who is active at the "
			"seat: run this command as that user, or as root");
	else if (rc == -ETIMEDOUT)
		log_error("evswitch does not answer on %s: it is stopped or hangs (systemctl "
			  "--user restart evswitch)",
			  client->path);
	else if (rc == -ECONNRESET)
		log_error(
			"evswitch has closed the connection: it is ending, of another version, or "
			"serves another user, who is active at the seat");
	else
		log_error("cannot reach evswitch: %s", strerror(-rc));
	return rc == -EACCES || rc == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;
}

/* Explanations are longer than a log_str. What follows 'label' was read. */
static void say(const char *label, const char *text)
{
	autofree char *shown = NULL;
	size_t size;
	FILE *out = open_memstream(&shown, &size);

	if (!out)
		return;
	log_str_print(out, text);
	if (fclose(out) == 0)
		log_error("%s%s", label, shown);
}

static void print_names(struct json_object *names)
{
	char list[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < json_length(names); i++)
		used += text_print(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
				   log_str(json_text(json_element(names, i))).text);
	log_error("there are: %s", list);
}

/* A reload that has not happened. */
static int reload_error(const struct client *client, const char *error)
{
	struct json_object *parameters = client_parameters(client);
	struct json_object *faults = json_member(parameters, "faults");

	for (size_t i = 0; i < json_length(faults); i++)
		say("", json_text(json_element(faults, i)));
	if (strcmp(error, "ConfigurationInvalid") == 0) {
		log_error("nothing is changed: correct the configuration, and reload again");
		return EX_CONFIG;
	}
	say("the configuration is not reloaded: ", json_text(json_member(parameters, "why")));
	return EX_TEMPFAIL;
}

/* An error that evswitch replied with. */
static int replied_error(const struct client *client)
{
	struct json_object *parameters = client_parameters(client);
	const char *error = client_error(client);
	struct log_str target = log_str(json_text(json_member(parameters, "target")));

	if (strcmp(error, "NoSuchTarget") == 0) {
		log_error("there is no target called \"%s\"", target.text);
		print_names(json_member(parameters, "targets"));
		return EX_USAGE;
	}
	if (strcmp(error, "NoSuchDevice") == 0) {
		log_error("there is no device called \"%s\"",
			  log_str(json_text(json_member(parameters, "device"))).text);
		print_names(json_member(parameters, "devices"));
		return EX_USAGE;
	}
	if (strcmp(error, "ConfigurationInvalid") == 0 || strcmp(error, "ReloadFailed") == 0)
		return reload_error(client, error);
	if (strcmp(error, "Refused") == 0) {
		char label[sizeof(target.text) + 32];

		text_print(label, sizeof(label), "cannot switch to %s: ", target.text);
		say(label, json_text(json_member(parameters, "why")));
	} else {
		log_error("evswitch refuses this: %s (is it of another version? restart it: "
			  "systemctl --user restart evswitch)",
			  log_str(error).text);
	}
	return EX_UNAVAILABLE;
}

/* Connects, calls and waits for the first reply. EX_OK, or another exit code. */
static int call(struct client *client, const char *method, struct json_object *parameters,
		bool more, int timeout_ms)
{
	int rc = client_open(client);

	if (rc == 0)
		rc = client_call(client, method, parameters, more);
	else
		json_object_put(parameters);
	if (rc == 0)
		rc = client_wait(client, timeout_ms);
	if (rc < 0)
		return not_reached(client, rc);
	return client_error(client)[0] ? replied_error(client) : EX_OK;
}

static int flushed(void)
{
	if (fflush(stdout) != EOF && !ferror(stdout))
		return EX_OK;
	if (errno != EPIPE)
		log_error("standard output: %s", strerror(errno));
	return EX_IOERR;
}

/* --- the state in words ------------------------------------------------------------------------ */

static const char *member(struct json_object *object, const char *key)
{
	return json_text(json_member(object, key));
}

/* Nothing that was read is printed to a terminal as it is. */
static void print(const char *text)
{
	log_str_print(stdout, text);
}

static void print_pair(const char *label, const char *text)
{
	printf("%s", label);
	print(text);
	putchar('\n');
}

static void print_config(struct json_object *config)
{
	const char *path = member(config, "path"), *since = "";
	struct stat status;

	if (stat(path, &status) < 0)
		since = errno == ENOENT ? " (removed since it was read)" : "";
	else if (status.st_mtim.tv_sec * INT64_C(1000000000) + status.st_mtim.tv_nsec !=
		 json_number(json_member(config, "modified_ns")))
		since = " (changed since it was read: evswitch --reload takes it into use)";
	printf("config: ");
	print(path);
	printf("%s\n", since);
}

static void print_device(struct json_object *device)
{
	const char *node = member(device, "node"), *model = member(device, "model");
	const char *why = member(device, "why");

	printf("device ");
	print(member(device, "name"));
	if (node[0]) {
		printf(": ");
		print(node);
		printf(" \"");
		print(model);
		printf("\"");
	}
	printf(": ");
	print(why[0] ? member(device, "state") : "events go to ");
	print_pair(why[0] ? ": " : "", why[0] ? why : member(device, "target"));
}

static void print_guest(struct json_object *guest)
{
	const char *why = member(guest, "why"), *vm = member(guest, "vm");

	printf("guest ");
	print(member(guest, "name"));
	printf(" (");
	print(member(guest, "via"));
	if (vm[0] && strcmp(vm, "unknown") != 0) {
		printf(", its VM: ");
		print(vm);
	}
	printf("): %s", json_is_true(json_member(guest, "up")) ? "can take the focus" : "down: ");
	print_pair("", why);
}

static void print_state(struct json_object *state)
{
	struct json_object *devices = json_member(state, "devices");
	struct json_object *guests = json_member(state, "guests");
	const char *refused = member(state, "refused");

	print_pair("focus: ", member(state, "focus"));
	if (!json_is_true(json_member(state, "ready")))
		printf("  which was reset and does not take input yet\n");
	if (refused[0])
		print_pair("the last switch was refused: ", refused);
	for (size_t i = 0; i < json_length(devices); i++)
		print_device(json_element(devices, i));
	for (size_t i = 0; i < json_length(guests); i++)
		print_guest(json_element(guests, i));
	print_config(json_member(state, "config"));
	print_pair("version: ", member(state, "version"));
}

/* --- commands ---------------------------------------------------------------------------------- */

int command_switch(const char *target, const char *device)
{
	struct client client = CLIENT_INIT;
	struct json_object *parameters = json_object_new_object();
	int rc;

	json_object_object_add(parameters, "target", json_object_new_string(target));
	if (device)
		json_object_object_add(parameters, "device", json_object_new_string(device));
	rc = call(&client, "Switch", parameters, false, CLIENT_REPLY_MS);
	if (rc == EX_OK) {
		if (device)
			printf("device %s", device);
		print_pair(device ? ": " : "focus: ", member(client_parameters(&client), "target"));
		rc = flushed();
	}
	client_close(&client);
	return rc;
}

/* Calls a method, and prints this member of its reply: by 'print', or if that is NULL as JSON. */
static int show(const char *method, int timeout_ms, const char *key,
		void (*print_member)(struct json_object *value))
{
	struct client client = CLIENT_INIT;
	int rc = call(&client, method, NULL, false, timeout_ms);

	if (rc == EX_OK) {
		struct json_object *value = json_member(client_parameters(&client), key);

		if (print_member)
			print_member(value);
		else
			puts(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY));
		rc = flushed();
	}
	client_close(&client);
	return rc;
}

static void print_reloaded(struct json_object *state)
{
	print_pair("reloaded: ", member(state, "summary"));
}

static void print_stats(struct json_object *stats)
{
	chart_print(stdout, stats);
}

int command_status(bool json)
{
	return show("Status", CLIENT_REPLY_MS, "state", json ? NULL : print_state);
}

int command_reload(void)
{
	return show("Reload", RELOAD_REPLY_MS, "state", print_reloaded);
}

int command_stats(bool json)
{
	return show("Stats", CLIENT_REPLY_MS, "stats", json ? NULL : print_stats);
}

/* Prints the line unless it is the one that was printed last. */
static int print_change(struct json_object *state, bool json, char **last)
{
	const char *text = json ? json_object_to_json_string_ext(state, JSON_C_TO_STRING_PLAIN)
				: member(state, "summary");

	if (*last && strcmp(*last, text) == 0)
		return EX_OK;
	free(*last);
	*last = strdup(text);
	if (json)
		puts(text);
	else
		print_pair("", text);
	return flushed();
}

int command_monitor(bool json)
{
	struct client client = CLIENT_INIT;
	autofree char *last = NULL;
	int rc;

	signal(SIGPIPE, SIG_IGN); /* EPIPE ends this, without a message */
	rc = call(&client, "Monitor", NULL, true, CLIENT_REPLY_MS);
	while (rc == EX_OK) {
		rc = print_change(json_member(client_parameters(&client), "state"), json, &last);
		if (rc == EX_OK) {
			int waited = client_wait(&client, -1);

			if (waited < 0)
				rc = not_reached(&client, waited);
		}
	}
	client_close(&client);
	return rc;
}
