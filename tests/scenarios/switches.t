# Lids and jacks are the host's hardware: their switches go to the host whoever has the focus.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
< keyboard sw_lid:1
> host/keyboard sw_lid:1
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< keyboard sw_lid:0
> host/keyboard sw_lid:0
< keyboard a:1 sw_headphone_insert:1
> host/keyboard sw_headphone_insert:1
> one/keyboard a:1
< keyboard a:0
> one/keyboard a:0
