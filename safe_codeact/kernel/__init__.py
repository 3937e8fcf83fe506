"""Doing it: the only package that calls the kernel directly, and the only one with `ctypes`.

`libc` (the door), `process` (privileges, descriptors, limits), `landlock` (files, network, signals), `seccomp`
(installing a shipped filter), `export` (making the filters that are shipped; needs libseccomp), `probe` (what this
kernel offers). Nothing here decides anything: `confine` plans, this applies.
"""
