#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What sends files to a guest from menus: that desktops can read the entries, and what becomes of the files and of the
# outcome, with a program in evswitch-clipboard's place.
# usage: test-menus.sh; the last line is "N passed, N failed".
# shellcheck disable=SC2317 # check calls them
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) passed=0 failed=0 skipped=0
trap 'rm -rf "$dir"' EXIT

check() { # NAME COMMAND...
	if "${@:2}" >"$dir/out" 2>&1; then
		passed=$((passed + 1)); printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'FAIL %s\n' "$1"; sed 's/^/     /' "$dir/out"
	fi
}
needs() { # NUMBER-OF-CHECKS TOOL
	command -v "$2" >/dev/null && return
	echo "skip: $2 is not installed, so what needs it is not tried"
	skipped=$((skipped + $1))
	return 1
}
not() { ! "$@"; }
has_line() { grep -qxF -e "$2" "$1" || { cat "$1"; return 1; }; }
is_silent() { local said; said=$("$@" 2>&1) && [[ ! $said ]] || { echo "$said"; return 1; }; }

# --- the entries
# As they are installed.
for file in conf/menus/*.{desktop,xml}; do
	sed 's|@BINDIR@|/usr/bin|; s|@MENUDIR@|/usr/share/evswitch-clipboard|' "$file" >"$dir/${file##*/}"
done
if needs 2 desktop-file-validate; then
	check 'the entry of the desktop is valid' is_silent desktop-file-validate "$dir/evswitch-send.desktop"
	# KDE's type is not in the specification, which has the rest of it.
	sed 's/^Type=Service/Type=Application\nName=x\nExec=x/' "$dir/evswitch-send-kde.desktop" >"$dir/kde.desktop"
	check 'that of KDE is, but for its type' is_silent desktop-file-validate "$dir/kde.desktop"
fi
# Or a double click sends what no program opens.
check 'it opens nothing by itself' not grep -q '^MimeType=' "$dir/evswitch-send.desktop"
needs 1 xmllint && check 'the action for Thunar can be read' xmllint --noout "$dir/thunar.xml"

# --- the script
mkdir "$dir/bin"
cat >"$dir/bin/evswitch-clipboard" <<'END'
#!/bin/sh
printf '%s\n' "$@" >"$DIR/arguments"
[ ! -e "$DIR/fails" ] || { echo 'evswitch-clipboard: a: not sent: the disk is full' >&2; exit 74; }
END
cat >"$dir/bin/notify-send" <<'END'
#!/bin/sh
printf '%s\n' "$@" >"$DIR/told"
END
chmod +x "$dir"/bin/*
export DIR=$dir
send() { # FILE...: as a file manager does
	rm -f "$dir/told" "$dir/arguments"
	PATH=$dir/bin:$PATH setsid conf/menus/send "$@" </dev/null >/dev/null 2>"$dir/stderr"
}
arguments_are() { diff <(printf '%s\n' "$@") "$dir/arguments"; }
status_is() { # STATUS COMMAND...
	"${@:2}"
	local status=$?
	((status == $1)) || { echo "status $status"; return 1; }
}
check 'files are sent' send 'a b' /x/c
check 'to the guest that is served, under their names' arguments_are --send - 'a b' /x/c
check 'the user is told' has_line "$dir/told" 'Sent to the guest'
check 'how many' has_line "$dir/told" '2 files'
check 'one file' send '/x/a b'
check 'it is named' has_line "$dir/told" 'a b'
check 'no file' status_is 64 send
check 'nothing is sent' test ! -e "$dir/arguments"
check 'the user is told what to do' grep -q 'drop some' "$dir/told"
: >"$dir/fails"
check 'a failure' status_is 74 send a
check 'the user is told' has_line "$dir/told" 'Not sent to the guest'
check 'why' has_line "$dir/told" 'evswitch-clipboard: a: not sent: the disk is full'

# A terminal stays open after a failure, until Enter; script(1) makes one.
in_terminal() { PATH=$dir/bin:$PATH timeout 60 script -qec 'conf/menus/send a' /dev/null >"$dir/terminal"; }
if needs 4 script; then
	rm -f "$dir/told"
	mkfifo "$dir/keyboard"
	: >"$dir/terminal"
	presses_enter() { # once that is asked for, or in vain after a minute
		for _ in {1..600}; do
			! grep -q 'Enter closes' "$dir/terminal" || break
			sleep 0.1
		done
		echo >"$dir/keyboard"
	}
	presses_enter &
	check 'in a terminal, a failure waits for Enter' status_is 74 in_terminal <>"$dir/keyboard"
	wait
	check 'which shows why' grep -q 'disk is full' "$dir/terminal"
	rm "$dir/fails"
	check 'and success ends at once' status_is 0 in_terminal <>"$dir/keyboard"
	check 'nobody is notified' test ! -e "$dir/told"
fi

echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
