#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# evswitch --probe with real nodes. Runs as root in tests/vm/run --udev: it makes devices, changes the
# permissions of nodes and adds udev rules below /run. EVSWITCH names the program, PROBE_DEVICES what makes devices.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
evswitch=${EVSWITCH:-$here/../../build/evswitch}
devices=${PROBE_DEVICES:-${evswitch%/*}/tests/real/probe-devices}
dir=$(mktemp -d)
chmod 755 "$dir"
rules=/run/udev/rules.d/99-test-probe.rules
passed=0 failed=0 hand_pid=
# shellcheck disable=SC2317
cleanup() {
	[[ -z $hand_pid ]] || kill "$hand_pid" 2>/dev/null || true
	rm -rf "$dir" "$rules"
}
trap cleanup EXIT

pass() { passed=$((passed + 1)); printf 'ok   %s\n' "$1"; }
fail() {
	failed=$((failed + 1))
	printf 'FAIL %s\n' "$1"
	for file in err out; do
		sed "s/^/     $file: /" "$dir/$file"
	done
}
check() { if "${@:2}"; then pass "$1"; else fail "$1"; fi; }
is() { [[ $1 == "$2" ]] || { printf '     "%s" instead of "%s"\n' "$1" "$2"; return 1; }; }
out_has() { grep -qF -- "$1" "$dir/out"; }
out_has_line() { grep -qxF -- "$1" "$dir/out"; }
err_has() { grep -qF -- "$1" "$dir/err"; }
err_lacks() { ! err_has "$1"; }
empty() { [[ ! -s $1 ]]; }
json() { jq -r "$1" "$dir/out"; }

# Sends a command to probe-devices; $node is the device that it made.
node=
hand() {
	local answer
	printf '%s\n' "$*" >&"${DEVICES[1]}"
	read -r answer <&"${DEVICES[0]}"
	[[ $answer == ok* ]] || { printf 'test-probe: %s: %s\n' "$*" "$answer" >&2; exit 1; }
	node=${answer#ok}
	node=${node# }
}

# begin COMMAND...: starts a probe and waits for its prompt, if one comes. finish: waits for its end. interrupt: ends
# it; what hands did before is still read.
begin() {
	rm -f "$dir/out" "$dir/err"
	started=$EPOCHREALTIME
	"$@" >"$dir/out" 2>"$dir/err" </dev/null &
	probe=$!
	while kill -0 "$probe" 2>/dev/null && ! grep -qs '^Press a key' "$dir/err"; do
		sleep 0.05
	done
}
finish() {
	status=0
	wait "$probe" || status=$?
	took=$(((${EPOCHREALTIME/./} - ${started/./}) / 1000))
}
interrupt() { kill -INT "$probe"; finish; }
# Waits until a command succeeds; what follows fails where it never does.
until_true() {
	local end=$((SECONDS + 120))
	until "$@" || ((SECONDS > end)); do sleep 0.05; done
}
opened() { grep -qxF "$1" <(readlink "/proc/$probe/fd/"*); } # NODE
closed() { ! opened "$1"; }
settle() { udevadm settle -t 120; }

mkdir -p "${rules%/*}"
cat >"$rules" <<'RULES'
SUBSYSTEM!="input", GOTO="end"
KERNEL!="event*", GOTO="end"
ATTRS{phys}=="usb-probe-1/input0", SYMLINK+="input/by-id/usb-Acme_Board-event-kbd input/by-path/probe-1-event-kbd"
ATTRS{phys}=="usb-probe-3/input0", SYMLINK+="input/by-id/usb-Twin-event-mouse input/by-path/probe-3-event-mouse"
ATTRS{phys}=="usb-probe-4/input0", SYMLINK+="input/by-id/usb-Twin-event-mouse input/by-path/probe-4-event-mouse"
LABEL="end"
RULES
udevadm control --reload
modprobe -a uinput uhid hid-generic 2>/dev/null || true
settle

coproc DEVICES { exec "$devices"; }
hand_pid=$DEVICES_PID

hand keyboard board usb-probe-1/input0 Acme Board
board=$node
hand keyboard nkro usb-probe-1/input1 Acme Board NKRO
nkro=$node
hand keys media usb-probe-1/input2 Acme Board Media
media=$node
hand mouse mouse usb-probe-2/input0 Acme Mouse
mouse=$node
settle

echo '# a key, then the mouse'
begin "$evswitch" --probe --seconds 600
hand tap board KEY_A
hand move mouse
finish
check 'exits 0' is "$status" 0
check 'ends soon after both' test "$took" -lt 300000
check 'names the keyboard on the way' err_has "  keyboard: $board \"Acme Board\""
check 'names the mouse on the way' err_has "  mouse: $mouse \"Acme Mouse\""
check 'keyboard section' out_has_line '[device keyboard]'
check 'by its by-id link' out_has_line 'path = /dev/input/by-id/usb-Acme_Board-event-kbd'
check 'mouse section' out_has_line '[device mouse]'
check 'by phys, as it has no link' out_has_line 'phys = usb-probe-2/input0'
check 'proposes the second keyboard node' out_has_line ';[device keyboard2]'
check 'proposes the media keys' out_has_line ';[device media]'
check 'explains the second node' err_has "$nkro \"Acme Board NKRO\" (keyboard): a keyboard with n-key rollover"
check 'explains the media keys' err_has "$media \"Acme Board Media\" (keys): volume"
check 'the desktop takes it for a keyboard' err_has 'the desktop sees it as: keyboard'
check 'the desktop takes it for a pointer' err_has 'the desktop sees it as: pointer'
check 'recognises each once' is "$(grep -c '^  keyboard: ' "$dir/err")" 1
check 'libinput is silent' err_lacks libinput
check 'never says which key' err_lacks KEY_

echo '# the same as JSON'
begin "$evswitch" --probe --seconds 600 --json
hand tap board KEY_A
hand tap mouse BTN_LEFT
interrupt
check 'exits 0' is "$status" 0
check 'two devices' is "$(json '.devices | length')" 2
check 'node' is "$(json '.devices[0].node')" "$board"
check 'name' is "$(json '.devices[0].name')" 'Acme Board'
check 'by_id' is "$(json '.devices[0].by_id')" /dev/input/by-id/usb-Acme_Board-event-kbd
check 'by_path' is "$(json '.devices[0].by_path')" /dev/input/by-path/probe-1-event-kbd
check 'by_id of a device without' is "$(json '.devices[1].by_id')" null
check 'phys' is "$(json '.devices[0].phys')" usb-probe-1/input0
check 'id' is "$(json '.devices[0].id | [.bustype, .vendor, .product, .version] | join(" ")')" '0003 1234 5678 0111'
check 'class' is "$(json '[.devices[].class[]] | join(" ")')" 'keyboard pointer'
check 'match' is "$(json '.devices[1].match | "\(.key) \(.value) \(.unique)"')" 'phys usb-probe-2/input0 true'
check 'section' is "$(json '.devices[0].section')" $'[device keyboard]\npath = /dev/input/by-id/usb-Acme_Board-event-kbd'
check 'siblings' is "$(json '[.devices[0].siblings[].node] | join(" ")')" "$nkro $media"
check 'the prompt is on stderr' err_has 'Press a key'

echo '# written to the configuration'
# write DEVICE...: uses these, for the configuration $dir/conf
write() {
	begin "$evswitch" -c "$dir/conf" --probe --write --seconds 600
	local label
	for label; do hand tap "$label" "$(if [[ $label == mouse ]]; then echo BTN_LEFT; else echo KEY_A; fi)"; done
	interrupt
}
begin "$evswitch" -c "$dir/conf" --probe --write --seconds 1
finish
check 'nothing recognised: exits 69' is "$status" 69
check 'no file' test ! -e "$dir/conf"
printf '# mine\n[guest win10]' >"$dir/conf"
write board
check 'exits 0' is "$status" 0
check 'says where' err_has "added to $dir/conf:"
check 'prints what' out_has_line '[device keyboard]'
check 'keeps what was there' is "$(head -n 2 "$dir/conf")" $'# mine\n[guest win10]'
check 'adds the section' grep -qxF 'path = /dev/input/by-id/usb-Acme_Board-event-kbd' "$dir/conf"
check 'and its siblings as comments' grep -qxF ';[device media]' "$dir/conf"
cp "$dir/conf" "$dir/before"
write board
check 'the same again: exits 0' is "$status" 0
check 'says that there is nothing to add' err_has "$dir/conf stays as it is"
check 'names the section' err_has "$board \"Acme Board\" is [device keyboard] already"
check 'changes nothing' cmp "$dir/conf" "$dir/before"
write board mouse nkro
check 'others: exits 0' is "$status" 0
check 'only these' is "$(grep -c '^\[device' "$dir/out")" 2
check 'under new names' out_has_line '[device keyboard2]'
check 'at the end' is "$(head -c "$(stat -c %s "$dir/before")" "$dir/conf")" "$(<"$dir/before")"
"$evswitch" -c "$dir/conf" --xml win10 >/dev/null
check 'is a configuration' is $? 0
echo nonsense >"$dir/conf"
begin "$evswitch" -c "$dir/conf" --probe --write
finish
check 'beside errors: exits 78' is "$status" 78
check 'without a prompt' err_lacks 'Press a key'
check 'changes nothing' is "$(<"$dir/conf")" nonsense

echo '# what does not count'
hand down board KEY_LEFTSHIFT
begin "$evswitch" --probe --seconds 600
hand jitter mouse
sleep 0.6
hand up board KEY_LEFTSHIFT
interrupt
check 'a held key, its repeats and a trembling mouse: exits 69' is "$status" 69
check 'says what to try' err_has 'a program that grabs devices'
check 'no sections' empty "$dir/out"
begin "$evswitch" --probe --seconds 2 --json
finish
check 'lasted its 2 s' test "$took" -ge 2000
check 'JSON of nothing: exits 69' is "$status" 69
check 'an empty list' is "$(json '.devices | length')" 0

echo '# the end by a signal'
begin "$evswitch" --probe --seconds 600
hand tap nkro KEY_B
interrupt
check 'SIGINT: exits 0 with what there is' is "$status" 0
check 'its section' out_has_line 'phys = usb-probe-1/input1'
check 'at once' test "$took" -lt 300000
begin "$evswitch" --probe --seconds 600
kill -TERM "$probe"
finish
check 'SIGTERM with nothing: exits 69' is "$status" 69

echo '# twins, plugged in and out'
hand mouse twin3 usb-probe-3/input0 Twin Mouse
twin3=$node
hand mouse twin4 usb-probe-4/input0 Twin Mouse
settle
begin "$evswitch" --probe --seconds 600
hand move twin3
hand move twin4
hand remove nkro
hand keyboard late usb-probe-5/input0 Late Board
until_true opened "$node"
hand tap late KEY_C
interrupt
check 'exits 0' is "$status" 0
check 'the first by its path' out_has_line 'path = /dev/input/by-path/probe-3-event-mouse'
check 'the second by its path' out_has_line 'path = /dev/input/by-path/probe-4-event-mouse'
check 'not by the link that they share' is "$(grep -c usb-Twin "$dir/out" || true)" 0
check 'says why' err_has 'another node has the same by-id link'
check 'mouse2' out_has_line '[device mouse2]'
check 'one plugged in meanwhile' err_has '  keyboard: /dev/input/event'
check 'by its phys' out_has_line 'phys = usb-probe-5/input0'
begin "$evswitch" --probe --seconds 600
hand move twin3
until_true err_has "$twin3 \"Twin Mouse\""
hand remove twin3
until_true closed "$twin3"
interrupt
check 'unplugged after it was recognised: exits 0' is "$status" 0
check 'says so' err_has "$twin3 \"Twin Mouse\" (unplugged since)"
hand remove twin4

echo '# other pointers'
hand tablet tablet usb-probe-6/input0 Acme Tablet
hand touchpad touchpad usb-probe-7/input0 Acme Touchpad
hand gamepad gamepad usb-probe-8/input0 Acme Pad
settle
begin "$evswitch" --probe --seconds 600
hand drag tablet
hand tap touchpad BTN_TOUCH
hand tap gamepad BTN_SOUTH
interrupt
check 'exits 0' is "$status" 0
check 'a tablet' out_has_line '[device tablet]'
check 'works on the host only' err_has 'it reports absolute positions, so it stays with the host, including its buttons and wheel'
check 'no touchpads' err_has '"Acme Touchpad": touchpads cannot be switched'
check 'no game pads' err_has '"Acme Pad": game pads cannot be switched'
check 'one section' is "$(grep -c '\[device' "$dir/out")" 1
for device in tablet touchpad gamepad; do hand remove $device; done

echo '# a name that means harm'
hand mouse evil usb-probe-9/input0 $'\e[2JEvil ;\xff'
settle
begin "$evswitch" --probe --seconds 600
hand move evil
interrupt
check 'exits 0' is "$status" 0
check 'shown harmless' err_has '\x1b[2JEvil ;\xff'
check 'matched by phys' out_has_line 'phys = usb-probe-9/input0'
hand remove evil

both_bluetooth_nodes() { (($(grep -A4 '^N: Name="BT Board' /proc/bus/input/devices | grep -c 'event[0-9]') == 2)); }
if [[ -e /dev/uhid ]]; then
	echo '# Bluetooth'
	hand bluetooth bt aa:bb:cc:dd:ee:ff BT Board
	until_true both_bluetooth_nodes
	settle
	begin "$evswitch" --probe --seconds 600 --json
	hand report bt
	interrupt
	check 'exits 0' is "$status" 0
	check 'a Bluetooth device' is "$(json '.devices[0].id.bustype')" 0005
	check 'by uniq and name' is "$(json '.devices[0].match | "\(.key)=\(.value) \(.also[0].key)"')" \
		'uniq=aa:bb:cc:dd:ee:ff name'
	check 'its mouse is a sibling' is "$(json '.devices[0].siblings | map(.use[0]) | join(" ")')" mouse
	hand remove bt
fi

echo '# permissions'
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
inside=(setpriv --reuid 65534 --regid 65534 --groups "$(getent group input | cut -d: -f3)")
begin "${nobody[@]}" "$evswitch" --probe
finish
check 'without permission: exits 77' is "$status" 77
# shellcheck disable=SC2016
check 'says the command' err_has 'you are not in group input, which may open it; run: sudo usermod -aG input $USER'
check 'no prompt' err_lacks 'Press a key'
begin "${nobody[@]}" "$evswitch" --probe --json
finish
check 'as JSON: exits 77' is "$status" 77
check 'an empty list' is "$(json '.devices | length')" 0
sed 's/^\(input:.*\)$/\1nobody/' /etc/group >"$dir/group"
# shellcheck disable=SC2016
begin unshare -m sh -c 'mount --bind "$1" /etc/group && shift && exec "$@"' sh "$dir/group" "${nobody[@]}" "$evswitch" --probe
finish
check 'in the group, but not this login: exits 77' is "$status" 77
check 'says to log in again' err_has 'you are in group input, but this login is older than that: log out and in again'
check 'and what is older still' err_has 'sudo systemctl restart user@65534'
chmod 600 "$mouse"
begin "${inside[@]}" "$evswitch" --probe --seconds 600
hand tap board KEY_A
interrupt
check 'some not readable: exits 0' is "$status" 0
check 'says which' err_has "nodes cannot be read, so their input is not seen: $mouse (Permission denied)"
chmod 660 "$mouse"
begin "${inside[@]}" "$evswitch" --probe --seconds 600
chmod 000 "$media"
hand tap board KEY_A
interrupt
check 'in the group: exits 0' is "$status" 0
check 'with a section' out_has_line '[device keyboard]'
check 'the desktop, without write permission' err_has 'the desktop sees it as: keyboard'
chmod 660 "$media"
begin unshare -m sh -c 'mount -t tmpfs none /dev/input && exec "$@"' sh "$evswitch" --probe
finish
check 'no nodes: exits 69' is "$status" 69
check 'asks for a container' err_has 'is this a container?'

echo '# a terminal'
mkfifo "$dir/typed"
script -qec "echo \$\$ >$dir/shell; $evswitch --probe --seconds 600; stty -a | grep -o ' echo '" /dev/null \
	<"$dir/typed" >"$dir/out" 2>&1 &
script=$!
exec {typed}>"$dir/typed"
until_true test -s "$dir/shell"
tty=$(readlink "/proc/$(<"$dir/shell")/fd/0")
shows_nothing() { grep -q -- ' -echo ' <<<"$(stty -F "$tty" -a)"; }
has_input() { read -r -t 0 <"$tty"; }
until_true shows_nothing
printf 'typed\n' >&"$typed"
until_true has_input
pkill -INT -P "$(<"$dir/shell")"
wait "$script" || true
exec {typed}>&-
check 'what is typed is not shown' is "$(grep -c typed "$dir/out" || true)" 0
check 'the terminal is as it was' out_has ' echo '

echo '# evswitch holds the devices'
hand keyboard clone evswitch/host/board Acme Board
hand keyboard guest evswitch/win10/keyboard evswitch-win10-keyboard
hand grab board
settle
begin "$evswitch" --probe --seconds 600
hand tap board KEY_A
hand tap clone KEY_A
hand tap guest KEY_A
interrupt
check 'exits 69' is "$status" 69
check 'says who and how to stop it' err_has \
	'evswitch is running and holds this device (board): stop it first: systemctl --user stop evswitch'
check 'nothing is recognised' empty "$dir/out"
begin "$evswitch" --probe --seconds 1
finish
check 'even when nothing comes' err_has 'evswitch is running and holds this device (board)'
begin "$evswitch" --probe --seconds 600
hand tap clone KEY_A
hand move mouse
interrupt
check 'a free mouse beside it: exits 0' is "$status" 0
check 'with its section' out_has_line '[device mouse]'
hand remove clone
hand remove guest
hand remove board

echo '# evswitch itself runs with the sections'
hand keyboard board usb-probe-1/input0 Acme Board
settle
begin "$evswitch" --probe
hand tap board KEY_A
hand move mouse
interrupt
cp "$dir/out" "$dir/evswitch.conf"
"$evswitch" -c "$dir/evswitch.conf" --try 600 >"$dir/log" 2>&1 &
daemon=$!
both_grabbed() { (($(grep -c 'is grabbed' "$dir/log") == 2)); }
until_true both_grabbed
settle
begin "$evswitch" --probe --seconds 600
hand tap board KEY_A
hand move mouse
finish
check 'exits 69' is "$status" 69
check 'names the keyboard section' err_has 'holds this device (keyboard): stop it first'
check 'names the mouse section' err_has 'holds this device (mouse): stop it first'
check 'ends soon, not when the time is up' test "$took" -lt 300000
kill -TERM "$daemon"
status=0
wait "$daemon" || status=$?
check 'it took the configuration' is "$status" 0

echo '# a section exactly where evswitch takes the device'
declare -A act=([keyboard]='tap KEY_A' [keys]='tap KEY_MUTE' [mouse]='tap BTN_LEFT' [tablet]=drag
	[touchpad]='tap BTN_TOUCH' [gamepad]='tap BTN_SOUTH')
for kind in "${!act[@]}"; do
	hand "$kind" "kind-$kind" "usb-kind-$kind/input0" "Kind $kind"
	printf '[device %s]\nphys = usb-kind-%s/input0\n' "$kind" "$kind"
done >"$dir/kinds.conf"
settle
begin "$evswitch" --probe --seconds 600 --json
for kind in "${!act[@]}"; do
	read -r verb key <<<"${act[$kind]}"
	hand "$verb" "kind-$kind" $key
done
interrupt
"$evswitch" -c "$dir/kinds.conf" --try 600 >"$dir/log" 2>&1 &
daemon=$!
all_decided() { (($(grep -cE 'is grabbed|is ignored' "$dir/log") == ${#act[@]})); }
until_true all_decided
kill -TERM "$daemon"
wait "$daemon" || true
has_section() { json ".devices[] | select(.phys == \"usb-kind-$1/input0\") | .section != null"; }
takes() { grep -q "^.*device $1: .*is grabbed" "$dir/log" && echo true || echo false; }
for kind in "${!act[@]}"; do
	check "$kind" is "$(has_section "$kind")" "$(takes "$kind")"
done
check 'four are taken' is "$(grep -c 'is grabbed' "$dir/log")" 4

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
