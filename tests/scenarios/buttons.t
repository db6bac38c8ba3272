# Buttons of a mouse go to the pointer, also those that QEMU's input-linux would not know and those
# that a keyboard has.
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
< mouse btn_left:0
> one/pointer btn_left:0
< mouse btn_right:1
> one/pointer btn_right:1
< mouse btn_right:0
> one/pointer btn_right:0
< mouse btn_middle:1
> one/pointer btn_middle:1
< mouse btn_middle:0
> one/pointer btn_middle:0
< mouse btn_side:1
> one/pointer btn_side:1
< mouse btn_side:0
> one/pointer btn_side:0
< mouse btn_extra:1
> one/pointer btn_extra:1
< mouse btn_extra:0
> one/pointer btn_extra:0
< mouse btn_forward:1
> one/pointer btn_forward:1
< mouse btn_forward:0
> one/pointer btn_forward:0
< mouse btn_back:1
> one/pointer btn_back:1
< mouse btn_back:0
> one/pointer btn_back:0
< mouse btn_task:1
> one/pointer btn_task:1
< mouse btn_task:0
> one/pointer btn_task:0
< keyboard btn_left:1 a:1
> one/pointer btn_left:1
> one/keyboard a:1
< keyboard btn_left:0 a:0
> one/pointer btn_left:0
> one/keyboard a:0
