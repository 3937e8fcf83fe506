"""A user's tools by "module:attribute", as the command line and the pytest plug-in name them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from safe_codeact.errors import SafeCodeActError


class UnusableTools(SafeCodeActError):
    """A name that leads to no tools; the message says what was expected."""


def load(named: str) -> tuple[Callable[..., Any], ...]:
    """The functions of "module:attribute": one, or a list of them; "" is none. Raises `UnusableTools`.

    The module is imported: it is the operator's, and a finding's file is never asked for one.
    """
    if not named:
        return ()
    module, colon, attribute = named.partition(":")
    if not (module and colon and attribute):
        raise UnusableTools(f"tools {named!r}: expected a module and a name in it, such as mypackage.tools:TOOLS")
    sys.path.insert(0, "")  # the folder that the command is run in, as `python -m` has it
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UnusableTools(f"tools {named!r}: {error}") from None
    finally:
        sys.path.remove("")
    tools = (found,) if callable(found) else tuple(found) if isinstance(found, list | tuple) else ()
    if not tools or not all(callable(tool) for tool in tools):
        raise UnusableTools(f"tools {named!r}: expected a function or a list of functions, got {type(found).__name__}")
    return tools
