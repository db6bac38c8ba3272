# "start =" names a guest: it gets the focus as soon as somebody holds its nodes.
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
? focus host
! up one
! wait 1000
? focus one
< keyboard a:1
> one/keyboard a:1
< keyboard a:0
> one/keyboard a:0
