# SPDX-License-Identifier: MIT
# fish completion for evswitch-clipboard(1).

# The names in the [guest ...] sections of the configuration.
function __evswitch_clipboard_guests
	set -l config $HOME/.config
	set -q XDG_CONFIG_HOME; and set config $XDG_CONFIG_HOME
	set -l file $config/evswitch/evswitch.conf
	test -r $file; or set file /etc/evswitch/evswitch.conf
	sed -n "s/^\[guest[[:blank:]]\{1,\}\([^]]*[^][:blank:]]\)[[:blank:]]*\].*/\1/p" $file 2>/dev/null
end

# True once the command line has a guest.
function __evswitch_clipboard_has_guest
	set -l words (commandline -opc)
	string match -qr '^(-|[^-].*)$' -- $words[2..-1]
end

complete -c evswitch-clipboard -f
complete -c evswitch-clipboard -n 'not __evswitch_clipboard_has_guest' -a '(__evswitch_clipboard_guests)'
complete -c evswitch-clipboard -n '__evswitch_clipboard_has_guest; and __fish_contains_opt -s s send' -F
complete -c evswitch-clipboard -s s -l send -d 'put files into the guest'
complete -c evswitch-clipboard -s S -l status -d 'print what works, and what does not'
complete -c evswitch-clipboard -s j -l json -d 'with --status, print JSON'
complete -c evswitch-clipboard -s v -l verbose -d 'log more'
complete -c evswitch-clipboard -s h -l help -d 'print a summary of the options'
complete -c evswitch-clipboard -s V -l version -d 'print the version'
