/*
 * The configuration file: INI text -> one immutable struct conf, or every error in it at once. inih
 * splits lines; a reader in front of it refuses what inih would pass over in silence. Owns all that
 * it points to; conf_free ends it. Touches no device.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/keys.h"
#include "core/keyset.h"
#include "core/remap.h"

#define CONF_NAME_MAX    32 /* bytes in a device's or guest's name: [A-Za-z0-9._-]{1,32} */
#define CONF_DEVICES_MAX 32 /* [device] sections */
#define CONF_GUESTS_MAX  15 /* [guest] sections; with the host 16 targets */
#define CONF_FILE_MAX    (256 * 1024) /* bytes in the file */
#define CONF_LINE_MAX    1000         /* bytes in a line */
#define CONF_SOCKET_MAX  107          /* bytes in a socket's path: unix(7) */
#define CONF_ERRORS_MAX  20           /* errors reported one by one */

/* Bytes in the name of the directory of sockets: a guest's longest socket must fit behind it. */
#define CONF_SOCKET_DIR_MAX                                                                        \
	(CONF_SOCKET_MAX - 1 - CONF_NAME_MAX - (int)sizeof("-keyboard.sock") + 1)

enum conf_os { CONF_OS_OTHER, CONF_OS_LINUX, CONF_OS_WINDOWS };

/* [device NAME]: path, match_name, has_id, phys or uniq is given; NULL = not asked for. */
struct conf_device {
	char name[CONF_NAME_MAX + 1];
	unsigned line;
	char *path, *match_name, *phys, *uniq;
	bool has_id;
	uint16_t vendor, product;
	struct remap remap;
};

/* Whether it names no node at all, and so can match none. */
static inline bool conf_device_is_blank(const struct conf_device *device)
{
	return !device->path && !device->match_name && !device->phys && !device->uniq &&
	       !device->has_id;
}

/* What the configuration knows of a channel to a guest, a value of "via =". */
struct conf_channel {
	const char *name;
	bool by_default; /* of a guest without "via ="; where no channel says so, the first is */
	bool needs_qmp;  /* the monitor is the only way to the guest: "qmp =" must be given */
};

/*
 * [guest NAME]. 'via' is one of the channels that conf_parse was given. At most one of libvirt and
 * qmp is given; where the channel needs qmp, that is.
 */
struct conf_guest {
	char name[CONF_NAME_MAX + 1];
	unsigned line;
	const struct conf_channel *via;
	enum conf_os os;
	struct chord hotkey;
	char *libvirt; /* the domain's name or UUID, safe as one word of a command; NULL = none */
	char *qmp;     /* absolute path of QEMU's monitor socket; NULL = none */
	char *on_enter, *on_leave; /* shell commands; NULL = none */
};

struct conf {
	struct chord toggle; /* default leftctrl+rightctrl */
	struct chord panic;  /* default backspace+esc+enter */
	unsigned start;      /* 0 the host, else 1 + index into guests */
	char *socket_dir;    /* absolute; NULL = usock_dir */
	struct chord host_hotkey;
	struct keyset always; /* codes after the remap */
	unsigned n_devices, n_guests;
	struct conf_device devices[CONF_DEVICES_MAX]; /* file order */
	struct conf_guest guests[CONF_GUESTS_MAX];    /* file order */
};

/*
 * Receives each error as one line without a newline: "FILE:LINE: what is wrong; what would be
 * right". They come in the order of the lines; of more than CONF_ERRORS_MAX the last only counts
 * the rest.
 */
typedef void (*conf_error_fn)(void *ctx, const char *message);

/*
 * Reads the configuration 'text' of 'size' bytes; 'file' only names it in messages. 'channels'
 * lists the values that "via =" may have, NULL at the end; it must outlive the result. Returns 0
 * and *out, -EINVAL after every error went to 'error', or -ENOMEM.
 */
int conf_parse(const char *file, const char *text, size_t size,
	       const struct conf_channel *const *channels, conf_error_fn error, void *ctx,
	       struct conf **out);

/*
 * The same from a file. Anything but a regular file (directory, FIFO, device) is refused without
 * waiting for it: -EISDIR or -ENOTSUP; -EFBIG above CONF_FILE_MAX; else open's or read's error.
 * Those go to 'error' too, as "FILE: why".
 */
int conf_load(const char *file, const struct conf_channel *const *channels, conf_error_fn error,
	      void *ctx, struct conf **out);

void conf_free(struct conf *conf);

/* The channel of that name, or NULL; NULL ends the list. */
const struct conf_channel *conf_find_channel(const struct conf_channel *const *channels,
					     const char *name);

/* The guest of that name, or NULL. */
const struct conf_guest *conf_find_guest(const struct conf *conf, const char *name);

/*
 * Where the configuration is when -c names none: $XDG_CONFIG_HOME/evswitch/evswitch.conf (by
 * default below $HOME/.config) if it exists, else /etc/evswitch/evswitch.conf. Writes the path into
 * buf.
 */
void conf_default_path(char *buf, size_t size);
