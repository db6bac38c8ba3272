# A device with "target = GUEST" reaches that guest alone: nobody while it is down, and the host only
# by the panic chord, until the next hotkey.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device pad]
name = evswitch-test pad
target = one
[host]
hotkey = rightctrl+f1
[guest one]
via = virtio-input
[play]
< pad a:1
< pad a:0
! up one
! wait 3000
? focus host
< pad b:1
> one/keyboard b:1
< keyboard c:1
> host/keyboard c:1
< pad b:0
> one/keyboard b:0
< pad backspace:1
> one/keyboard backspace:1
< pad esc:1
> one/keyboard esc:1
< pad enter:1
> one/keyboard esc:0 backspace:0
> host/keyboard c:0
? focus host
< pad enter:0
< pad esc:0
< pad backspace:0
< keyboard c:0
< pad a:1
> host/pad a:1
< pad a:0
> host/pad a:0
< keyboard rightctrl:1
> host/keyboard rightctrl:1
< keyboard f1:1
< keyboard f1:0
! wait 3000
< pad a:1
> one/keyboard a:1
< pad a:0
> one/keyboard a:0
! down one
< pad d:1
< pad d:0
< keyboard e:1
> host/keyboard e:1
