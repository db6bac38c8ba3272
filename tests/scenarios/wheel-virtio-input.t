# High-resolution and horizontal wheels come out unchanged, whole clicks in one value.
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
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< mouse rel_wheel:3 rel_wheel_hi_res:360
> one/pointer rel_wheel:3 rel_wheel_hi_res:360
< mouse rel_wheel_hi_res:15
> one/pointer rel_wheel_hi_res:15
< mouse rel_hwheel:-1 rel_hwheel_hi_res:-120
> one/pointer rel_hwheel:-1 rel_hwheel_hi_res:-120
