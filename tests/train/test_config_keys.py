"""The keys of a configuration: documented, listed, and named in the message for a misspelt one."""

from __future__ import annotations

from pathlib import Path

import pytest
from raman_edge.errors import ConfigError
from raman_train import config
from raman_train.benchmark import document
from raman_train.cli import main

DRCNN = config.of_model("drcnn")
PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def test_every_key_is_listed_with_its_meaning() -> None:
    """Each field of each table and of each system has a meaning."""
    found = {key.path: key for key in config.list_keys()}
    assert {f"training.{name}" for name in config.TrainingConfig.__struct_fields__} <= found.keys()
    assert found["model.recursions (drcnn)"].default == "9"
    assert found["data.path"].default == ""
    assert found["training.precision"].values == "auto or fp32 or bf16"
    assert not [key.path for key in found.values() if not key.meaning]


def test_the_page_on_training_lists_the_keys_there_are() -> None:
    """The table is generated."""
    text = PAGE.read_text("utf-8")
    assert document.fill(text, {"keys": config.keys_table()}) == text


@pytest.mark.parametrize(
    ("text", "key", "there"),
    [
        ("training.epoch=5", "'epoch'", "epochs, batch, rate"),
        ("model.recursion=3", "'recursion'", "model has name, recursions"),
        ("training.augment.shif=1", "'shif'", "training.augment has shift, far_shift"),
        ("trainin.epochs=5", "'trainin'", "model, data, training, recipe"),
    ],
)
def test_a_misspelt_set_names_the_keys_there_are(text: str, key: str, there: str) -> None:
    """The message names the option, not the packaged file."""
    with pytest.raises(ConfigError) as error:
        config.read(DRCNN, [text])
    assert f"--set {text}" in str(error.value)
    assert key in str(error.value)
    assert there in str(error.value)
    assert "drcnn.toml" not in str(error.value)


@pytest.mark.parametrize("text", ["training.epochs=many", "data.protocol=samples", "training.batch=0"])
def test_a_wrong_value_of_set_is_not_blamed_on_the_file(text: str) -> None:
    """The message names the option, the key and the command that lists the keys."""
    with pytest.raises(ConfigError, match="raman-train fit --keys") as error:
        config.read(DRCNN, [text])
    assert f"--set {text}" in str(error.value)
    assert "drcnn.toml" not in str(error.value)


def test_a_mistake_in_the_file_stays_the_files(tmp_path: Path) -> None:
    """A mistake in the file is reported for the file, also with a valid --set."""
    file = tmp_path / "own.toml"
    file.write_text(DRCNN.read_text().replace("batch = 32", "batsch = 32"))
    with pytest.raises(ConfigError, match=r"own\.toml.*batsch"):
        config.read(file, ["training.epochs=5"])


def test_fit_lists_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """``raman-train fit --keys`` trains nothing."""
    assert main(["fit", "--keys"]) == 0
    assert "training.patience" in capsys.readouterr().out
