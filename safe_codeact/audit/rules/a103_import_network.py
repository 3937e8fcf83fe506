"""A103 import-network: an import for talking to the network.

What        A line for a module that opens connections or serves them.
Why         The kernel filter refuses every socket, so the line grants an error; where the filter is `preferred` or
            `off`, it grants the network, with the host's address.
Example     - {module: requests, why: "the exchange rate"}
Better      tools:
              exchange_rate: {why: "today's rate of a currency", max_calls: 5}
References  CWE-918, CWE-200
"""

from __future__ import annotations

from safe_codeact.audit.families import imports_that
from safe_codeact.audit.finding import Confidence, Severity
from safe_codeact.audit.knowledge import Effect
from safe_codeact.audit.rule import Rule

RULE = Rule("A103", "import-network", Severity.MEDIUM, Confidence.HIGH, imports_that(Effect.NETWORK))
