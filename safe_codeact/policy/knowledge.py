"""What allowing a module would grant, beyond what a reader of its name expects.

`DENIED` holds public names that stay hidden although their module is allowed, each with its reason; the gate turns a
static use into a finding, the facades leave the names out. A policy can extend it (`deny:`) and never shorten it. The
table is about public names only: names that start with an
underscore, and every module object, are hidden without being listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PICKLE = (
    "It loads or writes pickles, and loading one runs code; keep the value in a variable, or use CSV, JSON or npz."
)
_STRING = "It evaluates source text, which no gate has read; write the expression as ordinary code."
_MEMORY = "It reads or writes memory past the bounds of its objects."
_NETWORK = "It opens network connections, which an action does not have; the host's tools are the way out."
_PROCESS = "It starts or signals processes, which an action cannot do."
_NATIVE = "It loads or compiles native code."
_FRAMES = "It hands out frames, which hold the globals and builtins that the action was denied."
_CLASSES = "It makes a class or function from parts that the gate has not read; use a class statement or def."
_LIBRARY = "It is the library's own test or build machinery: it runs programs and imports modules by name."
_GLOBALS = "It writes into the globals of a module that it finds by name; bind the names yourself."
_IMPORTS = "It imports the module that its argument names."
_ACCOUNT = "It changes or reveals the process and the account that the worker runs under."
_DESCRIPTORS = "It works on file descriptors, and the worker's only one is its connection to the host; use open()."
_DATABASE = (
    "It opens database connections through drivers that no gate has read; let a tool of the host query the data."
)
_BROWSER = "It talks to a desktop, which a worker does not have."
_LATEX = "It runs LaTeX and image viewers as programs."
_ANY_FILE = "It opens files past the workspace's rules; use open()."
_HOOKS = "It replaces a hook that the whole interpreter uses."


def _because(reason: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), reason)


DENIED: Final[Mapping[str, Mapping[str, str]]] = {
    # ---- the standard library
    "asyncio": {
        **_because(_PROCESS, "create_subprocess_exec create_subprocess_shell subprocess SubprocessProtocol"),
        **_because(
            _NETWORK, "open_connection start_server open_unix_connection start_unix_server StreamReader StreamWriter"
        ),
        **_because(_HOOKS, "set_event_loop_policy get_event_loop_policy set_child_watcher get_child_watcher"),
    },
    "builtins": {
        **_because(_STRING, "eval exec compile __import__"),
        **_because(_FRAMES, "breakpoint"),
    },
    "codecs": {
        **_because(_ANY_FILE, "open EncodedFile"),
        **_because(_HOOKS, "register unregister register_error"),
    },
    "contextlib": {"chdir": "It moves the whole worker to another folder; use paths relative to the workspace."},
    "datetime": {"datetime_CAPI": _MEMORY},
    "enum": _because(_GLOBALS, "global_enum global_enum_repr global_flag_repr global_str"),
    "gc": _because(_FRAMES, "get_objects get_referrers get_referents callbacks"),
    "hashlib": {"file_digest": _DESCRIPTORS},
    "inspect": {
        **_because(_FRAMES, "currentframe stack trace getframeinfo getinnerframes getouterframes getargvalues"),
        **_because(_FRAMES, "getgeneratorlocals getcoroutinelocals getasyncgenlocals getclosurevars"),
        **_because(_ANY_FILE, "getsource getsourcelines getsourcefile getfile findsource getcomments getabsfile"),
        **_because(_IMPORTS, "getmodule getmodulename"),
        "getattr_static": "It reads attributes past the rules for them.",
    },
    "io": {
        **_because(_ANY_FILE, "FileIO open_code OpenWrapper"),
    },
    "linecache": _because(_ANY_FILE, "getline getlines checkcache updatecache lazycache"),
    "locale": _because(_NATIVE, "bindtextdomain bind_textdomain_codeset textdomain dgettext dcgettext gettext"),
    "logging": {
        **_because(_ANY_FILE, "FileHandler"),
        **_because(_HOOKS, "setLoggerClass setLogRecordFactory captureWarnings shutdown raiseExceptions"),
        **_because(_FRAMES, "currentframe"),
    },
    "multiprocessing": _because(_PROCESS, "Process Pool Manager Queue Pipe"),
    "os": {
        **_because(
            _PROCESS,
            "system popen fork forkpty execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp "
            "spawnlpe spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp startfile kill killpg abort wait waitpid "
            "wait3 wait4 waitid pidfd_open register_at_fork nice",
        ),
        **_because(
            _DESCRIPTORS,
            "open fdopen read write close closerange dup dup2 pipe pipe2 openpty lseek pread pwrite readv writev sendfile "
            "splice copy_file_range fchdir fchmod fchown fstat fsync ftruncate memfd_create eventfd isatty ttyname "
            "get_inheritable set_inheritable get_blocking set_blocking",
        ),
        **_because(
            _ACCOUNT,
            "setuid setgid seteuid setegid setreuid setregid setresuid setresgid setgroups initgroups chroot chdir umask "
            "getlogin getuid geteuid getgid getegid getgroups getenvb environb putenv unsetenv setsid setpgid setpriority "
            "sched_setaffinity sched_setscheduler chown lchown chmod lchmod mkfifo mknod link symlink readlink truncate "
            "getxattr setxattr listxattr removexattr ctermid uname getloadavg sysconf confstr pathconf",
        ),
    },
    "platform": _because(_PROCESS, "popen uname processor architecture"),
    "shutil": {
        **_because(_ACCOUNT, "chown disk_usage which"),
        **_because(
            _HOOKS, "register_archive_format register_unpack_format unregister_archive_format unregister_unpack_format"
        ),
    },
    "sys": {
        **_because(_FRAMES, "settrace setprofile gettrace getprofile call_tracing monitoring"),
        **_because(_IMPORTS, "modules meta_path path_hooks path_importer_cache"),
        **_because(_HOOKS, "excepthook displayhook breakpointhook unraisablehook addaudithook audit setswitchinterval"),
        "stdin": "An action has no standard input; put the data into the code or read it from a file.",
    },
    "tempfile": _because(_DESCRIPTORS, "mkstemp mktemp"),
    "timeit": {"main": _LIBRARY},
    "traceback": _because(_FRAMES, "walk_stack walk_tb extract_stack print_stack format_stack StackSummary"),
    "types": {
        **_because(_CLASSES, "CodeType new_class prepare_class resolve_bases"),
        **_because(_FRAMES, "FrameType TracebackType CellType AsyncGeneratorType"),
        **_because("The stand-in holds the types that isinstance is asked about.", "DynamicClassAttribute CapsuleType"),
    },
    "typing": {"ForwardRef": _STRING},
    "urllib": _because(_NETWORK, "request"),
    "uuid": _because(_PROCESS, "uuid1 getnode main"),
    "warnings": {"warn_explicit": "It reads files through a loader that it is handed."},
    "weakref": {"finalize": "It registers a callback at the end of the process, after the state was saved."},
    "webbrowser": _because(_BROWSER, "open open_new open_new_tab get"),
    "zoneinfo": {"TZPATH": _ACCOUNT, "reset_tzpath": _ACCOUNT},
    # ---- numpy
    "numpy": {
        **_because(_MEMORY, "ctypeslib memmap fromfile setbufsize from_dlpack"),
        **_because(_NATIVE, "f2py get_include"),
        **_because(_LIBRARY, "test show_runtime show_config core lib"),
        **_because(_HOOKS, "seterrcall"),
        **_because(_IMPORTS, "info"),
    },
    "numpy.lib": {
        **_because(_MEMORY, "stride_tricks add_docstring add_newdoc tracemalloc_domain"),
        **_because(_PICKLE, "npyio format"),
        **_because(_LIBRARY, "introspect mixins"),
    },
    "numpy.lib.stride_tricks": {"as_strided": _MEMORY},
    "numpy.ma": {"fromfile": _MEMORY},
    "numpy.random": _because(_LIBRARY, "test"),
    "numpy.rec": {"fromfile": _MEMORY},
    "numpy.testing": {
        **_because(_STRING, "runstring rundocs measure"),
        **_because(
            _LIBRARY,
            "run_threaded check_support_sve extbuild overrides tempdir temppath",
        ),
        **_because(_FRAMES, "break_cycles assert_no_gc_cycles decorate_methods"),
    },
    "numpy.linalg": _because(_LIBRARY, "test"),
    "numpy.fft": _because(_LIBRARY, "test"),
    "numpy.polynomial": _because(_LIBRARY, "test"),
    # ---- pandas
    "pandas": {
        **_because(_PICKLE, "read_pickle to_pickle HDFStore read_hdf"),
        **_because(_DATABASE, "read_sql read_sql_query read_sql_table read_gbq read_iceberg"),
        **_because(_NETWORK, "read_html"),
        **_because(_BROWSER, "read_clipboard"),
        **_because(_LIBRARY, "test show_versions io tseries core compat util"),
    },
    "pandas.api": _because(_LIBRARY, "internals"),
    # ---- matplotlib
    "matplotlib": {
        **_because(_ACCOUNT, "get_configdir get_cachedir matplotlib_fname get_data_path"),
        **_because(_LIBRARY, "test ExecutableNotFoundError"),
        **_because(_NATIVE, "ft2font"),
    },
    "matplotlib.pyplot": {
        **_because(_HOOKS, "install_repl_displayhook uninstall_repl_displayhook new_figure_manager pause"),
        **_because(_BROWSER, "ginput waitforbuttonpress"),
        **_because(_LIBRARY, "MouseButton"),
    },
    "matplotlib.animation": _because(
        _PROCESS, "FFMpegWriter FFMpegFileWriter ImageMagickWriter ImageMagickFileWriter writers"
    ),
    # ---- scipy
    "scipy": {
        "LowLevelCallable": _MEMORY,
        **_because(_LIBRARY, "test show_config"),
        **_because(_NETWORK, "datasets"),
    },
    "scipy.io": _because(_ANY_FILE, "netcdf_file netcdf FortranFile"),
    # ---- sympy
    "sympy": {
        **_because(_LIBRARY, "test doctest external release interactive testing init_session SYMPY_DEBUG"),
        **_because(_LATEX, "preview print_gtk"),
        **_because(_GLOBALS, "vring vfield"),
        **_because(_FRAMES, "timed threaded xthreaded multipledispatch"),
    },
    "sympy.polys": _because(_GLOBALS, "vring vfield"),
    "sympy.printing": _because(_LATEX, "preview print_gtk"),
    "sympy.utilities.lambdify": _because(
        _LIBRARY, "MODULES MATH CMATH MPMATH NUMPY SCIPY CUPY JAX SYMPY TENSORFLOW TORCH NUMEXPR"
    ),
    "mpmath": _because(_LIBRARY, "runtests doctests"),
    # ---- networks of other packages
    "networkx": {
        **_because(_PICKLE, "read_gpickle write_gpickle"),
        **_because(_PROCESS, "nx_agraph nx_pydot"),
        **_because(_HOOKS, "config"),
    },
    "sklearn": _because(_LIBRARY, "show_versions clone_test"),
    "sklearn.datasets": {
        **_because(
            _NETWORK,
            "fetch_openml fetch_20newsgroups fetch_20newsgroups_vectorized fetch_california_housing fetch_covtype fetch_file "
            "fetch_kddcup99 fetch_lfw_pairs fetch_lfw_people fetch_olivetti_faces fetch_rcv1 fetch_species_distributions",
        ),
        **_because(_ACCOUNT, "get_data_home clear_data_home"),
    },
    "seaborn": _because(_NETWORK, "load_dataset get_dataset_names get_data_home"),
    "statsmodels.api": {
        **_because(_PICKLE, "load load_pickle"),
        **_because(_NETWORK, "datasets webdoc"),
        **_because(_LIBRARY, "test show_versions"),
    },
}
