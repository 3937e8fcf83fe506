"""Landlock's calls, in children of their own: what a rule grants works, what none grants does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from kernel_children import in_child

from safe_codeact.kernel import landlock

_RESTRICTED = """
process.forbid_new_privileges()
landlock.restrict([landlock.open_rule({inside!r}, writable=True), landlock.open_rule({library!r}, writable=False)], {abi})
"""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    for name in ("inside", "library", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return {name: str(tmp_path / name) for name in ("inside", "library", "outside")}


def test_this_kernel_has_landlock() -> None:
    """Without it nothing else here can be true."""
    assert landlock.abi() >= 1


def test_the_slot_is_written_the_library_is_read_and_nothing_else_is_reached(folders: dict[str, str]) -> None:
    """Each right from both sides, with every ABI that this kernel has."""
    for abi in range(1, landlock.abi() + 1):
        said, _ = in_child(_RESTRICTED.format(abi=abi, **folders) + f"""
folders = {folders!r}
def write(path): os.close(os.open(path, os.O_WRONLY))
def make(path): os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
answers = {{}}
for name, folder in folders.items():
    file = folder + '/file'
    answers[name] = [
        attempt(lambda: open(file).read()), attempt(os.listdir, folder), attempt(write, file), attempt(make, folder + '/made'),
        attempt(os.mkdir, folder + '/folder'), attempt(os.symlink, 'x', folder + '/link'), attempt(os.mkfifo, folder + '/fifo'),
        attempt(os.link, file, folder + '/second') if name != 'inside' else None,
        attempt(os.remove, folder + '/made') if name == 'inside' else attempt(os.remove, file),
    ]
say(**answers)
""")  # fmt: skip
        assert said["inside"] == ["inside", ["file"], None, None, None, "EACCES", "EACCES", None, None], abi
        assert said["library"] == ["library", ["file"], *["EACCES"] * 7], abi
        assert said["outside"] == ["EACCES"] * 9, abi
        Path(folders["inside"], "folder").rmdir()


def test_what_is_open_already_stays_open(folders: dict[str, str]) -> None:
    """Which is why a worker closes its descriptors: a rule does not reach them."""
    said, _ = in_child(
        f"held = os.open({folders['outside']!r} + '/file', os.O_RDONLY)\n"
        + _RESTRICTED.format(abi=landlock.abi(), **folders)
        + "say(held=os.read(held, 99).decode())"
    )
    assert said == {"held": "outside"}


def test_a_restriction_is_never_taken_back(folders: dict[str, str]) -> None:
    """A second ruleset that grants more grants nothing."""
    said, _ = in_child(
        _RESTRICTED.format(abi=landlock.abi(), **folders)
        + f"more = attempt(landlock.open_rule, {folders['outside']!r}, writable=True)\n"
        "landlock.restrict([more], landlock.abi())\n"
        f"say(read=attempt(lambda: open({folders['outside']!r} + '/file').read()))"
    )
    assert said == {"read": "EACCES"}


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """Never a rule less than was planned."""
    with pytest.raises(FileNotFoundError):
        landlock.open_rule(str(tmp_path / "none"), writable=False)


def test_every_right_that_an_abi_knows_is_handled() -> None:
    """13 rights in ABI 1, one more with each of 2, 3 and 5; later ones add none of this kind."""
    assert [bin(landlock.handled_rights(abi)).count("1") for abi in range(1, 9)] == [13, 14, 15, 15, 16, 16, 16, 16]


def test_sockets_and_signals_are_handled_where_the_kernel_knows_them(folders: dict[str, str]) -> None:
    """TCP from ABI 4 on; abstract sockets and signals to others from ABI 6 on. Before, the filter alone refuses them."""
    said, _ = in_child(f"""
import socket, subprocess, time
server = socket.create_server(('127.0.0.1', 0))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind(b'\\0safe-codeact-test-%d' % os.getpid())
abstract.listen()
other = subprocess.Popen(['sleep', '100'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
keeper = os.fork()
if keeper == 0:
    {_RESTRICTED.format(abi=landlock.abi(), **folders).strip().replace(chr(10), "; ")}
    say(tcp=attempt(socket.create_connection, server.getsockname(), 1) in ('EACCES',),
        abstract=attempt(socket.socket(socket.AF_UNIX).connect, abstract.getsockname()),
        signal=attempt(os.kill, other.pid, 0))
    os._exit(0)
os.waitpid(keeper, 0)
other.kill()
other.wait()
os._exit(0)
""")
    abi = landlock.abi()
    assert said["tcp"] is (abi >= 4)
    # The socket and the process were made outside the domain.
    assert said["signal"] == ("EPERM" if abi >= 6 else None)
    assert said["abstract"] == ("EPERM" if abi >= 6 else None)


def test_what_an_old_abi_lets_through_the_filter_refuses(folders: dict[str, str]) -> None:
    """Before ABI 3 a file that may only be read can be emptied, by an open for reading and by name: the filter says no."""
    for abi in (1, 2):
        for with_filter, answers in ((False, [None, None]), (True, ["EACCES", "EPERM"])):
            file = Path(folders["library"], "file")
            file.write_text("library")
            said, _ = in_child(
                "import platform\nfrom safe_codeact.confine import protections, syscalls\n"
                "programs = protections.read_programs(syscalls.program_names('workspace', platform.machine()))\n"
                + _RESTRICTED.format(abi=abi, **folders)
                + f"for program in programs if {with_filter} else (): seccomp.install(program)\n"
                f"def empty(): os.close(os.open({str(file)!r}, os.O_RDONLY | os.O_TRUNC))\n"
                f"say(answers=[attempt(empty), attempt(os.truncate, {str(file)!r}, 0)])"
            )
            assert said["answers"] == answers, (abi, with_filter)
            assert (file.read_text() == "library") is with_filter
