#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# evswitch-clipboard's user service under a real user manager: its sandbox lets through what it does on X and on
# Wayland, it starts and ends with the desktop, and leaves nothing. The guest's agent is played.
# Runs as root in tests/vm/run --systemd --user NAME; installs into the VM's own root.
# shellcheck disable=SC2154,SC2317 # desk.sh sets them; check calls them
set -uo pipefail

top=$(dirname "$(readlink -f "$0")")/../..
# shellcheck source=tests/lib/desk.sh
. "$top/tests/lib/desk.sh"
unit=evswitch-clipboard@win-10.service # "-" would be a slash, were the name unescaped
run=/run/user/1500
long=240 # seconds that anything may take in an emulated machine
dir=$(mktemp -d)
chmod 755 "$dir"
install -d -o 1500 "$dir/user"
sc() { as_user systemctl --user "$@"; }
show() { sc show -P "$1" $unit; }
status() { as_user evswitch-clipboard --status win-10 2>&1; }
finish() {
	if ((failed)); then
		note 'the journal:'
		journalctl -q --no-pager -o cat "_SYSTEMD_USER_UNIT=$unit" + "USER_UNIT=$unit" | tail -n 40 | sed 's/^/#   /'
	fi
	sc stop $unit evswitch.service
	kill "${!pid_of[@]}" 2>/dev/null
	rm -rf "$dir" /run/systemd/user/{evswitch.service,evswitch-clipboard@.service}.d /run/systemd/user/test-desk.target "$home/.config/evswitch"
	sc daemon-reload
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	exit $((failed > 0))
}
declare -A pid_of=()
await() { # COMMAND...
	local until=$((SECONDS + long))
	until "$@" >"$dir/awaited" 2>&1; do
		((SECONDS < until)) || { cat "$dir/awaited"; return 1; }
		sleep 0.2
	done
}
begin() { # COMMAND...: as the user, in the background
	"${user_is[@]}" "$@" >"$dir/begun.${1##*/}" 2>&1 &
	pid_of[$!]=$1
}

# --- the agent: says that text was copied in the guest, gives it, and writes down what was copied on the host
cat >"$dir/agent.py" <<'END'
import socket, struct, sys, time
path, here, there = sys.argv[1:]
qemu = socket.socket(socket.AF_UNIX)
qemu.connect(path)
def take(n):
    data = b''
    while len(data) < n:
        part = qemu.recv(n - len(data))
        if not part:
            sys.exit(0)
        data += part
    return data
def say(kind, data):
    message = struct.pack('<IIQI', 1, kind, 0, len(data)) + data
    qemu.sendall(struct.pack('<II', 1, len(message)) + message)
held = b''
def read(n):
    global held
    while len(held) < n:
        held += take(struct.unpack('<II', take(8))[1])
    data, held = held[:n], held[n:]
    return data
while True:
    _, kind, _, size = struct.unpack('<IIQI', read(20))
    data = read(size)
    if kind == 6 and struct.unpack('<I', data[:4])[0]:
        say(6, struct.pack('<II', 0, 1 << 5 | 1 << 8))
        say(7, struct.pack('<I', 1))
    elif kind == 8:
        say(4, struct.pack('<I', 1) + here.encode())
    elif kind == 7:
        say(8, struct.pack('<I', 1))
    elif kind == 4 and not struct.unpack('<I', data[:4])[0]:
        time.sleep(0.2)  # not in time, in an emulated machine: it is kept for who asks again
        say(8, struct.pack('<I', 1))
    elif kind == 4:
        open(there, 'wb').write(data[4:])
END

# --- install
make -s -C "$top" -o all install PREFIX=/usr >"$dir/make" 2>&1 || { cat "$dir/make"; fail 'make install'; finish; }
modprobe uinput
udevadm control --reload
udevadm trigger --action=change --settle /dev/uinput
systemctl stop evswitch.service 2>/dev/null
for name in evswitch evswitch-clipboard@; do
	mkdir -p "/run/systemd/user/$name.service.d"
	printf '[Unit]\nStartLimitBurst=50\n[Service]\nTimeoutStartSec=90\nTimeoutStopSec=90\n' >"/run/systemd/user/$name.service.d/slow.conf"
done
printf '[Unit]\nBindsTo=graphical-session.target\nBefore=graphical-session.target\n' >/run/systemd/user/test-desk.target
as_user mkdir -p "$home/.config/evswitch"
printf '[device keyboard]\nname = one that is not there\n[guest win-10]\nclipboard = always\n' >"$home/.config/evswitch/evswitch.conf"
sc daemon-reload
sc reset-failed
sc unset-environment DISPLAY WAYLAND_DISPLAY
check 'systemd-analyze verify is silent' is "$(as_user systemd-analyze --user verify $unit 2>&1)" ''
score=$(as_user systemd-analyze --user security --no-pager $unit 2>/dev/null | tail -n 1)
note "systemd-analyze security:${score#*:}"
check 'evswitch starts' sc start evswitch.service

# --- without a desktop, and then with one
has_restarted() { (($(show NRestarts) > 0)) && is "$(show ExecMainStatus)" 69; }
is_active() { is "$(show ActiveState)" active; }
sc start $unit 2>/dev/null
check 'without a desktop, it tries again' await has_restarted
begin Xvfb :5 -screen 0 640x480x24 -nolisten tcp
check 'an X server' await test -S /tmp/.X11-unix/X5
sc set-environment DISPLAY=:5
check 'it finds the desktop by itself' await is_active

# --- the sandbox
pid=$(show MainPID)
check 'it runs the installed program' is "$(readlink "/proc/$pid/exe")" /usr/bin/evswitch-clipboard
check 'for the guest as it is called' is "$(tr '\0' ' ' <"/proc/$pid/cmdline")" '/usr/bin/evswitch-clipboard -- win-10 '
check 'system calls are filtered' is "$(sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")" 2
check 'no new privileges' is "$(sed -n 's/^NoNewPrivs:\t//p' "/proc/$pid/status")" 1
check 'the memory is limited' is "$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")"/memory.{max,swap.max} | xargs)" "$((512 * 1024 * 1024)) 0"
check 'it has no device' not grep -E '/dev/(input|uinput)' <(find "/proc/$pid/fd" -printf '%l\n')

# --- both ways, on either desktop
at_host() { # what PASTE prints
	local said
	said=$(as_user "${paste[@]}" 2>&1)
	is "$said" "$1"
}
in_guest() { is "$(<"$dir/user/there")" "$1"; }
passes_on() { # NAME: by $copy and $paste
	rm -f "$dir/user/there"
	begin python3 "$dir/agent.py" $run/evswitch/win-10-clipboard.sock "from the guest, $1" "$dir/user/there"
	check "$1: the agent is ready" await has_agent
	check "$1: what the guest has copied" await at_host "from the guest, $1"
	printf 'from the host, %s' "$1" | as_user "${copy[@]}" >/dev/null 2>&1
	check "$1: what the host has copied" await in_guest "from the host, $1"
	note "$(status | xargs)"
}
has_no_vm() { has "$(status)" 'not connected'; }
has_agent() { has "$(status)" 'agent:    ready'; }
has_desktop() { has "$(status)" "desktop:  $1"; }
ended() { # NAME: after a stop
	check "$1: stopped, without a failure" is "$(show ActiveState) $(show Result) $(show ExecMainStatus)" 'inactive success 0'
	check "$1: no process is left" is "$(pgrep -l 'wl-(copy|pas)')" ''
	check "$1: no copy of the data" is "$(find /tmp -maxdepth 1 -name 'wl-copy*')" ''
	check "$1: no socket" is "$(find $run/evswitch -name '*clipboard*')" ''
}
check 'X: --status' has_desktop x11
copy=(env DISPLAY=:5 xclip -selection clipboard) paste=(env DISPLAY=:5 timeout 20 xclip -o -selection clipboard)
passes_on X
sc stop $unit
ended X

begin env WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman sway -c /dev/null
compositor() { find $run -maxdepth 1 -name 'wayland-[0-9]' | grep .; }
check 'a Wayland compositor' await compositor
wayland=$(compositor | head -n 1)
sc unset-environment DISPLAY
sc set-environment "WAYLAND_DISPLAY=${wayland##*/}"
sc start $unit
check 'Wayland: it starts' await is_active
check 'Wayland: --status' has_desktop wayland
copy=(env "WAYLAND_DISPLAY=${wayland##*/}" wl-copy) paste=(env "WAYLAND_DISPLAY=${wayland##*/}" timeout 20 wl-paste --no-newline)
passes_on Wayland
as_user "${copy[@]}" --clear
# Now something of the guest's is on the clipboard when it ends.
for pid in "${!pid_of[@]}"; do [[ ${pid_of[$pid]} != python3 ]] || kill "$pid" 2>/dev/null; done
check 'Wayland: the VM is gone' await has_no_vm
begin python3 "$dir/agent.py" $run/evswitch/win-10-clipboard.sock 'once more' "$dir/user/there"
check 'Wayland: the guest copies again' await at_host 'once more'
sc stop $unit
ended Wayland

# --- it belongs to the desktop
sc enable $unit 2>/dev/null
check 'enabled, it starts with a desktop' sc start test-desk.target
check 'it runs' await is_active
sc stop test-desk.target
is_inactive() { is "$(show ActiveState)" inactive; }
check 'and ends with that' await is_inactive
sc disable $unit 2>/dev/null
finish
