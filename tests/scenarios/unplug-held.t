# A device is unplugged with a key and a button held: they are released, on the host and on a
# guest. Back again, it starts with nothing down.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
< keyboard a:1
> host/keyboard a:1
! unplug keyboard
> host/keyboard a:0
! plug keyboard
< keyboard a:1
> host/keyboard a:1
< keyboard a:0
> host/keyboard a:0
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< keyboard b:1
> one/keyboard b:1
< mouse btn_left:1
> one/pointer btn_left:1
! unplug mouse
> one/pointer btn_left:0
< keyboard b:0
> one/keyboard b:0
! plug mouse
< mouse btn_left:1
> one/pointer btn_left:1
< mouse btn_left:0
> one/pointer btn_left:0
