#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The system service: its user, its sandbox, who controls it, and hooks in the session of whoever is active at the seat.
# Runs as root in tests/vm/run --systemd --user NAME, after "make tests"; installs into the VM's own root.
# shellcheck disable=SC2317 # check calls them
set -euo pipefail

top=$(dirname "$(readlink -f "$0")")/../..
# shellcheck source=tests/lib/desk.sh
. "$top/tests/lib/desk.sh"
long=240 # seconds that anything may take in an emulated machine, however busy the one that emulates it
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/lib/seat.sh
. "$top/tests/lib/seat.sh"
hooked=/run/user/1500/hooked

finish() {
	if ((failed)); then
		note 'what was said:'
		sed 's/^/#   /' "$dir/said"
		journalctl -q --no-pager -o short-monotonic -n 60 | sed 's/^/#   /'
		[[ ! -e $hooked ]] || sed 's/^/#   hooked: /' "$hooked"
	fi
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	exit $((failed > 0))
}
says() { await "$service" "$1" || { fail "the service says: $1"; finish; }; }
show() { systemctl show -P "$1" evswitch; }
as() { setpriv --reuid "$1" --regid "$1" --clear-groups env -i PATH=/usr/bin:/bin "${@:2}"; }
status_has() { [[ $(as "$1" evswitch --status 2>&1) == *"$2"* ]]; }
answers() { status_has "$1" 'focus: '; }
refuses() { ! answers "$1"; }
did() { grep -qxF "$1" "$hooked" 2>/dev/null; }

note 'installing'
rm -f /etc/udev/rules.d/65-evswitch.rules
make -s -C "$top" -o all install PREFIX=/usr >"$dir/make" 2>&1 || { cat "$dir/make"; fail 'make install'; finish; }
systemd-sysusers evswitch.conf
udevadm control --reload
udevadm trigger --settle --action=change /dev/uinput
check 'sysusers makes the user' has "$(id evswitch 2>&1)" 'uid='
check 'in group input, and no other but its own' is "$(id -nG evswitch)" 'evswitch input'
mkdir -p /run/systemd/system/evswitch.service.d /etc/evswitch
printf '[Service]\nWatchdogSec=%d\nTimeoutStartSec=%d\nTimeoutStopSec=%d\nEnvironment=EVSWITCH_PATIENCE=100\n' \
	"$long" "$long" "$long" >/run/systemd/system/evswitch.service.d/patient.conf
cat >/etc/evswitch/evswitch.conf <<'CONF'
[evswitch]
on-refused = echo "refused $EVSWITCH_TARGET $CAUSE $(id -un)" >>$XDG_RUNTIME_DIR/hooked
[device keyboard]
name = test keyboard
[device mouse]
name = test mouse
[guest one]
via = input-linux
on-enter = echo "enter $TO $(id -un)" >>$XDG_RUNTIME_DIR/hooked
on-leave = echo "leave $FROM $(id -un)" >>$XDG_RUNTIME_DIR/hooked
on-lost = echo "lost $EVSWITCH_TARGET $CAUSE" >>$XDG_RUNTIME_DIR/hooked
[guest two]
via = virtio-input
CONF
systemctl daemon-reload
desk_open
hand plug keyboard keyboard test/keyboard c001 test keyboard
hand plug mouse mouse test/mouse c002 test mouse
udevadm settle

note 'before anybody has logged in'
exec {service}< <(exec journalctl -q -f --no-tail -o cat -u evswitch)
check 'it starts' systemctl start evswitch
says 'the system service runs no hooks'
says 'device (keyboard|mouse): .* is grabbed'
says 'device (keyboard|mouse): .* is grabbed'
check 'all is grabbed' grabbed 2
watch_host
check 'a key arrives at the host' types
check 'the guest'\''s devices are there' test -e /dev/input/by-id/evswitch-one-keyboard
check 'root sees its state' has "$(evswitch --status)" 'focus: host'

note 'its confinement'
pid=$(show MainPID)
keeper=$(pgrep -x -u evswitch evs-keeper | head -n 1)
of() { sed -n "s/^$2:[[:blank:]]*//p" "/proc/$1/status"; }
for who in "evswitch $pid" "its keeper $keeper"; do
	process=${who##* } who=${who% *}
	check "$who: its user is not root" has "$(of "$process" Uid)" "$(id -u evswitch)"
	for set in CapInh CapPrm CapEff CapBnd CapAmb; do
		check "$who: $set is empty" is "$(of "$process" $set)" 0000000000000000
	done
	check "$who: no new privileges" is "$(of "$process" NoNewPrivs)" 1
	check "$who: its system calls are filtered" is "$(of "$process" Seccomp)" 2
done
exposure=$(systemd-analyze security --no-pager evswitch.service 2>/dev/null | sed -n 's/.*Overall exposure level.*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
note "systemd-analyze security, in tenths: $exposure"
check 'systemd-analyze security: 1.0 at most' at_most "${exposure:-100}" 10
# Root, with all its capabilities, in the service's cgroup.
opens() { sh -c 'echo $$ >"/sys/fs/cgroup/$1/cgroup.procs" && exec <"$2"' sh "$(show ControlGroup)" "$1" 2>>"$dir/said"; }
check 'in its cgroup an input device can be opened' opens "$(hand watch hk2 evswitch/host/keyboard; echo "$answer")"
check 'no other device: /dev/mem' not opens /dev/mem
check 'no other device: /dev/kmsg' not opens /dev/kmsg
check 'its sockets are its own' is "$(find /run/evswitch -type s -perm /077)" ''

note 'who controls it'
useradd bob 1501
check 'a user without a session does not' refuses 1501
answer=$(as 1501 evswitch --status 2>&1) || true
check 'and hears whom it serves' has "$answer" 'serves'
check 'nor one whose user manager lingers' refuses 1500
answer=$(as_user evswitch -c /etc/evswitch/evswitch.conf 2>&1) && status=0 || status=$?
check 'an evswitch of a user does not start beside it' is "$status" 69
check 'and says why' has "$answer" 'as the system service'
need_seat
login "$user" tty3
vt 3
check 'who is active at the seat does' soon answers 1500
check 'bob still does not' refuses 1501

note 'hooks'
as_user systemctl --user start evswitch-hooks
hand watch gk evswitch/one/keyboard
hand hold gk
can_switch() { as_user evswitch --switch one >/dev/null 2>&1; }
check 'the user can switch' soon can_switch
check 'on-enter runs in the user'\''s session' soon did "enter one $user"
check 'on-leave does not run yet' not did "leave one $user"
check 'a guest that is down is refused' not as_user evswitch --switch two
check 'on-refused runs there, too' soon did "refused two not-open $user"

note 'another user'
login bob tty4
vt 4
check 'who is active now controls it' soon answers 1501
check 'who was active does not' refuses 1500
check 'the guest is left in the session of the former' soon did "leave one $user"
check 'the focus stays' status_has 1501 'focus: one'
check 'and the devices are grabbed' grabbed 2
check 'bob takes the focus back' as 1501 evswitch --switch host
vt 3
check 'active again, the first controls it again' soon answers 1500
check 'not bob' refuses 1501
check 'the user switches' as_user evswitch --switch one
soon did "enter one $user"
hand unwatch gk
hand key keyboard KEY_A 1
hand key keyboard KEY_A 0
says 'focus: host'
check 'on-lost runs when the guest has gone' soon did 'lost one not-open'
vt 7
check 'where nobody is active, nobody does' soon refuses 1500

note 'restarts and reloads'
hand watch gk evswitch/one/keyboard
node=$answer
hand hold gk
check 'systemctl reload' systemctl reload evswitch
echo 'nonsense' >>/etc/evswitch/evswitch.conf
check 'a wrong configuration is not taken' not systemctl reload evswitch
sed -i '$d' /etc/evswitch/evswitch.conf
pkill -KILL -x evswitch -u evswitch
says 'device (keyboard|mouse): .* is grabbed'
says 'device (keyboard|mouse): .* is grabbed'
check 'killed, it starts again' grabbed 2
check 'its guests keep their devices' is "$(hand watch gk2 evswitch/one/keyboard; echo "$answer")" "$node"
systemctl stop evswitch
check 'stopped, it leaves the devices' grabbed 0
check 'its keeper stays' kill -0 "$keeper"
check 'its socket directory, too' test -d /run/evswitch
systemctl start evswitch
says 'device (keyboard|mouse): .* is grabbed'
says 'device (keyboard|mouse): .* is grabbed'
check 'started, it takes them' grabbed 2
systemctl stop evswitch
finish
