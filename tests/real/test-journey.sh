#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The way of README.md: a user who has just installed the package types the commands of its steps "Permission" and
# "Set it up", answers what evswitch asks, and switches to the guest; by evswitch --setup, or by hand. The last line but
# one says how many commands and seconds it took. Here, devices, libvirt and QEMU are played.
# usage: tests/real/test-journey.sh BUILD [--by-hand], after "make tests" and "make deb", in
# tests/vm/run --systemd --user NAME
# shellcheck disable=SC2317 # check calls them
set -uo pipefail

top=$(dirname "$(readlink -f "$0")")/../..
build=$(realpath "$1") by_hand=${2:-}
dir=$(mktemp -d)
long=240 # seconds that anything may take in an emulated machine, however busy the one that emulates it
passed=0 failed=0 skipped=0
trap 'rm -rf "$dir"' EXIT
user=$(getent passwd 1500 | cut -d: -f1) || user=
[[ $user ]] || { echo 'test-journey: no user: tests/vm/run --systemd --user NAME' >&2; exit 2; }
conf=/home/$user/.config/evswitch/evswitch.conf

note() { printf '# %s\n' "$*"; }
pass() { passed=$((passed + 1)); printf 'ok - %s\n' "$1"; }
fail() { failed=$((failed + 1)); printf 'not ok - %s\n' "$1"; }
check() { if "${@:2}"; then pass "$1"; else fail "$1"; fi; }
is() { [[ $1 == "$2" ]] || { note "\"$1\" instead of \"$2\""; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { note "no \"$2\" in \"$1\""; return 1; }; }
clean_up() {
	as_user systemctl --user disable --now evswitch
	dpkg --admindir="$dir/dpkg" --no-triggers -P evswitch
	rm -rf "${conf%/*}" /usr/local/bin/virsh /run/udev/rules.d/61-journey.rules /run/systemd/user/evswitch.service.d
	udevadm control --reload
	gpasswd -a "$user" input
	systemctl restart user@1500
}
finish() {
	[[ ! -s $dir/screen ]] || tr -d '\r' <"$dir/screen" | sed 's/^/| /'
	clean_up >/dev/null 2>&1
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	exit $((failed > 0))
}
must() { if "${@:2}"; then pass "$1"; else fail "$1"; finish; fi; }
as_user() {
	setpriv --reuid 1500 --regid 1500 --init-groups env -i "HOME=/home/$user" "USER=$user" \
		PATH=/usr/local/bin:/usr/bin:/bin XDG_RUNTIME_DIR=/run/user/1500 "$@"
}

deb=$(find "$build/deb" -maxdepth 1 -name 'evswitch_*.deb' 2>/dev/null)
if [[ ! $deb ]]; then
	echo "skip: $build/deb has no package: see make deb"
	echo '0 passed, 0 failed, 11 skipped'
	exit 0
fi

# --- the desk: a keyboard and a mouse with the names and links of README's example
mkdir -p /run/udev/rules.d
cat >/run/udev/rules.d/61-journey.rules <<'RULES'
ATTRS{phys}=="usb-journey/input0", KERNEL=="event*", SYMLINK+="input/by-id/usb-Logitech_USB_Receiver-event-kbd"
ATTRS{phys}=="usb-journey/input1", KERNEL=="event*", SYMLINK+="input/by-id/usb-Logitech_USB_Receiver-if01-event-mouse"
RULES
rm -f /etc/udev/rules.d/65-evswitch.rules # from --rules: the package brings them
udevadm control --reload
answer=
hand() {
	printf '%s\n' "$*" >&"${DESK[1]}"
	read -r -t 120 answer <&"${DESK[0]}" || { note "the desk is gone at: $*"; return 1; }
	[[ $answer == ok* ]] || { note "desk: $*: $answer"; return 1; }
}
coproc DESK { exec "$build/tests/real/desk"; }
must 'a keyboard' hand plug keyboard keyboard usb-journey/input0 c52b Logitech USB Receiver
must 'a mouse' hand plug mouse mouse usb-journey/input1 c52b Logitech USB Receiver
udevadm settle

# --- libvirt, which has one domain with Windows and its drivers
cat >/usr/local/bin/virsh <<'VIRSH'
#!/bin/sh
case $3 in
list) echo win10 ;;
domstate) echo 'running (booted)' ;;
dumpxml)
	echo "<domain type='kvm'><name>win10</name><features><hyperv mode='custom'/></features>"
	echo "<devices><input type='keyboard' bus='virtio'/></devices></domain>" ;;
version) echo 'Using library: libvirt 9.0.0' ;;
event) exec sleep 100000 ;;
attach-device) cat >/dev/null ;;
esac
VIRSH
chmod 755 /usr/local/bin/virsh

# --- installed; not yet a member
mkdir -p "$dir"/dpkg/{info,updates}
: >"$dir/dpkg/status"
dpkg --admindir="$dir/dpkg" --force-depends,unsafe-io --no-triggers -i "$deb" >"$dir/out" 2>&1 ||
	{ cat "$dir/out"; fail 'the package installs'; finish; }
gpasswd -d "$user" input >/dev/null
rm -f "$conf" # a new user has none
systemctl restart user@1500
# An emulated machine can take longer to start a program than the unit has patience.
mkdir -p /run/systemd/user/evswitch.service.d
printf '[Service]\nTimeoutStartSec=90\n' >/run/systemd/user/evswitch.service.d/slow.conf

# --- the terminal
screen=
expect() { # TEXT
	local c until=$((SECONDS + long))
	while [[ $screen != *"$1"* ]]; do
		((SECONDS < until)) && IFS= read -r -N 1 -t "$long" c <&"$printed" || { note "no \"$1\""; return 1; }
		screen+=$c
		printf '%s' "$c" >>"$dir/screen"
	done
	screen=${screen#*"$1"}
}
answers=0
answer() { # QUESTION ANSWER
	expect "$1" && expect '] ' || return 1
	answers=$((answers + 1))
	printf '%s\n' "$2" >&"$typed"
}
type_key() { hand key "$1" "$2" 1 && hand key "$1" "$2" 0; }
probe() {
	expect 'Press a key' && type_key keyboard KEY_A && expect 'keyboard: ' && type_key mouse BTN_LEFT &&
		expect if01-event-mouse
}
set_up() {
	probe && answer 'Take these devices?' y && answer 'Write this?' y && answer 'Which way?' '' &&
		answer 'Try it now?' y && expect 'is grabbed' && expect 'is grabbed' && expect 'It ended as it should.' &&
		answer 'Start evswitch now' y && expect 'That is all.'
}
converse() { # COMMAND FUNCTION
	local status pid
	mkfifo "$dir/typed" "$dir/printed"
	as_user script -qefc "$1" /dev/null <"$dir/typed" >"$dir/printed" 2>&1 &
	pid=$!
	exec {typed}>"$dir/typed" {printed}<"$dir/printed"
	"$2"
	status=$?
	((status == 0)) || kill "$pid" 2>/dev/null
	cat <&"$printed" >>"$dir/screen"
	wait "$pid"
	return $status
}

# --- the commands, in README's order; a here-document belongs to its command
commands=0 begin=$SECONDS
mapfile -d '' -t given < <(awk -v by_hand="$by_hand" '
	/^## / { step = /^## [23]\. /; way = /^## 3\. / ? "--setup" : "" }
	/^The same by hand/ { way = "--by-hand" }
	/^```sh/ { block = step && (way == "" || way == (by_hand ? by_hand : "--setup")); next }
	/^```/ { block = 0 }
	!block { next }
	/<<.END.$/ { here = 1 }
	!here { sub(/ *#.*/, "") }
	/^END$/ { here = 0 }
	{ printf "%s%s", $0, here ? "\n" : "\0" }' "$top/README.md")
must 'README gives them' test "${#given[@]}" -gt 0
for command in "${given[@]}"; do
	note "\$ $command"
	if [[ $command == 'loginctl '* ]]; then
		skipped=$((skipped + 1))
		note 'skip: the VM has no logind, and lingers anyway'
		continue
	fi
	commands=$((commands + 1))
	case $command in
	'sudo '*)
		# shellcheck disable=SC2046 # words
		must "$command" $(as_user bash -c "echo ${command#sudo }") ;;
	'cat '*) must 'the guest is added' as_user bash -c "$command" ;;
	*--setup*) must "$command" converse "$command" set_up ;;
	*--probe*) must "$command" converse "$command" probe ;;
	*) must "$command" as_user bash -c "$command" ;;
	esac
done
# README's first configuration is what was written.
shown=$(awk '/^```ini/ && !seen { block = seen = 1; next } /^```/ { block = 0 } block' "$top/README.md")
check 'the configuration is the one that README shows' is "$(grep '^[^;]' "$conf")" "$(grep . <<<"$shown")"

# --- QEMU takes the devices that were attached, and both Ctrl keys switch
take() {
	local node
	for node in keyboard media pointer; do
		hand watch "guest-$node" "evswitch/win10/$node" && hand hold "guest-$node" || return 1
	done
}
status() { as_user evswitch --status; }
is_up() {
	local until=$((SECONDS + long))
	while ((SECONDS < until)); do
		[[ $(status) != *'can take the focus'* ]] || return 0
		sleep 0.2
	done
	status
	return 1
}
must 'the VM takes its devices' take
toggle_to_guest() {
	hand key keyboard KEY_LEFTCTRL 1 && hand key keyboard KEY_RIGHTCTRL 1 && hand key keyboard KEY_RIGHTCTRL 0 &&
		hand key keyboard KEY_LEFTCTRL 0 && hand key keyboard KEY_B 1 && hand see guest-keyboard KEY_B 1 &&
		hand key keyboard KEY_B 0
}
must 'the guest is up' is_up
must 'both Ctrl keys switch: a key arrives in the guest' toggle_to_guest
seconds=$((SECONDS - begin))
status | sed 's/^/# /'
as_user evswitch --stats | sed 's/^/# /'
check 'the focus is at the guest' has "$(status)" 'focus: win10'
note "$answers answers"
echo "$commands commands, $seconds seconds"
finish
