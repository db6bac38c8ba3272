# SPDX-License-Identifier: MIT
# fish completion for evswitch(1).

# The names in the [guest ...] or [device ...] sections of the configuration.
function __evswitch_sections
	set -l config $HOME/.config
	set -q XDG_CONFIG_HOME; and set config $XDG_CONFIG_HOME
	set -l file $config/evswitch/evswitch.conf
	test -r $file; or set file /etc/evswitch/evswitch.conf
	sed -n "s/^\[$argv[1][[:blank:]]\{1,\}\([^]]*[^][:blank:]]\)[[:blank:]]*\].*/\1/p" $file 2>/dev/null
end

complete -c evswitch -f
complete -c evswitch -s c -l config -r -F -d 'read the configuration from a file'
complete -c evswitch -s v -l verbose -d 'log debug messages'
complete -c evswitch -l try -x -d 'release all devices and exit after some seconds'
complete -c evswitch -l setup -a '(__evswitch_sections guest)' -d 'lead through the whole set-up'
complete -c evswitch -l probe -d 'find the nodes of a keyboard and a mouse'
complete -c evswitch -l seconds -x -d 'how long --probe waits'
complete -c evswitch -l write -d 'with --probe, add the sections to the configuration'
complete -c evswitch -l check -d 'find what is wrong, and how to fix it'
complete -c evswitch -l json -d 'print JSON'
complete -c evswitch -l status -d 'print the state of the running evswitch'
complete -c evswitch -l reload -d 'take the changed configuration into use'
complete -c evswitch -l stats -d 'print what the running evswitch has counted'
complete -c evswitch -l monitor -d 'print the state, and again after each change'
complete -c evswitch -l hooks -d 'run the hooks for the system service'
complete -c evswitch -l system -d 'serve this machine instead of one user'
complete -c evswitch -l switch -x -a 'host next (__evswitch_sections guest)' -d 'move the focus'
complete -c evswitch -l device -x -a '(__evswitch_sections device)' -d 'with --switch, move only this device'
complete -c evswitch -l xml -x -a '(__evswitch_sections guest)' -d 'print the XML for a libvirt domain'
complete -c evswitch -l qemu-args -x -a '(__evswitch_sections guest)' -d 'print arguments for QEMU'
complete -c evswitch -s h -l help -d 'print a summary of the options'
complete -c evswitch -l version -d 'print the version'
