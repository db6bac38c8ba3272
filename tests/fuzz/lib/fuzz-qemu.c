/* SPDX-License-Identifier: MIT */
/* Its messages are templates; the input fills them in. */
#include "fuzz-qemu.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/util.h"
#include "fuzz-loop.h"

void fuzz_qemu_open(struct fuzz_qemu *qemu)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int size = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "evswitch-fuzz-%d",
			    (int)getpid());
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);

	*qemu = (struct fuzz_qemu){ .peer = -1 };
	snprintf(qemu->path, sizeof(qemu->path), "@%s", addr.sun_path + 1);
	qemu->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	FUZZ_CHECK(bind(qemu->listener, (struct sockaddr *)&addr, length) == 0 &&
			   listen(qemu->listener, 4) == 0,
		   "%s", qemu->path);
}

static void hang_up(struct fuzz_qemu *qemu)
{
	close_fd(&qemu->peer);
	qemu->n_ids = 0;
}

void fuzz_qemu_close(struct fuzz_qemu *qemu)
{
	hang_up(qemu);
	close_fd(&qemu->listener);
}

/* Accepts, and notes the ids of the commands that came. */
static void hear(struct fuzz_qemu *qemu)
{
	static const char before[] = "\"id\":";
	char text[16384];
	ssize_t size;

	if (qemu->peer < 0)
		qemu->peer = accept4(qemu->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	size = recv(qemu->peer, text, sizeof(text) - 1, MSG_DONTWAIT);
	text[size > 0 ? size : 0] = '\0';
	for (const char *at = text; (at = strstr(at, before)); at++)
		if (qemu->n_ids < sizeof(qemu->ids))
			qemu->ids[qemu->n_ids++] = at[sizeof(before) - 1];
}

static char take_id(struct fuzz_qemu *qemu)
{
	char id = qemu->n_ids ? qemu->ids[0] : '0';

	if (qemu->n_ids)
		memmove(qemu->ids, qemu->ids + 1, --qemu->n_ids);
	return id;
}

static void say(struct fuzz_qemu *qemu, const char *text, size_t size)
{
	send(qemu->peer, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* The results that its commands may have, for what is to come thereafter. */
static void reply(struct fuzz_qemu *qemu, struct fuzz *fuzz)
{
	static const char *const results[] = {
		"{}",
		"{\"status\":\"running\",\"running\":true}",
		"{\"status\":\"paused\",\"running\":false}",
		"\"pc-i440fx-7.2-machine\"",
		"\"pc-q35-7.2-machine\"",
		"[{\"name\":\"p1\",\"type\":\"child<pcie-root-port>\"},"
		"{\"name\":\"p2\",\"type\":\"child<pcie-root-port>\"},"
		"{\"name\":\"p3\",\"type\":\"child<ioh3420>\"},"
		"{\"name\":\"d\",\"type\":\"child<virtio-input-host-pci>\"}]",
		"[{\"name\":\"child[0]\",\"type\":\"link\"}]",
		"[{\"name\":\"type\",\"type\":\"string\"}]",
	};
	unsigned which = fuzz_below(fuzz, 16);
	char own[512], text[1024];
	int size;

	if (which >= ARRAY_SIZE(results))
		fuzz_text(fuzz, own, sizeof(own));
	size = snprintf(text, sizeof(text), "{\"return\":%s,\"id\":%c}\n",
			which < ARRAY_SIZE(results) ? results[which] : own, take_id(qemu));
	say(qemu, text, (size_t)size);
}

static void event(struct fuzz_qemu *qemu, struct fuzz *fuzz)
{
	static const char *const names[] = {
		"STOP",
		"RESUME",
		"RESET",
		"GUEST_PANICKED",
		"SUSPEND",
		"WAKEUP",
		"SHUTDOWN",
		"GUEST_CRASHLOADED",
		"POWERDOWN",
		"DEVICE_DELETED",
		"DEVICE_UNPLUG_GUEST_ERROR",
	};
	static const char *const data[] = {
		"{\"action\":\"run\"}",
		"{\"device\":\"evswitch-g-keyboard\"}",
		"{\"device\":\"evswitch-g-media\"}",
		"{\"device\":\"evswitch-g-pointer\"}",
	};
	const char *name = names[fuzz_below(fuzz, ARRAY_SIZE(names))];
	unsigned which = fuzz_below(fuzz, ARRAY_SIZE(data) + 1);
	char own[512], text[1024];
	int size;

	if (which == ARRAY_SIZE(data))
		fuzz_text(fuzz, own, sizeof(own));
	size = snprintf(text, sizeof(text), "{\"event\":\"%s\",\"data\":%s}\n", name,
			which == ARRAY_SIZE(data) ? own : data[which]);
	say(qemu, text, (size_t)size);
}

static void error(struct fuzz_qemu *qemu, struct fuzz *fuzz)
{
	static const char *const descriptions[] = {
		"Device 'x' not found",
		"Device x is already in the process of unplug",
		"Bus 'pcie.0' does not support hotplugging",
	};
	unsigned which = fuzz_below(fuzz, ARRAY_SIZE(descriptions) + 1);
	char own[512], text[1024];
	int size;

	if (which == ARRAY_SIZE(descriptions))
		fuzz_text(fuzz, own, sizeof(own));
	size = snprintf(text, sizeof(text), "{\"id\":%c,\"error\":{\"desc\":\"%s\"}}",
			take_id(qemu),
			which == ARRAY_SIZE(descriptions) ? own : descriptions[which]);
	say(qemu, text, (size_t)size);
}

void fuzz_qemu_act(struct fuzz_qemu *qemu, struct loop *loop, unsigned what, struct fuzz *fuzz)
{
	static const char greeting[] =
		"{\"QMP\":{\"version\":{\"qemu\":{\"major\":7,\"minor\":2}}}}";
	size_t size;

	fuzz_settle(loop);
	hear(qemu);
	switch (what % 6) {
	case 0:
		say(qemu, greeting, sizeof(greeting) - 1);
		break;
	case 1:
		reply(qemu, fuzz);
		break;
	case 2:
		event(qemu, fuzz);
		break;
	case 3:
		error(qemu, fuzz);
		break;
	case 4:
		size = fuzz_u8(fuzz);
		say(qemu, (const char *)fuzz_take(fuzz, &size), size);
		break;
	default:
		hang_up(qemu);
	}
}
