"""The findings in the forms that people and programs read: one file per form, each a function from an `Examination`."""

from __future__ import annotations
