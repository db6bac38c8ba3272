#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Each code of evswitch --check is in its table, with the same severity and title in evswitch(1), and in a test that
# provokes it. README names no other.
# usage: tests/unit/test-check-codes.sh
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# "CODE SEVERITY TITLE" of the rows of the table, and of "EVS001 (blocks)" and the line below it in the manual.
tr -d '\n\t' <src/check/check-code.c | grep -oE '\{ *"EVS[0-9]{3}", *[A-Z]+(\([A-Z]+\))?, *("[^"]*" *)+' |
	sed -E 's/\{ *"(EVS[0-9]+)", *([A-Z]+)(\([A-Z]+\))?, */\1 \L\2 \E/; s/" *"//g; s/"//g; s/ *$//' >"$tmp/table"
sed -nE '/^\.It EVS[0-9]+ /{s/^\.It (EVS[0-9]+) \((.*)\)$/\1 \2 /;N;s/ \n/ /;s/\.$//;p}' src/evswitch.1 >"$tmp/man"
grep -ohE '(assert_found|machine_count|machine_found)\(machine,[[:space:]]*"EVS[0-9]+"' tests/unit/check/*.c |
	grep -oE 'EVS[0-9]+' | sort -u >"$tmp/tests"
rows=$(grep -c '"EVS[0-9]' src/check/check-code.c)

same() { # WHAT FILE FILE
	local difference
	if difference=$(diff "$2" "$3"); then
		passed=$((passed + 1)); printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'FAIL %s\n%s\n' "$1" "$difference"
	fi
}
sort "$tmp/table" >"$tmp/sorted"
cut -d' ' -f1 "$tmp/sorted" >"$tmp/codes"
echo "$rows" >"$tmp/rows"
wc -l <"$tmp/table" >"$tmp/read"
same 'every row of the table is read' "$tmp/rows" "$tmp/read"
same 'the manual has the codes of the table, with their severities and titles' "$tmp/sorted" "$tmp/man"
same 'a test provokes each code, and no other' "$tmp/codes" "$tmp/tests"

grep -oE 'EVS[0-9]+' README.md | sort -u >"$tmp/readme"
comm -12 "$tmp/readme" "$tmp/codes" >"$tmp/known"
same 'README names codes of the table' "$tmp/readme" "$tmp/known"

echo "$passed passed, $failed failed"
((failed == 0))
