#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What "make install" puts where, below a DESTDIR, and that "make uninstall" leaves none of it.
# usage: test-install.sh BUILD_DIR; the last line is "N passed, N failed".
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$dir"' EXIT
umask 077 # as some administrators have it

# A build at another place, whose program is like none at the usual one.
build=$dir/build
mkdir "$build"
cp -a "$1"/{obj,shared.a,evswitch,evswitch-clipboard} "$build"
echo >>"$build/evswitch"
echo >>"$build/evswitch-clipboard"
make=(make --no-print-directory "BUILD=$build" WERROR=-Werror CLIPBOARD=yes)
[[ $1 != */san ]] || make+=(SAN=1)

check() { # NAME COMMAND...
	if "${@:2}" >"$dir/out" 2>&1; then
		passed=$((passed + 1)); printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'FAIL %s\n' "$1"; sed 's/^/     /' "$dir/out"
	fi
}
# Mode and path of each file below the DESTDIR.
installed() { (cd "$dir/root" && find . -type f -printf '%m %P\n' | LC_ALL=C sort -k 2); }
holds() { diff <(printf '%s\n' "$@" | LC_ALL=C sort -k 2) <(installed); }
has_no() { ! grep -rE "$1" "$dir/root/etc" "$dir/root$2"; }
# What stands in the build, and when each file was written.
build_state() { find "$build" -printf '%p %T@ %u\n' | LC_ALL=C sort; }
menus_start() { # ROOT PREFIX
	local file n=0
	for file in "$1$2"/share/{applications/evswitch-send.desktop,kio/servicemenus/evswitch-send-kde.desktop,evswitch-clipboard/thunar.xml}; do
		grep -qE "^(Exec=|\s*<command>)$2/share/evswitch-clipboard/send %F(</command>)?\$" "$file" && n=$((n + 1))
	done
	grep -qx "TryExec=$2/bin/evswitch-clipboard" "$1$2/share/applications/evswitch-send.desktop" && ((n == 3))
}
man_page() { mandoc -T lint -W error "$1"; }

"${make[@]}" all >"$dir/out" 2>&1
build_state >"$dir/before"
check 'install' "${make[@]}" install DESTDIR="$dir/root"
# Or what root has written there stands in the way of the user's next build.
check 'nothing is written into the build' diff "$dir/before" <(build_state)
check 'what is there' holds \
	'644 etc/modules-load.d/evswitch-uinput.conf' \
	'644 etc/systemd/system/evswitch.service' \
	'644 etc/systemd/user/evswitch-clipboard@.service' \
	'644 etc/systemd/user/evswitch-hooks.service' \
	'644 etc/systemd/user/evswitch.service' \
	'644 etc/sysusers.d/evswitch.conf' \
	'644 etc/udev/rules.d/65-evswitch.rules' \
	'755 usr/local/bin/evswitch' \
	'755 usr/local/bin/evswitch-clipboard' \
	'644 usr/local/share/applications/evswitch-send.desktop' \
	'644 usr/local/share/bash-completion/completions/evswitch' \
	'644 usr/local/share/bash-completion/completions/evswitch-clipboard' \
	'644 usr/local/share/doc/evswitch/evswitch.conf' \
	'644 usr/local/share/doc/evswitch/i3status-rust.toml' \
	'644 usr/local/share/doc/evswitch/waybar.jsonc' \
	'755 usr/local/share/evswitch-clipboard/send' \
	'644 usr/local/share/evswitch-clipboard/thunar.xml' \
	'644 usr/local/share/fish/vendor_completions.d/evswitch.fish' \
	'644 usr/local/share/fish/vendor_completions.d/evswitch-clipboard.fish' \
	'644 usr/local/share/kio/servicemenus/evswitch-send-kde.desktop' \
	'644 usr/local/share/man/man1/evswitch.1' \
	'644 usr/local/share/man/man1/evswitch-clipboard.1' \
	'644 usr/local/share/man/man5/evswitch.conf.5' \
	'644 usr/local/share/varlink/io.evswitch.varlink' \
	'644 usr/local/share/zsh/site-functions/_evswitch' \
	'644 usr/local/share/zsh/site-functions/_evswitch-clipboard'
check 'the program is the one of this build' cmp "$build/evswitch" "$dir/root/usr/local/bin/evswitch"
check 'it runs' "$dir/root/usr/local/bin/evswitch" --version
check 'the clipboard'\''s, too' cmp "$build/evswitch-clipboard" "$dir/root/usr/local/bin/evswitch-clipboard"
check 'and it runs' "$dir/root/usr/local/bin/evswitch-clipboard" --version
check 'the unit starts it' grep -q '^ExecStart=/usr/local/bin/evswitch' "$dir/root/etc/systemd/user/evswitch.service"
check 'the unit of the system, too' grep -qx 'ExecStart=/usr/local/bin/evswitch --system' "$dir/root/etc/systemd/system/evswitch.service"
check 'that of the clipboard' grep -qx 'ExecStart=/usr/local/bin/evswitch-clipboard -- %i' "$dir/root/etc/systemd/user/evswitch-clipboard@.service"
# Of what has an Exec=, or is one.
check 'the menus start what is there' menus_start "$dir/root" /usr/local
check 'no place is left open' has_no '@[A-Z]+@' /usr/local/share
check 'evswitch(1)' man_page "$dir/root/usr/local/share/man/man1/evswitch.1"
check 'evswitch-clipboard(1)' man_page "$dir/root/usr/local/share/man/man1/evswitch-clipboard.1"
check 'evswitch.conf(5)' man_page "$dir/root/usr/local/share/man/man5/evswitch.conf.5"
check 'the configuration is the one described' cmp conf/evswitch.conf "$dir/root/usr/local/share/doc/evswitch/evswitch.conf"
check 'nothing names the build' has_no "$PWD" /usr/local/share
check 'install again' "${make[@]}" install DESTDIR="$dir/root"
check 'uninstall' "${make[@]}" uninstall DESTDIR="$dir/root"
check 'no file is left' test -z "$(installed)"
check 'nor the directory of the documents' test ! -e "$dir/root/usr/local/share/doc/evswitch"
check 'nor that of the menus' test ! -e "$dir/root/usr/local/share/evswitch-clipboard"
check 'without the clipboard' "${make[@]}" install CLIPBOARD= DESTDIR="$dir/root"
check 'nothing of it is there' test -z "$(installed | grep -E 'clipboard|evswitch-send')"
check 'but the rest' test "$(installed | wc -l)" = 16
check 'uninstall' "${make[@]}" uninstall DESTDIR="$dir/root"
check 'the clipboard alone' "${make[@]}" install-clipboard DESTDIR="$dir/root"
check 'nothing else is there' test "$(installed | wc -l)" -eq "$(installed | grep -cE 'clipboard|evswitch-send')" -a "$(installed | wc -l)" = 10
check 'uninstall' "${make[@]}" uninstall DESTDIR="$dir/root"
check 'no file is left' test -z "$(installed)"

places=(DESTDIR="$dir/root" PREFIX=/opt/x UDEVDIR=/usr/lib/udev/rules.d MODULESDIR=/usr/lib/modules-load.d UNITDIR=/usr/lib/systemd/user
	SYSTEMDIR=/usr/lib/systemd/system USERSDIR=/usr/lib/sysusers.d)
check 'elsewhere' "${make[@]}" install "${places[@]}"
check 'what is there' holds \
	'755 opt/x/bin/evswitch' \
	'755 opt/x/bin/evswitch-clipboard' \
	'644 opt/x/share/applications/evswitch-send.desktop' \
	'644 opt/x/share/bash-completion/completions/evswitch' \
	'644 opt/x/share/bash-completion/completions/evswitch-clipboard' \
	'644 opt/x/share/doc/evswitch/evswitch.conf' \
	'644 opt/x/share/doc/evswitch/i3status-rust.toml' \
	'644 opt/x/share/doc/evswitch/waybar.jsonc' \
	'755 opt/x/share/evswitch-clipboard/send' \
	'644 opt/x/share/evswitch-clipboard/thunar.xml' \
	'644 opt/x/share/fish/vendor_completions.d/evswitch.fish' \
	'644 opt/x/share/fish/vendor_completions.d/evswitch-clipboard.fish' \
	'644 opt/x/share/kio/servicemenus/evswitch-send-kde.desktop' \
	'644 opt/x/share/man/man1/evswitch.1' \
	'644 opt/x/share/man/man1/evswitch-clipboard.1' \
	'644 opt/x/share/man/man5/evswitch.conf.5' \
	'644 opt/x/share/varlink/io.evswitch.varlink' \
	'644 opt/x/share/zsh/site-functions/_evswitch' \
	'644 opt/x/share/zsh/site-functions/_evswitch-clipboard' \
	'644 usr/lib/modules-load.d/evswitch-uinput.conf' \
	'644 usr/lib/systemd/system/evswitch.service' \
	'644 usr/lib/systemd/user/evswitch-clipboard@.service' \
	'644 usr/lib/systemd/user/evswitch-hooks.service' \
	'644 usr/lib/systemd/user/evswitch.service' \
	'644 usr/lib/sysusers.d/evswitch.conf' \
	'644 usr/lib/udev/rules.d/65-evswitch.rules'
check 'the unit starts it' grep -q '^ExecStart=/opt/x/bin/evswitch' "$dir/root/usr/lib/systemd/user/evswitch.service"
check 'the menus start what is there' menus_start "$dir/root" /opt/x
check 'uninstall' "${make[@]}" uninstall "${places[@]}"
check 'no file is left' test -z "$(installed)"

echo "$passed passed, $failed failed"
((failed == 0))
