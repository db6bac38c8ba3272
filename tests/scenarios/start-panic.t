# "start =" names a guest that is down, and the user presses the panic chord: it is not waited for any more.
[conf]
[evswitch]
start = one
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
< keyboard backspace:1
> host/keyboard backspace:1
< keyboard esc:1
> host/keyboard esc:1
< keyboard enter:1
> host/keyboard esc:0 backspace:0
< keyboard enter:0 esc:0 backspace:0
? focus host
! up one
! wait 1000
? focus host
< keyboard a:1
> host/keyboard a:1
< keyboard a:0
> host/keyboard a:0
