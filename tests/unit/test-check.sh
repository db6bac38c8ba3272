#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What tests/check makes of suites that hang, run too little, skip without a reason, or do not exist.
# usage: test-check.sh BUILD_DIR; the last line is "N passed, N failed".
set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
san=()
[[ $1 != */san ]] || san=(--san)
dir=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$dir"' EXIT

ok() { # NAME COMMAND...
	if "${@:2}"; then
		passed=$((passed + 1)); printf 'ok   %s\n' "$1"
	else
		failed=$((failed + 1)); printf 'FAIL %s\n' "$1"; sed 's/^/     /' "$dir/out"
	fi
}
says() { grep -qE -- "$1" "$dir/out"; }

# Runs tests/check on one suite, which prints these lines and ends with this status after so many seconds.
outcome() { # LISTED STATUS SECONDS LINE...
	printf '%s\n' "${@:4}" >"$dir/lines"
	printf '#!/bin/sh\ncat %s\nsleep %s\nexit %s\n' "$dir/lines" "$3" "$2" >"$dir/suite"
	chmod +x "$dir/suite"
	echo "native $1 check-of-check $dir/suite" >"$dir/suites"
	run check-of-check
}
run() {
	status=0
	SUITES=$dir/suites LIMIT=2 tests/check ${san[@]+"${san[@]}"} "$@" >"$dir/out" 2>&1 || status=$?
}

outcome 3 0 0 '3 passed, 0 failed'
ok 'all pass: 0' test "$status" = 0
outcome 3 0 0 '2 passed, 0 failed'
ok 'fewer than are listed: not 0' test "$status" != 0
ok 'says so' says 'FAILED: check-of-check: ran 2 checks, 3 are listed'
outcome 3 1 0 '3 passed, 0 failed'
ok 'a bad exit status: not 0' test "$status" != 0
outcome 3 1 0 'FAIL the third' '2 passed, 1 failed'
ok 'names what failed at the end' says '^FAILED: check-of-check: FAIL the third'
outcome 3 0 0 '2 passed, 0 failed, 1 skipped' 'skip: this machine has none'
ok 'skipped with a reason: 0' test "$status" = 0
ok 'says the reason' says 'skipped: check-of-check: skip: this machine has none'
outcome 3 0 0 '2 passed, 0 failed, 1 skipped'
ok 'skipped without a reason: not 0' test "$status" != 0
ok 'says so' says 'FAILED: check-of-check: 1 skipped without a reason'
outcome 3 0 600 '3 passed, 0 failed'
ok 'one that hangs: not 0' test "$status" != 0
ok 'says so' says 'FAILED: check-of-check: not done after 2 s'
# Its first run fails, its second does not, if that comes.
printf '#!/bin/sh\nif mkdir %s; then echo "FAIL the shy one"; echo "2 passed, 1 failed"; exit 1; fi\necho "3 passed, 0 failed"\n' \
	"$dir/ran" >"$dir/suite"
run check-of-check
ok 'one that passes at its second run: 0' test "$status" = 0
ok 'says so' says '^UNSTEADY, passed when it ran again: check-of-check: FAIL the shy one'
ok 'counts the second run' says '^3 passed, 0 failed, 0 skipped'
rmdir "$dir/ran"
AGAIN=0 run check-of-check
ok 'where none may run again: not 0' test "$status" != 0
run no-such-suite
ok 'an unknown name: not 0' test "$status" != 0
ok 'says so' says 'no suite is called no-such-suite'

echo "$passed passed, $failed failed"
((failed == 0))
