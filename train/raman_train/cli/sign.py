"""``raman-train sign``: vouch for a model and its library with a key, or make the key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    one = commands.add_parser("sign", help="sign a model and its library with an Ed25519 key, or make one")
    one.add_argument("model", type=Path, nargs="?", metavar="MODEL", help="a model file; its signature is written beside it as MODEL.sig")
    one.add_argument("--library", type=Path, metavar="FILE", help="library of that model; default: the .library.npz beside it")
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", type=Path, metavar="FILE", help="private key: PEM, Ed25519, without a password")
    which.add_argument("--new-key", type=Path, metavar="FILE.pem", help="make a key pair instead: FILE.pem and FILE.pub.pem")
    one.set_defaults(run=run, error=one.error)


def run(options: argparse.Namespace) -> int:
    """Sign, or make a key, and say where it is."""
    if (options.model is None) == (options.new_key is None):
        options.error("MODEL and --key sign; --new-key stands alone")
    from raman_export import sign  # noqa: PLC0415 - onnxruntime, and a package that is optional

    if options.new_key:
        print(f"public key {sign.new_key(options.new_key)}; keep {options.new_key} to yourself")
        return 0
    print(sign.sign(options.model, options.library, options.key))
    return 0
