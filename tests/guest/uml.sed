# virtio_uml takes its interrupt from the pipe of the back end's requests, which a back end need not offer (protocol
# feature 5); without one it asks for irq 0, the timer's. So it makes the pipe in any case. For sed -zE.
s/if \(vu_dev->protocol_features &\s*BIT_ULL\(\w+_REQ\)\) \{(\s*rc = vhost_user_init_\w+_req\(vu_dev\);)/{\1/
s/\trc = vhost_user_send_no_payload_fd\(vu_dev, VHOST_USER_SET_\w+_REQ_FD,/\tif (!(vu_dev->protocol_features \& BIT_ULL(5)))\n\t\treturn 0;\n&/

# Room for the registers of a processor with AMX: XSAVE's standard format takes 11,008 bytes of it, and the host's
# kernel takes nothing but all of them back. Twice this stands on a kernel stack, hence CONFIG_KERNEL_STACK_ORDER.
s/(HOST_FP_SIZE, )2696\)/\112288)/

# Restarting, it serves the interrupts that came while it took everything down, and aborts if there is one of a
# device. They are left alone instead, as those are that come later.
s/\tun(block_signals\(\);\s*os_info)/\t\1/
