#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The shells' completions know every option of the program and no other, and bash's really completes.
# The manual and --help are held against the same list.
# usage: test-completions.sh EVSWITCH; the last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
evswitch=$1
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

sed -n 's/^\t{ "\([a-z-]*\)", \(no\|required\|optional\)_argument.*/\1/p' src/options.c | sort >"$tmp/options"
check 'there are options' test "$(wc -l <"$tmp/options")" -gt 10

"$evswitch" --help | grep -oE -e '--[a-z-]+' | sed 's/^--//' | sort -u >"$tmp/help"
check '--help' same "$tmp/help"
sed -n 's/^\.It \(Fl [a-z] , \)\?Fl -\([a-z-]*\).*/\2/p' src/evswitch.1 | sort -u >"$tmp/man"
check 'evswitch(1)' same "$tmp/man"
sed -n "/words='/,/'/p" conf/completions/evswitch.bash | grep -oE -e '--[a-z-]+' | sed 's/^--//' | sort -u >"$tmp/bash"
check 'bash' same "$tmp/bash"
grep -E "^\s+'" conf/completions/_evswitch | grep -oE -e "(^\s*'|,)--[a-z-]+" | sed 's/.*--//' | sort -u >"$tmp/zsh"
check 'zsh' same "$tmp/zsh"
sed -n 's/^complete .* -l \([a-z-]*\).*/\1/p' conf/completions/evswitch.fish | sort -u >"$tmp/fish"
check 'fish' same "$tmp/fish"

# completes WORD... EXPECTED: what bash offers for the last word
completes() {
	local expected=${*: -1} words=("${@:1:$#-1}")
	XDG_CONFIG_HOME=$tmp bash -c '
		. conf/completions/evswitch.bash
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_evswitch
		echo "${COMPREPLY[*]}"' bash "${words[@]}" >"$tmp/out"
	[[ $(<"$tmp/out") == "$expected" ]] || { echo "offered: $(<"$tmp/out")"; return 1; }
}
mkdir "$tmp/evswitch"
printf '[device pad]\nname = x\n[guest win10]\n[ guest no]\n[guest  lin ]\n' >"$tmp/evswitch/evswitch.conf"
check 'bash: an option' completes evswitch --statu --status
check 'bash: a target' completes evswitch --switch '' 'host next win10 lin'
check 'bash: a guest' completes evswitch --xml w win10
check 'bash: a device' completes evswitch --switch host --device '' pad
for shell in zsh fish; do
	file=conf/completions/evswitch.fish
	[[ $shell == fish ]] || file=conf/completions/_evswitch
	if command -v $shell >/dev/null; then
		check "$shell reads it" $shell -n $file
	else
		echo "skip: $shell is not installed, so whether it reads $file is not tried"
		skipped=$((${skipped:-0} + 1))
	fi
done

echo "$passed passed, $failed failed, ${skipped:-0} skipped"
((failed == 0))
