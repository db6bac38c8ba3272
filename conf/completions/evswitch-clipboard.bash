# SPDX-License-Identifier: MIT
# bash completion for evswitch-clipboard(1).

# The names in the [guest ...] sections of the configuration.
_evswitch_clipboard_guests() {
	local file=${XDG_CONFIG_HOME:-$HOME/.config}/evswitch/evswitch.conf
	[[ -r $file ]] || file=/etc/evswitch/evswitch.conf
	sed -n "s/^\[guest[[:blank:]]\{1,\}\([^]]*[^][:blank:]]\)[[:blank:]]*\].*/\1/p" "$file" 2>/dev/null
}

_evswitch_clipboard() {
	local current=${COMP_WORDS[COMP_CWORD]} sends='' guest='' words='' i
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --send) sends=1 ;;
		- | [!-]*) guest=1 ;;
		esac
	done
	if [[ $guest && $sends ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
	fi
	case $current in
	-*) words='--help --json --send --status --verbose --version' ;;
	*) [[ $guest ]] || words=$(_evswitch_clipboard_guests) ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -o filenames -F _evswitch_clipboard evswitch-clipboard
