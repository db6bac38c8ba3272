#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The user service under a real user manager: installing, permissions, watchdog, restarts, hooks, sandbox.
# Runs as root in tests/vm/run --systemd --user NAME, after "make tests"; installs into the VM's own root.
# shellcheck disable=SC2317 # check calls them
set -euo pipefail

top=$(dirname "$(readlink -f "$0")")/../..
# shellcheck source=tests/lib/desk.sh
. "$top/tests/lib/desk.sh"
conf=$home/.config/evswitch/evswitch.conf
unit=evswitch.service
long=240 # seconds that anything may take in an emulated machine, however busy the one that emulates it
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sc() { as_user systemctl --user "$@"; }
show() { sc show -P "$1" $unit; }

# --- the journal: what the service says, and what the user's manager says of it
follow() {
	exec {journal}< <(exec journalctl -q -f --no-tail -o cat "_SYSTEMD_USER_UNIT=$unit" + "USER_UNIT=$unit")
}
# await REGEX [SECONDS]: the next line that matches, from where the last one was found.
line=
await() {
	local until=$((SECONDS + ${2:-$long}))
	while ((SECONDS < until)) && IFS= read -r -t $((until - SECONDS)) line <&"$journal"; do
		printf '%s\n' "$line" >>"$dir/journal"
		[[ ! $line =~ $1 ]] || return 0
	done
	return 1
}
must() {
	await "$@" && return
	fail "the journal says: $1"
	note 'the last lines of it:'
	tail -n 20 "$dir/journal" | sed 's/^/#   /'
	finish
}

# --- the devices
press() {
	hand key keyboard KEY_A 1
	hand key mouse BTN_LEFT 1
	hand see hk KEY_A 1 && hand see hm BTN_LEFT 1
}
lift() { hand key keyboard KEY_A 0; hand key mouse BTN_LEFT 0; }
await_grabs() { for _ in {1..8}; do must 'evswitch: device .* is grabbed'; done; }
# Started, all grabbed, and the host's devices opened as a desktop opens them.
await_start() { must '^Started '; await_grabs; watch_host; }

finish() {
	if ((failed)) && [[ -e $dir/journal ]]; then
		note 'all of the journal:'
		sed 's/^/#   /' "$dir/journal"
	fi
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	exit $((failed > 0))
}

# --- make install
note 'installing'
stage=$dir/stage
install() { make -s -C "$top" -o all "$@" PREFIX=/usr 2>>"$dir/make" >&2; }
install install "DESTDIR=$stage" || { cat "$dir/make"; fail 'make install'; finish; }
mapfile -t files < <(find "$stage" -type f -printf '/%P\n' | sort)
rm -f "${files[@]}" # from --rules
present() { local file n=0; for file in "${files[@]}"; do [[ ! -e $file ]] || n=$((n + 1)); done; echo $n; }
install install DESTDIR=
note "files: ${files[*]}"
check 'make install: all its files are in place' is "$(present)" "${#files[@]}"
check 'the program runs' has "$(as_user evswitch --version)" evswitch
for page in evswitch.1 evswitch.conf.5; do
	check "manual: $page" has "$(as_user man -w "${page##*.}" "${page%.*}" 2>&1)" "/$page"
done
check 'the unit names the program' grep -qx ExecStart=/usr/bin/evswitch "/etc/systemd/user/$unit"
# An emulated machine, and a busy one, can take longer to start a program, or to close devices, than unit and watchdogs
# have patience. patient [WATCHDOG-SETTING...]
patient() {
	mkdir -p "/run/systemd/user/$unit.d"
	printf '%s\n' '[Service]' TimeoutStartSec=90 TimeoutStopSec=90 "$@" >"/run/systemd/user/$unit.d/slow.conf"
	sc daemon-reload
}
long_watch=(WatchdogSec=40 Environment=EVSWITCH_PATIENCE=20)
patient "${long_watch[@]}"
check 'systemd-analyze verify is silent' is "$(as_user systemd-analyze --user verify $unit 2>&1)" ''
score=$(as_user systemd-analyze --user security --no-pager $unit | tail -n 1)
note "systemd-analyze security:${score#*:}"
score=${score##*: }
score=${score%% *}
check 'its exposure is 6.0 at most' at_most "${score/./}" 60
check 'the modules-load file loads' /lib/systemd/systemd-modules-load /etc/modules-load.d/evswitch-uinput.conf

# --- permissions, as the README gives them
note 'permissions'
if udevadm verify --help >/dev/null 2>&1; then
	check 'udevadm verify' udevadm verify --no-summary /etc/udev/rules.d/65-evswitch.rules
else
	skip 'udevadm verify: this udev has none'
fi
udevadm control --reload
udevadm trigger --settle --action=change /dev/uinput
check '/dev/uinput by the rule' is "$(stat -c '%U:%G %a' /dev/uinput)" 'root:input 660'
ls /usr/lib/udev/hwdb.bin /etc/udev/hwdb.bin >/dev/null 2>&1 || systemd-hwdb update

desk_open
hand plug keyboard keyboard test/keyboard c001 test keyboard
keyboard=$answer
hand plug mouse mouse test/mouse c049 Logitech USB Gaming Mouse
for n in 1 2 3 4 5 6; do
	hand plug "extra$n" mouse "test/extra$n" c003 test extra
done
udevadm settle
follow

as_user mkdir -p "${conf%/*}"
write_conf() { as_user tee "$conf" >/dev/null; }
write_conf <<'CONF'
[device keyboard]
name = test keyboard
[device mouse]
name = Logitech USB Gaming Mouse
[device extra]
name = test extra
CONF

gid=$(getent group input | cut -d: -f3)
gpasswd -d "$user" input >/dev/null
systemctl restart user@1500
check 'without group input' lacks " $(as_user id -G) " " $gid "
check 'it does not start' not sc start $unit 2>/dev/null
must '/dev/uinput: no permission: you are not in group input'
note "$line"
check 'exit code 77' is "$(show ExecMainStatus)" 77
check 'it stays down' is "$(show ActiveState) $(show NRestarts)" 'failed 0'
gpasswd -a "$user" input >/dev/null
check 'a user manager older than the group' not sc start $unit 2>/dev/null
must '/dev/uinput: no permission: you are in group input, and so is this login, but the user manager'
note "$line"
check 'names the way out' has "$line" 'sudo systemctl restart user@1500'
chmod 600 /dev/uinput
check 'a rule that was not applied' not sc start $unit 2>/dev/null
must '/dev/uinput: no permission: only root may open it'
check 'names the commands' has "$line" 'sudo udevadm trigger /dev/uinput'
chmod 660 /dev/uinput
systemctl restart user@1500
check 'with group input and nothing else' is "$(as_user id -G)" "1500 $gid"

# --- mistakes in the configuration
note 'configuration'
good=$(<"$conf")
write_conf <<<$'[device keyboard]\nnam = test keyboard'
check 'broken: it does not start' not sc start $unit 2>/dev/null
must 'evswitch: .*evswitch.conf:2'
note "$line"
check 'exit code 78' is "$(show ExecMainStatus)" 78
check 'it stays down' is "$(show ActiveState) $(show NRestarts)" 'failed 0'
rm "$conf"
sc reset-failed $unit
check 'none: it does not start' not sc start $unit 2>/dev/null
check 'exit code 66' is "$(show ExecMainStatus)" 66
check 'it stays down' is "$(show ActiveState) $(show NRestarts)" 'failed 0'
check 'nothing is grabbed' grabbed 0

# --- the good case
note 'running'
write_conf <<CONF
$good
[guest one]
via = input-linux
on-enter = echo \$EVSWITCH_TARGET >\$HOME/entered && { setsid sleep 1000 & } && echo enter \$! >\$HOME/hooks
on-leave = echo leave \$EVSWITCH_TARGET >\$HOME/hooks && systemd-run --user --collect -q $home/outside
CONF
as_user tee "$home/outside" >/dev/null <<'HOOK'
#!/bin/sh
echo "outside $(grep -c '^Seccomp:.*0' /proc/self/status)" >"$HOME/hooks"
HOOK
chmod +x "$home/outside"
as_user mkfifo "$home/hooks"
exec {hooks}<>"$home/hooks"
sc reset-failed $unit
sc start $unit
check 'starting it returns when it is ready' is "$(show ActiveState) $(show SubState)" 'active running'
await_start
check 'it says where the focus is' is "$(show StatusText)" 'focus: host'
check 'all is grabbed' grabbed 8
check 'a key arrives at the host' types
pid=$(show MainPID)
status() { sed -n "s/^$1:\t//p" "/proc/$pid/status"; }
check 'NoNewPrivs' is "$(status NoNewPrivs)" 1
check 'Seccomp' is "$(status Seccomp)" 2
check 'no capabilities' is "$(status CapPrm) $(status CapEff)" '0000000000000000 0000000000000000'
check 'the uid' is "$(status Uid)" $'1500\t1500\t1500\t1500'
check 'the slice' has "$(<"/proc/$pid/cgroup")" "/session.slice/$unit"
check 'in the host'\''s namespaces' is "$(readlink "/proc/$pid/ns/user" "/proc/$pid/ns/net" | tr '\n' ' ')" \
	"$(readlink /proc/self/ns/user /proc/self/ns/net | tr '\n' ' ')"
# Nothing that would outlive it holds a device: evdev nodes and udev's sockets are its own.
not_inherited() {
	local fd flags
	for fd in "/proc/$pid/fd"/*; do
		[[ ${fd##*/} -gt 2 && $(readlink "$fd") == /dev/* ]] || continue
		flags=$(sed -n 's/^flags:\t//p' "/proc/$pid/fdinfo/${fd##*/}")
		((8#$flags & 8#2000000)) || { note "$(readlink "$fd") is not close-on-exec"; return 1; }
	done
}
check 'its devices are close-on-exec' not_inherited

# --- another configuration
note 'reload'
cp "$conf" "$dir/conf"
printf '[guest two]\n' >>"$conf"
check 'systemctl reload succeeds' sc reload $unit
must "evswitch.conf is reloaded"
must 'Reloaded evswitch.service'
check 'the guest is known' has "$(as_user /usr/bin/evswitch --status)" 'guest two '
printf 'nonsense\n' >>"$conf"
check 'systemctl reload fails with a broken file' not sc reload $unit
must 'nothing is changed: correct the configuration'
check 'it goes on' is "$(show ActiveState) $(show SubState)" 'active running'
cp "$dir/conf" "$conf"
kill -HUP "$pid"
must 'evswitch.conf is reloaded'
check 'the guest is gone' lacks "$(as_user /usr/bin/evswitch --status)" 'guest two '
check 'a key arrives at the host' types
check 'the same process' is "$(show MainPID) $(show NRestarts)" "$pid 0"

# --- udev rules
note 'udev rules'
watch_guest() {
	hand watch gk evswitch/one/keyboard
	gk=$answer
	hand watch gp evswitch/one/pointer
	gp=$answer
}
udevadm settle
watch_guest
for node in "keyboard $gk" "pointer $gp"; do
	link=/dev/input/by-id/evswitch-one-${node% *}
	node=${node#* }
	properties=" $(udevadm info -q property "$node" | tr '\n' ' ')"
	check "$link" is "$(readlink -f "$link")" "$node"
	check 'no business of libinput' has "$properties" ' LIBINPUT_IGNORE_DEVICE=1 '
	check 'no keys for logind' lacks "$properties" ' ID_INPUT_KEY=1 '
	check 'no power switch' lacks "$properties" power-switch
	check 'group input may open it' is "$(stat -c '%U:%G %a' "$node")" 'root:input 660'
done
host=$(grep -lx evswitch/host/mouse /sys/class/input/event*/device/phys | cut -d/ -f5)
properties=" $(udevadm info -q property "/dev/input/$host" | tr '\n' ' ')"
check 'the host'\''s mouse is on USB' has "$properties" ' ID_BUS=usb '
check 'the host'\''s mouse has its resolution' has "$properties" ' MOUSE_DPI=400@500 *800@500 2000@500 '
check 'the host'\''s mouse is libinput'\''s' lacks "$properties" LIBINPUT_IGNORE_DEVICE
host=$(grep -lx evswitch/host/keyboard /sys/class/input/event*/device/phys | cut -d/ -f5)
properties=" $(udevadm info -q property "/dev/input/$host" | tr '\n' ' ')"
check 'the host'\''s keyboard is on USB' has "$properties" ' ID_BUS=usb '
check 'the host'\''s keyboard has power keys' has "$properties" power-switch
check 'the real one is not renamed' is "$(udevadm info -q property "$keyboard" | grep -c '^ID_BUS=' || true)" 0

# --- watchdogs: evswitch's own, which is the quicker one, and systemd's
note 'watchdogs'
# The guest does not hold its nodes yet, so they end with the service.
restart_all() {
	unwatch_host
	hand unwatch gk
	hand unwatch gp
	sc restart --no-block $unit
	await_start
	watch_guest
	pid=$(show MainPID)
}
patient
restart_all
usec=$(show WatchdogUSec)
check 'the watchdog is on' is "$usec" 2s
check 'idle for 4 times that: it lives' not await 'exited|imeout' 8
check 'the same process' is "$(show MainPID) $(show NRestarts)" "$pid 0"

# survives WHAT DESK-COMMAND SIGNAL MS [REGEX]: with a key and a button held, and back afterwards; the journal says REGEX.
survives() {
	local before=$pid restarts
	restarts=$(show NRestarts)
	check "$1: a key and a button are down" press
	hand "$2" "$before" ${3:+"$3"}
	check "$1: input is free" hand free
	ms=$answer
	note "$1: 8 devices free after $ms ms"
	check "$1: free within $4 ms" at_most "$ms" "$4"
	check "$1: the key is up on the host" let_go hk
	check "$1: the button is up on the host" let_go hm
	unwatch_host
	[[ ! ${5-} ]] || must "$5"
	must 'Main process exited, code=killed, status=9/KILL'
	lift
	await_start
	pid=$(show MainPID)
	check "$1: back, as another process" test "$pid" != "$before"
	check "$1: restarted once" is "$(show NRestarts)" $((restarts + 1))
	check "$1: a key arrives at the host" types
}
# On a busy machine systemd's can be the quicker one. tests/real/test-watchdog.c has the limits of evswitch's.
either='evswitch did not respond|Watchdog timeout'
survives 'frozen (SIGSTOP)' signal 19 8000 "$either"
case $(uname -m) in
x86_64 | aarch64) survives 'spinning in user space' hang '' 8000 "$either" ;;
*) skip 'spinning in user space: not for this processor' ;;
esac
survives 'kill -9' signal 9 5000
sc reset-failed $unit # its count of starts
pkill -KILL -x evs-watchdog
must 'evs-watchdog has exited'
survives 'frozen, and without its own watchdog' signal 19 8000 'Watchdog timeout'
patient "${long_watch[@]}"
restart_all

# --- the guest's end, which is held all the time, outlives the service
note 'the guest'\''s end'
hooked() { read -r -t "$long" answer <&"$hooks" || { note 'no hook ran'; return 1; }; }
enter_guest() { toggle && must 'focus: one' && hooked && kill "${answer#enter }"; }
# Its on-leave says two things, the second of them from outside.
leave_guest() { toggle && must 'focus: host' && left_guest; }
left_guest() { hooked && hooked; }
keepers() { pgrep -u "$user" -f -- '^evswitch --keep ' || true; }
same_nodes() {
	is "$(readlink -f /dev/input/by-id/evswitch-one-keyboard /dev/input/by-id/evswitch-one-pointer | tr '\n' ' ')" \
		"$gk $gp "
}
released_there() { hand released "$1" && is "$answer" released; }
# outlives WHAT COMMAND...: typed into the guest meanwhile, which has opened its nodes once and for all.
outlives() {
	local what=$1 before=$pid
	shift
	check "$what: the guest has the focus" enter_guest
	hand key keyboard KEY_B 1
	hand key mouse BTN_RIGHT 1
	check "$what: a key is down in the guest" hand see gk KEY_B 1
	check "$what: a button is down in the guest" hand see gp BTN_RIGHT 1
	"$@"
	check "$what: the key is up in the guest, which keeps its node" released_there gk
	check "$what: the button too" released_there gp
	unwatch_host
	await_start
	hand key keyboard KEY_B 0
	hand key mouse BTN_RIGHT 0
	pid=$(show MainPID)
	check "$what: back, as another process" test "$pid" != "$before"
	check "$what: the unit is well" is "$(show ActiveState) $(show SubState)" 'active running'
	check "$what: the same nodes" same_nodes
	check "$what: the same keeper" is "$(keepers)" "$keeper"
	check "$what: the guest has the focus again" enter_guest
	hand key keyboard KEY_C 1
	check "$what: a key arrives in the guest" hand see gk KEY_C 1
	hand key keyboard KEY_C 0
	check "$what: and its release" hand see gk KEY_C 0
	check "$what: the host has the focus" leave_guest
	check "$what: a key arrives at the host" types
}
keeper=$(keepers)
check 'no other program of the user can look into the daemon' is "$(stat -c %U "/proc/$(show MainPID)/environ")" root
check 'nor into the keeper' is "$(stat -c %U "/proc/$keeper/environ")" root
check 'one guest has one keeper' is "$(wc -w <<<"$keeper")" 1
check 'it is of the unit' has "$(<"/proc/$keeper/cgroup")" "/session.slice/$unit"
filters() { sed -n 's/^Seccomp_filters:\t//p' "/proc/$1/status"; }
check 'under its rules and its own' test "$(filters "$keeper")" -gt "$(filters "$(show MainPID)")"
check 'each keeper could confine itself' lacks "$(<"$dir/journal")" 'not confined'
hand hold gk
hand hold gp
restart() { sc restart --no-block $unit; }
restart_leaving() { restart && left_guest; }
sc reset-failed $unit # its count of starts: so many in a minute are the limit, and no failure here
# Whoever starts next runs the on-leave that was due.
kill_leaving() { hand signal "$pid" 9 && left_guest; }
outlives 'kill -9' kill_leaving
outlives 'restart' restart_leaving

note 'five failures'
unwatch_host
sc stop $unit
sc reset-failed $unit 2>/dev/null || true # stopped, it may not be loaded any more, nor its count
sc start $unit
for n in 1 2 3 4 5; do
	await_grabs
	hand signal "$(show MainPID)" 9
	must 'Scheduled restart job'
	((n == 5)) || must '^Started '
done
must 'Start request repeated too quickly'
must '^Failed to start '
# A process that dies with eight grabs can take longer than the watchdog has patience: then that is
# the result, instead of the signal.
check 'it stays down' has ' signal watchdog ' " $(show Result) "
check 'as failed' is "$(show ActiveState)" failed
check 'input is free' hand free
check 'nothing is grabbed' grabbed 0
check 'no more of it' not await . 2
check 'one line says so' is "$(grep -c 'repeated too quickly' "$dir/journal")" 1
sc reset-failed $unit
sc start $unit
await_start
pid=$(show MainPID)

# --- hooks and the end
note 'hooks and stop'
hand unwatch gk
hand unwatch gp
hand watch gk evswitch/one/keyboard
hand watch gp evswitch/one/pointer
hand hold gk
hand hold gp
toggle
must 'focus: one'
check 'on-enter runs' hooked
hook=${answer#enter }
check 'and writes into the home directory' is "$(<"$home/entered")" one
check 'under the sandbox' is "$(sed -n 's/^Seccomp:\t//p' "/proc/$hook/status")" 2
hand key keyboard KEY_B 1
check 'a key arrives at the guest' hand see gk KEY_B 1
hand key mouse BTN_RIGHT 1
check 'and a button' hand see gp BTN_RIGHT 1
sc stop --no-block $unit
check 'stop: the key is up in the guest' let_go gk
check 'stop: the button is up in the guest' let_go gp
check 'stop: nothing is down on the host' let_go hk
must '^Stopped '
check 'stop: input is free' hand free
check 'stop: nothing is grabbed' grabbed 0
check 'stop: exit code 0' is "$(show Result) $(show ExecMainCode) $(show ExecMainStatus)" 'success 1 0'
check 'stop: what the hook started lives on' test "$(readlink "/proc/$hook/exe")" -ef "$(command -v sleep)"
check 'stop: on-leave runs' hooked
check 'on-leave knows its guest' is "$answer" 'leave one'
check 'what it gives to the user'\''s manager runs' hooked
check 'outside the sandbox' is "$answer" 'outside 1'
hand key keyboard KEY_B 0
hand key mouse BTN_RIGHT 0
unwatch_host
keeper=$(keepers)
check 'stop: the keeper stays while its guest does' is "$(wc -w <<<"$keeper")" 1
hand unwatch gk
check 'stop: and while that has one of the nodes' test -e "/proc/$keeper"
hand unwatch gp
gone() { timeout "$long" tail -q --pid="$1" -f /dev/null; }
check 'stop: then it ends' gone "$keeper"
check 'stop: and so do its nodes' test ! -e "$gk"
check 'stop: nothing is left of it' is "$(ls /run/user/1500/evswitch)" ''
sc start $unit
await_start
check 'it starts again beside it' test "$(readlink "/proc/$hook/exe")" -ef "$(command -v sleep)"
check 'a key arrives at the host' types
unwatch_host

# --- without anybody logged in
note 'the user'\''s manager'
check 'linger' is "$(loginctl show-user "$user" -P Linger)" yes
sc enable -q $unit
systemctl restart user@1500
await_start
check 'enabled, it comes with the user'\''s manager' is "$(show ActiveState) $(show NRestarts)" 'active 0'
check 'a key arrives at the host' types
pid=$(show MainPID)
hand key keyboard KEY_A 1
hand see hk KEY_A 1
systemctl stop --no-block user@1500
check 'it ends with the user'\''s manager: the key is up' let_go hk
systemctl stop user@1500 # and awaits it
check 'the process is gone' test ! -e "/proc/$pid"
check 'nothing is grabbed' grabbed 0
hand key keyboard KEY_A 0
systemctl start user@1500
unwatch_host
await_start
sc disable -q --now $unit
skip 'a logout without linger: the VM has no login'

install uninstall DESTDIR=
install uninstall "DESTDIR=$stage"
check 'make uninstall: none of the files is left' is "$(present)" 0
check 'its own directory neither' test ! -e /usr/share/doc/evswitch
check 'the same from DESTDIR' is "$(find "$stage" -type f)" ''
finish
