/* SPDX-License-Identifier: MIT */
/* Talks to evswitch-clipboard, and blocks. */
#include "clipboard/send.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/usock.h"
#include "base/util.h"
#include "clipboard/local.h"
#include "clipboard/transfer.h"
#include "control/client.h"

#define ANSWER_MS   10000
#define PROGRESS_US 100000
#define MIB         (1024.0 * 1024.0)

/* Connects, and sends the request, which it takes over. EX_OK, or another exit code, logged. */
static int ask(struct client *client, const char *guest, struct json_object *request)
{
	char path[USOCK_PATH_MAX];
	const char *text = json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	int rc = local_path(guest, path);

	*client = (struct client)CLIENT_INIT;
	if (rc == 0)
		rc = client_open_at(client, path);
	if (rc == 0 && send(client->fd, text, strlen(text) + 1, MSG_NOSIGNAL) < 0)
		rc = -errno;
	json_object_put(request);
	if (rc == -ENOENT)
		log_error("no evswitch-clipboard runs for guest %s: systemctl --user start "
			  "evswitch-clipboard@%s",
			  log_str(guest).text, log_str(guest).text);
	else if (rc < 0)
		log_error("%s: %s", log_str(path).text, strerror(-rc));
	if (rc < 0)
		client_close(client);
	return rc < 0 ? EX_UNAVAILABLE : EX_OK;
}

/* --- files --------------------------------------------------------------------------------- */

struct progress {
	const char *file;
	uint64_t size, sent, shown_us;
	bool wanted, shown;
};

static void show_progress(struct progress *progress, bool end)
{
	uint64_t now = now_us();

	if (!progress->wanted || (!end && now - progress->shown_us < PROGRESS_US))
		return;
	progress->shown_us = now;
	progress->shown = true;
	fprintf(stderr, "\r%s: %3u %% of %.1f MiB%s", progress->file,
		progress->size ? (unsigned)(progress->sent * 100 / progress->size) : 100,
		(double)progress->size / MIB, end ? "\n" : "");
}

static void end_line(struct progress *progress)
{
	if (progress->shown)
		putc('\n', stderr);
	progress->shown = false;
}

/* Why the guest does not take it; NULL: it does. */
static const char *refusal(const struct client *client, const char *expected)
{
	const char *error = json_text(json_member(client->reply, "error"));

	if (error[0])
		return error;
	return json_is_true(json_member(client->reply, expected)) ? NULL : "unexpected answer";
}

/* Sends a part as the guest takes it. 0; 1: there is a message to be read; or -errno. */
static int send_part(struct client *client, const char *part, size_t size,
		     struct progress *progress)
{
	while (size > 0) {
		struct pollfd ready = { .fd = client->fd, .events = POLLIN | POLLOUT };
		ssize_t sent;

		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			return -errno;
		if (ready.revents & POLLIN)
			return 1;
		sent = send(client->fd, part, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (sent > 0) {
			part += sent;
			size -= (size_t)sent;
			progress->sent += (uint64_t)sent;
			show_progress(progress, false);
		}
	}
	return 0;
}

/* Sends what the file had when it was announced. 0; 1 as send_part; -ENODATA: it has become shorter. */
static int send_contents(struct client *client, int file, struct progress *progress)
{
	char part[TRANSFER_PART];

	while (progress->sent < progress->size) {
		uint64_t left = progress->size - progress->sent;
		ssize_t got = read(file, part, left < sizeof(part) ? (size_t)left : sizeof(part));
		int rc;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
		rc = send_part(client, part, (size_t)got, progress);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* EX_OK, or another exit code, logged. */
static int exchange_file(struct client *client, int file, struct progress *progress)
{
	const char *why = NULL;
	int rc = client_wait(client, TRANSFER_START_MS + ANSWER_MS);

	if (rc == 0)
		why = refusal(client, "go");
	if (rc == 0 && !why) {
		rc = send_contents(client, file, progress);
		show_progress(progress, progress->sent == progress->size);
		if (rc >= 0)
			rc = client_wait(client, -1);
		if (rc == 0)
			why = refusal(client, "done");
	}
	end_line(progress);
	if (rc == -ENODATA || rc == -EIO) {
		log_error("%s: it has become shorter, or cannot be read: not sent", progress->file);
		return EX_NOINPUT;
	}
	if (rc < 0)
		why = rc == -ECONNRESET || rc == -EPIPE ? "evswitch-clipboard has ended"
							: strerror(-rc);
	if (why)
		log_error("%s: not sent: %s", progress->file, log_str(why).text);
	return why ? EX_IOERR : EX_OK;
}

static int send_file(const char *guest, const char *path)
{
	struct log_str shown = log_str(path);
	struct progress progress = { .file = shown.text, .wanted = isatty(STDERR_FILENO) };
	autoclose int file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct json_object *request;
	struct client client;
	struct stat status;
	int code;

	if (file < 0 || fstat(file, &status) < 0) {
		log_error("%s: %s", shown.text, strerror(errno));
		return EX_NOINPUT;
	}
	if (!S_ISREG(status.st_mode)) {
		log_error("%s: not a regular file; pack a folder first: tar -czf", shown.text);
		return EX_NOINPUT;
	}
	progress.size = (uint64_t)status.st_size;
	request = json_object_new_object();
	json_object_object_add(request, "ask", json_object_new_string("send"));
	json_add_name(request, "name", strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	json_object_object_add(request, "size", json_object_new_int64(status.st_size));
	code = ask(&client, guest, request);
	if (code == EX_OK) {
		code = exchange_file(&client, file, &progress);
		client_close(&client);
	}
	return code;
}

int send_files(const char *guest, char *const *files, unsigned n)
{
	int code = EX_OK;

	for (unsigned i = 0; i < n; i++) {
		int rc = send_file(guest, files[i]);

		if (rc == EX_UNAVAILABLE)
			return rc;
		code = rc != EX_OK ? rc : code;
	}
	return code;
}

/* --- status -------------------------------------------------------------------------------- */

static void print_status(struct json_object *status)
{
	const char *agent = json_text(json_member(status, "agent"));
	bool connected = json_is_true(json_member(status, "connected"));
	const char *desktop = json_text(json_member(status, "desktop"));

	printf("evswitch: %s\n",
	       json_is_true(json_member(status, "evswitch"))
		       ? "connected"
		       : "does not run: nothing is shared, unless clipboard = always");
	printf("VM:       %s\n", connected ? "connected"
					   : "not connected: it is off, or has no channel for the "
					     "clipboard");
	if (connected)
		printf("agent:    %s\n",
		       strcmp(agent, "ready") == 0 ? "ready"
		       : strcmp(agent, "old") == 0
			       ? "too old: it knows no clipboard on demand"
			       : "no answer: install it, and log in in the guest");
	printf("desktop:  %s\n", strcmp(desktop, "none") == 0 ? "none" : log_str(desktop).text);
}

int send_status(const char *guest, bool json)
{
	struct json_object *request = json_object_new_object();
	struct client client;
	int code, rc;

	json_object_object_add(request, "ask", json_object_new_string("status"));
	code = ask(&client, guest, request);
	if (code != EX_OK)
		return code;
	rc = client_wait(&client, ANSWER_MS);
	if (rc < 0) {
		log_error("evswitch-clipboard does not answer: %s", strerror(-rc));
		code = EX_PROTOCOL;
	} else if (json) {
		json_print(stdout, client.reply);
	} else {
		print_status(client.reply);
	}
	client_close(&client);
	return code;
}

/* --- which guest --------------------------------------------------------------------------- */

#define PREFIX "clipboard-"
#define SUFFIX ".sock"

/* The guest whose socket this is, if somebody listens there. */
static bool is_served(const char *path, char *guest, unsigned size)
{
	const char *name = strrchr(path, '/') + 1 + strlen(PREFIX);
	autoclose int fd = usock_connect(path, SOCK_STREAM);

	snprintf(guest, size, "%.*s", (int)(strlen(name) - strlen(SUFFIX)), name);
	return fd >= 0;
}

int send_find_guest(char *guest, unsigned size)
{
	char pattern[USOCK_PATH_MAX];
	unsigned n = 0;
	glob_t found;

	guest[0] = '\0';
	if (local_path("*", pattern) == 0 && glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			char name[64];

			if (!is_served(found.gl_pathv[i], name, sizeof(name)))
				continue;
			snprintf(guest, size, "%s", name);
			n++;
		}
		globfree(&found);
	}
	if (n == 0)
		log_error("no evswitch-clipboard runs: systemctl --user start "
			  "evswitch-clipboard@GUEST");
	else if (n > 1)
		log_error("evswitch-clipboard runs for several guests: name one of them");
	return n == 1 ? EX_OK : EX_UNAVAILABLE;
}
