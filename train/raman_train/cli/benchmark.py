"""``raman-train benchmark``: systems × datasets × protocols × seeds, and the tables of the results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raman_train.cli import options as shared

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from raman_train.benchmark.budget import TimeBudget
    from raman_train.benchmark.sweep import Job, Outcome

SOME_FAILED = 1
DATASETS, PROTOCOLS = ("dataset_1", "dataset_2"), ("spectrum", "sample")
EPILOG = """A cell whose configuration has a line in the results is done, and an interrupted training is resumed: the same command
again runs the remaining cells. A row of a table shows the settings of its newest result, so that runs with --set need a results file
of their own. Run folders of finished cells are not needed again."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("benchmark", help="run systems on datasets with protocols and seeds; write the tables", epilog=EPILOG)
    one.add_argument("--systems", type=shared.names, metavar="A,B", help="systems (default: all)")
    one.add_argument("--datasets", type=shared.names, metavar="A,B", help=f"default: {','.join(DATASETS)}")
    one.add_argument("--protocols", type=shared.names, metavar="A,B", help=f"default: {','.join(PROTOCOLS)}")
    one.add_argument("--seeds", metavar="0-4", help="of split and training, such as 0,2,7 (default: 0-4)")
    one.add_argument("--data", default="runs/rruff.npz", metavar="FILE.npz", help="dataset_1, dataset_2 and everything")
    one.add_argument("--native", default="runs/rruff-native.npz", metavar="FILE.npz", help="dataset_3, from the database's own files")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key in every configuration")
    one.add_argument("--results", type=Path, default=Path("docs/benchmarks/results.jsonl"), metavar="FILE.jsonl", help="one line per run")
    one.add_argument("--runs", type=Path, default=Path("runs/benchmark"), metavar="DIR", help="folder of the run folders")
    one.add_argument("--budget", metavar="9m", help="time limit, such as 90s, 9m or 2h; the same command resumes")
    one.add_argument("--ray", metavar="ADDRESS", help="run the cells on this Ray cluster (extra 'cluster'); hosts share the folders")
    one.add_argument("--table2", action="store_true", help="run the queue of the paper's Table 2, or a part of it")
    one.add_argument("--dry-run", action="store_true", help="list the cells that would run")
    one.add_argument("--table", action="store_true", help="run nothing: print the tables of the results")
    one.add_argument("--write", type=Path, metavar="FILE.md", help="run nothing: write the tables between the markers of a document")
    one.add_argument("--speed", action="store_true", help="run nothing: measure the speed of a training, with --data if it exists")
    one.add_argument("--speed-batch", type=int, metavar="N", help="with --speed: the batch of our loop (default: 256 on a GPU)")
    one.add_argument("--speed-out", type=Path, metavar="FILE.json", help="with --speed: also write the report to a file")
    shared.add_device(one)
    one.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the benchmark, or write its tables; 1 if a cell failed."""
    if options.speed:
        return _speed(options)
    if options.table or options.write:
        return _render(options)
    from raman_train.benchmark.budget import TimeBudget, duration  # noqa: PLC0415 - before torch: its import counts

    budget = TimeBudget(duration(options.budget) if options.budget else None)
    from raman_train.benchmark import sweep  # noqa: PLC0415 - torch takes seconds to import

    jobs = _jobs(options)
    left = sweep.todo(jobs, options.results)
    _mention_torn(options.results)
    if options.dry_run:
        print("\n".join([*map(_state, left), f"{len(left)} of {len(jobs)} cells to run, in {options.runs}"]))
        return 0
    return _sweep(options, budget, left, len(jobs) - len(left))


def _jobs(options: argparse.Namespace) -> list[Job]:
    from raman_train import device  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.benchmark import grid, sweep  # noqa: PLC0415 - same

    files = grid.DatasetFiles(options.data, options.native)
    if options.table2:
        capped = device.pick(options.device).type == "cpu"
        wanted = grid.seeds(options.seeds) if options.seeds else ()
        cells = grid.table_2_part(options.systems or (), options.datasets or (), options.protocols or (), wanted)
        queue = [(cell, grid.table_2_configuration(cell, files, capped=capped)) for cell in cells]
        return [sweep.job(cell, config, options.runs, options.device) for cell, config in queue]
    datasets, protocols = options.datasets or DATASETS, options.protocols or PROTOCOLS
    cells = grid.cells(options.systems or ("all",), datasets, protocols, grid.seeds(options.seeds or "0-4"))
    return [sweep.job(cell, grid.configuration(cell, files, options.set), options.runs, options.device) for cell in cells]


def _sweep(options: argparse.Namespace, budget: TimeBudget, jobs: Sequence[Job], done: int) -> int:
    from raman_train import device  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.benchmark import cluster, results, sweep  # noqa: PLC0415 - same
    from raman_train.cli import progress  # noqa: PLC0415 - same

    durations = sweep.DurationEstimator(results.read(options.results).results, device.name_of(device.pick(options.device)))
    with progress.SweepProgress(jobs, durations) as observer:
        progress.log(f"{done + len(jobs)} cells, {done} done before{observer.left()}")
        outcomes: Iterable[Outcome] = (
            cluster.on(options.ray, jobs, budget) if options.ray else sweep.here(jobs, options.results, budget, durations, observer)
        )
        summary = sweep.run(jobs, outcomes, options.results, budget, observer)
    finished, failed, busy, left = (len(cells) for cells in (summary.finished, summary.failed, summary.busy, summary.left))
    progress.log(f"{finished} run, {failed} failed, {busy} left to another process, {left} left; results in {options.results}")
    for one in summary.failed:
        progress.log(f"failed  {one.cell}: {one.why}")
    if summary.left:
        progress.log(f"out of time; next is {summary.left[0]}. The same command again resumes")
    return SOME_FAILED if summary.failed else 0


def _render(options: argparse.Namespace) -> int:
    from raman_train.benchmark import document, results, tables  # noqa: PLC0415 - torch takes seconds to import

    rendered = tables.render(results.read(options.results).results)
    _mention_torn(options.results)
    if options.write:
        changed = document.write(options.write, rendered)
        print(f"{options.write}: {'written' if changed else 'was up to date'}")
    else:
        print("\n\n".join(f"## {name}\n\n{text}" for name, text in rendered.items()))
    return 0


def _speed(options: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415 - loaded with the modules below

    from raman_train import device, loop_benchmark  # noqa: PLC0415 - torch takes seconds to import

    chosen, data = device.pick(options.device), Path(options.data)
    report = loop_benchmark.run(chosen, data if chosen.type == "cuda" and data.exists() else None, options.speed_batch)
    print(loop_benchmark.table(report))
    if options.speed_out:
        options.speed_out.parent.mkdir(parents=True, exist_ok=True)
        options.speed_out.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return 0


def _mention_torn(file: Path) -> None:
    from raman_train.benchmark import results  # noqa: PLC0415 - torch takes seconds to import

    torn = results.read(file).torn
    if torn:
        print(f"raman-train: the last line of {file} is incomplete ({len(torn)} bytes) and ignored", file=sys.stderr)


def _state(job: Job) -> str:
    """Return the state of a run folder as text."""
    folder = Path(job.folder)
    if (folder / "checkpoint.safetensors").exists():
        return f"{folder.name}: trained, not measured"
    return f"{folder.name}: {'interrupted' if (folder / 'state.safetensors').exists() else 'not trained'}"
