/* SPDX-License-Identifier: MIT */
/* libsystemd's sd-login, in the loop. */
#include "base/seat.h"

#include <pwd.h>
#include <systemd/sd-login.h>

#include "base/log.h"
#include "base/text.h"
#include "base/util.h"

static void seats_ready(struct watch *watch, uint32_t events)
{
	struct seats *seats = container_of(watch, struct seats, watch);

	(void)events;
	sd_login_monitor_flush(seats->monitor);
	seats->changed(seats);
}

int seats_init(struct seats *seats, struct loop *loop, bool is_system, seats_fn changed)
{
	int rc;

	*seats = (struct seats){ .changed = changed, .is_system = is_system };
	if (geteuid() == 0 && !is_system)
		return 0;
	rc = sd_login_monitor_new("seat", &seats->monitor);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	rc = watch_start(&seats->watch, loop, sd_login_monitor_get_fd(seats->monitor),
			 (uint32_t)sd_login_monitor_get_events(seats->monitor), seats_ready);
	if (rc < 0)
		seats_fini(seats);
	return rc;
}

void seats_fini(struct seats *seats)
{
	watch_stop(&seats->watch);
	seats->monitor = sd_login_monitor_unref(seats->monitor);
}

bool seats_have_active(const struct seats *seats, const char *seat, uid_t *user)
{
	return seats->monitor && sd_seat_get_active(seat, NULL, user) >= 0;
}

bool seats_have_other(const struct seats *seats, const char *seat, uid_t *user)
{
	return !seats->is_system && seats_have_active(seats, seat, user) && *user != geteuid();
}

void seat_user_name(uid_t user, char *name, size_t size)
{
	const struct passwd *entry = getpwuid(user);

	if (entry)
		text_print(name, size, "%s", log_str(entry->pw_name).text);
	else
		text_print(name, size, "user %u", (unsigned)user);
}
