"""What a real model wrote: recorded replies of SmolLM2-135M-Instruct, mistakes and all, each with what it is to be read as.

`benchmarks/real_model.py` kept them; the recording is in `replies_smollm2.jsonl`. What stands there as expected is what a
CommonMark parser makes of the reply (`benchmarks/second_reading.py`), and was looked at by a person where blocks nest,
stay open or begin anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from replies_table import Case

from safe_codeact.agent.reply import Reply

_LINES = Path(__file__).with_suffix(".jsonl").read_text("utf-8").splitlines()


def _case(row):
    reply = Reply(text=row["text"], finish=row["finish"])
    return Case(name=row["name"], reply=reply, kind=row["kind"], format=row["format"], expected=row["expected"], blocks=row["blocks"])  # fmt: skip


SMOLLM2 = [_case(json.loads(line)) for line in _LINES]
