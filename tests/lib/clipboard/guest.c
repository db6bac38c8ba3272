/* SPDX-License-Identifier: MIT */
/* Messages of an agent, in the test's own thread. */
#include "clipboard/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void guest_init(struct guest *guest, int fd, uint32_t caps)
{
	*guest = (struct guest){ .fd = fd, .caps = caps };
}

void guest_fini(struct guest *guest)
{
	agent_reader_reset(&guest->reader);
	close(guest->fd);
}

void guest_send(struct guest *guest, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size > 0) {
		struct pollfd ready = { .fd = guest->fd, .events = POLLOUT };
		ssize_t sent;

		assert_int_equal(poll(&ready, 1, GUEST_WAIT_MS), 1);
		sent = send(guest->fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
			return; /* the peer has had enough: what follows says whether it may */
		assert_true(sent > 0 || errno == EAGAIN);
		at += sent > 0 ? sent : 0;
		size -= sent > 0 ? (size_t)sent : 0;
	}
}

void guest_say(struct guest *guest, uint32_t type, const void *data, size_t size)
{
	struct {
		VDIChunkHeader chunk;
		VDAgentMessage message;
	} __attribute__((packed)) header = {
		.chunk = { .port = VDP_CLIENT_PORT,
			   .size = (uint32_t)(sizeof(VDAgentMessage) + size) },
		.message = { .protocol = VD_AGENT_PROTOCOL, .type = type, .size = (uint32_t)size },
	};

	guest_send(guest, &header, sizeof(header));
	guest_send(guest, data, size);
}

/* False: the peer has closed the connection. */
static bool receive(struct guest *guest)
{
	struct pollfd ready = { .fd = guest->fd, .events = POLLIN };
	ssize_t got;

	assert_int_equal(poll(&ready, 1, GUEST_WAIT_MS), 1);
	got = recv(guest->fd, guest->bytes, sizeof(guest->bytes), 0);
	guest->start = 0;
	guest->end = got > 0 ? (size_t)got : 0;
	return got > 0;
}

/* The next message; false: the end. */
static bool next(struct guest *guest)
{
	for (;;) {
		const uint8_t *at = guest->bytes + guest->start;
		size_t left = guest->end - guest->start;
		int rc = agent_reader_next(&guest->reader, &at, &left, &guest->last);

		assert_true(rc >= 0);
		guest->start = guest->end - left;
		if (rc > 0)
			return true;
		if (!receive(guest))
			return false;
	}
}

uint32_t guest_word(struct guest *guest)
{
	uint32_t word;

	assert_true(guest->last.size >= sizeof(word));
	memcpy(&word, guest->last.data, sizeof(word));
	guest->last.data += sizeof(word);
	guest->last.size -= (uint32_t)sizeof(word);
	return word;
}

/* Answers an announcement as agents do. */
static bool is_housekeeping(struct guest *guest)
{
	if (guest->last.type == VD_AGENT_MAX_CLIPBOARD)
		return true;
	if (guest->last.type != VD_AGENT_ANNOUNCE_CAPABILITIES)
		return false;
	if (guest_word(guest))
		guest_say_words(guest, VD_AGENT_ANNOUNCE_CAPABILITIES, 0, guest->caps);
	guest->peer_caps = guest_word(guest);
	return true;
}

void guest_expect(struct guest *guest, uint32_t type)
{
	do
		assert_true(next(guest));
	while (is_housekeeping(guest));
	assert_int_equal(guest->last.type, type);
}

void guest_expect_nothing(struct guest *guest)
{
	bool selects = guest->caps & guest->peer_caps & 1u << VD_AGENT_CAP_CLIPBOARD_SELECTION;

	if (selects)
		guest_say_words(guest, VD_AGENT_CLIPBOARD_REQUEST, 0, 0xffff);
	else
		guest_say_words(guest, VD_AGENT_CLIPBOARD_REQUEST, 0xffff);
	guest_expect(guest, VD_AGENT_CLIPBOARD);
	if (selects)
		guest_word(guest);
	assert_int_equal(guest_word(guest), VD_AGENT_CLIPBOARD_NONE);
}

void guest_expect_end(struct guest *guest)
{
	while (next(guest))
		;
}

void guest_announce(struct guest *guest)
{
	guest_say_words(guest, VD_AGENT_ANNOUNCE_CAPABILITIES, 1, guest->caps);
	do
		assert_true(next(guest));
	while (guest->last.type != VD_AGENT_ANNOUNCE_CAPABILITIES);
	assert_true(is_housekeeping(guest));
}
