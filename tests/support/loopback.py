"""A loopback address that no other process of the tests listens at.

Test files run side by side, and the kernel gives a port that one of them has let go to the next that
asks. At one address for all, whoever still checks or asks a backend that has gone would reach a
stranger's. Connections to it come from 127.0.0.1 all the same.
"""

import os


def own_address():
    """An address of 127.64.0.0/10 that says this process's id (22 bits)."""
    pid = os.getpid()
    return f"127.{64 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"
