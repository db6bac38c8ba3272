/* SPDX-License-Identifier: MIT */
/*
 * The daemon's side of the keeper's protocol: the input is a keeper that sends messages with descriptors,
 * honest or not, hangs up and lets time pass, while the daemon takes nodes, passes others, and retires it.
 * No node is a real device, so none is accepted. Does not start a keeper: there is no launcher.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/peer-fd.h"
#include "base/util.h"
#include "fuzz-keeper.h"
#include "fuzz-loop.h"
#include "keeper/keeper-client.h"
#include "launch/launch.h"

static struct scene {
	struct loop loop;
	struct keeper_client client;
	struct fuzz_fds fds;
	int listener, keeper; /* the keeper's end; -1: none */
} scene;

static void attached(struct keeper_client *client)
{
	for (unsigned i = 0; i < SHAPE_NODES; i++) {
		int fd = keeper_client_take_node(client, i);

		peer_fd_close(&fd);
	}
	FUZZ_CHECK(!client->why[0], "%s", client->why);
}

static void changed(struct keeper_client *client)
{
	const struct keeper_state *state = &client->state;

	FUZZ_CHECK(client->attached && state->vm < RUN_STATES, "state %u", state->vm);
	FUZZ_CHECK(fuzz_is_printable(state->why, strlen(state->why)), "%s", state->why);
}

static void lost(struct keeper_client *client)
{
	FUZZ_CHECK(!client->attached && client->fd < 0, "%d", client->fd);
}

static const struct keeper_client_ops ops = { attached, changed, lost };

static void act(struct fuzz *fuzz)
{
	const struct keeper_identity identity = { .via = "qmp" };
	struct uinput uinput = { .fd = scene.fds.fd[FUZZ_IN] };
	uint8_t what = fuzz_u8(fuzz);

	fuzz_settle(&scene.loop);
	if (scene.keeper < 0)
		scene.keeper = accept4(scene.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	switch (what % 16) {
	case 0:
		close_fd(&scene.keeper);
		break;
	case 1:
		fuzz_pass(&scene.loop, 100u * fuzz_u8(fuzz));
		break;
	case 2:
		keeper_client_drive(&scene.client, &identity, "vm", scene.fds.fd[FUZZ_RING],
				    scene.fds.fd[FUZZ_BELL]);
		break;
	case 3:
		keeper_client_keep_node(&scene.client, &identity, what >> 4 & 1, &uinput, -1);
		break;
	case 4:
		keeper_client_retire(&scene.client);
		break;
	case 5:
	case 6:
		fuzz_keeper_say(scene.keeper, KEEPER_HELLO, &scene.fds, fuzz);
		break;
	case 7:
	case 8:
	case 9:
		fuzz_keeper_say(scene.keeper, KEEPER_STATE, &scene.fds, fuzz);
		break;
	case 10:
		fuzz_keeper_hear(scene.keeper);
		break;
	default:
		fuzz_keeper_say(scene.keeper, 0, &scene.fds, fuzz);
	}
}

void fuzz_one(struct fuzz *fuzz)
{
	static struct launcher launcher = LAUNCHER_INIT;
	char path[USOCK_PATH_MAX];

	loop_init(&scene.loop);
	scene.loop.launcher = &launcher;
	scene.keeper = -1;
	FUZZ_CHECK(keeper_path("g", path) == 0, "path");
	scene.listener = usock_listen(path, SOCK_SEQPACKET, 0600);
	FUZZ_CHECK(scene.listener >= 0, "%s", path);
	fuzz_fds_open(&scene.fds);
	FUZZ_CHECK(keeper_client_open(&scene.client, &scene.loop, "g", &ops) == 0, "open");
	while (fuzz->left)
		act(fuzz);
	fuzz_settle(&scene.loop);
	close_fd(&scene.keeper);
	keeper_client_close(&scene.client);
	close_fd(&scene.listener);
	unlink(path);
	fuzz_fds_close(&scene.fds);
	loop_fini(&scene.loop);
}
