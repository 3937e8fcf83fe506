"""MAY THIS SOURCE RUN. Pure: text and policy in, verdict and code object out; no kernel feature, no import of the guest."""

from __future__ import annotations
