# The kernel lost events of a device. What is not down any more is released, what is down now is
# pressed, what was held all the time is left alone.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
< keyboard a:1 b:1
> host/keyboard a:1 b:1
! dropped keyboard b c
> host/keyboard a:0 c:1
< keyboard b:0 c:0
> host/keyboard b:0 c:0
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< mouse btn_left:1
> one/pointer btn_left:1
! dropped mouse btn_right
> one/pointer btn_left:0 btn_right:1
! dropped mouse
> one/pointer btn_right:0
! dropped keyboard
