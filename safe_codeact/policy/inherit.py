"""`extends`: a child's file laid over its parent's.

The child's values win. Lines under `language.imports`, `tools` and `filesystem.read` are matched by module, name and
path, and a child's line changes only the fields that it gives: were it taken as a whole, `{module: os, deny:
[remove]}` would drop the parent's `facade: true` and so widen what it means to narrow. What is denied stays denied:
names under `deny` add up, and a module or tool that a parent denies cannot be allowed again further down. `name` and
`examples` are about one file and are not inherited.
"""

from __future__ import annotations

from collections.abc import Mapping

from safe_codeact.errors import InvalidPolicy
from safe_codeact.policy.tree import Entry, Mark, Node, dotted

_KEYED = {"language.imports": "module", "filesystem.read": "path"}
_NOT_INHERITED = ("name", "extends", "examples")


def overlay(parent: Node, child: Node) -> Node:
    """The child's tree over the parent's, each valid alone. Raises `InvalidPolicy` where the child undoes a denial."""
    inherited = {key: entry for key, entry in _fields(parent).items() if key not in _NOT_INHERITED}
    merged = {key: entry for key, entry in _mapping(inherited, _fields(child), ()).items() if key != "extends"}
    return Node(child.mark, merged)


def _fields(node: Node | None) -> dict[str, Entry]:
    return node.content if node is not None and isinstance(node.content, dict) else {}


def _mapping(parent: Mapping[str, Entry], child: Mapping[str, Entry], path: tuple[str, ...]) -> dict[str, Entry]:
    merged = dict(parent)
    for key, entry in child.items():
        if key in parent:
            entry = Entry(entry.mark, _node(parent[key].node, entry.node, (*path, key)))
        merged[key] = entry
    return merged


def _node(parent: Node, child: Node, path: tuple[str, ...]) -> Node:
    if dotted(path) in _KEYED:
        return Node(child.mark, _lines(parent.items(), child.items(), path))
    if isinstance(child.content, dict) and isinstance(parent.content, dict):
        if path[0] == "tools" and len(path) == 2:
            _refuse_undenied_tool(parent, child, path[1])
        return Node(child.mark, _mapping(parent.content, child.content, path))
    return child


def _lines(parent: list[Node], child: list[Node], path: tuple[str, ...]) -> list[Node]:
    key = _KEYED[dotted(path)]
    merged = {_text(line, key): line for line in parent}
    for line in child:
        name = _text(line, key)
        for above in _with_parents(name) if key == "module" else ():
            if _denied_whole(merged.get(above)) and not _denied_whole(line):
                raise _undenied(f"{dotted(path)}: module {name!r}", merged[above].mark, line.mark, dotted(path))
        merged[name] = _line(merged[name], line) if name in merged else line
    gone = [name for name, line in merged.items() if _denied_whole(line)]
    return [
        line for name, line in merged.items() if name in gone or not any(name.startswith(f"{above}.") for above in gone)
    ]


def _line(parent: Node, child: Node) -> Node:
    fields = _mapping(_fields(parent), _fields(child), ())
    denied = (parent.entry("deny"), child.entry("deny"))
    if denied[0] is not None and denied[1] is not None and not _denied_whole(child):
        known = {item.content for item in denied[0].items()}
        added = [item for item in denied[1].items() if item.content not in known]
        fields["deny"] = Entry(fields["deny"].mark, Node(denied[1].mark, [*denied[0].items(), *added]))
    return Node(child.mark, fields)


def _text(line: Node, key: str) -> str:
    node = line.entry(key)
    return str(node.content) if node is not None else ""


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _denied_whole(line: Node | None) -> bool:
    deny = line.entry("deny") if line is not None else None
    return deny is not None and any(item.content == "*" for item in deny.items())


def _refuse_undenied_tool(parent: Node, child: Node, name: str) -> None:
    denied, asked = parent.entry("deny"), child.entry("deny")
    if name != "*" and denied is not None and denied.content is True and asked is not None and asked.content is False:
        raise _undenied(f"tools: {name!r}", denied.mark, asked.mark, f"tools.{name}.deny")


def _undenied(what: str, denied: Mark, asked: Mark, field: str) -> InvalidPolicy:
    where = f" ({denied})" if str(denied) else ""
    return InvalidPolicy(
        f"{what} is denied by the policy that this one extends{where}, and what is denied stays denied: "
        "delete this line, or extend another policy.",
        file=asked.file,
        line=asked.line,
        column=asked.column,
        field=field,
    )
