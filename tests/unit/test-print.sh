#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# evswitch as a program, mostly with --xml and --qemu-args: what goes to which stream, and how it ends.
# usage: tests/unit/test-print.sh PATH_TO_EVSWITCH
set -uo pipefail

evswitch=$(realpath "$1")
tmp=$(mktemp -d) || exit 73
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); echo "FAILED: $*"; sed 's/^/  | /' "$tmp/out" "$tmp/err"; }

# run STATUS ARGUMENTS...: stdout and stderr in $tmp/out and $tmp/err
run() {
	local expected=$1 status=0
	shift
	"$evswitch" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
	if ((status == expected)); then pass; else fail "evswitch $*: exit status $status instead of $expected"; fi
}

# says FILE TEXT
says() { if grep -qF -e "$2" "$tmp/$1"; then pass; else fail "no \"$2\" in std$1"; fi; }
silent() { if [[ ! -s $tmp/$1 ]]; then pass; else fail "something in std$1"; fi; }

cat >"$tmp/conf" <<-EOT
	[device keyboard]
	name = a keyboard
	[guest win10]
	via = input-linux
	libvirt = other
	[guest linux]
	qmp = $tmp/monitor
	clipboard = always
EOT
printf '[device keyboard]\nname = a\n[guest win10]\nvia = nothing\n' >"$tmp/wrong"

run 0 -c "$tmp/conf" --xml win10
says out "<input type='evdev'><source dev='/dev/input/by-id/evswitch-win10-keyboard' grab='all' repeat='on'/></input>"
silent err
if xmllint --noout "$tmp/out"; then pass; else fail 'no XML'; fi

run 0 -c "$tmp/conf" --qemu-args win10
says out '-object input-linux,id=evswitch-win10-pointer,evdev=/dev/input/by-id/evswitch-win10-pointer'
silent err

run 0 -c "$tmp/conf" --xml linux
says out "<channel type='unix'><source mode='connect' path='"
says err 'systemctl --user enable --now evswitch-clipboard@linux'
if xmllint --noout "$tmp/out"; then pass; else fail 'no XML'; fi

run 0 -c "$tmp/conf" --qemu-args linux
says out '/linux-clipboard.sock,reconnect=1'
says err 'write reconnect-ms=1000'
says out '-device virtio-input-host-pci,id=evswitch-linux-media,evdev=/dev/input/by-id/evswitch-linux-media'
says out "-qmp unix:$tmp/monitor,server=on,wait=off"

# Whatever it finds on this machine, which has no such keyboard.
run_check() {
	"$evswitch" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
}
run_check -c "$tmp/conf" --check
says out 'fine: the configuration '
silent err
run_check -c "$tmp/conf" --check --json
if [[ $(jq -r '.[] | select(.code == "EVS001" or .code == "EVS002") | .code' "$tmp/out") == '' ]]; then pass; else fail 'finds errors in the configuration'; fi
blocks=$(jq '[.[] | select(.severity == "blocks")] | length' "$tmp/out")
if ((blocks ? status == 77 || status == 69 : status == 0)); then pass; else fail "$blocks block: exit status $status"; fi
run 78 -c "$tmp/wrong" --check
says out "$tmp/wrong:4: "
run 78 -c "$tmp/missing" --check
says out 'EVS001 blocks'
run 64 --check --seconds 1
run 64 --check --try 1
run 64 --write
run 64 --setup
says err 'needs a terminal'
says err 'evswitch --probe --write'
silent out
run 64 --setup win10 other
run 64 --setup --json
run 64 --probe --write --json
run 64 -c "$tmp/conf" --probe
run 78 -c "$tmp/wrong" --probe --write
says err "$tmp/wrong:4: "

# Without a configuration, the first steps; each is a command of its own.
HOME=$tmp/home XDG_CONFIG_HOME='' run 66
if [[ -e /etc/evswitch/evswitch.conf ]]; then
	echo 'skip: this machine has a configuration'
else
	says err 'evswitch --setup'
	says err 'evswitch --probe --write'
	says err ">> $tmp/home/.config/evswitch/evswitch.conf"
fi
silent out

# None runs here; and options that do not belong to a command are refused.
export XDG_RUNTIME_DIR=$tmp
run 69 --status
says err 'evswitch is not running: start it'
silent out
run 69 --switch host --device mouse
run 69 --monitor --json
run 64 --switch
run 64 --switch host --json
run 64 --status --monitor
run 64 --status --device mouse
run 64 --json
run 0 --status --help
unset XDG_RUNTIME_DIR

run 69 -c "$tmp/conf" --xml other
says err 'no [guest other]'
says err 'there is: [guest win10]'
silent out
run 69 -c "$tmp/conf" --qemu-args ''
run 64 --xml
run 64 -c "$tmp/conf" --xml win10 --try 1
run 64 -c "$tmp/conf" --xml win10 --json
run 66 -c "$tmp/missing" --xml win10
silent out
run 78 -c "$tmp/wrong" --qemu-args win10
silent out

# What could not be written is no success.
# full ARGUMENTS...: on a full disk
full() {
	local status=0
	"$evswitch" "$@" >/dev/full 2>"$tmp/err" </dev/null || status=$?
	if ((status == 74)); then pass; else fail "evswitch $*, on a full disk: exit status $status instead of 74"; fi
	says err 'No space left'
}
full -c "$tmp/conf" --xml win10
full -c "$tmp/conf" --qemu-args win10
full -c "$tmp/conf" --check
full --probe --json --seconds 1

# An internal error: descriptors for its libraries, and no more.
run_poor() {
	local expected=$1 status=0
	shift
	(ulimit -n 5 && exec "$evswitch" "$@") >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
	if ((status == expected)); then pass; else fail "evswitch $*, without descriptors: exit status $status instead of $expected"; fi
	says err 'Too many open files'
}
run_poor 70 --probe --seconds 1
run_poor 71 -c "$tmp/conf"
says err 'evswitch --check'

printf '[evswitch]\nsocket-dir = /run/evswitch\n[device a]\nname = a\n[guest a]\nvia = vhost-user\n' >"$tmp/conf"
run 0 -c "$tmp/conf" --xml a
says out 'path=/run/evswitch/a-keyboard.sock'
run 0 -c "$tmp/conf" --qemu-args a
says err 'memory-backend-memfd'
sed -i '/socket-dir/d' "$tmp/conf"
export XDG_RUNTIME_DIR=/run/user/1000
run 0 -c "$tmp/conf" --qemu-args a
says out 'path=/run/user/1000/evswitch/a-keyboard.sock'
XDG_RUNTIME_DIR=/run/$(printf '%045d' 0) # as long as it may be: 59 bytes with what comes below
run 0 -c "$tmp/conf" --qemu-args a
says out "path=$XDG_RUNTIME_DIR/evswitch/a-keyboard.sock"
XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR}0
run 69 -c "$tmp/conf" --qemu-args a
says err 'set socket-dir'

echo "$passed passed, $failed failed"
((failed == 0))
