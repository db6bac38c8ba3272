# The same switches by command: what is held is released where it was.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[guest two]
via = virtio-input
[play]
! up one
! up two
< keyboard a:1
> host/keyboard a:1
! switch two
> host/keyboard a:0
? focus two
< keyboard a:0
< mouse btn_right:1
> two/pointer btn_right:1
! switch next
> two/pointer btn_right:0
? focus host
< mouse btn_right:0
! down one
! switch one
? focus host
< keyboard a:1
> host/keyboard a:1
< keyboard a:0
> host/keyboard a:0
