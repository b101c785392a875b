"""Which onnxruntime is installed, what its session really got, and what a person hears of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import build
import command
import onnxruntime
import pytest
from raising import refused
from raman_edge import cli
from raman_edge.errors import ModelError
from raman_edge.model import runtime
from raman_edge.model.model import Model
from raman_edge.model.runtime import CPU, CUDA

if TYPE_CHECKING:
    from pathlib import Path


def folder_with(tmp_path: Path, *wheels: str) -> Path:
    """Return a folder of installed packages in which these wheels have left their mark."""
    for name in (*wheels, "numpy-2.0.0", "onnx-1.18.0", "onnxruntime_extensions-0.1"):
        (tmp_path / f"{name}.dist-info").mkdir()
    (tmp_path / "onnxruntime").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("wheels", "found"),
    [
        ((), {}),
        (("onnxruntime-1.31.1",), {"onnxruntime": "1.31.1"}),
        (("onnxruntime_gpu-1.20.0",), {"onnxruntime-gpu": "1.20.0"}),
        (("onnxruntime-1.31.1", "onnxruntime_gpu-1.20.0"), {"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.20.0"}),
    ],
)
def test_wheels_are_found_where_the_package_lies(tmp_path: Path, wheels: tuple[str, ...], found: dict[str, str]) -> None:
    """Name and version of each wheel that installs onnxruntime, and no other package."""
    assert runtime.installed(folder_with(tmp_path, *wheels)) == found


def test_the_installed_wheel_is_found() -> None:
    """Here, the wheel says the version that the package itself says."""
    assert onnxruntime.__version__ in runtime.installed().values()


def test_two_wheels_are_explained() -> None:
    """Installed together they overwrite each other: the note names the one that runs and how to keep one."""
    (output,) = runtime.notes({"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.20.0"}, offered=False, got=CPU)
    assert output.startswith("onnxruntime 1.31.1 and onnxruntime-gpu 1.20.0 are both installed and overwrite each other's files")
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in output


@pytest.mark.parametrize(("offered", "got", "count"), [(True, CUDA, 0), (False, CPU, 0), (True, CPU, 1)])
def test_a_gpu_that_is_not_used_is_reported(*, offered: bool, got: str, count: int) -> None:
    """Only where CUDA is offered and the session runs elsewhere."""
    output = runtime.notes({"onnxruntime-gpu": "1.20.0"}, offered=offered, got=got)
    assert len(output) == count
    assert all("offers CUDA, which did not load: running on CPUExecutionProvider" in line for line in output)


def test_a_cuda_that_does_not_load_falls_back_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Listed by onnxruntime and not there: the model runs on the processor, and standard error has one note."""
    if CUDA in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", lambda _: None)
    model, _ = build.write_pair(tmp_path)
    assert cli.main(["model", "info", "--model", str(model)]) == 0
    output = capfd.readouterr()
    assert output.err.count("\n") == 1
    assert output.err.startswith("raman-edge: onnxruntime offers CUDA, which did not load: running on CPUExecutionProvider")
    assert '"provider": "CPUExecutionProvider"' in output.out


def test_cuda_is_tried_first_and_computes_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is offered, CUDA comes before the processor, without TensorFloat-32."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["TensorrtExecutionProvider", CUDA, CPU])
    monkeypatch.setattr(onnxruntime, "set_default_logger_severity", lambda _: None)
    assert runtime._providers(onnxruntime) == [(CUDA, {"use_tf32": "0"}), CPU]


def test_all_is_well_here(tmp_path: Path) -> None:
    """With one wheel and what it offers in use, there is nothing to say."""
    if len(runtime.installed()) > 1:
        pytest.skip("two wheels are installed here")
    assert Model.open(build.write_model(tmp_path / "m.onnx")).notes == ()


def test_what_onnxruntime_refuses_is_reported_with_its_words(tmp_path: Path) -> None:
    """A network that passes as one, and that onnxruntime cannot run all the same."""
    import onnx
    from onnx import helper
    from raman_edge.model import card

    proto = build.graph(build.templates())
    proto.graph.node[1].attribute.append(helper.make_attribute("nonsense", 1))
    helper.set_model_props(proto, {card.KEY: build.model_card(build.templates()).to_json()})
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    assert isinstance(proto, onnx.ModelProto)
    with refused(ModelError, "cannot be loaded", "m.onnx", cause="nonsense"):
        Model.open(tmp_path / "m.onnx")


def test_no_telemetry_is_sent(tmp_path: Path) -> None:
    """Identifying starts no telemetry of onnxruntime's: its file of events would lie in the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    model, _ = build.write_pair(tmp_path)
    (tmp_path / "one.csv").write_text(build.text())
    done = command.run("identify", tmp_path / "one.csv", "--model", model, HOME=str(home), RAMAN_EDGE_USER_LIBRARY=str(home / "none"))
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
