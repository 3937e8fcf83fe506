"""Task files: what they may hold, and what is said of those that cannot be used."""

from __future__ import annotations

from collections import Counter

import pytest

from safe_codeact import Policy
from safe_codeact.evaluation.document import InvalidTasks
from safe_codeact.evaluation.tasks import NEEDS, load, shipped
from safe_codeact.evaluation.workbench import Workbench

GOOD = """\
version: 1
domain: demo
tools: tools.py
tasks:
  - id: one
    instruction: How much is it?
    needs: [loop]
    files: [a.csv]
    answer: {number: 3}
    solution: final_answer(3)
"""
TOOLS = "def give(n: int) -> int:\n    '''Gives n.'''\n    return n\n\nTOOLS = [give]\n"


def written(tmp_path, text, tools=TOOLS):
    (tmp_path / "tools.py").write_text(tools)
    (tmp_path / "a.csv").write_text("x\n1\n")
    path = tmp_path / "tasks.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_task_file_is_read(tmp_path):
    """Every field."""
    (file,) = load([written(tmp_path, GOOD)])
    (task,) = file.tasks
    assert (task.id, task.instruction, task.needs, task.solution) == (
        "demo/one",
        "How much is it?",
        ("loop",),
        ("final_answer(3)",),
    )
    assert task.files == {"a.csv": b"x\n1\n"}
    assert (task.answer.kind, task.answer.value) == ("number", 3)


BAD = {
    "unknown field": (("    needs:", "    need:"), ":7:5: tasks[0]: there is no field 'need' here. Did you mean needs? The fields are id, instruction, answer, solution, needs, files."),
    "missing field": (("    solution: final_answer(3)\n", ""), ":5:5: tasks[0]: solution must be given."),
    "given twice": (("    needs: [loop]\n", "    needs: [loop]\n    needs: [state]\n"), ":8:5: tasks[0]: needs is given twice: keep one of the two."),
    "unknown need": (("[loop]", "[loop, magic]"), ":7:19: tasks[0].needs[1]: 'magic' is none of loop, filter, join, state, pages, units, table."),
    "no kind": (("{number: 3}", "{tolerance: 3}"), ":9:13: tasks[0].answer: needs exactly one of number, text, list, set, check; 0 are given."),
    "two kinds": (("{number: 3}", "{number: 3, text: a}"), ":9:13: tasks[0].answer: needs exactly one of number, text, list, set, check; 2 are given."),
    "option of another kind": (("{number: 3}", "{text: a, tolerance: 1}"), ":9:34: tasks[0].answer.tolerance: goes with number or list or set, not with text."),
    "number that is text": (("{number: 3}", "{number: three}"), ":9:22: tasks[0].answer.number: expected a number, not 'three': write it in plain digits (300, 0.5)."),
    "text that is a truth value": (("{number: 3}", "{text: no}"), ":9:20: tasks[0].answer.text: no is one thing to YAML and another to its readers: put it in quotes, or write a number in plain decimal digits, and true or false for a truth value."),
    "text that is a date": (("How much is it?", "2025-01-01"), ":6:18: tasks[0].instruction: 2025-01-01 is one thing to YAML"),
    "text that is a number": (("{number: 3}", "{text: 3}"), ":9:20: tasks[0].answer.text: expected text, but 3 is none: put it in quotes"),
    "empty list": (("[loop]", "[]"), ":7:12: tasks[0].needs: the list is empty: leave the field out, or name something."),
    "file that is not there": (("[a.csv]", "[b.csv]"), ":8:13: tasks[0].files[0]: there is no file 'b.csv' in "),
    "file elsewhere": (("[a.csv]", "[../a.csv]"), ":8:13: tasks[0].files[0]: '../a.csv' must be the name of a file in the same folder, without a path."),
    "another version": (("version: 1", "version: 2"), ":1:10: version: must be 1: there is no other version of this format."),
    "name with a slash": (("id: one", "id: a/b"), ":5:9: tasks[0].id: 'a/b' must be 1 to 60 letters, digits or '-'."),
    "alias": (("    needs: [loop]\n", "    needs: &n [loop]\n  - *n\n"), ":8:5: this is not YAML: an alias repeats a block: write it out."),
    "not YAML": (("{number: 3}", "{number: 3"), "this is not YAML"),
    "tasks that are no list": (("tasks:\n  - id: one", "tasks:\n    id: one"), ":5:5: tasks: expected a list, not a mapping."),
    "no module": (("tools: tools.py", "tools: other.py"), ":3:8: tools: there is no file 'other.py' in "),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_task_file_is_told_with_its_place(name, tmp_path):
    """File, line, column, field, what was found and the way out."""
    (old, new), message = BAD[name]
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(InvalidTasks) as caught:
        load([path])
    assert str(caught.value).startswith(f"{path}:")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "tasks.yaml:1:1: the file is empty: it needs version, domain, tools and tasks."),
        (b"version: 1\ndomain: \xff\n", "tasks.yaml:2: byte 0xff is not UTF-8: save the file as UTF-8."),
        (b"[" * 100_000, "tasks.yaml: lists and mappings are nested too deep to be tasks."),
        (b"a" * 2_000_000, "tasks.yaml: has more than 1048576 bytes: split the tasks over several files."),
        (b"- 1\n", "tasks.yaml:1:1: expected a mapping with version, domain, tasks, not a list."),
    ],
)
def test_what_is_no_task_file_at_all_is_told_too(raw, message, tmp_path):
    """Nothing else than `InvalidTasks` comes out."""
    with pytest.raises(InvalidTasks) as caught:
        load([written(tmp_path, raw)])
    assert str(caught.value).endswith(message)


def test_two_tasks_may_not_be_mistaken_for_each_other(tmp_path):
    """Neither by id nor by instruction."""
    text = GOOD + GOOD[GOOD.index("  - id") :].replace("How much", "How many")
    with pytest.raises(
        InvalidTasks, match=r"tasks.yaml:11: its id or its instruction is that of .*tasks.yaml:5: change one"
    ):
        load([written(tmp_path, text)])


@pytest.mark.parametrize("paths", [["nothing.yaml"], ["."]])
def test_a_path_without_task_files_is_told(paths, tmp_path, monkeypatch):
    """A name that is not there, and a folder that holds none."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidTasks, match=r"cannot be read: No such file|no task file \(\*\.yaml\) is there"):
        load([tmp_path / path for path in paths])


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ("x = 1 / 0\n", "tools.py:1: cannot be loaded: ZeroDivisionError: division by zero."),
        ("def f(:\n", "tools.py:1: cannot be loaded: SyntaxError: "),
        ("x = 1\n", "tools.py: TOOLS must be a list of the functions that a model may call."),
        ("TOOLS = [1]\n", "tools.py: TOOLS must be a list of the functions that a model may call."),
        ("async def f(): pass\nTOOLS = [f]\n", "tools.py: f is asynchronous: one call a turn has nothing to await; use `def`."),
        ("def _f(): pass\nTOOLS = [_f]\n", "cannot be a tool: expected a function whose name is a public identifier"),
    ],
)  # fmt: skip
def test_tools_that_cannot_be_used_are_told(tools, message, tmp_path):
    """The module, the line where there is one, and why."""
    (file,) = load([written(tmp_path, GOOD, tools)])
    with pytest.raises(InvalidTasks) as caught, Workbench(file):
        pass
    assert message in str(caught.value)


def test_a_policy_must_have_room_for_the_files(tmp_path):
    """Where tasks have files, the policy has a workspace."""
    (file,) = load([written(tmp_path, GOOD)])
    with pytest.raises(InvalidTasks, match="its tasks have files, and policy 'strict' has no workspace to put them"):
        Workbench(file, Policy.load("strict"))


def test_a_policy_must_allow_the_tools(tmp_path):
    """A model that is not shown a tool cannot be blamed for not using it."""
    (file,) = load([written(tmp_path, GOOD.replace("    files: [a.csv]\n", ""))])
    with pytest.raises(InvalidTasks, match=r"policy 'tools-only' does not allow the tools give\."):
        Workbench(file, Policy.load("tools-only"))


def test_the_shipped_tasks_are_in_five_domains_and_need_composition():
    """At least thirty; each kind of composition is needed by several; no two ask the same."""
    files = load(shipped())
    tasks = [task for file in files for task in file.tasks]
    assert len(files) == len({file.domain for file in files}) == 5
    assert len(tasks) >= 30
    needed = Counter(need for task in tasks for need in task.needs)
    assert needed.keys() == NEEDS.keys()
    assert min(needed.values()) >= 4
    assert all(task.needs for task in tasks)
