"""What allowing a module hands out, by module: the table behind the rules about imports.

Threat: a line `{module: joblib}` reads like a detail and is a grant to run code. What doesn't work: a list of bad modules,
because what is bad differs (a socket cannot connect from the worker, a pickle can do all that the worker can). So each
module has its effects, each effect its reason, and each effect a rule of its own. What still gets through: packages that
nobody has read, which A113 says of them.

Reasons are about the module's own public names. Those that the built-in deny list hides, or the policy's `deny`, or that a
stand-in lacks, are not granted: `hidden` says which names an effect hangs on, `stand_in` whether ours is without it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from safe_codeact.audit.finding import Severity
from safe_codeact.policy.effective import ImportRule
from safe_codeact.policy.facades import CURATED
from safe_codeact.policy.knowledge import DENIED
from safe_codeact.policy.sweep import DOORS, NOTHING


class Effect(enum.Enum):
    """What a module is good for, from the side of whoever should not have it."""

    CODE = "runs code that the gate has not read"
    MEMORY = "reads and writes memory"
    NETWORK = "opens network connections"
    FILES = "opens files past the workspace's rules"
    PROCESSES = "starts or signals processes and threads"
    CPU = "computes for as long as its input says"
    INTERNALS = "hands out the interpreter's own objects"
    CREDENTIALS = "finds credentials"
    DATABASE = "talks to databases through drivers that no gate has read"
    PARSER = "parses hostile data with code that was broken before"


@dataclass(frozen=True, slots=True)
class Grant:
    """One effect of one module. `hidden`: the names it hangs on (none: the module as a whole)."""

    effect: Effect
    reason: str
    hidden: tuple[str, ...] = ()
    stand_in: bool = True  # our stand-in, where there is one, is without it
    severity: Severity | None = None  # where it is less, or more, than the effect's rule says


def _each(effect: Effect, reason: str, modules: str, severity: Severity | None = None) -> dict[str, tuple[Grant, ...]]:
    return {module: (Grant(effect, reason, severity=severity),) for module in modules.split()}


_E = Effect

_ROWS: Final[tuple[Mapping[str, tuple[Grant, ...]], ...]] = (
    # ---- code
    _each(_E.CODE, "calls whatever functions its data names when it is loaded (CWE-502)",
          "pickle pickletools marshal shelve dill cloudpickle joblib jsonpickle skops torch tensorflow keras xgboost lightgbm "
          "catboost pyarrow.serialization"),
    _each(_E.CODE, "imports any module by name, past every other line of the policy",
          "importlib runpy pkgutil zipimport imp modulefinder pydoc"),
    _each(_E.CODE, "compiles and runs source text that no gate has read",
          "code codeop py_compile compileall doctest unittest pytest trace profile cProfile pdb bdb numexpr asteval "
          "RestrictedPython simpleeval IPython builtins ast timeit"),
    _each(_E.CODE, "lets a template or a document name any attribute and call it", "jinja2 mako yaml ruamel chameleon genshi"),
    _each(_E.CODE, "builds and installs programs", "setuptools pip ensurepip venv distutils lib2to3 site sysconfig"),
    _each(_E.CODE, "evaluates its formulas as Python", "patsy formulaic"),
    # ---- memory
    _each(_E.MEMORY, "calls any C function with any argument", "ctypes cffi numpy.ctypeslib"),
    _each(_E.MEMORY, "makes arrays that reach past their memory (CWE-125, CWE-787)", "numpy.lib numpy.lib.stride_tricks"),
    _each(_E.MEMORY, "compiles machine code, or loads it", "numba cython Cython llvmlite cupy triton pythran"),
    _each(_E.MEMORY, "maps files and shared memory", "mmap multiprocessing.shared_memory"),
    # ---- network
    _each(_E.NETWORK, "opens sockets", "socket ssl socketserver select selectors asyncore asynchat"),
    _each(_E.NETWORK, "fetches addresses and sends what it is given (CWE-918)",
          "http urllib urllib3 requests httpx aiohttp pycurl websockets websocket ftplib smtplib poplib imaplib nntplib "
          "telnetlib xmlrpc webbrowser tornado twisted scrapy selenium playwright yfinance pandas_datareader feedparser"),
    _each(_E.NETWORK, "is a server", "wsgiref flask fastapi django uvicorn gunicorn starlette bottle sanic"),
    _each(_E.NETWORK, "talks to services with their own accounts",
          "paramiko fabric grpc openai anthropic slack_sdk twilio stripe kubernetes docker pika kafka telegram discord "
          "google huggingface_hub transformers datasets wandb mlflow"),
    _each(_E.NETWORK, "logs to other machines, and loads configuration that names functions", "logging.handlers logging.config"),
    # ---- processes
    _each(_E.PROCESSES, "starts programs (CWE-78)", "subprocess pty pexpect sh plumbum invoke os posix asyncio"),
    _each(_E.PROCESSES, "starts copies of the interpreter", "multiprocessing concurrent dask ray celery"),
    _each(_E.PROCESSES, "signals, limits and looks at processes", "signal resource psutil fcntl termios tty"),
    _each(_E.PROCESSES, "starts threads, which a worker cannot have: every start fails", "threading sched", Severity.LOW),
    # ---- files
    _each(_E.FILES, "opens files by itself; the kernel layer alone says which (CWE-22)",
          "fileinput linecache filecmp dbm mailbox wave fsspec h5py netCDF4 tables openpyxl xlsxwriter xlrd docx pptx "
          "imageio polars pyarrow shutil glob pathlib tempfile io"),
    # ---- the interpreter
    _each(_E.INTERNALS, "finds every object of the worker, those of the guards too", "gc tracemalloc"),
    _each(_E.INTERNALS, "hands out frames, code objects or loaded modules",
          "sys inspect types traceback dis opcode symtable faulthandler copyreg"),
    _each(_E.INTERNALS, "registers what runs after the state was saved", "atexit"),
    # ---- credentials and databases
    _each(_E.CREDENTIALS, "reads keys and passwords where users and machines keep them (CWE-522)",
          "keyring netrc getpass dotenv decouple boto3 botocore azure msal hvac pwd grp spwd crypt"),
    _each(_E.DATABASE, "opens databases; one that loads extensions runs code (CWE-89)",
          "sqlite3 aiosqlite psycopg psycopg2 asyncpg sqlalchemy pymysql MySQLdb mysql pymongo redis duckdb oracledb "
          "cx_Oracle pyodbc peewee clickhouse_connect snowflake"),
    # ---- parsers
    _each(_E.PARSER, "follows or expands entities of documents (CWE-611, CWE-776)", "xml lxml html5lib plistlib expat defusedxml"),
    _each(_E.PARSER, "writes members where the archive says, and to the size it says (CWE-22, CWE-409)", "tarfile zipfile"),
    _each(_E.PARSER, "decodes images and documents in C (CWE-787)", "PIL cv2 pypdf fitz pdfplumber soundfile"),
    # ---- processor time
    _each(_E.CPU, "can take exponential time on a short text (CWE-1333)", "re regex fnmatch"),
    _each(_E.CPU, "can take unbounded time over a short expression", "sympy mpmath"),
    _each(_E.CPU, "takes quadratic or exponential time in its input", "difflib networkx itertools"),
)  # fmt: skip

# What one name of a module that is otherwise harmless would grant. The built-in list hides most of them already.
_NAMES: Final[Mapping[str, tuple[Grant, ...]]] = {
    "pandas": (
        Grant(_E.CODE, "runs what a file says, by read_pickle", ("read_pickle", "to_pickle", "HDFStore", "read_hdf")),
        Grant(_E.DATABASE, "opens connections, by read_sql", ("read_sql", "read_sql_query", "read_sql_table", "read_gbq")),
        Grant(_E.NETWORK, "fetches addresses, by read_html", ("read_html",)),
    ),
    "numpy": (Grant(_E.MEMORY, "reaches past its arrays, by ctypeslib and memmap", ("ctypeslib", "memmap", "fromfile", "lib")),),
    "scipy": (Grant(_E.MEMORY, "takes addresses of functions, by LowLevelCallable", ("LowLevelCallable",)),),
    "scipy.io": (Grant(_E.FILES, "opens files by itself, by netcdf_file", ("netcdf_file", "netcdf", "FortranFile")),),
    "statsmodels.api": (Grant(_E.CODE, "unpickles, by load", ("load", "load_pickle")),),
    "networkx": (Grant(_E.CODE, "unpickles, by read_gpickle", ("read_gpickle", "write_gpickle")),),
    "sklearn.datasets": (Grant(_E.NETWORK, "downloads, by fetch_openml", ("fetch_openml", "fetch_20newsgroups")),),
    "seaborn": (Grant(_E.NETWORK, "downloads, by load_dataset", ("load_dataset",)),),
    "logging": (Grant(_E.FILES, "opens files, by FileHandler", ("FileHandler",)),),
}  # fmt: skip

# Submodules that are without what their package's name stands for.
_HARMLESS: Final = frozenset(
    {"urllib.parse", "http.cookies", "importlib.metadata", "os.path", "concurrent.interpreters"}
)


def _table() -> Mapping[str, tuple[Grant, ...]]:
    table: dict[str, tuple[Grant, ...]] = {}
    for row in (*_ROWS, _NAMES):
        for module, grants in row.items():
            table[module] = (*table.get(module, ()), *grants)
    return table


GRANTS: Final = _table()

# Modules whose sources were read for text that is taken as code: the sweep's. As they are imported, not as they are sold.
_IMPORTED_AS: Final = {"scikit-learn": "sklearn"}
READ: Final = frozenset(
    _IMPORTED_AS.get(name, name) for row in (*DOORS, *NOTHING) for name in row.replace(" ", "").split(",")
)


def about(module: str) -> tuple[Grant, ...]:
    """What the table says of a module: its own line, or the nearest package's above it that stands as a whole."""
    if module in _HARMLESS:
        return ()
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        grants = tuple(grant for grant in GRANTS.get(name, ()) if name == module or not grant.hidden)
        if grants:
            return grants
    return ()


def granted(rule: ImportRule) -> Iterator[Grant]:
    """The effects that a line of a policy really hands out."""
    hidden = set(rule.deny) | set(DENIED.get(rule.module, ()))
    for grant in about(rule.module):
        if grant.hidden and hidden.issuperset(grant.hidden):
            continue
        if grant.stand_in and rule.facade and rule.module in CURATED:
            continue
        yield grant


def was_read(module: str) -> bool:
    """Whether the sweep has read the package, or this table knows what it does."""
    top = module.partition(".")[0]
    return module in READ or top in READ or bool(about(module))


# Packages of native code. Whoever breaks one owns the worker process, and from there on the kernel layer alone holds.
_NATIVE: Final = frozenset(
    ["numpy", "pandas", "matplotlib", "scipy", "sklearn", "statsmodels", "array", "struct", "zlib"]
)


def residual(rule: ImportRule) -> str:
    """What is left when gate, deny lists and stand-in have done their part, in a sentence."""
    module, top = rule.module, rule.module.partition(".")[0]
    open_effects = list(granted(rule))
    if open_effects:
        said = "; ".join(f"{grant.effect.value}: {grant.reason}" for grant in open_effects)
        return f"{said[0].upper()}{said[1:]}."
    doors = DOORS.get(module) or (DOORS.get(top, ()) if module == top else ())
    parts = []
    if rule.facade:
        parts.append("A stand-in: only what is harmless is there.")
    if doors:
        kinds = sorted({door.takes.value for door in doors})
        parts.append(
            f"{len(doors)} {'place' if len(doors) == 1 else 'places'} that take text ({', '.join(kinds)}), each closed."
        )
    if top in _NATIVE:
        parts.append("Native code: a memory error in it leaves the kernel layer alone.")
    if not was_read(module):
        parts.append("Nobody has read it.")
    return " ".join(parts) or "None known."
