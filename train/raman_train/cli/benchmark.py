"""``raman-train benchmark``: systems × datasets × protocols × seeds, and the tables made of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from raman_train.cli import options as shared

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from raman_train.benchmark.budget import Budget
    from raman_train.benchmark.sweep import Summary
    from raman_train.benchmark.work import Job, Outcome

SOME_FAILED = 1
EPILOG = """Cells whose configuration has a line in the results are done; a training that was stopped goes on where it
stands, so that the same command again does what is left. A table's row shows the settings that were run last: runs with
--set belong into results of their own. Run folders of finished cells are not needed again."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("benchmark", help="run systems on datasets by protocols and seeds; render the tables", epilog=EPILOG)
    _add_grid(one)
    one.add_argument("--results", type=Path, default=Path("docs/benchmarks/results.jsonl"), metavar="FILE.jsonl", help="one line a run")
    one.add_argument("--runs", type=Path, default=Path("runs/benchmark"), metavar="DIR", help="where the run folders are")
    one.add_argument("--budget", metavar="9m", help="stop in time, such as after 90s, 9m or 2h; the same command goes on")
    one.add_argument("--ray", metavar="ADDRESS", help="run the cells on the Ray cluster there (extra 'cluster'); folders are shared")
    one.add_argument(
        "--table2", action="store_true", help="run the paper's own networks in the order of docs/benchmarks, instead of a grid"
    )
    one.add_argument("--dry-run", action="store_true", help="say what would be run")
    one.add_argument("--table", action="store_true", help="run nothing: print the tables of the results")
    one.add_argument("--write", type=Path, metavar="FILE.md", help="run nothing: put the tables between the markers of a document")
    one.add_argument(
        "--speed", action="store_true", help="run nothing: measure how fast a training is on the device, of --data where that is there"
    )
    one.add_argument("--speed-batch", type=int, metavar="N", help="with --speed: the batch of our training (default: 256 on a GPU)")
    one.add_argument("--speed-out", type=Path, metavar="FILE.json", help="with --speed: write the report there too")
    shared.add_device(one)
    one.set_defaults(run=run)


def _add_grid(one: argparse.ArgumentParser) -> None:
    """Add the options that say which cells there are."""
    one.add_argument("--systems", type=_names, default=("all",), metavar="A,B", help="systems, or all (default)")
    one.add_argument("--datasets", type=_names, default=("dataset_1", "dataset_2"), metavar="A,B", help="default: dataset_1,dataset_2")
    one.add_argument("--protocols", type=_names, default=("spectrum", "sample"), metavar="A,B", help="default: spectrum,sample")
    one.add_argument("--seeds", default="0-4", metavar="0-4", help="of split and training, such as 0-4 or 0,2,7")
    one.add_argument("--data", default="runs/rruff.npz", metavar="FILE.npz", help="dataset_1, dataset_2 and everything")
    one.add_argument("--native", default="runs/rruff-native.npz", metavar="FILE.npz", help="dataset_3, from the database's own files")
    one.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a key in every configuration")


def run(options: argparse.Namespace) -> int:
    """Do what the options say; 1 where a cell failed."""
    if options.speed:
        return _speed(options)
    if options.table or options.write:
        return _render(options)
    from raman_train.benchmark.budget import Budget, duration  # noqa: PLC0415 - only what the command needs

    budget = Budget(duration(options.budget) if options.budget else None)
    from raman_train.benchmark import sweep  # noqa: PLC0415 - torch takes seconds to import, and they count

    jobs = _jobs(options)
    left = sweep.todo(jobs, options.results)
    _mention_torn(options.results)
    if options.dry_run:
        print("\n".join([*map(_state, left), f"{len(left)} of {len(jobs)} cells to run, in {options.runs}"]))
        return 0
    return _sweep(options, budget, left, len(jobs) - len(left))


def _jobs(options: argparse.Namespace) -> list[Job]:
    from raman_train.benchmark import grid, table2, work  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.loop import pick_device  # noqa: PLC0415 - same

    files = grid.Files(options.data, options.native)
    if options.table2:
        capped = pick_device(options.device).type == "cpu"
        queue = [(cell, table2.configuration(cell, files, capped=capped)) for cell in table2.cells()]
        return [work.job(cell, config, options.runs, options.device) for cell, config in queue]
    cells = grid.cells(options.systems, options.datasets, options.protocols, grid.seeds(options.seeds))
    return [work.job(cell, grid.configuration(cell, files, options.set), options.runs, options.device) for cell in cells]


def _sweep(options: argparse.Namespace, budget: Budget, jobs: Sequence[Job], done: int) -> int:
    from raman_train.benchmark import cluster, results, sweep  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.benchmark.pace import Pace  # noqa: PLC0415 - same
    from raman_train.cli.told import Told  # noqa: PLC0415 - same
    from raman_train.loop import pick_device  # noqa: PLC0415 - same
    from raman_train.runs import device_name  # noqa: PLC0415 - same

    pace = Pace(results.read(options.results).results, device_name(pick_device(options.device)))
    audience = Told(jobs, pace)
    audience.say(f"{done + len(jobs)} cells, {done} done before{audience.left()}")
    outcomes: Iterable[Outcome] = (
        cluster.on(options.ray, jobs, budget) if options.ray else sweep.here(jobs, options.results, budget, pace, audience)
    )
    summary = sweep.run(jobs, outcomes, options.results, budget, audience)
    audience.say(_summed(summary, options.results))
    return SOME_FAILED if summary.failed else 0


def _summed(summary: Summary, file: Path) -> str:
    counts = (
        f"{len(summary.finished)} run, {len(summary.failed)} failed, {len(summary.busy)} left to another process, {len(summary.left)} left"
    )
    lines = [f"failed  {failed.cell}: {failed.why}" for failed in summary.failed]
    if summary.left:
        lines.append(f"the time is up; next is {summary.left[0]}. The same command again goes on")
    return "\n".join([f"{counts}; results in {file}", *lines])


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
    from raman_train import speed  # noqa: PLC0415 - torch takes seconds to import
    from raman_train.loop import pick_device  # noqa: PLC0415 - same

    device, data = pick_device(options.device), Path(options.data)
    report = speed.run(device, data if device.type == "cuda" and data.exists() else None, options.speed_batch)
    print(speed.table(report))
    if options.speed_out:
        options.speed_out.parent.mkdir(parents=True, exist_ok=True)
        options.speed_out.write_bytes(speed.encode(report))
    return 0


def _mention_torn(file: Path) -> None:
    from raman_train.benchmark import results  # noqa: PLC0415 - torch takes seconds to import

    torn = results.read(file).torn
    if torn:
        print(f"raman-train: the last line of {file} was torn by a kill ({len(torn)} bytes) and is left out", file=sys.stderr)


def _state(job: Job) -> str:
    """Return how far a job's run folder is."""
    folder = Path(job.folder)
    if (folder / "checkpoint.safetensors").exists():
        return f"{folder.name}: trained, to be measured"
    return f"{folder.name}: {'to be continued' if (folder / 'state.safetensors').exists() else 'to be trained'}"


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
