# A guest that does not have the focus goes down: nobody notices.
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
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

! up two
< keyboard a:1
> one/keyboard a:1
! down two
? focus one
< keyboard a:0
> one/keyboard a:0
