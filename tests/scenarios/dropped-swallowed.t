# The release of a key that completed a hotkey was lost: found up after the loss, it still reaches
# nobody.
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
< keyboard rightctrl:1
> host/keyboard leftctrl:0
! dropped keyboard
? focus one
< keyboard rightctrl:1
> one/keyboard rightctrl:1
< keyboard rightctrl:0
> one/keyboard rightctrl:0
