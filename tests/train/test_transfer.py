"""A transfer with one command on a user's library: interrupted, resumed, with a model at the end."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
import torch
from raman_edge.errors import ConfigError
from raman_train import checkpoint, device, evaluate, loop, runs
from raman_train.benchmark.budget import OutOfTime, TimeBudget
from raman_train.cli import main
from raman_train.data import synthetic
from raman_train.transfer import results, study, systems

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TINY = (
    "drcnn-edge.model.width=4", "drcnn-edge.model.recursions=1", "drcnn-edge.model.squeeze=2", "drcnn-edge.model.embedding=8",
    "drcnn-edge.model.spectral=4", "pretraining.epochs=2", "pretraining.batch=8", "retraining.epochs=2", "retraining.batch=4",
)  # fmt: skip
CPU = torch.device("cpu")


def quiet(_: object) -> None:
    """Ignore a message."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight materials for the pretraining."""
    path = tmp_path_factory.mktemp("source") / "minerals.npz"
    synthetic.make(materials=8, specimens=2, exposures=1, seed=7).save(path)
    return path


def request(folder: Path, source: Path, *names: str, **changes: object) -> study.TransferRequest:
    """Return a request for three folds of four materials with three replicates each."""
    made = study.TransferRequest(
        name="mine",
        target=synthetic.make(materials=4, specimens=3, exposures=1),
        sources=(source,),
        systems=systems.read(names or ("drcnn-edge",), TINY if "drcnn-edge" in (names or ("drcnn-edge",)) else ()),
        folds=3,
        shots=0,
        seeds=(0,),
        out=folder,
        results=folder / "results.jsonl",
        device=CPU,
        budget=TimeBudget(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the fields are the request's own


def make(queries: study.TransferRequest) -> study.Study:
    """Return a study without output."""
    return study.Study(queries, quiet, lambda _: nullcontext(quiet))


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> study.Study:
    """drcnn-edge and a library search, finished."""
    made = make(request(tmp_path_factory.mktemp("finished"), source, "drcnn-edge", "root-derivative"))
    made.run()
    return made


def test_a_study_has_every_system_and_start(finished: study.Study) -> None:
    """A result for each fold of search, scratch, enrolled and transfer; together the folds test every spectrum once."""
    recorded = results.read(finished.request.results)
    assert [(line.system, line.start, line.fold) for line in recorded] == [
        (system, start, fold)
        for system, start in [
            ("root-derivative", "references"), ("drcnn-edge", "scratch"), ("drcnn-edge", "enrolled"), ("drcnn-edge", "transfer"),
        ]
        for fold in range(3)
    ]  # fmt: skip
    for line in recorded:
        assert (line.train, line.test, line.asked, line.labels) == (8, 4, 12, 4)
        assert (line.epochs, line.pretraining_epochs) == {"references": (0, 0), "scratch": (2, 0), "enrolled": (0, 2)}.get(
            line.start, (2, 2)
        )
        assert line.source == (("minerals.npz",) if line.pretraining_epochs else ())
        assert {row.ranking for row in line.figures} == (
            {"embedding"} if line.start == "enrolled" else {"head", "embedding"} | ({"library"} if line.system == "drcnn-edge" else set())
        )
    searched = [evaluate.main(line.figures).top1 for line in recorded if line.start == "references"]
    assert np.mean(searched) >= 0.75
    assert {line.split_sha256 for line in recorded if line.fold == 0}.isdisjoint({line.split_sha256 for line in recorded if line.fold == 1})


def test_what_is_retrained_begins_with_the_source(finished: study.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before its first step a transferred network has the pretrained weights except its last layer; from scratch it does not."""
    begun: list[dict[str, torch.Tensor]] = []

    def catch(network: torch.nn.Module, *_: object) -> tuple[torch.nn.Module, list[loop.Epoch]]:
        begun.append({name: value.clone() for name, value in network.state_dict().items()})
        return network, []

    monkeypatch.setattr(loop, "fit", catch)
    elsewhere = make(replace(finished.request, results=finished.request.out / "other.jsonl", systems=systems.read(["drcnn-edge"], TINY)))
    elsewhere.run()
    learned = finished.origin("drcnn-edge").network.state_dict()
    kept = set(learned) - {"classes", "directions", "kernel"}
    for transferred, weights in zip([False] * 3 + [True] * 3, begun, strict=True):
        same = {name for name in kept if torch.equal(weights[name], learned[name])}
        assert same == kept if transferred else "embed_0.weight" not in same
        assert not torch.equal(weights["directions"], learned["directions"])
        assert weights["classes"].shape[0] == 4


def test_what_is_done_is_not_done_again(finished: study.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same request again trains nothing; another retraining gives new results from the same pretrained network."""
    trained: list[int] = []
    fit = loop.fit

    def count(network: loop.Network, train: loop.Examples, *rest: object) -> object:
        trained.append(len(train))
        return fit(network, train, *rest)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(loop, "fit", count)
    make(finished.request).run()
    assert trained == []
    changed = replace(finished.request, systems=systems.read(["drcnn-edge"], [*TINY, "retraining.rate=0.01"]))
    make(changed).run()
    assert trained == [8] * 6


def test_a_spent_budget_stops_and_the_same_command_resumes(source: Path, tmp_path: Path) -> None:
    """Interrupted before the first training, within a fold and within the pretraining, a study ends with the same results."""
    queries = request(tmp_path / "torn", source)
    recorded: list[int] = []

    def recorded_study(one: study.TransferRequest) -> study.Study:
        return study.Study(one, quiet, lambda _: nullcontext(lambda epoch: recorded.append(epoch.epoch)))

    with pytest.raises(OutOfTime):
        recorded_study(replace(queries, budget=ticking(0))).run()
    assert not queries.results.exists()
    states = queries.out.rglob(checkpoint.STATE)
    stops = 0
    while len(results.read(queries.results)) < 9:
        try:
            recorded_study(replace(queries, budget=ticking(6))).run()
        except OutOfTime:
            stops += bool(list(queries.out.rglob(checkpoint.STATE)))
    assert next(states, None) is None
    assert stops >= 2
    assert recorded == [0, 1]
    whole = make(request(tmp_path / "whole", source))
    whole.run()
    output = ([(line.key, line.figures, line.disturbed) for line in results.read(one.results)] for one in (queries, whole.request))
    assert next(output) == next(output)
    assert not list((queries.out / "running").iterdir())


def ticking(seconds: float) -> TimeBudget:
    """Return a budget with a clock that advances by a second at each reading."""
    return TimeBudget(seconds, itertools.count().__next__)


def test_the_table_of_a_request_has_missing_rows(finished: study.Study) -> None:
    """Finished rows have their figures, others "not run"."""
    wider = make(replace(finished.request, systems=systems.read(["drcnn-edge", "root-derivative", "cosine", "fan"], TINY[:5] + TINY[5:])))
    rows = wider.table().splitlines()
    assert sum("3 of 3" in row for row in rows) == 1 + 1 + 2
    assert sum("not run" in row for row in rows) == 1 + 3


def test_the_model_kept_is_an_ordinary_run_of_the_whole_target(finished: study.Study, tmp_path: Path) -> None:
    """It is trained on every spectrum, is found again, another model is refused, and ``runs.prepare`` reads its data."""
    folder = tmp_path / "final"
    made = study.train_final(finished, "drcnn-edge", folder)
    about = checkpoint.load(made).about
    assert (about.spectra, about.epochs, about.config.data.protocol) == (12, 2, "none")
    assert about.precision == device.arithmetic(about.config.training.precision, CPU)
    material = runs.prepare(about.config)
    assert material.labels == about.labels
    assert np.array_equal(material.features, finished.target.features)
    before = made.stat().st_mtime_ns
    assert study.train_final(finished, "drcnn-edge", folder) == made
    assert made.stat().st_mtime_ns == before
    changed = make(replace(finished.request, systems=systems.read(["drcnn-edge"], [*TINY, "retraining.rate=0.02"])))
    with pytest.raises(ConfigError, match="choose another --keep"):
        study.train_final(changed, "drcnn-edge", folder)


def write(folder: Path, data: synthetic.Dataset) -> None:
    """Write a dataset as a folder of text files, one sub-folder per label."""
    for index in range(len(data)):
        spectrum = data.spectrum(index)
        place = folder / str(data.labels[index])
        place.mkdir(parents=True, exist_ok=True)
        rows = "\n".join(f"{x:.1f},{y:.5f}" for x, y in zip(spectrum.axis.shift, spectrum.counts, strict=True))
        (place / f"{data.names[index]}.csv").write_text(f"Raman shift (cm-1),Intensity\n{rows}\n")


def test_one_command_does_it_for_a_folder_of_text_files(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`raman-train transfer FOLDER` compares and writes a model; without FOLDER it prints the table again."""
    library = tmp_path / "mine"
    write(library, synthetic.make(materials=3, specimens=2, exposures=1))
    write(library, synthetic.make(materials=4, specimens=1, exposures=1).select(np.array([3])))
    sets = [word for text in TINY for word in ("--set", text)]
    where = ["--out", str(tmp_path / "out"), "--results", str(tmp_path / "results.jsonl")]
    command = ["transfer", str(library), "--source", str(source), "--systems", "drcnn-edge,root-derivative", "--seeds", "0"]
    assert main([*command, *where, *sets]) == 0
    output = capsys.readouterr().out
    assert "mine: 7 spectra of 4 labels" in output
    assert "1 labels with one replicate, which are distractors: material-003" in output
    assert "16 of 16 spectra cover at least 50% of the axis" in output
    assert output.count("| 2 of 2 |") == 4
    assert checkpoint.load(tmp_path / "out" / "final").about.labels == tuple(f"material-{n:03d}" for n in range(4))
    assert main(["transfer", *where]) == 0
    again = capsys.readouterr().out
    assert [row for row in again.splitlines() if row.startswith("|")] == [row for row in output.splitlines() if row.startswith("|")]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["{folder}"], 78, "contains no readable spectrum"),
        (["{folder}/nowhere"], 78, "does not exist"),
        (["{target}", "--systems", "resnet"], 78, "got 'resnet', expected some of"),
        (["{target}", "--folds", "9"], 78, "--folds: got 9"),
        (["{target}", "--source", "nowhere.npz"], 78, "--source: got nowhere.npz, which does not exist"),
        (["{target}", "--budget", "9"], 78, "--budget"),
        (["{target}", "--seeds", "2-0"], 78, "--seeds"),
    ],
)
def test_a_users_mistake_is_reported(
    arguments: list[str], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder, an unknown system, too many folds, no source: one line on stderr and exit code 78."""
    (tmp_path / "empty").mkdir()
    target = tmp_path / "target.npz"
    synthetic.make(materials=2, specimens=2, exposures=1).save(target)
    words = [word.format(folder=tmp_path / "empty", target=target) for word in arguments]
    assert main(["transfer", *words, "--out", str(tmp_path / "out")]) == code
    assert message in capsys.readouterr().err


def test_a_line_of_something_else_is_refused_with_its_number(tmp_path: Path) -> None:
    """JSON lines of another program are refused."""
    file = tmp_path / "results.jsonl"
    file.write_bytes(msgspec.json.encode({"system": "x"}) + b"\n")
    with pytest.raises(ConfigError, match="line 1 is not a result"):
        results.read(file)
