"""The calls that make namespaces and mounts, each in a child of its own; where they are refused, that is what is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kernel_children import in_child

from safe_codeact.confine.protections import NAMESPACES
from safe_codeact.kernel import namespaces

_IMPORT = "from safe_codeact.kernel import namespaces\n"
_REFUSED = namespaces.why_not(namespaces.unshare)


def _said(source: str) -> dict[str, Any] | None:
    """What a child says; None where this machine has no namespaces for us, which is then the same for a child."""
    if _REFUSED:
        said, _ = in_child(_IMPORT + "say(why=namespaces.why_not(namespaces.unshare))")
        assert said == {"why": _REFUSED}
        return None
    said, status = in_child(_IMPORT + source)
    assert status == 0
    return said


def test_the_kernels_names_are_the_plans() -> None:
    """In the order of the plan; each is a link under /proc/self/ns."""
    assert tuple(namespaces.FLAGS) == NAMESPACES
    assert all(os.path.islink(f"/proc/self/ns/{name}") for name in NAMESPACES)


def test_trying_changes_nothing_here() -> None:
    """A child did it, and it has ended."""
    before = {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES}
    assert namespaces.why_not(namespaces.unshare) == _REFUSED
    assert {name: os.readlink(f"/proc/self/ns/{name}") for name in NAMESPACES} == before


def test_a_try_that_fails_says_why() -> None:
    """In the words of the error, with the file where one is named; a child that dies is a failure, too."""

    def fail() -> None:
        raise OSError("the reason")

    assert namespaces.why_not(fail) == "the reason"
    assert namespaces.why_not(lambda: os.stat("/nowhere")) == "/nowhere: No such file or directory"
    assert namespaces.why_not(lambda: os.kill(os.getpid(), 9)) == "the process that tried it was killed"
    assert namespaces.why_not(lambda: None) == ""


def test_all_six_are_left_and_the_ids_stay() -> None:
    """The process table is the children's; users and groups keep their numbers, and nobody else has one."""
    said = _said("""
names = [*namespaces.FLAGS, 'pid_for_children']
before, ids = {name: os.readlink('/proc/self/ns/' + name) for name in names}, [os.getuid(), os.getgid()]
namespaces.unshare()
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, bytes([os.getpid(), os.getppid()]))
    os._exit(0)
os.wait()
say(same=[name for name in names if os.readlink('/proc/self/ns/' + name) == before[name]], child=list(os.read(reading, 2)),
    ids=ids == [os.getuid(), os.getgid()], owner=os.stat('/proc/self/exe').st_uid == os.getuid() or os.getuid() != 0,
    more=attempt(os.setgroups, []), other=attempt(os.setuid, os.getuid() + 1))
""")
    if said is not None:
        assert said == {
            "same": ["pid"],
            "child": [1, 0],
            "ids": True,
            "owner": True,
            "more": "EPERM",
            "other": "EINVAL",
        }


def test_who_gave_up_root_first_gets_them_too() -> None:
    """Its files in /proc are root's then; afterwards it is nobody's to look into, as before."""
    if os.geteuid() == 0:
        said = _said("process.become(65534, 65534)\nnamespaces.unshare()\nsay(uid=os.getuid(), dumpable=libc.prctl(3))")
        assert said in (None, {"uid": 65534, "dumpable": 0})


def test_a_root_of_ones_own_holds_what_was_put_there(tmp_path: Path) -> None:
    """Nothing else is left, nothing in it can be written but what was left writable, nothing executed."""
    (tmp_path / "here").mkdir()
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "file").write_text("seen")
    (tmp_path / "beside").write_text("not seen")
    said = _said(f"""
here, seen, beside = {str(tmp_path / "here")!r}, {str(tmp_path / "seen")!r}, {str(tmp_path / "beside")!r}
own = os.open(here, os.O_PATH)
namespaces.unshare()
namespaces.keep_mounts_private()
own = os.open(here, os.O_PATH)
namespaces.mount_memory(here, size=1 << 20, inodes=100)
for path in (seen, here): os.makedirs(here + path)
namespaces.bind(seen, here + seen, with_mounts_below=True)
namespaces.bind('/proc/self/fd/%d' % own, here + here, with_mounts_below=False)
os.close(own)
namespaces.make_root(here)
namespaces.restrict_mounts('/')
namespaces.lift('rdonly', here)
namespaces.name_machine('elsewhere')
flags = {{path: os.statvfs(path).f_flag & 15 for path in ('/', seen, here)}}
open(here + '/made', 'w').close()
say(read=open(seen + '/file').read(), beside=attempt(os.stat, beside), proc=attempt(os.stat, '/proc/self'),
    root=attempt(os.mkdir, '/new'), library=attempt(open, seen + '/file', 'a'), flags=list(flags.values()),
    name=list(os.uname())[1], cwd=os.getcwd())
""")
    if said is not None:
        assert said == {
            "read": "seen", "beside": "ENOENT", "proc": "ENOENT", "root": "EROFS", "library": "EROFS",
            "flags": [15, 15, 14], "name": "elsewhere", "cwd": "/",
        }  # fmt: skip
        assert (tmp_path / "here" / "made").exists()
