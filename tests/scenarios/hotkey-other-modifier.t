# A hotkey does not fire while a modifier is down that it does not name: ctrl+alt+f1 is the virtual
# terminal. Keys that are no modifiers do not matter.
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
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard leftalt:1
> host/keyboard leftalt:1
< keyboard f2:1
> host/keyboard f2:1
? focus host
< keyboard f2:0
> host/keyboard f2:0
< keyboard leftalt:0
> host/keyboard leftalt:0
< keyboard rightctrl:1
> host/keyboard rightctrl:1
< keyboard f2:1
> host/keyboard f2:1
< keyboard f2:0
> host/keyboard f2:0
< keyboard rightctrl:0
> host/keyboard rightctrl:0
< keyboard a:1
> host/keyboard a:1
< keyboard f2:1
> host/keyboard leftctrl:0 a:0
? focus one
< keyboard f2:0 a:0 leftctrl:0
