/* What happens in which order: start, frames, switches, losses, the end. */
#include "daemon.h"

#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>

#include "evdev/access.h"
#include "base/closer.h"
#include "guest/guest.h"
#include "evdev/hotplug.h"
#include "evdev/instance.h"
#include "launch/launch.h"
#include "base/log.h"
#include "base/notify.h"
#include "core/router.h"
#include "evdev/source.h"
#include "base/util.h"

/* Until the user decides, a guest named by "start =" is given this long to open its nodes, tried this often. */
#define START_TRIES  20
#define START_TRY_MS 250

struct daemon {
	const struct conf *conf;
	struct launcher launcher;
	int lock; /* of instance.h */
	struct loop loop;
	struct hotkeys hotkeys;
	struct router router;
	struct hotplug hotplug;
	struct signals signals;
	struct notify notify;
	char status[96]; /* as it was told last */
	struct timer watchdog, trial, start;
	unsigned start_tries;
	bool ping_due;
	bool hurry_due; /* a guest has the focus: no device may wait for its grab */
	bool denied;    /* a device could not be opened for lack of permission */
	bool exposed_told;
	bool path_told[CONF_DEVICES_MAX]; /* that it leads to no event node */
	bool quit;
	bool takes_back; /* at the end of a trial */
	int exit_code;
	int host_error;                      /* of a write to a clone; 0: none */
	struct guest guest[CONF_GUESTS_MAX]; /* target n is guest n - 1 */
	struct source source[ROUTER_DEVICES];
};

static const char *target_name(const struct daemon *daemon, unsigned target)
{
	return target == ROUTER_HOST ? "host" : daemon->conf->guests[target - 1].name;
}

static struct guest *focused_guest(struct daemon *daemon)
{
	unsigned focus = daemon->router.focus;

	return focus == ROUTER_HOST ? NULL : &daemon->guest[focus - 1];
}

static void quit(struct daemon *daemon, int exit_code)
{
	if (!daemon->quit)
		daemon->exit_code = exit_code;
	daemon->quit = true;
}

/* --- LEDs: each keyboard shows those of the target that has the focus ----------------- */

static void show_leds(struct daemon *daemon, struct source *source)
{
	const struct guest *guest = focused_guest(daemon);

	if (source->ready)
		device_set_leds(&source->device, DEVICE_LOCK_LEDS,
				guest ? guest_leds(guest) : source->clone.leds.mask);
}

static void show_all_leds(struct daemon *daemon)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		show_leds(daemon, &daemon->source[i]);
}

/* --- what the router asks for and tells ----------------------------------------------- */

static struct daemon *of_router(struct router *router)
{
	return container_of(router, struct daemon, router);
}

static void router_send(struct router *router, unsigned target, unsigned device,
			const struct frame *frame)
{
	struct daemon *daemon = of_router(router);
	int rc;

	if (target != ROUTER_HOST) {
		guest_send(&daemon->guest[target - 1], frame);
		return;
	}
	rc = clone_send(&daemon->source[device].clone, frame);
	if (rc < 0)
		daemon->host_error = rc;
}

static int router_enter(struct router *router, unsigned target)
{
	struct daemon *daemon = of_router(router);
	const char *why = "unknown";
	int rc = guest_enter(&daemon->guest[target - 1], &why);

	if (rc < 0 && (!daemon->start.watch.loop || router->decided))
		log_warn("cannot switch to guest %s: %s", target_name(daemon, target), why);
	return rc;
}

static void tell_status(struct daemon *daemon)
{
	const struct router *router = &daemon->router;
	char status[sizeof(daemon->status)];

	snprintf(status, sizeof(status), "STATUS=focus: %s%s", target_name(daemon, router->focus),
		 router->awaited ? ", which takes nothing yet" : "");
	/* A guest can cause any number that say the same. */
	if (strcmp(status, daemon->status) == 0)
		return;
	memcpy(daemon->status, status, sizeof(status));
	notify_send(&daemon->notify, status);
}

static void router_focused(struct router *router, unsigned from, unsigned to)
{
	struct daemon *daemon = of_router(router);

	if (from != ROUTER_HOST)
		guest_leave(&daemon->guest[from - 1]);
	launch_hooks(&daemon->launcher, to);
	daemon->hurry_due |= to != ROUTER_HOST;
	show_all_leds(daemon);
	log_info("focus: %s", target_name(daemon, to));
	tell_status(daemon);
}

static void router_panicked(struct router *router, bool again)
{
	log_warn(again ? "panic chord again: letting go of everything"
		       : "panic chord: the host has the focus");
	if (again)
		quit(of_router(router), EX_OK);
}

static const struct router_ops router_ops = { .send = router_send,
					      .enter = router_enter,
					      .focused = router_focused,
					      .panicked = router_panicked };

/* --- guests --------------------------------------------------------------------------- */

static struct daemon *of_guest(const struct guest *guest)
{
	return container_of(guest->loop, struct daemon, loop);
}

static unsigned target_of(const struct guest *guest)
{
	return (unsigned)(guest - of_guest(guest)->guest) + 1;
}

static void guest_down(struct guest *guest, const char *why)
{
	struct router *router = &of_guest(guest)->router;

	if (router->focus != target_of(guest))
		return;
	log_warn("guest %s: %s: back to the host", guest->conf->name, why);
	router_target_down(router, target_of(guest), (int64_t)now_us());
}

static void guest_reset(struct guest *guest, const char *why)
{
	struct daemon *daemon = of_guest(guest);
	struct router *router = &daemon->router;

	if (router->focus != target_of(guest))
		return;
	log_limited(&guest->limit, LOG_LEVEL_INFO, "guest %s: %s: the focus stays%s",
		    guest->conf->name, why, guest->ready ? "" : "; it takes nothing yet");
	router_target_reset(router, target_of(guest), guest->ready);
	show_all_leds(daemon);
	tell_status(daemon);
}

static void guest_set_leds(struct guest *guest)
{
	struct daemon *daemon = of_guest(guest);

	if (daemon->router.focus == target_of(guest))
		show_all_leds(daemon);
}

static const struct guest_ops guest_ops = { .down = guest_down,
					    .reset = guest_reset,
					    .leds = guest_set_leds };

/* --- sources -------------------------------------------------------------------------- */

static struct daemon *of_source(const struct source *source)
{
	return container_of(source->device.loop, struct daemon, loop);
}

static unsigned index_of(const struct source *source)
{
	return (unsigned)(source - of_source(source)->source);
}

static void source_frame(struct source *source, const struct frame *frame)
{
	struct daemon *daemon = of_source(source);
	struct guest *guest;

	router_frame(&daemon->router, index_of(source), frame);
	guest = focused_guest(daemon);
	if (guest && guest->error) {
		log_error("guest %s: cannot write to it: %s: back to the host", guest->conf->name,
			  strerror(-guest->error));
		guest_release(guest);
		router_target_down(&daemon->router, daemon->router.focus, (int64_t)now_us());
	}
	if (daemon->host_error && !daemon->quit) {
		log_error("cannot write to the host's devices: %s: letting go of everything",
			  strerror(-daemon->host_error));
		quit(daemon, EX_IOERR);
	}
}

static void source_ready(struct source *source)
{
	struct daemon *daemon = of_source(source);

	router_add_device(&daemon->router, index_of(source), &source->conf->remap);
	if (device_points_absolutely(&source->device)) {
		router_pin_device(&daemon->router, index_of(source));
		log_info("device %s: it points absolutely: it stays with the host, buttons and "
			 "wheel "
			 "too",
			 source->conf->name);
	}
	device_set_leds(&source->device, ~DEVICE_LOCK_LEDS, source->clone.leds.mask);
	show_leds(daemon, source);
}

static void source_gone(struct source *source)
{
	router_remove_device(&of_source(source)->router, index_of(source));
}

static void source_leds(struct source *source, uint16_t changed)
{
	struct daemon *daemon = of_source(source);

	if (source->ready)
		device_set_leds(&source->device, changed & ~DEVICE_LOCK_LEDS,
				source->clone.leds.mask);
	if (daemon->router.focus == ROUTER_HOST)
		show_leds(daemon, source);
}

static void source_unsettled(struct source *source)
{
	hotplug_ask(&of_source(source)->hotplug, source->clone.uinput.devnode);
}

static const struct source_ops source_ops = { .frame = source_frame,
					      .ready = source_ready,
					      .gone = source_gone,
					      .leds = source_leds,
					      .unsettled = source_unsettled };

static bool is_plugged(struct daemon *daemon, const char *devnode)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (source_is_plugged(&daemon->source[i]) &&
		    strcmp(daemon->source[i].device.devnode, devnode) == 0)
			return device_is_alive(&daemon->source[i].device);
	return false;
}

/* The place that this node had before, else one that its section has free, else a new one. */
static struct source *find_source(struct daemon *daemon, const struct conf_device *section,
				  const struct node_info *node)
{
	struct source *vacant = NULL, *unused = NULL;
	unsigned best = 0, nth = 1;

	for (unsigned i = ROUTER_DEVICES; i-- > 0;) {
		struct source *source = &daemon->source[i];
		unsigned likeness;

		if (!source->conf)
			unused = source;
		if (source->conf != section)
			continue;
		nth++;
		if (source_is_plugged(source))
			continue;
		likeness = source_likeness(source, node);
		if (likeness < best)
			continue;
		best = likeness;
		vacant = source;
	}
	if (vacant)
		return vacant;
	if (unused)
		source_init(unused, section, nth, &source_ops);
	return unused;
}

static const struct conf_device *find_section(const struct conf *conf, const struct node_info *node)
{
	for (unsigned i = 0; i < conf->n_devices; i++)
		if (match_node(&conf->devices[i], node))
			return &conf->devices[i];
	return NULL;
}

/* The user database may be slow to answer, so it is not asked while anything is grabbed. */
static struct access_words why_denied(const struct daemon *daemon, const char *devnode)
{
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->source[i].ready)
			return (struct access_words){ "evswitch --probe says why" };
	return access_why(devnode);
}

static void plug_failed(const struct daemon *daemon, const char *section,
			const struct node_info *node, int rc)
{
	struct log_str name = log_str(node->name);

	if (rc == -EACCES)
		log_error("device %s: no permission to open %s (%s) for reading and writing: %s",
			  section, node->devnode, name.text,
			  why_denied(daemon, node->devnode).text);
	else
		log_error("device %s: cannot use %s (%s): %s", section, node->devnode, name.text,
			  strerror(-rc));
}

/* A path is one node: where it leads to another now, the one before is given up. */
static void follow_path(struct daemon *daemon, const struct conf_device *section,
			const struct node_info *node)
{
	for (unsigned i = 0; section->path && i < ROUTER_DEVICES; i++) {
		struct source *source = &daemon->source[i];

		if (source->conf != section || !source_is_plugged(source))
			continue;
		log_info("device %s: %s leads to %s now: %s is left to the host", section->name,
			 section->path, node->devnode, source->device.devnode);
		source_unplug(source);
	}
}

static void node_added(struct hotplug *hotplug, const struct node_info *node)
{
	struct daemon *daemon = container_of(hotplug, struct daemon, hotplug);
	const struct conf_device *section = find_section(daemon->conf, node);
	const char *refusal = match_refusal(node->uses);
	struct source *source;
	int rc;

	if (!section || is_plugged(daemon, node->devnode))
		return;
	if (refusal) {
		log_error("device %s: %s (%s): %s: left alone", section->name, node->devnode,
			  log_str(node->name).text, refusal);
		return;
	}
	follow_path(daemon, section, node);
	source = find_source(daemon, section, node);
	if (!source) {
		log_error("device %s: %s: more than %d devices", section->name, node->devnode,
			  ROUTER_DEVICES);
		return;
	}
	rc = source_plug(source, &daemon->loop, node);
	if (rc < 0)
		plug_failed(daemon, section->name, node, rc);
	daemon->denied |= rc == -EACCES;
	daemon->hurry_due |= daemon->router.focus != ROUTER_HOST;
}

static void own_settled(struct hotplug *hotplug, const char *devnode, uint64_t done_us,
			bool exposed)
{
	struct daemon *daemon = container_of(hotplug, struct daemon, hotplug);

	if (exposed && !daemon->exposed_told)
		log_warn("%s: evswitch's udev rules are not in force (make install): the desktop "
			 "sees the guests' devices until QEMU has taken them",
			 devnode);
	daemon->exposed_told |= exposed;
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (daemon->source[i].conf)
			source_settled(&daemon->source[i], devnode, done_us);
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		guest_settled(&daemon->guest[i], devnode);
}

static void look_at_path(struct daemon *daemon, unsigned i)
{
	const struct conf_device *section = &daemon->conf->devices[i];
	char event[HOTPLUG_PATH_MAX];

	if (!section->path || hotplug_look(&daemon->hotplug, section->path, event) != -ENOTTY ||
	    daemon->path_told[i])
		return;
	daemon->path_told[i] = true;
	if (*event)
		log_error("device %s: %s is not an event node: the event node of this device is %s",
			  section->name, section->path, event);
	else
		log_error("device %s: %s is not an event node (/dev/input/event*)", section->name,
			  section->path);
}

static void links_changed(struct hotplug *hotplug)
{
	struct daemon *daemon = container_of(hotplug, struct daemon, hotplug);

	for (unsigned i = 0; i < daemon->conf->n_devices; i++)
		look_at_path(daemon, i);
}

static const struct hotplug_ops hotplug_ops = { .added = node_added,
						.own = own_settled,
						.links = links_changed };

/* --- timers and signals --------------------------------------------------------------- */

/* By the signal itself: the kernel knows when there is nobody who could continue the process. */
static void stand_still(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	pthread_kill(pthread_self(), signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* A process that stands still must have nothing grabbed: nobody could type, not even to continue it. */
static void suspend(struct daemon *daemon, int signo)
{
	int fds[ROUTER_DEVICES];

	log_info("stopped by job control: the devices are free until evswitch is continued (fg)");
	router_switch(&daemon->router, ROUTER_HOST);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		fds[i] = daemon->source[i].conf ? source_suspend(&daemon->source[i]) : -1;
		if (fds[i] >= 0)
			router_remove_device(&daemon->router, i);
	}
	ungrab_together(fds, ROUTER_DEVICES);
	stand_still(signo);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		if (fds[i] >= 0)
			source_resume(&daemon->source[i]);
}

static void signalled(struct signals *signals, int signo)
{
	struct daemon *daemon = container_of(signals, struct daemon, signals);

	if (signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU)
		suspend(daemon, signo);
	else if (signo != SIGHUP || !daemon->takes_back) /* one hangup may send several */
		quit(daemon, EX_OK);
}

/* The ping itself is sent when the turn of the loop that this is part of was completed. */
static void watchdog_expired(struct timer *timer)
{
	container_of(timer, struct daemon, watchdog)->ping_due = true;
}

static void trial_expired(struct timer *timer)
{
	log_info("the trial is over: letting go of everything");
	quit(container_of(timer, struct daemon, trial), EX_OK);
}

static void start_expired(struct timer *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, start);
	struct router *router = &daemon->router;

	if (--daemon->start_tries == 0 || router->decided)
		timer_fini(timer); /* from now on router_enter says why */
	if (!router->decided && router_switch(router, daemon->conf->start) == 0)
		timer_fini(timer);
}

/* --- start and end -------------------------------------------------------------------- */

static void add_hotkey(struct hotkeys *hotkeys, const struct chord *chord, int action)
{
	if (chord->n)
		hotkeys->entry[hotkeys->n++] = (struct hotkey){ .chord = *chord, .action = action };
}

static void init_router(struct daemon *daemon)
{
	const struct conf *conf = daemon->conf;

	add_hotkey(&daemon->hotkeys, &conf->toggle, ROUTER_NEXT);
	add_hotkey(&daemon->hotkeys, &conf->host_hotkey, ROUTER_HOST);
	for (unsigned i = 0; i < conf->n_guests; i++)
		add_hotkey(&daemon->hotkeys, &conf->guests[i].hotkey, (int)i + 1);
	router_init(&daemon->router, &router_ops, &daemon->hotkeys, &conf->panic, &conf->always,
		    conf->n_guests + 1);
}

static void say_who_runs(uid_t user)
{
	const struct passwd *entry = getpwuid(user);

	log_error("another evswitch is running, as user %s: end that one first (systemctl --user "
		  "stop evswitch; or %spkill -x evswitch)",
		  entry ? log_str(entry->pw_name).text : "of another system",
		  user == geteuid() ? "" : "sudo ");
}

/* The one evswitch that runs, and may make devices. */
static int take_uinput(struct daemon *daemon)
{
	uid_t holder = 0;
	int rc = daemon->lock = instance_lock(&holder);

	if (rc >= 0)
		return EX_OK;
	if (rc == -EBUSY) {
		say_who_runs(holder);
		return EX_UNAVAILABLE;
	}
	if (rc == -EACCES || rc == -EPERM) {
		log_error("/dev/uinput: no permission: %s", access_why("/dev/uinput").text);
		return EX_NOPERM;
	}
	log_error("/dev/uinput: %s: load the module (sudo modprobe uinput)", strerror(-rc));
	return EX_UNAVAILABLE;
}

static bool any_guest(const struct daemon *daemon, bool (*is)(const struct guest *guest))
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		if (is(&daemon->guest[i]))
			return true;
	return false;
}

/* Nothing is grabbed yet: this may take what a keeper needs to answer, or does not. */
static void await_keepers(struct daemon *daemon)
{
	while (any_guest(daemon, guest_is_pending) && !daemon->quit)
		if (loop_turn(&daemon->loop, -1) < 0)
			return;
}

static int open_guests(struct daemon *daemon)
{
	int rc = 0;

	for (unsigned i = 0; i < daemon->conf->n_guests && rc == 0; i++)
		rc = guest_open(&daemon->guest[i], daemon->conf, &daemon->conf->guests[i],
				&daemon->loop, &guest_ops);
	if (rc == 0)
		await_keepers(daemon);
	for (unsigned i = 0; i < daemon->conf->n_guests && rc == 0; i++)
		rc = daemon->guest[i].open_error;
	return rc < 0 ? EX_CANTCREAT : EX_OK;
}

static int open_loop(struct daemon *daemon)
{
	static const int sigs[] = { SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGTTIN, SIGTTOU, 0 };
	int rc = loop_init(&daemon->loop);

	if (rc == 0)
		rc = launcher_watch(&daemon->launcher, &daemon->loop);
	if (rc == 0)
		rc = signals_init(&daemon->signals, &daemon->loop, sigs, signalled);
	if (rc == 0)
		rc = timer_init(&daemon->watchdog, &daemon->loop, watchdog_expired);
	if (rc == 0)
		rc = timer_init(&daemon->trial, &daemon->loop, trial_expired);
	if (rc == 0 && daemon->conf->start != ROUTER_HOST)
		rc = timer_init(&daemon->start, &daemon->loop, start_expired);
	if (rc == 0)
		return EX_OK;
	log_error("cannot set up the event loop: %s", strerror(-rc));
	return EX_OSERR;
}

static int find_devices(struct daemon *daemon)
{
	int rc = hotplug_init(&daemon->hotplug, &daemon->loop, &hotplug_ops);

	if (rc == 0)
		rc = hotplug_scan(&daemon->hotplug);
	if (rc < 0) {
		log_error("cannot ask udev for devices: %s", strerror(-rc));
		return EX_OSERR;
	}
	links_changed(&daemon->hotplug);
	for (unsigned i = 0; i < daemon->conf->n_devices; i++) {
		bool found = daemon->path_told[i];

		for (unsigned j = 0; j < ROUTER_DEVICES; j++)
			found |= daemon->source[j].conf == &daemon->conf->devices[i];
		if (!found)
			log_info("device %s: not here yet; waiting for it",
				 daemon->conf->devices[i].name);
	}
	if (daemon->hotplug.undone)
		log_warn("udev has not announced %u of the input devices; waiting (is udev "
			 "running? systemctl status systemd-udevd)",
			 daemon->hotplug.undone);
	return daemon->denied ? EX_NOPERM : EX_OK;
}

/* A process and a thread that have nothing open of what follows. */
static int start_helpers(struct daemon *daemon)
{
	int rc = launcher_start(&daemon->launcher, daemon->conf);

	if (rc < 0) {
		log_error("cannot start evs-launcher: %s", strerror(-rc));
		return EX_OSERR;
	}
	log_start();
	return EX_OK;
}

/* All that is written to exists before anything is grabbed, and before systemd hears of it. */
static int start(struct daemon *daemon, const struct daemon_options *options)
{
	int rc = start_helpers(daemon);

	if (rc == EX_OK)
		rc = take_uinput(daemon);
	if (rc == EX_OK)
		rc = open_loop(daemon);
	if (rc == EX_OK)
		rc = open_guests(daemon);
	if (rc == EX_OK)
		rc = find_devices(daemon);
	if (rc != EX_OK)
		return rc;
	timer_arm(&daemon->watchdog, daemon->notify.watchdog_ms, daemon->notify.watchdog_ms);
	timer_arm(&daemon->trial, options->try_s * 1000, 0);
	if (daemon->conf->start != ROUTER_HOST) {
		daemon->start_tries = START_TRIES;
		timer_arm(&daemon->start, START_TRY_MS, START_TRY_MS);
	}
	launch_hooks(&daemon->launcher, ROUTER_HOST);
	notify_send(&daemon->notify, "READY=1\nSTATUS=focus: host");
	notify_send(&daemon->notify, "WATCHDOG=1");
	return EX_OK;
}

/* Not while a frame is in hand: a grab delivers one. */
static void hurry_sources(struct daemon *daemon)
{
	daemon->hurry_due = false;
	if (daemon->router.focus == ROUTER_HOST)
		return;
	for (unsigned i = 0; i < ROUTER_DEVICES; i++)
		source_hurry(&daemon->source[i]);
}

static void run(struct daemon *daemon)
{
	while (!daemon->quit) {
		int rc = loop_turn(&daemon->loop, -1);

		if (rc < 0) {
			log_error("the event loop failed: %s", strerror(-rc));
			quit(daemon, EX_OSERR);
		}
		if (daemon->hurry_due)
			hurry_sources(daemon);
		if (daemon->ping_due)
			notify_send(&daemon->notify, "WATCHDOG=1");
		daemon->ping_due = false;
	}
}

/* A trial leaves a VM as it found it, unless a signal ends that. Input is free by now. */
static void take_back(struct daemon *daemon)
{
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		guest_take_back(&daemon->guest[i]);
	daemon->takes_back = any_guest(daemon, guest_takes_back);
	if (daemon->takes_back)
		log_info("taking the devices back from the VMs: Ctrl+C ends that at once");
	daemon->quit = false;
	while (!daemon->quit && any_guest(daemon, guest_takes_back))
		if (loop_turn(&daemon->loop, -1) < 0)
			break;
	for (unsigned i = 0; i < daemon->conf->n_guests; i++)
		guest_end_take_back(&daemon->guest[i]);
}

/* Everything up everywhere, then all devices at once back to the host. */
static void let_go(struct daemon *daemon, bool trial)
{
	int fds[ROUTER_DEVICES];

	notify_send(&daemon->notify, "STOPPING=1");
	hotplug_fini(&daemon->hotplug);
	if (daemon->router.ops)
		router_switch(&daemon->router, ROUTER_HOST);
	for (unsigned i = 0; i < ROUTER_DEVICES; i++) {
		router_remove_device(&daemon->router, i);
		fds[i] = daemon->source[i].conf ? source_close(&daemon->source[i]) : -1;
	}
	close_together(fds, ROUTER_DEVICES);
	if (trial && daemon->loop.epoll_fd >= 0)
		take_back(daemon);
	for (unsigned i = 0; i < CONF_GUESTS_MAX; i++)
		guest_close(&daemon->guest[i]);
	timer_fini(&daemon->start);
	timer_fini(&daemon->trial);
	timer_fini(&daemon->watchdog);
	signals_fini(&daemon->signals);
	notify_fini(&daemon->notify);
	launcher_stop(&daemon->launcher);
	loop_fini(&daemon->loop);
	close_fd(&daemon->lock);
}

int daemon_run(const struct conf *conf, const struct daemon_options *options)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int rc;

	if (!daemon)
		return EX_OSERR;
	daemon->conf = conf;
	daemon->loop.epoll_fd = daemon->lock = -1;
	daemon->launcher = (struct launcher)LAUNCHER_INIT;
	notify_init(&daemon->notify);
	signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more */
	/* Other programs of the same user have no business in what is typed: no core, no ptrace. */
	prctl(PR_SET_DUMPABLE, 0);
	init_router(daemon);
	rc = start(daemon, options);
	if (rc == EX_OK) {
		run(daemon);
		rc = daemon->exit_code;
	}
	let_go(daemon, options->try_s > 0);
	free(daemon);
	return rc;
}
