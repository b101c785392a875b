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
    """What a signature that was checked vouches for."""

    model: str
    """SHA-256 of the model file, lower-case hex."""
    library: str
    """SHA-256 of the library file, lower-case hex."""


def path_beside(model: Path) -> Path:
    """Return where the signature of the model at ``model`` lies."""
    return model.with_name(f"{model.name}.sig")


def message(signed: Signed) -> bytes:
    """Return the bytes that are signed."""
    return f"{HEAD}\nmodel   {signed.model}\nlibrary {signed.library}\n".encode()


def text(signed: Signed, signature: bytes) -> bytes:
    """Return the content of a signature file."""
    return message(signed) + b"ed25519 " + base64.b64encode(signature) + b"\n"


def read(path: Path, key: Path) -> Signed:
    """Return what the signature file at ``path`` vouches for in the name of the public ``key``.

    Raises :class:`ModelError` where there is none or it is not by that key, :class:`ConfigError` where the key is none.
    """
    public = public_key(key)
    content = _content(path, ModelError, "a signature is made by `raman-train sign`").decode("ascii", "replace")
    found = FORM.fullmatch(content)
    if found is None:
        msg = f"{str(path)!r} is no signature of raman-edge: it begins with {content[:40]!r}, {HEAD!r} expected"
        raise ModelError(msg)
    said, model, library, encoded = found.groups()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - there, since the key was read

    try:
        public.verify(base64.b64decode(encoded, validate=True), said.encode())
    except (InvalidSignature, binascii.Error) as error:
        msg = f"signature {str(path)!r} is not by the key {str(key)!r}, or was changed: get model and signature again from their maker"
        raise ModelError(msg) from error
    return Signed(model, library)


def public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key; :class:`ConfigError` where it is none."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - 50 ms, for those who give a key
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(MISSING) from error
    made_by = "`openssl pkey -in KEY.pem -pubout` writes one"
    content = _content(path, ConfigError, made_by)
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        msg = f"{str(path)!r} is no public key in PEM; {made_by}"
        raise ConfigError(msg) from error
    if not isinstance(key, Ed25519PublicKey):
        msg = f"{str(path)!r} is a public key of another kind, Ed25519 expected; `openssl genpkey -algorithm ed25519` makes one"
        raise ConfigError(msg)
    return key


def _content(path: Path, error_class: type[ConfigError | ModelError], advice: str) -> bytes:
    """Return the bytes of a small file."""
    try:
        if not path.is_file():
            msg = f"{str(path)!r} is not there or no file; {advice}"
            raise error_class(msg)
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        msg = f"{str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}; {advice}"
        raise error_class(msg) from error
    if len(content) > MAX_BYTES:
        msg = f"{str(path)!r} has more than {MAX_BYTES} bytes; {advice}"
        raise error_class(msg)
    return content
