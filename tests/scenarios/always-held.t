# A key that stays on the host is not released there by a switch, in either direction.
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
< keyboard volumeup:1
> host/keyboard volumeup:1
< keyboard a:1
> host/keyboard a:1
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0 a:0
? focus one
< keyboard leftctrl:0 rightctrl:0 a:0
< keyboard volumeup:0
> host/keyboard volumeup:0
< keyboard mute:1
> host/keyboard mute:1
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
> one/keyboard leftctrl:0
? focus host
< keyboard mute:0
> host/keyboard mute:0
< keyboard leftctrl:0 rightctrl:0
