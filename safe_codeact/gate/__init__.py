"""MAY THIS SOURCE RUN. Pure: text and policy in, verdict and code object out; no kernel feature."""

from __future__ import annotations
