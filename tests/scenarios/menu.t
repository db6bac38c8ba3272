# Alt or Meta that a switch releases opens no menu on the target left: a tap of Ctrl comes between.
[conf]
[device keyboard]
name = evswitch-test keyboard
[host]
hotkey = leftmeta+f1
[guest one]
hotkey = leftmeta+f2
[guest two]
hotkey = leftctrl+leftalt+f3
[play]
! up one
! up two
# On the host.
< keyboard leftmeta:1
> host/keyboard leftmeta:1
< keyboard f2:1
> host/keyboard leftctrl:1
> host/keyboard leftctrl:0
> host/keyboard leftmeta:0
? focus one
< keyboard f2:0
< keyboard leftmeta:0
# In the guest, with Alt beside it: one tap.
< keyboard rightalt:1
> one/keyboard rightalt:1
< keyboard rightalt:0
> one/keyboard rightalt:0
< keyboard leftmeta:1
> one/keyboard leftmeta:1
< keyboard f1:1
> one/keyboard leftctrl:1
> one/keyboard leftctrl:0
> one/keyboard leftmeta:0
? focus host
< keyboard f1:0
< keyboard leftmeta:0
# With Ctrl down it is no lone one.
< keyboard leftalt:1
> host/keyboard leftalt:1
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard f3:1
> host/keyboard leftctrl:0 leftalt:0
? focus two
