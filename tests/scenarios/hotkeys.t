# A hotkey for each target. The hotkey of the target that has the focus is swallowed too.
[conf]
[evswitch]
toggle = scrolllock+pause
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[host]
hotkey = leftctrl+f1
[guest one]
hotkey = leftctrl+f2
[guest two]
hotkey = leftctrl+f3
[play]
! up one
! up two
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard f2:1
> host/keyboard leftctrl:0
? focus one
< keyboard f2:0
< keyboard f3:1
? focus two
< keyboard f3:0
< keyboard leftctrl:0
< keyboard f2:1
> two/keyboard f2:1
< keyboard f2:0
> two/keyboard f2:0
< keyboard leftctrl:1
> two/keyboard leftctrl:1
< keyboard f3:1
? focus two
< keyboard f3:0
< keyboard f1:1
> two/keyboard leftctrl:0
? focus host
< keyboard f1:0
< keyboard f1:1
? focus host
< keyboard f1:0
< keyboard leftctrl:0
