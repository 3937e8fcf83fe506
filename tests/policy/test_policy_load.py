"""A policy comes from a name, a path, text or a mapping, and goes back to YAML that loads to the same digest."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy.effective import Policy
from safe_codeact.policy.load import load_policy


class YamlText:
    """What API.md calls YAML text in a Path-like: an object with `read_text()`."""

    name = "text.yaml"

    def __init__(self, text: Any) -> None:
        self.text = text

    def read_text(self) -> Any:
        return self.text


def test_a_path_as_text_and_as_an_object_give_the_same_policy(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("limits: {tool_calls: 7}")
    policies = [Policy.load(file), Policy.load(str(file)), Policy.load(YamlText("name: mine\nlimits: {tool_calls: 7}"))]
    assert len({policy.digest for policy in policies}) == 1
    assert policies[0].name == "mine"


def test_a_name_without_slash_or_ending_is_never_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strict").write_text("language: {restricted: false}")
    (tmp_path / "near.yml").write_text("limits: {tool_calls: 7}")
    assert Policy.load("strict").language.restricted
    assert Policy.load("near.yml").limits.tool_calls == 7
    assert not Policy.load("./strict").language.restricted


def test_the_name_of_a_file_becomes_the_name_of_the_policy_where_it_gives_none(tmp_path: Path) -> None:
    file = tmp_path / "my policy (2).yaml"
    file.write_text("version: 1")
    assert Policy.load(file).name == "my-policy--2-"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "nope",
            "the policy 'nope' is not shipped: the shipped ones are analysis, expression, strict, tools-only, unrestricted; "
            'a path has a "/" in it or ends with .yaml.',
        ),
        ("/absent/x.yaml", "the policy file '/absent/x.yaml' cannot be read: there is no such file."),
        ("/", "the policy file '/' cannot be read: it is a folder; name the file in it."),
        ("/dev/zero", "the policy file '/dev/zero' cannot be read: it is a pipe, a device or a socket, not a file."),
        ("/a\x00b", "the policy file '/a\\x00b' cannot be read: embedded null byte."),
        (
            "version: 1\nname: x",
            "the policy 'version: 1\\nname: x' is YAML text, not a name or a path: give an object with read_text(), "
            "or use Policy.from_dict.",
        ),
        (
            {"version": 1},
            "a policy is loaded from a name, a path or an object with read_text(), not from dict: "
            "use Policy.from_dict for a mapping.",
        ),
        (
            io.StringIO("version: 1"),
            "a policy is loaded from a name, a path or an object with read_text(), not from StringIO: "
            "use Policy.from_dict for a mapping.",
        ),
        (YamlText(5), "text.yaml: read_text() gave int, not text: a policy is YAML text."),
        (YamlText("\ud800"), "text.yaml: the text holds half of a surrogate pair: it is not Unicode text."),
        (YamlText("[]"), "text.yaml:1:1: a policy file is a mapping: one `section:` per line, as `version: 1`."),
        (
            YamlText("extends: ./x.yaml"),
            "text.yaml:1:10: extends='./x.yaml' is relative, and there is no file that it could be relative to: "
            "give a shipped name or an absolute path.",
        ),
    ],
)
def test_a_source_that_is_no_policy_is_answered_with_the_whole_message(source: Any, message: str) -> None:
    with pytest.raises(InvalidPolicy) as caught:
        load_policy(source)
    assert str(caught.value) == message


def test_a_named_pipe_does_not_hang_the_caller(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InvalidPolicy, match="it is a pipe, a device or a socket, not a file"):
        Policy.load(tmp_path / "pipe.yaml")


def test_a_mapping_must_be_one() -> None:
    with pytest.raises(InvalidPolicy) as caught:
        Policy.from_dict([])  # type: ignore[arg-type]
    assert str(caught.value) == "a policy is a mapping of sections, not list: write {} for one that grants nothing."


def test_the_smallest_policy_grants_nothing() -> None:
    policy = Policy.from_dict({})
    assert policy.language.imports == ()
    assert policy.tools == ()
    assert policy.filesystem.workspace == "none"
    assert policy.filesystem.read == ()
    assert policy.language.restricted


_WORDS = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=("Cc", "Cf", "Zl", "Zp")),
    min_size=1,
).filter(lambda text: text.strip() != "")
_TRICKY = st.sampled_from(
    ["no", "y", "on", "1:30", "017", "0x1", "1e3", "~", "null", "<<", "true", "5", "a: b", "# x", "*"]
)
_POLICIES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["no", "x", "y", "1e3", "017", "5", "true", "a.b-c_d", "null"]),
        "language": st.fixed_dictionaries(
            {
                "imports": st.lists(
                    st.fixed_dictionaries(
                        {"module": st.sampled_from(["os", "math", "y", "n", "on", "collections.abc"])},
                        optional={
                            "why": _WORDS | _TRICKY,
                            "deny": st.lists(st.sampled_from(["y", "no", "remove"]), unique=True),
                        },
                    ),
                    unique_by=lambda line: line["module"],
                ),
                "restricted": st.booleans(),
            }
        ),
        "tools": st.dictionaries(
            st.sampled_from(["*", "n", "search", "größe"]),
            st.fixed_dictionaries(
                {"max_calls": st.integers(1, 1000), "timeout_seconds": st.floats(0.01, 3600)}, optional={"why": _TRICKY}
            ),
        ),
        "limits": st.fixed_dictionaries({"wall_seconds": st.floats(0.1, 3600) | st.integers(1, 3600)}),
        "filesystem": st.fixed_dictionaries(
            {"read": st.lists(st.sampled_from([{"path": "/srv"}, {"path": "/1:30", "why": "no"}]), max_size=1)}
        ),
        "examples": st.lists(st.fixed_dictionaries({"allow": _WORDS | _TRICKY}), max_size=3),
    },
)


@settings(max_examples=200, deadline=None)
@given(_POLICIES)
def test_yaml_of_any_policy_loads_back_to_the_same_digest(values: dict[str, Any]) -> None:
    policy = Policy.from_dict(values)
    again = load_policy(YamlText(policy.to_yaml() if policy.name else "name: x\n" + policy.to_yaml()))
    assert (again.digest == policy.digest) or not policy.name
    assert again.to_plain() | {"name": ""} == policy.to_plain() | {"name": ""}
    assert Policy.from_plain(policy.to_plain()) == policy


def test_the_effective_policy_is_imported_without_yaml_and_pydantic() -> None:
    program = (
        "import sys, safe_codeact.policy.effective\n"
        "print([name for name in ('yaml', 'pydantic', 'pydantic_core', 'ctypes', 'socket') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
