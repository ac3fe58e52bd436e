"""How the numbers of one rule have to stand to each other; each refuses with ValueError."""

from itertools import pairwise

__all__ = ["check_above_zero", "check_at_least", "check_order"]


def check_above_zero(rule: object, *keys: str) -> None:
    """Refuse values of 0 or less."""
    check_at_least(rule, 0.0, *keys, or_equal=False)


def check_at_least(rule: object, lowest: float, *keys: str, or_equal: bool = True) -> None:
    """Refuse values below a limit, or at it where `or_equal` is False."""
    for key in keys:
        value = getattr(rule, key)
        if value < lowest or (value == lowest and not or_equal):
            words = "at least" if or_equal else "above"
            raise ValueError(f"{key}: expected a number {words} {lowest:g}, got {value:g}")


def check_order(rule: object, *keys: str, or_equal: bool = False) -> None:
    """Refuse values that do not rise from key to key."""
    for lower, upper in pairwise(keys):
        low, high = getattr(rule, lower), getattr(rule, upper)
        if high < low or (high == low and not or_equal):
            words = "at least" if or_equal else "above"
            raise ValueError(f"{upper}: expected a number {words} {lower} ({low:g}), got {high:g}")
