# QEMU's input-linux has toggles with scroll lock: it never gets that key. Another guest does.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = input-linux
[guest two]
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

! up two
< keyboard scrolllock:1
< keyboard scrolllock:0
< keyboard scrolllock:1 a:1
> one/keyboard a:1
< keyboard scrolllock:0 a:0
> one/keyboard a:0
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
> one/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus two
< keyboard scrolllock:1
> two/keyboard scrolllock:1
< keyboard scrolllock:0
> two/keyboard scrolllock:0
