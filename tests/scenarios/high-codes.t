# Keys beyond the classic keyboard come out where the channel can take them. A remote control's keys and a
# game pad's buttons are the host's alone: no node of a guest declares them.
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
< keyboard f13:1
> one/keyboard f13:1
< keyboard f13:0
> one/keyboard f13:0
< keyboard f24:1
> one/keyboard f24:1
< keyboard f24:0
> one/keyboard f24:0
< keyboard macro:1
> one/keyboard macro:1
< keyboard macro:0
> one/keyboard macro:0
< keyboard macro1:1
> one/keyboard macro1:1
< keyboard macro1:0
> one/keyboard macro1:0
< keyboard prog1:1
> one/keyboard prog1:1
< keyboard prog1:0
> one/keyboard prog1:0
< keyboard micmute:1
> one/keyboard micmute:1
< keyboard micmute:0
> one/keyboard micmute:0
< keyboard fn_esc:1
> one/keyboard fn_esc:1
< keyboard fn_esc:0
> one/keyboard fn_esc:0
< keyboard ok:1
> one/keyboard ok:1
< keyboard ok:0
> one/keyboard ok:0
< keyboard tv:1
< keyboard tv:0
< keyboard btn_south:1
< keyboard btn_south:0
< keyboard btn_trigger_happy1:1
< keyboard btn_trigger_happy1:0
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
> one/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
< keyboard macro1:1 btn_south:1
> host/keyboard macro1:1 btn_south:1
< keyboard macro1:0 btn_south:0
> host/keyboard macro1:0 btn_south:0
