"""What a call of a tool binds to: as `inspect` says, argument by argument and word by word."""

from __future__ import annotations

import inspect
import itertools

from safe_codeact.host.binding import Binder

_NAMES = ("a", "b", "c")
_FORMS = [(kind, default) for kind in inspect._ParameterKind for default in (inspect.Parameter.empty, 0)]
_CALLS = [
    (tuple(range(placed)), {name: name for name in named})
    for placed in range(5)
    for count in range(3)
    for named in itertools.permutations((*_NAMES, "other"), count)
]


def _signatures() -> list[inspect.Signature]:
    """All of up to three parameters."""
    found = []
    for size in range(4):
        for forms in itertools.product(_FORMS, repeat=size):
            try:
                found.append(
                    inspect.Signature(
                        [
                            inspect.Parameter(name, kind, default=default)
                            for name, (kind, default) in zip(_NAMES, forms, strict=False)
                        ]
                    )
                )
            except ValueError:  # no signature: an order that Python does not have
                continue
    return found


def _said(call: object, *given: object) -> object:
    try:
        return call(*given)  # type: ignore[operator]
    except TypeError as error:
        return str(error)


def test_every_small_signature_binds_every_call_as_inspect_does() -> None:
    signatures = _signatures()
    assert len(signatures) > 60
    for signature in signatures:
        binder = Binder(signature)
        for args, kwargs in _CALLS:
            expected = _said(lambda: signature.bind(*args, **kwargs))  # noqa: B023 - called at once
            bound = _said(binder.bind, args, kwargs)
            assert bound == expected, (signature, args, kwargs)
            if isinstance(bound, inspect.BoundArguments):
                assert list(bound.arguments) == list(expected.arguments)  # type: ignore[attr-defined]
                placed, named = binder.split(bound)
                assert (tuple(placed), list(dict(named).items())) == (bound.args, list(bound.kwargs.items()))
