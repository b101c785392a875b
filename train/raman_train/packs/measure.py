"""Measurements of packs, groups and causes; ``raman-train pack measure`` prints them again.

Groups are measured on Dataset_2, protocol ``sample``: with the √-derivative search on five splits, and with the networks of the runs that
are given, each trained for its split. The embedded network has seen every specimen: everyday materials, causes and the effect
of the packs on minerals are measured with it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import torch
from raman_edge.errors import ConfigError
from raman_edge.matching import pack as packs
from raman_edge.matching import ranking
from raman_edge.matching.aligned import AlignedSearch
from raman_edge.matching.pack import Pack
from raman_edge.service.identifier import Identifier, with_packs
from raman_edge.sources.files import FileSource
from raman_edge.spectrum import Axis, Spectrum

from raman_train import checkpoint, confidence, evaluate, loop, runs
from raman_train.benchmark import grid
from raman_train.data import datasets, organics
from raman_train.models.search import LibrarySearch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from raman_edge.identification import Identification

    from raman_train.config import Config
    from raman_train.data.datasets import Dataset

    Truth: TypeAlias = frozenset[str]
    """Labels that are right: several where a name stands for several."""

SEEDS = tuple(range(5))
WHOLE = 2500
"""Spectra of minerals that whole references are compared with."""
CASES = 150
"""Spectra of minerals that each constructed cause is measured on."""
SHIFTS = (-40.0, -20.0, 20.0, 40.0)
"""Errors of the axis, cm⁻¹."""
NOISE, FLUORESCENCE = 0.1, 40.0
"""Standard deviation of the added noise, and height of the added background, both over the highest line."""
STANDARDS = {"PST": "PS", "olystyrene": "PS", "acetonitrile": "Acetonitrile", "CAL": "Calcite", "Cal": "Calcite"}
"""Part of a file's name → the material in it."""


NONE: frozenset[str] = frozenset()
"""The truth of a material that is in no pack."""


class Answered(NamedTuple):
    """How spectra of one kind were answered."""

    what: str
    spectra: int
    named: int
    """Of them: any decision but ``unknown`` and ``rejected``."""
    right: int
    """Of the named: the material is among the names, or belongs to the group of the answer."""
    matches: int
    false_matches: int
    groups: int
    """Of the named: the decision ``group``."""

    def row(self) -> str:
        """Return a row of a table."""
        named = f"{self.named / self.spectra:.1%}" if self.spectra else "–"
        right = f"{self.right / self.named:.1%}" if self.named else "–"
        return f"| {self.what} | {self.spectra} | {named} | {right} | {self.groups} | {self.matches} | {self.false_matches} |"


@dataclass(frozen=True, slots=True)
class GroupFigures:
    """Shares over the test spectra of one split."""

    species: float
    """The first candidate is right."""
    species_or_group: float
    """It is, or shares a group with the truth."""
    level: float
    """The answer is right at its own level: species, group, or one of several names."""
    level_first: float
    """The same, where one of several names counts only if the first one is right."""
    group: float
    """A group is the answer."""
    group_right: float
    """Of these, the truth belongs to the group."""


def groups(split: ScoredSplit) -> GroupFigures:
    """Return the figures of a split; probabilities and levels are fitted on one half of its specimens and applied to the other."""
    library = MineralGroups()
    scored, labels = split.scored, split.labels
    first = confidence.halves(split.specimens)
    counts: Counter[str] = Counter()
    for fitted in (first, ~first):
        fusion = confidence.fit(scored.rows(fitted))
        levels = confidence.levels(scored.rows(fitted), fusion)
        tested = scored.rows(~fitted)
        scores = confidence.fused(tested, fusion.head_weight)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : ranking.CANDIDATES]
        shares = ranking.odds(np.take_along_axis(scores, order, axis=1), fusion.temperature, fusion.rank_prior)
        for row, odds, truth in zip(order, shares, tested.truth.tolist(), strict=True):
            names = [labels[k] for k in row.tolist()]
            _count(counts, names, odds, labels[truth], levels, library)
    total = counts["spectra"]
    return GroupFigures(
        species=counts["species"] / total,
        species_or_group=counts["species or group"] / total,
        level=counts["level"] / total,
        level_first=counts["level, first"] / total,
        group=counts["group"] / total,
        group_right=counts["group right"] / max(1, counts["group"]),
    )


def print_groups(splits: Iterable[tuple[int, ScoredSplit]], write: Callable[[str], None]) -> None:
    """Measure groups on splits, numbered by their seeds, and write the table."""
    write("| split | species always | species or its group | right at its level | the same, first name | group named | group right |")
    write("| --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    for seed, split in splits:
        rows.append(dataclasses.astuple(groups(split)))
        write(f"| {seed} | {' | '.join(f'{value:.4f}' for value in rows[-1])} |")
    write(f"| mean | {' | '.join(f'{value:.4f}' for value in np.mean(rows, axis=0).tolist())} |\n")


def print_everyday(folder: Path, model: Path | None, write: Callable[[str], None]) -> None:
    """Measure everyday materials with a model, by default the embedded one, and write the table; ``folder`` has the raw data."""
    write("| spectra | number | named | of these right | group | match | false match |")
    write("| --- | --- | --- | --- | --- | --- | --- |")
    for answered in everyday(folder, model):
        write(answered.row())


def print_tables(folder: Path, data: Path, networks: Sequence[Path], write: Callable[[str], None]) -> None:
    """Measure everything with the embedded model and write the tables.

    ``folder`` has the raw data, ``data`` is a dataset of ``raman-train import``, ``networks`` are runs on Dataset_2, protocol ``sample``.
    """
    print_groups(((seed, _searched(data, seed).by_species) for seed in SEEDS), write)
    if networks:
        print_groups(map(of_network, networks), write)
    write("| split | minerals alone | with the everyday references |")
    write("| --- | --- | --- |")
    kept = list(minerals_kept(data))
    for seed, (before, after) in enumerate(kept):
        write(f"| {seed} | {before:.4f} | {after:.4f} |")
    count, nearest, references = mineral_answers(data)
    write(f"\nEmbedded network: of {count} spectra of minerals, {nearest} are nearest to one of the {references} everyday references.\n")
    convinced = dict(whole_references(data))
    write("| whole references that convince of another label, of minerals | " + " | ".join(convinced) + " |")
    write(f"| {' | '.join(['---'] * (len(convinced) + 1))} |")
    write(f"| share | {' | '.join(f'{share:.4f}' for share in convinced.values())} |\n")
    print_everyday(folder, None, write)
    write("\n| spectra | causes |")
    write("| --- | --- |")
    for what, counts in causes(folder, data):
        write(f"| {what} | {', '.join(f'{name} {count}' for name, count in counts.most_common())} |")


class MineralGroups:
    """The groups of the minerals pack, without a library."""

    def __init__(self) -> None:
        materials = Pack.open(packs.shipped_path(packs.MINERALS)).materials
        self._groups = {label: frozenset(one.groups) for label, one in materials.items()}
        self._members = Counter(group for every in self._groups.values() for group in every)

    def of(self, label: str) -> frozenset[str]:
        """Return the groups of a label."""
        return self._groups.get(label, frozenset())

    def group_of(self, names: Sequence[str]) -> str | None:
        """Return the smallest group that all names share, as :meth:`raman_edge.matching.library.Library.group_of` does."""
        shared = frozenset.intersection(*map(self.of, names))
        return min(shared, key=lambda group: (self._members[group], group), default=None)


def _count(
    counts: Counter[str],
    names: list[str],
    odds: NDArray[np.float64],
    truth: str,
    levels: confidence.ConformalLevels,
    library: MineralGroups,
) -> None:
    """Count one spectrum, answered as :func:`raman_edge.matching.ranking.decide` does where no line speaks against the first name."""
    sets = [names[: max(1, int((odds >= least).sum()))] for least in levels]
    left = sets[0]
    if len(left) == 1 and odds[0] < ranking.EVEN:
        left = sets[1] if len(sets[1]) > 1 else names[:2]
    elif len(left) == 1 and odds[0] < ranking.LEAST_CHANCE and len(sets[1]) > 1 and library.group_of(sets[1]):
        left = sets[1]
    group = library.group_of(left) if len(left) > 1 else None
    in_group = group is not None and group in library.of(truth)
    counts["spectra"] += 1
    counts["species"] += names[0] == truth
    counts["species or group"] += names[0] == truth or library.group_of([names[0], truth]) is not None
    counts["group"] += group is not None
    counts["group right"] += in_group
    counts["level"] += in_group if group else truth in left
    counts["level, first"] += in_group if group else names[0] == truth


def minerals_kept(data: Path) -> Iterator[tuple[float, float]]:
    """Give top-1 of the √-derivative search without and with the everyday references, for each split."""
    everyday = Pack.open(packs.shipped_path(packs.EVERYDAY))
    for seed in SEEDS:
        split = _searched(data, seed)
        pairs = zip(everyday.spectra, everyday.contents.references, strict=True)
        vectors = split.embed([one for one, reference in pairs if reference.label not in split.by_species.labels])
        nearest = (split.queries @ vectors.T).max(axis=1)
        best = split.by_species.scored.similarity.max(axis=1)
        right = split.by_species.scored.similarity.argmax(axis=1) == split.by_species.scored.truth
        yield float(right.mean()), float((right & (best >= nearest)).mean())


def everyday(folder: Path, model: Path | None = None) -> Iterator[Answered]:
    """Give how everyday materials are answered with the minerals alone, with all shipped packs, and without their whole references.

    ``folder`` has the raw data; without ``model`` it is the embedded one.
    """
    without, with_all = (Identifier(model, packs=names, user_library=False) for names in ([packs.MINERALS], packs.SHIPPED))
    network = Identifier.of(with_all.model, dataclasses.replace(with_all.library, spectra=()))
    sheets, bottles, standards = list(_sheets(folder)), list(_bottles(folder, with_all)), list(_standards(folder))
    for name, identifier in (("minerals alone", without), ("all packs, network alone", network), ("all packs", with_all)):
        known = frozenset(with_all.library.labels)
        yield _answered(f"weathered sheets, {name}", [(truth, one) for truth, one in sheets if truth & known], identifier)
        yield _answered(f"PLA sheets (no reference), {name}", [(NONE, one) for truth, one in sheets if not truth & known], identifier)
        yield _answered(f"bottles in the packs, {name}", [(truth, one) for truth, one in bottles if truth], identifier)
        yield _answered(f"bottles in no pack, {name}", [(truth, one) for truth, one in bottles if not truth], identifier)
        yield _answered(f"standards on ten instruments, {name}", standards, identifier)


def mineral_answers(data: Path) -> tuple[int, int, int]:
    """Return the number of spectra, how many are nearest to a reference of a pack, and the number of those references.

    The references of the specimen are left out of the library; the network has seen it, so the share of right answers would
    say nothing.
    """
    dataset = datasets.load(data).subset("dataset_2")
    identifier = Identifier(packs=[packs.MINERALS], user_library=False)
    model, base = identifier.model, identifier.library
    both, _ = with_packs(model, base, packs.SHIPPED, identifier.path.parent)
    vectors = both.embedding
    chosen = np.random.default_rng(0).choice(len(dataset), 1000, replace=False)
    specimens, packed = np.array(both.specimens), np.array(["/" in name for name in both.specimens])
    first = 0
    for start in range(0, chosen.size, 100):
        part = chosen[start : start + 100]
        outputs = model.run(np.stack([model.card.recipe.features(dataset.spectrum(index)) for index in part.tolist()]))
        similarity = outputs.embedding @ vectors.T
        for row, index in zip(similarity, part.tolist(), strict=True):
            scores = np.where(np.char.find(specimens, str(dataset.specimens[index])) >= 0, -1.0, row)
            first += bool(packed[int(scores.argmax())])
    return chosen.size, first, int(packed.sum())


def whole_references(data: Path) -> Iterator[tuple[str, float]]:
    """Give the share of spectra of minerals that a whole reference of a pack would convince of another label.

    For the rule of :class:`raman_edge.matching.aligned.Aligned` and for looser ones, whatever the network answers; the network's matches
    stand, so this is the most that can go wrong.
    """
    dataset = datasets.load(data).subset("dataset_2")
    everyday = Pack.open(packs.shipped_path(packs.EVERYDAY))
    search = AlignedSearch([one.label for one in everyday.contents.references], everyday.spectra)
    chosen = np.random.default_rng(0).choice(len(dataset), WHOLE, replace=False).tolist()
    found = [(str(dataset.labels[index]), search.search(dataset.spectrum(index))) for index in chosen]
    others = [one for label, one in found if one is not None and one.label != label]
    yield "the rule", sum(one.convincing for one in others) / len(found)
    for similarity, windows in ((0.8, 2.0), (0.8, 0.0), (0.9, 0.0)):
        share = sum(one.similarity >= similarity and one.windows >= windows for one in others) / len(found)
        yield f"similarity ≥ {similarity:g}, windows ≥ {windows:g}", share
    yield f"the rule, references of {len(search)} minerals", _mineral_references(dataset, len(search), chosen)


def _mineral_references(dataset: Dataset, count: int, chosen: Sequence[int]) -> float:
    """Return the same share where the references are of ``count`` minerals, as in a pack of a mineral laboratory."""
    rng = np.random.default_rng(1)
    species = rng.choice(np.unique(dataset.labels), count, replace=False)
    references = [int(rng.choice(np.flatnonzero(dataset.labels == one))) for one in species]
    search = AlignedSearch([str(one) for one in species], [dataset.spectrum(index) for index in references])
    found = [search.search(dataset.spectrum(index)) for index in chosen if dataset.labels[index] not in species]
    return sum(one is not None and one.convincing for one in found) / len(found)


def causes(folder: Path, data: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Give the causes of constructed spectra, and of real ones that are in no pack; ``shifted axis, right`` has the error to 5 cm⁻¹."""
    identifier = Identifier(packs=packs.SHIPPED, user_library=False)
    minerals = Identifier(packs=[packs.MINERALS], user_library=False)
    dataset, rng = datasets.load(data).subset("dataset_2"), np.random.default_rng(0)
    chosen = rng.choice(len(dataset), CASES, replace=False).tolist()
    spectra = [dataset.spectrum(index) for index in chosen]
    labels = [str(dataset.labels[index]) for index in chosen]
    for error in SHIFTS:
        moved = [Spectrum(Axis(one.axis.shift + error), one.counts) for one in spectra]
        yield f"axis shifted by {error:+g} cm⁻¹", _causes(moved, identifier, labels, error)
    yield "noise of 10 %", _causes([_noisy(one, rng) for one in spectra], identifier)
    yield "fluorescence 40 times the lines", _causes([_fluorescent(one, rng) for one in spectra], identifier)
    plastics = [one for _, one in _sheets(folder)]
    yield "weathered sheets, minerals alone", _causes(plastics, minerals)
    yield "bottles in no pack", _causes([one for truth, one in _bottles(folder, identifier) if not truth], identifier)


def _causes(spectra: list[Spectrum], identifier: Identifier, labels: Sequence[str] = (), error: float = 0.0) -> Counter[str]:
    counts: Counter[str] = Counter()
    for place, one in enumerate(identifier.identify(spectra)):
        found = one.cause
        if found is None:
            counts["named" if one.names else one.decision] += 1
        elif found.kind == "shifted axis" and labels:
            right = found.names == (labels[place],) and abs((found.shift or 0.0) - error) <= 5.0  # noqa: PLR2004 - cm⁻¹
            counts[f"shifted axis, {'right' if right else 'wrong'}"] += 1
        else:
            counts[found.kind] += 1
    return counts


def _noisy(one: Spectrum, rng: np.random.Generator) -> Spectrum:
    return Spectrum(one.axis, one.counts + rng.normal(0.0, NOISE * float(one.counts.max()), len(one)))


def _fluorescent(one: Spectrum, rng: np.random.Generator) -> Spectrum:
    place = (one.axis.shift - one.axis.start) / (one.axis.stop - one.axis.start)
    whole = one.counts / one.counts.max() + FLUORESCENCE * np.exp(-(((place - 0.6) / 0.5) ** 2))
    return Spectrum(one.axis, rng.poisson(20_000 * np.maximum(whole, 0.0)).astype(np.float64))


def _answered(what: str, cases: list[tuple[Truth, Spectrum]], identifier: Identifier) -> Answered:
    answers = identifier.identify([one for _, one in cases])
    counts: Counter[str] = Counter()
    for (truth, _), one in zip(cases, answers, strict=True):
        right = _is_right(one, truth, identifier)
        counts["named"] += bool(one.names)
        counts["right"] += bool(one.names) and right
        counts["match"] += one.decision == "match"
        counts["false"] += one.decision == "match" and not right
        counts["group"] += one.decision == "group"
    return Answered(what, len(cases), *(counts[name] for name in ("named", "right", "match", "false", "group")))


def _is_right(one: Identification, truth: Truth, identifier: Identifier) -> bool:
    groups = {group for label in truth if (known := identifier.library.materials.get(label)) for group in known.groups}
    return bool(truth & frozenset(one.names)) or (one.decision == "group" and one.group in groups)


def _sheets(folder: Path) -> Iterator[tuple[Truth, Spectrum]]:
    """Give truth and spectrum of the weathered sheets."""
    with np.load(folder / "everyday" / "weathered_plastics.npz", allow_pickle=False) as arrays:
        shift, counts, labels = arrays["shift"].astype(np.float64), arrays["counts"].astype(np.float64), arrays["label"].tolist()
    for row, label in zip(counts, labels, strict=True):
        measured = np.isfinite(row)
        yield frozenset({str(label)}), Spectrum(shift[measured], row[measured])


def _bottles(folder: Path, identifier: Identifier) -> Iterator[tuple[Truth, Spectrum]]:
    """Give truth and spectrum of the handheld's compounds."""
    dataset = organics.read(folder / "organics" / "handheld_785.npz")
    for place, name in enumerate(dataset.labels.tolist()):
        yield frozenset(identifier.library.synonyms(name)), dataset.spectrum(place)


def _standards(folder: Path) -> Iterator[tuple[Truth, Spectrum]]:
    """Give truth and spectrum of the files of standards."""
    for path in sorted((folder / "instrument_files").rglob("*")):
        label = next((label for part, label in STANDARDS.items() if part in path.name), None)
        if path.is_file() and label and "openraman" not in path.parts:  # those have an axis of pixels
            with FileSource([str(path)], None) as source:
                yield from ((frozenset({label}), event) for event in source if isinstance(event, Spectrum))


class ScoredSplit(NamedTuple):
    """The scores of a system for the test spectra of a split."""

    scored: confidence.ScoredQueries
    specimens: NDArray[np.str_]
    """Of the test spectra, (n,)."""
    labels: tuple[str, ...]


class SearchedSplit(NamedTuple):
    """A split of Dataset_2 as the √-derivative search sees it."""

    by_species: ScoredSplit
    queries: NDArray[np.float32]
    """Vectors of the test spectra, (n, e)."""
    config: Config
    search: LibrarySearch

    def embed(self, spectra: Sequence[Spectrum]) -> NDArray[np.float32]:
        """Return the vectors of other spectra."""
        features = np.stack([self.config.recipe.features(one) for one in spectra])
        return loop.outputs(self.search, torch.from_numpy(features))[1]


def _searched(data: Path, seed: int) -> SearchedSplit:
    config = grid.configuration(grid.Cell("root-derivative", "dataset_2", "sample", seed), grid.DatasetFiles(str(data)))
    prepared = runs.prepare(config)
    split, classes = prepared.split, prepared.classes
    spectra = torch.from_numpy(prepared.features)
    search = LibrarySearch(spectra.shape[1], len(prepared.labels), "root-derivative")
    search.prepare(spectra[split.library], torch.from_numpy(classes[split.library]))
    logits, embedding = loop.outputs(search, spectra)
    scored = confidence.ScoredQueries.of(evaluate.SystemOutputs(logits, embedding, None), classes, split)
    # The logits of a search are its similarities: the class head has no weight.
    scored = scored._replace(head=scored.similarity, head_weights=(0.0,))
    by_species = ScoredSplit(scored, prepared.dataset.specimens[split.test], prepared.labels)
    return SearchedSplit(by_species, embedding[split.test], config, search)


def of_network(run: Path) -> tuple[int, ScoredSplit]:
    """Return the seed of a run's split, and its scores for the test spectra.

    Raises:
        ConfigError: if the run is not on Dataset_2 with protocol ``sample``, or has no class head of cosines.
    """
    trained = checkpoint.load(run)
    data = trained.about.config.data
    if (data.subset, data.protocol) != ("dataset_2", "sample"):
        got = f"{data.subset}, protocol {data.protocol}"
        raise ConfigError(kind="a run on other data", place=repr(str(run)), got=got, expected="dataset_2, protocol sample")
    prepared = runs.prepare(trained.about.config)
    scored = confidence.ScoredQueries.of(runs.predict(trained, prepared), prepared.classes, prepared.split)
    return data.split_seed, ScoredSplit(scored, prepared.dataset.specimens[prepared.split.test], prepared.labels)
