"""How outputs are named on the command line: every error has what was got, what was expected and what to do."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import command
import pytest
import scripted_outputs
from hypothesis import given
from hypothesis import strategies as st
from raman_edge.errors import ConfigError
from raman_edge.outputs import broker, opened, prometheus

if TYPE_CHECKING:
    from pathlib import Path

MISTAKES = [
    ("", "unknown output"),
    ("results.csv", "unknown output"),
    ("stdout:x", "unknown output"),
    ("xml:results", "unknown output"),
    ("mqtt:", "no host"),
    ("mqtt:///topic", "no host"),
    ("mqtt://host", "invalid topic"),
    ("mqtt://host/", "invalid topic"),
    ("mqtt://host/a/#", "invalid topic"),
    ("mqtt://host/a/+/b", "invalid topic"),
    ("mqtt://host/%00", "invalid topic"),
    ("mqtt://host/" + 70_000 * "x", "invalid topic"),
    ("mqtt://host:123456/a", "not an address"),
    ("mqtt://host:x/a", "not an address"),
    ("mqtt://[::1/a", "not an address"),
    ("mqtt://host/a?qos=3", "0 or 1 or 2"),
    ("mqtt://host/a?qos=1&qos=2", "option given twice"),
    ("mqtt://host/a?retain=yes", "0 or 1"),
    ("mqtt://host/a?protocol=4", "5 or 3.1.1"),
    ("mqtt://host/a?client=", "some text"),
    ("mqtt://host/a?quality=1", "unknown option"),
    ("mqtt://host/a?ca=x", "?ca= without TLS"),
    ("mqtts://host/a?ca=/nowhere/at/all", "not a file"),
    ("mqtt://me@host/a?password_file=/nowhere/at/all", "cannot be read"),
    ("prometheus:", "no port"),
    ("prometheus:0", "no port"),
    ("prometheus:70000", "no port"),
    ("prometheus:localhost", "no port"),
    ("prometheus:²", "no port"),
]


@pytest.mark.parametrize(("spec", "message"), MISTAKES)
def test_a_mistake_is_reported(spec: str, message: str) -> None:
    """What cannot be an output is a mistake with its place and what was expected."""
    with pytest.raises(ConfigError) as raised:
        opened(spec, scripted_outputs.Alone())
    assert raised.value.place.startswith("output ")
    assert message in (raised.value.kind, raised.value.expected), raised.value


@given(st.text())
def test_any_text_is_an_output_or_a_mistake(text: str) -> None:
    """No text after mqtt:// does anything else than name a broker or raise the mistake."""
    with suppress(ConfigError):
        found = broker.parse(f"mqtt://{text}")
        assert found.host
        assert found.topic


def test_a_broker_is_read() -> None:
    """Every part of the address is where it belongs; what is left out has the protocol's own default."""
    plain = broker.parse("mqtt://broker/lab/raman")
    assert (plain.host, plain.port, plain.topic, plain.tls, plain.qos, plain.retain) == ("broker", 1883, "lab/raman", False, 1, False)
    assert (plain.user, plain.password, plain.protocol, plain.state_topic) == (None, None, "5", "lab/raman/state")
    full = broker.parse("mqtts://me%40lab@[::1]:8884/lab%20a/x?qos=2&retain=1&protocol=3.1.1&client=bench-7")
    assert (full.host, full.port, full.topic, full.tls, full.qos, full.retain) == ("::1", 8884, "lab a/x", True, 2, True)
    assert (full.user, full.protocol, full.client_id) == ("me@lab", "3.1.1", "bench-7")
    assert broker.parse("mqtts://h/t").port == 8883


def test_a_broker_keeps_its_cursor() -> None:
    """The name is that of broker and topic: options and passwords change neither it nor the client's id."""
    one, two = broker.parse("mqtt://me@h/t"), broker.parse("mqtt://me@h:1883/t?qos=2&retain=1")
    assert one.name == two.name == "mqtt://me@h:1883/t"
    assert one.client_id == two.client_id
    assert one.client_id != broker.parse("mqtt://me@h/u").client_id
    assert one.client_id.isalnum()
    assert len(one.client_id) == 23


def test_the_password_is_nowhere_to_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes from the environment or a file, and no name, message or picture of the broker holds it."""
    monkeypatch.setenv(broker.PASSWORD_VARIABLE, "s3cret")
    assert broker.parse("mqtt://me@h/t").password == "s3cret"  # noqa: S105 - of this test
    assert broker.parse("mqtt://h/t").password is None
    (tmp_path / "pw").write_text("of the file\n")
    of_file = broker.parse(f"mqtt://me@h/t?password_file={tmp_path / 'pw'}")
    assert of_file.password == "of the file"  # noqa: S105 - of this test
    assert "of the file" not in repr(of_file) + of_file.name
    with pytest.raises(ConfigError, match=r"me:\*\*\*@h.*RAMAN_EDGE_MQTT_PASSWORD") as raised:
        broker.parse("mqtt://me:hunter2@h/t")
    assert "hunter2" not in str(raised.value)


def test_where_prometheus_listens() -> None:
    """Without a host it is this machine alone."""
    assert prometheus.address("9464") == ("127.0.0.1", 9464)
    assert prometheus.address("0.0.0.0:9464") == ("0.0.0.0", 9464)  # noqa: S104 - asked for
    assert prometheus.address("[::1]:9464") == ("::1", 9464)
    assert prometheus.Prometheus("::1", 9464, scripted_outputs.Alone()).name == "prometheus:[::1]:9464"


WITHOUT = """
import sys
sys.modules["paho"] = sys.modules["prometheus_client"] = None
from raman_edge.errors import ConfigError
from raman_edge.outputs import opened
try:
    opened(sys.argv[1], None)
except ConfigError as error:
    print(error)
"""


@pytest.mark.parametrize(("spec", "extra"), [("mqtt://h/t", "mqtt"), ("prometheus:9464", "metrics")])
def test_a_missing_extra_is_reported(spec: str, extra: str) -> None:
    """Where the library is not installed, the message says what to install."""
    done = subprocess.run([sys.executable, "-c", WITHOUT, spec], capture_output=True, text=True, check=True, env=command.environment())
    assert f"pip install 'raman-edge[{extra}]'" in done.stdout
