"""Each field of a policy file has bounds with reasons, and each mistake a message that names the way out."""

from __future__ import annotations

import contextlib
import dataclasses
import typing
from typing import Any

import pytest
from pydantic import BaseModel

from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy import complaints, effective, example_lines, schema
from safe_codeact.policy.facades import CURATED
from safe_codeact.policy.load import policy_from_dict

UNLIMITED = "There is no value for 'unlimited'."

_SECTIONS: list[type[BaseModel]] = [
    schema.PolicyFile,
    schema.LanguageSection,
    schema.ImportLine,
    schema.ToolLine,
    schema.LimitsSection,
    schema.FilesystemSection,
    schema.ReadableLine,
    schema.IsolationSection,
    schema.OutputSection,
    schema.AgentSection,
    example_lines.ExampleLine,
]

_BOUNDED = [
    (section, name, low.ge, high.le)
    for section, model in (
        ("limits", schema.LimitsSection),
        ("agent", schema.AgentSection),
        ("tools.t", schema.ToolLine),
    )
    for name, field in model.model_fields.items()
    for low in field.metadata
    if hasattr(low, "ge")
    for high in field.metadata
    if hasattr(high, "le")
]


def _policy(path: str, name: str, value: object) -> dict[str, Any]:
    inner: dict[str, Any] = {name: value}
    for step in reversed(path.split(".")):
        inner = {step: inner}
    return inner


def _refusal(values: dict[str, Any]) -> InvalidPolicy:
    with pytest.raises(InvalidPolicy) as caught:
        policy_from_dict(values)
    return caught.value


@pytest.mark.parametrize(("section", "name", "low", "high"), _BOUNDED)
def test_a_bound_holds_on_both_sides_and_says_why(section: str, name: str, low: float, high: float) -> None:
    for accepted in (low, high):
        policy_from_dict(_policy(section, name, accepted))
    too_little, too_much = _refusal(_policy(section, name, type(low)(0))), _refusal(_policy(section, name, high + 1))
    assert str(too_little).startswith(f"{section}.{name}=0")
    assert f"must be at least {low:g}: " in str(too_little)
    assert str(too_much).startswith(f"{section}.{name}={high + 1} must be at most {high:.10g}: ")
    assert str(too_little).endswith(UNLIMITED)
    assert str(too_much).endswith(UNLIMITED)
    assert too_little.field == too_much.field == f"{section}.{name}"


def test_every_number_of_the_schema_has_both_bounds() -> None:
    for model in _SECTIONS:
        for name, field in model.model_fields.items():
            if field.annotation in (int, float):
                bounds = {bound for item in field.metadata for bound in ("ge", "le") if hasattr(item, bound)}
                assert bounds == {"ge", "le"}, f"{model.__name__}.{name}"


def test_every_field_of_the_schema_is_described() -> None:
    for model in _SECTIONS:
        for name, field in model.model_fields.items():
            inner = field.annotation
            assert field.description or (isinstance(inner, type) and issubclass(inner, BaseModel)), f"{model}.{name}"


def test_the_schema_and_the_effective_policy_have_the_same_fields_and_defaults() -> None:
    assert policy_from_dict({}) == effective.Policy()
    pairs: list[tuple[type[BaseModel], Any, set[str]]] = [
        (schema.PolicyFile, effective.Policy, {"extends"}),
        (schema.LanguageSection, effective.Language, set()),
        (schema.ImportLine, effective.ImportRule, set()),
        (schema.LimitsSection, effective.Limits, set()),
        (schema.FilesystemSection, effective.Filesystem, set()),
        (schema.ReadableLine, effective.ReadablePath, set()),
        (schema.IsolationSection, effective.Isolation, set()),
        (schema.OutputSection, effective.Output, set()),
        (schema.AgentSection, effective.AgentLimits, set()),
        (example_lines.ExampleLine, effective.Example, set()),
    ]
    for model, frozen, only_in_files in pairs:
        assert set(model.model_fields) - only_in_files == {field.name for field in dataclasses.fields(frozen)}
    assert {*schema.ToolLine.model_fields, "name"} == {field.name for field in dataclasses.fields(effective.ToolRule)}


# (what is given, the whole message)
REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"limits": {"memory_mb": 8}},
        f"limits.memory_mb=8 must be at least 32: CPython alone needs that much to start. {UNLIMITED}",
    ),
    (
        {"limits": {"memory_mb": -1}},
        f"limits.memory_mb=-1 must be at least 32: CPython alone needs that much to start. {UNLIMITED}",
    ),
    (
        {"limits": {"memory_mb": "unlimited"}},
        f"limits.memory_mb='unlimited' must be a whole number from 32 to 1048576. {UNLIMITED}",
    ),
    (
        {"limits": {"memory_mb": "64"}},
        f"limits.memory_mb='64' must be a whole number from 32 to 1048576, without quotes. {UNLIMITED}",
    ),
    ({"limits": {"memory_mb": 64.5}}, f"limits.memory_mb=64.5 must be a whole number from 32 to 1048576. {UNLIMITED}"),
    ({"limits": {"memory_mb": 64.0}}, f"limits.memory_mb=64.0 must be a whole number from 32 to 1048576. {UNLIMITED}"),
    ({"limits": {"memory_mb": True}}, f"limits.memory_mb=true must be a whole number from 32 to 1048576. {UNLIMITED}"),
    ({"limits": {"memory_mb": None}}, f"limits.memory_mb=None must be a whole number from 32 to 1048576. {UNLIMITED}"),
    ({"limits": {"wall_seconds": True}}, f"limits.wall_seconds=true must be a number from 0.1 to 3600. {UNLIMITED}"),
    (
        {"limits": {"wall_seconds": float("nan")}},
        f"limits.wall_seconds=nan is not a number: write the bound you mean. {UNLIMITED}",
    ),
    (
        {"limits": {"wall_seconds": float("inf")}},
        f"limits.wall_seconds=inf is not a number: write the bound you mean. {UNLIMITED}",
    ),
    (
        {"limits": {"memory": 64}},
        "limits.memory is not a field: did you mean memory_mb? The fields of limits are wall_seconds, cpu_seconds, "
        "memory_mb, output_kb, state_mb, workspace_mb, workspace_files, source_kb, tool_calls.",
    ),
    (
        {"memory_mb": 64},
        "memory_mb is not a field: did you mean limits.memory_mb? The fields of a policy are version, name, extends, "
        "language, tools, limits, filesystem, isolation, output, agent, examples.",
    ),
    (
        {"quux": 1},
        "quux is not a field. The fields of a policy are version, name, extends, language, tools, limits, filesystem, "
        "isolation, output, agent, examples.",
    ),
    (
        {"tools": {"refund": {"max_call": 1}}},
        "tools.refund.max_call is not a field: did you mean max_calls? The fields of tools.refund are why, deny, "
        "max_calls, timeout_seconds, max_result_kb, max_argument_kb, max_session_calls, rate, approval, approval_seconds, when, redact.",
    ),
    ({"version": 2}, "version=2 must be 1, the only version of this format so far."),
    ({"version": True}, "version=true must be 1, the only version of this format so far."),
    ({"version": "1"}, "version='1' must be 1, the only version of this format so far."),
    (
        {"name": "../x"},
        "name='../x' must be 1 to 64 letters, digits, dots, dashes or underscores: it stands in file names and in the "
        "trail.",
    ),
    ({"name": True}, "name=true must be text: put it in quotes."),
    ({"limits": [1]}, "limits must be a mapping: one `name: value` per line."),
    ({"tools": ["search"]}, "tools must be a mapping: one `name: value` per line."),
    ({"tools": {"search": 5}}, "tools.search=5 must be a mapping: one `name: value` per line."),
    ({"language": {"imports": {"math": 1}}}, "language.imports must be a list: one item per line, each after a dash."),
    ({"language": {"imports": ["math"]}}, "language.imports[0]='math' must be a mapping: one `name: value` per line."),
    ({"language": {"restricted": "false"}}, "language.restricted='false' must be true or false, without quotes."),
    ({"language": {"restricted": 0}}, "language.restricted=0 must be true or false, without quotes."),
    (
        {"language": {"interpreter": "expresion"}},
        "language.interpreter='expresion' must be one of compiled, expression: did you mean expression?",
    ),
    (
        {"language": {"interpreter": "expression", "restricted": False}},
        "language.restricted=false has no meaning for formulas, which are always judged: leave the line out.",
    ),
    (
        {"language": {"interpreter": "expression", "imports": [{"module": "math"}]}},
        "language.imports has no meaning for formulas, which import nothing: delete the lines.",
    ),
    ({"language": {"imports": [{"why": "x"}]}}, "language.imports[0] has no `module`: add it, as `module: math`."),
    (
        {"language": {"imports": [{"module": "_thread"}]}},
        "language.imports[0].module='_thread' is private to its package, whatever it grants: allow the public module "
        "that you mean.",
    ),
    (
        {"language": {"imports": [{"module": "numpy._core.multiarray"}]}},
        "language.imports[0].module='numpy._core.multiarray' is private to its package, whatever it grants: allow the "
        "public module that you mean.",
    ),
    *(
        (
            {"language": {"imports": [{"module": module}]}},
            f'language.imports[0].module={module!r} must be the dotted name of a module, as "collections.abc": '
            "a line grants one module, without patterns.",
        )
        for module in ("os.*", "*", "", "a..b", "1a", "import", "раndas", "os path", "../x")
    ),
    (
        {"language": {"imports": [{"module": "math", "facade": True}]}},
        "language.imports[0].facade=true has no stand-in for math: leave `facade` out. "
        f"Stand-ins exist for {', '.join(sorted(CURATED))}.",
    ),
    (
        {"language": {"imports": [{"module": "math"}, {"module": "re"}, {"module": "math"}]}},
        "language.imports[2].module='math' has a line already, imports[0]: make one line of the two.",
    ),
    (
        {"language": {"imports": [{"module": "os", "deny": "system"}]}},
        "language.imports[0].deny='system' must be a list: one item per line, each after a dash.",
    ),
    (
        {"language": {"imports": [{"module": "os", "deny": ["_exit"]}]}},
        "language.imports[0].deny[0]='_exit' starts with an underscore, and such names are hidden anyway: delete it.",
    ),
    (
        {"language": {"imports": [{"module": "os", "deny": ["a.b"]}]}},
        'language.imports[0].deny[0]=\'a.b\' must be a public name of the module, as "read_pickle", or "*" for the '
        "whole module.",
    ),
    (
        {"language": {"imports": [{"module": "os", "deny": ["*", "system"]}]}},
        'language.imports[0].deny denies the whole module with "*", so the other names say nothing: keep one of the '
        "two.",
    ),
    (
        {"language": {"imports": [{"module": "scipy", "deny": ["*"]}, {"module": "scipy.stats"}]}},
        "language.imports[1].module='scipy.stats' is below scipy, which another line denies as a whole: delete one of "
        "the two lines.",
    ),
    (
        {"language": {"imports": [{"module": "numpy"}, {"module": "numpy.testing", "deny": ["*"]}]}},
        "language.imports[1].module='numpy.testing' comes with a module that another line allows, and cannot be taken "
        "away alone: deny that one, too.",
    ),
    (
        {"language": {"imports": [{"module": "math", "why": " "}]}},
        "language.imports[0].why=' ' must say something: leave the line out, or write the reason.",
    ),
    (
        {"language": {"imports": [{"module": "math", "why": "x" * 501}]}},
        f"language.imports[0].why='{'x' * 69}… (501 characters) must have at most 500 characters, and has 501: "
        "shorten it.",
    ),
    (
        {"tools": {"a": {"when": "amount = 5"}}},
        "tools.a.when='amount = 5' is no condition: column 8: '=' has no meaning here. Write comparisons joined by `and`, "
        '`or`, `not`, as "amount <= 100".',
    ),
    ({"tools": {"a": {"approval": "Ask"}}}, "tools.a.approval='Ask' must be one of never, ask: did you mean ask?"),
    (
        {"tools": {"a": {"max_calls": 0}}},
        f"tools.a.max_calls=0 must be at least 1: a tool that must not be called has `deny: true`. {UNLIMITED}",
    ),
    (
        {"tools": {"a": {"rate": "10 per minute"}}},
        "tools.a.rate='10 per minute' must be a number and a unit, as \"10/minute\": second, minute, hour or day, and a number "
        "from 1 to 10,000.",
    ),
    (
        {"tools": {"a": {"max_session_calls": 0}}},
        f"tools.a.max_session_calls=0 must be at least 1: a tool that must not be called has `deny: true`. {UNLIMITED}",
    ),
    (
        {"tools": {"a b": {}}},
        'tools.a b must be the name of a Python function, or "*" for all tools that have no line of their own.',
    ),
    (
        {"tools": {"_a": {}}},
        "tools._a starts with an underscore, and an action cannot call such a name: give the tool another one.",
    ),
    ({"filesystem": {"workspace": "readwrite"}}, "filesystem.workspace='readwrite' must be one of none, ro, rw."),
    ({"filesystem": {"read": [{}]}}, "filesystem.read[0] has no `path`: add it, as `path: /srv/data`."),
    *(
        (
            {"filesystem": {"read": [{"path": path}]}},
            f"filesystem.read[0].path={path!r} must be absolute, as /srv/data: `~`, `$HOME` and relative paths are not "
            "expanded.",
        )
        for path in ("~/data", "$HOME/x", "data", "", "./x")
    ),
    *(
        (
            {"filesystem": {"read": [{"path": path}]}},
            f"filesystem.read[0].path={path!r} must be written without detours, as {normal}: a reviewer must see which "
            "folder it is.",
        )
        for path, normal in (("/srv/../etc", "/etc"), ("/srv/", "/srv"), ("//srv", "/srv"), ("/srv/./x", "/srv/x"))
    ),
    *(
        (
            {"filesystem": {"read": [{"path": path}]}},
            f"filesystem.read[0].path={path!r} must name one file or folder: patterns and variables are not expanded. "
            "A folder grants all below it.",
        )
        for path in ("/srv/*", "/home/$USER/x", "/srv/a?")
    ),
    (
        {"filesystem": {"read": [{"path": "/srv"}, {"path": "/srv"}]}},
        "filesystem.read[1].path='/srv' has a line already, read[0]: make one line of the two.",
    ),
    ({"isolation": {"seccomp": "maybe"}}, "isolation.seccomp='maybe' must be one of required, preferred, off."),
    ({"isolation": {"seccomp": False}}, "isolation.seccomp=false must be one of required, preferred, off."),
    ({"output": {"on_limit": "kil"}}, "output.on_limit='kil' must be one of truncate, kill: did you mean kill?"),
    ({"examples": [{}]}, "examples[0] must have exactly one of `allow` and `deny`, each with source text."),
    (
        {"examples": [{"allow": "a", "deny": "b"}]},
        "examples[0] must have exactly one of `allow` and `deny`, each with source text.",
    ),
    (
        {"examples": [{"allow": "a", "rule": "G401"}]},
        "examples[0].rule='G401' belongs to a `deny`: what is allowed breaks no rule.",
    ),
    (
        {"examples": [{"deny": "a", "rule": "imports"}]},
        "examples[0].rule='imports' must be the code of a rule of the gate, as G401.",
    ),
    ({"extends": 5}, "extends=5 must be text: put it in quotes."),
    ({"name": {1, 2}}, "name is set: a policy holds text, numbers, true, false, lists and mappings only."),
    ({"limits": {1: 2}}, "limits has the key 1: names of fields are text."),
]


@pytest.mark.parametrize(("values", "message"), REFUSED)
def test_a_mistake_is_answered_with_the_whole_message(values: dict[str, Any], message: str) -> None:
    assert str(_refusal(values)) == message


def test_every_kind_of_error_that_the_models_can_raise_has_its_sentence() -> None:
    kinds = {
        "policy", "int_type", "int_from_float", "float_type", "finite_number", "greater_than_equal", "less_than_equal",
        "literal_error", "bool_type", "string_type", "string_too_long", "string_pattern_mismatch", "list_type",
        "dict_type", "model_type",
    }  # fmt: skip
    assert set(complaints._SENTENCES) == kinds


@pytest.mark.parametrize("junk", [None, True, 0, -1, 1.5, "", "x", [], {}, [[]], [{}], {"x": {}}, [None], {"": None}])
def test_junk_in_any_field_is_an_invalid_policy_and_nothing_else(junk: object) -> None:
    paths: list[dict[str, Any]] = [{name: junk} for name in schema.PolicyFile.model_fields]
    for top, field in schema.PolicyFile.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            paths += [{top: {name: junk}} for name in inner.model_fields]
    paths += [{"language": {"imports": [{"module": "os", name: junk}]}} for name in schema.ImportLine.model_fields]
    paths += [{"tools": {"t": {name: junk}}} for name in schema.ToolLine.model_fields]
    paths += [{"examples": [{name: junk}]} for name in example_lines.ExampleLine.model_fields]
    paths += [{"filesystem": {"read": [{"path": "/x", name: junk}]}} for name in schema.ReadableLine.model_fields]
    for values in paths:
        with contextlib.suppress(InvalidPolicy):
            policy_from_dict(values)


def test_a_mapping_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["language"] = loop
    assert "is nested deeper than 12" in str(_refusal(loop))


def test_what_is_denied_as_a_whole_has_no_line_in_the_effective_policy() -> None:
    policy = policy_from_dict(
        {"language": {"imports": [{"module": "os", "deny": ["*"]}, {"module": "math"}]}, "tools": {"*": {"deny": True}}}
    )
    assert [rule.module for rule in policy.language.imports] == ["math"]
    assert policy.tools == ()


def test_a_tool_that_is_denied_by_name_keeps_its_line() -> None:
    policy = policy_from_dict({"tools": {"*": {}, "pay": {"deny": True}}})
    assert [(rule.name, rule.deny) for rule in policy.tools] == [("*", False), ("pay", True)]


def test_choices_of_the_schema_are_those_of_the_effective_policy() -> None:
    hints = typing.get_type_hints(effective.Isolation)
    for name, field in schema.IsolationSection.model_fields.items():
        assert field.annotation == hints[name]
