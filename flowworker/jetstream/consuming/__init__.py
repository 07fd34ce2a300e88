"""How messages come to us.

pull         a standing pull with credit       delivery   a message that was delivered
liveness     when a consumer was last heard    consumers  starts and stops them
"""
