# The panic chord takes the focus from a guest to the host and lets everything up, on the mouse
# too.
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

< mouse btn_left:1
> one/pointer btn_left:1
< keyboard backspace:1
> one/keyboard backspace:1
< keyboard esc:1
> one/keyboard esc:1
< keyboard enter:1
> one/keyboard esc:0 backspace:0
> one/pointer btn_left:0
? focus host
< keyboard enter:0 esc:0 backspace:0
< mouse btn_left:0
< keyboard a:1
> host/keyboard a:1
< keyboard a:0
> host/keyboard a:0
