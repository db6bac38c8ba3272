/* SPDX-License-Identifier: MIT */
/* The path of a keeper's socket, and validation of messages. */
#include "keeper/keeper-message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int keeper_path(const char *guest, char path[static USOCK_PATH_MAX])
{
	char dir[USOCK_PATH_MAX];
	int rc = usock_dir(dir);

	if (rc == 0 && snprintf(path, USOCK_PATH_MAX, "%s/%s.keeper", dir, guest) >= USOCK_PATH_MAX)
		rc = -ENAMETOOLONG;
	return rc;
}

static bool string_ok(const char *string, size_t size)
{
	return memchr(string, '\0', size) != NULL;
}

/* Compares bytes: reading a bool that is neither 0 nor 1 is undefined behaviour. */
static bool bool_ok(const bool *value)
{
	return *(const uint8_t *)value <= 1;
}

static bool rules_ok(const struct shape_rules *rules)
{
	return bool_ok(&rules->one_of_pair) && bool_ok(&rules->wheel_clicks) &&
	       bool_ok(&rules->no_hires_wheel) && rules->step_max >= 0;
}

static bool identity_ok(const struct keeper_identity *identity)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";

	return string_ok(identity->via, sizeof(identity->via)) &&
	       identity->via[strspn(identity->via, letters)] == '\0' &&
	       string_ok(identity->socket_path, sizeof(identity->socket_path)) &&
	       (identity->socket_path[0] == '\0' || identity->socket_path[0] == '/') &&
	       rules_ok(&identity->rules);
}

/* The daemon opens this path, so only evdev nodes are accepted, and "" if it is unknown. */
static bool devnode_ok(const char devnode[static UINPUT_DEVNODE_MAX])
{
	static const char prefix[] = "/dev/input/event";
	const char *number = devnode + strlen(prefix);

	if (devnode[0] == '\0')
		return true;
	return string_ok(devnode, UINPUT_DEVNODE_MAX) &&
	       strncmp(devnode, prefix, strlen(prefix)) == 0 && *number != '\0' &&
	       number[strspn(number, "0123456789")] == '\0';
}

static bool hello_ok(const struct keeper_hello *hello)
{
	bool ok = identity_ok(&hello->identity) && bool_ok(&hello->in_use) &&
		  hello->nodes < 1U << SHAPE_NODES && (hello->guards & ~hello->nodes) == 0 &&
		  (hello->nodes == 0 || hello->identity.via[0] != '\0');

	for (unsigned i = 0; i < SHAPE_NODES; i++)
		ok = ok && devnode_ok(hello->devnode[i]);
	return ok;
}

static bool node_ok(const struct keeper_node *node)
{
	return identity_ok(&node->identity) && node->identity.via[0] != '\0' &&
	       node->which < SHAPE_NODES && devnode_ok(node->devnode);
}

static bool state_ok(const struct keeper_state *state)
{
	return bool_ok(&state->up) && bool_ok(&state->in_use) && bool_ok(&state->other_domain) &&
	       bool_ok(&state->leds_known) && state->vm < RUN_STATES &&
	       string_ok(state->why, sizeof(state->why));
}

static bool content_ok(const struct keeper_message *message)
{
	switch (message->type) {
	case KEEPER_HELLO:
		return hello_ok(&message->hello);
	case KEEPER_STATE:
		return state_ok(&message->state);
	case KEEPER_NODE:
		return node_ok(&message->node);
	case KEEPER_OPEN:
		return identity_ok(&message->open.identity) &&
		       message->open.identity.via[0] != '\0' &&
		       string_ok(message->open.domain, sizeof(message->open.domain));
	default:
		return message->type > 0 && message->type <= KEEPER_BYE;
	}
}

enum keeper_fit keeper_check(const struct keeper_message *message, size_t size)
{
	if (size < offsetof(struct keeper_message, type) || message->magic != KEEPER_MAGIC)
		return KEEPER_NONSENSE;
	if (message->version != KEEPER_VERSION || message->size != sizeof(*message))
		return KEEPER_OTHER_VERSION;
	if (size != sizeof(*message) || !content_ok(message))
		return KEEPER_NONSENSE;
	return KEEPER_FITS;
}

bool keeper_check_fds(const struct keeper_message *message, unsigned n_fds)
{
	switch (message->type) {
	case KEEPER_HELLO:
		return n_fds == (unsigned)__builtin_popcount(message->hello.nodes) +
					(unsigned)__builtin_popcount(message->hello.guards);
	case KEEPER_NODE:
		return n_fds == 1 || n_fds == 2;
	case KEEPER_OPEN:
		return n_fds == 2;
	default:
		return n_fds == 0;
	}
}

bool keeper_same(const struct keeper_identity *a, const struct keeper_identity *b)
{
	return strcmp(a->via, b->via) == 0 && strcmp(a->socket_path, b->socket_path) == 0 &&
	       a->rules.one_of_pair == b->rules.one_of_pair &&
	       a->rules.wheel_clicks == b->rules.wheel_clicks &&
	       a->rules.no_hires_wheel == b->rules.no_hires_wheel &&
	       a->rules.step_max == b->rules.step_max;
}
