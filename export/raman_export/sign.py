"""Ed25519 signature of a model and its library, so that a fleet can refuse other models."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from raman_edge.errors import ConfigError, ModelError
from raman_edge.matching.library import Library, path_beside
from raman_edge.model import signature
from raman_edge.model.model import Model

if TYPE_CHECKING:
    from pathlib import Path

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
except ImportError as missing:
    raise ConfigError(signature.MISSING) from missing


def sign(model: Path, library: Path | None, key: Path) -> Path:
    """Sign ``model`` and ``library`` (None: the one beside it) with the private ``key``; return the path of the signature.

    Both are opened first, so that only files that the edge accepts are signed.

    Raises:
        ConfigError: if the key cannot be read or is not an Ed25519 key.
        ModelError: if the model or the library is invalid, or the signature cannot be written.
    """
    secret = _private_key(key)
    opened = Model.open(model)
    references = Library.open(library or path_beside(model), network=opened.card.network)
    signed = signature.Signed(opened.sha256, references.sha256)
    out = signature.path_beside(model)
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_bytes(signature.text(signed, secret.sign(signature.message(signed))))
        part.replace(out)
    except OSError as error:
        msg = f"signature {str(out)!r} cannot be written: {error.strerror}. The edge expects it beside the model"
        raise ModelError(msg) from error
    return out


def new_key(private: Path) -> Path:
    """Write a key pair: ``private``, readable only by its owner, and the public key beside it, whose path is returned.

    Raises:
        ConfigError: if one of the files exists or cannot be written.
    """
    public = private.with_name(f"{private.name.removesuffix('.pem')}.pub.pem")
    secret = Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    private_pem = secret.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public_pem = secret.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    if public.exists():
        msg = f"{str(public)!r} exists. No key is overwritten: choose another name"
        raise ConfigError(msg)
    _write_new(private, private_pem, 0o600)
    _write_new(public, public_pem, 0o644)
    return public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    except OSError as error:
        msg = f"key {str(path)!r} cannot be written: {error.strerror}. No key is overwritten: choose another name"
        raise ConfigError(msg) from error


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        msg = f"key {str(path)!r} cannot be read: {error.strerror}. Make one with `raman-train sign --new-key FILE`"
        raise ConfigError(msg) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = f"{str(path)!r}: got no private key, expected PEM without a password: {error}"
        raise ConfigError(msg) from error
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{str(path)!r}: got a private key of another kind, expected Ed25519. Make one with `raman-train sign --new-key FILE`"
        raise ConfigError(msg)
    return key
