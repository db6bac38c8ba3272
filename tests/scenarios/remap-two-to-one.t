# Two keys that are renamed to one are one key: down with the first press, up with the last
# release.
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
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard capslock:1
< keyboard leftctrl:0
< keyboard leftctrl:1
< keyboard capslock:0
< keyboard leftctrl:0
> host/keyboard leftctrl:0
