#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# evswitch --check on a real kernel, with udev's links and permissions. Runs as root in tests/vm/run --udev: it makes
# devices, changes the permissions of nodes and adds udev rules below /run. EVSWITCH names the program.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
evswitch=${EVSWITCH:-$here/../../build/evswitch}
devices=${evswitch%/*}/tests/real/probe-devices
dir=$(mktemp -d)
chmod 755 "$dir"
rules=/run/udev/rules.d/99-test-check.rules
passed=0 failed=0 hand_pid='' daemon_pid=''
# shellcheck disable=SC2317
cleanup() {
	[[ -z $hand_pid ]] || kill "$hand_pid" 2>/dev/null || true
	[[ -z $daemon_pid ]] || kill "$daemon_pid" 2>/dev/null || true
	rm -rf "$dir" "$rules"
}
trap cleanup EXIT

check() {
	if "${@:2}"; then
		passed=$((passed + 1)); printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'FAIL %s\n' "$1"; sed 's/^/     /' "$dir/out"
	fi
}
is() { [[ $1 == "$2" ]] || { printf '     "%s" instead of "%s"\n' "$1" "$2"; return 1; }; }
# Sends a command to probe-devices; $node is the device that it made.
hand() {
	local answer
	printf '%s\n' "$*" >&"${DEVICES[1]}"
	read -r answer <&"${DEVICES[0]}"
	[[ $answer == ok* ]] || { printf 'test-check: %s: %s\n' "$*" "$answer" >&2; exit 1; }
	node=${answer#ok}
	node=${node# }
}
# Checks a configuration with this [device] section, as this user; found: what one finding says.
run() { # LINE COMMAND...
	printf '[device board]\n%s\n[device mouse]\nname = Acme Mouse\n[guest win]\n' "$1" >"$dir/conf"
	status=0
	"${@:2}" "$evswitch" -c "$dir/conf" --check --json >"$dir/out" 2>&1 || status=$?
}
found() { # CODE WHAT FIX
	jq -e --arg code "$1" --arg what "$2" --arg fix "$3" \
		'any(.[]; .code == $code and (.what | contains($what)) and (.fix | contains($fix)))' "$dir/out" >/dev/null
}
no() { jq -e --arg code "$1" 'all(.[]; .code | startswith($code) | not)' "$dir/out" >/dev/null; }

mkdir -p "${rules%/*}"
cat >"$rules" <<'RULES'
SUBSYSTEM=="input", KERNEL=="event*", ATTRS{phys}=="usb-check-1/input0", SYMLINK+="input/by-id/usb-Acme_Board-event-kbd"
RULES
udevadm control --reload
modprobe -a uinput mousedev 2>/dev/null || true
coproc DEVICES { exec "$devices"; }
hand_pid=$DEVICES_PID
hand keyboard board usb-check-1/input0 Acme Board
board=$node
hand mouse mouse usb-check-2/input0 Acme Mouse
udevadm settle -t 120

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
inside=(setpriv --reuid 65534 --regid 65534 --groups "$(getent group input | cut -d: -f3)")
link=/dev/input/by-id/usb-Acme_Board-event-kbd

echo '# in order'
run "path = $link"
check 'nothing blocks: exits 0' is "$status" 0
check 'no finding about devices' no EVS1
check 'nothing blocks, as JSON says' is "$(jq 'map(select(.severity == "blocks")) | length' "$dir/out")" 0
"$evswitch" -c "$dir/conf" --check >"$dir/out"
check 'names the node' grep -qF "[device board], which is $board (Acme Board)" "$dir/out"
run "path = $link" "${inside[@]}"
check 'in group input and nothing else: exits 0' is "$status" 0

echo '# devices'
run 'path = /dev/input/by-id/usb-Acme_Borad-event-kbd'
check 'a typo' found EVS104 'there is usb-Acme_Board-event-kbd' "path = $link"
check 'exits 69' is "$status" 69
run "path = $link # mine"
check 'a comment' found EVS101 comment "path = $link"
run "path = $board"
check 'an event number' found EVS107 "$board" "path = $link"
mouse=$(compgen -G '/dev/input/mouse[0-9]*' | sed -n 1p || true)
run "path = $mouse"
check 'an older interface' found EVS103 "${mouse##*/}" 'path = /dev/input/event'
ln -s "$board" /dev/input/my-board
run 'path = /dev/input/my-board'
check 'a link made by hand' found EVS108 my-board "path = $link"
rm /dev/input/my-board

echo '# permissions'
run "path = $link" "${nobody[@]}"
check 'without a group: exits 77' is "$status" 77
# shellcheck disable=SC2016
check 'names the group' found EVS205 'you are not in group input' 'sudo usermod -aG input $USER'
chmod 600 /dev/uinput
run "path = $link" "${inside[@]}"
check 'rules that are not in force: exits 77' is "$status" 77
check 'says so' found EVS204 'not in force' 'sudo udevadm trigger /dev/uinput'
udevadm trigger --settle --action=change /dev/uinput
run "path = $link" "${inside[@]}"
check 'its remedy helps' is "$status" 0

echo '# while it runs'
"$evswitch" -c "$dir/conf" 2>"$dir/log" &
daemon_pid=$!
end=$((SECONDS + 300))
until grep -q Acme "$dir/log" || ((SECONDS > end)); do sleep 0.05; done
run "path = $link"
check 'beside it: exits 0' is "$status" 0
"$evswitch" -c "$dir/conf" --check >"$dir/out"
check 'says that it runs' grep -qF 'evswitch is running' "$dir/out"
kill -0 "$daemon_pid"
check 'it goes on' is $? 0
run "path = $link" "${inside[@]}"
check "root's: exits 69 for another user" is "$status" 69
check 'names its user' found EVS303 'number 0' 'pkill -x evswitch'

echo "$passed passed, $failed failed"
((failed == 0))
