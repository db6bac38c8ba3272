# A key that is held while the focus moves is released where it was down. It stays up where the
# focus is now, and its own release goes nowhere.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
! up one
< keyboard a:1
> host/keyboard a:1
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0 a:0
? focus one
< keyboard a:0
< keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard a:1
> one/keyboard a:1
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
> one/keyboard leftctrl:0 a:0
? focus host
< keyboard a:0
< keyboard leftctrl:0
< keyboard rightctrl:0
