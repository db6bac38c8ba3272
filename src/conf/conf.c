/* Lookups in a configuration, and freeing it. */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

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
	free(conf);
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
