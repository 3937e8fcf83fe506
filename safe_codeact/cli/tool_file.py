"""`--tools FILE.py`: the functions that a file of the user's marks with `@tool`. It is the user's code, and runs as such."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safe_codeact.cli.sources import UnusableInput

_MARK = "__safe_codeact_tool__"  # what the decorator leaves


def load_tools(path: Path | None) -> list[Callable[..., Any]]:
    """In the order of the file; none without one. Raises `UnusableInput`."""
    if path is None:
        return []
    spec = importlib.util.spec_from_file_location("safe_codeact_tools", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise UnusableInput(f"--tools {path}: expected a file of Python (.py) that is there.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and annotations look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UnusableInput(f"--tools {path}: {type(error).__name__}: {error}") from None
    found = [value for value in vars(module).values() if callable(value) and hasattr(value, _MARK)]
    if not found:
        raise UnusableInput(f"--tools {path}: has no function marked with @tool (from safe_codeact import tool).")
    return found
