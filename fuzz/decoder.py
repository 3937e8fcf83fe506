"""The only code of the host that a worker's bytes enter: messages within their bounds, or a violation in our own words."""

from __future__ import annotations

from safe_codeact.fuzzing.alone import main

if __name__ == "__main__":
    main("decoder")
