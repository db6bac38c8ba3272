/* SPDX-License-Identifier: MIT */
/*
 * Steps over QEMU's monitor. Devices have the ids of guest_id, whether they were added here or with
 * the command line that evswitch printed.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "qemu/attach-steps.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "qemu/qmp.h"
#include "base/util.h"

#define PERIPHERAL "/machine/peripheral" /* QEMU's QOM path of devices with an id */

/* --- JSON ---------------------------------------------------------------------------------- */

static void add_text(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text));
}

static struct json_object *object_with(const char *key, const char *text)
{
	struct json_object *object = json_object_new_object();

	add_text(object, key, text);
	return object;
}

/* --- commands ------------------------------------------------------------------------------ */

static int command(struct attach *attach, const char *execute, struct json_object *arguments,
		   qmp_reply_fn reply)
{
	struct qmp *qmp = vm_qmp(attach->vm);
	int rc;

	if (!qmp) {
		json_object_put(arguments);
		return -ENOTCONN;
	}
	rc = qmp_command(qmp, execute, arguments, reply, attach);
	attach->awaits_reply = rc == 0;
	return rc;
}

/* False if the step that sent the command was abandoned. */
static bool is_expected(struct attach *attach)
{
	if (attach->stale > 0) {
		attach->stale--;
		return false;
	}
	attach->awaits_reply = false;
	return true;
}

/* Fails with QEMU's message, after a remedy if one is known. */
static void fail(struct attach *attach, const char *error)
{
	static const char no_hotplug[] = "does not support hotplugging";
	char words[ATTACH_WORDS_SIZE];

	text_print(words, sizeof(words), "%sQEMU: %s",
		   strstr(error, no_hotplug)
			   ? "add the output of evswitch --qemu-args to QEMU's command line "
			     "and restart it; "
			   : "",
		   error);
	attach_step_failed(attach, -EIO, words);
}

/* --- room for three PCI devices ------------------------------------------------------------ */

static void machine_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct attach *attach = ctx;

	(void)qmp;
	(void)error;
	if (!is_expected(attach))
		return;
	/* Its only PCI bus supports hotplug; on q35 only root ports do. */
	attach->any_bus = strstr(json_text(result), "i440fx");
	attach_step_done(attach);
}

static int ask_machine(struct attach *attach)
{
	struct json_object *arguments = object_with("path", "/machine");

	add_text(arguments, "property", "type");
	return command(attach, "qom-get", arguments, machine_reply);
}

static void add_port(struct attach *attach, struct json_object *property)
{
	const char *type = json_text(json_member(property, "type"));
	const char *id = json_text(json_member(property, "name"));

	if (strcmp(type, "child<pcie-root-port>") != 0 && strcmp(type, "child<ioh3420>") != 0)
		return;
	if (attach->n_ports < ATTACH_PORTS_MAX && strlen(id) < ATTACH_PORT_SIZE)
		snprintf(attach->ports[attach->n_ports++], ATTACH_PORT_SIZE, "%s", id);
}

static void ports_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct attach *attach = ctx;

	(void)qmp;
	(void)error;
	if (!is_expected(attach))
		return;
	attach->n_ports = attach->port = attach->n_free = 0;
	for (size_t i = 0; i < json_length(result); i++)
		add_port(attach, json_element(result, i));
	attach_step_done(attach);
}

static int ask_ports(struct attach *attach)
{
	return command(attach, "qom-list", object_with("path", PERIPHERAL), ports_reply);
}

static int look_at_port(struct attach *attach);

/* A port has one bus, with the port's id; a device on it appears as "child[N]". */
static void port_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct attach *attach = ctx;
	bool is_free = json_length(result) > 0;
	int rc;

	(void)qmp;
	(void)error;
	if (!is_expected(attach))
		return;
	for (size_t i = 0; is_free && i < json_length(result); i++) {
		const char *name = json_text(json_member(json_element(result, i), "name"));

		is_free = strncmp(name, "child[", strlen("child[")) != 0;
	}
	if (is_free)
		attach->free[attach->n_free++] = attach->port;
	attach->port++;
	rc = look_at_port(attach);
	if (rc == -EAGAIN)
		attach_step_again(attach, ATTACH_AGAIN_MS);
	else if (rc)
		attach_step_failed(attach, rc, strerror(-rc));
}

static int ask_port(struct attach *attach, const char *id)
{
	char path[sizeof(PERIPHERAL) + 2 * ATTACH_PORT_SIZE];

	snprintf(path, sizeof(path), PERIPHERAL "/%s/%s", id, id);
	return command(attach, "qom-list", object_with("path", path), port_reply);
}

static int look_at_port(struct attach *attach)
{
	char words[ATTACH_WORDS_SIZE];

	if (attach->any_bus || attach->n_free == SHAPE_NODES) {
		attach_step_done(attach);
		return 0;
	}
	if (attach->port < attach->n_ports)
		return ask_port(attach, attach->ports[attach->port]);
	snprintf(words, sizeof(words),
		 "the machine has %u free PCIe ports and %d are needed: start QEMU with -device "
		 "pcie-root-port,id=evswitch1,chassis=101 -device "
		 "pcie-root-port,id=evswitch2,chassis=102 -device "
		 "pcie-root-port,id=evswitch3,chassis=103, or with the output of evswitch "
		 "--qemu-args",
		 attach->n_free, SHAPE_NODES);
	attach_step_failed(attach, -ENOSPC, words);
	return 0;
}

/* --- adding -------------------------------------------------------------------------------- */

/* Records that QEMU may have a part of the node from now on; undone if QEMU rejects the step. */
static unsigned *may_have(struct attach *attach)
{
	bool chardev = attach->plan[attach->step].op == ATTACH_CHARDEV_ADD;

	return chardev ? &attach->chardevs : &attach->added;
}

static void added_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct attach *attach = ctx;

	(void)qmp;
	(void)result;
	if (!is_expected(attach))
		return;
	if (error) {
		*may_have(attach) &= ~(1u << attach->plan[attach->step].node);
		fail(attach, error);
		return;
	}
	attach_step_done(attach);
}

static int add(struct attach *attach, const char *execute, struct json_object *arguments)
{
	int rc = command(attach, execute, arguments, added_reply);

	if (rc == 0)
		*may_have(attach) |= 1u << attach->plan[attach->step].node;
	return rc;
}

/* SocketAddress of qapi/sockets.json, in the ChardevBackend of qapi/char.json. */
static int add_chardev(struct attach *attach, const char *id, const char *path)
{
	struct json_object *arguments = object_with("id", id);
	struct json_object *backend = object_with("type", "socket");
	struct json_object *socket = json_object_new_object();
	struct json_object *address = object_with("type", "unix");

	json_object_object_add(address, "data", object_with("path", path));
	json_object_object_add(socket, "addr", address);
	json_object_object_add(socket, "server", json_object_new_boolean(false));
	json_object_object_add(backend, "data", socket);
	json_object_object_add(arguments, "backend", backend);
	return add(attach, "chardev-add", arguments);
}

/* The arguments that create the node's object or device. */
static struct json_object *describe(const struct attach *attach, const char *type_is,
				    enum shape_node node, const char *id, const char *path)
{
	const struct qemu_channel *channel = attach->channel;
	struct json_object *arguments = object_with(type_is, channel->type);

	add_text(arguments, "id", id);
	for (unsigned i = 0; i < QEMU_PROPERTIES_MAX && channel->properties[i].name; i++) {
		const struct qemu_property *property = &channel->properties[i];

		if (!(property->nodes & 1u << node))
			continue;
		if (property->value == QEMU_ON)
			json_object_object_add(arguments, property->name,
					       json_object_new_boolean(true));
		else
			add_text(arguments, property->name, property->value == QEMU_ID ? id : path);
	}
	return arguments;
}

static int add_device(struct attach *attach, enum shape_node node, const char *id, const char *path)
{
	struct json_object *arguments = describe(attach, "driver", node, id, path);

	if (!attach->any_bus)
		add_text(arguments, "bus", attach->ports[attach->free[node]]);
	return add(attach, "device_add", arguments);
}

static int add_object(struct attach *attach, enum shape_node node, const char *id, const char *path)
{
	return add(attach, "object-add", describe(attach, "qom-type", node, id, path));
}

/* --- removing ------------------------------------------------------------------------------ */

/* A device is gone at DEVICE_DELETED, which may arrive before the reply to device_del. */
static void removed_reply(struct qmp *qmp, struct json_object *result, const char *error, void *ctx)
{
	struct attach *attach = ctx;
	const struct attach_step *step = &attach->plan[attach->step];
	bool absent = error && strstr(error, "not found");
	bool on_its_way = error && strstr(error, "in the process of unplug");

	(void)qmp;
	(void)result;
	if (!is_expected(attach))
		return;
	if (error && !absent && !on_its_way) {
		fail(attach, error);
		return;
	}
	if (absent || step->op == ATTACH_OBJECT_DEL)
		attach->gone |= 1u << step->node;
	attach_step_done(attach);
}

static bool awaits_deletion(const struct attach *attach)
{
	return attach->doing && attach->step < attach->n_steps &&
	       attach->plan[attach->step].op == ATTACH_AWAIT_DELETED;
}

static bool all_deleted(const struct attach *attach)
{
	return attach->gone == (1u << SHAPE_NODES) - 1;
}

void attach_event(struct attach *attach, const char *name, struct json_object *data)
{
	bool deleted = strcmp(name, "DEVICE_DELETED") == 0;
	bool refused = strcmp(name, "DEVICE_UNPLUG_GUEST_ERROR") == 0;
	const char *device;

	if (!attach->doing || (!deleted && !refused))
		return;
	device = json_text(json_member(data, "device"));
	for (enum shape_node node = 0; node < SHAPE_NODES; node++) {
		char id[GUEST_ID_SIZE];

		guest_id(attach->guest, node, id);
		if (strcmp(device, id) != 0)
			continue;
		if (deleted)
			attach->gone |= 1u << node;
		if (deleted && awaits_deletion(attach) && all_deleted(attach))
			attach_step_done(attach);
		else if (refused && awaits_deletion(attach))
			attach_step_failed(attach, -EBUSY, "the guest refuses to release a device");
		return;
	}
}

int attach_qmp_start(struct attach *attach, const struct attach_step *step)
{
	char id[GUEST_ID_SIZE], path[GUEST_PATH_SIZE];

	guest_id(attach->guest, step->node, id);
	guest_path(attach->guest, attach->channel, step->node, attach->socket_dir, path);
	switch ((enum attach_op)step->op) {
	case ATTACH_MACHINE:
		return ask_machine(attach);
	case ATTACH_PORTS:
		return ask_ports(attach);
	case ATTACH_FREE_PORTS:
		return look_at_port(attach);
	case ATTACH_CHARDEV_ADD:
		return add_chardev(attach, id, path);
	case ATTACH_DEVICE_ADD:
		return add_device(attach, step->node, id, path);
	case ATTACH_OBJECT_ADD:
		return add_object(attach, step->node, id, path);
	case ATTACH_DEVICE_DEL:
		return command(attach, "device_del", object_with("id", id), removed_reply);
	case ATTACH_OBJECT_DEL:
		return command(attach, "object-del", object_with("id", id), removed_reply);
	case ATTACH_CHARDEV_REMOVE:
		return command(attach, "chardev-remove", object_with("id", id), removed_reply);
	case ATTACH_AWAIT_DELETED:
		if (all_deleted(attach))
			attach_step_done(attach);
		return 0;
	default:
		return -EINVAL;
	}
}
