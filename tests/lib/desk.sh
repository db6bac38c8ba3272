#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# For the shell tests that run in tests/vm/run --systemd --user NAME: counting, the user, and the desk, which plays
# the devices (tests/real/desk.c). Sourced, after "top" was set. DESK names another program.
# shellcheck disable=SC2317 # check calls them

desk=${DESK:-$top/build/tests/real/desk}
user=$(getent passwd 1500 | cut -d: -f1) || user=
home=/home/$user
passed=0 failed=0 skipped=0
[[ $user ]] || { echo "${0##*/}: no user: tests/vm/run --systemd --user NAME" >&2; exit 2; }
[[ -x $desk ]] || { echo "${0##*/}: no $desk: make tests" >&2; exit 2; }

pass() { passed=$((passed + 1)); printf 'ok - %s\n' "$1"; }
fail() { failed=$((failed + 1)); printf 'not ok - %s\n' "$1"; }
skip() { skipped=$((skipped + 1)); printf 'skip: %s\n' "$1"; }
note() { printf '# %s\n' "$*"; }
check() { if "${@:2}"; then pass "$1"; else fail "$1"; fi; }
is() { [[ $1 == "$2" ]] || { note "\"$1\" instead of \"$2\""; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { note "no \"$2\" in \"$1\""; return 1; }; }
lacks() { [[ $1 != *"$2"* ]] || { note "\"$2\" in \"$1\""; return 1; }; }
at_most() { (($1 <= $2)) || { note "$1 > $2"; return 1; }; }
not() { ! "$@"; }

# Before a command: as that user.
user_is=(setpriv --reuid 1500 --regid 1500 --init-groups env -i "HOME=$home" "USER=$user" PATH=/usr/bin:/bin
	XDG_RUNTIME_DIR=/run/user/1500)
as_user() { "${user_is[@]}" "$@"; }

# $answer is what the desk said after "ok".
answer=
desk_open() { coproc DESK { exec "$desk"; }; }
hand() {
	printf '%s\n' "$*" >&"${DESK[1]}"
	read -r -t 120 answer <&"${DESK[0]}" || { fail "the desk is gone at: $*"; finish; }
	[[ $answer == ok* ]] || { note "desk: $*: $answer"; return 1; }
	answer=${answer#ok}
	answer=${answer# }
}
watch_host() { hand watch hk evswitch/host/keyboard; hand watch hm evswitch/host/mouse; }
unwatch_host() { hand unwatch hk; hand unwatch hm; }
types() { hand key keyboard KEY_A 1 && hand see hk KEY_A 1 && hand key keyboard KEY_A 0 && hand see hk KEY_A 0; }
toggle() {
	local event
	for event in 'LEFTCTRL 1' 'RIGHTCTRL 1' 'RIGHTCTRL 0' 'LEFTCTRL 0'; do
		hand key keyboard "KEY_$event"
	done
}
let_go() { hand released "$1" && note "$1: $answer"; }
grabbed() { hand grabbed && is "$answer" "$1"; }
