/* Where a keeper is found, and whether a message is one. */
#include "keeper-message.h"

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

enum keeper_fit keeper_check(struct keeper_message *message, size_t size)
{
	if (size < offsetof(struct keeper_message, type) || message->magic != KEEPER_MAGIC)
		return KEEPER_NONSENSE;
	if (message->version != KEEPER_VERSION || message->size != sizeof(*message))
		return KEEPER_OTHER_VERSION;
	if (size != sizeof(*message))
		return KEEPER_NONSENSE;
	switch (message->type) {
	case KEEPER_HELLO:
		message->hello.identity.via[KEEPER_VIA_MAX - 1] = '\0';
		message->hello.identity.place[USOCK_PATH_MAX - 1] = '\0';
		for (unsigned i = 0; i < SHAPE_NODES; i++)
			message->hello.devnode[i][UINPUT_DEVNODE_MAX - 1] = '\0';
		return KEEPER_FITS;
	case KEEPER_NODE:
		message->node.identity.via[KEEPER_VIA_MAX - 1] = '\0';
		message->node.identity.place[USOCK_PATH_MAX - 1] = '\0';
		message->node.devnode[UINPUT_DEVNODE_MAX - 1] = '\0';
		return message->node.which < SHAPE_NODES ? KEEPER_FITS : KEEPER_NONSENSE;
	case KEEPER_OPEN:
		message->open.via[KEEPER_VIA_MAX - 1] = '\0';
		message->open.place[USOCK_PATH_MAX - 1] = '\0';
		return KEEPER_FITS;
	case KEEPER_STATE:
		message->state.why[KEEPER_WHY_MAX - 1] = '\0';
		return KEEPER_FITS;
	default:
		return message->type <= KEEPER_BYE && message->type > 0 ? KEEPER_FITS
									: KEEPER_NONSENSE;
	}
}

bool keeper_same(const struct keeper_identity *a, const struct keeper_identity *b)
{
	return strcmp(a->via, b->via) == 0 && strcmp(a->place, b->place) == 0 &&
	       a->rules.one_of_pair == b->rules.one_of_pair &&
	       a->rules.wheel_clicks == b->rules.wheel_clicks &&
	       a->rules.no_hires_wheel == b->rules.no_hires_wheel &&
	       a->rules.step_max == b->rules.step_max;
}
