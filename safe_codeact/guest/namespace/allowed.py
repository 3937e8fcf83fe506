"""What a snapshot may name outside itself, each with its reason; anything else is refused, saving and loading.

A name in a pickle stream is a callable that the stream may call with any arguments, so an entry must be harmless under
any arguments to whoever could already run gated code. That rules out every door to attribute access by string
(`getattr`, `operator.attrgetter`, `operator.methodcaller`), to import by string (`numpy._core._ufunc_reconstruct`), to
files and to code (`eval`, `types.FunctionType`, `type`).
"""

from __future__ import annotations

# Functions that reductions of the standard library and of the scientific packages call. module → names.
RECONSTRUCTORS: dict[str, frozenset[str]] = {
    "copyreg": frozenset({"__newobj__", "__newobj_ex__", "_reconstructor"}),  # object.__reduce_ex__; need a class
    "builtins": frozenset({"iter"}),  # list, dict and range iterators
    "re": frozenset({"_compile"}),  # compiled patterns
    "dataclasses": frozenset({"_dataclass_getstate", "_dataclass_setstate", "_replace"}),  # methods of slotted ones
    "functools": frozenset(  # what total_ordering puts into a class
        f"_{have}_from_{given}" for have in ("lt", "le", "gt", "ge") for given in ("lt", "le", "gt", "ge")
    ),
    "typing": frozenset({"_no_init_or_replace_init", "_unpickle_any"}),  # what Protocol puts into a class
    "enum": frozenset({"_or_", "_and_", "_xor_", "_invert_"}),
    "numpy._core.multiarray": frozenset({"_reconstruct", "scalar"}),
    "numpy._core.numeric": frozenset({"_frombuffer"}),
    "numpy.ma.core": frozenset({"_mareconstruct"}),
    "numpy.random._pickle": frozenset({"__generator_ctor", "__randomstate_ctor", "__bit_generator_ctor"}),
    "pandas.core.indexes.base": frozenset({"_new_Index"}),
    "pandas.core.indexes.datetimes": frozenset({"_new_DatetimeIndex"}),
    "pandas.core.indexes.period": frozenset({"_new_PeriodIndex"}),
    "pandas._libs.internals": frozenset({"_unpickle_block", "__pyx_unpickle_BlockPlacement"}),
    "pandas._libs.arrays": frozenset({"__pyx_unpickle_NDArrayBacked"}),
    "pandas._libs.tslibs.timestamps": frozenset({"_unpickle_timestamp"}),
    "pandas._libs.tslibs.timedeltas": frozenset({"_timedelta_unpickle"}),
    "pandas._libs.tslibs.nattype": frozenset({"_nat_unpickle", "__nat_unpickle"}),
    "pandas._libs.tslibs.period": frozenset({"_unpickle_period"}),
    "pandas._libs.tslibs.offsets": frozenset({"__pyx_unpickle_BaseOffset", "__pyx_unpickle_Tick", "_get_offset"}),
    "pytz": frozenset({"_p", "_UTC"}),  # time zones, by name
    # Figures: axes made from a projection, and the callbacks that every figure registers.
    "matplotlib.cbook": frozenset({"_picklable_class_constructor", "_exception_printer"}),
    "matplotlib.colorbar": frozenset({"_remove_cbar_axes"}),
    "matplotlib.backend_bases": frozenset({"_mouse_handler", "_key_handler"}),
    "pandas.plotting._matplotlib.timeseries": frozenset({"_format_coord", "format_dateaxis"}),
    "pandas.plotting._matplotlib.converter": frozenset({f"_{each}_finder" for each in ("daily", "monthly")})
    | frozenset({"_quarterly_finder", "_annual_finder"}),
}

# Standard-library modules whose classes are data or pure. Classes of other modules need `Known.allows`.
CLASS_MODULES: frozenset[str] = frozenset(
    {
        "_collections_abc",
        "_random",
        "abc",
        "array",
        "calendar",
        "collections",
        "collections.abc",
        "csv",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "fractions",
        "functools",
        "graphlib",
        "ipaddress",
        "itertools",
        "json.decoder",
        "json.encoder",
        "numbers",
        "pathlib",
        "pathlib._local",
        "random",
        "re",
        "statistics",
        "string",
        "string.templatelib",
        "textwrap",
        "time",
        "typing",
        "uuid",
        "zoneinfo",
    }
)

# Iterators over builtin containers: their reduction is `iter(container)` and a position.
ITERATORS: frozenset[str] = frozenset(
    {
        "bytearray_iterator",
        "bytes_iterator",
        "callable_iterator",
        "dict_itemiterator",
        "dict_keyiterator",
        "dict_valueiterator",
        "list_iterator",
        "list_reverseiterator",
        "longrange_iterator",
        "range_iterator",
        "set_iterator",
        "str_ascii_iterator",
        "str_iterator",
        "tuple_iterator",
    }
)

# Single classes: from modules of which the rest must stay out.
CLASSES: dict[str, frozenset[str]] = {
    "builtins": frozenset({"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list"})
    | frozenset({"object", "range", "set", "slice", "str", "tuple"})
    | frozenset({"enumerate", "filter", "map", "reversed", "zip"})  # iterators
    | frozenset({"classmethod", "property", "staticmethod", "super"}),  # what class bodies hold
    "operator": frozenset({"itemgetter"}),  # not attrgetter, not methodcaller: attribute access by string
    "types": frozenset({"SimpleNamespace", "GenericAlias", "DynamicClassAttribute"}),
    "_io": frozenset({"StringIO", "BytesIO"}),  # memory, not files
    "io": frozenset({"StringIO", "BytesIO"}),
    "safe_codeact.guest.records": frozenset({"Record"}),  # a dict with attributes: what tools give
    "dateutil.relativedelta": frozenset({"relativedelta"}),
    "dateutil._common": frozenset({"weekday"}),
    "dateutil.tz.tz": frozenset({"tzutc", "tzoffset"}),
    "pytz.tzfile": frozenset({"DstTzInfo", "StaticTzInfo"}),
}

# Classes of granted packages that reach files, processes, raw memory or import by string when they are called.
DENIED_CLASSES: frozenset[str] = frozenset(
    {
        "numpy.memmap",
        "numpy._core.memmap.memmap",
        "numpy.core.memmap.memmap",
        "pandas.HDFStore",
        "pandas.ExcelFile",
        "pandas.ExcelWriter",
        "scipy.LowLevelCallable",
        "scipy._lib._ccallback.LowLevelCallable",
        "scipy.io.FortranFile",
        "scipy.io._fortran.FortranFile",
        "scipy.io.netcdf_file",
        "scipy.io._netcdf.netcdf_file",
    }
)
DENIED_PREFIXES: tuple[str, ...] = (
    "matplotlib.animation",
    "matplotlib.backends",
    "matplotlib.testing",
    "numpy._pytesttester",
    "numpy.ctypeslib",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.lib._datasource",
    "numpy.lib._npyio_impl",
    "numpy.lib.npyio",
    "numpy.testing",
    "pandas._testing",
    "pandas.io",
    "sympy.plotting",
    "sympy.printing.preview",
    "sympy.testing",
    "sympy.utilities",
)

# Objects of which there is one, compared with `is` by their library. module → attribute names.
SINGLETONS: dict[str, tuple[str, ...]] = {
    "builtins": ("Ellipsis", "NotImplemented"),
    "dataclasses": ("MISSING", "KW_ONLY", "_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR", "_HAS_DEFAULT_FACTORY"),
    "types": ("NoneType", "EllipsisType", "NotImplementedType"),
    "typing": (
        *("Any", "NoReturn", "Never", "Self", "ClassVar", "Final", "Optional", "Union", "Literal", "Generic"),
        *("Protocol", "Callable", "Type", "Tuple", "List", "Dict", "Set", "FrozenSet", "Iterable", "Iterator"),
        *("Sequence", "Mapping", "MutableMapping", "Annotated", "Concatenate", "TypeAlias", "LiteralString"),
        *("Hashable", "Sized", "Collection", "Generator", "Awaitable", "Coroutine", "AsyncIterator", "AnyStr"),
        *("DefaultDict", "OrderedDict", "Counter", "Deque", "Container", "Reversible", "MutableSequence"),
        *("NotRequired", "Required", "Unpack", "TypeGuard", "AsyncIterable"),
    ),
    "numpy": ("_NoValue",),
    "pandas": ("NaT", "NA"),
    "datetime": ("UTC",),
}

# Library functions with a closure of the session's own functions: their globals are their module's, by name.
# Only decorators and class makers of the standard library; their code is kept with the closure.
CLOSURE_MODULES: frozenset[str] = frozenset(
    {"abc", "collections", "contextlib", "dataclasses", "enum", "functools", "reprlib", "typing"}
)

# What code generated by dataclasses and namedtuple uses beyond its closure.
GENERATED_BUILTINS: tuple[str, ...] = (
    *("AttributeError", "NotImplemented", "TypeError", "ValueError"),
    *("hash", "isinstance", "len", "object", "repr", "super", "tuple", "type"),
)
