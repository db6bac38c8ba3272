# A hotkey of a part moves only the pointers, or only the keyboards; what the others hold stays. A
# hotkey of all brings them together.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[host]
hotkey = rightctrl+f1
hotkey-keyboard = rightctrl+f5
hotkey-pointer = rightctrl+f6
[guest one]
via = virtio-input
hotkey-keyboard = rightctrl+f3
hotkey-pointer = rightctrl+f4
[play]
! up one
< keyboard a:1
> host/keyboard a:1
< mouse btn_left:1
> host/mouse btn_left:1
< keyboard rightctrl:1
> host/keyboard rightctrl:1
< keyboard f4:1
> host/mouse btn_left:0
? focus host
< keyboard f4:0
< keyboard a:0
> host/keyboard a:0
< mouse rel_x:5
> one/pointer rel_x:5
< mouse btn_left:0
< mouse btn_right:1
> one/pointer btn_right:1
# Both are there now, and so is the focus: a toggle leads back.
< keyboard f3:1
> host/keyboard rightctrl:0
? focus one
< keyboard f3:0
< keyboard b:1
> one/keyboard b:1
# Back with the pointers alone.
< keyboard f6:1
> one/pointer btn_right:0
? focus one
< keyboard f6:0
< mouse btn_right:0
< mouse rel_x:1
> host/mouse rel_x:1
< keyboard f1:1
> one/keyboard b:0
? focus host
< keyboard f1:0
< keyboard b:0
< keyboard rightctrl:0
< keyboard c:1
> host/keyboard c:1
