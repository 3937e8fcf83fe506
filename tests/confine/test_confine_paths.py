"""What may be read besides the slot: the library and the packages that the policy names, never a whole site folder."""

from __future__ import annotations

from safe_codeact.confine.paths import Layout, layout, library_paths, package_paths

ENTRIES = [
    "os.py",
    "json",
    "lib-dynload",
    "site-packages",
    "dist-packages",
    "test",
    "idlelib",
    "config-3.11-x86_64-linux-gnu",
]


def test_a_library_with_no_packages_in_it_is_one_rule() -> None:
    """A virtual environment's packages lie elsewhere."""
    without = [entry for entry in ENTRIES if not entry.endswith("-packages")]
    assert library_paths("/usr/lib/python3.11", without, ["/venv/lib/python3.11/site-packages"]) == (
        "/usr/lib/python3.11",
    )


def test_the_packages_of_the_interpreter_below_a_virtual_environment_are_not_granted_with_the_library() -> None:
    granted = library_paths("/usr/lib/python3.11", ENTRIES, ["/venv/lib/python3.11/site-packages"])
    assert granted == tuple(f"/usr/lib/python3.11/{name}" for name in ("json", "lib-dynload", "os.py"))


def test_a_library_with_packages_in_it_is_granted_entry_by_entry() -> None:
    """Neither site folder is among them: an application may lie there."""
    for site in ("/usr/lib/python3.11/site-packages", "/usr/lib/python3.11/dist-packages", "/usr/lib/python3.11"):
        granted = library_paths("/usr/lib/python3.11", ENTRIES, [site])
        assert granted == tuple(f"/usr/lib/python3.11/{name}" for name in ("json", "lib-dynload", "os.py"))


def test_of_the_packages_only_those_that_were_loaded_are_granted() -> None:
    """By their top-level entry, a single file as much as a folder; what lies outside the site folders is not a package."""
    loaded = {
        "numpy": "/s/numpy/__init__.py",
        "numpy.linalg": "/s/numpy/linalg/__init__.py",
        "six": "/s/six.py",
        "_cffi_backend": "/s/_cffi_backend.cpython-311-x86_64-linux-gnu.so",
        "json": "/usr/lib/python3.11/json/__init__.py",
        "application": "/srv/application/__init__.py",
    }
    assert package_paths(loaded, ["/s"]) == (
        "/s/_cffi_backend.cpython-311-x86_64-linux-gnu.so",
        "/s/numpy",
        "/s/six.py",
    )


def test_a_finder_of_an_editable_install_grants_nothing() -> None:
    """Its module is loaded under another name than its file's, and what it finds lies elsewhere."""
    assert package_paths({"__editable___application_1_0_finder": "/s/__editable__application.py"}, ["/s"]) == ()


def test_a_site_folder_itself_is_never_granted() -> None:
    """Not even for a module whose file is said to be the folder."""
    assert package_paths({"s": "/s"}, ["/s"]) == ()


# ---- a root of their own


def test_what_lies_below_a_mount_is_not_mounted_again() -> None:
    """The order does not matter; a name that only begins alike is another one."""
    paths = ["/s/numpy/core", "/usr/lib/python3", "/s/numpy", "/s/numpy.libs", "/s/numpy/core"]
    assert layout({path: path for path in paths}).mounts == ("/s/numpy", "/s/numpy.libs", "/usr/lib/python3")


def test_a_path_with_a_link_in_it_is_there_by_both_names() -> None:
    """What it stands for is mounted, and the name leads there; below another link one name is enough."""
    wanted = {
        "/lib/python3": "/usr/lib/python3",
        "/lib/python3/json": "/usr/lib/python3/json",
        "/srv/data": "/mnt/disk/data",
    }
    assert layout(wanted) == Layout(
        ("/mnt/disk/data", "/usr/lib/python3"), (("/lib/python3", "/usr/lib/python3"), ("/srv/data", "/mnt/disk/data"))
    )


def test_a_link_inside_a_mount_comes_with_it() -> None:
    """Only where it leads is mounted besides."""
    assert layout({"/srv": "/srv", "/srv/link": "/elsewhere"}) == Layout(("/elsewhere", "/srv"), ())


def test_a_library_in_two_hundred_pieces_is_laid_out_at_once() -> None:
    """Each piece its own mount, as it is its own rule."""
    pieces = {f"/usr/lib/python3/{name}": f"/usr/lib/python3/{name}" for name in range(2000)}
    assert len(layout(pieces).mounts) == 2000
