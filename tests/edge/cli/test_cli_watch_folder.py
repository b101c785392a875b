"""``raman-edge watch`` and what its folder may do to it: outputs under other names, folders that go away, floods, halves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import build
import command
import pytest
from markers import slow
from watch_process import Watch, digests, journaled

if TYPE_CHECKING:
    from pathlib import Path

STABLE = ("--stable", "0.1")


def bind(outside: Path, inside: Path) -> None:
    """Give a folder a second place."""
    if sys.platform == "win32":
        pytest.skip("Windows has no bind mounts")
    inside.mkdir()
    mounted = subprocess.run(["mount", "--bind", outside, inside], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing may be mounted here: {mounted.stderr.strip()}")


@pytest.mark.parametrize("how", ["hard link", *slow("bind mount", "made later")])
def test_an_output_is_known_under_any_name(folder: Path, tmp_path: Path, model: Path, how: str) -> None:
    """A file of results that is also reached inside the watched folder is not read, however it comes there, with one note."""
    outside = tmp_path / "out"
    outside.mkdir()
    results = outside / "results.csv"
    if how == "hard link":
        results.touch()
        (folder / "linked.csv").hardlink_to(results)
    else:
        bind(outside, folder / "bound")
    try:
        with Watch(folder, model, *STABLE, "--output", f"csv:{results}", "--json") as watch:
            for number in range(3):
                if number == 1 and how == "made later":
                    watch.wait_until(results.exists, "the output")
                    results.rename(tmp_path / "rotated")
                (folder / f"{number}.csv").write_text(build.text(seed=number))
                watch.wait_for(number + 1)
                time.sleep(0.3)
            time.sleep(0.5)
            assert watch.stop() == command.STOPPED
    finally:
        if how != "hard link":
            subprocess.run(["umount", "--lazy", folder / "bound"], check=True)
    assert len(watch.lines) == 3
    assert watch.noted("is not read: this command writes it") == 1


@pytest.mark.parametrize("kind", ["jsonl", *slow("csv")])
def test_an_output_of_another_process_does_not_go_on_for_ever(folder: Path, model: Path, kind: str) -> None:
    """Records that another raman-edge writes into the watched folder are answered once, with a note; spectra are still answered."""
    (folder / "0.csv").write_text(build.text(seed=0))
    with Watch(folder, model, *STABLE, "--json") as watch:
        watch.wait_for(1)
        other = command.start("forward", "--journal", watch.journal, "--output", f"{kind}:{folder / 'results'}")
        try:
            watch.wait_until(lambda: watch.noted("holds records of raman-edge") > 0, "a note")
            (folder / "1.csv").write_text(build.text(seed=1))
            watch.wait_for(3)
            time.sleep(1.0)
        finally:
            other.terminate()
            other.communicate()
        assert watch.stop() == command.STOPPED
    assert sorted(str(line["event"]) for line in watch.lines) == ["fault", "result", "result"]
    assert watch.noted("holds records of raman-edge") == 1
    verified = command.call("journal", "verify", "--journal", watch.journal)
    assert verified.returncode == 0, verified.stderr


def test_an_output_below_another_name_of_the_folder_is_refused(folder: Path, tmp_path: Path, model: Path) -> None:
    """An output in the watched folder itself is refused also where that is mounted elsewhere."""
    bind(folder, tmp_path / "elsewhere")
    try:
        output = f"jsonl:{tmp_path / 'elsewhere' / 'results.jsonl'}"
        done = command.call("watch", folder, "--once", "--model", model, "--journal", tmp_path / "j.sqlite3", "--output", output)
    finally:
        subprocess.run(["umount", "--lazy", tmp_path / "elsewhere"], check=True)
    assert done.returncode == 78
    assert b"in the watched folder" in done.stderr


def test_subfolders_that_come_and_go_do_not_end_a_single_pass(folder: Path, model: Path, tmp_path: Path) -> None:
    """While another program makes and removes folders below, a single pass answers what lies there and ends well."""
    for number in range(20):
        (folder / f"{number}.csv").write_text(build.text(seed=number))
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            for number in range(400):
                (folder / f"sub {number}").mkdir(exist_ok=True)
            for number in range(400):
                (folder / f"sub {number}").rmdir()

    coming = threading.Thread(target=come_and_go)
    coming.start()
    try:
        done = command.call("watch", folder, "--once", *STABLE, "--model", model, "--journal", tmp_path / "j.sqlite3", "--json")
    finally:
        over.set()
        coming.join()
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 20
    assert b"cannot be" not in done.stderr


def test_ignored_names_are_counted_at_the_end(folder: Path, model: Path, tmp_path: Path) -> None:
    """The last line says how many names were not looked at, and why."""
    for name in (".hidden.csv", "~lock.csv", "a.tmp"):
        (folder / name).write_text(build.text())
    (folder / "a.csv").write_text(build.text())
    folder.joinpath(*"123456789").mkdir(parents=True)
    done = command.call("watch", folder, "--once", *STABLE, "--model", model, "--journal", tmp_path / "j.sqlite3", "--json")
    assert done.returncode == 0
    assert b"; 4 ignored (2 hidden, 1 temporary, 1 too deep); " in done.stderr


@pytest.mark.slow
def test_a_stop_in_a_flood(folder: Path, model: Path) -> None:
    """While thousands of files come, SIGTERM ends the run soon; what it had no time for the next run answers, each once."""
    text, over = build.text(), threading.Event()

    def flood() -> None:
        number = 0
        while not over.is_set():
            (folder / f"{number}.csv").write_text(f"{text}1500.0,{number}\n")
            number += 1

    coming = threading.Thread(target=flood)
    coming.start()
    try:
        with Watch(folder, model, *STABLE, "--json") as watch:
            watch.wait_for(300)
            code = watch.end(signal.SIGTERM)  # within its patience, though the files go on coming
    finally:
        over.set()
        coming.join()
    assert code == command.STOPPED
    held = digests(journaled(watch.journal))
    assert len(held) == len(set(held)) >= 300


def test_the_answer_to_the_whole_file_replaces_that_to_its_half(folder: Path, model: Path) -> None:
    """In the list stands the whole file's answer only, in the journal both, and the chain holds; also across a restart."""
    text, path = build.text(), folder / "a.csv"
    with Watch(folder, model, *STABLE, "--json") as watch:
        path.write_text(text[:9000])
        watch.wait_for(1)
        (folder / "b.csv").touch()
        watch.wait_for(2)
        watch.stop()
    with Watch(folder, model, *STABLE, "--json", journal=watch.journal) as again:
        path.write_text(text)
        again.wait_for(1)
        (folder / "b.csv").write_text(build.text(seed=2))
        again.wait_for(2)
        again.stop()
    half, whole = watch.lines[0]["source"], again.lines[0]["source"]
    assert whole["grown_from"] == half["sha256"]  # type: ignore[index]  # a record's source
    listed = command.call("journal", "list", "--journal", watch.journal, "--json")
    ids = [json.loads(line)["id"] for line in listed.stdout.splitlines()]
    assert ids == [line["id"] for line in reversed(again.lines)]
    assert [
        json.loads(line)["id"] for line in command.call("journal", "list", "--journal", watch.journal, "--limit", "1").stdout.splitlines()
    ] == ids[:1]
    every = command.call("journal", "list", "--journal", watch.journal, "--json", "--replaced").stdout.splitlines()
    assert len(every) == len(journaled(watch.journal)) == 4
    assert command.call("journal", "verify", "--journal", watch.journal).returncode == 0
