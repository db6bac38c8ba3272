/* SPDX-License-Identifier: MIT */
/* Decides who is offered what, and passes data on. */
#include "clipboard/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "clipboard/convert.h"

static struct exchange *of_agent(struct agent *agent)
{
	return container_of(agent, struct exchange, agent);
}

static struct exchange *of_client(struct desktop_client *client)
{
	return container_of(client, struct exchange, client);
}

static void drop_late(struct exchange *exchange)
{
	for (unsigned type = 0; type < CLIP_TYPES; type++) {
		free(exchange->late[type].data);
		exchange->late[type] = (struct exchange_late){ NULL, 0 };
	}
}

/* --- what is offered ----------------------------------------------------------------------- */

/*
 * Tells the guest what it may have of the host's. 'again': also if these are the types that it was told
 * of, since the data is another. What was copied in the guest later stays there.
 */
static void offer_to_guest(struct exchange *exchange, bool again)
{
	unsigned types = exchange->open && exchange->rules.to_guest && exchange->host_is_newest
				 ? exchange->host_types
				 : 0;

	if (exchange->agent.state != AGENT_READY ||
	    (types == exchange->offered && !(again && types)))
		return;
	exchange->offered = types;
	agent_grab(&exchange->agent, types);
}

static void offer_to_host(struct exchange *exchange, unsigned types)
{
	int rc;

	if (types == 0 && exchange->guest_types == 0)
		return;
	exchange->guest_types = 0;
	exchange->png_is_wanted = false;
	picture_stop(&exchange->picture);
	rc = desktop_offer(exchange->desktop,
			   types | ((types & 1u << CLIP_BMP) ? 1u << CLIP_PNG : 0));
	if (rc < 0) {
		log_limited(&exchange->agent.limit, LOG_LEVEL_WARN,
			    "cannot offer on the desktop what the guest has: %s", strerror(-rc));
		return;
	}
	exchange->guest_types = types;
	exchange->host_types = 0;
	drop_late(exchange);
}

static void set_open(struct exchange *exchange, bool open)
{
	timer_arm(&exchange->grace, 0, 0);
	exchange->open = open;
	offer_to_guest(exchange, false);
}

static void grace_ended(struct timer *timer)
{
	set_open(container_of(timer, struct exchange, grace), false);
}

void exchange_set_rules(struct exchange *exchange, const struct exchange_rules *rules)
{
	bool was_open = exchange->rules.open;

	exchange->rules = *rules;
	if (!rules->from_guest)
		offer_to_host(exchange, 0);
	if (rules->open)
		set_open(exchange, true);
	else if (was_open)
		timer_arm(&exchange->grace, EXCHANGE_GRACE_MS, 0);
	offer_to_guest(exchange, false);
}

/* --- the guest ----------------------------------------------------------------------------- */

/* Another agent, or none: nothing is copied in the guest. */
static void agent_changed(struct agent *agent)
{
	struct exchange *exchange = of_agent(agent);

	exchange->offered = 0;
	if (!exchange->host_is_newest)
		exchange->host_is_newest = exchange->host_types != 0;
	offer_to_host(exchange, 0);
	offer_to_guest(exchange, false);
}

static void guest_copied(struct agent *agent, unsigned types)
{
	struct exchange *exchange = of_agent(agent);

	exchange->offered = 0;
	exchange->host_is_newest = false;
	if (exchange->open && exchange->rules.from_guest)
		offer_to_host(exchange, types);
	else
		offer_to_host(exchange, 0);
}

static void guest_released(struct agent *agent)
{
	offer_to_host(of_agent(agent), 0);
}

/* A program in the guest pastes what was copied on the host. */
static void guest_pastes(struct agent *agent, enum clip_type type)
{
	struct exchange *exchange = of_agent(agent);
	const struct exchange_late *late = &exchange->late[type];

	if (!(exchange->offered & 1u << type))
		agent_give(agent, type, NULL, 0);
	else if (late->data)
		agent_give(agent, type, late->data, late->size);
	else if (exchange->fetching & 1u << type)
		return;
	else if (desktop_fetch(exchange->desktop, type) == 0)
		exchange->fetching |= 1u << type;
	else
		agent_give(agent, type, NULL, 0);
}

static void picture_made(struct picture *picture, const void *png, size_t size)
{
	struct exchange *exchange = container_of(picture, struct exchange, picture);

	desktop_give(exchange->desktop, CLIP_PNG, png, size);
}

/* The guest has sent the BMP of which the host wants PNG. */
static void make_png(struct exchange *exchange, const void *bmp, size_t size)
{
	exchange->png_is_wanted = false;
	if (!bmp || picture_start(&exchange->picture, exchange->loop, bmp, size, picture_made) < 0)
		desktop_give(exchange->desktop, CLIP_PNG, NULL, 0);
}

/* What a program on the host pastes. */
static void guest_sent(struct agent *agent, enum clip_type type, const void *data, size_t size)
{
	struct exchange *exchange = of_agent(agent);
	autofree char *text = NULL;

	if (type == CLIP_TEXT && data && agent->crlf) {
		text = convert_to_lf(data, &size);
		data = text;
	}
	desktop_give(exchange->desktop, type, data, size);
	if (type == CLIP_BMP && exchange->png_is_wanted)
		make_png(exchange, data, size);
}

static const struct agent_ops agent_ops = { .changed = agent_changed,
					    .grabbed = guest_copied,
					    .released = guest_released,
					    .requested = guest_pastes,
					    .received = guest_sent };

int exchange_connect(struct exchange *exchange, int fd)
{
	int rc = agent_connect(&exchange->agent, fd);

	agent_changed(&exchange->agent);
	return rc;
}

void exchange_disconnect(struct exchange *exchange)
{
	agent_disconnect(&exchange->agent);
	agent_changed(&exchange->agent);
}

/* --- the host ------------------------------------------------------------------------------ */

static void host_copied(struct desktop_client *client, unsigned types)
{
	struct exchange *exchange = of_client(client);

	drop_late(exchange);
	picture_stop(&exchange->picture);
	exchange->png_is_wanted = false;
	exchange->guest_types = 0;
	exchange->host_types = types;
	exchange->host_is_newest = true;
	offer_to_guest(exchange, true);
}

static void keep_late(struct exchange_late *late, const void *data, size_t size)
{
	late->data = malloc(size + 1);
	late->size = size;
	if (late->data)
		memcpy(late->data, data, size);
}

/* What a program in the guest pastes. If it waits no more, it may try again, and has it at once. */
static void host_sent(struct desktop_client *client, enum clip_type type, const void *data,
		      size_t size)
{
	struct exchange *exchange = of_client(client);
	autofree char *text = NULL;
	bool is_late = true;

	exchange->fetching &= ~(1u << type);
	if (type == CLIP_TEXT && data && exchange->agent.crlf) {
		text = convert_to_crlf(data, &size);
		data = text;
	}
	if (!(exchange->offered & 1u << type))
		data = NULL;
	while (agent_give(&exchange->agent, type, data, size))
		is_late = false;
	if (is_late && data && !exchange->late[type].data)
		keep_late(&exchange->late[type], data, size);
}

/* A program on the host pastes what was copied in the guest. */
static void host_pastes(struct desktop_client *client, enum clip_type type)
{
	struct exchange *exchange = of_client(client);
	bool offered = exchange->guest_types & 1u << type;
	bool converts = !offered && type == CLIP_PNG && exchange->guest_types & 1u << CLIP_BMP;
	int rc = -ENOENT;

	if (offered || converts)
		rc = agent_request(&exchange->agent, converts ? CLIP_BMP : type);
	if (rc < 0 && rc != -EBUSY)
		desktop_give(exchange->desktop, type, NULL, 0);
	else
		exchange->png_is_wanted |= converts;
}

static void desktop_gone(struct desktop_client *client)
{
	of_client(client)->ended = true;
}

static const struct desktop_ops desktop_ops = {
	.copied = host_copied, .fetched = host_sent, .wanted = host_pastes, .closed = desktop_gone
};

int exchange_init(struct exchange *exchange, struct loop *loop, const char *guest)
{
	int rc;

	*exchange = (struct exchange){ .loop = loop, .client.ops = &desktop_ops };
	rc = agent_init(&exchange->agent, loop, guest, &agent_ops);
	if (rc == 0)
		rc = timer_init(&exchange->grace, loop, grace_ended);
	if (rc < 0)
		return rc;
	exchange->desktop = desktop_open(loop, &exchange->client, &rc);
	return exchange->desktop ? 0 : rc;
}

void exchange_fini(struct exchange *exchange)
{
	picture_stop(&exchange->picture);
	desktop_close(exchange->desktop);
	drop_late(exchange);
	agent_fini(&exchange->agent);
	timer_fini(&exchange->grace);
}
