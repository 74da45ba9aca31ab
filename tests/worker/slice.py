#!/usr/bin/env python3
"""Prints the time slice of a process in microseconds. Without an argument: exits with 1 if the system lets no process choose its slice."""
import ctypes
import os
import struct
import sys

GET, SET = {'x86_64': (315, 314), 'ppc64le': (356, 355), 's390x': (346, 345)}.get(os.uname().machine, (275, 274))
FORMAT = 'IIQiIQQQ'  # sched_attr of sched_setattr(2): the slice is the sixth field, in ns
libc = ctypes.CDLL(None)


def attributes(pid):
    buffer = ctypes.create_string_buffer(struct.calcsize(FORMAT))
    if libc.syscall(GET, pid, buffer, len(buffer), 0) != 0:
        sys.exit(1)
    return list(struct.unpack(FORMAT, buffer))


if len(sys.argv) > 1:
    print(attributes(int(sys.argv[1]))[5] // 1000)
else:
    wanted = attributes(0)
    wanted[5] = 2100000
    if libc.syscall(SET, 0, struct.pack(FORMAT, *wanted), 0) != 0 or attributes(0)[5] != 2100000:
        sys.exit(1)
