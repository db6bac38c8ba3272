/* SPDX-License-Identifier: MIT */
/* Passes files from clients to the agent. */
#include "clipboard/transfer.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/text.h"
#include "base/util.h"
#include "clipboard/local.h"

/* --- names --------------------------------------------------------------------------------- */

/* Not in a name on Windows (Naming Files, learn.microsoft.com), nor as they are in a key file. */
static bool is_unsafe(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f || strchr("<>:\"/\\|?*", c);
}

/* A name of a device on Windows, whatever follows a dot. */
static bool is_device(const char *name)
{
	static const char *const devices[] = { "con", "prn", "aux", "nul" };
	size_t length = strcspn(name, ".");

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (length == 3 && strncasecmp(name, devices[i], 3) == 0)
			return true;
	return length == 4 && name[3] >= '0' && name[3] <= '9' &&
	       (strncasecmp(name, "com", 3) == 0 || strncasecmp(name, "lpt", 3) == 0);
}

void transfer_safe_name(const char *name, char safe[static TRANSFER_NAME_MAX + 1])
{
	const char *slash = strrchr(name, '/');
	size_t length;

	name = slash ? slash + 1 : name;
	/* Blanks at the start, and dots and blanks at the end, would be lost. */
	name += strspn(name, TEXT_BLANKS);
	text_print(safe, TRANSFER_NAME_MAX + 1, "%s%s", is_device(name) ? "_" : "", name);
	length = strlen(safe);
	while (length > 0 && strchr(". \t", safe[length - 1]))
		safe[--length] = '\0';
	for (size_t i = 0; i < length; i++)
		if (is_unsafe(safe[i]))
			safe[i] = '_';
	if (length == 0)
		text_print(safe, TRANSFER_NAME_MAX + 1, "file");
}

/* --- one transfer -------------------------------------------------------------------------- */

static void tell(const struct transfer *transfer, const char *key, const char *error)
{
	struct json_object *message = json_object_new_object();

	if (error)
		json_add_name(message, key, error);
	else
		json_object_object_add(message, key, json_object_new_boolean(true));
	local_tell(transfer->watch.fd, message);
}

static void finish(struct transfer *transfer)
{
	watch_close(&transfer->watch);
	timer_arm(&transfer->start, 0, 0);
	transfer->state = TRANSFER_FREE;
}

static void fail(struct transfer *transfer, const char *why)
{
	tell(transfer, "error", why);
	finish(transfer);
}

/* The client is gone, or there is no sense in going on: the guest removes what it has. */
static void cancel(struct transfer *transfer)
{
	agent_file_cancel(transfer->transfers->agent, transfer->id);
	finish(transfer);
}

static void not_started(struct timer *timer)
{
	struct transfer *transfer = container_of(timer, struct transfer, start);

	agent_file_cancel(transfer->transfers->agent, transfer->id);
	fail(transfer, "the agent in the guest does not answer: is somebody logged in there?");
}

/* Passes on one part, once the agent has taken the one before. */
static void send_part(struct transfer *transfer)
{
	char part[TRANSFER_PART];
	size_t size = transfer->left < sizeof(part) ? (size_t)transfer->left : sizeof(part);
	ssize_t got = recv(transfer->watch.fd, part, size, MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		cancel(transfer);
		return;
	}
	if (agent_file_data(transfer->transfers->agent, transfer->id, part, (size_t)got) < 0) {
		cancel(transfer);
		return;
	}
	transfer->left -= (uint64_t)got;
	if (transfer->left == 0)
		transfer->state = TRANSFER_SENT;
}

static void client_ready(struct watch *watch, uint32_t events);

/* Reads the client's bytes only while the agent takes them; notices in any case when it hangs up. */
static void watch_client(struct transfer *transfer)
{
	struct transfers *transfers = transfer->transfers;
	bool reads = transfer->state == TRANSFER_RUNS && agent_is_drained(transfers->agent);
	int fd = transfer->watch.fd;

	watch_stop(&transfer->watch);
	if (watch_start(&transfer->watch, transfers->loop, fd, EPOLLRDHUP | (reads ? EPOLLIN : 0),
			client_ready) < 0) {
		transfer->watch.fd = fd;
		agent_file_cancel(transfers->agent, transfer->id);
		close_fd(&fd);
		transfer->state = TRANSFER_FREE;
	}
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct transfer *transfer = container_of(watch, struct transfer, watch);

	if (events & EPOLLIN)
		send_part(transfer);
	else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		cancel(transfer);
	if (transfer->state != TRANSFER_FREE)
		watch_client(transfer);
}

/* --- what the guest says ------------------------------------------------------------------- */

static const char *why_failed(uint32_t result)
{
	switch (result) {
	case VD_AGENT_FILE_XFER_STATUS_CANCELLED:
		return "it was cancelled in the guest";
	case VD_AGENT_FILE_XFER_STATUS_SESSION_LOCKED:
		return "the guest's screen is locked: unlock it";
	case VD_AGENT_FILE_XFER_STATUS_VDAGENT_NOT_CONNECTED:
		return "nobody is logged in in the guest, or the agent does not run in that "
		       "session";
	case VD_AGENT_FILE_XFER_STATUS_DISABLED:
		return "the agent in the guest is set to take no files";
	case VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE:
		return "the guest's disk is full";
	default:
		return "the guest could not write it: is its disk full, or its folder read-only?";
	}
}

static void start_data(struct transfer *transfer)
{
	timer_arm(&transfer->start, 0, 0);
	transfer->state = TRANSFER_RUNS;
	tell(transfer, "go", NULL);
	if (transfer->left > 0)
		return;
	/* The agent finishes an empty file only once it gets a part of it. */
	transfer->state = TRANSFER_SENT;
	agent_file_data(transfer->transfers->agent, transfer->id, "", 0);
}

static void file_status(struct agent_sender *sender, uint32_t id, uint32_t result,
			int64_t disk_free)
{
	struct transfers *transfers = container_of(sender, struct transfers, sender);
	struct transfer *transfer = transfers->transfer;
	char why[128];

	while (transfer < transfers->transfer + TRANSFERS_MAX &&
	       (transfer->state == TRANSFER_FREE || transfer->id != id))
		transfer++;
	if (transfer == transfers->transfer + TRANSFERS_MAX)
		return;
	if (result == VD_AGENT_FILE_XFER_STATUS_CAN_SEND_DATA &&
	    transfer->state == TRANSFER_STARTS) {
		start_data(transfer);
		watch_client(transfer);
	} else if (result == VD_AGENT_FILE_XFER_STATUS_SUCCESS &&
		   transfer->state == TRANSFER_SENT) {
		tell(transfer, "done", NULL);
		finish(transfer);
	} else if (result == VD_AGENT_FILE_XFER_STATUS_NOT_ENOUGH_SPACE && disk_free >= 0) {
		snprintf(why, sizeof(why), "the guest's disk is full: it has room for %lld bytes",
			 (long long)disk_free);
		fail(transfer, why);
	} else {
		fail(transfer, why_failed(result));
	}
}

static void drained(struct agent_sender *sender)
{
	struct transfers *transfers = container_of(sender, struct transfers, sender);

	for (unsigned i = 0; i < TRANSFERS_MAX; i++)
		if (transfers->transfer[i].state == TRANSFER_RUNS)
			watch_client(&transfers->transfer[i]);
}

static void agent_changed(struct agent_sender *sender)
{
	struct transfers *transfers = container_of(sender, struct transfers, sender);

	for (unsigned i = 0; i < TRANSFERS_MAX; i++)
		if (transfers->transfer[i].state != TRANSFER_FREE)
			fail(&transfers->transfer[i], "the agent in the guest has ended");
}

static const struct agent_sender_ops sender_ops = { .changed = agent_changed,
						    .file_status = file_status,
						    .drained = drained };

/* --- all of them --------------------------------------------------------------------------- */

static struct transfer *find_free(struct transfers *transfers)
{
	for (unsigned i = 0; i < TRANSFERS_MAX; i++)
		if (transfers->transfer[i].state == TRANSFER_FREE)
			return &transfers->transfer[i];
	return NULL;
}

/* Why there can be no transfer now; NULL: there can. */
static const char *why_not(const struct agent *agent)
{
	if (agent->state == AGENT_AWAY)
		return "the VM is off, or has no channel for the clipboard: evswitch --check";
	if (agent->state == AGENT_SILENT)
		return "no agent answers in the guest: install spice-vdagent there (on Windows: "
		       "virtio-win's guest tools), and log in";
	return agent->files ? NULL : "the agent in the guest takes no files";
}

void transfers_start(struct transfers *transfers, int fd, const char *name, uint64_t size)
{
	struct transfer *transfer = find_free(transfers), refused = { .watch.fd = fd };
	const char *why = why_not(transfers->agent);
	char safe[TRANSFER_NAME_MAX + 1];

	if (!transfer)
		why = "too many files are on their way: wait for one to arrive";
	if (why) {
		tell(&refused, "error", why);
		close_fd(&fd);
		return;
	}
	transfer_safe_name(name, safe);
	transfer->id = ++transfers->last_id;
	transfer->left = size;
	transfer->state = TRANSFER_STARTS;
	transfer->watch.fd = fd;
	if (agent_file_start(transfers->agent, transfer->id, safe, size) < 0) {
		tell(transfer, "error", strerror(ENOMEM));
		close_fd(&transfer->watch.fd);
		transfer->state = TRANSFER_FREE;
		return;
	}
	timer_arm(&transfer->start, TRANSFER_START_MS, 0);
	watch_client(transfer);
}

int transfers_init(struct transfers *transfers, struct loop *loop, struct agent *agent)
{
	int rc = 0;

	*transfers = (struct transfers){ .sender.ops = &sender_ops, .agent = agent, .loop = loop };
	agent->sender = &transfers->sender;
	for (unsigned i = 0; i < TRANSFERS_MAX && rc == 0; i++) {
		transfers->transfer[i].transfers = transfers;
		rc = timer_init(&transfers->transfer[i].start, loop, not_started);
	}
	return rc;
}

void transfers_fini(struct transfers *transfers)
{
	if (!transfers->agent)
		return;
	transfers->agent->sender = NULL;
	for (unsigned i = 0; i < TRANSFERS_MAX; i++) {
		watch_close(&transfers->transfer[i].watch);
		timer_fini(&transfers->transfer[i].start);
	}
}
