/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: bytes to struct conf. Each error is one printable line that names a line of
 * the file, in order. What parses is printed here, parsed again and printed again: both texts are the
 * same. Does not reach reading the file (conf_load).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "conf/conf.h"
#include "fuzz.h"
#include "guest/channel.h"

#define FILE_NAME "f"

struct found {
	unsigned n, line, lines;
};

static void on_error(void *ctx, const char *message)
{
	struct found *found = ctx;
	unsigned line = 0;

	FUZZ_CHECK(sscanf(message, FILE_NAME ":%u: ", &line) == 1 && line >= found->line &&
			   line >= 1 && line <= found->lines &&
			   fuzz_is_printable(message, strlen(message)),
		   "%s", message);
	found->line = line;
	FUZZ_CHECK(++found->n <= CONF_ERRORS_MAX + 1, "%u errors", found->n);
}

static struct conf *parse(const char *text, size_t size)
{
	struct found found = { .lines = 1 };
	struct conf *conf = NULL;
	int rc;

	for (size_t i = 0; i < size; i++)
		found.lines += text[i] == '\n';
	rc = conf_parse(FILE_NAME, text, size, channel_table, on_error, &found, &conf);
	FUZZ_CHECK(rc == (found.n > 0 ? -EINVAL : 0) && !conf == !!rc, "%d, %u errors", rc,
		   found.n);
	return conf;
}

static void put(FILE *out, const char *setting, const char *value)
{
	if (value)
		fprintf(out, "%s = %s\n", setting, value);
}

static void put_chord(FILE *out, const char *setting, const struct chord *chord)
{
	for (unsigned i = 0; i < chord->n; i++)
		fprintf(out, "%s%s", i ? "+" : setting, keys_name(chord->code[i]).text);
	if (chord->n)
		putc('\n', out);
}

static void put_hotkeys(FILE *out, const struct chord *all, const struct chord *part)
{
	put_chord(out, "hotkey = ", all);
	put_chord(out, "hotkey-keyboard = ", &part[CONF_KEYBOARDS]);
	put_chord(out, "hotkey-pointer = ", &part[CONF_POINTERS]);
}

static const char *name_of(const struct conf *conf, unsigned target)
{
	FUZZ_CHECK(target <= conf->n_guests, "target %u", target);
	return target ? conf->guests[target - 1].name : "host";
}

static void put_device(FILE *out, const struct conf *conf, const struct conf_device *device)
{
	fprintf(out, "[device %s]\n", device->name);
	put(out, "path", device->path);
	put(out, "name", device->match_name);
	put(out, "phys", device->phys);
	put(out, "uniq", device->uniq);
	if (device->has_id)
		fprintf(out, "id = %04x:%04x\n", device->vendor, device->product);
	for (unsigned i = 0; i < device->remap.n; i++)
		fprintf(out, "%s%s:%s",
			i ? ", " : "remap = ", keys_name(device->remap.entry[i].from).text,
			keys_name(device->remap.entry[i].to).text);
	if (device->remap.n)
		putc('\n', out);
	if (device->target != CONF_FREE)
		put(out, "target", name_of(conf, device->target));
}

static void put_guest(FILE *out, const struct conf_guest *guest)
{
	static const char *const systems[] = { "other", "linux", "windows" };
	static const char *const clipboards[] = { NULL, "no", "focus", "always" };
	static const char *const directions[] = { NULL, "to-guest", "from-guest" };

	fprintf(out, "[guest %s]\nvia = %s\nos = %s\n%s", guest->name, guest->via->name,
		systems[guest->os], guest->locks_follow ? "locks = follow\n" : "");
	put_hotkeys(out, &guest->hotkey, guest->hotkey_part);
	put(out, "libvirt", guest->libvirt);
	put(out, "qmp", guest->qmp);
	put(out, "on-enter", guest->on_enter);
	put(out, "on-leave", guest->on_leave);
	put(out, "on-lost", guest->on_lost);
	put(out, "while", guest->run_while);
	put(out, "clipboard", clipboards[guest->clipboard]);
	put(out, "clipboard-direction", directions[guest->clipboard_direction]);
}

static char *print(const struct conf *conf, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);
	bool any = false;

	fprintf(out, "[evswitch]\nstart = %s\n", name_of(conf, conf->start));
	put_chord(out, "toggle = ", &conf->toggle);
	put_chord(out, "panic = ", &conf->panic);
	put(out, "socket-dir", conf->socket_dir);
	put(out, "on-refused", conf->on_refused);
	fputs("[host]\n", out);
	put_hotkeys(out, &conf->host_hotkey, conf->host_hotkey_part);
	keyset_for_each (code, &conf->always) {
		fprintf(out, "%s%s", any ? ", " : "always = ", keys_name(code).text);
		any = true;
	}
	fputs("\n", out);
	for (unsigned i = 0; i < conf->n_devices; i++)
		put_device(out, conf, &conf->devices[i]);
	for (unsigned i = 0; i < conf->n_guests; i++)
		put_guest(out, &conf->guests[i]);
	fclose(out);
	return text;
}

void fuzz_one(struct fuzz *fuzz)
{
	/* A copy of exactly that size, beyond which a read is an error. */
	autofree char *text = malloc(fuzz->left + !fuzz->left);
	autofree char *first = NULL, *second = NULL;
	size_t first_size, second_size;
	struct conf *conf;

	memcpy(text, fuzz->at, fuzz->left);
	conf = parse(text, fuzz->left);
	if (!conf)
		return;
	first = print(conf, &first_size);
	conf_free(conf);
	conf = parse(first, first_size);
	FUZZ_CHECK(conf, "was valid, and is not:\n%s", first);
	second = print(conf, &second_size);
	conf_free(conf);
	FUZZ_CHECK(first_size == second_size && memcmp(first, second, first_size) == 0,
		   "differ:\n%s\nand\n%s", first, second);
}
