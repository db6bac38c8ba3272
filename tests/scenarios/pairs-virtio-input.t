# virtio-input has no toggle of its own: both keys of a pair come out.
[conf]
[evswitch]
toggle = pause
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
! up one
< keyboard pause:1
? focus one
< keyboard pause:0
< keyboard leftalt:1
> one/keyboard leftalt:1
< keyboard rightalt:1
> one/keyboard rightalt:1
< keyboard leftalt:0
> one/keyboard leftalt:0
< keyboard rightalt:0
> one/keyboard rightalt:0
