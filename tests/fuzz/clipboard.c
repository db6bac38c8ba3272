/* SPDX-License-Identifier: MIT */
/*
 * A guest's agent that sends what it likes, between a desktop and clients with files, both played by the target; while the
 * focus comes and goes. What the guest is sent is always well-formed, no desktop is asked for what it did not offer, and one
 * whose paste waits is answered. Reaches agent, agent-message, exchange, convert and transfer; the deadline of an answer
 * to the guest goes by the clock, which does not pass here.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/util.h"
#include "clipboard/exchange.h"
#include "clipboard/transfer.h"
#include "fuzz-loop.h"
#include "fuzz.h"

#define CLIENTS 3

/* The desktop that exchange.c uses. */
struct desktop {
	struct desktop_client *client;
	unsigned copied, fetching, offered, wanted;
};

static struct scene {
	struct loop loop;
	struct exchange exchange;
	struct transfers transfers;
	struct desktop desktop;
	int agent; /* the guest's end; -1: not connected */
	struct agent_reader reader;
	int client[CLIENTS];
} scene;

/* --- the desktop --------------------------------------------------------------------------- */

struct desktop *desktop_open(struct loop *loop, struct desktop_client *client, int *error)
{
	(void)loop;
	(void)error;
	scene.desktop = (struct desktop){ .client = client };
	return &scene.desktop;
}

void desktop_close(struct desktop *desktop)
{
	(void)desktop;
}

int desktop_fetch(struct desktop *desktop, enum clip_type type)
{
	FUZZ_CHECK(type < CLIP_TYPES, "type %d", (int)type);
	if (!(desktop->copied & 1u << type))
		return -ENOENT;
	if (desktop->fetching & 1u << type)
		return -EBUSY;
	desktop->fetching |= 1u << type;
	return 0;
}

int desktop_offer(struct desktop *desktop, unsigned types)
{
	FUZZ_CHECK(types < 1u << CLIP_TYPES, "types %u", types);
	desktop->offered = types;
	if (types)
		desktop->copied = 0;
	desktop->wanted = 0;
	return 0;
}

void desktop_give(struct desktop *desktop, enum clip_type type, const void *data, size_t size)
{
	FUZZ_CHECK(size <= CLIP_SIZE_MAX, "%zu bytes", size);
	FUZZ_CHECK(data || size == 0, "%zu bytes of nothing", size);
	desktop->wanted &= ~(1u << type);
}

static void copy(struct fuzz *fuzz)
{
	scene.desktop.copied = fuzz_below(fuzz, 1u << CLIP_TYPES);
	scene.desktop.offered = scene.desktop.wanted = 0;
	scene.desktop.client->ops->copied(scene.desktop.client, scene.desktop.copied);
}

static void answer_fetch(struct fuzz *fuzz)
{
	enum clip_type type = fuzz_below(fuzz, CLIP_TYPES);
	size_t size = fuzz_u8(fuzz);
	const uint8_t *data = fuzz_take(fuzz, &size);

	if (!(scene.desktop.fetching & 1u << type))
		return;
	scene.desktop.fetching &= ~(1u << type);
	scene.desktop.client->ops->fetched(scene.desktop.client, type, size % 7 ? data : NULL,
					   size % 7 ? size : 0);
}

static void paste(struct fuzz *fuzz)
{
	enum clip_type type = fuzz_below(fuzz, CLIP_TYPES);

	if (!(scene.desktop.offered & 1u << type) || scene.desktop.wanted & 1u << type)
		return;
	scene.desktop.wanted |= 1u << type;
	scene.desktop.client->ops->wanted(scene.desktop.client, type);
}

/* Its process is not started here: the picture is made in the next turn, or never. */
int picture_start(struct picture *picture, struct loop *loop, const void *bmp, size_t size,
		  picture_fn made)
{
	(void)loop;
	(void)bmp;
	picture->made = made;
	return size % 3 ? 0 : -ENOMEM;
}

void picture_stop(struct picture *picture)
{
	picture->made = NULL;
}

static void make_picture(void)
{
	picture_fn made = scene.exchange.picture.made;

	scene.exchange.picture.made = NULL;
	if (made)
		made(&scene.exchange.picture, "png", 3);
}

/* --- the guest ----------------------------------------------------------------------------- */

/* What it was sent has to be messages of the protocol. */
static void read_agent(void)
{
	uint8_t bytes[65536];
	struct agent_message message;
	ssize_t got;

	while (scene.agent >= 0 &&
	       (got = recv(scene.agent, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		const uint8_t *at = bytes;
		size_t left = (size_t)got;
		int rc;

		while ((rc = agent_reader_next(&scene.reader, &at, &left, &message)) > 0)
			FUZZ_CHECK(message.type < VD_AGENT_END_MESSAGE && message.data, "type %u",
				   message.type);
		FUZZ_CHECK(rc == 0, "agent_reader_next: %d", rc);
	}
}

static void connect_agent(void)
{
	int ends[2];

	agent_reader_reset(&scene.reader);
	close_fd(&scene.agent);
	fuzz_settle(&scene.loop);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0,
		   "socketpair");
	scene.agent = ends[0];
	exchange_connect(&scene.exchange, ends[1]);
}

static void send_bytes(const void *bytes, size_t size)
{
	if (scene.agent >= 0 && size > 0)
		send(scene.agent, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A message whose header is right, or nearly. */
static void say(struct fuzz *fuzz)
{
	static const uint32_t types[] = {
		VD_AGENT_CLIPBOARD,         VD_AGENT_ANNOUNCE_CAPABILITIES,
		VD_AGENT_CLIPBOARD_GRAB,    VD_AGENT_CLIPBOARD_REQUEST,
		VD_AGENT_CLIPBOARD_RELEASE, VD_AGENT_FILE_XFER_STATUS
	};
	struct {
		VDIChunkHeader chunk;
		VDAgentMessage message;
		uint8_t data[256];
	} __attribute__((packed))
	whole = { .chunk.port = VDP_CLIENT_PORT, .message.protocol = VD_AGENT_PROTOCOL };
	uint8_t how = fuzz_u8(fuzz);
	size_t size = fuzz_u8(fuzz);
	const uint8_t *data = fuzz_take(fuzz, &size);

	memcpy(whole.data, data, size);
	whole.message.type = types[how % ARRAY_SIZE(types)];
	whole.message.size = (uint32_t)size + (how >= 0xf0 ? how - 0xf0u : 0);
	whole.chunk.size = (uint32_t)(sizeof(whole.message) + size);
	send_bytes(&whole, sizeof(whole.chunk) + sizeof(whole.message) + size);
}

/* An agent that is there, of Windows' or Linux' kind. */
static void announce(struct fuzz *fuzz)
{
	static const uint32_t caps[] = { 0x6b7, 0x387ef, 0, 0xffffffff };
	struct {
		VDIChunkHeader chunk;
		VDAgentMessage message;
		uint32_t request, caps;
	} __attribute__((packed))
	whole = { .chunk = { VDP_CLIENT_PORT, sizeof(VDAgentMessage) + 8 },
		  .message = { .protocol = VD_AGENT_PROTOCOL,
			       .type = VD_AGENT_ANNOUNCE_CAPABILITIES,
			       .size = 8 } };
	uint8_t how = fuzz_u8(fuzz);

	whole.request = how & 1;
	whole.caps = caps[(how >> 1) % ARRAY_SIZE(caps)];
	send_bytes(&whole, sizeof(whole));
}

/* --- files --------------------------------------------------------------------------------- */

static void send_file(struct fuzz *fuzz)
{
	int *client = &scene.client[fuzz_below(fuzz, CLIENTS)], ends[2];
	char name[64];

	close_fd(client);
	FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0,
		   "socketpair");
	*client = ends[0];
	fuzz_text(fuzz, name, sizeof(name));
	transfers_start(&scene.transfers, ends[1], name, fuzz_u8(fuzz));
}

static void feed_file(struct fuzz *fuzz)
{
	int *client = &scene.client[fuzz_below(fuzz, CLIENTS)];
	size_t size = fuzz_u8(fuzz);
	const uint8_t *data = fuzz_take(fuzz, &size);

	if (*client >= 0 && size > 0)
		send(*client, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		close_fd(client);
}

/* --- all together -------------------------------------------------------------------------- */

static void set_rules(struct fuzz *fuzz)
{
	uint8_t how = fuzz_u8(fuzz);
	const struct exchange_rules rules = { how & 1, how & 2, how & 4 };

	exchange_set_rules(&scene.exchange, &rules);
}

static void act(struct fuzz *fuzz)
{
	size_t size;

	switch (fuzz_below(fuzz, 14)) {
	case 0:
		connect_agent();
		break;
	case 1:
		size = fuzz_u8(fuzz);
		const uint8_t *bytes = fuzz_take(fuzz, &size);
		send_bytes(bytes, size);
		break;
	case 2:
		announce(fuzz);
		break;
	case 3:
		set_rules(fuzz);
		break;
	case 4:
		copy(fuzz);
		break;
	case 5:
		answer_fetch(fuzz);
		break;
	case 6:
		paste(fuzz);
		break;
	case 7:
		fuzz_pass(&scene.loop, 100u * fuzz_u8(fuzz));
		break;
	case 8:
		send_file(fuzz);
		break;
	case 9:
		feed_file(fuzz);
		break;
	case 10:
		read_agent();
		make_picture();
		break;
	default:
		say(fuzz);
	}
	fuzz_settle(&scene.loop);
}

void fuzz_one(struct fuzz *fuzz)
{
	scene = (struct scene){ .agent = -1, .client = { -1, -1, -1 } };
	loop_init(&scene.loop);
	FUZZ_CHECK(exchange_init(&scene.exchange, &scene.loop, "g") == 0, "exchange");
	FUZZ_CHECK(transfers_init(&scene.transfers, &scene.loop, &scene.exchange.agent) == 0,
		   "transfers");
	exchange_set_rules(&scene.exchange, &(struct exchange_rules){ true, true, true });
	connect_agent();
	fuzz_settle(&scene.loop);
	while (fuzz->left)
		act(fuzz);
	/* A paste on the host is answered, whatever the guest does. */
	fuzz_pass(&scene.loop, 2 * CLIP_STALL_MS);
	make_picture();
	FUZZ_CHECK(scene.desktop.wanted == 0, "pastes of types %u wait for ever",
		   scene.desktop.wanted);
	transfers_fini(&scene.transfers);
	exchange_fini(&scene.exchange);
	read_agent();
	agent_reader_reset(&scene.reader);
	close_fd(&scene.agent);
	for (unsigned i = 0; i < CLIENTS; i++)
		close_fd(&scene.client[i]);
	loop_fini(&scene.loop);
}
