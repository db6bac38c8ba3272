# A chord with a mouse button, completed by either.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
hotkey = leftmeta+btn_side
[play]
! up one
< keyboard leftmeta:1
> host/keyboard leftmeta:1
< mouse btn_side:1 rel_x:1
> host/keyboard leftctrl:1
> host/keyboard leftctrl:0
> host/keyboard leftmeta:0
> one/pointer rel_x:1
? focus one
< mouse btn_side:0
< keyboard leftmeta:0
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
> one/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus host
< mouse btn_side:1
> host/mouse btn_side:1
< keyboard leftmeta:1
> host/mouse btn_side:0
? focus one
< keyboard leftmeta:0
< mouse btn_side:0
