"""What the zygote imports before the first fork, and uses once for all its workers.

A worker can map no executable memory, so an extension that is loaded at first use would fail in there; it may read only
the packages that its zygote has loaded; and what a library works out at first use is worked out once. What each package
loads late is data (`LAZY`); what it works out late is a short program per package (`guest.warming`).
"""

from __future__ import annotations

import codecs
import contextlib
import importlib
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from safe_codeact.guest import warming
from safe_codeact.guest.modules.patches import apply_patches
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.parts import ALIASES, importable

# Allowed package → what its functions import when they are first called, or what others import of it.
LAZY: dict[str, str] = {
    "asyncio": "asyncio.base_events asyncio.runners concurrent.futures concurrent.futures.thread contextvars",
    "csv": "_csv",
    "datetime": "_strptime _datetime",
    "decimal": "_decimal",
    "hashlib": "_hashlib _blake2 _sha3 _md5 _sha1 _sha2 _sha256 _sha512",
    "json": "_json",
    "time": "_strptime",
    "zoneinfo": "zoneinfo._tzpath zoneinfo._common _zoneinfo importlib.resources tzdata tzdata.zoneinfo",
    "numpy": "numpy.lib.stride_tricks numpy._core._internal numpy._core._methods numpy._core._dtype_ctypes "
    "numpy.random.bit_generator numpy.lib._datasource numpy.lib._format_impl numpy.lib._npyio_impl secrets",
    "pandas": "pandas.io.formats.format pandas.io.formats.style pandas.io.formats.string pandas.io.formats.html "
    "pandas.io.formats.csvs pandas.io.formats.info pandas.io.formats.xml pandas.io.json pandas.io.parsers "
    "pandas.io.parsers.c_parser_wrapper pandas.io.parsers.python_parser pandas.io.excel pandas.io.pickle "
    "pandas.plotting._matplotlib pandas.core.computation.eval pandas.core.computation.expressions "
    "pandas.core.computation.engines pandas.core.reshape.pivot pandas.core.reshape.merge pandas.core.window "
    "pandas.core.resample pandas.core.methods.describe pandas.core.methods.to_dict pandas.core.interchange.from_dataframe "
    "pandas.tseries.frequencies pandas.tseries.holiday pandas.core._numba.executor "
    "dateutil.parser dateutil.tz dateutil.relativedelta dateutil.rrule dateutil.easter zoneinfo tzdata tzdata.zoneinfo "
    "openpyxl openpyxl.cell._writer xlsxwriter tabulate jinja2 pytz",
    "matplotlib": "matplotlib.backends.backend_agg matplotlib.backends.backend_svg matplotlib.backends.backend_pdf "
    "matplotlib.backends.backend_mixed matplotlib.pyplot matplotlib.projections.polar matplotlib.mathtext "
    "matplotlib._mathtext matplotlib.colorbar matplotlib.table matplotlib.sankey matplotlib.tri matplotlib.tri._triinterpolate "
    "matplotlib.quiver matplotlib.streamplot matplotlib.patheffects matplotlib.offsetbox matplotlib.legend "
    "matplotlib.category matplotlib.image mpl_toolkits.mplot3d mpl_toolkits.axes_grid1 mpl_toolkits.axes_grid1.inset_locator "
    "PIL.Image PIL.PngImagePlugin PIL.JpegImagePlugin PIL.ImageOps contourpy kiwisolver",
    "mpl_toolkits": "mpl_toolkits.mplot3d.art3d mpl_toolkits.mplot3d.axes3d",
    "scipy": "scipy.sparse scipy.linalg scipy.special scipy._lib.messagestream",
    "scipy.stats": "scipy.stats._distn_infrastructure scipy.stats._multivariate scipy.stats._qmc scipy.stats._sobol "
    "scipy.stats._stats_py scipy.stats._resampling",
    "scipy.optimize": "scipy.optimize._milp scipy.optimize._highspy scipy.optimize._linprog scipy.optimize._shgo "
    "scipy.optimize._differentialevolution scipy.optimize._dual_annealing scipy.optimize._trustregion_constr",
    "scipy.sparse": "scipy.sparse.linalg scipy.sparse.csgraph",
    "scipy.sparse.linalg": "scipy.sparse.linalg._eigen.arpack scipy.sparse.linalg._dsolve",
    "scipy.spatial": "scipy.spatial._qhull scipy.spatial._ckdtree scipy.spatial.transform",
    "sympy": "sympy.printing.str sympy.printing.pretty sympy.printing.latex sympy.printing.numpy sympy.printing.pycode "
    "sympy.parsing.sympy_parser sympy.parsing.ast_parser sympy.utilities.lambdify sympy.utilities.magic "
    "sympy.plotting.experimental_lambdify sympy.plotting.backends.matplotlibbackend sympy.core.random mpmath "
    "mpmath.identification",
    "sklearn": "joblib threadpoolctl sklearn.utils sklearn.externals",
    "statsmodels": "patsy patsy.eval statsmodels.iolib.smpickle statsmodels.iolib.summary statsmodels.regression.linear_model "
    "statsmodels.graphics.regressionplots",
    "seaborn": "seaborn.categorical seaborn.regression seaborn.relational seaborn.distributions seaborn.matrix",
}

# What any action may reach through the interpreter itself.
ALWAYS = (
    "_strptime _bisect _heapq _random _statistics _struct _contextvars _queue _opcode _typing array zlib bz2 lzma "
    "_bz2 _lzma binascii select unicodedata stringprep traceback linecache tokenize textwrap difflib asyncio "
    "locale pprint mmap resource keyword reprlib contextlib dataclasses enum inspect logging string typing "
    "weakref copyreg fnmatch ntpath _pyio"
)

# Text encodings that a file may be opened with. Some are extensions of their own.
ENCODINGS = (
    "ascii latin-1 utf-8 utf-8-sig utf-16 utf-16-le utf-16-be utf-32 utf-7 idna punycode unicode-escape raw- "
    "unicode-escape cp437 cp850 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 iso8859-2 iso8859-5 "
    "iso8859-7 iso8859-9 iso8859-15 koi8-r mac-roman gbk gb2312 gb18030 big5 shift-jis cp932 euc-jp iso2022-jp "
    "euc-kr cp949 base64 hex rot13 zlib bz2 quopri"
)


def preload_names(policy: Policy) -> tuple[str, ...]:
    """Every module that the zygote tries to import for this policy, in order, each once."""
    wanted = [rule.module for rule in policy.language.imports]
    names = [*ALWAYS.split(), *expanded(wanted)]
    if policy.language.interpreter == "expression":
        names.append("safe_codeact.guest.interpreters.expression")
    if not policy.language.restricted:
        names += _standard_library()
    return tuple(dict.fromkeys(names))


def expanded(modules: Iterable[str]) -> list[str]:
    """The modules with their parts, and with what they and their packages load late."""
    names: list[str] = []
    for module in modules:
        names.append(module)
        names += sorted(ALIASES.get(part, part) for part in importable([module]) - {module})
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            names += LAZY.get(".".join(parts[:depth]), "").split()
    return names


def _standard_library() -> list[str]:
    """Importing is allowed where nothing is restricted: every extension, and what people import from the library."""
    # Found as the import system finds them: sysconfig names the virtual environment's folder, where there are none.
    folders = [Path(entry) for entry in sys.path if entry.endswith("/lib-dynload")]
    extensions = [file.name.split(".")[0] for folder in folders for file in sorted(folder.glob("*.so"))]
    skipped = (
        "_test",
        "_xxtest",
        "xx",
        "_tkinter",
        "_ctypes_test",
        "nis",
        "_curses",
        "readline",
        "ossaudiodev",
        "spwd",
    )
    plain = (
        "ctypes ctypes.util socket ssl mmap fcntl resource threading subprocess multiprocessing signal sqlite3 "
        "hashlib http.client urllib.request pickle shutil tempfile pathlib os math statistics decimal fractions "
        "json csv re random datetime collections uuid concurrent.futures queue inspect logging typing dataclasses "
        "enum zipfile tarfile"
    )
    return [name for name in extensions if not name.startswith(skipped)] + plain.split()


def begin() -> None:
    """Import what any policy needs, while the host still reads its own. What fails here, `load` tries again and tells."""
    for name in ALWAYS.split():
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    _find_encodings()


def _find_encodings() -> None:
    for encoding in ENCODINGS.split():
        with contextlib.suppress(LookupError):
            codecs.lookup(encoding)


def load(policy: Policy) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Import what the policy needs. Returns what was imported, and which of the policy's modules are not installed here."""
    loaded, failed = [], set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in preload_names(policy):
            try:
                importlib.import_module(name)
            except Exception:  # a package whose own import fails is as good as missing; the action is told
                failed.add(name)
            else:
                loaded.append(name)
    return tuple(loaded), tuple(rule.module for rule in policy.language.imports if rule.module in failed)


def warm(policy: Policy) -> None:
    """Do the first use of each library once, patched as the actions will find it."""
    apply_patches(restricted=policy.language.restricted)
    _find_encodings()
    warming.use({rule.module for rule in policy.language.imports})
