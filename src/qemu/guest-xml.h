/* SPDX-License-Identifier: MIT */
/*
 * Prints what QEMU needs for a guest's channel and its clipboard, as libvirt XML or as arguments for
 * its command line. The text depends on the configuration alone: libvirt, QEMU and the kernel are not asked.
 */
#pragma once

#include <stdio.h>

#include "conf/conf.h"
#include "core/shape.h"
#include "qemu/qemu-channel.h"

/* The environment: what the configuration need not contain. */
struct guest_env {
	const char *socket_dir; /* directory of the sockets, at most CONF_SOCKET_DIR_MAX bytes */
	const char *user;       /* the user that runs evswitch */
};

/*
 * For "evswitch-GUEST-keyboard": the name of a node, of its link, and the id of the device in QEMU.
 */
#define GUEST_ID_SIZE (sizeof("evswitch--keyboard") + CONF_NAME_MAX)

void guest_id(const struct conf_guest *guest, enum shape_node node, char id[static GUEST_ID_SIZE]);

/* The path of the link to the node, or of its socket. */
#define GUEST_PATH_SIZE (CONF_SOCKET_MAX + 1)

void guest_path(const struct conf_guest *guest, const struct qemu_channel *channel,
		enum shape_node node, const char *socket_dir, char path[static GUEST_PATH_SIZE]);

/* Name of the virtio-serial port where the guest's agent for the clipboard talks. */
#define GUEST_CLIPBOARD_PORT "com.redhat.spice.0"

/* The path of the socket on which evswitch-clipboard listens for the guest's QEMU. */
void guest_clipboard_path(const struct conf_guest *guest, const char *socket_dir,
			  char path[static GUEST_PATH_SIZE]);

/*
 * Writes a <domain> with the elements to add to the guest's own, each at its position, and comments
 * on the channel's limits. The clipboard is among them if the file asks for it. Errors show in ferror(out).
 */
void guest_xml_domain(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		      const struct guest_env *env);

/*
 * Writes the libvirt element that opens the node, as virsh attach-device needs it. False, and
 * nothing is written, if libvirt has no element for the channel.
 */
bool guest_xml_element(FILE *out, const struct conf_guest *guest,
		       const struct qemu_channel *channel, enum shape_node node);

/* Writes libvirt's element of the clipboard's channel, on a line. */
void guest_xml_clipboard(FILE *out, const struct conf_guest *guest, const char *socket_dir);

/*
 * Writes QEMU's arguments, one option with its value per line, quoted for a shell where necessary.
 */
void guest_args(FILE *out, const struct conf_guest *guest, const struct qemu_channel *channel,
		const struct guest_env *env);
