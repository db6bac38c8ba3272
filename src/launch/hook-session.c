/* SPDX-License-Identifier: MIT */
/* A client of Monitor, which blocks, and a launcher. */
#include "launch/hook-session.h"

#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "control/client.h"
#include "launch/launch.h"

#define AGAIN_MS 1000

/* Host, as a target's number. */
#define HOST 0

struct session {
	struct launcher launcher;
	struct conf *conf; /* owned */
	const char *path;
	struct client client;
	unsigned focus; /* that was last announced ... */
	bool announced; /* ... with this configuration */
	bool has_state; /* since it has connected: what was lost or refused before is no news */
	int64_t lost, refused, modified_ns;
	bool waits_told;
};

static void conf_fault(void *ctx, const char *message)
{
	(void)ctx;
	log_error("%s", message);
}

static unsigned target_of(const struct conf *conf, const char *name)
{
	const struct conf_guest *guest = conf_find_guest(conf, name);

	return guest ? (unsigned)(guest - conf->guests) + 1 : HOST;
}

static void set_focus(struct session *session, unsigned target)
{
	if (session->announced && session->focus == target)
		return;
	session->announced = true;
	session->focus = target;
	launch_hooks(&session->launcher, target);
}

/* Takes the configuration that the service has reloaded, if it is ours. */
static void follow_conf(struct session *session, struct json_object *config)
{
	int64_t modified_ns = json_number(json_member(config, "modified_ns"));
	struct conf *conf = NULL;
	int rc;

	if (strcmp(json_text(json_member(config, "path")), session->path) != 0 ||
	    modified_ns == session->modified_ns)
		return;
	session->modified_ns = modified_ns;
	if (conf_load(session->path, session->conf->channels, conf_fault, NULL, &conf) < 0)
		return;
	rc = launch_replace(&session->launcher, conf, session->focus);
	if (rc < 0)
		log_warn("hooks do not run until evswitch --hooks is restarted: %s", strerror(-rc));
	session->announced = false;
	conf_free(session->conf);
	session->conf = conf;
}

static void follow_notice(struct session *session, enum hook_event event, int64_t *seen,
			  struct json_object *notice)
{
	int64_t number = json_number(json_member(notice, "number"));
	unsigned target = target_of(session->conf, json_text(json_member(notice, "guest")));
	bool is_new = session->has_state && number != *seen;

	*seen = number;
	if (is_new && target != HOST)
		launch_hook_event(&session->launcher, event, target,
				  json_text(json_member(notice, "cause")),
				  json_text(json_member(notice, "why")));
}

static void follow_state(struct session *session, struct json_object *state)
{
	follow_conf(session, json_member(state, "config"));
	set_focus(session, target_of(session->conf, json_text(json_member(state, "focus"))));
	follow_notice(session, HOOK_LOST, &session->lost, json_member(state, "last_lost"));
	follow_notice(session, HOOK_REFUSED, &session->refused, json_member(state, "last_refused"));
	session->has_state = true;
}

/* Until the connection ends. 0 or -errno, as client_open_system and client_wait have it. */
static int follow(struct session *session)
{
	struct client *client = &session->client;
	int rc = client_open_system(client);

	session->has_state = false;
	if (rc == 0)
		rc = client_call(client, "Monitor", NULL, true);
	while (rc == 0) {
		rc = client_wait(client, -1);
		if (rc == 0 && client_error(client)[0])
			rc = -EPROTO;
		if (rc < 0)
			break;
		if (!session->has_state)
			log_info("following the system service");
		session->waits_told = false;
		follow_state(session, json_member(client_parameters(client), "state"));
	}
	client_close(client);
	return rc;
}

static void tell_wait(struct session *session, int rc)
{
	if (session->waits_told)
		return;
	session->waits_told = true;
	if (rc == -ENOENT)
		log_info("the system service does not run: waiting for it (sudo systemctl start "
			 "evswitch)");
	else if (rc == -ECONNRESET || rc == -EACCES || rc == -EPIPE)
		log_info("the system service is ending, or another user is active at the seat: "
			 "waiting");
	else
		log_warn("cannot follow the system service: %s: trying again", strerror(-rc));
}

int hook_session_run(struct conf *conf, const char *path)
{
	struct session session = { .launcher = LAUNCHER_INIT,
				   .conf = conf,
				   .path = path,
				   .client = CLIENT_INIT,
				   .modified_ns = conf->modified_ns };
	int rc = launcher_start(&session.launcher, conf);

	if (rc < 0)
		log_error("cannot start evs-launcher: %s", strerror(-rc));
	while (rc == 0 && waitpid(session.launcher.pid, NULL, WNOHANG) == 0) {
		tell_wait(&session, follow(&session));
		set_focus(&session, HOST);
		poll(NULL, 0, AGAIN_MS);
	}
	launcher_stop(&session.launcher);
	conf_free(session.conf);
	return EX_OSERR;
}
