/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: turns INI text into an immutable struct conf, or reports all errors in it
 * at once. The format is that of evswitch.conf(5). The caller owns a struct conf, which owns
 * everything it points to except channels; release it with conf_free. Does not access devices.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/keys.h"
#include "core/keyset.h"
#include "core/remap.h"

#define CONF_NAME_MAX 32 /* bytes in a device's or guest's name: [A-Za-z0-9._-]{1,32} */
/* Characters of such a name; those of a libvirt domain in the configuration, which has no - first. */
#define CONF_NAME_CHARS   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define CONF_DOMAIN_CHARS CONF_NAME_CHARS "+:@"
#define CONF_DEVICES_MAX  32           /* [device] sections */
#define CONF_GUESTS_MAX   15           /* [guest] sections; 16 targets with the host */
#define CONF_FILE_MAX     (256 * 1024) /* bytes in the file */
#define CONF_LINE_MAX     1000         /* bytes in a line */
#define CONF_SOCKET_MAX   107          /* bytes in a socket's path, see unix(7) */
#define CONF_ERRORS_MAX   20           /* errors reported individually */

/* Bytes in the path of the socket directory, so that a guest's longest socket still fits. */
#define CONF_SOCKET_DIR_MAX                                                                        \
	(CONF_SOCKET_MAX - 1 - CONF_NAME_MAX - (int)sizeof("-clipboard.sock") + 1)

/* Devices that a hotkey can move without the others: hotkey-keyboard, hotkey-pointer. */
enum conf_part { CONF_KEYBOARDS, CONF_POINTERS, CONF_PARTS };

/* As a device's target: not given, so switches move it. */
#define CONF_FREE (CONF_GUESTS_MAX + 1)

enum conf_os { CONF_OS_OTHER, CONF_OS_LINUX, CONF_OS_WINDOWS };

/* When the host's clipboard is offered to the guest. Not given means focus. */
enum conf_clipboard {
	CONF_CLIPBOARD_UNSET,
	CONF_CLIPBOARD_NO,
	CONF_CLIPBOARD_FOCUS,
	CONF_CLIPBOARD_ALWAYS
};

enum conf_clipboard_direction {
	CONF_CLIPBOARD_BOTH,
	CONF_CLIPBOARD_TO_GUEST,
	CONF_CLIPBOARD_FROM_GUEST
};

/*
 * [device NAME]. At least one of path, match_name, has_id, phys and uniq is given; NULL = not
 * given.
 */
struct conf_device {
	char name[CONF_NAME_MAX + 1];
	unsigned line;
	char *path, *match_name, *phys, *uniq;
	bool has_id;
	uint16_t vendor, product;
	unsigned target; /* 0: the host; 1 + index into guests; CONF_FREE */
	struct remap remap;
};

/* True if no property is given, so the section cannot match a node. */
static inline bool conf_device_is_blank(const struct conf_device *device)
{
	return !device->path && !device->match_name && !device->phys && !device->uniq &&
	       !device->has_id;
}

/* The part of a channel (guest/channel.h) that the configuration needs: a value of "via =". */
struct conf_channel {
	const char *name;
	bool by_default; /* used without "via ="; if no channel sets this, the first is */
	bool needs_qmp;  /* sends input through the monitor, so "qmp =" is required */
};

/*
 * [guest NAME]. 'via' is one of the channels passed to conf_parse. At most one of libvirt and qmp
 * is given; qmp is, if the channel needs it.
 */
struct conf_guest {
	char name[CONF_NAME_MAX + 1];
	unsigned line;
	const struct conf_channel *via;
	enum conf_os os;
	struct chord hotkey, hotkey_part[CONF_PARTS];
	bool locks_follow; /* 'locks = follow' */
	enum conf_clipboard clipboard;
	enum conf_clipboard_direction clipboard_direction;
	char *libvirt; /* the domain's name or UUID, not special in shell or XML; NULL = none */
	char *qmp;     /* absolute path of QEMU's monitor socket; NULL = none */
	/* Shell commands; NULL = none. run_while is 'while'. */
	char *on_enter, *on_leave, *on_lost, *run_while;
};

/* True if the file asks for a clipboard: then its absence is worth a word. */
static inline bool conf_guest_asks_clipboard(const struct conf_guest *guest)
{
	return guest->clipboard != CONF_CLIPBOARD_UNSET && guest->clipboard != CONF_CLIPBOARD_NO;
}

struct conf {
	const struct conf_channel *const *channels; /* that it was parsed with */
	char *text; /* that conf_load read, 'size' bytes; NULL from conf_parse */
	size_t size;
	int64_t modified_ns; /* of the file, when conf_load read it: st_mtim since the Epoch */
	struct chord toggle; /* default leftctrl+rightctrl */
	struct chord panic;  /* default backspace+esc+enter */
	unsigned start;      /* 0: the host; else 1 + index into guests */
	char *socket_dir;    /* absolute; NULL = usock_dir */
	char *on_refused;    /* shell command; NULL = none */
	struct chord host_hotkey, host_hotkey_part[CONF_PARTS];
	struct keyset always; /* codes after the remap */
	unsigned n_devices, n_guests;
	struct conf_device devices[CONF_DEVICES_MAX]; /* file order */
	struct conf_guest guests[CONF_GUESTS_MAX];    /* file order */
};

/*
 * Receives each error as one line without a newline: "FILE:LINE: problem; remedy", in the order of
 * lines. If there are more than CONF_ERRORS_MAX, the last message only counts the rest.
 */
typedef void (*conf_error_fn)(void *ctx, const char *message);

/*
 * Parses 'text' of 'size' bytes; 'file' is its name in messages. 'channels' lists the values for
 * "via =", terminated by NULL, and must outlive the result. 0 and *out; -EINVAL after passing all
 * errors to 'error'; or -ENOMEM.
 */
int conf_parse(const char *file, const char *text, size_t size,
	       const struct conf_channel *const *channels, conf_error_fn error, void *ctx,
	       struct conf **out);

/*
 * The same for a file. Also -EISDIR or -ENOTSUP for anything but a regular file (never blocks on a
 * FIFO); -EFBIG above CONF_FILE_MAX; or -errno of open() or read(). These are passed to 'error' as
 * "FILE: why".
 */
int conf_load(const char *file, const struct conf_channel *const *channels, conf_error_fn error,
	      void *ctx, struct conf **out);

void conf_free(struct conf *conf);

/*
 * True if a guest of one configuration and a guest of another have the same devices and the same
 * VM: channel, system, domain, monitor and sockets. Their names, hotkeys, commands and clipboards may
 * differ.
 */
bool conf_same_guest(const struct conf *a, const struct conf_guest *a_guest, const struct conf *b,
		     const struct conf_guest *b_guest);
/* True if both sections match the same nodes. */
bool conf_same_match(const struct conf_device *a, const struct conf_device *b);

/* The channel of that name, or NULL. 'channels' is terminated by NULL. */
const struct conf_channel *conf_find_channel(const struct conf_channel *const *channels,
					     const char *name);

/* The section [device NAME] of that name, or NULL. */
const struct conf_device *conf_find_device(const struct conf *conf, const char *name);
/* The guest of that name, or NULL. */
const struct conf_guest *conf_find_guest(const struct conf *conf, const char *name);

#define CONF_SYSTEM_FILE "/etc/evswitch/evswitch.conf"

/*
 * Stores the default path of the configuration: $XDG_CONFIG_HOME/evswitch/evswitch.conf
 * (XDG_CONFIG_HOME defaults to $HOME/.config) if it exists, else CONF_SYSTEM_FILE.
 */
void conf_default_path(char *buf, size_t size);

/* Stores the first of these paths. Returns its length, which may exceed 'size'; -1: there is no $HOME. */
int conf_user_path(char *buf, size_t size);
