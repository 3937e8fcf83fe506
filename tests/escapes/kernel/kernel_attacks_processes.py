"""Attacks on other processes, on the network, and by way of new processes."""

from __future__ import annotations

from kernel_attacks_files import _made

TRACING = _made(
    "tracing and reading other processes",
    {
        "process_vm_readv of somebody": "buffer = ctypes.create_string_buffer(TOKEN_LENGTH)\n"
        "here, there = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), TOKEN_LENGTH), (ctypes.c_size_t * 2)(VICTIM_TOKEN, TOKEN_LENGTH)\n"
        "call('process_vm_readv', VICTIM, here, 1, there, 1, 0)\ngot = buffer.raw",
        "process_vm_readv of the host": "buffer = ctypes.create_string_buffer(TOKEN_LENGTH)\n"
        "here, there = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), TOKEN_LENGTH), (ctypes.c_size_t * 2)(HOST_TOKEN, TOKEN_LENGTH)\n"
        "call('process_vm_readv', HOST, here, 1, there, 1, 0)\ngot = buffer.raw",
        "ptrace: seize somebody": "got = call('ptrace', 0x4206, VICTIM, 0, 0) == 0",
        "ptrace: attach to somebody": "got = call('ptrace', 16, VICTIM, 0, 0) == 0",
        "a signal by pidfd": "fd = call('pidfd_open', VICTIM, 0)\ngot = call('pidfd_send_signal', fd if fd >= 0 else 3, 9, 0, 0) == 0",
        "the scheduling of somebody": "got = call('sched_setscheduler', VICTIM, 3, (ctypes.c_int * 1)(0)) == 0\ngot = got and call('setpriority', 0, VICTIM, 13) == 0",
    },
    "killed",
) + _made(
    "tracing and reading other processes",
    {
        "ptrace: be traced": "got = call('ptrace', 0, 0, 0, 0) == 0",
        "process_vm_writev": "got = call('process_vm_writev', VICTIM, 0, 0, 0, 0, 0) == 0",
        "kcmp": "got = call('kcmp', os.getpid(), VICTIM, 0, 0, 0) >= 0",
        "a list of locks": "head, size = ctypes.c_long(), ctypes.c_long()\ngot = call('get_robust_list', VICTIM, ctypes.byref(head), ctypes.byref(size)) == 0",
        "descriptors by pidfd": "got = call('pidfd_getfd', call('pidfd_open', os.getpid(), 0) if 0 else 3, 0, 0) >= 0",
        "advice for another's memory": "got = call('process_madvise', 3, 0, 0, 4, 0) >= 0",
        "reaping another's memory": "got = call('process_mrelease', 3, 0) >= 0",
        "moving another's pages": "got = call('move_pages', VICTIM, 0, 0, 0, 0, 0) == 0",
        "migrating another": "got = call('migrate_pages', VICTIM, 0, 0, 0) == 0",
        "a deadline for itself": "got = call('sched_setattr', 0, (ctypes.c_uint32 * 14)(56), 0) == 0",
        "the order of disk requests": "got = call('ioprio_set', 1, VICTIM, 0x6000) == 0",
        "a queued signal": "got = call('rt_sigqueueinfo', HOST, 10, (ctypes.c_int * 32)(10, 0, -1)) == 0",
        "a queued signal to a thread": "got = call('rt_tgsigqueueinfo', HOST, HOST, 10, (ctypes.c_int * 32)(10, 0, -1)) == 0",
    },
    "killed",
    "if offered",
) + _made(
    "tracing and reading other processes",
    {
        "a handle of the host": "got = call('pidfd_open', HOST, 0) >= 0",
        "limits of somebody": "got = call('prlimit64', VICTIM, 7, (ctypes.c_uint64 * 2)(3, 3), 0) == 0",
    },
) + _made(
    "tracing and reading other processes",
    {
        "limits of the host": "got = call('prlimit64', HOST, 7, (ctypes.c_uint64 * 2)(3, 3), 0) == 0",
        "limits of the host, read": "old = (ctypes.c_uint64 * 2)()\ngot = call('prlimit64', HOST, 2, 0, old) == 0",
        "its own limits raised": "got = [n for n in range(16) if n != 2 and call('prlimit64', 0, n, (ctypes.c_uint64 * 2)(2**62, 2**62), 0) == 0]",
        "its own memory limit raised past the hard one": "got = call('prlimit64', 0, 2, (ctypes.c_uint64 * 2)(2**62, 2**62), 0) == 0",
    },
    "denied",
    "never",
)  # fmt: skip

SIGNALS = _made(
    "signals",
    {
        "to the host": "got = call('kill', HOST, 10) == 0",
        "to a thread of the host": "got = call('tgkill', HOST, HOST, 10) == 0",
        "to a thread, the older call": "got = call('tkill', HOST, 10) == 0",
        "to the host through Python": "os.kill(HOST, 10)",
        "killing somebody": "got = call('kill', VICTIM, 9) == 0",
        "stopping somebody": "got = call('kill', VICTIM, 19) == 0",
        "to somebody's group": "got = call('kill', -VICTIM, 9) == 0",
    },
) + _made(
    "signals",
    {
        "to its own group": "got = call('kill', 0, 9) == 0",
        "to everybody": "got = call('kill', -1, 9) == 0",
        "to the zygote": "got = call('kill', ZYGOTE, 9) == 0",
        "to the zygote's group": "got = call('kill', -ZYGOTE, 19) == 0",
        "to a worker that stands by": "got = call('kill', STANDBY, 9) == 0",
        "to another session's worker": "got = call('tgkill', SIBLING, SIBLING, 9) == 0",
        "to the first process": "got = call('kill', 1, 15) == 0",
        "whether a process is there": "got = call('kill', HOST, 0) == 0",
        "by its socket, as the owner": "got = [call('fcntl', 3, 8, HOST), call('fcntl', 3, 10, 9), call('fcntl', 3, 4, 0o20000)].count(0) > 0",
        "by its socket, as ioctl spells it": "got = call('ioctl', 3, 0x8901, (ctypes.c_int * 1)(HOST)) == 0",
    },
    "denied",
    "never",
)  # fmt: skip

_ADDRESS = (
    "import socket, struct\ninet = struct.pack('=H', 2) + struct.pack('>H', PORT) + bytes([127, 0, 0, 1]) + bytes(8)\n"
)

NETWORK = _made(
    "network",
    {
        "tcp": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 1)",
        "tcp by hand": _ADDRESS + "fd = call('socket', 2, 1, 0)\ngot = call('connect', fd, inet, 16) == 0",
        "tcp, data with the first packet": _ADDRESS + "fd = call('socket', 2, 1, 0)\ngot = call('sendto', fd, b'x', 1, 0x20000000, inet, 16) == 1",
        "udp": "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', UDP))",
        "a unix socket": "import socket\nsocket.socket(socket.AF_UNIX).connect(UNIX)",
        "an abstract unix socket": "import socket\nsocket.socket(socket.AF_UNIX).connect(ABSTRACT)",
        "a page of the web": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:%d/' % PORT, timeout=0.2)",
        "a server of its own": "import socket\nserver = socket.create_server(('127.0.0.1', 0))",
        "a pair of sockets": "pair = (ctypes.c_int * 2)()\ngot = call('socketpair', 1, 1, 0, pair) == 0",
    },
) + _made(
    "network",
    {
        "tcp over ip 6": "import socket\nif PORT6: socket.create_connection(('::1', PORT6), 1)",
        "netlink": "got = call('socket', 16, 3, 0) >= 0",
        "raw packets": "got = call('socket', 17, 3, 0x0300) >= 0",
        "raw ip": "got = call('socket', 2, 3, 1) >= 0",
        "ping": "got = call('socket', 2, 2, 1) >= 0",
        "the hypervisor": "got = call('socket', 40, 1, 0) >= 0",
        "the kernel's ciphers": "got = call('socket', 38, 5, 0) >= 0",
        "every other family": "got = [family for family in range(46) if call('socket', family, 1, 0) >= 0 or call('socket', family, 2, 0) >= 0 or call('socket', family, 5, 0) >= 0]",
        "a message queue in the kernel": "got = call('socket', 1, 5, 0) >= 0",
    },
    "denied",
    "if offered",
) + _made(
    "network",
    {
        "its socket, connected elsewhere": "got = call('connect', 3, b'\\x01\\0' + ABSTRACT, 2 + len(ABSTRACT)) == 0",
        "its socket, bound to a name": "got = call('bind', 3, b'\\x01\\0' + UNIX + b'2', 3 + len(UNIX)) == 0",
        "its socket, listening": "got = call('listen', 3, 1) == 0 or call('accept4', 3, 0, 0, 0) >= 0",
        "its socket, sent to another address": "got = call('sendto', 3, b'x', 1, 0, b'\\x01\\0' + UNIX, 2 + len(UNIX)) == 1",
        "its socket, and who is behind it": "out, size = (ctypes.c_int * 3)(), ctypes.c_int(12)\ngot = call('getsockopt', 3, 1, 17, out, ctypes.byref(size)) == 0",
        "its socket, set to pass credentials": "got = call('setsockopt', 3, 1, 16, (ctypes.c_int * 1)(1), 4) == 0",
        "its socket, shut down": "got = call('shutdown', 3, 2) == 0",
        "a descriptor sent to the host": "import array, socket\ngot = call('sendmsg', 3, (ctypes.c_long * 7)(), 0) >= 0",
        "resolving a name": "import socket\ngot = socket.gethostbyname('localhost.localdomain.invalid')",
    },
    "denied",
    "never",
)  # fmt: skip

_STACK = "libc.mmap.restype = ctypes.c_void_p\n"

PROCESSES = _made(
    "new processes and threads",
    {
        "fork": "got = os.fork()\nif got == 0:\n    os.close(0)\n    import time; time.sleep(1); os._exit(0)",
        "clone": "got = call('clone', 17, 0, 0, 0, 0)\nif got == 0:\n    os.close(0)\n    import time; time.sleep(1); os._exit(0)",
        "clone, untraced and of the parent": "got = call('clone', 0x00800000 | 17, 0, 0, 0, 0)\nif got == 0:\n    os.close(0)\n    import time; time.sleep(1); os._exit(0)",
        "clone3": "arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)\ngot = call('clone3', arguments, 88)\nif got == 0:\n    os.close(0)\n    import time; time.sleep(1); os._exit(0)",
        "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(1,), daemon=True).start()",
        "a thread of the C library": "thread = ctypes.c_long()\nkeep = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)\n"
        "got = libc.pthread_create(ctypes.byref(thread), None, ctypes.cast(libc.sleep, ctypes.c_void_p), ctypes.c_void_p(1)) == 0",
        "a program": "import subprocess\nsubprocess.run(['touch', FOLDER + b'/made'], check=True)",
        "a shell": "got = os.system(b'touch ' + FOLDER + b'/made') == 0",
        "a spawned program": "pid = os.posix_spawn('/bin/sh', ['sh', '-c', b'touch ' + FOLDER + b'/made'], {})\nos.waitpid(pid, 0)",
        "in its own place": "os.execve('/bin/sh', ['sh', '-c', b'touch ' + FOLDER + b'/made'], {})",
        "in its own place, by descriptor": "words = (ctypes.c_char_p * 4)(b'sh', b'-c', b'touch ' + FOLDER + b'/made', None)\n"
        "got = call('execveat', AT, b'/bin/sh', words, (ctypes.c_char_p * 1)(None), 0)",
        "through a pipe": "got = os.popen('touch ' + os.fsdecode(FOLDER) + '/made').read()",
        "a pool": "import multiprocessing\ncontext = multiprocessing.get_context('fork')\nprocess = context.Process(target=os.mkdir, args=(FOLDER + b'/made',))\nprocess.start()\nprocess.join()",
        "a program of its own": "open('run', 'w').write('#!/bin/sh\\ntouch ' + os.fsdecode(FOLDER) + '/made')\nos.chmod('run', 0o755)\nos.execv('run', ['run'])",
    },
) + _made(
    "new processes and threads",
    {
        "vfork": "got = call('vfork') >= 0",
        "a group of its own": "got = call('setsid') >= 0 or call('setpgid', 0, 0) == 0",
    },
    "denied",
    "never",
)  # fmt: skip

ATTACKS = TRACING + SIGNALS + NETWORK + PROCESSES
