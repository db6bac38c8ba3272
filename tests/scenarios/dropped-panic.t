# A panic chord that is found complete after a loss counts: nothing may keep the user from the
# host.
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
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< keyboard backspace:1
> one/keyboard backspace:1
! dropped keyboard backspace esc enter
> one/keyboard esc:1
> one/keyboard esc:0 backspace:0
? focus host
< keyboard enter:0 esc:0 backspace:0
