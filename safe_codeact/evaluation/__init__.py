"""Is Python the better way for a model to act? The same tasks, loop, tools and sessions under three action formats.

tasks      what a task is, read from YAML (`document`); the shipped ones lie in the folder `domains`
answers    whether an answer is the expected one
styles     the formats: code as the loop has it, one JSON call a turn, one textual call a turn (`literals` reads those)
workbench  the tools of a task file in a runtime, as new for each run
run        attempts, one after the other, each kept as a line of JSON (`record`); a run that was stopped goes on from there
summary    success, turns and tokens per format, with intervals
player     an endpoint on the loopback interface that plays each task's reference solution in each format
"""

from __future__ import annotations

from safe_codeact.evaluation.document import InvalidTasks
from safe_codeact.evaluation.tasks import Task, TaskFile, load, shipped

__all__ = ["InvalidTasks", "Task", "TaskFile", "load", "shipped"]
