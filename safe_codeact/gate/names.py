"""Names: which attribute may be read, written or defined, and how private ones are kept apart from a library's.

Threat: `x._name` reaches what a library's author kept to himself (`random._os`, `catch_warnings()._module`), also from
a subclass that the action writes, so "is it my own class" asked at run time is no answer, and costs 3.6 times on
`self._n`.
What we do: in the action's own code every attribute `_name` is compiled as `_name` followed by `MARKER`, a character
that no source may contain. The action's private attributes live under names that no library uses, and a library's private
attributes have no spelling in the action. It costs nothing at run time; `guest.guards` translates where names are text.
What still gets through: the public underscore interfaces of `UNRENAMED`, and text that shows the marker until the
streams take it out (`plain_text`).
"""

from __future__ import annotations

from enum import Enum

# KHITAN SMALL SCRIPT FILLER: it may stand in an identifier (`__slots__` and generated code insist on that), is
# printable (so `repr` of a message does not escape it), is its own NFKC form, and is in no text but studies of that script.
MARKER = "\U00016fe4"
OWN = f"_abc_{MARKER}own"  # set on every class that an action defines; `typing.Protocol` passes `_abc_` names by
ECHO = MARKER + "echo"  # the global that holds the last expression's value while an action runs
FUTURE = MARKER + "future"  # the global to which `from __future__ import annotations` binds, until the action ends
GUARD = MARKER + "guard:"  # the prefix of the guards' names in the builtins

_ESCAPED = ("\\U00016fe4", "\\ud81b\\udfe4")  # as ascii() and json.dumps() write it


def words(text: str) -> frozenset[str]:
    """A table of names, written as text."""
    return frozenset(text.split())


class Stance(Enum):
    """What happens to an attribute name in the action's source."""

    OPEN = "open"  # compiled as it stands
    PRIVATE = "private"  # compiled with the marker
    GUARDED = "guarded"  # compiled as a call of a guard
    REFUSED = "refused"


UNRENAMED: frozenset[str] = (
    # namedtuple's and Enum's documented interfaces, and the display hooks that notebooks call
    words(
        "_asdict _replace _fields _make _field_defaults _missing_ _generate_next_value_ _value_ _name_ _ignore_ "
        "_order_ _add_alias_ _add_value_alias_ _repr_html_ _repr_png_ _repr_svg_ _repr_latex_ _repr_json_ "
        "_repr_markdown_ _repr_mimebundle_ _repr_pretty_ _ipython_display_"
    )
)

_OPERATORS = frozenset(
    f"__{name}__"
    for name in words(
        "lt le eq ne gt ge hash bool len length_hint getitem setitem delitem missing iter reversed contains next "
        "call add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or neg pos abs invert "
        "complex int float index round trunc floor ceil radd rsub rmul rmatmul rtruediv rfloordiv rmod rdivmod "
        "rpow rlshift rrshift rand rxor ror iadd isub imul imatmul itruediv ifloordiv imod ipow ilshift irshift "
        "iand ixor ior enter exit aenter aexit await aiter anext str repr bytes format sizeof fspath get set "
        "delete set_name init init_subclass subclasshook class_getitem instancecheck subclasscheck post_init copy "
        "deepcopy replace"
    )
)

# Definable in a class body (or assigned to a class): the data model, without the hooks by which C code is told where an
# object's memory is (`__array_interface__`, `__buffer__`) or how to build another object (`__reduce__`).
DEFINABLE: frozenset[str] = _OPERATORS | words(
    "__new__ __del__ __dir__ __getattr__ __getattribute__ __setattr__ __delattr__ __slots__ __match_args__ "
    "__prepare__ __mro_entries__ __doc__ __module__ __qualname__ __annotations__ __version__ __author__ "
    "__all__ __name__ __array_priority__ __array_ufunc__ __array_function__ __array__ __hash__ "
    "__abstractmethods__ __test__ __type_params__ __firstlineno__ __static_attributes__ __orig_bases__ "
    "__classdict__ __classcell__"
)

# What C code asks a class for and believes: where an object's memory is, how to build it again. However a class came
# by one of these, it is not an action's to have.
BELIEVED: frozenset[str] = words(
    "__array_interface__ __array_struct__ __cuda_array_interface__ __dlpack__ __buffer__ __release_buffer__ "
    "__reduce__ __reduce_ex__ __getstate__ __setstate__ __class__"
)

# Readable on any object: operators, and what describes an object without handing over what it is made of.
_READABLE: frozenset[str] = _OPERATORS | words(
    "__name__ __qualname__ __doc__ __module__ __class__ __annotations__ __version__ __author__ __all__ "
    "__cause__ __context__ __suppress_context__ __notes__ __members__ "
    "__dataclass_params__ __args__ __parameters__ __metadata__ __type_params__ __value__ __bound__ "
    "__constraints__ __covariant__ __contravariant__ __default__ __total__ __required_keys__ "
    "__optional_keys__ __abstractmethods__ __isabstractmethod__ __supertype__ __array_priority__ __file__ "
    "__date__ __license__ __email__ __credits__ __del__"
)

# Compiled as a guard call: the guard looks at the object, because the name alone does not decide.
GUARDED: frozenset[str] = words(
    "__dict__ __new__ __slots__ __match_args__ __getattribute__ __getattr__ __setattr__ __delattr__ __dir__ "
    "__class__ __call__ __origin__ __dataclass_fields__ format format_map obj"
)

WRITABLE: frozenset[str] = (
    _OPERATORS - words("__set_name__ __class_getitem__ __subclasshook__ __subclasscheck__")
) | words(
    "__name__ __qualname__ __doc__ __annotations__ __cause__ __context__ __suppress_context__ __notes__ "
    "__wrapped__ __signature__ __version__ __author__ __module__"
)
GUARDED_WRITES: frozenset[str] = frozenset({"__dict__", "__class__"})

# From a live generator, coroutine, traceback, frame or code object to the globals and the code behind it.
FRAME_NAMES: frozenset[str] = words(
    "gi_frame gi_code gi_yieldfrom cr_frame cr_code cr_await cr_origin ag_frame ag_code ag_await tb_frame "
    "tb_next tb_lasti f_back f_builtins f_code f_globals f_locals f_trace f_trace_lines f_trace_opcodes "
    "f_lasti f_generator co_code co_consts co_names co_varnames co_freevars co_cellvars co_filename co_lines "
    "co_linetable co_lnotab co_positions co_exceptiontable co_qualname co_flags co_stacksize co_nlocals "
    "co_argcount co_firstlineno with_traceback __traceback__"
)

# Public names that hand over what an object or a class is made of.
INTERNAL_NAMES: frozenset[str] = frozenset({"mro"})

# Variables that the import system and the compiler own; `__name__` may be read.
FORBIDDEN_VARIABLES: frozenset[str] = words(
    "__builtins__ __import__ __build_class__ __loader__ __spec__ __package__ __path__ __cached__ __classdict__"
)
FORBIDDEN_BINDINGS: frozenset[str] = FORBIDDEN_VARIABLES | {"__name__", "__debug__", "__class__"}


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def is_private(name: str) -> bool:
    """Whether an attribute of this name is renamed: an underscore first, and neither dunder nor documented.

    `_0`, `_1` are documented too: namedtuple's names for fields that have none (`rename=True`).
    """
    if not name.startswith("_") or name in UNRENAMED:
        return False
    return not (name.startswith("__") and name.endswith("__")) and not name[1:].isdecimal()


def mark(name: str) -> str:
    """The compiled spelling of an attribute name."""
    return name + MARKER if is_private(name) else name


def unmark(name: str) -> str:
    """The action's spelling of a compiled attribute name."""
    return name[:-1] if name.endswith(MARKER) else name


def plain_text(text: str) -> str:
    """The text as CPython would have written it: for the output streams, values and error reports."""
    if MARKER in text:
        text = text.replace(MARKER, "")
    for escaped in _ESCAPED:
        if escaped in text:
            text = text.replace(escaped, "")
    return text


def reading(name: str) -> Stance:
    """May `x.<name>` be read?"""
    if name in GUARDED:
        return Stance.GUARDED
    if not name.startswith("_"):
        return Stance.REFUSED if name in FRAME_NAMES or name in INTERNAL_NAMES else Stance.OPEN
    if is_dunder(name):
        return Stance.OPEN if name in _READABLE else Stance.REFUSED
    return Stance.PRIVATE if is_private(name) else Stance.OPEN


def writing(name: str) -> Stance:
    """May `x.<name>` be assigned or deleted?"""
    if not name.startswith("_"):
        return Stance.REFUSED if name in FRAME_NAMES or name in INTERNAL_NAMES else Stance.OPEN
    if is_dunder(name):
        if name in GUARDED_WRITES:
            return Stance.GUARDED
        return Stance.OPEN if name in WRITABLE else Stance.REFUSED
    return Stance.PRIVATE if is_private(name) else Stance.OPEN
