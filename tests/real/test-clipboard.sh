#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# evswitch-clipboard beside the real evswitch, whose configuration and focus it follows, and the real spice-vdagent.
# Runs as root in tests/vm/run --udev. EVSWITCH names evswitch; evswitch-clipboard is beside it.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
evswitch=${EVSWITCH:-$here/../../build/evswitch}
clipboard=${evswitch%/*}/evswitch-clipboard
dir=$(mktemp -d)
export XDG_RUNTIME_DIR=$dir
passed=0 failed=0
# shellcheck disable=SC2317
cleanup() {
	jobs -p | xargs -r kill 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT

check() {
	if "${@:2}"; then
		passed=$((passed + 1)); printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'FAIL %s\n' "$1"
		sed 's/^/     /' "$dir"/*.log
	fi
}
# Again and again until it succeeds: these programs tell nobody. A deadline ends what has failed.
await() {
	for ((i = 0; i < 600; i++)); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}
status() { "$clipboard" --status win --json 2>/dev/null | jq -e "$1" >/dev/null; }
# The text on an X server's clipboard.
has() { [[ $(DISPLAY=$1 timeout 10 xclip -selection clipboard -o 2>/dev/null || echo nothing) == "$2" ]]; }
copy() { printf %s "$2" | DISPLAY=$1 xclip -selection clipboard -i >/dev/null 2>&1; }
x_server() { # NAME: its display in $display
	mkfifo "$dir/$1"
	Xvfb -displayfd 3 -nolisten tcp -noreset 3>"$dir/$1" 2>/dev/null &
	read -r display <"$dir/$1"
	display=:$display
}
configure() {
	printf '[device none]\nname = No Such Device\n[guest win]\nvia = virtio-input\n%s\n' "$1" >"$dir/conf"
}

modprobe uinput 2>/dev/null || true
x_server host; host=$display
x_server guest; guest=$display
configure ''
"$evswitch" -c "$dir/conf" >"$dir/evswitch.log" 2>&1 &
DISPLAY=$host "$clipboard" win >"$dir/clipboard.log" 2>&1 &
check 'it hears of evswitch' await status '.evswitch and .focus == false and .open == false'
socket=$dir/evswitch/win-clipboard.sock
check 'without a setting, the socket is there' await test -S "$socket"

spice-vdagentd -x -X -f -u /dev/null -s "$socket" -S "$dir/vdagentd" >"$dir/vdagentd.log" 2>&1 &
await test -S "$dir/vdagentd"
DISPLAY=$guest spice-vdagent -x -s "$socket" -S "$dir/vdagentd" >"$dir/vdagent.log" 2>&1 &
check 'the agent is ready' await status '.agent == "ready"'

copy "$host" secret
check 'the host has the focus: the guest is offered nothing' status '.offered == false'
check 'and nothing is there' has "$guest" nothing

configure $'clipboard = always'
"$evswitch" --reload >"$dir/reload.log" 2>&1
check 'always: the guest has it after a reload' await has "$guest" secret
copy "$guest" answer
check 'and the host has what the guest copies' await has "$host" answer

configure $'clipboard = always\nclipboard-direction = to-guest'
"$evswitch" --reload >"$dir/reload.log" 2>&1
check 'to-guest: what the guest had copied is gone from the host' await has "$host" nothing
copy "$guest" unheard
copy "$host" heard
check 'and the host is not offered what it copies' await has "$guest" heard

configure $'clipboard = no'
"$evswitch" --reload >"$dir/reload.log" 2>&1
check 'no: the socket is gone' await test ! -e "$socket"
check 'and so is the connection' await status '.connected == false'
check 'and so is what was offered' await status '.open == false and .offered == false'

echo "$passed passed, $failed failed"
((failed == 0))
