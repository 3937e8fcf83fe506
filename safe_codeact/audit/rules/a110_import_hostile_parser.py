"""A110 import-hostile-parser: an import of a parser that hostile files have broken before.

What        A line for parsers of XML, archives, images and documents.
Why         Entities expand without bound or name files, archives name members outside of the folder, decoders written
            in C have had memory errors every year.
Example     - {module: xml.etree.ElementTree, why: "the feed"}
Better      tools:
              read_feed: {why: "entries of the feed as plain data; reads only", max_calls: 5}
References  CWE-611, CWE-776, CWE-409
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A110", "import-hostile-parser", Severity.MEDIUM, Confidence.MEDIUM, imports_that(Effect.PARSER))
