"""What was done: one file per trail, a line for each action, tool call and change by the host, each bound to the one before.

line      how a record is written: canonical, in ASCII, with its hash
forms     values of tools and variables as JSON that reads back, and the policy's redactions
file      the open file: one writer, torn ends set aside, what reaches the disk when
trail     `Trail`: which records there are, and when each is written
verify    whether a file is whole, and the first record that is not
show      records for a person
reading   records of a file, one after the other

A line is a JSON object: `n` (from 0, without gaps), `at` (UTC), `kind`, the fields of that kind (`trail`), `previous` (the hash of
the line before), in a signed checkpoint `signature`, and last `hash`: SHA-256 of the line up to `,"hash"`.
"""

from __future__ import annotations

from safe_codeact.trail.trail import Trail
from safe_codeact.trail.verify import Verdict, verify

__all__ = ["Trail", "Verdict", "verify"]
