# SPDX-License-Identifier: MIT
# bash completion for evswitch(1).

# The names in the [guest ...] or [device ...] sections of the configuration.
_evswitch_sections() {
	local file=${XDG_CONFIG_HOME:-$HOME/.config}/evswitch/evswitch.conf
	[[ -r $file ]] || file=/etc/evswitch/evswitch.conf
	sed -n "s/^\[$1[[:blank:]]\{1,\}\([^]]*[^][:blank:]]\)[[:blank:]]*\].*/\1/p" "$file" 2>/dev/null
}

_evswitch() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} words
	case $previous in
	-c | --config)
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		return
		;;
	--switch) words="host next $(_evswitch_sections guest)" ;;
	--xml | --qemu-args | --setup) words=$(_evswitch_sections guest) ;;
	--device) words=$(_evswitch_sections device) ;;
	--try | --seconds) return ;;
	*)
		words='--check --config --device --help --hooks --json --monitor --probe --qemu-args --reload --seconds
			--setup --stats --status --switch --system --try --verbose --version --write --xml'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _evswitch evswitch
