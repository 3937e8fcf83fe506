"""Attacks on what lies outside: files of the machine, of other sessions, of other processes."""

from __future__ import annotations

from kernel_prelude import Attack, Control, Ends


def _made(kind: str, rows: dict[str, str], ends: Ends = "denied", control: Control = "breaches") -> list[Attack]:
    return [Attack(kind=kind, name=name, source=source, ends=ends, control=control) for name, source in rows.items()]


_READ = "fd = {opened}\ngot = os.read(fd, 4096) if fd >= 0 else None"

READING = _made(
    "reading files outside",
    {
        "openat": _READ.format(opened="call('openat', AT, SECRET, 0)"),
        "openat2": "how = (ctypes.c_uint64 * 3)(0, 0, 0)\n" + _READ.format(opened="call('openat2', AT, SECRET, how, 24)"),
        "open through libc": _READ.format(opened="libc.open(SECRET, 0)"),
        "a folder's descriptor without rights, then below it": _READ.format(
            opened="call('openat', call('openat', AT, FOLDER, 0o10000000), b'secret', 0)"
        ),
        "by way of dots": _READ.format(opened="call('openat', AT, b'../' * 40 + SECRET[1:], 0)"),
        "by way of /proc/self/root": _READ.format(opened="call('openat', AT, b'/proc/self/root' + SECRET, 0)"),
        "by way of /proc/self/cwd": _READ.format(opened="call('openat', AT, b'/proc/self/cwd/' + b'../' * 40 + SECRET[1:], 0)"),
        "changing the folder first": "call('chdir', FOLDER)\n" + _READ.format(opened="call('openat', AT, b'secret', 0)"),
        "a symbolic link of its own": "os.symlink(SECRET, b'link')\ngot = open('link').read()",
        "a hard link of its own": "os.link(SECRET, b'link')\ngot = open('link').read()",
        "renamed into the workspace": "os.rename(SECRET, b'mine')\ngot = open('mine').read()",
        "mapped": "import mmap\nfd = call('openat', AT, SECRET, 0)\ngot = mmap.mmap(fd, 0, prot=1)[:]",
        "sent from file to file": "a, b = call('openat', AT, SECRET, 0), os.open('mine', 66)\nos.sendfile(b, a, 0, 99)\ngot = open('mine').read()",
        "listing a folder": "fd = call('openat', AT, FOLDER, 0o200000)\nbuffer = ctypes.create_string_buffer(4096)\n"
        "got = call('getdents64', fd, buffer, 4096) if fd >= 0 else None\nopen('/proc/self/fd/%d/secret' % fd).read()\ngot = open(SECRET).read()",
        "with a copying program": "import shutil\nshutil.copyfile(SECRET, 'mine')\ngot = open('mine').read()",
        "with numpy's reader": "import numpy\ngot = bytes(numpy.fromfile(SECRET, 'u1'))",
        "with a database": "import sqlite3\nbase = sqlite3.connect(os.fsdecode(SECRET))\ntry: base.execute('select 1 from sqlite_master')\n"
        "except sqlite3.DatabaseError as error: got = open(SECRET).read() if 'not a database' in str(error) else None",
    },
) + _made(
    "reading files outside",
    {
        "by a handle": "handle = (ctypes.c_uint32 * 40)(128)\nmount = ctypes.c_int()\ngot = call('name_to_handle_at', AT, SECRET, handle, ctypes.byref(mount), 0) == 0",
    },
    "killed",
    "if offered",
)  # fmt: skip

WRITING = _made(
    "changing files outside",
    {
        "opened for writing": "os.write(call('openat', AT, CANARY, 1), b'dead')",
        "opened for both": "os.write(call('openat', AT, CANARY, 2), b'dead')",
        "opened for reading, and truncated": "got = call('openat', AT, CANARY, 0o1000) >= 0",
        "the access mode that nobody uses, and truncated": "got = call('openat', AT, CANARY, 0o1003) >= 0",
        "appended to": "os.write(call('openat', AT, CANARY, 0o2001), b'dead')",
        "truncated by name": "got = call('truncate', CANARY, 0) == 0",
        "made": "got = call('openat', AT, FOLDER + b'/made', 0o101, 0o666) >= 0",
        "made without a name": "got = call('openat', AT, FOLDER, 0o20200002, 0o666) >= 0",
        "removed": "got = call('unlinkat', AT, CANARY, 0) == 0",
        "a folder removed": "got = call('unlinkat', AT, FOLDER + b'/below', 0x200) == 0",
        "renamed": "got = call('renameat2', AT, CANARY, AT, FOLDER + b'/other', 0) == 0",
        "exchanged with its own": "open('mine', 'w').close()\ngot = call('renameat2', AT, CANARY, AT, b'mine', 2) == 0",
        "its own moved out": "open('mine', 'w').write('dead')\ngot = call('renameat2', AT, b'mine', AT, CANARY, 0) == 0",
        "linked": "got = call('linkat', AT, CANARY, AT, FOLDER + b'/second', 0) == 0",
        "a symbolic link": "got = call('symlinkat', b'/etc', AT, FOLDER + b'/etc') == 0",
        "a folder": "got = call('mkdirat', AT, FOLDER + b'/made', 0o777) == 0",
        "a pipe with a name": "got = call('mknodat', AT, FOLDER + b'/made', 0o010666, 0) == 0",
        "its mode": "got = call('fchmodat', AT, CANARY, 0o400) == 0",
        "its mode, the newer call": "got = call('fchmodat2', AT, CANARY, 0o400, 0) == 0\nif got is False: os.chmod(CANARY, 0o400)",
        "its times": "got = call('utimensat', AT, CANARY, (ctypes.c_long * 4)(1, 1, 1, 1), 0) == 0",
        "space set aside": "import os\nfd = os.open(CANARY, 2)\ngot = call('fallocate', fd, 0, 0, 4096) == 0",
        "a shared mapping of it": "import mmap\nmemory = mmap.mmap(os.open(CANARY, 2), 5)\nmemory[:4] = b'dead'",
    },
) + _made(
    "changing files outside",
    {
        "its owner": "got = call('fchownat', AT, CANARY, 12345, 12345, 0) == 0",
    },
    "denied",
    "as root",
) + _made(
    "changing files outside",
    {
        "its attributes": "got = call('setxattr', CANARY, b'user.mark', b'1', 1, 0) == 0",
    },
    "denied",
    "if offered",
) + _made(
    "changing files outside",
    {
        "its attributes, the newer call": "got = call('setxattrat', AT, CANARY, 0, b'user.mark', (ctypes.c_uint64 * 2)(), 16) == 0",
        "its attributes taken away": "got = call('removexattr', CANARY, b'user.mark') == 0",
        "accounting written to it": "got = call('acct', CANARY) == 0",
        "swapping to it": "got = call('swapon', CANARY, 0) == 0",
        "quotas": "got = call('quotactl', 0x80000100, 0, 0, 0) == 0",
        "everything written out": "got = call('sync') == 0",
    },
    "killed",
    "never",
) + _made(
    "changing files outside",
    {
        "a library's file": "import json\ngot = [os.path.basename(p) for p in (json.__file__, os.__file__) for flags in (1, 2)"
        " if call('openat', AT, os.fsencode(p), flags) >= 0]",
        "the machine's settings": "got = [p for p in (b'/proc/sys/kernel/core_pattern', b'/proc/sysrq-trigger', b'/proc/self/oom_score_adj',"
        " b'/proc/self/uid_map', b'/proc/self/mem', b'/sys/kernel/mm/ksm/run', b'/sys/fs/cgroup/cgroup.procs') if call('openat', AT, p, 1) >= 0]",
        "devices": "got = [p for p in (b'/dev/mem', b'/dev/kmsg', b'/dev/ptmx', b'/dev/tty', b'/dev/fuse', b'/dev/kvm', b'/dev/null', b'/dev/shm',"
        " b'/dev/userfaultfd', b'/dev/net/tun', b'/dev/vsock', b'/dev/urandom', b'/dev/vda') if call('openat', AT, p, 0) >= 0]",
    },
    "denied",
    "never",
)  # fmt: skip

WATCHING = _made(
    "watching files outside",
    {"inotify": "got = call('inotify_init1', 0) >= 0"},
    "denied",
) + _made(
    "watching files outside",
    {"fanotify": "got = call('fanotify_init', 0, 0) >= 0"},
    "killed",
    "as root",
)

PROGRAMS = _made(
    "programs left behind",
    {
        "set-user-id": "fd = call('openat', AT, b'program', 0o102, 0o4755)\ngot = fd >= 0 and os.fstat(fd).st_mode & 0o4000",
        "set-group-id": "fd = call('openat', AT, b'program', 0o101, 0o2755)\ngot = fd >= 0 and os.fstat(fd).st_mode & 0o2000",
        "set-group-id, opened for reading": "fd = call('openat', AT, b'program', 0o100, 0o2755)\ngot = fd >= 0 and os.fstat(fd).st_mode & 0o2000",
        "a folder that passes its group on": "got = call('mkdirat', AT, b'folder', 0o2777) == 0",
        "set-user-id afterwards": "fd = os.open('program', 66)\nos.fchmod(fd, 0o4755)\ngot = os.fstat(fd).st_mode & 0o4000",
    },
    "denied",
    "if offered",
)

SESSIONS = _made(
    "other sessions",
    {
        "a file in another's slot": "got = open(os.path.join(SIBLING_SLOT, 'work', 'theirs')).read()",
        "listing another's slot": "got = os.listdir(os.path.join(SIBLING_SLOT, 'work'))",
        "writing into another's slot": "open(os.path.join(SIBLING_SLOT, 'work', 'theirs'), 'w').write('dead')",
        "removing another's file": "os.remove(os.path.join(SIBLING_SLOT, 'work', 'theirs'))",
        "renaming another's file here": "os.rename(os.path.join(SIBLING_SLOT, 'work', 'theirs'), 'mine')\ngot = open('mine').read()",
        "listing all slots": "got = os.listdir(os.path.dirname(SIBLING_SLOT))",
        "by way of its own parent": "got = os.listdir('../..') and [os.listdir('../../' + each) for each in os.listdir('../..')]",
        "listing what is stored": "got = os.listdir(STATE)",
        "reading what is stored": "got = [open(os.path.join(STATE, str(n)), 'rb').read(1) for n in range(1, 9)]",
        "the memory of another's worker": "got = open('/proc/%d/mem' % SIBLING, 'rb').read(1)",
        "what another's worker has open": "got = os.listdir('/proc/%d/fd' % SIBLING)",
        "through what another's worker has open": "got = open('/proc/%d/fd/4' % SIBLING, 'rb').read(1)",
        "by way of another's root": "got = open('/proc/%d/cwd/theirs' % SIBLING).read()",
        "where another's worker is": "got = os.readlink('/proc/%d/cwd' % SIBLING)",
    },
    "denied",
    "never",
)  # fmt: skip

_PROC = """
got = []
for name in (b'environ', b'mem', b'maps', b'auxv', b'cmdline', b'status', b'stat', b'io', b'stack', b'syscall', b'fd', b'task', b'root', b'cwd', b'net/tcp'):
    fd = call('openat', AT, b'/proc/%d/' % {who} + name, 0)
    if fd >= 0:
        got.append(name)
        try: got.append(os.read(fd, 4096))
        except OSError: pass
got += [link for name in (b'exe', b'cwd', b'root', b'fd/0', b'ns/mnt') if (link := _link(b'/proc/%d/' % {who} + name))]
"""
_LINK = """
def _link(path):
    try: return os.readlink(path)
    except OSError: return None
"""

PROC = _made(
    "/proc of others",
    {
        "somebody's process": _LINK + _PROC.format(who="VICTIM"),
        "the host's memory": "fd = call('openat', AT, b'/proc/%d/mem' % HOST, 0)\ngot = os.pread(fd, TOKEN_LENGTH, HOST_TOKEN) if fd >= 0 else None",
        "somebody's root folder": "got = open(b'/proc/%d/root' % VICTIM + SECRET).read()",
    },
) + _made(
    "/proc of others",
    {
        "the host": _LINK + _PROC.format(who="HOST"),
        "the zygote": _LINK + _PROC.format(who="ZYGOTE"),
        "a worker that stands by": _LINK + _PROC.format(who="STANDBY"),
        "its own": _LINK + _PROC.format(who="os.getpid()").replace("b'cwd', b'net", "b'net").replace("b'exe', b'cwd', b'root', b'fd/0', b'ns/mnt'", ""),
        "the list of processes": "got = os.listdir('/proc')",
        "the machine": "got = [p for p in ('version', 'meminfo', 'cmdline', 'mounts', 'kallsyms', 'keys', 'net/unix', 'sysvipc/shm', 'interrupts') if call('openat', AT, b'/proc/' + p.encode(), 0) >= 0]",
    },
    "denied",
    "never",
)  # fmt: skip

ATTACKS = READING + WRITING + WATCHING + PROGRAMS + SESSIONS + PROC
