"""Which readable paths hold what nobody means to show. A grant of a folder grants all below it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

# Folders of the system, and what lies in them.
SYSTEM: Final[Mapping[str, str]] = {
    "/etc": "password hashes, keys of services and the machine's configuration",
    "/proc": "other processes: their arguments, environments and memory maps",
    "/sys": "the kernel's view of the machine",
    "/dev": "devices, terminals and shared memory",
    "/run": "sockets and secrets of services; Kubernetes and Docker mount theirs here",
    "/var/run": "sockets and secrets of services",
    "/var/log": "what everybody else did, with their addresses and sometimes their passwords",
    "/var/lib": "the data of databases and services",
    "/var/spool": "mail and print jobs",
    "/boot": "the kernel, and its addresses",
    "/tmp": "files of every user of the machine",  # noqa: S108 - a path to warn of
    "/var/tmp": "files of every user of the machine",  # noqa: S108 - as above
}
HOMES: Final = ("/home", "/root", "/Users", "/var/root")
# Wide: folders directly below `/` that hold whatever was put there.
_ONE_STEP = re.compile(r"/[^/]+")
_SECRET_PARTS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\.ssh|id_(rsa|dsa|ecdsa|ed25519)"), "private keys of SSH"),
    (re.compile(r"\.(aws|azure|gcloud|oci|kube|docker|config)"), "credentials of cloud accounts and tools"),
    (re.compile(r"\.env(\..+)?|.+\.env"), "the secrets of an application"),
    (re.compile(r"\.(netrc|pgpass|my\.cnf|npmrc|pypirc|git-credentials|htpasswd|vault-token)"), "passwords in plain text"),
    (re.compile(r"\.gnupg|.+\.(pem|key|p12|pfx|jks|keystore|kdbx|ovpn)"), "private keys"),
    (re.compile(r"\.git|\.hg|\.svn"), "the history of a project, with all that was ever committed"),
    (re.compile(r"(?i)(.*[_-])?(secrets?|credentials?|passwords?|passwd|shadow|tokens?)(\..+)?"), "secrets, as its name says"),
)  # fmt: skip
_CODE_PARTS: Final = re.compile(r"site-packages|dist-packages|\.?venv|node_modules|src|app")


def is_below(path: str, folder: str) -> bool:
    """Whether a grant of `folder` grants `path`."""
    return path == folder or folder == "/" or path.startswith(f"{folder}/")


def secret_in(path: str) -> str | None:
    """What a part of the path gives away, or None."""
    for part in path.split("/"):
        for pattern, what in _SECRET_PARTS:
            if pattern.fullmatch(part):
                return what
    return None


def is_home(path: str) -> bool:
    """A folder of homes, or one user's whole home. What lies deeper is judged by its own name."""
    return any(path == home or (is_below(path, home) and path.count("/") <= home.count("/") + 1) for home in HOMES)


def is_wide(path: str) -> bool:
    return _ONE_STEP.fullmatch(path) is not None


def holds_code(path: str) -> bool:
    return any(_CODE_PARTS.fullmatch(part) for part in path.split("/"))
