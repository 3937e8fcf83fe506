"""What a process gives up, in children of their own, as the kernel itself describes them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kernel_children import in_child, status_field

from safe_codeact.kernel import process, seccomp

_STATUS = """
def fields(*names):
    lines = dict(line.split(':', 1) for line in open('/proc/self/status') if ':' in line)
    return {name: lines.get(name, '').strip() for name in names}
"""


def test_no_new_privileges_is_for_good() -> None:
    """The kernel says so, and taking it back is refused."""
    said, _ = in_child(
        _STATUS
        + "process.forbid_new_privileges()\nagain = attempt(libc.prctl, 38, 0)\nsay(again=again, **fields('NoNewPrivs'))"
    )
    assert said == {"again": "EINVAL", "NoNewPrivs": "1"}


def test_no_capability_is_kept() -> None:
    """Effective, permitted, inheritable and ambient sets are empty; as root the bounding set is, too."""
    said, _ = in_child(
        _STATUS + "attempt(process.drop_bounding_set)\nprocess.drop_capabilities()\n"
        "say(**fields('CapEff', 'CapPrm', 'CapInh', 'CapAmb', 'CapBnd'))"
    )
    bounding = said.pop("CapBnd")
    assert set(said.values()) == {"0" * 16}
    if int(status_field("CapEff"), 16) >> 8 & 1:  # CAP_SETPCAP
        assert bounding == "0" * 16


def test_descriptors_are_closed_whatever_they_are() -> None:
    """Files, sockets and pipes above the given number are gone, those below stay."""
    said, _ = in_child(
        "import socket\nheld = [os.open('/dev/null', 0), *os.pipe(), *[s.detach() for s in socket.socketpair()]]\n"
        "high = os.dup2(held[0], 200)\nprocess.close_descriptors_above(2)\n"
        "say(open=[n for n in [0, 1, 2, *held, high] if attempt(os.fstat, n) != 'EBADF'])"
    )
    assert said == {"open": [0, 1, 2]}


def test_limits_are_what_was_asked_and_cannot_be_raised() -> None:
    """Soft and hard, by the kernel's word."""
    said, _ = in_child(
        "process.drop_capabilities()\nprocess.set_limits({'nofile': (40, 40), 'core': (0, 0), 'nproc': (0, 0)})\n"
        "read = process.read_limits()\nprocess.forbid_new_privileges()\n"
        "try: resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80)); raised = True\n"
        "except (ValueError, OSError): raised = False\n"
        "say(raised=raised, nofile=read['nofile'], core=read['core'], nproc=read['nproc'])"
    )
    assert said == {"raised": False, "nofile": [40, 40], "core": [0, 0], "nproc": [0, 0]}
    assert set(process.LIMITS) == set(process.read_limits())
    assert process.read_limits()["nofile"] == list(resource.getrlimit(resource.RLIMIT_NOFILE))


def test_a_child_dies_with_its_parent() -> None:
    """Killed, not asked: also when the parent had no time to say goodbye."""
    program = (
        "import os, sys, time\nfrom safe_codeact.kernel import process\nparent = os.getpid()\nchild = os.fork()\n"
        "if child == 0:\n    process.die_with_parent(parent)\n    os.write(1, b'.')\n    time.sleep(100)\n    os._exit(0)\n"
        "print(child, flush=True)\ntime.sleep(100)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    said = b""
    while b"\n" not in said or b"." not in said:
        said += os.read(parent.stdout.fileno(), 100)
    child = int(said.replace(b".", b""))
    parent.kill()
    parent.communicate()
    for _ in range(500):
        if not Path(f"/proc/{child}").exists() or status_field("State", child).startswith("Z"):
            break
        time.sleep(0.01)
    else:
        pytest.fail(f"process {child} outlived its parent")


def test_the_kernel_is_told_whom_to_end_when_memory_runs_out() -> None:
    """The highest figure there is, which nobody without a privilege can lower below what it was."""
    said, _ = in_child(
        "process.die_before_others(process.open_proc())\nsay(score=open('/proc/self/oom_score_adj').read().strip())"
    )
    assert said == {"score": "1000"}


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    """The race between the fork and the request is closed: the parent's pid is compared."""
    _said, status = in_child("say(x=1)\nprocess.die_with_parent(os.getppid() + 1)\nos._exit(0)")
    assert status == 1


def test_root_is_given_up_for_good() -> None:
    """User, group and groups; there is no way back. Without root, nothing is there to give up."""
    if os.geteuid() != 0:
        said, _ = in_child("say(became=attempt(process.become, 65534, 65534))")
        assert said == {"became": "EPERM"}
        return
    said, _ = in_child(
        _STATUS
        + "process.become(65534, 65533)\nsay(back=attempt(os.setuid, 0), group=attempt(os.setgid, 0), **fields('Uid', 'Gid', 'Groups'))"
    )
    assert said == {
        "back": "EPERM", "group": "EPERM", "Groups": "",
        "Uid": "\t".join(["65534"] * 4), "Gid": "\t".join(["65533"] * 4),
    }  # fmt: skip


# ---- filters


def test_filters_can_be_installed_here() -> None:
    """Without them nothing else here can be true."""
    assert seccomp.available()


@pytest.mark.parametrize("program", [b"", b"\x06", b"\x06\x00\x00\x00\x00\x00\xff\x7f\x00"])
def test_a_program_that_is_none_is_an_error(program: bytes) -> None:
    """Empty, or not whole: never "no filter"."""
    with pytest.raises(ValueError, match=f"a seccomp program of {len(program)} bytes is not a whole, positive number"):
        seccomp.install(program)


def test_a_program_that_the_kernel_does_not_accept_is_an_error() -> None:
    """Its instructions are checked by the kernel before it holds."""
    said, _ = in_child("process.forbid_new_privileges()\nsay(installed=attempt(seccomp.install, bytes([255] * 8)))")
    assert said == {"installed": "EINVAL"}


def test_without_no_new_privileges_nobody_but_root_may_install_a_filter() -> None:
    """Which is why the lockdown forbids them first."""
    said, _ = in_child(
        "process.drop_capabilities()\nallow = bytes([6, 0, 0, 0, 0, 0, 255, 127])\nbefore = attempt(seccomp.install, allow)\n"
        "process.forbid_new_privileges()\nsay(before=before, after=attempt(seccomp.install, allow))"
    )
    assert said == {"before": "EACCES", "after": 1}


def test_a_filter_holds_at_once_and_for_good() -> None:
    """The kernel kills at the first call that no line names, by a signal that nobody can catch."""
    _said, status = in_child(
        "from safe_codeact.confine import protections, syscalls\nimport platform\n"
        "programs = protections.read_programs(syscalls.program_names('computation', platform.machine()))\n"
        "process.forbid_new_privileges()\nfor program in programs: seccomp.install(program)\n"
        "signal.signal(signal.SIGSYS, signal.SIG_IGN)\nsay(alive=True)\nlibc.LIBC.ptrace(0, 0, 0, 0)\nos._exit(0)"
    )
    assert status == -31
