"""The configuration of a training run: TOML in, typed structs out, stored in the checkpoint."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """How often the shared convolution is applied."""
    squeeze: Count = 32
    """Channels of the 1x1 convolution in front of the flatten."""
    embedding: Count = 256
    """Length of the learned embedding."""
    dropout: Fraction = 0.3
    """Share of the squeezed features that a step leaves out."""
    scale: Positive = 20.0
    """A logit is this times a cosine."""
    margin: NonNegative = 0.25
    """Subtracted from the true class's cosine while training (additive margin)."""
    spectral: Annotated[int, msgspec.Meta(ge=0)] = 96
    """Length of the √-derivative part of the embedding; 0 leaves it out."""
    spectral_weight: Fraction = 0.15
    """Share of the √-derivative similarity in the embedding's cosine."""


class LiuConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="liu", tag_field="name"):
    """The network of Liu et al. 2017, arXiv 1708.09022."""

    class_weighted: bool = True
    """Weigh the cross-entropy by one over the size of the class, as the paper does."""


class FanConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="fan", tag_field="name"):
    """DeepCID, Fan et al., Analyst 144 (2019) 1789, with one output a class."""


class ZhangCnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="zhang_cnn", tag_field="name"):
    """The convolutional network of Zhang et al., J. Raman Spectrosc. 51 (2020) 176."""


class ZhangDnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="zhang_dnn", tag_field="name"):
    """The dense network of the same paper."""


class SangConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sang", tag_field="name"):
    """VGG-19 in one dimension, Sang et al., Neural Process. Lett. 54 (2022) 677."""


class SearchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="search", tag_field="name"):
    """Library search: the best similarity of each class over every reference. Nothing is trained."""

    similarity: Literal["cosine", "pearson", "derivative", "root-derivative"] = "root-derivative"
    """Cosine of the spectra, of the centred spectra (HQI), of their first derivatives, of the derivatives of their roots."""


class NeighboursConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="knn", tag_field="name"):
    """The k nearest references vote, each with its cosine."""

    k: Count = 5
    """Nearest references that vote."""


class SvmConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="svm", tag_field="name"):
    """A linear support vector machine (scikit-learn)."""

    c: Positive = 1.0
    """Inverse strength of the regularisation."""


NetworkConfig = DrcnnConfig | DrcnnEdgeConfig | LiuConfig | FanConfig | ZhangCnnConfig | ZhangDnnConfig | SangConfig
ModelConfig = NetworkConfig | SearchConfig | NeighboursConfig | SvmConfig


class RawConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What raw files have that processed spectra lack; see :mod:`raman_train.raw`."""

    fluorescence: Positive = 6.0
    """Largest height of a fluorescence background, relative to the highest line; the logarithm is uniform."""
    fluorescence_share: Fraction = 0.25
    """Share of spectra that get one."""
    rayleigh: Positive = 6.0
    """Largest height of the foot of the Rayleigh line at the start of the axis; the logarithm is uniform."""
    rayleigh_share: Fraction = 0.15
    """Share of spectra that get one."""
    cut_low: Fraction = 0.25
    """Largest share of the axis that a shorter range lacks at its start."""
    cut_high: Fraction = 0.4
    """Largest share that it lacks at its end."""


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
    raw: RawConfig | msgspec.UnsetType = msgspec.UNSET
    """Unset shows processed spectra, and stands in no digest."""


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the weights are found."""

    epochs: Count = 16
    """Times that every training spectrum is shown, at most."""
    batch: Count = 64
    """Spectra of one step."""
    rate: Positive = 2e-3
    """Learning rate; the peak, under one-cycle."""
    optimiser: Literal["adam", "adamw-onecycle"] = "adamw-onecycle"
    """Adam at a constant rate, as the published networks; or AdamW with a one-cycle rate."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of convolutions and matrix products; ``auto`` is bf16 on CUDA and where the processor multiplies bf16. In no
    digest: it belongs to the device, like the number of threads."""
    clip_norm: NonNegative = 0.0
    """Largest norm of the gradient of each weight tensor, as Keras' ``clipnorm`` has it; 0 clips nothing."""
    compiled: bool | None = None
    """Let ``torch.compile`` fuse the step; None does so on CUDA alone."""
    weight_decay: NonNegative = 0.02
    """Decay of the weight matrices under AdamW; vectors do not decay."""
    average: Fraction = 0.998
    """Decay of the moving average of the weights a step; 0 keeps none."""
    patience: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Stop after this many epochs without a better validation accuracy; 0 never does."""
    seed: int = 0
    """Of initial weights, order, dropout and augmentation."""
    augment: AugmentConfig | None = None
    """None shows every spectrum as it is."""


class DataConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is learned from, and what is kept apart."""

    path: str
    """A dataset written by ``raman-train import``, or ``synthetic``."""
    subset: Literal["all", "dataset_1", "dataset_2", "dataset_3"] = "all"
    """A dataset of the paper (Zhou 2022), or everything in the file."""
    protocol: Literal["spectrum", "sample", "laser", "open", "few-shot", "none"] = "sample"
    """Who learns and who is asked, see :mod:`raman_train.data.splits`; ``none`` keeps nothing apart: the refit after the measurement."""
    copies: Literal["none", "before_split", "after_split"] = "none"
    """Copy the spectra of small classes to about 20 a class. Before the split, as Zhou 2022 has it,
    the same spectrum stands on both sides; after the split only what is learned from is copied."""
    split_seed: int = 0
    """Seed of the split: another one puts other spectra on each side."""
    leave_out: tuple[str, ...] = ()
    """Specimens that are not what their label says; docs/decisions/0006 names those of RRUFF."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One training run."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig = TrainingConfig()
    recipe: Recipe = Recipe((Resample(start=30.0, stop=1599.0, step=1.0, outside="hold"), MinMax()))

    @property
    def system(self) -> str:
        """What tables call it: the network, or the similarity of a library search."""
        return self.model.similarity if isinstance(self.model, SearchConfig) else str(self.model.__struct_config__.tag)

    @property
    def sha256(self) -> str:
        """Digest of the configuration but for its arithmetic, as records and cards carry it."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["training"]["precision"]
        return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()

    @property
    def settings_sha256(self) -> str:
        """Digest of all but the seeds and where the data lies: runs with the same one may be averaged."""
        data, training = msgspec.structs.replace(self.data, path="", split_seed=0), msgspec.structs.replace(self.training, seed=0)
        return msgspec.structs.replace(self, data=data, training=training).sha256


def of_model(name: str) -> Path:
    """Return the configuration that ships for a system: its paper's recipe; :class:`ConfigError` lists those there are."""
    shipped = {path.stem: path for path in sorted((Path(__file__).parent / "configs").glob("*.toml"))}
    if name not in shipped:
        msg = f"no configuration ships for {name!r}; there are {', '.join(shipped)}. Write another one and name it with --config"
        raise ConfigError(msg)
    return shipped[name]


def read(path: Path, replaced: Sequence[str] = ()) -> Config:
    """Read a TOML configuration; :class:`ConfigError` names the file and the key of a mistake.

    ``replaced`` are ``key.path=value`` texts, the value as TOML or else as text, put in place of the file's.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        for text in replaced:
            replace(raw, text)
        return _converted(raw, path, replaced)
    except OSError as error:
        msg = f"configuration {str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        msg = f"configuration {str(path)!r}: {error}"
        raise ConfigError(msg) from error


def _converted(raw: dict[str, Any], path: Path, replaced: Sequence[str]) -> Config:
    """Return the configuration; a mistake that ``replaced`` brought in is said to be of ``--set``, not of the file."""
    try:
        return msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        if not replaced:
            raise
        from raman_train import config_keys  # noqa: PLC0415 - it reads this module

        for text in replaced:
            config_keys.check(raw, text)
        read(path)  # the file alone: where that fails, the file is to blame
        msg = f"--set {' --set '.join(replaced)}: {error}. `raman-train fit --keys` lists the keys and what they take"
        raise ConfigError(msg) from error


def replace(raw: dict[str, Any], text: str) -> None:
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
