"""The actions of a record, run again without a model, and what they show compared with what they showed.

recording     what is played: a policy, its tools as they were, and steps in order
trails        from a trail, whose records have the results of tools and the changes by the host
trajectories  from the runs of an agent, which have the results and nothing else of the host
prompter      the tools of a replay: each call gets the reply that the record has
player        plays a recording once
compare       what is compared of an observation, and what is not
verdict       plays it, a second time where something differs, and says the first difference

Compared: outcome, findings, stdout, stderr, value, error (type, message, line), artifacts by digest, final answer, what was
not kept, and each call's tool and arguments. Not compared: time and memory used, tracebacks, and addresses of objects. Of an
action that a limit or the kernel ended: the outcome. Tools are not called: each call gets the recorded reply, and one that
has none ends what can be compared in its session. What differs is played once more: where the second time differs from the
first as well, it is a clock, chance or an order that nobody promised, and does not count.
"""

from __future__ import annotations
