"""The ways into a policy: a shipped name, a file, a mapping. And the way back to YAML.

Each file is valid on its own before it is laid over what it extends, so that a mistake is reported in the file that
holds it, and cannot hide behind a child's line.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import ValidationError

from safe_codeact.errors import InvalidPolicy
from safe_codeact.frozen import dataclass
from safe_codeact.policy import document, effective, lock, shipped
from safe_codeact.policy.complaints import problems, shown
from safe_codeact.policy.example_lines import as_line
from safe_codeact.policy.fields import NO_UNLIMITED
from safe_codeact.policy.inherit import overlay
from safe_codeact.policy.schema import PolicyFile, to_effective
from safe_codeact.policy.tree import Entry, Mark, Node, plain

MAX_EXTENDS = 8


@dataclass(frozen=True, slots=True)
class Source:
    """One file of a chain: its tree, what it is called, and where relative paths start (None: there is no folder)."""

    root: Node
    label: str | None
    folder: str | None
    identity: str | None
    stem: str
    text: str = ""  # as it was read: a reviewer is shown its lines


def load_policy(source: str | os.PathLike[str] | Any) -> effective.Policy:
    """The policy of a shipped name (`"strict"`), of a path, or of any object whose `read_text()` gives YAML.

    A str is a path where it has a "/" or ends with .yaml or .yml, and a shipped name otherwise. Raises `InvalidPolicy`, also
    where a lock lies beside the file (`policy.lock`) and pins another digest.
    """
    if isinstance(source, os.PathLike):
        return _as_locked(_from_file(os.fsdecode(os.fspath(source))))
    if isinstance(source, str):
        return _as_locked(_from_reference(source, None, None))
    if callable(getattr(source, "read_text", None)):
        return _resolved(_from_text_holder(source))
    raise InvalidPolicy(
        f"a policy is loaded from a name, a path or an object with read_text(), not from {type(source).__name__}: "
        "use Policy.from_dict for a mapping."
    )


def policy_from_dict(values: Mapping[str, Any]) -> effective.Policy:
    """The policy of a mapping with the keys of the YAML file. `extends` is a shipped name or an absolute path."""
    if not isinstance(values, Mapping):
        raise InvalidPolicy(
            f"a policy is a mapping of sections, not {type(values).__name__}: write {{}} for one that grants nothing."
        )
    root = _tree(values)
    _validated(root)
    return _resolved(Source(root, None, None, None, ""))


def _as_locked(first: Source) -> effective.Policy:
    policy = _resolved(first)
    lock.compare(first.identity, policy)
    return policy


def _resolved(first: Source) -> effective.Policy:
    chain = _with_parents(first)
    return finished(chain, merged(chain))


def chain_of(source: str | os.PathLike[str]) -> list[Source]:
    """The file of a shipped name or a path, and after it what it extends, to the last. Raises `InvalidPolicy`."""
    text = os.fsdecode(os.fspath(source))
    named = isinstance(source, os.PathLike)
    return _with_parents(_from_file(text) if named else _from_reference(text, None, None))


def merged(chain: Sequence[Source]) -> Node:
    """The tree of the first file laid over the others'; each node still knows its file. Raises `InvalidPolicy`."""
    root = chain[-1].root
    for source in reversed(chain[:-1]):
        root = overlay(root, source.root)
    return root


def finished(chain: Sequence[Source], root: Node) -> effective.Policy:
    """The frozen policy of a merged tree, named after the chain's first file. Raises `InvalidPolicy`."""
    file = _validated(root)
    name = file.name or _name_from(chain[0].stem)
    return to_effective(file.model_copy(update={"name": name}))


def _with_parents(first: Source) -> list[Source]:
    chain = [first]
    while (node := chain[-1].root.entry("extends")) is not None and node.content is not None:
        chain.append(_parent(chain, node))
    return chain


def _parent(chain: list[Source], node: Node) -> Source:
    asked, mark = f"extends={shown(node.content)}", node.mark
    if len(chain) > MAX_EXTENDS:
        raise _at(
            mark,
            "extends",
            f"{asked} makes a chain of more than {MAX_EXTENDS} files below the first, which nobody can review: "
            "write some of them together",
        )
    parent = _from_reference(str(node.content), chain[-1].folder, mark)
    known = [source.identity for source in chain]
    if parent.identity in known:
        loop = " → ".join(str(source.label) for source in [*chain[known.index(parent.identity) :], parent])
        raise _at(mark, "extends", f"{asked} leads back to where it came from ({loop}): delete the line")
    return parent


def _from_reference(text: str, folder: str | None, mark: Mark | None) -> Source:
    """What a str names. `mark` is the `extends` line that it stands in, None for what a caller gave."""
    where, field = (mark, "extends") if mark is not None else (Mark(), None)
    asked = f"extends={shown(text)}" if mark is not None else f"the policy {shown(text)}"
    if "\n" in text:
        hint = "give an object with read_text(), or use Policy.from_dict"
        raise _at(where, field, f"{asked} is YAML text, not a name or a path: {hint}")
    if "/" not in text and not text.endswith((".yaml", ".yml")):
        path = shipped.path(text)
        if path is None:
            known = ", ".join(shipped.names())
            hint = 'a path has a "/" in it or ends with .yaml'
            raise _at(where, field, f"{asked} is not shipped: the shipped ones are {known}; {hint}")
        return _from_file(str(path), where, field)
    if mark is not None and not os.path.isabs(text):
        if folder is None:
            hint = "give a shipped name or an absolute path"
            raise _at(where, field, f"{asked} is relative, and there is no file that it could be relative to: {hint}")
        text = os.path.normpath(os.path.join(folder, text))
    return _from_file(text, where, field)


def _from_file(path: str, mark: Mark | None = None, field: str | None = None) -> Source:
    try:
        with open(path, "rb", opener=_open_plain) as file:
            raw = file.read(document.MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = _REASONS.get(type(error)) or (error.strerror if isinstance(error, OSError) else str(error))
        raise _at(mark or Mark(), field, f"the policy file {path!r} cannot be read: {reason}") from None
    text = document.decode(raw, path)
    root = _checked_tree(text, path)
    stem = os.path.splitext(os.path.basename(path))[0]
    return Source(root, path, os.path.dirname(path) or ".", os.path.realpath(path), stem, text)


_REASONS: dict[type[Exception], str] = {
    FileNotFoundError: "there is no such file",
    IsADirectoryError: "it is a folder; name the file in it",
    PermissionError: "this user may not read it",
}


def _open_plain(path: str, flags: int) -> int:
    """Opens a regular file only. Without the check a named pipe would hang the caller, and a device never ends."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(21, "it is a folder", path)
        raise ValueError("it is a pipe, a device or a socket, not a file")
    return descriptor


def _from_text_holder(source: Any) -> Source:
    label = str(getattr(source, "name", "") or "policy text")
    try:
        text = source.read_text()
    except (OSError, ValueError) as error:
        raise InvalidPolicy(f"the policy text cannot be read: {error}.", file=label) from None
    if not isinstance(text, str):
        raise InvalidPolicy(f"read_text() gave {type(text).__name__}, not text: a policy is YAML text.", file=label)
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise InvalidPolicy("the text holds half of a surrogate pair: it is not Unicode text.", file=label) from None
    text = document.decode(raw, label)
    stem = os.path.splitext(os.path.basename(label))[0]
    return Source(_checked_tree(text, label), label, None, None, stem, text)


def _checked_tree(text: str, label: str) -> Node:
    root = document.parse(text, label)
    _validated(root)
    return root


def _validated(root: Node) -> PolicyFile:
    if not isinstance(root.content, dict):
        raise _at(root.mark, None, "a policy file is a mapping: one `section:` per line, as `version: 1`")
    try:
        return PolicyFile.model_validate(plain(root))
    except ValidationError as error:
        raise problems(error, root)[0].exception() from None


def _name_from(stem: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", stem).lstrip("._-")[:64]


def _at(mark: Mark, field: str | None, message: str) -> InvalidPolicy:
    return InvalidPolicy(f"{message}.", file=mark.file, line=mark.line, column=mark.column, field=field)


def _tree(values: object, path: str = "", depth: int = 0) -> Node:
    """A Python mapping as a tree without places. Refuses what no policy file could say."""
    if depth > document.MAX_DEPTH:
        raise InvalidPolicy(f"{path} is nested deeper than {document.MAX_DEPTH}: no policy field is that deep.")
    if isinstance(values, Mapping):
        return Node(
            Mark(), {key: Entry(Mark(), _tree(item, inner, depth + 1)) for key, item, inner in _keys(values, path)}
        )
    if isinstance(values, list | tuple):
        return Node(Mark(), [_tree(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(values)])
    if isinstance(values, float) and not math.isfinite(values):
        raise InvalidPolicy(f"{path}={values} is not a number: write the bound you mean. {NO_UNLIMITED}", field=path)
    if isinstance(values, str) and document.deceptive(values):
        raise InvalidPolicy(f"{path} holds a control or invisible character: delete it.", field=path)
    if values is None or isinstance(values, str | int | float):
        return Node(Mark(), values)
    raise InvalidPolicy(
        f"{path} is {type(values).__name__}: a policy holds text, numbers, true, false, lists and mappings only.",
        field=path,
    )


def _keys(values: Mapping[Any, Any], path: str) -> Iterator[tuple[str, Any, str]]:
    for key, item in values.items():
        if type(key) is not str:
            raise InvalidPolicy(
                f"{path or 'the policy'} has the key {key!r}: names of fields are text.", field=path or None
            )
        yield key, item, f"{path}.{key}" if path else key


class _Writer(yaml.SafeDumper):
    """Quotes exactly the texts that the loader would read as something else, and repeats instead of aliasing."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        plain_enough = document.resolve(text) == text
    except ValueError:
        plain_enough = False
    return writer.represent_scalar(
        "tag:yaml.org,2002:str", text, style=None if plain_enough and "\n" not in text else '"'
    )


_Writer.add_representer(str, _represent_text)


def policy_to_yaml(policy: effective.Policy) -> str:
    """The effective policy as one YAML file, `extends` resolved, that loads back to the same digest."""
    values = policy.to_plain()
    values["tools"] = {rule.pop("name"): _given(rule) for rule in values["tools"]}
    values["language"]["imports"] = [_given(rule) for rule in values["language"]["imports"]]
    values["filesystem"]["read"] = [_given(rule) for rule in values["filesystem"]["read"]]
    values["examples"] = [as_line(example) for example in values["examples"]]
    return yaml.dump(_given(values), Dumper=_Writer, sort_keys=False, allow_unicode=True, width=120)


def in_one_line(value: object) -> str:
    """A value as the loader reads it back, on one line: mappings and lists in brackets."""
    return yaml.dump(
        value, Dumper=_Writer, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 20
    ).strip()


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that have no value: empty text, empty lists, None, and false (each of them a default)."""
    return {key: value for key, value in values.items() if value not in ("", [], {}, None) and value is not False}
