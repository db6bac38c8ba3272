# virtio_uml takes its interrupt from the pipe of the back end's requests, which a back end need not offer (protocol
# feature 5); without one it asks for irq 0, the timer's. So it makes the pipe in any case. For sed -zE.
s/if \(vu_dev->protocol_features &\s*BIT_ULL\(\w+_REQ\)\) \{(\s*rc = vhost_user_init_\w+_req\(vu_dev\);)/{\1/
s/\trc = vhost_user_send_no_payload_fd\(vu_dev, VHOST_USER_SET_\w+_REQ_FD,/\tif (!(vu_dev->protocol_features \& BIT_ULL(5)))\n\t\treturn 0;\n&/
