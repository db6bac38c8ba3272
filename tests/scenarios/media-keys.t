# Keys of a remote control go to a node of their own; Windows types garbage where they share one. A
# frame with both kinds becomes one for each.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
os = windows
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
> one/media volumeup:1
< keyboard volumeup:0
> one/media volumeup:0
< keyboard a:1 playpause:1
> one/keyboard a:1
> one/media playpause:1
< keyboard a:0 playpause:0
> one/keyboard a:0
> one/media playpause:0
< keyboard homepage:1
> one/media homepage:1
< keyboard homepage:0
> one/media homepage:0
