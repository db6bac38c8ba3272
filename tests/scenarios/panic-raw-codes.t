# The panic chord is looked for in the codes of the device, although its keys are renamed.
[conf]
[device keyboard]
name = evswitch-test keyboard
remap = capslock:leftctrl, esc:capslock, backspace:esc
[device mouse]
name = evswitch-test mouse
remap = btn_side:leftmeta
[guest one]
via = virtio-input
hotkey = leftmeta+f1
[play]
! up one
< keyboard capslock:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
? focus one
< keyboard capslock:0
< keyboard rightctrl:0
< keyboard backspace:1
> one/keyboard esc:1
< keyboard enter:1
> one/keyboard enter:1
< keyboard esc:1
> one/keyboard esc:0 enter:0
? focus host
< keyboard enter:0 esc:0 backspace:0
