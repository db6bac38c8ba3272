# A guest that goes away gives back the pointers that were at it; what is typed on the host's
# keyboards meanwhile is not dropped.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
hotkey-pointer = rightctrl+f4
[play]
! up one
< keyboard rightctrl:1
> host/keyboard rightctrl:1
< keyboard f4:1
< keyboard f4:0
< keyboard rightctrl:0
> host/keyboard rightctrl:0
< mouse rel_x:2
> one/pointer rel_x:2
< keyboard a:1
> host/keyboard a:1
! down one
< mouse rel_x:2
> host/mouse rel_x:2
< keyboard a:0
> host/keyboard a:0
< keyboard b:1
> host/keyboard b:1
< keyboard b:0
> host/keyboard b:0
