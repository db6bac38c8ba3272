# The toggle passes over a guest that is down, and stays where it is when there is no other.
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
! up two
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus two
< keyboard leftctrl:1
> two/keyboard leftctrl:1
< keyboard rightctrl:1
> two/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus host
! down two
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
? focus host
< keyboard rightctrl:0
< keyboard leftctrl:0
> host/keyboard leftctrl:0
