"""Who made a model: an Ed25519 signature beside it, over the digests of the model and of its library.

The file beside ``m.onnx`` is ``m.onnx.sig``, four lines of text::

    raman-edge signature 1
    model   <SHA-256 of the model file, hex>
    library <SHA-256 of the library file, hex>
    ed25519 <signature of the three lines above, base64>

Ed25519 is RFC 8032; keys are PEM files as openssl and ssh write them. The library ``cryptography``
is imported only where a key is given (extra ``sign``).
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

import msgspec

from raman_edge.bounded_read import bounded
from raman_edge.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEAD = "raman-edge signature 1"
FORM = re.compile(rf"({HEAD}\nmodel   ([0-9a-f]{{64}})\nlibrary ([0-9a-f]{{64}})\n)ed25519 ([A-Za-z0-9+/=]{{1,200}})\n?")
MAX_BYTES = 4096
"""Of a signature or a key file."""
MISSING = "signatures need the package cryptography: pip install 'raman-edge[sign]'"


class Signed(msgspec.Struct, frozen=True):
    """The digests that a verified signature covers."""

    model: str
    """SHA-256 of the model file, lower-case hex."""
    library: str
    """SHA-256 of the library file, lower-case hex."""


def path_beside(model: Path) -> Path:
    """Return the path of the signature of the model at ``model``."""
    return model.with_name(f"{model.name}.sig")


def message(signed: Signed) -> bytes:
    """Return the bytes that are signed."""
    return f"{HEAD}\nmodel   {signed.model}\nlibrary {signed.library}\n".encode()


def text(signed: Signed, signature: bytes) -> bytes:
    """Return the content of a signature file."""
    return message(signed) + b"ed25519 " + base64.b64encode(signature) + b"\n"


def read(path: Path, key: Path) -> Signed:
    """Return the digests that the signature file at ``path`` covers, verified with the public ``key``.

    Raises :class:`ModelError` where the file is missing or not signed by that key, :class:`ConfigError` where the key is unusable.
    """
    public = public_key(key)
    content = _content(path, ModelError, "`raman-train sign` makes a signature").decode("ascii", "replace")
    found = FORM.fullmatch(content)
    if found is None:
        raise ModelError(kind="not a signature", place=repr(str(path)), got=f"{content[:40]!r}", expected=repr(HEAD))
    signed, model, library, encoded = found.groups()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - there, since the key was read

    try:
        public.verify(base64.b64decode(encoded, validate=True), signed.encode())
    except (InvalidSignature, binascii.Error) as error:
        raise ModelError(
            kind="wrong signature", place=f"signature {str(path)!r}", got="another key's, or a changed file",
            expected=f"one by the key {str(key)!r}", advice="Get model and signature again from their maker",
        ) from error  # fmt: skip
    return Signed(model, library)


def public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key; :class:`ConfigError` where the file holds no Ed25519 key."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - 50 ms, only where a key is given
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(kind="not installed", place="cryptography", advice=MISSING) from error
    made_by = "`openssl pkey -in KEY.pem -pubout` writes one"
    content = _content(path, ConfigError, made_by)
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigError(
            kind="not a public key", place=repr(str(path)), expected="an Ed25519 public key in PEM", advice=made_by
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        advice = "`openssl genpkey -algorithm ed25519` makes one"
        raise ConfigError(kind="wrong kind of key", place=repr(str(path)), got=type(key).__name__, expected="Ed25519", advice=advice)
    return key


def _content(path: Path, error_class: type[ConfigError | ModelError], advice: str) -> bytes:
    """Return the bytes of a small file."""
    return bounded(path, MAX_BYTES, error_class, advice=advice)
