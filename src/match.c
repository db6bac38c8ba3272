/* Decides which [device] section a source node belongs to, by comparing strings only. */
#include "match.h"

#include <string.h>
#include <strings.h>

#include "conf.h"

#define BLANKS " \t"

/* True where 'wanted' is not asked for, or equals 'actual' without the blanks around either. */
static bool same_text(const char *wanted, const char *actual,
		      int (*compare)(const char *, const char *, size_t))
{
	size_t wanted_size, actual_size;

	if (!wanted)
		return true;
	wanted += strspn(wanted, BLANKS);
	actual += strspn(actual, BLANKS);
	wanted_size = strlen(wanted);
	actual_size = strlen(actual);
	while (wanted_size > 0 && strchr(BLANKS, wanted[wanted_size - 1]))
		wanted_size--;
	while (actual_size > 0 && strchr(BLANKS, actual[actual_size - 1]))
		actual_size--;
	return wanted_size == actual_size && compare(wanted, actual, wanted_size) == 0;
}

static bool same_path(const char *wanted, const struct node_info *node)
{
	if (!wanted || strcmp(wanted, node->devnode) == 0)
		return true;
	for (const char *const *link = node->links; *link; link++)
		if (strcmp(wanted, *link) == 0)
			return true;
	return false;
}

static bool same_id(const struct conf_device *section, const struct node_info *node)
{
	if (!section->has_id)
		return true;
	return section->vendor == node->vendor && section->product == node->product;
}

bool match_node(const struct conf_device *section, const struct node_info *node)
{
	return !conf_device_is_blank(section) && same_path(section->path, node) &&
	       same_id(section, node) && same_text(section->match_name, node->name, strncmp) &&
	       same_text(section->phys, node->phys, strncmp) &&
	       same_text(section->uniq, node->uniq, strncasecmp);
}

static bool starts_with(const char *text, const char *prefix)
{
	return text && strncmp(text, prefix, strlen(prefix)) == 0;
}

enum match_own match_own(const char *phys, const char *syspath)
{
	if (!starts_with(phys, MATCH_OWN_PHYS) ||
	    !starts_with(syspath, "/sys/devices/virtual/input/"))
		return MATCH_FOREIGN;
	return starts_with(phys, MATCH_OWN_HOST_PHYS) ? MATCH_OWN_HOST : MATCH_OWN_GUEST;
}
