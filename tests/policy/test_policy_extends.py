"""`extends`: the child's values win, what is denied stays denied, and a mistake is reported where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy.effective import ImportRule, Policy, ReadablePath


def _files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def _refusal(path: Path) -> InvalidPolicy:
    with pytest.raises(InvalidPolicy) as caught:
        Policy.load(path)
    return caught.value


def test_scalars_of_the_child_win_and_the_others_come_from_the_parent(tmp_path: Path) -> None:
    _files(
        tmp_path,
        parent="limits: {wall_seconds: 5, memory_mb: 64}\nisolation: {namespaces: 'off'}\noutput: {on_limit: kill}",
        child="extends: ./parent.yaml\nlimits: {memory_mb: 128}",
    )
    policy = Policy.load(tmp_path / "child.yaml")
    assert (policy.limits.wall_seconds, policy.limits.memory_mb) == (5, 128)
    assert policy.isolation.namespaces == "off"
    assert policy.output.on_limit == "kill"


def test_name_and_examples_are_about_one_file(tmp_path: Path) -> None:
    _files(tmp_path, parent="name: parent\nexamples: [{allow: x}]", child="extends: parent.yaml")
    policy = Policy.load(tmp_path / "child.yaml")
    assert policy.name == "child"
    assert policy.examples == ()


def test_import_lines_merge_by_module_in_the_order_of_the_parent(tmp_path: Path) -> None:
    _files(
        tmp_path,
        parent="language: {imports: [{module: os, facade: true, why: paths, deny: [remove]}, {module: math}]}",
        child="extends: parent.yaml\nlanguage:\n  imports:\n    - {module: re, why: text}\n"
        "    - {module: os, deny: [remove, rmdir]}\n    - {module: math, why: sums}",
    )
    assert Policy.load(tmp_path / "child.yaml").language.imports == (
        ImportRule(module="os", facade=True, why="paths", deny=("remove", "rmdir")),
        ImportRule(module="math", why="sums"),
        ImportRule(module="re", why="text"),
    )


def test_a_childs_line_that_only_denies_keeps_the_stand_in(tmp_path: Path) -> None:
    _files(tmp_path, child="extends: strict\nlanguage: {imports: [{module: os, deny: [remove]}]}")
    (rule,) = [rule for rule in Policy.load(tmp_path / "child.yaml").language.imports if rule.module == "os"]
    assert rule.facade
    assert rule.deny == ("remove",)


def test_a_module_denied_as_a_whole_is_gone_with_all_below_it(tmp_path: Path) -> None:
    _files(tmp_path, child="extends: analysis\nlanguage: {imports: [{module: scipy, deny: ['*']}]}")
    modules = {rule.module for rule in Policy.load(tmp_path / "child.yaml").language.imports}
    assert not any(module == "scipy" or module.startswith("scipy.") for module in modules)
    assert "sympy" in modules


def test_a_grandchild_cannot_allow_what_the_child_denied(tmp_path: Path) -> None:
    _files(
        tmp_path,
        child="extends: analysis\nlanguage: {imports: [{module: scipy, deny: ['*']}]}",
        grandchild="extends: child.yaml\nlanguage:\n  imports:\n    - {module: scipy.stats, why: again}",
    )
    error = _refusal(tmp_path / "grandchild.yaml")
    assert str(error) == (
        f"{tmp_path}/grandchild.yaml:4:7: language.imports: module 'scipy.stats' is denied by the policy that this one "
        f"extends ({tmp_path}/child.yaml:2:22), and what is denied stays denied: delete this line, or extend another "
        "policy."
    )
    assert (error.line, error.column, error.field) == (4, 7, "language.imports")


def test_names_that_a_parent_denies_cannot_be_allowed_by_an_empty_list(tmp_path: Path) -> None:
    _files(
        tmp_path,
        parent="language: {imports: [{module: os, deny: [remove]}]}",
        child="extends: parent.yaml\nlanguage: {imports: [{module: os, deny: []}]}",
    )
    assert Policy.load(tmp_path / "child.yaml").language.imports[0].deny == ("remove",)


def test_tool_lines_merge_by_name_and_a_denied_tool_stays_denied(tmp_path: Path) -> None:
    _files(
        tmp_path,
        parent="tools: {search: {max_calls: 3, why: words}, pay: {deny: true}}",
        child="extends: parent.yaml\ntools: {search: {max_calls: 5}, pay: {max_calls: 1}}",
        bold="extends: parent.yaml\ntools:\n  pay: {deny: false}",
    )
    rules = {rule.name: rule for rule in Policy.load(tmp_path / "child.yaml").tools}
    assert (rules["search"].max_calls, rules["search"].why) == (5, "words")
    assert rules["pay"].deny
    assert str(_refusal(tmp_path / "bold.yaml")) == (
        f"{tmp_path}/bold.yaml:3:15: tools: 'pay' is denied by the policy that this one extends "
        f"({tmp_path}/parent.yaml:1:57), and what is denied stays denied: delete this line, or extend another policy."
    )


def test_a_child_can_take_the_line_for_all_tools_away(tmp_path: Path) -> None:
    _files(tmp_path, child='extends: strict\ntools: {"*": {deny: true}, search: {max_calls: 1}}')
    assert [rule.name for rule in Policy.load(tmp_path / "child.yaml").tools] == ["search"]


def test_readable_paths_merge_by_path(tmp_path: Path) -> None:
    _files(
        tmp_path,
        parent="filesystem: {workspace: ro, read: [{path: /srv/a, why: one}, {path: /srv/b}]}",
        child="extends: parent.yaml\nfilesystem: {read: [{path: /srv/b, why: two}, {path: /srv/c}]}",
    )
    filesystem = Policy.load(tmp_path / "child.yaml").filesystem
    assert filesystem.workspace == "ro"
    assert filesystem.read == (
        ReadablePath(path="/srv/a", why="one"),
        ReadablePath(path="/srv/b", why="two"),
        ReadablePath(path="/srv/c"),
    )


def test_a_relative_path_starts_from_the_folder_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    _files(tmp_path, base="limits: {tool_calls: 7}")
    _files(tmp_path / "team", middle="extends: ../base.yaml", child="extends: ./middle.yaml")
    assert Policy.load(tmp_path / "team" / "child.yaml").limits.tool_calls == 7


def test_a_circle_is_refused_with_its_steps(tmp_path: Path) -> None:
    _files(tmp_path, a="extends: b.yaml", b="extends: ./a.yaml")
    assert str(_refusal(tmp_path / "a.yaml")) == (
        f"{tmp_path}/b.yaml:1:10: extends='./a.yaml' leads back to where it came from "
        f"({tmp_path}/a.yaml → {tmp_path}/b.yaml → {tmp_path}/a.yaml): delete the line."
    )


def test_a_circle_through_a_symbolic_link_is_a_circle(tmp_path: Path) -> None:
    _files(tmp_path, a="extends: b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    assert "leads back to where it came from" in str(_refusal(tmp_path / "a.yaml"))


def test_eight_steps_are_followed_and_a_ninth_is_refused(tmp_path: Path) -> None:
    _files(tmp_path, p0="limits: {tool_calls: 9}")
    _files(tmp_path, **{f"p{step}": f"extends: p{step - 1}.yaml" for step in range(1, 10)})
    assert Policy.load(tmp_path / "p8.yaml").limits.tool_calls == 9
    assert str(_refusal(tmp_path / "p9.yaml")) == (
        f"{tmp_path}/p1.yaml:1:10: extends='p0.yaml' makes a chain of more than 8 files below the first, which nobody "
        "can review: write some of them together."
    )


def test_a_mistake_in_the_parent_is_reported_there_even_where_the_child_would_cover_it(tmp_path: Path) -> None:
    _files(
        tmp_path,
        parent="version: 1\nlimits:\n  memory_mb: 8",
        child="extends: parent.yaml\nlimits: {memory_mb: 64}",
    )
    assert str(_refusal(tmp_path / "child.yaml")) == (
        f"{tmp_path}/parent.yaml:3:14: limits.memory_mb=8 must be at least 32: CPython alone needs that much to start. "
        "There is no value for 'unlimited'."
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "strct",
            "extends='strct' is not shipped: the shipped ones are analysis, expression, strict, tools-only, unrestricted; "
            'a path has a "/" in it or ends with .yaml.',
        ),
        ("./absent.yaml", "the policy file '{folder}/absent.yaml' cannot be read: there is no such file."),
        ("/", "the policy file '/' cannot be read: it is a folder; name the file in it."),
        ("/dev/zero", "the policy file '/dev/zero' cannot be read: it is a pipe, a device or a socket, not a file."),
    ],
)
def test_a_parent_that_cannot_be_had_is_reported_at_the_line_that_asks_for_it(
    tmp_path: Path, value: str, message: str
) -> None:
    _files(tmp_path, child=f"version: 1\nextends: {value}")
    error = _refusal(tmp_path / "child.yaml")
    assert str(error) == f"{tmp_path}/child.yaml:2:10: {message.format(folder=tmp_path)}"
    assert error.field == "extends"


def test_a_mapping_extends_a_shipped_policy_or_an_absolute_path(tmp_path: Path) -> None:
    _files(tmp_path, base="limits: {tool_calls: 7}")
    assert Policy.from_dict({"extends": f"{tmp_path}/base.yaml"}).limits.tool_calls == 7
    assert Policy.from_dict({"extends": "strict", "name": "x"}).language == Policy.load("strict").language
    with pytest.raises(InvalidPolicy) as caught:
        Policy.from_dict({"extends": "./base.yaml"})
    assert str(caught.value) == (
        "extends='./base.yaml' is relative, and there is no file that it could be relative to: "
        "give a shipped name or an absolute path."
    )
