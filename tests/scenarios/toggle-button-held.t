# A mouse button that is held while the focus moves: as a key. Each device has its own port on the
# host.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
! up one
< mouse btn_left:1
> host/mouse btn_left:1
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
> host/mouse btn_left:0
? focus one
< keyboard leftctrl:0
< keyboard rightctrl:0
< mouse rel_x:1
> one/pointer rel_x:1
< mouse btn_left:0
< mouse btn_left:1
> one/pointer btn_left:1
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
> one/keyboard leftctrl:0
> one/pointer btn_left:0
? focus host
< mouse btn_left:0 rel_y:2
> host/mouse rel_y:2
< keyboard leftctrl:0
< keyboard rightctrl:0
