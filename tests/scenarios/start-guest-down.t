# "start =" names a guest that stays down: after a while it is not waited for any more.
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
! wait 6000
? focus host
! up one
! wait 1000
? focus host
