# input-linux makes one click of any wheel value: three clicks are three frames, the last with what
# else the frame has. On the host the frame is as the mouse made it.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = input-linux
[play]
< mouse rel_wheel:3 rel_wheel_hi_res:360
> host/mouse rel_wheel:3 rel_wheel_hi_res:360
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< mouse rel_wheel:1
> one/pointer rel_wheel:1
< mouse rel_wheel:3
> one/pointer rel_wheel:1
> one/pointer rel_wheel:1
> one/pointer rel_wheel:1
< mouse rel_x:5 rel_wheel:-2
> one/pointer rel_wheel:-1
> one/pointer rel_x:5 rel_wheel:-1
< mouse rel_x:400
> one/pointer rel_x:400
