# The panic chord asks for its own keys and nothing else: whatever else is down does not prevent
# it.
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

< keyboard leftshift:1
> one/keyboard leftshift:1
< keyboard a:1
> one/keyboard a:1
< keyboard backspace:1
> one/keyboard backspace:1
< keyboard enter:1
> one/keyboard enter:1
< keyboard esc:1
> one/keyboard backspace:0 enter:0 a:0 leftshift:0
? focus host
< keyboard esc:0 backspace:0 enter:0 a:0 leftshift:0
