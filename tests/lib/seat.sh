#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# For the shell tests with other users at the seat: sessions of the real logind on virtual terminals, and lines that are
# waited for. Sourced after desk.sh, and after "dir" and "long" (seconds that anything may take) were set.
# shellcheck disable=SC2154

# --- lines that come: await FD REGEX [SECONDS], from where the last one was found
line=
await() {
	local until=$((SECONDS + ${3:-$long}))
	while ((SECONDS < until)) && IFS= read -r -t $((until - SECONDS)) line <&"$1"; do
		printf '%s\n' "$line" >>"$dir/said"
		[[ ! $line =~ $2 ]] || return 0
	done
	return 1
}

# Until the command succeeds; what it needs comes from another process, which tells nobody.
soon() {
	local until=$((SECONDS + long))
	while ((SECONDS < until)); do ! "$@" || return 0; done
	return 1
}

# --- sessions at seat0. logind says in the journal who came; who is active, "loginctl" tells.
exec {journal}< <(exec journalctl -q -f --no-tail -o cat -u systemd-logind)
login() { # USER TTY
	systemd-run -q --unit="login-$1" --uid="$1" -p PAMName=login -p "TTYPath=/dev/$2" -p StandardInput=tty-force \
		-p StandardOutput=null sleep infinity
	await "$journal" "New session .* of user $1" || { fail "a session of $1"; finish; }
}
logout() {
	systemctl stop "login-$1"
	await "$journal" 'Removed session' || { fail "$1 logs out"; finish; }
}
vt() { /run/vm/busybox chvt "$1"; }

useradd() { printf '%s:x:%d:%d::/:/bin/bash\n' "$1" "$2" "$2" >>/etc/passwd; printf '%s:*:19000:0:99999:7:::\n' "$1" >>/etc/shadow; }
# Ends the test where there can be no sessions.
need_seat() {
	if ! loginctl show-seat seat0 -P CanTTY 2>/dev/null | grep -qx yes; then
		skip 'sessions at a seat: logind has no virtual terminals here'
		finish
	fi
}
