#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What "make dist" and "make deb" have made: the tarball is reproducible, and lintian has nothing to say. Or in a
# VM (tests/vm/run --systemd --user NAME): installs the packages, uses, upgrades and purges them, and lists what is left.
# usage: test-package.sh BUILD_DIR, after "make deb"; test-package.sh --installs BUILD_DIR, in the VM.
# shellcheck disable=SC2317 # check calls them
set -uo pipefail

cd "$(dirname "$(readlink -f "$0")")/../.." || exit 1
dir=$(mktemp -d)
passed=0 failed=0 skipped=0
trap 'rm -rf "$dir"' EXIT

note() { printf '# %s\n' "$*"; }
check() { # NAME COMMAND...
	if "${@:2}" >"$dir/out" 2>&1; then
		passed=$((passed + 1)); printf 'ok - %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'not ok - %s\n' "$1"; sed 's/^/#   /' "$dir/out" | tail -n 30
	fi
}
finish() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	exit $((failed > 0))
}
not() { ! "$@"; }
is() { [[ $1 == "$2" ]] || { echo "\"$1\" instead of \"$2\""; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { echo "no \"$2\" in \"$1\""; return 1; }; }

# --- in the VM

user=$(getent passwd 1500 | cut -d: -f1)
as_user() {
	setpriv --reuid 1500 --regid 1500 --init-groups env -i "HOME=/home/$user" "USER=$user" PATH=/usr/bin:/bin \
		XDG_RUNTIME_DIR=/run/user/1500 "$@"
}
sc() { as_user systemctl --user "$@"; }
# Where a package may put or leave something. Deeper, over 9p, this would take a minute.
traces() {
	{
		find /usr/bin /usr/lib/{systemd/{user,system},sysusers.d,udev/rules.d,modules-load.d} /usr/share /usr/share/{doc,varlink,man,zsh,fish} \
			/usr/share/{applications,kio,kio/servicemenus,evswitch-clipboard} \
			/usr/share/{bash-completion/completions,fish/vendor_completions.d,lintian/overrides} \
			/usr/share/{man/man1,man/man5,zsh/vendor-completions} /var/lib /var/cache /var/log -maxdepth 1
		find /etc/{systemd,udev,modules-load.d,default,init.d} /var/lib/systemd "/home/$user"
	} 2>/dev/null | grep -vE '^/home/[^/]*/\.config(/|$)|/systemd/(timers|random-seed)' | LC_ALL=C sort -u
}
dpkg_knows() { [[ $(<"$dir/dpkg/status") == *evswitch* ]] || ls "$dir/dpkg/info/"evswitch* 2>/dev/null; }
# With a list of its own: to read that of all packages over 9p takes half a minute, each time. So dependencies are
# not known here; the program runs.
dpkg_do() { dpkg --admindir="$dir/dpkg" --force-depends,unsafe-io --no-triggers "$@"; }
codes() { as_user evswitch --check --json | jq -r '.[].code' | xargs; }
lacks_codes() { local code; for code; do not has "$codes" "$code" || { echo "$codes"; return 1; }; done; }
install_debs() { dpkg_do -i "$deb" "$clipboard_deb"; }
config() {
	as_user mkdir -p "/home/$user/.config/evswitch"
	printf '[device keyboard]\nname = one that is not there\n' | as_user tee "/home/$user/.config/evswitch/evswitch.conf"
}
await_end() { # PID
	local tries
	for tries in {1..300}; do [[ -e /proc/$1 ]] || return 0; sleep 0.1; done
	echo "process $1 still runs after $tries looks"
	return 1
}

installs() {
	local before=$dir/before groups pid
	# From --rules: the package brings them.
	rm -f /etc/udev/rules.d/65-evswitch.rules
	udevadm control --reload
	mkdir -p "$dir"/dpkg/{info,updates}
	: >"$dir/dpkg/status"
	groups=$(</etc/group)
	traces >"$before"
	check 'it is not installed' not dpkg_knows
	check 'install' install_debs
	check 'the version is the package'\''s' is "$(as_user evswitch --version)" "evswitch $(dpkg-deb -f "$deb" Version)"
	check 'of the clipboard, too' is "$(as_user evswitch-clipboard --version)" "evswitch-clipboard $(dpkg-deb -f "$clipboard_deb" Version)"
	check 'uinput is loaded' test -c /dev/uinput
	check '/dev/uinput by the rule' is "$(stat -c '%U:%G %a' /dev/uinput)" 'root:input 660'
	check 'nobody was put into a group' is "$(</etc/group)" "$groups"
	sc daemon-reload
	check 'nobody has the service by itself' is "$(sc is-enabled evswitch.service)" disabled
	check 'nor that of the clipboard' is "$(sc is-enabled evswitch-clipboard@win10.service)" disabled
	check 'and it does not run' is "$(sc is-active evswitch.service)" inactive
	check 'a configuration' config
	# An emulated machine can take longer to start a program than the unit has patience.
	mkdir -p /run/systemd/user/evswitch.service.d
	printf '[Service]\nTimeoutStartSec=90\n' >/run/systemd/user/evswitch.service.d/slow.conf
	sc daemon-reload
	check 'systemctl --user start' sc start evswitch.service
	check 'it runs the installed program' is "$(readlink "/proc/$(pgrep -xo evswitch)/exe")" /usr/bin/evswitch
	check '--status' has "$(as_user evswitch --status)" 'focus: host'
	codes=$(codes)
	note "--check: $codes"
	check '--check names the device that is not there' has "$codes" EVS105
	check '--check finds the module, the rules and the service' \
		lacks_codes EVS201 EVS202 EVS203 EVS204 EVS205 EVS304 EVS306 EVS308
	pid=$(sc show -P MainPID evswitch.service)
	check 'upgrade' install_debs
	check 'the service was left alone' is "$(sc show -P MainPID evswitch.service)" "$pid"
	check 'remove' dpkg_do -r evswitch-clipboard evswitch
	check 'the program is gone' test ! -e /usr/bin/evswitch -a ! -e /usr/bin/evswitch-clipboard
	check '/dev/uinput is root'\''s' is "$(stat -c '%U:%G %a' /dev/uinput)" 'root:root 600'
	check 'the service can still be stopped' sc stop evswitch.service
	check 'it ended' await_end "$pid"
	check 'purge' dpkg_do -P evswitch-clipboard evswitch
	rm -r /run/systemd/user/evswitch.service.d
	check 'dpkg knows no more of it' not dpkg_knows
	# What is gone: empty directories of other packages, which this dpkg does not know.
	check 'nothing is left' is "$(traces | LC_ALL=C comm -13 "$before" -)" ''
	check 'nobody was put out of a group' is "$(</etc/group)" "$groups"
}

release=$(sed -n 's/^RELEASE := //p' Makefile)
skip() { # NUMBER WHY
	skipped=$1
	echo "skip: $2"
	finish
}
deb_of() { find "$1/deb" -maxdepth 1 -name "${2:-evswitch}_$release-*.deb" 2>/dev/null; }

if [[ $1 == --installs ]]; then
	deb=$(deb_of "$2") clipboard_deb=$(deb_of "$2" evswitch-clipboard)
	[[ $deb && $clipboard_deb ]] || skip 27 "$2/deb has no package: see make deb"
	installs
	finish
fi

build=$1
for tool in dpkg-buildpackage dh lintian git; do
	command -v $tool >/dev/null || skip 13 "$tool is not installed, so no package is built: make deps"
done
[[ -e .git ]] || skip 13 'a package is made of a commit, and this is no repository'
tarball=evswitch-$release.tar.xz
lacks_libraries() { # WORD...
	local depends word
	depends=$(dpkg-deb -f "$(deb_of "$build" evswitch-clipboard)" Depends)
	has "$depends" libxcb1 || return 1
	for word; do not has "$depends" "lib$word" || { echo "$depends"; return 1; }; done
}
files_of() { dpkg-deb -c "$(deb_of "$build" "$1")" | awk '$6 !~ /\/$/ { print $6 }' | LC_ALL=C sort; }
list() { tar -tf "$build/$tarball" | sed "s|^evswitch-$release/||" | grep -v '/$' | grep . | LC_ALL=C sort; }

check 'there is a package' test -e "$(deb_of "$build")"
check 'there is one for the clipboard' test -e "$(deb_of "$build" evswitch-clipboard)"
check 'what reads keyboards has no library of a desktop' not has "$(dpkg-deb -f "$(deb_of "$build")" Depends)" xcb
check 'the clipboard'\''s program has none for devices' lacks_libraries evdev udev input inih
check 'they have no file in common' is "$(comm -12 <(files_of evswitch) <(files_of evswitch-clipboard))" ''
check 'make dist' make --no-print-directory "BUILD=$dir" dist
check 'the same commit makes the same tarball' cmp "$build/$tarball" "$dir/$tarball"
check 'it has what is committed' diff <(list) <(git ls-tree -r --name-only HEAD | LC_ALL=C sort)
check 'one version: Debian' has "$(head -n 1 conf/packages/debian/changelog)" "evswitch ($release-"
check 'one version: Arch' is "$(sed -n 's/^pkgver=//p' conf/packages/arch/PKGBUILD)" "$release"
check 'the PKGBUILD is a script' bash -n conf/packages/arch/PKGBUILD
check 'and has a function for each package' bash -c '. conf/packages/arch/PKGBUILD
	for name in "${pkgname[@]}"; do declare -F "package_$name" || exit; done'
check 'lintian has nothing to say' is "$(lintian --allow-root "$build/deb/evswitch_$release"-*.changes 2>&1)" ''
finish
