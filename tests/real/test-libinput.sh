#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a desktop sees of evswitch's devices: libinput's own list, events and udev's properties.
# Runs as root in tests/vm/run --udev --rules conf/65-evswitch.rules, after "make tests".
# EVSWITCH names the program, DESK the one that plays the devices.
# shellcheck disable=SC2317 # check calls them
set -euo pipefail

top=$(dirname "$(readlink -f "$0")")/../..
evswitch=${EVSWITCH:-$top/build/evswitch}
desk=${DESK:-$top/build/tests/real/desk}
long=60 # seconds that anything may take in an emulated machine
dir=$(mktemp -d)
passed=0 failed=0 children=()
# shellcheck disable=SC2317
cleanup() {
	((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT

pass() { passed=$((passed + 1)); printf 'ok - %s\n' "$1"; }
fail() { failed=$((failed + 1)); printf 'not ok - %s\n' "$1"; }
note() { printf '# %s\n' "$*"; }
check() { if "${@:2}"; then pass "$1"; else fail "$1"; fi; }
is() { [[ $1 == "$2" ]] || { note "\"$1\" instead of \"$2\""; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { note "no \"$2\" in \"$1\""; return 1; }; }
lacks() { [[ $1 != *"$2"* ]] || { note "\"$2\" in \"$1\""; return 1; }; }
finish() { printf '%d passed, %d failed\n' "$passed" "$failed"; exit $((failed > 0)); }
die() { fail "$1"; finish; }

# await FD REGEX: reads on from there until a line matches; all lines read are in $lines.
lines=
await() {
	local line until=$((SECONDS + long))
	lines=
	while ((SECONDS < until)) && IFS= read -r -t $((until - SECONDS)) line <&"$1"; do
		lines+=$line$'\n'
		[[ ! $line =~ $2 ]] || return 0
	done
	die "$2 never came, but: $lines"
}
hand() {
	printf '%s\n' "$*" >&"${DESK[1]}"
	read -r -t 120 answer <&"${DESK[0]}" || die "the desk is gone at: $*"
	[[ $answer == ok* ]] || die "desk: $*: $answer"
	answer=${answer#ok}
	answer=${answer# }
}
# attribute NODE NAME, property NODE NAME
attribute() { cat "/sys/class/input/${1##*/}/device/$2"; }
property() { udevadm info -q property "$1" | sed -n "s/^$2=//p"; }
ids() { for id in bustype vendor product version; do attribute "$1" "id/$id"; done | tr '\n' ' '; }

ls /usr/lib/udev/hwdb.bin /lib/udev/hwdb.bin /etc/udev/hwdb.bin >/dev/null 2>&1 || systemd-hwdb update
# tests/vm/guest left it out.
rm -f /run/udev/rules.d/80-libinput-device-groups.rules
udevadm control --reload
coproc DESK { exec "$desk"; }
children+=("$DESK_PID")
hand plug keyboard keyboard test/keyboard c31c Test Keyboard
keyboard=$answer
hand plug mouse mouse test/mouse c049 Logitech USB Gaming Mouse
mouse=$answer
hand plug clicks clicks test/clicks c04a Mouse with clicks
hand plug hires hires test/hires c04b Mouse without clicks
udevadm settle

cat >"$dir/conf" <<'CONF'
[device keyboard]
name = Test Keyboard
[device mouse]
name = Logitech USB Gaming Mouse
[device clicks]
name = Mouse with clicks
[device hires]
name = Mouse without clicks
[guest one]
via = virtio-input
[guest two]
via = input-linux
CONF
exec {log}< <(exec "$evswitch" -c "$dir/conf" 2>&1)
children+=("$!")
for _ in 1 2 3 4; do await "$log" 'is grabbed'; done
guests=()
for node in {one,two}/{keyboard,media,pointer} one/tablet; do
	if grep -qsx "evswitch/$node" /sys/class/input/event*/device/phys; then
		hand watch "$node" "evswitch/$node"
		guests+=("$answer")
	fi
done
hand watch hk evswitch/host/keyboard
host_keyboard=$answer
hand watch hm evswitch/host/mouse
host_mouse=$answer
hand watch hc evswitch/host/clicks
host_clicks=${answer##*/}
hand watch hh evswitch/host/hires
host_hires=${answer##*/}
udevadm settle

# --- the list
list=$(libinput list-devices)
# section NODE: what the list says of this node
section() { awk -v node="$1" 'BEGIN { RS = "" } $0 ~ "Kernel: +" node "\n" { print }' <<<"$list"; }
capabilities() { section "$1" | sed -n 's/^Capabilities: *//p' | sed 's/ *$//'; }
label() { section "$1" | sed -n 's/^Device: *//p'; }
note "host: $host_keyboard $host_mouse; guests: ${guests[*]}"
check 'keyboard: a keyboard' has " $(capabilities "$host_keyboard") " ' keyboard '
check 'keyboard: no pointer' lacks " $(capabilities "$host_keyboard") " ' pointer '
check 'keyboard: the name of the real one' is "$(label "$host_keyboard")" 'Test Keyboard'
check 'keyboard: what the real one can' is "$(capabilities "$host_keyboard")" "$(capabilities "$keyboard")"
check 'keyboard: its ids' is "$(ids "$host_keyboard")" "$(ids "$keyboard")"
check 'mouse: a pointer, and no more' is "$(capabilities "$host_mouse")" pointer
check 'mouse: the name of the real one' is "$(label "$host_mouse")" 'Logitech USB Gaming Mouse'
check 'mouse: its ids' is "$(ids "$host_mouse")" "$(ids "$mouse")"
check 'mouse: ID_BUS' is "$(property "$host_mouse" ID_BUS)" usb
check 'mouse: MOUSE_DPI' is "$(property "$host_mouse" MOUSE_DPI)" '400@500 *800@500 2000@500'
check 'keyboard: ID_BUS' is "$(property "$host_keyboard" ID_BUS)" usb
check 'guests: at least two nodes each' test "${#guests[@]}" -ge 4
for node in "${guests[@]}"; do
	check "guest's $(attribute "$node" name): libinput has none" is "$(section "$node")" ''
	check "guest's $(attribute "$node" name): ignored" is "$(property "$node" LIBINPUT_IGNORE_DEVICE)" 1
	check "guest's $(attribute "$node" name): a link" is \
		"$(readlink -f "/dev/input/by-id/$(attribute "$node" name)")" "$node"
done

# --- the events. A pipe's reader would wait for a full buffer.
exec {events}< <(exec stdbuf -oL libinput debug-events --show-keycodes)
children+=("$!")
keyboard=${keyboard##*/} mouse=${mouse##*/} host_keyboard=${host_keyboard##*/} host_mouse=${host_mouse##*/}
added=
for _ in keyboard mouse host_{keyboard,mouse,clicks,hires}; do
	await "$events" "(${keyboard}|${mouse}|${host_keyboard}|${host_mouse}|${host_clicks}|${host_hires})[[:space:]]+DEVICE_ADDED"
	added+=$lines
done
hand key keyboard KEY_A 1
hand key keyboard KEY_A 0
await "$events" 'KEY_A.* released'
seen=$lines
check 'a key is pressed' has "$seen" 'KEY_A (30) pressed'
hand move mouse 5 3
await "$events" 'POINTER_MOTION'
seen+=$lines
hand key mouse BTN_LEFT 1
hand key mouse BTN_LEFT 0
await "$events" 'BTN_LEFT .*released'
seen+=$lines
check 'motion' has "$seen" POINTER_MOTION
check 'a button' has "$seen" 'BTN_LEFT (272) pressed'
# Every event is the clones'; those of the real devices would make everything happen twice.
others=$(grep -v DEVICE_ADDED <<<"$seen" | grep -Ev "^([- ]*($host_keyboard|$host_mouse)[[:space:]]|$)" || true)
check 'from the clones only' is "$others" ''
for node in "${guests[@]}"; do
	check "${node##*/}: not added" lacks "$added$seen" "${node##*/} "
done
# A wheel of either form scrolls once for what it turns, and as far as one that sends both.
turned() { # MOUSE (AXIS VALUE)...: how far libinput scrolls for these; a click says that they are over
	local label=$1
	shift
	while (($# > 0)); do
		hand turn "$label" "$1" "$2"
		shift 2
	done
	hand key "$label" BTN_LEFT 1
	hand key "$label" BTN_LEFT 0
	await "$events" 'BTN_LEFT .*released'
	# event12  POINTER_SCROLL_WHEEL  1 +2.3s	vert -15.00/-120.0* horiz 0.00/0.0 (wheel)
	turns=$(sed -nE 's:^.*POINTER_SCROLL_WHEEL.*vert ([^*]*)\*? horiz ([^*]*)\*? \(wheel\).*:\1 \2:p' <<<"$lines")
}
turned clicks REL_WHEEL 1 REL_HWHEEL -2
check 'clicks alone' is "$turns" $'-15.00/-120.0 0.00/0.0\n0.00/0.0 -30.00/-240.0'
turned hires REL_WHEEL_HI_RES 120 REL_HWHEEL_HI_RES -240
check 'high resolution alone' is "$turns" $'-15.00/-120.0 0.00/0.0\n0.00/0.0 -30.00/-240.0'
check 'one press of the key' is "$(grep -c 'KEY_A.* pressed' <<<"$seen")" 1
finish
