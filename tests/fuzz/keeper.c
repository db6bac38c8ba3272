/* SPDX-License-Identifier: MIT */
/*
 * The keeper's side of its protocol: daemons that connect, send messages with descriptors, honest or not,
 * write into the ring of frames, and go. What the keeper says fits. Nodes are pipes, since no input creates
 * uinput devices. A front end may connect to a vhost-user endpoint, which drives the whole way of a frame
 * (vhost.c has all that it may say); at the other end of qmp is nobody (qinput.c).
 * Includes the keeper, whose turn waits: here the loop is fuzz-loop.h's.
 */
#include "keeper/keeper.c"

#include "fuzz-frontend.h"
#include "fuzz-keeper.h"
#include "fuzz-loop.h"
#include "guest/channel.h"

#define CLIENTS 3

static struct scene {
	struct keeper keeper;
	int client[CLIENTS];
	struct fuzz_fds fds;
	struct fuzz_frontend fe;
} scene;

static endpoint_new_fn find(const char *via)
{
	const struct channel *channel = channel_find(via);

	return channel ? channel->endpoint_new : NULL;
}

static void turn_once(struct keeper *keeper)
{
	if (keeper->ring.memory)
		keeper->frames_left = !take_frames(keeper);
	fuzz_settle(&keeper->loop);
}

static void push(struct fuzz *fuzz)
{
	const struct input_event now = { 0 };
	struct frame frame = { 0 };

	for (unsigned n = 1 + fuzz_below(fuzz, 8); n > 0; n--)
		frame_put(&frame, &now, 1 + fuzz_below(fuzz, 3), fuzz_u16(fuzz) & 0x3ff,
			  (int8_t)fuzz_u8(fuzz));
	frame_close(&frame, &now);
	evring_push(&scene.fds.ring, fuzz_below(fuzz, 3), fuzz_below(fuzz, 4), &frame);
}

/* QEMU and its guest, at the keyboard's socket. */
static void act_as_guest(struct fuzz *fuzz)
{
	char path[USOCK_PATH_MAX];
	uint8_t what = fuzz_u8(fuzz);
	uint32_t ring = what >> 3 & 1;

	switch (what % 8) {
	case 0:
		snprintf(path, sizeof(path), "%s/g-%s.sock", fuzz_dir(),
			 what & 8 ? "pointer" : "keyboard");
		fuzz_frontend_connect(&scene.fe, path);
		break;
	case 1:
	case 2:
		fuzz_frontend_start(&scene.fe, ring, UINT64_C(0x170000000));
		break;
	case 3:
		fuzz_frontend_stop(&scene.fe, ring);
		break;
	case 4:
	case 5:
		fuzz_guest_give(&scene.fe, ring, 1 + (what >> 4), what);
		break;
	case 6:
		fuzz_frontend_say(&scene.fe, fuzz);
		break;
	default:
		fuzz_frontend_hear(&scene.fe);
	}
}

static void act(struct fuzz *fuzz)
{
	struct keeper *keeper = &scene.keeper;
	uint8_t what = fuzz_u8(fuzz);
	int *client = &scene.client[(what >> 3) % CLIENTS];

	if (*client < 0) {
		*client = usock_connect(keeper->path, SOCK_SEQPACKET);
		fuzz_settle(&keeper->loop);
	}
	switch (what % 8) {
	case 0:
		close_fd(client);
		break;
	case 1:
		fuzz_pass(&keeper->loop, 500u * fuzz_below(fuzz, 40));
		break;
	case 2:
		push(fuzz);
		break;
	case 3:
		if (what & 64)
			evring_release(&scene.fds.ring);
		else
			act_as_guest(fuzz);
		break;
	case 4:
		fuzz_keeper_say(*client, KEEPER_OPEN, &scene.fds, fuzz);
		break;
	case 5:
		fuzz_keeper_say(*client, KEEPER_NODE, &scene.fds, fuzz);
		break;
	case 6:
		fuzz_keeper_say(*client, 0, &scene.fds, fuzz);
		break;
	default:
		fuzz_keeper_hear(*client);
	}
	if (what & 128)
		turn_once(keeper);
}

void fuzz_one(struct fuzz *fuzz)
{
	struct keeper *keeper = &scene.keeper;
	char path[USOCK_PATH_MAX];
	int listener;

	*keeper = (struct keeper){ .guest = "g",
				   .find_endpoint = find,
				   .loop.epoll_fd = -1,
				   .daemon_fd = -1,
				   .ring = EVRING_INIT };
	endpoint_nodes_init(&keeper->nodes);
	FUZZ_CHECK(keeper_path("g", path) == 0, "path");
	keeper->listener_fd = usock_listen(path, SOCK_SEQPACKET, 0600);
	FUZZ_CHECK(keeper->listener_fd >= 0 && start(keeper) == 0, "start");
	fuzz_fds_open(&scene.fds);
	listener = fuzz_frontend_open(&scene.fe, &keeper->loop, fuzz);
	close_fd(&listener);
	for (unsigned i = 0; i < CLIENTS; i++)
		scene.client[i] = -1;
	while (fuzz->left && !keeper->quit)
		act(fuzz);
	turn_once(keeper);
	for (unsigned i = 0; i < CLIENTS; i++) {
		fuzz_keeper_hear(scene.client[i]);
		close_fd(&scene.client[i]);
	}
	fuzz_frontend_close(&scene.fe);
	turn_once(keeper);
	FUZZ_CHECK(keeper->daemon_fd < 0, "a daemon stays");
	stop_keeping(keeper);
	stop(keeper);
	fuzz_fds_close(&scene.fds);
}
