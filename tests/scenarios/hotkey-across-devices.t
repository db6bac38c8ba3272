# The keys of a chord may be on different devices.
[conf]
[device left]
name = evswitch-test left
[device right]
name = evswitch-test right
[guest one]
via = virtio-input
[play]
! up one
< left leftctrl:1
> host/left leftctrl:1
< right rightctrl:1
> host/left leftctrl:0
? focus one
< left leftctrl:0
< right rightctrl:0
< right rightctrl:1
> one/keyboard rightctrl:1
< left leftctrl:1
> one/keyboard rightctrl:0
? focus host
< left leftctrl:0
< right rightctrl:0
