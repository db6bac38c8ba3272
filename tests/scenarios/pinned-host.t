# A device with "target = host" stays there; its keys still count in hotkeys.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device pad]
name = evswitch-test pad
target = host
[guest one]
via = virtio-input
[play]
! up one
< pad a:1
> host/pad a:1
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< pad rightctrl:1
> host/keyboard leftctrl:0
? focus one
< pad rightctrl:0
< keyboard leftctrl:0
< pad a:0
> host/pad a:0
< keyboard b:1
> one/keyboard b:1
< pad b:1
> host/pad b:1
