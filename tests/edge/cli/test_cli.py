"""The command line: what each command prints, and the exit code it ends with."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import build
import calibrations
import command
import example_spectrum
import markers
import pytest
from markers import slow
from raman_edge import __version__, cli
from raman_edge.calibration import store
from raman_edge.cli import identify, output
from raman_edge.wording import printable, quoted
from rich.cells import cell_len

NASTY = (b"\x1b[31mred\x07.csv", b"und\xff\xe9.csv", b"new\nline.csv", b"[bold red]x[bold].csv", "\u202eflipped.csv".encode())


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A file that is answered."""
    path = tmp_path / "good.csv"
    path.write_text(build.text("Calcite"))
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A file that is no spectrum."""
    path = tmp_path / "bad.txt"
    path.write_text("no spectrum at all\n" * 20)
    return path


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own journal out of the tests."""
    for name in ("XDG_STATE_HOME", "WIN_PD_OVERRIDE_LOCAL_APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    monkeypatch.delenv("RAMAN_EDGE_JOURNAL", raising=False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return what was printed, as records."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


# identify


def test_identify_prints_a_record_a_file(model: Path, good: Path, bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file has one line of JSON, in the order given, whether it could be read or not; some failed is 1."""
    assert cli.main(["identify", str(bad), str(good), "--model", str(model)]) == 1
    fault, result = lines(capsys)
    assert (fault["event"], fault["source"]["path"]) == ("fault", str(bad))  # type: ignore[index]  # a record's source
    assert (result["event"], result["decision"], result["matches"][0]["label"]) == ("result", "match", "Calcite")  # type: ignore[index]


@pytest.mark.parametrize(
    ("files", "code"), [(["good"], 0), (["good", "bad"], 1), (["bad"], 65), (["bad", "none"], 65), (["good", "none"], 1)]
)
def test_identify_exit_codes(model: Path, good: Path, bad: Path, files: list[str], code: int) -> None:
    """All answered is 0, some failed 1, all failed 65."""
    paths = {"good": good, "bad": bad, "none": good.parent / "none.csv"}
    assert cli.main(["identify", *(str(paths[name]) for name in files), "--model", str(model)]) == code


def test_identify_reads_standard_input(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``-`` is standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(build.text("Quartz").encode())))
    assert cli.main(["identify", "-", "--model", str(model)]) == 0
    (result,) = lines(capsys)
    assert result["source"]["kind"] == "stdin"  # type: ignore[index]  # a record's source
    assert result["matches"][0]["label"] == "Quartz"  # type: ignore[index]  # a record's matches


def test_identify_expands_a_folder_one_level(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder stands for the files in it, sorted, not for those below it; an empty one is a fault."""
    folder = tmp_path / "in"
    (folder / "below").mkdir(parents=True)
    for seed, name in enumerate(("b.csv", "a.csv", ".hidden.csv", "below/c.csv")):
        (folder / name).write_text(build.text(seed=seed))
    assert cli.main(["identify", str(folder), "--model", str(model)]) == 0
    assert [Path(line["source"]["path"]).name for line in lines(capsys)] == ["a.csv", "b.csv"]  # type: ignore[index]
    (tmp_path / "empty").mkdir()
    assert cli.main(["identify", str(tmp_path / "empty"), "--model", str(model)]) == 65
    assert lines(capsys)[0]["event"] == "fault"


@markers.POSIX
def test_identify_never_waits_for_a_pipe(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A named pipe or a device is answered with a fault; reading one could wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    assert cli.main(["identify", str(tmp_path / "pipe"), "/dev/zero", "--model", str(model)]) == 65
    assert all("pipe or a device" in str(line["why"]) for line in lines(capsys))


def test_identify_too_large(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of 200 MB is answered with a fault that names the limit."""
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(200 * 2**20)
    assert cli.main(["identify", str(tmp_path / "large.csv"), "--model", str(model)]) == 65
    assert "64 MiB" in str(lines(capsys)[0]["why"])


@markers.POSIX
def test_identify_answers_nasty_names(model: Path, tmp_path: Path) -> None:
    """Files whose names hold escape codes, newlines, markup or bytes that are no UTF-8 are answered in valid JSON."""
    paths = [tmp_path / os.fsdecode(name) for name in NASTY]
    for path in paths:
        path.write_text(build.text())
    done = command.call("identify", *paths, "--model", model)
    assert done.returncode == 0, done.stderr
    out = [json.loads(line)["source"]["path"] for line in done.stdout.splitlines()]
    assert len(out) == len(NASTY)
    assert out[0].endswith("\x1b[31mred\x07.csv")
    assert out[1].endswith(r"und\xff\xe9.csv")


def test_identify_answers_garbage(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Empty, binary, HTML, prose and truncated files are all answered, none of them with a name."""
    contents = (b"", b"\x00\xff" * 5000, b"<html><body>404</body></html>", b"words, words\n" * 99, build.text().encode()[:700])
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.csv").write_bytes(content)
    assert cli.main(["identify", str(tmp_path), "--model", str(model)]) in {1, 65}
    answers = lines(capsys)
    assert len(answers) == len(contents)
    assert all(answer["event"] == "fault" or answer["decision"] != "match" for answer in answers)


def test_the_example_ships_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--example`` is named by the embedded model, is what its script makes, and its copy in a folder replaces no other file."""
    assert identify.EXAMPLE.read_text("utf-8") == example_spectrum.text()
    assert cli.main(["identify", "--example"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["decision"], result["names"]) == ("match", ["Quartz"])
    assert "is simulated" in captured.err
    copy = tmp_path / "new" / "quartz.csv"
    for _ in range(2):
        assert cli.main(["identify", "--example", str(copy.parent)]) == 0
        assert lines(capsys)[0]["source"]["path"] == str(copy)  # type: ignore[index]  # a record's source
    copy.write_text("mine")
    assert cli.main(["identify", "--example", str(copy.parent)]) == 73
    assert copy.read_text() == "mine"
    assert cli.main(["identify", "--example", str(copy)]) == 73
    assert cli.main(["identify", "--example", "--", str(copy)]) == 2
    assert cli.main(["identify"]) == 2


def test_several_spectra_get_a_line_each_and_a_tally(model: Path, good: Path, bad: Path) -> None:
    """On a terminal, and with ``--table`` in a pipe; a fault is cut there, and written out below."""
    code, written = command.on_terminal("identify", good, good, bad, bad, "--model", model, columns=80)
    text = written.decode()
    assert code == 1
    rows = [line for line in text.splitlines() if "good.csv" in line or "bad.txt" in line]
    assert [("Calcite" in row, "no spectrum" in row) for row in rows[:4]] == [(True, False)] * 2 + [(False, True)] * 2
    assert max(map(cell_len, re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(rows[:4])).splitlines())) < 80
    assert "2 matches; 2 failed" in text
    assert "bad.txt and 1 other: delimited text" in text
    piped = command.call("identify", good, bad, "--model", model, "--table").stdout.decode()
    first, second, tally = piped.splitlines()
    assert first.split()[:2] == ["✓", str(good)]
    assert "Export the spectrum as text or CSV" in second
    assert tally == "1 match; 1 failed"
    assert b"signal/noise" not in written
    assert command.on_terminal("identify", good, good, "--model", model, "--details")[1].count(b"signal/noise") == 2
    assert command.call("identify", good, "--model", model, "--table").stdout.count(b"signal/noise") == 1
    assert cli.main(["identify", str(good), "--json", "--table"]) == 2


def test_watch_once_ends_with_the_names(model: Path, good: Path, bad: Path) -> None:
    """The names stand on the terminal after the screen is gone, and below them how many were answered before."""
    once = ("watch", good.parent, "--once", "--stable", "0.1", "--model", model, "--journal", good.parent.parent / "j.sqlite3")
    code, written = command.on_terminal(*once)
    left = written.decode().rpartition("\x1b[?1049l")[2]
    assert code == 1
    assert "Calcite" in left
    assert "bad.txt" in left
    assert "1 match; 1 failed; journal" in left
    (good.parent / "copy.csv").write_bytes(good.read_bytes())
    (good.parent / "new.csv").write_text(build.text("Quartz"))
    piped = command.call(*once, "--table")
    assert [line.split()[2] for line in piped.stdout.decode().splitlines()] == ["Quartz"]
    assert b"1 match; 0 failed; 3 answered before; journal" in piped.stderr
    assert bad.exists()


# journal


def test_journal_list_prints_the_lines_of_watch(model: Path, good: Path, bad: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal's lines are the very lines that went out, the newest first, and ``--limit`` keeps the newest."""
    assert cli.main(["watch", str(good.parent), "--once", "--stable", "0.1", "--model", str(model)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert cli.main(["journal", "list", "--json"]) == 0
    assert capsys.readouterr().out.splitlines() == lines[::-1]
    assert cli.main(["journal", "list", "--limit", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == lines[:0:-1]
    assert bad.exists()


def test_journal_by_environment_and_option(model: Path, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option goes before the environment, and that before the user's state folder."""
    monkeypatch.setenv("RAMAN_EDGE_JOURNAL", str(tmp_path / "env.sqlite3"))
    watch = ["watch", str(good.parent), "--once", "--stable", "0.1", "--model", str(model)]
    assert cli.main(watch) == 0
    assert cli.main([*watch, "--journal", str(tmp_path / "own" / "option.sqlite3")]) == 0
    assert (tmp_path / "env.sqlite3").exists()
    assert (tmp_path / "own" / "option.sqlite3").exists()
    assert not (tmp_path / "state").exists()


# What goes wrong


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["watch", "{}/none", "--model", "{model}"], 69, "File not found" if sys.platform == "win32" else "No such file or directory"),
        (["watch", "{}/good.csv", "--model", "{model}"], 69, "Not a directory. Give a folder; `raman-edge identify FILE`"),
        (["identify", "{}/good.csv", "--model", "{}/none.onnx"], 78, "none.onnx"),
        (["identify", "{}/good.csv", "--model", "{}/good.csv"], 78, "good.csv' is refused"),
        (["watch", "{}", "--once", "--model", "{model}", "--journal", "{}"], 73, "cannot be opened"),
        (["journal", "list"], 73, "not found"),
        (["watch"], 78, "DIR"),
        (["nonsense"], 2, "nonsense"),
        ([], 2, "COMMAND"),
        (["watch", "{}", "--poll", "0"], 2, "more than 0"),
        (["identify", "x", "--threads", "none"], 2, "at least 1"),
        (["identify", "x", "--thr", "1"], 2, "Did you mean --threads?"),
        (["identfy", "x"], 2, "Did you mean identify?"),
        (["journal", "lst"], 2, "Did you mean list?"),
        (["journal"], 2, "expected ACTION"),
        (["identify", "--lasr", "785"], 2, "raman-edge identify: unknown option '--lasr'. Did you mean --laser?"),
        (["--json", "identify", "x"], 2, "Options of a command stand after it"),
        (["identify", "x", "--axis", "shfit"], 2, "Did you mean shift?"),
        (["watch", "one", "two"], 2, "got 'two', which this command does not take"),
        (["identify", "x", "--\x1b[31m"], 2, r"\x1b[31m"),
    ],
)
def test_errors(arguments: list[str], code: int, expected: str, model: Path, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be done ends with its exit code and one reason on standard error, and nothing on standard output."""
    filled = [argument.format(good.parent, model=model) for argument in arguments]
    assert cli.main(filled) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert expected in captured.err
    assert "\x1b" not in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["{}", "--model", "{}/none.onnx"],
        ["{}/none"],
        ["{}", "--calibration", "NONE"],
        ["{}", "--output", "csv:{}/results.csv"],
        ["{}", "--output", "mqtt://"],
        ["{}", "--move-failed", "{}"],
        ["{}", "--user-library", "{}/none.sqlite3"],
    ],
)
def test_watch_refuses_before_it_creates_a_journal(arguments: list[str], model: Path, good: Path, tmp_path: Path) -> None:
    """A model, a folder, a calibration or an output that cannot be used leaves nothing behind."""
    folder = tmp_path / "in"
    folder.mkdir()
    good.rename(folder / "good.csv")
    filled = [argument.format(folder) for argument in arguments]
    more = [] if "--model" in filled else ["--model", str(model)]
    assert cli.main(["watch", *filled, *more, "--once", "--journal", str(tmp_path / "j.sqlite3")]) in {69, 78}
    assert not (tmp_path / "j.sqlite3").exists()
    assert [path.name for path in folder.iterdir()] == ["good.csv"]


@pytest.mark.parametrize("name", ["RAMAN_EDGE_JOURNL", "RAMAN_EDGE_POL_S"])
def test_a_misspelt_variable_is_reported_by_every_command(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable that has no effect is named with the one that was probably meant; known ones are not."""
    monkeypatch.setenv(name, "1")
    monkeypatch.setenv("RAMAN_EDGE_MQTT_PASSWORD", "x")
    assert cli.main(["library", "list"]) == 0
    printed = capsys.readouterr().err
    assert f"{name}: unknown variable, ignored. Did you mean RAMAN_EDGE_{'JOURNAL' if 'JOURNL' in name else 'POLL_S'}?" in printed
    assert printed.count("unknown variable") == 1


@pytest.mark.parametrize(
    ("words", "option"), [(["help"], ["--help"]), (["help", "watch"], ["watch", "--help"]), (["version"], ["--version"])]
)
def test_help_and_version_may_be_words(words: list[str], option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """``raman-edge help watch`` is ``raman-edge watch --help``."""
    assert cli.main(option) == 0
    expected = capsys.readouterr().out
    assert cli.main(words) == 0
    assert capsys.readouterr().out == expected


def test_a_defect_is_70(model: Path, good: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected error ends with 70 and the lines a report needs, never as "some inputs failed"."""
    monkeypatch.setattr("raman_edge.matching.identify.readings", lambda *_: 1 / 0)
    assert cli.main(["identify", str(good), "--model", str(model)]) == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Help names every command and loads none of them; the version is the package's."""
    assert cli.main(["--help"]) == 0
    helped = capsys.readouterr().out
    assert all(name in helped for name in cli.COMMANDS)
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"raman-edge {__version__}"


@pytest.mark.parametrize("arguments", [[name, "--help"] for name in cli.COMMANDS])
def test_each_command_has_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that is listed can be loaded and explains itself."""
    assert cli.main(arguments) == 0
    assert "usage: raman-edge" in capsys.readouterr().out


def test_a_closed_pipe_is_quiet(model: Path, tmp_path: Path) -> None:
    """A reader that leaves early, such as ``head``, ends the command without a word."""
    for seed in range(30):
        (tmp_path / f"{seed}.csv").write_text(build.text(seed=seed))
    process = command.start("identify", tmp_path, "--model", model)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=120), stderr) == (cli.READER_LEFT, b"")


@markers.POSIX
def test_a_full_output_is_reported(model: Path, good: Path) -> None:
    """Standard output that cannot be written is 73 with a reason."""
    with Path("/dev/full").open("wb") as full:
        process = command.start("identify", good, "--model", model, stdout=full)
        stderr = process.communicate(timeout=120)[1]
    assert process.returncode == 73
    assert b"standard output: cannot be written: No space left on device" in stderr


# Cold start


IMPORTED = """
import sys
from raman_edge import cli
code = cli.main(sys.argv[1:])
print(code, *sorted(sys.modules), file=sys.stderr)
"""
FORBIDDEN = {"torch", "onnx", "scipy.signal", "scipy", "rich", "asyncio", "platformdirs", "sqlite3", "pybaselines", "multiprocessing"}


def test_identify_imports_only_what_it_needs(model: Path, good: Path) -> None:
    """On a pipe, identifying a file loads neither torch nor onnx nor scipy, nor rich, nor sqlite where nothing was taught.

    Where the user's own library would be comes from platformdirs.
    """
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, "identify", good, "--model", model],
        capture_output=True,
        text=True,
        check=False,
        env=command.environment(RAMAN_EDGE_USER_LIBRARY="", HOME=str(good.parent)),
    )
    code, *modules = done.stderr.split()
    assert code == "0", done.stderr
    assert FORBIDDEN & set(modules) == {"platformdirs"}
    assert "onnxruntime" in modules


# What is left after a second: a thread of ours that is ending counts for a moment, one of OpenBLAS stays.
THREADS = """
import os, sys, time
from raman_edge import cli
cli.main(sys.argv[1:])
print(min((len(os.listdir("/proc/self/task")), time.sleep(0.05))[0] for _ in range(10)))
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
@pytest.mark.parametrize("more", [("--calibration", "SN.json"), *slow(((),))])
def test_numpy_starts_no_threads_of_its_own(model: Path, good: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    """As many threads run as with numpy limited to one by hand: more of them would spin and slow the rest down."""
    store.write(calibrations.fresh(), tmp_path / "SN.json")
    named = [str(tmp_path / one) if one.endswith("json") else one for one in more]
    called = [sys.executable, "-c", THREADS, "identify", str(good), "--model", str(model), *named]
    limits: tuple[dict[str, str], ...] = ({}, {"OPENBLAS_NUM_THREADS": "1"})
    outputs = [subprocess.run(called, capture_output=True, check=True, env=command.environment(**limit)).stdout for limit in limits]
    assert outputs[0].splitlines()[-1] == outputs[1].splitlines()[-1]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
@pytest.mark.parametrize(
    "arguments", [("model", "info", "--threads=1"), *slow((("library", "list"),), (("serial", "none", "--profile", "ocean-sts"),))]
)
def test_nor_where_numpy_is_imported_before_the_model_is_opened(arguments: tuple[str, ...]) -> None:
    """The limit also holds in a command that imports numpy before its arguments are parsed."""
    called = [sys.executable, "-c", THREADS, *arguments]
    limits: tuple[dict[str, str], ...] = ({}, {"OPENBLAS_NUM_THREADS": "1"})
    outputs = [subprocess.run(called, capture_output=True, check=True, env=command.environment(**limit)).stdout for limit in limits]
    assert outputs[0].split()[-1] == outputs[1].split()[-1]


def test_help_imports_nothing_heavy() -> None:
    """Help comes without numpy, onnxruntime or msgspec."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, "--help"], capture_output=True, text=True, check=False, env=command.environment()
    )
    assert {"numpy", "onnxruntime", "msgspec", *FORBIDDEN} & set(done.stderr.split()) == set()


# What reaches a terminal


def test_printable() -> None:
    """Every character that a terminal might obey becomes a visible escape; letters of any script stay."""
    assert printable("Quarz é 石英 \x1b[31m\n\x9b\u202e\udcff\x00") == r"Quarz é 石英 \x1b[31m\n\x9b\u202e\xff\x00"


@markers.POSIX
def test_nothing_raw_reaches_a_terminal(model: Path, tmp_path: Path) -> None:
    """Names with escape codes, markup and undecodable bytes are shown as data by every command on a terminal."""
    folder = tmp_path / "in"
    folder.mkdir()
    for seed, name in enumerate(NASTY):
        (folder / os.fsdecode(name)).write_text(build.text(seed=seed) if seed % 2 else "words")
    journal = tmp_path / "journal.sqlite3"
    assert command.call("watch", folder, "--once", "--model", model, "--journal", journal).returncode == 1
    for expected, arguments in ((1, f"identify {folder} --model {model}"), (0, f"journal list --journal {journal}")):
        code, written = command.on_terminal(*arguments.split())
        assert code == expected
        assert b"\x1b[31mred" not in written
        assert b"\x07" not in written
        assert b"\xff\xe9" not in written
        assert "\u202e".encode() not in written
        assert rb"\x1b[31mred" in written
        assert b"[bold red]x[bold].csv" in written


def test_the_variables_of_the_model_hold_for_every_command(model: Path, good: Path, tmp_path: Path) -> None:
    """RAMAN_EDGE_MODEL and RAMAN_EDGE_LIBRARY name what --model and --library do; an option takes precedence over both variables."""
    moved = tmp_path / "elsewhere.npz"
    moved.write_bytes(model.with_name("tiny.library.npz").read_bytes())
    environ = {"RAMAN_EDGE_MODEL": str(model), "RAMAN_EDGE_LIBRARY": str(moved)}
    record = json.loads(command.call("identify", good, **environ).stdout)
    assert record["model"]["id"].startswith("matched-filter")
    assert json.loads(command.call("model", "info", **environ).stdout)["library"]["sha256"] == record["model"]["library"]
    none = {"RAMAN_EDGE_MODEL": str(tmp_path / "none.onnx"), "RAMAN_EDGE_LIBRARY": str(tmp_path / "none.npz")}
    assert command.call("identify", good, **none).returncode == 78
    assert json.loads(command.call("identify", good, "--model", model, **none).stdout)["model"] == record["model"]
    assert command.call("identify", good, RAMAN_EDGE_PUBLIC_KEY=str(tmp_path / "none.pem"), **environ).returncode == 78


def test_a_terminal_gets_words_and_a_pipe_gets_json(model: Path, good: Path) -> None:
    """The same command prints for a person on a terminal, JSON lines on a pipe, and JSON lines anywhere with ``--json``."""
    code, written = command.on_terminal("identify", good, "--model", model)
    assert code == 0
    assert b"Calcite" in written
    assert b'"event"' not in written
    code, written = command.on_terminal("identify", good, "--model", model, "--json")
    assert json.loads(written)["decision"] == "match"
    code, written = command.on_terminal("model", "info", "--model", model)
    assert code == 0
    assert b"self test" in written


def test_the_program_is_called_again_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name if the shell finds it, else by its path from here, quoted; a module by its interpreter."""
    script = tmp_path / ".venv" / "my bin" / ("raman-edge.exe" if sys.platform == "win32" else "raman-edge")
    script.parent.mkdir(parents=True)
    script.touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert output.program() == quoted(str(script.relative_to(tmp_path)))
    monkeypatch.setenv("PATH", str(script.parent))
    assert output.program() == script.name
    monkeypatch.chdir(script.anchor)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert output.program() == quoted(str(script.relative_to(script.anchor)))
    monkeypatch.setattr(sys, "argv", ["/somewhere/raman_edge/__main__.py"])
    assert output.program() == f"{sys.executable} -m raman_edge"
