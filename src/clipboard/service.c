/* SPDX-License-Identifier: MIT */
/* Puts the parts together. */
#include "clipboard/service.h"

#include <json-c/json.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/admission.h"
#include "base/listener.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/util.h"
#include "clipboard/exchange.h"
#include "clipboard/focus.h"
#include "clipboard/local.h"
#include "clipboard/transfer.h"

struct service {
	const char *guest;
	struct loop loop;
	struct signals signals;
	struct notify notify;
	struct focus focus;
	struct exchange exchange;
	struct transfers transfers;
	struct local local;

	/* QEMU's side. */
	struct admission admission;
	struct listener listener;
	int listen_fd;             /* -1: it does not listen */
	char path[USOCK_PATH_MAX]; /* where it listens */
	bool path_failed;          /* logged: it cannot listen there */
	bool ends;
};

static void signalled(struct signals *signals, int signo)
{
	(void)signo;
	container_of(signals, struct service, signals)->ends = true;
}

/* --- QEMU's side --------------------------------------------------------------------------- */

static void qemu_connected(struct listener *listener, int fd)
{
	struct service *service = container_of(listener, struct service, listener);

	if (service->exchange.agent.state != AGENT_AWAY ||
	    !admission_admits(&service->admission, fd, service->guest, service->focus.domain))
		close_fd(&fd);
	else
		exchange_connect(&service->exchange, fd);
}

static void stop_listening(struct service *service)
{
	listener_stop(&service->listener);
	if (service->listen_fd >= 0)
		unlink(service->path);
	close_fd(&service->listen_fd);
	service->path[0] = '\0';
}

/*
 * The directory's mode restricts who can connect, and qemu_connected checks the peer. local_init has made
 * the default one; another one is the user's to make.
 */
static int start_listening(struct service *service, const char *path)
{
	int rc = usock_listen(path, SOCK_STREAM, 0666);

	if (rc < 0)
		return rc;
	service->listen_fd = rc;
	memcpy(service->path, path, strlen(path) + 1);
	rc = listener_start(&service->listener, &service->loop, service->listen_fd, "clipboard",
			    qemu_connected);
	if (rc < 0)
		stop_listening(service);
	return rc;
}

static void follow_socket(struct service *service)
{
	const char *path = service->focus.wanted ? service->focus.socket : "";
	int rc;

	if (strcmp(path, service->path) == 0)
		return;
	stop_listening(service);
	if (service->exchange.agent.state != AGENT_AWAY)
		exchange_disconnect(&service->exchange);
	if (!path[0]) {
		log_info("guest %s: evswitch's configuration has no clipboard for it",
			 service->guest);
		return;
	}
	rc = start_listening(service, path);
	if (rc == 0)
		log_info("guest %s: the clipboard's socket is %s", service->guest,
			 log_str(path).text);
	else if (!service->path_failed)
		log_error("guest %s: cannot listen on %s: %s", service->guest, log_str(path).text,
			  strerror(-rc));
	service->path_failed = rc < 0;
}

/* --- evswitch's side ----------------------------------------------------------------------- */

static void apply_focus(struct focus *focus)
{
	struct service *service = container_of(focus, struct service, focus);
	const struct exchange_rules rules = {
		.to_guest = focus->wanted && focus->to_guest,
		.from_guest = focus->wanted && focus->from_guest,
		.open = focus->wanted && (focus->here || focus->always),
	};

	if (focus->connected)
		follow_socket(service);
	exchange_set_rules(&service->exchange, &rules);
}

/* --- local clients ------------------------------------------------------------------------- */

static struct json_object *status(struct local *local)
{
	struct service *service = container_of(local, struct service, local);
	const struct agent *agent = &service->exchange.agent;
	struct json_object *status = json_object_new_object();
	const char *state = agent->state == AGENT_READY ? "ready"
			    : agent->state == AGENT_OLD ? "old"
							: "absent";

	json_object_object_add(status, "guest", json_object_new_string(service->guest));
	json_object_object_add(status, "evswitch",
			       json_object_new_boolean(service->focus.connected));
	json_object_object_add(status, "focus", json_object_new_boolean(service->focus.here));
	json_object_object_add(status, "open", json_object_new_boolean(service->exchange.open));
	json_object_object_add(status, "socket", json_object_new_string(service->path));
	json_object_object_add(status, "connected",
			       json_object_new_boolean(agent->state != AGENT_AWAY));
	json_object_object_add(status, "agent", json_object_new_string(state));
	json_object_object_add(status, "files", json_object_new_boolean(agent->files));
	json_object_object_add(status, "desktop",
			       json_object_new_string(desktop_kind(service->exchange.desktop)));
	json_object_object_add(status, "offered",
			       json_object_new_boolean(service->exchange.offered != 0));
	return status;
}

static void send_file(struct local *local, int fd, const char *name, uint64_t size)
{
	struct service *service = container_of(local, struct service, local);

	transfers_start(&service->transfers, fd, name, size);
}

static const struct local_ops local_ops = { .status = status, .send = send_file };

/* --- start and end ------------------------------------------------------------------------- */

static int start(struct service *service)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	int rc = loop_init(&service->loop);

	signal(SIGPIPE, SIG_IGN);
	if (rc == 0)
		rc = signals_init(&service->signals, &service->loop, sigs, signalled);
	if (rc == 0)
		rc = focus_init(&service->focus, &service->loop, service->guest, apply_focus);
	return rc;
}

static void stop(struct service *service)
{
	local_fini(&service->local);
	stop_listening(service);
	focus_fini(&service->focus);
	transfers_fini(&service->transfers);
	exchange_fini(&service->exchange);
	signals_fini(&service->signals);
	loop_fini(&service->loop);
}

/* Without a desktop there is nothing to share; desktop_open says why there is none. */
static int open_desktop(struct service *service)
{
	int rc = exchange_init(&service->exchange, &service->loop, service->guest);

	if (rc == 0)
		rc = transfers_init(&service->transfers, &service->loop, &service->exchange.agent);
	return rc == 0 ? EX_OK : rc == -ENOTCONN || rc == -ENOTSUP ? EX_UNAVAILABLE : EX_OSERR;
}

/* The socket of its own comes last: whoever sees it can be served. */
static int open_local(struct service *service)
{
	int rc = local_init(&service->local, &service->loop, service->guest, &local_ops);

	if (rc == -EADDRINUSE) {
		log_error("guest %s: another evswitch-clipboard serves it", service->guest);
		return EX_TEMPFAIL;
	}
	if (rc < 0)
		log_error("%s: %s", service->local.path, strerror(-rc));
	return rc < 0 ? EX_OSERR : EX_OK;
}

int service_run(const char *guest)
{
	struct service service = { .guest = guest, .listen_fd = -1, .local.fd = -1 };
	int code = EX_OK, rc;

	notify_init(&service.notify);
	admission_init(&service.admission);
	rc = start(&service);
	if (rc == 0)
		code = open_desktop(&service);
	if (rc == 0 && code == EX_OK)
		code = open_local(&service);
	if (rc == 0 && code == EX_OK)
		notify_send(&service.notify, "READY=1");
	while (rc == 0 && code == EX_OK && !service.ends && !service.exchange.ended)
		rc = loop_turn(&service.loop, -1);
	if (service.exchange.ended) {
		log_info("the desktop has ended");
		code = EX_UNAVAILABLE;
	}
	if (rc < 0)
		log_error("cannot go on: %s", strerror(-rc));
	stop(&service);
	notify_fini(&service.notify);
	return rc < 0 ? EX_OSERR : code;
}
