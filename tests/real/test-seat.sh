#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Other users at the seat: who is active there has the devices, by sessions of the real logind on virtual terminals.
# Runs as root in tests/vm/run --systemd --user NAME, after "make tests".
# shellcheck disable=SC2317 # check calls them
set -euo pipefail

top=$(dirname "$(readlink -f "$0")")/../..
# shellcheck source=tests/lib/desk.sh
. "$top/tests/lib/desk.sh"
program=$(readlink -f "${EVSWITCH:-$top/build/evswitch}")
long=240 # seconds that anything may take in an emulated machine, however busy the one that emulates it
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
# shellcheck source=tests/lib/seat.sh
. "$top/tests/lib/seat.sh"

finish() {
	if ((failed)); then
		note 'all that evswitch has said:'
		sed 's/^/#   /' "$dir/said"
		loginctl --no-pager | sed 's/^/#   /'
		journalctl -q --no-pager -o short-monotonic -n 40 | sed 's/^/#   /'
	fi
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	exit $((failed > 0))
}

says() { await "$log" "$1" || { fail "evswitch says: $1"; finish; }; }

# --- evswitch: as the user, or as root
mkfifo "$dir/log"
exec {log}<>"$dir/log"
pid=
begin() { # COMMAND...: as whom
	{ exec "$@" "$program" -c "$dir/conf" 2>"$dir/log" </dev/null; } &
	pid=$!
}
end() { kill "$pid"; check "$1" wait "$pid"; }
status() { as_user "$program" --status; }

note 'a machine with a seat'
useradd bob 1501
useradd carol 1502
need_seat
mkdir -p /etc/udev/rules.d
cp "$top/conf/65-evswitch.rules" /etc/udev/rules.d/
udevadm control --reload
udevadm trigger --settle --action=change /dev/uinput
cat >"$dir/conf" <<'CONF'
[device keyboard]
name = test keyboard
[device mouse]
name = test mouse
[guest one]
via = input-linux
CONF
desk_open
hand plug keyboard keyboard test/keyboard c001 test keyboard
hand plug mouse mouse test/mouse c002 test mouse
udevadm settle
both() { says "device (keyboard|mouse): $1"; says "device (keyboard|mouse): $1"; }
taken() { both '.* is grabbed'; }
left() { both "not grabbed: $1 is active at seat0"; }

note 'before anybody has logged in'
begin "${user_is[@]}"
taken
watch_host
check 'all is grabbed' grabbed 2
check 'a key arrives at the host' types

note 'another user'
login bob tty4
check 'who has logged in, but is not active, changes nothing' types
hand key keyboard KEY_A 1
hand see hk KEY_A 1
hand signal $$ 18 # SIGCONT, which starts the clock
vt 4
left bob
check 'the key that is down is released' let_go hk
check 'nothing is grabbed' grabbed 0
check 'what is typed now reaches others' hand free
note "free $answer ms after the terminal was switched, by this machine's clock"
check 'but not our user' hand quiet hk
check 'nor what the mouse does' hand quiet hm
hand key keyboard KEY_A 0
check '--status says why' has "$(status)" 'device keyboard: /dev/input/event'
check 'for each device' is "$(status | grep -c ': waiting: not grabbed: bob is active at seat0$')" 2
check 'the focus is at the host' has "$(status)" 'focus: host'

note 'what comes and goes meanwhile'
hand unplug mouse
hand plug mouse mouse test/mouse c002 test mouse
says 'device mouse: not grabbed: bob is active at seat0'
check 'what is plugged in is not grabbed' grabbed 0
login carol tty8
vt 8
names_carol() { [[ $(status) == *'carol is active'*'carol is active'* ]]; }
check '--status names whoever is active now' soon names_carol
check 'and nothing is grabbed' grabbed 0
# Where nobody could continue it, in an orphaned process group, the kernel does not stop it, and it goes on at once.
# Otherwise it may stop before what it says is written.
stopped() {
	local until=$((SECONDS + long))
	kill -TSTP "$pid"
	while ((SECONDS < until)); do
		[[ $(</proc/"$pid"/stat) != *') T '* ]] || return 0
		! await "$log" 'stopped by job control' 1 || return 0
	done
	return 1
}
continued() {
	local until=$((SECONDS + long))
	while ((SECONDS < until)); do
		kill -CONT "$pid"
		[[ $(as_user timeout 10 "$program" --status) != *'carol is active at seat0'* ]] || return 0
	done
	return 1
}
check 'it hears of job control' stopped
check 'stopped and continued, it answers' continued
check 'and grabs nothing that is another user'\''s' grabbed 0

note 'our user'
login "$user" tty3
vt 3
taken
check 'all is grabbed again' grabbed 2
unwatch_host
watch_host
check 'a key arrives at the host' types
check '--status has nothing to say' lacks "$(status)" 'waiting'

note 'a guest has the focus'
hand watch gk evswitch/one/keyboard
hand hold gk
toggle
says 'focus: one'
hand key keyboard KEY_B 1
check 'a key is down in the guest' hand see gk KEY_B 1
vt 4
says 'focus: host'
left bob
check 'it is released there' let_go gk
check 'what is typed now reaches others' hand free
check 'not the guest' hand quiet gk
hand key keyboard KEY_B 0
check 'the guest can be given the focus' has "$(as_user "$program" --switch one)" 'focus: one'
says 'focus: one'
check 'and gets nothing that another user types' hand quiet gk
check 'since nothing is grabbed' grabbed 0
vt 3
taken
hand key keyboard KEY_C 1
check 'ours again, it is the guest'\''s' hand see gk KEY_C 1
hand key keyboard KEY_C 0
toggle
says 'focus: host'

note 'a terminal on which nobody has logged in'
vt 4
left bob
vt 7
taken
check 'all is grabbed' grabbed 2
unwatch_host
hand unwatch gk

note 'who starts, and who ends'
vt 4
left bob
end 'it ends while another user is active'
begin "${user_is[@]}"
left bob
check 'started while another user is active, it grabs nothing' grabbed 0
logout bob
taken
check 'he logs out: all is grabbed' grabbed 2
vt 8
left carol
end 'it ends'
begin env -u XDG_RUNTIME_DIR
taken
check 'root'\''s belongs to no seat' grabbed 2
end 'it ends'

note 'without logind'
systemctl stop login-carol "login-$user"
systemctl stop systemd-logind 2>/dev/null
rm -rf /run/systemd/seats
begin "${user_is[@]}"
taken
check 'all is grabbed' grabbed 2
end 'it ends'
mkdir -p /run/systemd/seats
systemctl start systemd-logind
finish
