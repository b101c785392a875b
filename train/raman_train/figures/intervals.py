"""How surely a share is known."""

from __future__ import annotations

from scipy.stats import binomtest

SURE = 0.95


def wilson(right: int, asked: int) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval of ``right`` / ``asked`` (Wilson, J. Am. Stat. Assoc. 22 (1927) 209); asked ≥ 1.

    Unlike the textbook's ±1.96 σ it stays inside 0..1 and is honest about "all of three".
    """
    interval = binomtest(right, asked).proportion_ci(SURE, method="wilson")
    return float(interval.low), float(interval.high)
