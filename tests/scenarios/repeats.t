# Repetitions of a held key: the clones on the host repeat by themselves, a guest gets the
# keyboard's. A key that reached nobody repeats nowhere.
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
< keyboard a:1
> host/keyboard a:1
< keyboard a:2
< keyboard a:0
> host/keyboard a:0
! up one
< keyboard b:1
> host/keyboard b:1
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0 b:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one
< keyboard b:2
< keyboard b:0
< keyboard a:1
> one/keyboard a:1
< keyboard a:2
> one/keyboard a:2
< keyboard a:2
> one/keyboard a:2
< keyboard a:0
> one/keyboard a:0
< keyboard mute:1
> host/keyboard mute:1
< keyboard mute:2
< keyboard mute:0
> host/keyboard mute:0
