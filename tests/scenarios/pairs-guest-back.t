# The guest of input-linux goes down with a key of a pair held, and comes back: the other key of the pair
# does not wait for a release that was never sent.
[conf]
[device keyboard]
name = evswitch-test keyboard
[device mouse]
name = evswitch-test mouse
[guest one]
via = input-linux
[play]
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
< keyboard rightctrl:0
< keyboard leftctrl:0
? focus one

< keyboard leftshift:1
> one/keyboard leftshift:1
! down one
? focus host
< keyboard leftshift:0
! wait 500
! up one
< keyboard leftctrl:1
> host/keyboard leftctrl:1
< keyboard rightctrl:1
> host/keyboard leftctrl:0
? focus one
< keyboard rightctrl:0
< keyboard leftctrl:0
< keyboard rightshift:1
> one/keyboard rightshift:1
< keyboard rightshift:0
> one/keyboard rightshift:0
