"""The configuration of a training run: TOML in, typed structs out, stored in the checkpoint.

The docstrings of the fields are the text of ``raman-train fit --keys`` and of the table in docs/training.md.
"""

from __future__ import annotations

import ast
import hashlib
import re
import tomllib
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from raman_edge.errors import ConfigError
from raman_edge.preprocessing import MinMax, Recipe, Resample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Positive = Annotated[float, msgspec.Meta(gt=0)]
NonNegative = Annotated[float, msgspec.Meta(ge=0)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class DrcnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="drcnn", tag_field="name"):
    """The network of Zhou et al., RSC Adv. 2022, 12, 5053, Table 1."""

    recursions: Count = 9
    """D: number of times that the shared convolution is applied."""


class DrcnnEdgeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="drcnn-edge", tag_field="name"):
    """The same recursion as a small embedding network for the edge."""

    width: Count = 48
    """Channels of the recursion; the later layers have 2 and 4 times as many."""
    recursions: Count = 6
    """Number of times that the shared convolution is applied."""
    squeeze: Count = 32
    """Channels of the 1x1 convolution before the flatten."""
    embedding: Count = 256
    """Length of the learned embedding."""
    dropout: Fraction = 0.3
    """Share of the squeezed features that dropout sets to zero."""
    scale: Positive = 20.0
    """Factor between a cosine and a logit."""
    margin: NonNegative = 0.25
    """Subtracted from the true class's cosine while training (additive margin)."""
    spectral: Annotated[int, msgspec.Meta(ge=0)] = 96
    """Length of the √-derivative part of the embedding; 0 omits it."""
    spectral_weight: Fraction = 0.15
    """Share of the √-derivative similarity in the embedding's cosine."""
    masked: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether the network reads 0 where nothing was measured, and a mask that says where; unset is no, and not part of a digest."""


class LiuConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="liu", tag_field="name"):
    """The network of Liu et al. 2017, arXiv 1708.09022."""

    class_weighted: bool = True
    """Weight the cross-entropy by one over the size of the class, as the paper does."""


class FanConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="fan", tag_field="name"):
    """DeepCID, Fan et al., Analyst 144 (2019) 1789, with one output per class."""


class ZhangCnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="zhang_cnn", tag_field="name"):
    """The convolutional network of Zhang et al., J. Raman Spectrosc. 51 (2020) 176."""


class ZhangDnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="zhang_dnn", tag_field="name"):
    """The dense network of the same paper."""


class SangConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="sang", tag_field="name"):
    """VGG-19 in one dimension, Sang et al., Neural Process. Lett. 54 (2022) 677."""


class SearchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="search", tag_field="name"):
    """Library search: the highest similarity of each class over all references. Nothing is trained."""

    similarity: Literal["cosine", "pearson", "derivative", "root-derivative"] = "root-derivative"
    """Cosine of the spectra, of the centred spectra (HQI), of their first derivatives, or of the derivatives of their square roots."""


class NeighboursConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="knn", tag_field="name"):
    """The k nearest references vote, each with its cosine as weight."""

    k: Count = 5
    """Number of nearest references that vote."""


class SvmConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="svm", tag_field="name"):
    """A linear support vector machine (scikit-learn)."""

    c: Positive = 1.0
    """Inverse strength of the regularisation."""


class LogisticConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="logistic", tag_field="name"):
    """A multinomial logistic regression on the √-derivative (scikit-learn)."""

    c: Positive = 1.0
    """Inverse strength of the regularisation."""


class RandomConvolutionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="random-convolution", tag_field="name"):
    """Random convolutions with a ridge classifier, after HYDRA (Dempster et al. 2023)."""

    groups: Count = 2
    """Groups of eight competing kernels, for each of three dilations."""
    window: Count = 50
    """Points over which responses are summed; windows overlap by half."""
    ridge: Positive = 0.01
    """Penalty of the squared weights, for classes of one spectrum."""


NetworkConfig = DrcnnConfig | DrcnnEdgeConfig | LiuConfig | FanConfig | ZhangCnnConfig | ZhangDnnConfig | SangConfig
ModelConfig = NetworkConfig | SearchConfig | NeighboursConfig | SvmConfig | LogisticConfig | RandomConvolutionConfig


class RawConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Backgrounds and ranges of raw files; see :func:`raman_train.augment.raw_background`."""

    fluorescence: Positive = 6.0
    """Largest height of a fluorescence background, relative to the highest line; the logarithm is uniform."""
    fluorescence_share: Fraction = 0.25
    """Share of spectra with this background."""
    rayleigh: Positive = 6.0
    """Largest height of the foot of the Rayleigh line at the start of the axis; the logarithm is uniform."""
    rayleigh_share: Fraction = 0.15
    """Share of spectra with this background."""
    cut_low: Fraction = 0.25
    """Largest share of the axis that a shorter range lacks at its start."""
    cut_high: Fraction = 0.4
    """Largest share of the axis that a shorter range lacks at its end."""


class AugmentConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Augmentation of a spectrum at each presentation; see :mod:`raman_train.augment`."""

    shift: NonNegative = 0.6
    """Standard deviation of the shift of the axis, cm⁻¹."""
    far_shift: Fraction = 0.1
    """Share of spectra with a seven times larger shift, as from uncalibrated instruments."""
    stretch: NonNegative = 0.0006
    """Standard deviation of the relative stretch of the axis."""
    broaden: NonNegative = 8.0
    """Largest additional Gaussian broadening, full width at half maximum, cm⁻¹."""
    broaden_share: Fraction = 0.35
    """Share of spectra that are broadened."""
    response: NonNegative = 0.35
    """Standard deviation of the logarithm of a smooth response curve over 6 knots."""
    line_response: NonNegative = 0.25
    """The same over 40 knots: the effect of orientation on single lines."""
    baseline: NonNegative = 0.6
    """Largest height of a polynomial background, relative to the highest line."""
    baseline_share: Fraction = 0.3
    """Share of spectra with such a background."""
    noise_low: Positive = 2.5e-4
    """Smallest standard deviation of the noise, relative to the highest line; its logarithm is uniform up to ``noise_high``."""
    noise_high: Positive = 1e-2
    """Largest standard deviation of the noise, relative to the highest line."""
    crop_share: Fraction = 0.3
    """Share of spectra cut at either end, as by an instrument with a shorter range."""
    spike_share: Fraction = 0.02
    """Share of spectra with a cosmic spike."""
    mix_share: Fraction = 0.3
    """Share of spectra mixed with another one of the same label."""
    raw: RawConfig | msgspec.UnsetType = msgspec.UNSET
    """Backgrounds of raw files; unset for processed spectra, and then not part of a digest."""
    hold: bool | msgspec.UnsetType = msgspec.UNSET
    """Whether what was not measured stays flat under noise and backgrounds; unset is no, and not part of a digest."""


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The training of the weights."""

    epochs: Count = 16
    """Largest number of epochs."""
    batch: Count = 64
    """Spectra per step."""
    rate: Positive = 2e-3
    """Learning rate; with one-cycle, its peak."""
    optimiser: Literal["adam", "adamw-onecycle"] = "adamw-onecycle"
    """Adam at a constant rate, as for the published networks, or AdamW with a one-cycle rate."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of convolutions and matrix products; ``auto`` is bf16 on CUDA and on processors that multiply bf16. Not part of
    a digest: it belongs to the device, like the number of threads."""
    clip_norm: NonNegative = 0.0
    """Largest norm of the gradient of each weight tensor, as Keras' ``clipnorm``; 0 clips nothing."""
    compiled: bool | None = None
    """Fuse the step with ``torch.compile``; null does so only on CUDA."""
    weight_decay: NonNegative = 0.02
    """Decay of the weight matrices with AdamW; vectors do not decay."""
    average: Fraction = 0.998
    """Decay per step of the moving average of the weights; 0 keeps no average."""
    patience: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Stop after this many epochs without a higher validation accuracy; 0 never stops early."""
    seed: int = 0
    """Seed of initial weights, order, dropout and augmentation."""
    augment: AugmentConfig | None = None
    """Augmentation; null for none."""


class DataConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The dataset and its split."""

    path: str
    """A dataset of ``raman-train import``, or ``synthetic``."""
    subset: Literal["all", "dataset_1", "dataset_2", "dataset_3"] = "all"
    """A dataset of the paper (Zhou 2022), or everything in the file."""
    protocol: Literal["spectrum", "sample", "laser", "open", "few-shot", "none"] = "sample"
    """Split into training and test, see :mod:`raman_train.data.splits`; ``none`` has no test: the refit after the measurement."""
    copies: Literal["none", "before_split", "after_split"] = "none"
    """Copy the spectra of small classes to about 20 per class. Before the split (Zhou 2022), the same spectrum is in training and
    test; after the split, only training spectra are copied."""
    split_seed: int = 0
    """Seed of the split."""
    leave_out: tuple[str, ...] = ()
    """Specimens with a wrong label; docs/decisions/0006 lists those of RRUFF."""
    packs: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    """Library packs whose spectra are learned too, but those of species that the protocol keeps apart; they are in no test. Unset for
    none, and then not part of a digest."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One training run."""

    model: ModelConfig
    data: DataConfig
    training: TrainingConfig = TrainingConfig()
    recipe: Recipe = Recipe((Resample(start=30.0, stop=1599.0, step=1.0, outside="hold"), MinMax()))

    @property
    def system(self) -> str:
        """Name in tables: the network, or the similarity of a library search."""
        return self.model.similarity if isinstance(self.model, SearchConfig) else str(self.model.__struct_config__.tag)

    @property
    def sha256(self) -> str:
        """Digest of the configuration without its arithmetic, as in records and cards."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        del fields["training"]["precision"]
        return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()

    @property
    def settings_sha256(self) -> str:
        """Digest of everything except the seeds and the path of the data: results with the same one can be averaged."""
        data, training = msgspec.structs.replace(self.data, path="", split_seed=0), msgspec.structs.replace(self.training, seed=0)
        return msgspec.structs.replace(self, data=data, training=training).sha256


def of_model(name: str) -> Path:
    """Return the packaged configuration of a system, its paper's recipe.

    Raises:
        ConfigError: if there is none; the message lists the systems.
    """
    packaged = {path.stem: path for path in sorted((Path(__file__).parent / "configs").glob("*.toml"))}
    if name not in packaged:
        msg = f"no packaged configuration {name!r}; expected one of {', '.join(packaged)}. Give a file of your own with --config"
        raise ConfigError(msg)
    return packaged[name]


def read(path: Path, replaced: Sequence[str] = ()) -> Config:
    """Read a TOML configuration; ``replaced`` are ``key.path=value`` texts (the value as TOML, or else as text) that override it.

    Raises:
        ConfigError: for a mistake; the message names the file or the option, and the key.
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
    """Return the configuration; the message for a mistake in ``replaced`` names ``--set`` instead of the file."""
    try:
        return msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        if not replaced:
            raise
        for text in replaced:
            check_key(raw, text)
        read(path)  # raises if the file itself has a mistake
        msg = f"--set {' --set '.join(replaced)}: {error}. `raman-train fit --keys` lists the keys and their values"
        raise ConfigError(msg) from error


def replace(raw: dict[str, Any], text: str) -> None:
    """Set one ``key.path=value`` in a parsed configuration.

    Raises:
        ConfigError: if the text has another form, or a part of the path is not a table.
    """
    key, equals, value = text.partition("=")
    if not equals:
        msg = f"--set: got {text!r}, expected KEY=VALUE, such as data.protocol=spectrum"
        raise ConfigError(msg)
    *path, last = key.strip().split(".")
    for part in path:
        inner: object = raw.setdefault(part, {})
        if isinstance(inner, dict):
            raw = inner
        else:
            msg = f"--set {key}: {part!r} is a value, expected a table"
            raise ConfigError(msg)
    try:
        raw[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        raw[last] = value


ROLE = re.compile(r":\w+:(`[^`]+`)")
"""A cross-reference of Sphinx, such as ``:mod:`raman_train.data` ``."""
VALUES = {
    "Positive": "a number above 0", "NonNegative": "0 or more", "Fraction": "0 to 1", "Count": "a whole number from 1",
    "Annotated[int, msgspec.Meta(ge=0)]": "a whole number from 0", "int": "a whole number", "bool": "true or false", "str": "text",
    "tuple[str, ...]": "a list of texts",
}  # fmt: skip
"""Annotations of this module, as text."""
TABLES: dict[str, Any] = {"data": DataConfig, "training": TrainingConfig, "training.augment": AugmentConfig,
          "training.augment.raw": RawConfig}  # fmt: skip
"""Tables of a configuration besides ``model``, which has its own keys for each system, and ``recipe``."""


class ConfigKey(NamedTuple):
    """One key of a configuration."""

    path: str
    """Such as ``training.epochs``, or for a key of one system ``model.recursions (drcnn)``."""
    values: str
    """Accepted values, as text."""
    default: str
    """As JSON; empty if the key is required."""
    meaning: str
    """Docstring of the field; may be empty."""


def list_keys() -> list[ConfigKey]:
    """Return every key of a configuration except those of recipes, in the order of the source."""
    found = [key for table, struct in TABLES.items() for key in _keys_of(struct, table, "")]
    for system in get_args(ModelConfig):
        found += _keys_of(system, "model", f" ({system.__struct_config__.tag})")
    return found


def keys_table() -> str:
    """Return the keys as a Markdown table."""
    rows = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for key in list_keys():
        default = f"`{key.default}`" if key.default else "required"
        rows.append(f"| `{key.path}` | {key.values} | {default} | {key.meaning} |")
    return "\n".join(rows)


def keys_text() -> str:
    """Return the keys as lines of text."""
    width = max(len(key.path) for key in list_keys())
    return "\n".join(f"{key.path.ljust(width)}  {key.default or 'required':10}  {key.meaning}".rstrip() for key in list_keys())


def check_key(raw: Mapping[str, Any], text: str) -> None:
    """Check the key of ``text``, a ``key.path=value`` that was set in ``raw``.

    Raises:
        ConfigError: if the key is unknown; the message lists the known ones.
    """
    path = text.partition("=")[0].strip().split(".")
    table: object = raw
    struct: type[msgspec.Struct] | None = Config
    for place, part in enumerate(path):
        if struct is None:
            return
        tag = struct.__struct_config__.tag_field
        known = [*([tag] if tag else []), *struct.__struct_fields__]
        if part not in known:
            where = ".".join(path[:place]) or "a configuration"
            msg = f"--set {text}: unknown key {part!r}; {where} has {', '.join(known)}"
            raise ConfigError(msg)
        table = table.get(part) if isinstance(table, dict) else None
        struct = _struct(get_type_hints(struct, include_extras=True).get(part), table)


def _struct(hint: object, value: object) -> type[msgspec.Struct] | None:
    """Return the struct of a type hint; of several systems the one named in ``value``; None for a plain value."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint if hint.__module__ == __name__ else None
    if get_origin(hint) is Annotated:
        return _struct(get_args(hint)[0], value)
    if get_origin(hint) not in (Union, types.UnionType):
        return None
    found = [one for part in get_args(hint) if (one := _struct(part, value)) is not None]
    named = value.get("name") if isinstance(value, dict) else None
    return next((one for one in found if one.__struct_config__.tag == named), found[0] if len(found) == 1 else None)


def _values(annotation: str) -> str:
    """Return the values that an annotation accepts, as text."""
    plain = annotation.replace(" | msgspec.UnsetType", "").replace(" | None", "")
    if plain.startswith("Literal["):
        return " or ".join(part.strip("' ") for part in plain.removeprefix("Literal[").rstrip("]").split(","))
    return VALUES.get(plain, "a table" if plain.endswith("Config") else plain)


def _keys_of(struct: type[msgspec.Struct], table: str, suffix: str) -> Iterator[ConfigKey]:
    """Yield the keys of a struct; annotations and docstrings come from the source."""
    body: Sequence[ast.stmt] = ast.parse(Path(__file__).read_text("utf-8")).body
    (own,) = (node for node in body if isinstance(node, ast.ClassDef) and node.name == struct.__name__)
    defaults = {field.name: field for field in msgspec.structs.fields(struct)}
    for statement, following in zip(own.body, [*own.body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        docstring = following.value.value if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant) else ""
        default = defaults[statement.target.id].default
        shown = "" if default is msgspec.NODEFAULT else "unset" if default is msgspec.UNSET else msgspec.json.encode(default).decode()
        yield ConfigKey(
            f"{table}.{statement.target.id}{suffix}", _values(ast.unparse(statement.annotation)), shown,
            ROLE.sub(r"\1", " ".join(str(docstring).split())).replace("``", "`"),
        )  # fmt: skip
