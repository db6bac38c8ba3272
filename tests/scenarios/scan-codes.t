# Keyboards say a scan code with each key. Scan codes reach nobody: neither with their key, nor
# with a key that was swallowed.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = virtio-input
[play]
< keyboard msc_scan:30 a:1
> host/keyboard a:1
< keyboard msc_scan:30 a:0
> host/keyboard a:0
! up one
< keyboard msc_scan:29 leftctrl:1
> host/keyboard leftctrl:1
< keyboard msc_scan:97 rightctrl:1
> host/keyboard leftctrl:0
? focus one
< keyboard msc_scan:97 rightctrl:0
< keyboard msc_scan:29 leftctrl:0
< keyboard msc_scan:30 a:1
> one/keyboard a:1
< keyboard msc_scan:30 a:0
> one/keyboard a:0
< mouse msc_scan:589825 btn_left:1
> one/pointer btn_left:1
< mouse msc_scan:589825 btn_left:0
> one/pointer btn_left:0
