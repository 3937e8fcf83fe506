"""Doing it: the only package that calls the kernel directly, and the only one with `ctypes`.

`libc` (the door), `process` (privileges, descriptors, limits), `landlock` (files, network, signals),
`namespaces` (mounts and a process table of one's own), `seccomp`
(installing a shipped filter), `listener` (hearing which call one stopped), `export` (making the filters that are
shipped; needs libseccomp), `probe` (what this kernel offers). Nothing here decides anything: `confine` plans, this applies.
"""
