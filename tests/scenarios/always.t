# Keys that stay on the host whoever has the focus.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[host]
always = mute, volumeup
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

< keyboard volumeup:1
> host/keyboard volumeup:1
< keyboard a:1
> one/keyboard a:1
< keyboard volumeup:0
> host/keyboard volumeup:0
< keyboard a:0 mute:1
> one/keyboard a:0
> host/keyboard mute:1
< keyboard mute:0
> host/keyboard mute:0
< keyboard volumedown:1
> one/media volumedown:1
< keyboard volumedown:0
> one/media volumedown:0
