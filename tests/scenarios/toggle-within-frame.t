# The chord completes in the middle of a frame: what stands before it goes to the old target, what
# stands behind it to the new one.
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
< keyboard a:1 rightctrl:1 b:1 a:0
> host/keyboard a:1
> host/keyboard leftctrl:0 a:0
> one/keyboard b:1
? focus one
< keyboard b:0 leftctrl:0 rightctrl:0
> one/keyboard b:0
