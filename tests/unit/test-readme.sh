#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The commands that README.md gives: options of evswitch, targets of make and files exist, and of other programs only
# the uses below are known. What needs no device runs, and prints what README shows. Its configurations are valid, also
# what a here-document adds to one.
# A command that is not known here fails: try it as README gives it, then add it to "known".
# usage: tests/unit/test-readme.sh BUILD [FILE]
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
build=$1 readme=${2:-README.md}
evswitch=$build/evswitch
tmp=$(mktemp -d) || exit 73
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
unset MAKEFLAGS MFLAGS MAKELEVEL
export XDG_RUNTIME_DIR=/run/user/1000

# How the commands of other programs begin, without sudo. X stands for the output of another.
known='apt install
apt purge evswitch
cat X
cd
cp
gpasswd -d
id -u
journalctl --user -u evswitch
loginctl enable-linger
makepkg -si
modprobe uinput
systemctl reload apparmor
systemctl enable --now evswitch
systemctl restart libvirtd
systemctl restart user@X
systemctl --user enable --now evswitch
systemctl --user enable --now evswitch-hooks
systemctl --user enable --now evswitch-clipboard@win10
systemctl --user reload evswitch
systemd-run --user --collect COMMAND
systemd-sysusers evswitch.conf
udevadm control --reload
udevadm trigger /dev/uinput
usermod -aG
virsh --connect qemu:///system edit
virsh --connect qemu:///system list --all
virsh --connect qemu:///system start'
# Files that a command before them makes, and those of a running system.
made='./build/deb/evswitch_*.deb
./build/deb/evswitch-clipboard_*.deb
build/evswitch
build/evswitch-*.tar.xz
/dev/uinput
qemu:///system'

# --- what README says: "LINE TAB KIND TAB TEXT"; inline is in backquotes, or quoted in a comment.
# A command's output goes to out.LINE, a configuration to ini.LINE. Only a configuration gets a here-document, "X".
awk -v tmp="$tmp" '
	/^```/ && !block {
		block = 1; kind = substr($0, 4); begin = NR
		if (kind !~ /^(sh|console|ini)$/) print NR "\tblock\t" kind
		next
	}
	here && /^END$/ { here = 0; next }
	here { print >(tmp "/ini." here); next }
	/^```/ { block = 0; next }
	block && kind == "sh" && sub(/>>~\/.config\/evswitch\/evswitch.conf <<'"'END'"'$/, "X") { here = NR }
	block && kind == "sh" && NF {
		print NR "\tsh\t" $0
		if (match($0, / #.*/)) inline(substr($0, RSTART), "\"")
	}
	block && kind == "console" && /^\$ / { begin = NR; print NR "\tconsole\t" substr($0, 3); next }
	block && kind == "console" { print >(tmp "/out." begin) }
	block && kind == "ini" { print >(tmp "/ini." begin) }
	!block { inline($0, "`") }
	function inline(text, quote, n, i, part) {
		n = split(text, part, quote)
		for (i = 2; i < n; i += 2)
			if (part[i] ~ /^(sudo|apt|evswitch|evswitch-clipboard|journalctl|loginctl|make|systemctl|systemd-run|udevadm|virsh)( |$)/)
				print NR "\tinline\t" part[i]
	}' "$readme" >"$tmp/commands"

# --- configurations. A part of one gets what it lacks.
example='' guests='host next' devices=''
for ini in "$tmp"/ini.*; do
	[[ -e $ini ]] || continue
	guests+=" $(sed -n 's/^\[guest \(.*\)\]$/\1/p' "$ini" | xargs)"
	devices+=" $(sed -n 's/^\[device \(.*\)\]$/\1/p' "$ini" | xargs)"
	[[ $example ]] || ! grep -q '^\[guest ' "$ini" || ! grep -q '^\[device ' "$ini" || example=$ini
done
guest=$(sed -n 's/^\[guest \(.*\)\]$/\1/p;T;q' "${example:-/dev/null}")
check_ini() { # FILE
	cp "$1" "$tmp/conf"
	grep -q '^\[device ' "$1" || printf '[device d]\nname = a\n' >>"$tmp/conf"
	grep -q "^\[guest $guest\]" "$1" || printf '[guest %s]\n' "$guest" >>"$tmp/conf"
	"$evswitch" -c "$tmp/conf" --xml "$guest" >"$tmp/out" 2>&1 || { why="is refused: $(<"$tmp/out")"; return 1; }
}

# --- commands. Each says in $why what is wrong.
"$evswitch" --help | grep -oE '(^|[ ,|[])--?[a-z][a-z-]*' | tr -d ' ,|[' | sort -u >"$tmp/options"
clipboard_help=$("$build/evswitch-clipboard" --help)
one_of() { [[ " $2 " == *" $1 "* ]] || { why="$1 is none of: $2"; return 1; }; }
check_evswitch() { # KIND LINE WORD...
	local kind=$1 line=$2 before='' word
	shift 2
	for word; do
		if [[ $word == -* ]]; then
			grep -qxF -e "$word" "$tmp/options" || { why="evswitch has no $word"; return 1; }
		elif [[ $kind != inline || ! $word =~ ^[A-Z]+$ ]]; then
			case $before in
			--xml | --qemu-args | --switch | --setup) one_of "$word" "$guests" || return 1 ;;
			--device) one_of "$word" "$devices" || return 1 ;;
			--try | --seconds) [[ $word =~ ^[0-9]+$ ]] || { why="$word is no number"; return 1; } ;;
			*) why="what is $word?"; return 1 ;;
			esac
		fi
		before=$word
	done
	(($#)) && [[ $kind != inline ]] || return 0
	[[ $1 == --setup ]] || "$evswitch" "$@" --help >"$tmp/out" 2>&1 || { why="is refused: $(head -n 1 "$tmp/out")"; return 1; }
	[[ " $* " =~ \ --(xml|qemu-args|help|version)\  ]] || return 0
	"$evswitch" ${example:+-c "$example"} "$@" >"$tmp/out" 2>"$tmp/err" ||
		{ why="does not run: $(head -n 1 "$tmp/err")"; return 1; }
	[[ ! -e $tmp/out.$line ]] || diff "$tmp/out.$line" "$tmp/out" >"$tmp/err" ||
		{ why="prints something else: $(<"$tmp/err")"; return 1; }
}
check_clipboard() { # KIND WORD...
	local kind=$1 word named=''
	shift
	(($#)) || [[ $kind == inline ]] || { why='of which guest?'; return 1; }
	for word; do
		if [[ $word == -?* ]]; then
			grep -qE "(^|[ ,])$word( |\$)" <<<"$clipboard_help" || { why="evswitch-clipboard has no $word"; return 1; }
		elif [[ ! $named ]]; then
			one_of "$word" "$guests" || return 1
			named=1
		else
			[[ $word == FILE && " $* " == *' --send '* ]] || { why="what is $word?"; return 1; }
		fi
	done
}
check_make() { # WORD...
	make -n "$@" >/dev/null 2>"$tmp/err" || { why=$(tail -n 1 "$tmp/err"); return 1; }
}
check_other() { # WORD...
	local use word
	while IFS= read -r use; do
		[[ " $* " != " $use "* ]] || break
		use=''
	done <<<"$known"
	[[ $use ]] || { why="\"$*\" is not known"; return 1; }
	for word; do
		[[ $word == */* && $word != -* ]] || continue
		[[ -e $word ]] || grep -qxF -e "$word" <<<"$made" || { why="there is no $word"; return 1; }
	done
}
check_simple() { # KIND LINE TEXT
	local words
	read -ra words <<<"$3"
	[[ ${words[0]:-} != sudo ]] || words=("${words[@]:1}")
	((${#words[@]})) || { why='is no command'; return 1; }
	case ${words[0]} in
	evswitch) check_evswitch "$1" "$2" "${words[@]:1}" ;;
	evswitch-clipboard) check_clipboard "$1" "${words[@]:1}" ;;
	make) check_make "${words[@]:1}" ;;
	*) check_other "${words[@]}" ;;
	esac
}
check_command() { # KIND LINE TEXT, with a comment, "&&", "|" and "$(...)"
	local text=$3 part inner
	[[ $1 == inline ]] || text=$(sed 's/ *#.*//' <<<"$text")
	while [[ $text =~ \$\(([^()]*)\) ]]; do
		inner=${BASH_REMATCH[1]}
		check_simple "$1" "$2" "$inner" || return 1
		text=${text/"\$($inner)"/X}
	done
	[[ ! $text =~ [\;\<\>\`\\] ]] || { why='is more than a command'; return 1; }
	text=${text//&&/$'\n'}
	while IFS= read -r part; do
		check_simple "$1" "$2" "$part" || return 1
	done <<<"${text//|/$'\n'}"
}

pass() { passed=$((passed + 1)); }
fail() { failed=$((failed + 1)); printf 'FAIL %s\n' "$*"; }
refuses() { # COMMAND
	if check_command sh 0 "$1"; then fail "takes: $1"; else pass; fi
}

while IFS=$'\t' read -r line kind text; do
	if [[ $kind == block ]]; then
		fail "$readme:$line: a block of \"$text\" instead of sh, console or ini"
	elif check_command "$kind" "$line" "$text"; then
		pass
	else
		fail "$readme:$line: $text: $why"
	fi
done <"$tmp/commands"
for ini in "$tmp"/ini.*; do
	[[ -e $ini ]] || continue
	if check_ini "$ini"; then pass; else fail "$readme:${ini##*.}: the configuration $why"; fi
done

# --- and what it must not take
if [[ ! ${2:-} ]]; then
	for wrong in 'evswitch --chek' 'evswitch --xml other' 'evswitch --try soon' 'evswitch now' \
		'evswitch --xml' 'evswitch --status=1' 'evswitch --check | reboot' 'evswitch --check && sudo rm -rf /' \
		'make instal' 'sudo frobnicate' 'apt remove evswitch' \
		'evswitch-clipboard' 'evswitch-clipboard --sent win10 FILE' 'evswitch-clipboard --send other FILE' \
		'evswitch-clipboard --send win10 FILE; reboot' 'evswitch-clipboard --status win10 FILE' 'cp conf/none build/evswitch' 'cd nowhere/at/all' \
		'udevadm trigger /dev/nothing' 'usermod -aG $(reboot) me' 'evswitch --check; reboot' 'sudo' 'cat >>/etc/passwd <<END'; do
		refuses "$wrong"
	done
	printf '```\nmake\n```\n```ini\nvia = nothing\n```\n```sh\nevswitch --check --fast\n```\n`make nothing`\n' >"$tmp/wrong.md"
	"$0" "$build" "$tmp/wrong.md" >"$tmp/wrong"
	if [[ $(tail -n 1 "$tmp/wrong") == '0 passed, 4 failed' ]]; then
		pass
	else
		fail 'of a wrong README:'; sed 's/^/  | /' "$tmp/wrong"
	fi
fi

echo "$passed passed, $failed failed"
((failed == 0))
