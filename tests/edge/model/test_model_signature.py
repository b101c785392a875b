"""Signatures: what a good one covers, and everything that is refused."""

from __future__ import annotations

import builtins
import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import build
import markers
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markers import examples
from raising import refused
from raman_edge import cli
from raman_edge.errors import ConfigError, ModelError
from raman_edge.model import signature
from raman_edge.model.signature import Signed

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

cryptography = pytest.importorskip("cryptography")

from raman_export import sign  # noqa: E402 - needs cryptography


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed model with its library, and the keys key.pem and key.pub.pem in the same folder."""
    folder = tmp_path_factory.mktemp("signed")
    model, _ = build.write_pair(folder)
    sign.new_key(folder / "key.pem")
    sign.sign(model, None, folder / "key.pem")
    return model


def test_a_signature_vouches_for_both_files(signed: Path) -> None:
    """What the signature says is the digests of model and library, in text that a person can read."""
    library = signed.with_name("tiny.library.npz")
    expected = Signed(*(hashlib.sha256(path.read_bytes()).hexdigest() for path in (signed, library)))
    assert signature.read(signature.path_beside(signed), signed.with_name("key.pub.pem")) == expected
    assert (
        signature.path_beside(signed)
        .read_text()
        .startswith(f"raman-edge signature 1\nmodel   {expected.model}\nlibrary {expected.library}\n")
    )


@markers.POSIX
def test_openssl_makes_keys_and_agrees(tmp_path: Path) -> None:
    """A key made by openssl signs, and openssl itself finds our signature good."""
    key, public, message, raw = (tmp_path / name for name in ("k.pem", "p.pem", "message", "raw"))
    if subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=False, capture_output=True).returncode:
        pytest.skip("this openssl makes no Ed25519 keys")
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    model, _ = build.write_pair(tmp_path)
    *output, encoded = sign.sign(model, None, key).read_bytes().splitlines(keepends=True)
    import base64

    message.write_bytes(b"".join(output))
    raw.write_bytes(base64.b64decode(encoded.removeprefix(b"ed25519 ")))
    called = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", message, "-sigfile", raw]
    assert b"Successfully" in subprocess.run(called, check=True, capture_output=True).stdout
    assert signature.read(signature.path_beside(model), public).model == hashlib.sha256(model.read_bytes()).hexdigest()


@given(st.data())
@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_signature_is_refused(signed: Path, data: st.DataObject) -> None:
    """One changed byte anywhere in the file, and it vouches for nothing."""
    content = bytearray(signature.path_beside(signed).read_bytes())
    place = data.draw(st.integers(0, len(content) - 2))
    content[place] ^= data.draw(st.integers(1, 255))
    path = signed.with_name("changed.sig")
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"changed.sig'"):
        signature.read(path, signed.with_name("key.pub.pem"))


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 100, b"x" * 10_000, b"raman-edge signature 2\n"])
def test_what_is_no_signature_is_refused(signed: Path, tmp_path: Path, content: bytes) -> None:
    """Another file, an empty one, a long one, one of a later version."""
    path = tmp_path / "m.sig"
    path.write_bytes(content)
    with refused(ModelError, "too large" if len(content) > signature.MAX_BYTES else "not a signature", "m.sig'"):
        signature.read(path, signed.with_name("key.pub.pem"))


def test_the_key_of_another_is_refused(signed: Path, tmp_path: Path) -> None:
    """A good signature with another key is refused."""
    other = sign.new_key(tmp_path / "other.pem")
    with refused(ModelError, "wrong signature", expected="other.pub.pem"):
        signature.read(signature.path_beside(signed), other)


def test_what_is_no_public_key_is_a_configuration_error(signed: Path, tmp_path: Path) -> None:
    """A private key, another kind of key, no key, no file: the key is at fault, not the model."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import x25519

    other = x25519.X25519PrivateKey.generate().public_key()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "x.pem").write_bytes(other.public_bytes(*form))
    (tmp_path / "text.pem").write_text("hello")
    cases = {"x.pem": "wrong kind of key", "text.pem": "not a public key", "none.pem": "cannot be read", "": "cannot be read"}
    for name, kind in cases.items():
        with refused(ConfigError, kind):
            signature.public_key(tmp_path / name)
    with refused(ConfigError, "not a public key", expected="PEM"):
        signature.public_key(signed.with_name("key.pem"))


def test_without_cryptography_the_error_names_the_extra(signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is optional: a key without it is an error that names the extra."""
    really = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return really(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with refused(ConfigError, "not installed", "cryptography"):
        signature.read(signature.path_beside(signed), signed.with_name("key.pub.pem"))


def test_a_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    """Only the owner may read it, and no key is ever overwritten."""
    public = sign.new_key(tmp_path / "k.pem")
    if sys.platform != "win32":  # it has no modes
        assert (tmp_path / "k.pem").stat().st_mode & 0o777 == 0o600
    assert public == tmp_path / "k.pub.pem"
    for path in (public, tmp_path / "k.pem"):
        kept = path.read_bytes()
        with pytest.raises(ConfigError, match=r"is already there|No key is overwritten"):
            sign.new_key(tmp_path / "k.pem")
        assert path.read_bytes() == kept
        path.unlink()


def test_only_what_the_edge_opens_is_signed(tmp_path: Path) -> None:
    """A damaged model gets no signature, and neither does one without its library."""
    sign.new_key(tmp_path / "k.pem")
    model, library = build.write_pair(tmp_path)
    library.rename(tmp_path / "elsewhere.npz")
    with pytest.raises(Exception, match=r"tiny.library.npz': cannot be read"):
        sign.sign(model, None, tmp_path / "k.pem")
    assert sign.sign(model, tmp_path / "elsewhere.npz", tmp_path / "k.pem").exists()
    model.write_bytes(model.read_bytes()[:-1])
    with pytest.raises(ModelError):
        sign.sign(model, tmp_path / "elsewhere.npz", tmp_path / "k.pem")


@pytest.mark.parametrize(
    ("name", "why"), [("none.pem", "cannot be read"), ("key.pub.pem", "no private key"), ("tiny.onnx", "no private key")]
)
def test_what_is_no_private_key_signs_nothing(signed: Path, name: str, why: str) -> None:
    """A missing file, a public key, another file."""
    with pytest.raises(ConfigError, match=why):
        sign.sign(signed, None, signed.with_name(name))


def test_sign_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Make a key, sign with it, and the edge runs the model for those who ask for that key."""
    from raman_train.cli import main

    model, _ = build.write_pair(tmp_path)
    (tmp_path / "one.csv").write_text(build.text())
    assert main(["sign", "--new-key", str(tmp_path / "k.pem")]) == 0
    assert "k.pub.pem; keep" in capsys.readouterr().out
    assert main(["sign", str(model), "--key", str(tmp_path / "k.pem")]) == 0
    assert capsys.readouterr().out == f"{model}.sig\n"
    assert cli.main(["identify", str(tmp_path / "one.csv"), "--model", str(model), "--public-key", str(tmp_path / "k.pub.pem")]) == 0
    for wrong in (["sign", str(model)], ["sign", "--key", "k"], ["sign", str(model), "--new-key", "k"]):
        with pytest.raises(SystemExit, match="2"):
            main(wrong)
    assert main(["sign", str(model), "--key", str(tmp_path / "none.pem")]) == 78


@pytest.mark.parametrize("changed", ["model", "library", "signature"])
def test_a_fleet_refuses_what_its_key_did_not_sign(tmp_path: Path, changed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--public-key``, another model, another library or no signature ends with 78 before anything is identified."""
    model, library = build.write_pair(tmp_path)
    sign.new_key(tmp_path / "k.pem")
    beside = sign.sign(model, None, tmp_path / "k.pem")
    if changed == "model":
        build.write_model(model, name="another")
    elif changed == "library":
        from raman_edge.matching.library import Library

        made = build.make_library()
        Library.build(
            build.NETWORK, made.labels[:3], made.embedding[:3], made.specimens[:3], dict(zip(made.labels, made.peaks, strict=True))
        ).save(library)
    else:
        beside.unlink()
    (tmp_path / "one.csv").write_text(build.text())
    arguments = ["identify", str(tmp_path / "one.csv"), "--model", str(model)]
    assert cli.main(arguments) == 0
    capsys.readouterr()
    assert cli.main([*arguments, "--public-key", str(tmp_path / "k.pub.pem")]) == 78
    output = capsys.readouterr()
    assert output.out == ""
    assert "SHA-256" in output.err or "No such file" in output.err
