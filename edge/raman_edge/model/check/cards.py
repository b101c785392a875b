"""What a model's card may say and ask for, beside being of the right form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raman_edge.errors import CardError
from raman_edge.preprocessing import Baseline, Despike, Smooth

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from raman_edge.model.card import ModelCard
    from raman_edge.preprocessing import Step

MAX_STEPS = 16
"""Of a recipe."""
MAX_WINDOW = 1001
"""Points that a step may look at around each one."""
MAX_ORDER = 20
"""Of a polynomial that is fitted."""
LONGEST_NAME = 200
LONGEST_TEXT = 4000
SHOWN = 60
"""Characters of a text that a message shows."""


def check(card: ModelCard) -> None:
    """Refuse texts that a terminal might obey, and recipes that take more time or memory than a spectrum is worth.

    Raises :class:`CardError`.
    """
    made = card.provenance
    for what, names in (("a label", card.labels), ("a name of a figure", made.measured), ("a name", (card.name, card.network))):
        check_names(f"the model's card: {what}", names)
    said = (made.trained_on, made.licence, made.created, made.revision, made.config_sha256, made.measured_how, card.minimum_raman_edge)
    check_names("the model's card: a text", (*said, *made.cite), LONGEST_TEXT)
    if len(card.recipe.steps) > MAX_STEPS:
        msg = f"the model's recipe has {len(card.recipe.steps)} steps, at most {MAX_STEPS} are run"
        raise CardError(msg)
    for step in card.recipe.steps:
        for name, value, most in _demands(step):
            if value > most:
                msg = f"the model's recipe wants {name} {value} of {step.tag}, at most {most} is run"
                raise CardError(msg)


def check_names(what: str, names: Iterable[str], longest: int = LONGEST_NAME) -> None:
    """Refuse texts that cannot be printed as they are, or that are longer than anyone reads; :class:`CardError`."""
    for text in names:
        if not text.isprintable() or len(text) > longest:
            msg = f"{what} has {len(text)} characters, {text[:SHOWN]!a}: at most {longest} are shown, and only such as can be printed"
            raise CardError(msg)


def _demands(step: Step) -> Iterator[tuple[str, int, int]]:
    """Give what of a step's settings makes it slow: its name, its value, the largest that is run."""
    match step:
        case Smooth(window=window, order=order):
            yield "window", window, MAX_WINDOW
            yield "order", order, MAX_ORDER
        case Baseline(half_window=half_window):
            yield "half_window", half_window, MAX_WINDOW
        case Despike(width=width):
            yield "width", width, MAX_WINDOW
        case _:
            return
