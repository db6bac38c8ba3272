# A key of a device that was unplugged counts for no chord any more.
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
! unplug left
> host/left leftctrl:0
< right rightctrl:1
> host/right rightctrl:1
? focus host
< right rightctrl:0
> host/right rightctrl:0
