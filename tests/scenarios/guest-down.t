# The guest that has the focus goes down with keys held: the focus is the host's, the releases of
# what was held there go nowhere, and neither does what is typed on for it reach the host, until
# nothing was down for half a second. When it comes back, nothing is down in it.
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

< keyboard a:1
> one/keyboard a:1
< mouse btn_left:1
> one/pointer btn_left:1
! down one
? focus host
< mouse rel_x:1
> host/mouse rel_x:1
< keyboard b:1
< mouse btn_right:1
< keyboard b:0
< mouse btn_right:0
< keyboard a:0
< mouse btn_left:0
! wait 500
< keyboard b:1
> host/keyboard b:1
< keyboard b:0
> host/keyboard b:0
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< keyboard a:1
> one/keyboard a:1
< keyboard a:0
> one/keyboard a:0
