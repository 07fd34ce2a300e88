"""How messages come to us.

pull         a standing pull with credit       delivery   a message that was delivered
liveness     when a consumer last got something    consumers  starts and stops them
"""
