"""The command line: one file per verb, and what they share.

app        the verbs put together
run, check, explain, doctor, agent, audit, eval, fuzz, policy_…
           one verb each; what a verb needs it imports when it runs, so that `--help` and a typing error answer at
           once
learning   the smallest policy under which programs run
revisions  policies as git has them in another revision
kept       a session in a folder
sources    program text from files and from standard input
terminal   what may reach a terminal, and in what form
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """The entry point. Ends the process: 0 to 4 as each verb says, 130 after Ctrl-C, 70 after a mistake of ours."""
    sys.exit(_status())


def _status() -> int:
    from safe_codeact.cli import app, terminal  # start-up time: an import of this package must not load typer
    from safe_codeact.errors import SafeCodeActError

    terminal.prepare()
    try:
        status = app.invoke(sys.argv[1:])
        sys.stdout.flush()
    except SafeCodeActError as error:
        terminal.complain(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except (app.ReaderGone, BrokenPipeError):
        _drop_unwritten_output()
        return 141
    except OSError as error:
        name = f" ({error.filename})" if error.filename else ""
        terminal.complain(f"the operating system refused{name}: {error.strerror or error}.")
        _drop_unwritten_output()
        return 2
    except Exception as error:
        if os.environ.get("SAFE_CODEACT_TRACEBACK"):
            raise
        terminal.complain(
            f"this is a mistake of ours: {type(error).__name__}: {error}. "
            "With SAFE_CODEACT_TRACEBACK=1 set, the same command shows where; please report it."
        )
        return 70
    return status


def _drop_unwritten_output() -> None:
    """Python flushes stdout once more at exit, and would complain there about what cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
