# The toggle goes through the host and the guests in the order of the configuration.
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
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
> one/keyboard leftctrl:0
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
