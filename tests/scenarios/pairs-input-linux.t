# QEMU's input-linux takes both keys of a pair for its own toggle: it never sees them down
# together. The second waits until the first is up. Here the toggle of evswitch is another, so both
# ctrl keys can be meant for the guest.
[conf]
[evswitch]
toggle = pause
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = input-linux
[play]
! up one
< keyboard pause:1
? focus one
< keyboard pause:0
# ctrl
< keyboard leftctrl:1
> one/keyboard leftctrl:1
< keyboard rightctrl:1
< keyboard leftctrl:0
> one/keyboard leftctrl:0 rightctrl:1
< keyboard a:1
> one/keyboard a:1
< keyboard leftctrl:1
< keyboard a:0
> one/keyboard a:0
< keyboard leftctrl:0
< keyboard rightctrl:0
> one/keyboard rightctrl:0
# shift
< keyboard leftshift:1
> one/keyboard leftshift:1
< keyboard rightshift:1
< keyboard leftshift:0
> one/keyboard leftshift:0 rightshift:1
< keyboard rightshift:0
> one/keyboard rightshift:0
< keyboard rightshift:1
> one/keyboard rightshift:1
< keyboard leftshift:1
< keyboard leftshift:0
< keyboard rightshift:0
> one/keyboard rightshift:0
# alt
< keyboard leftalt:1
> one/keyboard leftalt:1
< keyboard rightalt:1
< keyboard leftalt:0
> one/keyboard leftalt:0 rightalt:1
< keyboard rightalt:0
> one/keyboard rightalt:0
< keyboard rightalt:1
> one/keyboard rightalt:1
< keyboard leftalt:1
< keyboard leftalt:0
< keyboard rightalt:0
> one/keyboard rightalt:0
# meta
< keyboard leftmeta:1
> one/keyboard leftmeta:1
< keyboard rightmeta:1
< keyboard leftmeta:0
> one/keyboard leftmeta:0 rightmeta:1
< keyboard rightmeta:0
> one/keyboard rightmeta:0
< keyboard rightmeta:1
> one/keyboard rightmeta:1
< keyboard leftmeta:1
< keyboard leftmeta:0
< keyboard rightmeta:0
> one/keyboard rightmeta:0
# The two keys in one frame, and a switch while one waits.
< keyboard leftctrl:1 rightctrl:1
> one/keyboard leftctrl:1
< keyboard leftctrl:0 rightctrl:0
> one/keyboard leftctrl:0 rightctrl:1 rightctrl:0
