"""The configuration of a training run: TOML in, typed structs out, stored in the checkpoint."""

from __future__ import annotations

import hashlib
import tomllib
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from raman_edge.errors import ConfigError
from raman_edge.recipe import MinMax, Recipe, Resample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class DrcnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="drcnn", tag_field="name"):
    """The network of Zhou et al., RSC Adv. 2022, 12, 5053, Table 1."""

    recursions: Count = 9
    """D: how often the one shared convolution is applied."""


class DrcnnEdgeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="drcnn-edge", tag_field="name"):
    """The same recursive idea, slimmed for an edge box."""

    width: Count = 48
    """Channels of the recursion; the later layers have 2 and 4 times as many."""
    recursions: Count = 6
    squeeze: Count = 32
    """Channels of the 1x1 convolution in front of the flatten."""
    embedding: Count = 256
    """Length of the learned embedding."""
    dropout: Fraction = 0.3
    scale: Positive = 20.0
    """A logit is this times a cosine."""
    margin: NonNegative = 0.25
    """Subtracted from the true class's cosine while training (additive margin)."""
    spectral: Annotated[int, msgspec.Meta(ge=0)] = 96
    """Length of the √-derivative part of the embedding; 0 leaves it out."""
    spectral_weight: Fraction = 0.15
    """Share of the √-derivative similarity in the embedding's cosine."""


ModelConfig = DrcnnConfig | DrcnnEdgeConfig


class AugmentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to a spectrum each time it is shown; see :mod:`raman_train.augment`."""

    shift: NonNegative = 0.6
    """Standard deviation of the shift of the axis, cm⁻¹."""
    far_shift: Fraction = 0.1
    """Share of spectra whose shift is seven times as large: uncalibrated instruments."""
    stretch: NonNegative = 0.0006
    """Standard deviation of the relative stretch of the axis."""
    broaden: NonNegative = 8.0
    """Largest additional Gaussian broadening, full width at half maximum, cm⁻¹."""
    broaden_share: Fraction = 0.35
    """Share of spectra that are broadened."""
    response: NonNegative = 0.35
    """Standard deviation of the logarithm of a smooth response curve over 6 knots."""
    line_response: NonNegative = 0.25
    """The same over 40 knots: what orientation does to single lines."""
    baseline: NonNegative = 0.6
    """Largest height of a polynomial background, relative to the highest line."""
    baseline_share: Fraction = 0.3
    """Share of spectra that get one."""
    noise_low: Positive = 2.5e-4
    """Smallest standard deviation of the noise, relative to the highest line."""
    noise_high: Positive = 1e-2
    """Largest; the logarithm is uniform in between."""
    crop_share: Fraction = 0.3
    """Share of spectra cut at either end, as an instrument with a shorter range would."""
    spike_share: Fraction = 0.02
    """Share of spectra with a cosmic spike."""
    mix_share: Fraction = 0.3
    """Share of spectra mixed with another of the same label."""


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights are found."""

    epochs: Count = 16
    batch: Count = 64
    rate: Positive = 2e-3
    """Learning rate; the peak, under one-cycle."""
    optimiser: Literal["adam", "adamw-onecycle"] = "adamw-onecycle"
    weight_decay: NonNegative = 0.02
    average: Fraction = 0.998
    """Decay of the moving average of the weights a step; 0 keeps none."""
    patience: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Stop after this many epochs without a better validation accuracy; 0 never does."""
    seed: int = 0
    augment: AugmentConfig | None = None
    """None shows every spectrum as it is."""


class DataConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned from, and what is kept apart."""

    path: str
    """A dataset written by ``raman-train import``, or ``synthetic``."""
    subset: Literal["all", "dataset_1", "dataset_2"] = "all"
    protocol: Literal["spectrum", "sample", "none"] = "sample"
    """``none`` keeps nothing apart: the refit after the measurement."""
    split_seed: int = 0
    leave_out: tuple[str, ...] = ()
    """Specimens that are not what their label says; docs/decisions/0006 names those of RRUFF."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One training run."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig = TrainingConfig()
    recipe: Recipe = Recipe((Resample(start=30.0, stop=1599.0, step=1.0, outside="hold"), MinMax()))

    @property
    def sha256(self) -> str:
        """Digest of the configuration, as records and cards carry it."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def read(path: Path, replaced: Sequence[str] = ()) -> Config:
    """Read a TOML configuration; :class:`ConfigError` names the file and the key of a mistake.

    ``replaced`` are ``key.path=value`` texts, the value as TOML or else as text, put in place of the file's.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        for text in replaced:
            _replace(raw, text)
        return msgspec.convert(raw, Config)
    except OSError as error:
        msg = f"configuration {str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        msg = f"configuration {str(path)!r}: {error}"
        raise ConfigError(msg) from error


def _replace(raw: dict[str, Any], text: str) -> None:
    """Put one ``key.path=value`` into a parsed configuration."""
    key, equals, value = text.partition("=")
    if not equals:
        msg = f"--set wants KEY=VALUE, such as data.protocol=spectrum; got {text!r}"
        raise ConfigError(msg)
    *path, last = key.strip().split(".")
    for part in path:
        inner: object = raw.setdefault(part, {})
        if isinstance(inner, dict):
            raw = inner
        else:
            msg = f"--set {key}: {part!r} is a value, not a table"
            raise ConfigError(msg)
    try:
        raw[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        raw[last] = value
