"""A package that is installed and not opened to this worker is not there: libraries ask for optional ones as they go.

What does not work: leaving it to the kernel. `import zstandard` inside pandas finds the folder, may not read it, and raises
`PermissionError`, where every library that tries an import expects `ImportError`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from safe_codeact.guest.audit import Reach


class Unopened:
    """A finder that finds nothing, and says so where the next one would find what nobody may read."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises `ModuleNotFoundError`."""
        if name in sys.builtin_module_names:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.origin is not None and not self._may_read(spec.origin):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

    def _may_read(self, file: str) -> bool:
        return file in self._reach.exactly or file.startswith(self._reach.beneath)


def install(reach: Reach) -> None:
    """From here on, for the rest of this process."""
    sys.meta_path.insert(0, Unopened(reach))  # type: ignore[arg-type]  # the protocol wants more than the machinery
