"""Numbers as a reader wants them; a dash where there is none."""

from __future__ import annotations

NONE = "–"
NO_BREAK = "\u00a0"
MINUS = "−"


def percent(value: float | None, digits: int = 2, *, sign: bool = True) -> str:
    """`0.0123` as `+1.23 %`, without the plus where `sign` is False."""
    if value is None:
        return NONE
    return _minus(f"{value * 100:{'+' if sign else ''},.{digits}f}{NO_BREAK}%")


def number(value: float | None, digits: int = 2) -> str:
    """`-1.234` as `−1.23`, thousands separated."""
    return NONE if value is None else _minus(f"{value:,.{digits}f}")


def money(value: float | None, currency: str) -> str:
    """`-1234.5` as `−1,234 USD`, whole units from 100 on."""
    if value is None:
        return NONE
    return _minus(f"{value:,.{0 if abs(value) >= 100 else 2}f}{NO_BREAK}{currency}")


def count(value: int | None) -> str:
    """`12345` as `12,345`."""
    return NONE if value is None else f"{value:,}"


def _minus(text: str) -> str:
    bare = text.lstrip("+-")
    if not any(digit in bare for digit in "123456789"):
        return bare  # rounded to nothing: no sign
    return text.replace("-", MINUS)
