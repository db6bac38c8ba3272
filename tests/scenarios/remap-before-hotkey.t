# Keys are renamed before hotkeys are looked for: caps lock is a ctrl key in the toggle, and a side
# button is a meta key. A renamed key comes out as what it has become.
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
< keyboard esc:1
> one/keyboard capslock:1
< keyboard esc:0
> one/keyboard capslock:0
< keyboard rightctrl:1
> one/keyboard rightctrl:1
< keyboard capslock:1
> one/keyboard rightctrl:0
? focus host
< keyboard capslock:0
< keyboard rightctrl:0
< mouse btn_side:1
> host/mouse leftmeta:1
< keyboard f1:1
> host/mouse leftctrl:1
> host/mouse leftctrl:0
> host/mouse leftmeta:0
? focus one
< keyboard f1:0
< mouse btn_side:0
