# The panic chord while the host has the focus lets everything up there as well.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
< keyboard a:1
> host/keyboard a:1
< mouse btn_left:1
> host/mouse btn_left:1
< keyboard backspace:1
> host/keyboard backspace:1
< keyboard esc:1
> host/keyboard esc:1
< keyboard enter:1
> host/keyboard esc:0 backspace:0 a:0
> host/mouse btn_left:0
? focus host
< keyboard a:0
< keyboard enter:0 esc:0 backspace:0
< mouse btn_left:0
