/* SPDX-License-Identifier: MIT */
/* Fields from the input; descriptors that a run opens once. */
#include "fuzz-keeper.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/peer-fd.h"
#include "base/util.h"

void fuzz_fds_open(struct fuzz_fds *fds)
{
	int ends[2];

	FUZZ_CHECK(evring_create(&fds->ring) == 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0,
		   "descriptors");
	fds->fd[FUZZ_RING] = fds->ring.memory_fd;
	fds->fd[FUZZ_BELL] = fds->ring.doorbell_fd;
	fds->fd[FUZZ_OUT] = ends[0];
	fds->fd[FUZZ_IN] = ends[1];
	fds->fd[FUZZ_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds->fd[FUZZ_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void fuzz_fds_close(struct fuzz_fds *fds)
{
	for (unsigned i = FUZZ_OUT; i < FUZZ_FDS; i++)
		close_fd(&fds->fd[i]);
	evring_close(&fds->ring);
}

static void fill_identity(struct keeper_identity *identity, struct fuzz *fuzz)
{
	static const char *const channels[] = { "input-linux", "virtio-input", "vhost-user", "qmp",
						"" };
	uint8_t what = fuzz_u8(fuzz);
	char name[64] = "";

	snprintf(identity->via, sizeof(identity->via), "%s", channels[what % ARRAY_SIZE(channels)]);
	if (what & 128)
		fuzz_text(fuzz, name, sizeof(name));
	if (what & 64)
		snprintf(identity->socket_path, sizeof(identity->socket_path), "%s/%s", fuzz_dir(),
			 strstr(name, "..") ? "" : name);
	identity->rules.step_max = what & 32 ? 127 : 0;
	identity->rules.wheel_clicks = what & 32;
}

static void fill_hello(struct keeper_hello *hello, struct fuzz *fuzz)
{
	fill_identity(&hello->identity, fuzz);
	hello->nodes = fuzz_u8(fuzz) & 7;
	hello->guards = fuzz_u8(fuzz) & 7;
	snprintf(hello->devnode[0], sizeof(hello->devnode[0]), "/dev/input/event%u", fuzz_u8(fuzz));
}

static void fill_state(struct keeper_state *state, struct fuzz *fuzz)
{
	uint8_t what = fuzz_u8(fuzz);

	state->generation = fuzz_u8(fuzz);
	state->up = what & 1;
	state->in_use = what >> 1 & 1;
	state->leds_known = what >> 2 & 1;
	state->other_domain = what >> 3 & 1;
	state->vm = fuzz_u8(fuzz) % (RUN_STATES + 1);
	if (what & 16)
		fuzz_text(fuzz, state->why, sizeof(state->why));
}

static void fill(struct keeper_message *message, struct fuzz *fuzz)
{
	switch (message->type) {
	case KEEPER_HELLO:
		fill_hello(&message->hello, fuzz);
		break;
	case KEEPER_STATE:
		fill_state(&message->state, fuzz);
		break;
	case KEEPER_NODE:
		fill_identity(&message->node.identity, fuzz);
		message->node.which = fuzz_u8(fuzz) % 4;
		break;
	case KEEPER_OPEN:
		fill_identity(&message->open.identity, fuzz);
		snprintf(message->open.domain, sizeof(message->open.domain), "%s",
			 fuzz_u8(fuzz) & 1 ? "vm" : "");
		break;
	}
}

/* Any bytes over what is there, but no path that is not ours. */
static void spoil(struct keeper_message *message, struct fuzz *fuzz)
{
	size_t at = fuzz_u16(fuzz) % sizeof(*message), size = fuzz_u8(fuzz);
	struct keeper_identity *identity =
		message->type == KEEPER_OPEN ? &message->open.identity : &message->node.identity;
	const uint8_t *bytes;

	if (size > sizeof(*message) - at)
		size = sizeof(*message) - at;
	bytes = fuzz_take(fuzz, &size);
	memcpy((uint8_t *)message + at, bytes, size);
	if (identity->socket_path[0] == '/')
		snprintf(identity->socket_path, sizeof(identity->socket_path), "%s", fuzz_dir());
}

static unsigned fds_of(const struct keeper_message *message)
{
	for (unsigned n = 0; n <= USOCK_FDS_MAX; n++)
		if (keeper_check_fds(message, n))
			return n;
	return 0;
}

/* The low bits of 'how' spoil something; else it is as it should be. */
void fuzz_keeper_say(int sock, unsigned type, const struct fuzz_fds *fds, struct fuzz *fuzz)
{
	struct keeper_message message = keeper_message(type ? type : fuzz_u8(fuzz) % 9u);
	uint8_t how = fuzz_u8(fuzz);
	size_t size = how % 16 == 1 ? fuzz_u16(fuzz) % sizeof(message) : sizeof(message);
	int passed[USOCK_FDS_MAX];
	unsigned n;

	fill(&message, fuzz);
	if (how % 16 == 2)
		spoil(&message, fuzz);
	n = how % 16 == 3 ? fuzz_below(fuzz, USOCK_FDS_MAX + 1) : fds_of(&message);
	for (unsigned i = 0; i < n; i++)
		passed[i] = fds->fd[message.type == KEEPER_OPEN && how % 16 != 3
					    ? i % FUZZ_FDS
					    : fuzz_below(fuzz, FUZZ_FDS)];
	usock_send(sock, &message, size, passed, n);
}

void fuzz_keeper_hear(int sock)
{
	struct keeper_message message;
	int fds[USOCK_FDS_MAX];
	unsigned n;
	ssize_t size;

	while (sock >= 0 && (size = usock_receive(sock, &message, sizeof(message), fds, &n)) > 0) {
		FUZZ_CHECK(keeper_check(&message, (size_t)size) == KEEPER_FITS &&
				   keeper_check_fds(&message, n),
			   "type %u, %zd bytes, %u descriptors", message.type, size, n);
		if (message.type == KEEPER_STATE)
			FUZZ_CHECK(fuzz_is_printable(message.state.why, strlen(message.state.why)),
				   "%s", message.state.why);
		while (n)
			peer_fd_close(&fds[--n]);
	}
}
