"""``raman-edge model info``: what runs here, what it was made from, how it was measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from raman_edge.cli import options as shared
from raman_edge.cli.output import is_terminal, write, write_text
from raman_edge.model.runtime import installed

if TYPE_CHECKING:
    import argparse

    from raman_edge.matching.library import Library
    from raman_edge.model.model import Model


def add(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action to the parser."""
    one = actions.add_parser("info", help="what runs here, what it was made from, how it was measured", allow_abbrev=False)
    shared.add_model(one)
    shared.add_json(one)
    one.set_defaults(action=run)


def run(options: argparse.Namespace) -> int:
    """Print facts as one object, or a line each for a person."""
    facts = describe(*shared.opened(options))
    if options.json or not is_terminal():
        write(json.dumps(facts, ensure_ascii=False).encode("utf-8", "backslashreplace"))
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        for line in _lines(value):
            write_text(f"{name.replace('_', ' '):{width}}  {line}")
            name = ""  # noqa: PLW2901 - a name stands beside its first line only
    return 0


def describe(model: Model, library: Library) -> dict[str, object]:
    """Return the facts of an opened pair, as JSON can carry them."""
    card, axis = model.card, model.card.recipe.axis
    made = card.provenance
    return {
        "model": f"{card.name}-{card.network[:12]}",
        "sha256": model.sha256,
        "precision": card.precision,
        "provider": model.provider,
        "onnxruntime": installed(),
        "notes": list(model.notes),
        "self_test": "passed: the model's own probe gave here what it gave where it was exported",
        "axis": {"start": axis.start, "stop": axis.stop, "points": len(axis)},
        "recipe": [step.tag for step in card.recipe.steps],
        "classes": len(card.labels),
        "embedding": card.embedding,
        "library": {"labels": len(library.labels), "references": len(library), "sha256": library.sha256},
        "known_at_least": card.decision.familiar.least,
        "ambiguous_below": card.decision.ambiguous_below,
        "trained_on": made.trained_on,
        "measured": dict(made.measured),
        "measured_how": made.measured_how,
        "created": made.created,
        "revision": made.revision,
        "licence": made.licence,
        "cite": list(made.cite),
        "minimum_raman_edge": card.minimum_raman_edge,
    }


def _lines(value: object) -> list[str]:
    """Return a fact as lines for a person."""
    if isinstance(value, dict):
        return [f"{name} {part:g}" if isinstance(part, float) else f"{name} {part}" for name, part in value.items()] or ["-"]
    if isinstance(value, list):
        return [str(part) for part in value] or ["-"]
    return [str(value) or "-"]
