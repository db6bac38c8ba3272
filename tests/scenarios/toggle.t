# Both ctrl keys, in either order, move the focus. The first has already come out and is released
# where it was; the one that completes the chord, and its release, reach nobody.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
? focus host
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
? focus one
< keyboard rightctrl:0
< keyboard leftctrl:0
< keyboard a:1
> one/keyboard a:1
< keyboard a:0
> one/keyboard a:0
< mouse rel_x:5 rel_y:-3
> one/pointer rel_x:5 rel_y:-3
# The other order, and the way back.
< keyboard rightctrl:1
> one/keyboard rightctrl:1
< keyboard leftctrl:1
> one/keyboard rightctrl:0
? focus host
< keyboard rightctrl:0
< keyboard leftctrl:0
< keyboard a:1
> host/keyboard a:1
< keyboard a:0
> host/keyboard a:0
< mouse rel_x:5 rel_y:-3
> host/mouse rel_x:5 rel_y:-3
