# Of two hotkeys that both match, the one of more keys is meant.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
hotkey = leftctrl+f1
[guest two]
hotkey = leftctrl+a+f1
[play]
! up one
! up two
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard a:1
> host/keyboard a:1
< keyboard f1:1
> host/keyboard leftctrl:0 a:0
? focus two
< keyboard a:0
< keyboard f1:0
< keyboard f1:1
? focus one
< keyboard f1:0
< keyboard leftctrl:0
