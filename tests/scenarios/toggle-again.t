# One ctrl key stays down and the other is pressed again: each press toggles.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
? focus one
< keyboard rightctrl:0
< keyboard rightctrl:1
? focus host
< keyboard rightctrl:0
< keyboard rightctrl:1
? focus one
< keyboard leftctrl:0
< keyboard rightctrl:0
