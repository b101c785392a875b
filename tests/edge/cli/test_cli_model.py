"""``raman-edge model info`` and ``model verify`` as their users see them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import build
import command
import markers
import msgspec
import pytest
from raman_edge import cli
from raman_edge.diagnostics.verify_model import CHECKS
from raman_edge.matching.library import Library
from raman_edge.model import card

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """The tests' own model, its library beside it."""
    return build.write_pair(tmp_path)[0]


def verified(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, tuple[bool | None, str]]]:
    """Run ``model verify`` and return its exit code, and outcome and words of each check."""
    capsys.readouterr()
    code = cli.main(["model", "verify", *map(str, arguments)])
    report = json.loads(capsys.readouterr().out)
    assert report["v"] == 1
    assert report["ok"] == (code == 0)
    return code, {check["check"]: (check["passed"], check["found"]) for check in report["checks"]}


def test_a_good_model_passes(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check has its line; a check without its option neither passes nor fails."""
    code, checks = verified(capsys, pair)
    assert code == 0
    assert checks.keys() == CHECKS.keys()
    assert {name for name, (passed, _) in checks.items() if passed} == {"file", "structure", "card", "probe", "library"}
    assert hashlib.sha256(pair.read_bytes()).hexdigest() in checks["file"][1]
    assert checks["digest"] == (None, "not requested: --sha256 HEX compares")
    assert checks["signature"] == (None, "there is none")


def test_the_embedded_model_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name it is the model that ships."""
    code, checks = verified(capsys)
    assert code == 0
    assert "1770 labels" in checks["library"][1]


def test_a_model_may_be_named_either_way(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As an argument or as ``--model``, it is the same file."""
    assert verified(capsys, pair) == verified(capsys, "--model", pair)


def test_the_digest_decides(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The right SHA-256 passes in any case of letters; another one fails with both."""
    digest = hashlib.sha256(pair.read_bytes()).hexdigest()
    assert verified(capsys, pair, "--sha256", digest.upper())[1]["digest"][0]
    code, checks = verified(capsys, pair, "--sha256", "0" * 64)
    assert (code, checks["digest"][0]) == (65, False)
    assert digest in checks["digest"][1]
    assert "0" * 64 in checks["digest"][1]


def test_a_digest_is_64_hexadecimal_digits(pair: Path) -> None:
    """A shortened one is a mistake on the command line."""
    assert cli.main(["model", "verify", str(pair), "--sha256", "abc"]) == 2


def test_a_moved_number_fails_the_probe(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that gives other numbers here than where it was exported fails with 65; its library is still looked at."""
    probe = build.model_card(build.templates()).probe
    moved = msgspec.structs.replace(probe, logits=card.Floats.of(probe.logits.array() + 1.0))
    build.write_model(pair, probe=moved)
    code, checks = verified(capsys, pair)
    assert code == 65
    assert checks["probe"][0] is False
    assert "probe: logits: self-test failed: got a difference of 1" in checks["probe"][1]
    assert checks["library"][0]


@pytest.mark.parametrize(("content", "first"), [(b"hello", "structure"), (b"", "structure"), (None, "file")])
def test_what_comes_after_a_failure_is_not_reached(
    pair: Path, content: bytes | None, first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no model fails one check with the reason; checks that need it name it."""
    if content is None:
        pair.unlink()
    else:
        pair.write_bytes(content)
    code, checks = verified(capsys, pair)
    assert code == 65
    assert [name for name, (passed, _) in checks.items() if passed is False] == [first]
    assert checks["probe"] == (None, "not reached: the check of the card did not pass")


def test_a_model_without_a_card_fails_the_card(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A foreign network is a valid structure without a card."""
    build.write_model(pair, {})
    code, checks = verified(capsys, pair)
    assert (code, checks["structure"][0], checks["card"][0]) == (65, True, False)
    assert "no card" in checks["card"][1]


def test_the_library_of_another_network_fails(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Embeddings of another network mean nothing to this one."""
    made = build.make_library()
    tables = dict(zip(made.labels, made.peaks, strict=True))
    Library.build("1" * 64, made.labels, made.embedding, made.specimens, tables).save(pair.with_name("tiny.library.npz"))
    code, checks = verified(capsys, pair)
    assert (code, checks["library"][0]) == (65, False)
    assert "got network 111111111111" in checks["library"][1]


def test_a_label_with_an_escape_code_fails_the_library(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A library's names are printable; what is not is shown escaped."""
    made = build.make_library()
    names = [*made.labels[:-1], "Zircon\x1b[2J"]
    Library.build(build.NETWORK, names, made.embedding, made.specimens, dict(zip(names, made.peaks, strict=True))).save(
        pair.with_name("bad.npz")
    )
    code, checks = verified(capsys, pair, "--library", pair.with_name("bad.npz"))
    assert (code, checks["library"][0]) == (65, False)
    assert r"\x1b[2J" in checks["library"][1]


def test_an_invalid_key_is_not_an_error_of_the_model(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong key file is a mistake in the configuration: 78."""
    pytest.importorskip("cryptography")
    assert cli.main(["model", "verify", str(pair), "--public-key", str(pair)]) == 78
    assert "4096 bytes. `openssl pkey" in capsys.readouterr().err


def test_a_signature_is_checked_where_a_key_is_given(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Signed with the key: passed; signed, and no key given: not checked; of another library, or missing: failed."""
    pytest.importorskip("cryptography")
    from raman_export import sign

    public = sign.new_key(pair.with_name("k.pem"))
    assert verified(capsys, pair, "--public-key", public)[0] == 65
    sign.sign(pair, None, pair.with_name("k.pem"))
    assert verified(capsys, pair, "--public-key", public)[1]["signature"][0]
    assert verified(capsys, pair)[1]["signature"] == (None, "not checked: --public-key PUBLIC.pem checks it")
    library = pair.with_name("tiny.library.npz")
    made = build.make_library()
    Library.build(build.NETWORK, ["Calcite"], made.embedding[:1], ["x"], {"Calcite": build.table("Calcite")}).save(library)
    code, checks = verified(capsys, pair, "--public-key", public)
    assert (code, checks["signature"][0]) == (65, False)
    assert "of another library" in checks["signature"][1]


@markers.POSIX
def test_a_person_gets_a_line_a_check(pair: Path) -> None:
    """On a terminal, outcome and words, and nothing raw of a file name with an escape code."""
    bad = pair.with_name("b\x1b[2Jad.onnx")
    bad.write_bytes(b"hello")
    code, written = command.on_terminal("model", "verify", pair)
    assert code == 0
    assert written.count(b"passed") == 5
    code, written = command.on_terminal("model", "verify", bad)
    assert code == 65
    assert b"structure  FAILED" in written
    assert b"\x1b[2J" not in written


def test_info_shows_the_facts(pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The facts of card and library, the provider and the wheel that it comes from, as one object."""
    assert cli.main(["model", "info", "--model", str(pair)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model"] == "matched-filter-000000000000"
    assert facts["library"]["labels"] == 5
    assert facts["recipe"] == ["resample@1", "minmax@1"]
    assert facts["provider"] == "CPUExecutionProvider"
    assert facts["notes"] == []
    assert set(facts["onnxruntime"]) <= {"onnxruntime", "onnxruntime-gpu"}


def test_a_label_with_markup_is_shown_as_it_is(tmp_path: Path) -> None:
    """Brackets in a name are a name: rich's markup does nothing in it."""
    label = "[red]Calcite[/red]"
    names = (label, *tuple(build.LINES)[1:])
    model = build.write_model(tmp_path / "tiny.onnx", labels=names)
    made = build.make_library()
    order = list(build.LINES)
    tables = {name: build.table(old) for name, old in zip(names, order, strict=True)}
    embedding = build.templates()
    Library.build(build.NETWORK, names, embedding, made.specimens, tables).save(tmp_path / "tiny.library.npz")
    (tmp_path / "one.csv").write_text(build.text("Calcite"))
    code, written = command.on_terminal("identify", tmp_path / "one.csv", "--model", model)
    assert code == 0
    assert label.encode() in written
