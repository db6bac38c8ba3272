/*
 * What gives QEMU a guest's end of its channel: as libvirt's XML, or as words of QEMU's command
 * line. Text from the configuration alone: it asks neither libvirt nor QEMU nor the kernel.
 */
#pragma once

#include <stdio.h>

#include "conf/conf.h"
#include "core/shape.h"
#include "qemu/qemu-channel.h"

/* What the configuration does not say. */
struct guest_place {
	const char *socket_dir; /* where the sockets are, of at most CONF_SOCKET_DIR_MAX bytes */
	const char *user;       /* who runs evswitch */
};

/* Room for "evswitch-GUEST-keyboard": the name of a node, its link, and the id of what opens it. */
#define GUEST_ID_SIZE (sizeof("evswitch--keyboard") + CONF_NAME_MAX)

void guest_id(const struct conf_guest *guest, enum shape_node node, char id[static GUEST_ID_SIZE]);

/* The path of the link to the node, or of its socket. */
#define GUEST_PATH_SIZE (CONF_SOCKET_MAX + 1)

void guest_path(const struct conf_guest *guest, const struct qemu_channel *channel,
		enum shape_node node, const char *socket_dir, char path[static GUEST_PATH_SIZE]);

/*
 * Writes a <domain> that holds nothing but what is to be added to the guest's, each element in its
 * place, with comments that say what the channel cannot do. What goes wrong is in ferror(out).
 */
void guest_xml_domain(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		      const struct guest_place *place);

/*
 * Writes the one element of libvirt's that opens the node: what virsh attach-device takes. Nothing,
 * and false, for a channel that libvirt has no element for.
 */
bool guest_xml_element(FILE *out, const struct conf_guest *guest,
		       const struct qemu_channel *channel, enum shape_node node);

/*
 * Writes QEMU's arguments, an option and its value a line. A word that a shell would not take as it
 * is is quoted for it.
 */
void guest_args(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		const struct guest_place *place);
