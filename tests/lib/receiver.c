/* SPDX-License-Identifier: MIT */
/* What all receivers have in common. */
#include "receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct receiver *receiver_new(const struct receiver_ops *ops, const char *guest)
{
	struct receiver *receiver = calloc(1, ops->size);

	assert_non_null(receiver);
	receiver->ops = ops;
	snprintf(receiver->guest, sizeof(receiver->guest), "%s", guest);
	return receiver;
}

void receiver_up(struct receiver *receiver)
{
	receiver->ops->up(receiver);
	receiver->is_up = true;
}

void receiver_down(struct receiver *receiver)
{
	receiver->is_up = false;
	receiver->ops->down(receiver);
}

void receiver_free(struct receiver *receiver)
{
	if (!receiver)
		return;
	if (receiver->is_up)
		receiver_down(receiver);
	if (receiver->ops->fini)
		receiver->ops->fini(receiver);
	free(receiver);
}

void receiver_settings(struct receiver *receiver, char *text, size_t size)
{
	int used = 0;

	text[0] = '\0';
	if (receiver->ops->via)
		used = snprintf(text, size, "via = %s\n", receiver->ops->via);
	if (receiver->ops->settings)
		receiver->ops->settings(receiver, text + used, size - (size_t)used);
}
