#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The shells' completions know every option of their program and no other, and bash's really completes.
# The manual and --help are held against the same list.
# usage: test-completions.sh EVSWITCH EVSWITCH-CLIPBOARD; the last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
evswitch=$1 clipboard=$2
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		echo "ok   $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		failed=$((failed + 1))
	fi
}
same() { # FILE: its options are those of the program
	diff "$tmp/options" "$1"
}


# all_know PROGRAM NAME SOURCE MANUAL LEAST: that has at least so many options
all_know() {
	local program=$1 name=$2
	sed -n 's/^\t*{ "\([a-z-]*\)", \(no\|required\|optional\)_argument.*/\1/p' "$3" | sort >"$tmp/options"
	check "$name: there are options" test "$(wc -l <"$tmp/options")" -ge "$5"
	"$program" --help | grep -oE -e '(^|[^a-z])--[a-z-]+' | sed 's/.*--//' | sort -u >"$tmp/help"
	check "$name --help" same "$tmp/help"
	sed -n 's/^\.It \(Fl [a-zA-Z] , \)\?Fl -\([a-z-]*\).*/\2/p' "$4" | sort -u >"$tmp/man"
	check "$name(1)" same "$tmp/man"
	sed -n "/words='-/,/'/p" "conf/completions/$name.bash" | grep -oE -e '--[a-z-]+' | sed 's/^--//' | sort -u >"$tmp/bash"
	check "$name: bash" same "$tmp/bash"
	grep -E "^\s+'" "conf/completions/_$name" | grep -oE -e "(^\s*'|,)--[a-z-]+" | sed 's/.*--//' | sort -u >"$tmp/zsh"
	check "$name: zsh" same "$tmp/zsh"
	sed -n 's/^complete .* -l \([a-z-]*\).*/\1/p' "conf/completions/$name.fish" | sort -u >"$tmp/fish"
	check "$name: fish" same "$tmp/fish"
}
all_know "$evswitch" evswitch src/options.c src/evswitch.1 11
all_know "$clipboard" evswitch-clipboard src/clipboard/main.c src/clipboard/evswitch-clipboard.1 6

# completes WORD... EXPECTED: what bash offers for the last word
completes() {
	local expected=${*: -1} words=("${@:1:$#-1}")
	XDG_CONFIG_HOME=$tmp bash -c '
		. "conf/completions/$1.bash"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		"_${1//-/_}"
		echo "${COMPREPLY[*]}"' bash "${words[@]}" >"$tmp/out"
	[[ $(<"$tmp/out") == "$expected" ]] || { echo "offered: $(<"$tmp/out")"; return 1; }
}
mkdir "$tmp/evswitch"
printf '[device pad]\nname = x\n[guest win10]\n[ guest no]\n[guest  lin ]\n' >"$tmp/evswitch/evswitch.conf"
check 'bash: an option' completes evswitch --statu --status
check 'bash: a target' completes evswitch --switch '' 'host next win10 lin'
check 'bash: a guest' completes evswitch --xml w win10
check 'bash: a device' completes evswitch --switch host --device '' pad
check 'bash: an option of the clipboard' completes evswitch-clipboard --statu --status
check 'bash: its guest' completes evswitch-clipboard --status '' 'win10 lin'
check 'bash: no second one' completes evswitch-clipboard --status win10 '' ''
check 'bash: the guest before the files' completes evswitch-clipboard --send w win10
check 'bash: a file' completes evswitch-clipboard --send - src/ma src/main.c
for file in conf/completions/{_evswitch,_evswitch-clipboard,evswitch.fish,evswitch-clipboard.fish}; do
	shell=zsh
	[[ $file != *.fish ]] || shell=fish
	if command -v $shell >/dev/null; then
		check "$shell reads $file" $shell -n "$file"
	else
		echo "skip: $shell is not installed, so whether it reads $file is not tried"
		skipped=$((${skipped:-0} + 1))
	fi
done

echo "$passed passed, $failed failed, ${skipped:-0} skipped"
((failed == 0))
