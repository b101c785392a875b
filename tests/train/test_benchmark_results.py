"""The results file: complete lines, each run once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import pytest
from benchmark_lines import line, sha, write
from raman_edge.errors import ConfigError
from raman_train.benchmark import results

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_appended_is_read_again(tmp_path: Path) -> None:
    """Lines keep their order, in a folder that is created."""
    file = tmp_path / "deep" / "results.jsonl"
    assert results.read(file) == results.ResultsFile((), b"")
    lines = [line(seed=seed, measured={"ece": 0.1}) for seed in range(3)]
    assert all(results.append(file, one) for one in lines)
    assert results.read(file) == results.ResultsFile(tuple(lines), b"")
    assert file.read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("kept", [1, 40, -30, -2])
def test_an_incomplete_line_is_reported_and_replaced(tmp_path: Path, kept: int) -> None:
    """An incomplete last line is ignored, and the next append replaces it."""
    file = write(tmp_path / "results.jsonl", line(), line(seed=1))
    first, second = file.read_bytes().splitlines(keepends=True)
    torn = second[:kept]
    file.write_bytes(first + torn)
    assert results.read(file) == results.ResultsFile((line(),), torn)
    assert file.read_bytes() == first + torn
    results.append(file, line(seed=2))
    assert results.read(file) == results.ResultsFile((line(), line(seed=2)), b"")


def test_a_last_line_that_lacks_its_end_alone_is_a_result(tmp_path: Path) -> None:
    """A last line without its end of line counts, and the next line starts on its own."""
    file = write(tmp_path / "results.jsonl", line(), line(seed=1))
    file.write_bytes(file.read_bytes()[:-1])
    assert results.read(file) == results.ResultsFile((line(), line(seed=1)), b"")
    results.append(file, line(seed=2))
    assert results.read(file).results == (line(), line(seed=1), line(seed=2))


@pytest.mark.parametrize(
    ("wrong", "message"), [(b'{"system":"cosine"}\n', "missing required field"), (b"\n", "truncated"), (b"[1]\n", "Expected `object`")]
)
def test_a_line_that_is_no_result_is_refused_with_its_place(tmp_path: Path, wrong: bytes, message: str) -> None:
    """The message has file and line number."""
    file = write(tmp_path / "results.jsonl", line(), line(seed=1))
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + wrong + second)
    with pytest.raises(ConfigError, match=rf"results\.jsonl', line 2: .*{message}"):
        results.read(file)


def test_a_folder_is_no_results_file(tmp_path: Path) -> None:
    """A file that cannot be read is a ConfigError."""
    with pytest.raises(ConfigError, match="cannot be read"):
        results.read(tmp_path)


def test_several_at_once_neither_tear_nor_repeat(tmp_path: Path) -> None:
    """The second process with the same run gets False, and every line is complete."""
    file = tmp_path / "results.jsonl"
    everything = [line(seed=seed) for seed in range(12)] * 3
    with ThreadPoolExecutor(6) as pool:
        appended = list(pool.map(lambda one: results.append(file, one), everything))
    assert sum(appended) == 12
    assert sorted(one.split_seed for one in results.read(file).results) == list(range(12))


def test_only_the_settings_of_the_newest_line_count() -> None:
    """After a change of a recipe only the new results count; other systems and protocols keep theirs."""
    changed = sha("changed")
    old = [line(seed=seed, top1=0.5) for seed in range(3)]
    new = [line(seed=seed, settings_sha256=changed, config_sha256=sha("changed", seed)) for seed in (1, 0)]
    others = [line("svm"), line(protocol="sample")]
    assert results.current([*others, *old, *new]) == [*others, new[1], new[0]]
    assert results.current([*new, *old]) == old


def test_of_one_seed_the_newest_line_counts() -> None:
    """Two lines of one seed are one run; two trainings on one split are two."""
    first, again, other = line(top1=0.5), line(top1=0.6), line(training_seed=5)
    assert results.current([first, other, again]) == [again, other]


def test_a_line_is_json_with_what_a_table_needs(tmp_path: Path) -> None:
    """Seed, sizes, epochs, seconds, device, revision and digests have their names."""
    file = tmp_path / "results.jsonl"
    results.append(file, line())
    fields = msgspec.json.decode(file.read_bytes())
    named = {
        "split_seed",
        "train",
        "validation",
        "test",
        "figures",
        "epochs",
        "seconds",
        "device",
        "revision",
        "config_sha256",
        "split_sha256",
    }
    assert named <= fields.keys()
