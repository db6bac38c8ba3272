# The guest that has the focus goes down while something is typed for it. What is typed on goes
# nowhere, but the hotkeys work at once; what the user asked for then gets what is typed.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[guest two]
via = virtio-input
[play]
! up one
! up two
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< mouse btn_left:1
> one/pointer btn_left:1
! down one
? focus host
< keyboard a:1
< keyboard a:0
< keyboard leftctrl:1
< keyboard rightctrl:1
? focus two
< keyboard rightctrl:0
< keyboard leftctrl:0
< keyboard a:1
> two/keyboard a:1
< keyboard a:0
> two/keyboard a:0
< mouse btn_left:0
