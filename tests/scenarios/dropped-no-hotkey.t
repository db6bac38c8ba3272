# A key that is found down after a loss completes no hotkey: it may have been down for long. It is
# a key like others then, and a press that follows does complete one.
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
! dropped keyboard leftctrl rightctrl
> host/keyboard rightctrl:1
? focus host
< keyboard rightctrl:0
> host/keyboard rightctrl:0
< keyboard rightctrl:1
> host/keyboard leftctrl:0
? focus one
< keyboard rightctrl:0 leftctrl:0
