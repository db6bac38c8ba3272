# "start =" names a guest that is down, and a hotkey finds no other target: that one is not waited for any more.
[conf]
[evswitch]
start = one
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
? focus host
< keyboard rightctrl:0
< keyboard leftctrl:0
> host/keyboard leftctrl:0
! up one
! wait 1000
? focus host
< keyboard a:1
> host/keyboard a:1
< keyboard a:0
> host/keyboard a:0
