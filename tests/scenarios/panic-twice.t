# The panic chord twice within two seconds: evswitch releases all devices and exits.
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
< keyboard esc:1
> one/keyboard esc:1
< keyboard enter:1
> one/keyboard esc:0 backspace:0
? focus host
< keyboard enter:0
< keyboard esc:0
< keyboard backspace:0

< keyboard backspace:1
> host/keyboard backspace:1
< keyboard esc:1
> host/keyboard esc:1
< keyboard enter:1
> host/keyboard esc:0 backspace:0
? quit
