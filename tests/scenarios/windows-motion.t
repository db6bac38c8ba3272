# The reports of Windows' driver hold 127: longer motion goes out in steps, the last with what else
# the frame has. High-resolution wheels would be a slider there and are left out.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
os = windows
[play]
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< mouse rel_x:127 rel_y:-127
> one/pointer rel_x:127 rel_y:-127
< mouse rel_x:300 rel_y:-10
> one/pointer rel_x:127 rel_y:-10
> one/pointer rel_x:127
> one/pointer rel_x:46
< mouse btn_left:1 rel_y:-128
> one/pointer rel_y:-127
> one/pointer btn_left:1 rel_y:-1
< mouse rel_wheel:2 rel_wheel_hi_res:240
> one/pointer rel_wheel:2
< mouse rel_wheel_hi_res:15
< mouse btn_left:0
> one/pointer btn_left:0
