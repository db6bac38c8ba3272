# A switch to a guest that nobody holds is refused: the focus and what is held stay, the key that
# completed the chord reaches nobody all the same.
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
< keyboard a:1
> host/keyboard a:1
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard f2:1
? focus host
< keyboard f2:0
< keyboard a:0
> host/keyboard a:0
< keyboard leftctrl:0
> host/keyboard leftctrl:0
