/* SPDX-License-Identifier: MIT */
/* Lookups in a configuration, and freeing it. */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf-builder.h"

void conf_clear_device(struct conf_device *device)
{
	free(device->path);
	free(device->match_name);
	free(device->phys);
	free(device->uniq);
	*device = (struct conf_device){ 0 };
}

void conf_clear_guest(struct conf_guest *guest)
{
	free(guest->libvirt);
	free(guest->qmp);
	free(guest->on_enter);
	free(guest->on_leave);
	free(guest->on_lost);
	free(guest->run_while);
	*guest = (struct conf_guest){ 0 };
}

void conf_free(struct conf *conf)
{
	if (!conf)
		return;
	for (unsigned i = 0; i < conf->n_devices; i++)
		conf_clear_device(&conf->devices[i]);
	for (unsigned i = 0; i < conf->n_guests; i++)
		conf_clear_guest(&conf->guests[i]);
	free(conf->socket_dir);
	free(conf->on_refused);
	free(conf->text);
	free(conf);
}

bool conf_same_guest(const struct conf *a, const struct conf_guest *a_guest, const struct conf *b,
		     const struct conf_guest *b_guest)
{
	return a_guest->via == b_guest->via && a_guest->os == b_guest->os &&
	       text_same(a_guest->libvirt, b_guest->libvirt) &&
	       text_same(a_guest->qmp, b_guest->qmp) && text_same(a->socket_dir, b->socket_dir);
}

bool conf_same_match(const struct conf_device *a, const struct conf_device *b)
{
	return text_same(a->path, b->path) && text_same(a->match_name, b->match_name) &&
	       text_same(a->phys, b->phys) && text_same(a->uniq, b->uniq) &&
	       a->has_id == b->has_id && a->vendor == b->vendor && a->product == b->product;
}

const struct conf_device *conf_find_device(const struct conf *conf, const char *name)
{
	for (unsigned i = 0; i < conf->n_devices; i++)
		if (strcmp(conf->devices[i].name, name) == 0)
			return &conf->devices[i];
	return NULL;
}

const struct conf_guest *conf_find_guest(const struct conf *conf, const char *name)
{
	for (unsigned i = 0; i < conf->n_guests; i++)
		if (strcmp(conf->guests[i].name, name) == 0)
			return &conf->guests[i];
	return NULL;
}

const struct conf_channel *conf_find_channel(const struct conf_channel *const *channels,
					     const char *name)
{
	for (; *channels; channels++)
		if (strcmp((*channels)->name, name) == 0)
			return *channels;
	return NULL;
}
