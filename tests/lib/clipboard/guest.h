/* SPDX-License-Identifier: MIT */
/*
 * Plays the agent in a guest, by spice-1/spice/vd_agent.h: Windows' (capabilities of vdagent 0.8.0, CRLF, no
 * selections), spice-vdagent's, or one that lies. Fails the test after GUEST_WAIT_MS without what is
 * expected.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clipboard/agent-message.h"

#define GUEST_WAIT_MS 20000

#define GUEST_WINDOWS                                                                              \
	(1u << VD_AGENT_CAP_MOUSE_STATE | 1u << VD_AGENT_CAP_MONITORS_CONFIG |                     \
	 1u << VD_AGENT_CAP_REPLY | 1u << VD_AGENT_CAP_DISPLAY_CONFIG |                            \
	 1u << VD_AGENT_CAP_CLIPBOARD_BY_DEMAND | 1u << VD_AGENT_CAP_SPARSE_MONITORS_CONFIG |      \
	 1u << VD_AGENT_CAP_GUEST_LINEEND_CRLF | 1u << VD_AGENT_CAP_MAX_CLIPBOARD)
#define GUEST_LINUX                                                                                \
	(1u << VD_AGENT_CAP_CLIPBOARD_BY_DEMAND | 1u << VD_AGENT_CAP_CLIPBOARD_SELECTION |         \
	 1u << VD_AGENT_CAP_GUEST_LINEEND_LF | 1u << VD_AGENT_CAP_MAX_CLIPBOARD |                  \
	 1u << VD_AGENT_CAP_CLIPBOARD_NO_RELEASE_ON_REGRAB |                                       \
	 1u << VD_AGENT_CAP_CLIPBOARD_GRAB_SERIAL)

struct guest {
	int fd; /* owned */
	uint32_t caps, peer_caps;
	struct agent_reader reader;
	uint8_t bytes[65536]; /* received, and not read */
	size_t start, end;
	struct agent_message last; /* valid until the next message is expected */
};

/* With 'fd', a stream socket, which it takes over. */
void guest_init(struct guest *guest, int fd, uint32_t caps);
void guest_fini(struct guest *guest);

/* Bytes as they are. */
void guest_send(struct guest *guest, const void *bytes, size_t size);
/* A message, as one chunk. */
void guest_say(struct guest *guest, uint32_t type, const void *data, size_t size);
/* A message of 32-bit words. */
#define guest_say_words(guest, type, ...)                                                          \
	guest_say(guest, type, (const uint32_t[]){ __VA_ARGS__ },                                  \
		  sizeof((const uint32_t[]){ __VA_ARGS__ }))
/* The next message but one of these types, which may come at any time: announcements, limits. */
void guest_expect(struct guest *guest, uint32_t type);
/* Nothing comes but those, until the peer has answered a request of an unknown type. */
void guest_expect_nothing(struct guest *guest);
/* The peer closes the connection. */
void guest_expect_end(struct guest *guest);

/* The next 32-bit word of the last message. */
uint32_t guest_word(struct guest *guest);

/* Announces itself, and waits until the peer has done so and heard the answer. */
void guest_announce(struct guest *guest);
