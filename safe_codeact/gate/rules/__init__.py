"""The rules of the gate, one file each. A file's docstring is the page that `safe-codeact explain CODE` prints."""

from __future__ import annotations

from safe_codeact.gate.rule import Rule
from safe_codeact.gate.rules import (
    g101_source_size,
    g102_source_text,
    g103_syntax_error,
    g104_source_complexity,
    g105_unknown_syntax,
    g106_formula_syntax,
    g107_formula_name,
    g201_dunder_attribute,
    g202_reserved_variable,
    g203_guarded_attribute,
    g204_frame_attribute,
    g205_class_definition,
    g301_unavailable_builtin,
    g302_dynamic_attribute,
    g303_dynamic_code,
    g401_import_not_allowed,
    g402_denied_name,
    g403_relative_import,
    g404_private_import,
    g501_format_attribute,
    g502_reserved_character,
)

_MODULES = (
    g101_source_size,
    g102_source_text,
    g103_syntax_error,
    g104_source_complexity,
    g105_unknown_syntax,
    g106_formula_syntax,
    g107_formula_name,
    g201_dunder_attribute,
    g202_reserved_variable,
    g203_guarded_attribute,
    g204_frame_attribute,
    g205_class_definition,
    g301_unavailable_builtin,
    g302_dynamic_attribute,
    g303_dynamic_code,
    g401_import_not_allowed,
    g402_denied_name,
    g403_relative_import,
    g404_private_import,
    g501_format_attribute,
    g502_reserved_character,
)

RULES: tuple[Rule, ...] = tuple(module.RULE for module in _MODULES)

_PAGES: dict[str, str] = {module.RULE.code: module.__doc__ or "" for module in _MODULES}


def page(code: str) -> str:
    """The published page of a rule. Raises `KeyError` with the known codes for any other text."""
    try:
        return _PAGES[code.upper()]
    except KeyError:
        raise KeyError(f"{code!r} is not a rule; the rules are {', '.join(sorted(_PAGES))}") from None
