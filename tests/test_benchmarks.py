"""The measured figures: the article's tables are what the results say."""

from __future__ import annotations

from pathlib import Path

from raman_train.benchmark import document, results, tables

DOCS = Path(__file__).parents[1] / "docs" / "benchmarks"


def test_the_article_shows_the_results() -> None:
    """Every table between markers is the one that ``raman-train benchmark --write`` makes of the lines beside it."""
    article = (DOCS / "README.md").read_text("utf-8")
    found = results.read(DOCS / "results.jsonl")
    assert found.results
    assert document.fill(article, tables.render(found.results)) == article
