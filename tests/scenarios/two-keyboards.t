# The same key on two keyboards: on the host each has a port of its own, in a guest it is one key,
# down until the last finger is off.
[conf]
[device left]
name = evswitch-test left
[device right]
name = evswitch-test right
[guest one]
via = virtio-input
hotkey = f1
[play]
! up one
< left a:1
> host/left a:1
< right a:1
> host/right a:1
< left a:0
> host/left a:0
< right a:0
> host/right a:0
< left f1:1
? focus one
< left f1:0
< left a:1
> one/keyboard a:1
< right a:1
< left a:0
< left a:1
< right a:0
< left a:0
> one/keyboard a:0
# Unplugged while the other still holds it.
< left a:1
> one/keyboard a:1
< right a:1
! unplug left
< right a:0
> one/keyboard a:0
