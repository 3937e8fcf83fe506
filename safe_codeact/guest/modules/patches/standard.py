"""The standard library's own evaluators: annotations that are text, generated classes, format templates, event loops."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import enum
import functools
import inspect
import logging
import shutil
import typing
from builtins import compile as real_compile
from builtins import eval as real_eval
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from safe_codeact.guest.guards import install, library
from safe_codeact.guest.modules.attributes import field_names, format_text
from safe_codeact.guest.modules.event_loop import ActionLoopPolicy
from safe_codeact.guest.modules.patches.expressions import checked, harmless_builtins
from safe_codeact.guest.waiting import all_names


def patch_string() -> None:
    """`string.Formatter` and dataclass creation, which `guest.guards` exchanges."""
    install()


def patch_dataclasses() -> None:
    """Field names are pasted into source. They come from annotations, and from the fields of base classes, both of which
    an action can change after they were made.
    """
    install()
    original = library._original_process_class

    def _process_class(cls: type, *args: Any, **kwargs: Any) -> type:
        own = cls.__dict__.get("__annotations__")  # noqa: RUF063  # what is there, whoever put it there
        if own is not None and type(own) is not dict:  # a subclass of dict could list other names the second time
            own = cls.__annotations__ = dict(own)
        for name in own or ():
            if type(name) is not str or not name.isidentifier():
                raise TypeError(f"Field names must be valid identifiers: {name!r}")
        for base in cls.__mro__[1:]:
            for name, field in list(base.__dict__.get("__dataclass_fields__", {}).items()):
                if type(field) is not dataclasses.Field or type(field.name) is not str or field.name != name:
                    raise TypeError(f"the field {name!r} of {base.__name__} was changed; write a new class")
        return original(cls, *args, **kwargs)  # type: ignore[no-any-return]

    library._original_process_class = _process_class  # beneath the guard's own, which stays what dataclasses calls


def patch_asyncio() -> None:
    """Loops without sockets, for whoever asks for one."""
    asyncio.set_event_loop_policy(ActionLoopPolicy())


def patch_shutil() -> None:
    """A worker may change neither modes nor times, which Landlock has no right for: copying goes on without them."""

    def tolerant(copy: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(copy)
        def copy_what_may_be(*args: Any, **kwargs: Any) -> None:
            with contextlib.suppress(PermissionError):
                copy(*args, **kwargs)

        return copy_what_may_be

    shutil.copymode, shutil.copystat = tolerant(shutil.copymode), tolerant(shutil.copystat)


def patch_logging() -> None:
    """`logging.Formatter("{...}", style="{")` walks attributes of whatever was logged."""

    def _format(self: Any, record: logging.LogRecord) -> str:
        values = (self._defaults or {}) | record.__dict__
        return format_text(self._fmt, **values)

    logging.StrFormatStyle._format = _format  # type: ignore[attr-defined]


def patch_enum() -> None:
    """`Enum("E", {...})` makes a class of a dictionary's names."""
    original = enum.EnumType._create_

    def _create_(cls: Any, class_name: Any, names: Any, **options: Any) -> Any:
        if not isinstance(names, str):
            names = list(names.items() if isinstance(names, Mapping) else names)
            field_names(each if isinstance(each, str) else tuple(each)[0] for each in names)
        else:
            field_names(names.replace(",", " ").split())
        return original(cls, class_name, names, **options)

    enum.EnumType._create_ = _create_  # type: ignore[method-assign]


def patch_inspect() -> None:
    """`Signature.from_callable(f, eval_str=True)` evaluates annotations in the globals of the module that `f` names."""

    def gated_eval(source: Any, globals: Any = None, locals: Any = None) -> Any:
        # SAFETY: the text is an expression of the allowlist, with no builtin but the harmless ones.
        tree = checked(source, "inspect")
        return real_eval(
            real_compile(tree, "<annotation>", "eval"), {**(globals or {}), "__builtins__": harmless_builtins()}, locals
        )

    inspect.eval = gated_eval  # type: ignore[attr-defined]


def patch_typing() -> None:
    """Forward references: text that `get_type_hints` and `functools.singledispatch` evaluate."""

    def gated_compile(source: str, filename: str, mode: str, *args: Any, **kwargs: Any) -> CodeType:
        # No builtin is refused by name: annotations are evaluated with the builtins of whoever wrote them.
        checked(source, "typing", names=())
        return real_compile(source, filename, mode, *args, **kwargs)  # type: ignore[no-any-return]

    def gated_eval(code: CodeType, globals: Any = None, locals: Any = None) -> Any:
        all_names()
        if (
            globals is not None and "__builtins__" not in globals
        ):  # else CPython would put this module's in: the real ones
            globals = {**globals, "__builtins__": harmless_builtins()}
        # SAFETY: `code` is what `gated_compile` let through.
        return real_eval(code, globals, locals)

    original = typing.ForwardRef.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.__forward_module__ = None  # a module's name would have the text evaluated among that module's own imports

    typing.compile = gated_compile  # type: ignore[attr-defined]
    typing.eval = gated_eval  # type: ignore[attr-defined]
    typing.ForwardRef.__init__ = __init__  # type: ignore[method-assign]
