"""The house's load-bearing walls: which package may import which, and where dangerous modules may be named."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "safe_codeact"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Which packages of ours a package may import, besides itself. The table is total: a new package must be placed here.
MAY_IMPORT = {
    "errors": set(),
    "escaping": set(),
    "frozen": set(),
    "observation": {"gate.report"},
    "policy": {"errors"},
    "gate": {"errors", "policy"},
    "confine": {"errors", "policy"},
    "audit": {"errors", "policy", "confine.protections", "confine.syscalls"},
    "wire": {"errors"},
    "kernel": {"errors", "confine"},
    "guest": {
        "errors",
        "gate",
        "confine",
        "kernel",
        "wire",
        "policy.effective",
        "policy.facades",
        "policy.knowledge",
        "policy.parts",
    },
    "trail": {"", "errors", "escaping", "observation", "policy", "wire.messages"},
    "replay": {"", "agent", "errors", "fuzzing", "host", "observation", "policy", "runtime", "trail", "wire.messages"},
    "host": {"errors", "escaping", "policy", "confine", "wire", "observation", "gate.report", "runtime", "trail"},
    "session": {"errors", "policy", "confine", "wire", "observation", "gate.report", "host", "runtime"},
    "runtime": {"errors", "policy", "confine", "wire", "observation", "gate.report", "host", "session", "trail"},
    "agent": {"", "errors", "policy", "observation", "gate.report", "session", "runtime"},
    "demo": {"", "agent", "cli", "errors"},
    "evaluation": {"", "agent", "demo.server", "errors"},
    "schemas": set(),
    "mcp": {"", "agent.prompt", "schemas"},
    "adapters": {"", "agent.prompt", "schemas"},
    # It attacks every layer, and runs parts of each by themselves; nothing of the product imports it but its own verb.
    "fuzzing": {
        "",
        "agent",
        "audit",
        "cli",
        "confine",
        "errors",
        "gate",
        "guest",
        "host",
        "kernel",
        "observation",
        "policy",
        "runtime",
        "session",
        "wire",
    },
    "pytest_plugin": {"", "errors", "fuzzing", "policy"},
    "cli": {
        "",
        "agent",
        "audit",
        "confine.syscalls",
        "demo",
        "errors",
        "escaping",
        "evaluation",
        "fuzzing",
        "observation",
        "policy",
        "gate.report",
        "gate.rules",
        "host.survey",
        "mcp",
        "replay",
        "trail",
    },
    "__init__": {"errors", "gate", "host", "observation", "policy", "runtime", "session", "trail"},
    "__main__": {"cli"},
}
DANGEROUS = {
    "ctypes": {"kernel"},
    "pickle": {"guest.namespace", "guest.modules.patches.doors"},  # the second one closes it
    "marshal": {"guest.namespace"},
    "cloudpickle": set(),
}
PURE = (
    "policy.effective",
    "audit.examination",
    "gate.check",
    "confine.protections",
    "wire.conversation",
    "wire.decode",
    "wire.encode",
)


def dotted(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def imports_of(path: Path) -> set[str]:
    """Absolute names of everything that a module imports, also inside functions and under TYPE_CHECKING."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_granted(target: str, own: str, granted: set[str]) -> bool:
    if target == own or target.startswith(own + "."):
        return True
    return any(target == name or target.startswith(f"{name}.") for name in granted if name) or (
        "" in granted and target.count(".") == 0
    )


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_package_imports_only_what_the_design_lets_it(path):
    """Imports run one way: the table above is the design's."""
    name = dotted(path)
    own = name.partition(".")[0]
    for target in imports_of(path):
        if target == "safe_codeact" or not target.startswith("safe_codeact."):
            continue
        inside = target.removeprefix("safe_codeact.")
        if inside == "frozen.dataclass":  # how everybody makes data; it imports nothing of ours
            continue
        assert is_granted(inside, own, MAY_IMPORT[own]), f"{name} imports {target}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_dangerous_modules_are_named_only_where_they_are_quarantined(path):
    """ctypes only in kernel, pickle and marshal only in the snapshot code."""
    name = dotted(path)
    for target in imports_of(path):
        homes = DANGEROUS.get(target.partition(".")[0])
        assert homes is None or any(name == home or name.startswith(home + ".") for home in homes), f"{name}: {target}"


@pytest.mark.parametrize("module", PURE)
def test_the_pure_packages_import_without_the_system(module):
    """gate, confine, wire and the effective policy work where ctypes, resource, fcntl, signal and socket are blocked."""
    program = (
        "import sys\n"
        "for name in ('ctypes', '_ctypes', 'resource', 'fcntl', 'signal', '_signal', 'socket', '_socket'):\n"
        "    sys.modules[name] = None\n"
        f"import safe_codeact.{module}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_guest_never_loads_the_host():
    """The import closure of the zygote holds no pydantic, no YAML, no model client and nothing of the host."""
    program = (
        "import sys, safe_codeact.guest.zygote\n"
        "roots = {name.partition('.')[0] for name in sys.modules}\n"
        "ours = {name for name in sys.modules if name.startswith(('safe_codeact.host', 'safe_codeact.agent', "
        "'safe_codeact.cli', 'safe_codeact.session', 'safe_codeact.runtime', 'safe_codeact.policy.load'))}\n"
        "bad = roots & {'pydantic', 'yaml', 'openai', 'typer', 'rich', 'psutil', 'httpx'} | ours\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_host_never_loads_the_guest_or_a_parser():
    """A running host has neither the guest's modules nor the gate's compiler, neither pickle's loader nor ctypes of ours."""
    program = (
        "import sys\nfrom safe_codeact import Runtime\n"
        "with Runtime('strict', standby=1) as runtime:\n"
        "    assert runtime.session().run('1 + 1').value == '2'\n"
        "bad = {n for n in sys.modules if n.startswith(('safe_codeact.guest', 'safe_codeact.kernel', "
        "'safe_codeact.gate.check', 'RestrictedPython'))}\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
