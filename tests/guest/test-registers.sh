#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The user-mode guest on a processor with more registers than this one (xstate.c): it runs with AMX's, and where
# even those are not all, that is found out before a test begins.
# usage: test-registers.sh BUILD_DIR; the last line is "N passed, N failed".
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
build=$1 dir=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$dir"' EXIT

check() { # NAME COMMAND...
	if "${@:2}"; then
		passed=$((passed + 1)); printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'FAIL %s\n' "$1"; sed 's/^/     /' "$dir/out"
	fi
}
# Runs a command for a user-mode guest of which that many bytes of registers are to be saved.
on_processor() { # BYTES COMMAND...
	status=0
	# The sanitizers want to be loaded first, and need not.
	env XSTATE_SIZE="$1" LD_PRELOAD="$dir/xstate.so" ASAN_OPTIONS=verify_asan_link_order=0 \
		"${@:2}" >"$dir/out" 2>&1 || status=$?
}
says() { grep -qE -- "$1" "$dir/out"; }

status=0
"$here/boot" --prepare uml >"$dir/out" 2>&1 || status=$?
if ((status == 3)); then
	echo "skip: $(tail -n 1 "$dir/out")"
	echo '0 passed, 0 failed, 5 skipped'
	exit
fi
"${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -fPIC -shared -o "$dir/xstate.so" "$here/xstate.c"

on_processor 11008 "$here/run" uml "$build"
check 'with AMX: exits 0' test "$status" = 0
check 'with AMX: all checks pass' says '^[1-9][0-9]* passed, 0 failed, 0 skipped'
on_processor 20000 "$here/boot" --find uml
check 'with more than there is room for: cannot be had' test "$status" = 3
check 'says why' says 'no room for all registers of this processor'
on_processor 20000 "$here/run" uml "$build"
check 'the tests skip it' says '^0 passed, 0 failed, [1-9][0-9]* skipped|^\[  SKIPPED \] [1-9][0-9]* test'

echo "$passed passed, $failed failed"
((failed == 0))
