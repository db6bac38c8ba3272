/* SPDX-License-Identifier: MIT */
/* The settings of each section, and the parsers of their values. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf-builder.h"
#include "conf/conf-hint.h"
#include "conf/conf-reader.h"
#include "base/log.h"
#include "base/util.h"

/* Characters that libvirt allows in a domain's name and that are not special in shell or XML. */

/* Bytes for a list of words in a message. */
#define LIST_SIZE 256

/* A setting: its section, its name and its parser. */
struct setting {
	enum conf_section section;
	const char *name;
	void (*set)(struct conf_builder *builder, const char *value);
};

static void set_text(struct conf_builder *builder, char **field, const char *value)
{
	free(*field);
	*field = strdup(value);
	if (!*field)
		builder->report.no_memory = true;
}

static void report_unknown_key(struct conf_builder *builder, const char *name)
{
	struct keys_name near = { "" };

	if (conf_report_wants(&builder->report, builder->line))
		near = conf_hint_key(name);
	if (near.text[0])
		conf_report(&builder->report, builder->line,
			    "no key is called '%s'; did you mean '%s'?", log_str(name).text,
			    near.text);
	else
		conf_report(&builder->report, builder->line,
			    "no key is called '%s'; names are those of linux/input-event-codes.h, "
			    "such as leftctrl, f1, btn_side",
			    log_str(name).text);
}

/* Reports all unknown keys; the parsers stop at the first. */
static void report_unknown_keys(struct conf_builder *builder, const char *value, char separator)
{
	const char separators[] = { separator, '\0' };
	autofree char *copy = strdup(value);
	char *rest = copy, *item;

	if (!copy)
		builder->report.no_memory = true;
	while ((item = strsep(&rest, separators))) {
		item = conf_trim(item);
		if (item[0] && keys_code(item) < 0)
			report_unknown_key(builder, item);
	}
}

/* Reports an error of keys_parse_*: 'value' is the whole text, 'bad' the offending name. */
static void report_keys(struct conf_builder *builder, enum keys_error error, const char *value,
			char separator, const struct keys_name *bad)
{
	struct conf_report *report = &builder->report;

	if (error == KEYS_EMPTY)
		conf_report(report, builder->line,
			    "a key name is missing at one of the '%c' in '%s'; write one name on "
			    "either side of it",
			    separator, log_str(value).text);
	else if (error == KEYS_UNKNOWN)
		report_unknown_keys(builder, value, separator);
	else if (error == KEYS_TWICE)
		conf_report(report, builder->line, "'%s' appears twice in '%s'; name each key once",
			    log_str(bad->text).text, log_str(value).text);
	else if (error == KEYS_TOO_MANY)
		conf_report(report, builder->line, "more than %d keys in one chord; name fewer",
			    CHORD_MAX);
}

/* An invalid chord becomes empty, so that conf_check ignores it. */
static void set_chord(struct conf_builder *builder, struct chord *chord, const char *value)
{
	struct keys_name bad;
	enum keys_error error = keys_parse_chord(value, chord, &bad);

	if (!error)
		return;
	chord->n = 0;
	report_keys(builder, error, value, '+', &bad);
}

static void set_toggle(struct conf_builder *builder, const char *value)
{
	builder->origin.toggle = builder->line;
	set_chord(builder, &builder->conf->toggle, value);
}

static void set_panic(struct conf_builder *builder, const char *value)
{
	builder->origin.panic = builder->line;
	set_chord(builder, &builder->conf->panic, value);
}

/* The guest may be defined further down, so resolve it at the end. */
static void set_start(struct conf_builder *builder, const char *value)
{
	builder->start_line = builder->line;
	set_text(builder, &builder->start, value);
}

/* Reports a path that is not absolute or exceeds 'max' bytes. */
static void check_socket_path(struct conf_builder *builder, const char *setting, const char *value,
			      int max)
{
	if (value[0] != '/')
		conf_report(&builder->report, builder->line,
			    "'%s' is '%s', which is not an absolute path; begin it with '/'",
			    setting, log_str(value).text);
	else if (strlen(value) > (size_t)max)
		conf_report(&builder->report, builder->line,
			    "'%s' has %zu bytes, which leaves no room for a socket; %d are allowed",
			    setting, strlen(value), max);
}

static void set_socket_dir(struct conf_builder *builder, const char *value)
{
	check_socket_path(builder, "socket-dir", value, CONF_SOCKET_DIR_MAX);
	set_text(builder, &builder->conf->socket_dir, value);
}

static void set_path(struct conf_builder *builder, const char *value)
{
	if (value[0] != '/')
		conf_report(&builder->report, builder->line,
			    "'path' is '%s', which is not an absolute path; write /dev/input/...",
			    log_str(value).text);
	set_text(builder, &builder->device->path, value);
}

static void set_match_name(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->device->match_name, value);
}

static void set_phys(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->device->phys, value);
}

static void set_uniq(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->device->uniq, value);
}

/* Accepts exactly the form "046d:c52b"; strtoul() alone would accept more. */
static void set_id(struct conf_builder *builder, const char *value)
{
	bool good = strlen(value) == 9 && value[4] == ':';

	for (int i = 0; good && i < 9; i++)
		good = i == 4 || isxdigit((unsigned char)value[i]);
	if (!good) {
		conf_report(&builder->report, builder->line,
			    "'%s' is not a valid id; write vendor:product in 4 hexadecimal digits "
			    "each, such as 046d:c52b",
			    log_str(value).text);
		return;
	}
	builder->device->has_id = true;
	builder->device->vendor = (uint16_t)strtoul(value, NULL, 16);
	builder->device->product = (uint16_t)strtoul(value + 5, NULL, 16);
}

/* The guest may be defined further down, so resolve it at the end. */
static void set_target(struct conf_builder *builder, const char *value)
{
	ptrdiff_t i = builder->device - builder->conf->devices;

	if (builder->device == &builder->spare_device)
		return;
	builder->device_target_line[i] = builder->line;
	set_text(builder, &builder->device_target[i], value);
}

static bool is_remapped(const struct remap *remap, int from)
{
	for (unsigned i = 0; i < remap->n; i++)
		if (remap->entry[i].from == from)
			return true;
	return false;
}

static int known_key(struct conf_builder *builder, const char *name)
{
	int code = keys_code(name);

	if (code < 0)
		report_unknown_key(builder, name);
	return code;
}

static void add_remap(struct conf_builder *builder, char *item)
{
	struct conf_report *report = &builder->report;
	struct remap *remap = &builder->device->remap;
	struct log_str shown = log_str(item);
	char *to = strchr(item, ':');
	int from_code, to_code;

	if (!to || to == item || !to[1] || strchr(to + 1, ':')) {
		conf_report(report, builder->line,
			    "'%s' is not a valid remap; write FROM:TO, several as FROM:TO, FROM:TO",
			    shown.text);
		return;
	}
	*to++ = '\0';
	from_code = known_key(builder, conf_trim(item));
	to_code = known_key(builder, conf_trim(to));
	if (from_code < 0 || to_code < 0)
		return;

	if (from_code == to_code)
		conf_report(report, builder->line, "'%s' is remapped to itself; remove it",
			    log_str(conf_trim(item)).text);
	else if (is_remapped(remap, from_code))
		conf_report(report, builder->line, "'%s' is remapped twice; keep one of them",
			    log_str(conf_trim(item)).text);
	else if (remap->n == REMAP_MAX)
		conf_report(report, builder->line,
			    "more than %d remaps for one device; remove some", REMAP_MAX);
	else
		remap->entry[remap->n++] =
			(struct remap_entry){ (uint16_t)from_code, (uint16_t)to_code };
}

static void set_remap(struct conf_builder *builder, const char *value)
{
	autofree char *copy = strdup(value);
	char *rest = copy, *item;

	if (!copy) {
		builder->report.no_memory = true;
		return;
	}
	while ((item = strsep(&rest, ",")))
		add_remap(builder, conf_trim(item));
}

static void set_always(struct conf_builder *builder, const char *value)
{
	struct keys_name bad;
	enum keys_error error = keys_parse_list(value, &builder->conf->always, &bad);

	builder->origin.always = builder->line;
	if (error)
		report_keys(builder, error, value, ',', &bad);
}

static void set_hotkey(struct conf_builder *builder, const char *value)
{
	struct conf *conf = builder->conf;

	if (builder->section == HOST) {
		builder->origin.host_hotkey = builder->line;
		set_chord(builder, &conf->host_hotkey, value);
		return;
	}
	if (builder->guest != &builder->spare_guest)
		builder->origin.guest_hotkey[builder->guest - conf->guests] = builder->line;
	set_chord(builder, &builder->guest->hotkey, value);
}

static void set_part_hotkey(struct conf_builder *builder, enum conf_part part, const char *value)
{
	struct conf *conf = builder->conf;

	if (builder->section == HOST) {
		builder->origin.host_part[part] = builder->line;
		set_chord(builder, &conf->host_hotkey_part[part], value);
		return;
	}
	if (builder->guest != &builder->spare_guest)
		builder->origin.guest_part[builder->guest - conf->guests][part] = builder->line;
	set_chord(builder, &builder->guest->hotkey_part[part], value);
}

static void set_hotkey_keyboard(struct conf_builder *builder, const char *value)
{
	set_part_hotkey(builder, CONF_KEYBOARDS, value);
}

static void set_hotkey_pointer(struct conf_builder *builder, const char *value)
{
	set_part_hotkey(builder, CONF_POINTERS, value);
}

/* Appends to a list: "a" becomes "a, b". A full list is left unchanged. */
static void add_word(char list[static LIST_SIZE], const char *word)
{
	size_t used = strlen(list);

	snprintf(list + used, LIST_SIZE - used, "%s%s", used ? ", " : "", word);
}

static void set_via(struct conf_builder *builder, const char *value)
{
	const struct conf_channel *via = conf_find_channel(builder->channels, value);
	char list[LIST_SIZE] = "";

	if (via) {
		builder->guest->via = via;
		return;
	}
	for (const struct conf_channel *const *each = builder->channels; *each; each++)
		add_word(list, (*each)->name);
	conf_report(&builder->report, builder->line, "unknown channel '%s'; 'via' is one of: %s",
		    log_str(value).text, list);
}

static void set_os(struct conf_builder *builder, const char *value)
{
	if (strcmp(value, "windows") == 0)
		builder->guest->os = CONF_OS_WINDOWS;
	else if (strcmp(value, "linux") == 0)
		builder->guest->os = CONF_OS_LINUX;
	else if (strcmp(value, "other") == 0)
		builder->guest->os = CONF_OS_OTHER;
	else
		conf_report(&builder->report, builder->line,
			    "unknown system '%s'; 'os' is one of: windows, linux, other",
			    log_str(value).text);
}

static void set_locks(struct conf_builder *builder, const char *value)
{
	builder->guest->locks_follow = strcmp(value, "follow") == 0;
	if (!builder->guest->locks_follow && strcmp(value, "own") != 0)
		conf_report(&builder->report, builder->line,
			    "'%s' is no way to treat lock keys; 'locks' is one of: own, follow",
			    log_str(value).text);
}

static void set_clipboard(struct conf_builder *builder, const char *value)
{
	if (strcmp(value, "no") == 0)
		builder->guest->clipboard = CONF_CLIPBOARD_NO;
	else if (strcmp(value, "focus") == 0)
		builder->guest->clipboard = CONF_CLIPBOARD_FOCUS;
	else if (strcmp(value, "always") == 0)
		builder->guest->clipboard = CONF_CLIPBOARD_ALWAYS;
	else
		conf_report(&builder->report, builder->line,
			    "'%s' is no way to share the clipboard; 'clipboard' is one of: no, "
			    "focus, always",
			    log_str(value).text);
}

static void set_clipboard_direction(struct conf_builder *builder, const char *value)
{
	if (strcmp(value, "both") == 0)
		builder->guest->clipboard_direction = CONF_CLIPBOARD_BOTH;
	else if (strcmp(value, "to-guest") == 0)
		builder->guest->clipboard_direction = CONF_CLIPBOARD_TO_GUEST;
	else if (strcmp(value, "from-guest") == 0)
		builder->guest->clipboard_direction = CONF_CLIPBOARD_FROM_GUEST;
	else
		conf_report(&builder->report, builder->line,
			    "'%s' is no direction; 'clipboard-direction' is one of: both, "
			    "to-guest, from-guest",
			    log_str(value).text);
}

static void check_one_way(struct conf_builder *builder)
{
	if (builder->guest->libvirt && builder->guest->qmp)
		conf_report(&builder->report, builder->line,
			    "both 'libvirt' and 'qmp' are set for one guest; keep 'libvirt' if "
			    "libvirt runs it, else 'qmp'");
}

/* The name is used as an argument of virsh and in XML, so it must not be special in either. */
static void set_libvirt(struct conf_builder *builder, const char *value)
{
	if (value[0] == '-' || value[strspn(value, CONF_DOMAIN_CHARS)])
		conf_report(&builder->report, builder->line,
			    "'%s' is not a valid domain name; letters A-Z a-z, digits and . _ - + "
			    ": @ are allowed, but no - at the start; give any other domain by its "
			    "UUID, which virsh domuuid prints",
			    log_str(value).text);
	set_text(builder, &builder->guest->libvirt, value);
	check_one_way(builder);
}

static void set_qmp(struct conf_builder *builder, const char *value)
{
	check_socket_path(builder, "qmp", value, CONF_SOCKET_MAX);
	set_text(builder, &builder->guest->qmp, value);
	check_one_way(builder);
}

static void set_on_enter(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->guest->on_enter, value);
}

static void set_on_leave(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->guest->on_leave, value);
}

static void set_on_lost(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->guest->on_lost, value);
}

static void set_on_refused(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->conf->on_refused, value);
}

static void set_while(struct conf_builder *builder, const char *value)
{
	set_text(builder, &builder->guest->run_while, value);
}

static bool is_command(const struct setting *setting)
{
	return setting->set == set_on_enter || setting->set == set_on_leave ||
	       setting->set == set_on_lost || setting->set == set_on_refused ||
	       setting->set == set_while;
}

static const struct setting settings[] = {
	{ EVSWITCH, "toggle", set_toggle },
	{ EVSWITCH, "panic", set_panic },
	{ EVSWITCH, "start", set_start },
	{ EVSWITCH, "socket-dir", set_socket_dir },
	{ EVSWITCH, "on-refused", set_on_refused },
	{ DEVICE, "path", set_path },
	{ DEVICE, "name", set_match_name },
	{ DEVICE, "id", set_id },
	{ DEVICE, "phys", set_phys },
	{ DEVICE, "uniq", set_uniq },
	{ DEVICE, "remap", set_remap },
	{ DEVICE, "target", set_target },
	{ HOST, "hotkey", set_hotkey },
	{ HOST, "hotkey-keyboard", set_hotkey_keyboard },
	{ HOST, "hotkey-pointer", set_hotkey_pointer },
	{ HOST, "always", set_always },
	{ GUEST, "via", set_via },
	{ GUEST, "os", set_os },
	{ GUEST, "hotkey", set_hotkey },
	{ GUEST, "hotkey-keyboard", set_hotkey_keyboard },
	{ GUEST, "hotkey-pointer", set_hotkey_pointer },
	{ GUEST, "libvirt", set_libvirt },
	{ GUEST, "qmp", set_qmp },
	{ GUEST, "on-enter", set_on_enter },
	{ GUEST, "on-leave", set_on_leave },
	{ GUEST, "on-lost", set_on_lost },
	{ GUEST, "while", set_while },
	{ GUEST, "locks", set_locks },
	{ GUEST, "clipboard", set_clipboard },
	{ GUEST, "clipboard-direction", set_clipboard_direction },
};
_Static_assert(ARRAY_SIZE(settings) <= CONF_SETTINGS_MAX,
	       "struct conf_builder has a line for each");

static void report_unknown_setting(struct conf_builder *builder, const char *name)
{
	const char *words[ARRAY_SIZE(settings)];
	char list[LIST_SIZE] = "";
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (settings[i].section != builder->section)
			continue;
		words[n++] = settings[i].name;
		add_word(list, settings[i].name);
	}
	near = conf_hint_word(name, words, n);
	if (near)
		conf_report(&builder->report, builder->line,
			    "unknown setting '%s' in [%s]; did you mean '%s'?", log_str(name).text,
			    log_str(builder->title).text, near);
	else
		conf_report(&builder->report, builder->line,
			    "unknown setting '%s' in [%s]; it may have: %s", log_str(name).text,
			    log_str(builder->title).text, list);
}

static void apply(struct conf_builder *builder, size_t index, const char *value, bool cut)
{
	const struct setting *setting = &settings[index];
	struct conf_report *report = &builder->report;
	unsigned before = builder->seen[index];

	if (before > 0) {
		conf_report(report, builder->line,
			    "'%s' was already set at line %u; keep one of them", setting->name,
			    before);
		return;
	}
	builder->seen[index] = builder->line;
	if (is_command(setting) && cut)
		conf_report(report, builder->line,
			    "the command ends at ' ;', where a comment begins: only '%s' would "
			    "run; put it in a script, or write ';' without a blank before it",
			    log_str(value).text);
	else if (!value[0] && setting->set == set_panic)
		conf_report(
			report, builder->line,
			"'panic' cannot be disabled: it is the way out when nothing else "
			"works; give at least 2 keys, or remove the line for backspace+esc+enter");
	else if (!value[0])
		conf_report(report, builder->line,
			    "'%s' has no value; give one, or remove the line", setting->name);
	else
		setting->set(builder, value);
}

void conf_setting(struct conf_builder *builder, const char *name, const char *value, bool cut)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (settings[i].section == builder->section &&
		    strcmp(settings[i].name, name) == 0) {
			apply(builder, i, value, cut);
			return;
		}
	}
	report_unknown_setting(builder, name);
}
