"""Fuzzing a policy as part of a test run: `pytest --safe-codeact-policy my.yaml`.

    pytest --safe-codeact-policy support.yaml --safe-codeact-tools support.tools:TOOLS --safe-codeact-seconds 60

Adds one test for each property of the fuzzer that depends on a policy; without the option it does nothing. The seed is the
same in every run unless another one is given, so that a test run does not fail by chance. A test that fails names the file
with the finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_SEED = 0


class Found(Exception):
    """A property did not hold; the text is what the report shows."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("safe-codeact", "fuzzing a policy of safe_codeact")
    group.addoption("--safe-codeact-policy", metavar="P", help="a shipped policy's name, or a path: fuzz it")
    group.addoption("--safe-codeact-tools", metavar="M:A", default="", help="your tools: a module and the list in it")
    group.addoption("--safe-codeact-seconds", metavar="N", type=float, default=60.0, help="for all properties together")
    group.addoption("--safe-codeact-seed", metavar="S", type=int, default=_SEED, help="another run than the usual one")
    group.addoption("--safe-codeact-out", metavar="DIR", default="fuzz-findings", help="where findings are written")


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--safe-codeact-policy"):
        items.extend(_tests(session, config))


def _tests(session: pytest.Session, config: pytest.Config) -> Iterator[pytest.Item]:
    from safe_codeact.fuzzing import targets  # only where it is asked for: every test run loads this module

    names = targets.names(users=True)
    for name in names:
        yield Fuzzed.from_parent(session, name=f"safe_codeact[{name}]", target=name, share=1 / len(names))


class Fuzzed(pytest.Item):
    """One property, for its share of the time."""

    def __init__(self, *, target: str, share: float, **more: Any) -> None:
        super().__init__(**more)
        self._target = target
        self._share = share

    def runtest(self) -> None:
        """Raises `Found`."""
        from safe_codeact import Policy  # as above
        from safe_codeact.fuzzing import Setting, campaign, tools

        asked = self.config.getoption
        setting = Setting(Policy.load(asked("--safe-codeact-policy")), tools.load(asked("--safe-codeact-tools")))
        report = campaign.run(
            setting,
            [self._target],
            seconds=asked("--safe-codeact-seconds") * self._share,
            seed=asked("--safe-codeact-seed"),
            folder=Path(asked("--safe-codeact-out")),
            tools=asked("--safe-codeact-tools"),
        )
        if report.findings:
            lines = [
                f"{each.claim}: {each.seen}\n  {path}" for each, path in zip(report.findings, report.files, strict=True)
            ]
            raise Found("\n".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was found, without a traceback through the fuzzer."""
        if isinstance(excinfo.value, Found):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where pytest says that this is."""
        return Path(self.config.getoption("--safe-codeact-policy")), None, self.name
