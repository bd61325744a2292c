"""A process without the adapters' secrets still builds the adapter: the observer, which must not have them."""

from pathlib import Path

import pytest

from adapters.soap import Soap
from gateway import assembly
from gateway.config import parse
from gateway.contract import ConfigError
from tests.unit.adapters.soap.wsdls import body_type, written

CONFIG = """
adapters:
  desk:
    type: soap
    path: /ask
    wsdl: service.wsdl
    incumbent:
      url: ${LEGACY}
      certificate: absent.pem
      credentials: {basic: {user: "${LEGACY_USER}", password: "${LEGACY_PASSWORD}"}}
    auth:
      verify:
        tokens: [digest]
        basic: true
        require: any
        certificates: ["${BATCH_CERTIFICATE}"]
        users: %s
routes: {}
"""


def test_the_observer_builds_the_adapter_without_users_passwords_and_keys(tmp_path: Path) -> None:
    written(tmp_path, body_type("<xs:sequence/>"))
    path = tmp_path / "understudy.yaml"
    for users in ("${file:/nowhere/users}", "{ada: '${ADA}', bob: '${file:/nowhere/bob}'}", "${USERS}"):
        loaded = parse(CONFIG % users, path, {}, withhold=True)
        [adapter] = assembly.adapters(loaded).values()
        assert isinstance(adapter, Soap) and adapter.codecs().keys() == {"Ask"}


def test_a_wrong_users_file_is_told_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("ada:s3cret\nbob s3cret\n")
    text = CONFIG % "${file:users}"
    environ = {"LEGACY": "https://old/", "LEGACY_USER": "u", "LEGACY_PASSWORD": "pw", "BATCH_CERTIFICATE": "CN=batch"}
    with pytest.raises(ConfigError) as caught:
        parse(text, tmp_path / "understudy.yaml", environ)
    told = str(caught.value)
    assert "entry 2 of the users is not NAME:PASSWORD" in told and "s3cret" not in told and "line" in told
    (tmp_path / "users").write_text("ada:s3cret\nbob:s3cret\n")
    loaded = parse(text, tmp_path / "understudy.yaml", environ)
    assert "s3cret" not in repr(loaded.adapters) and "pw" not in repr(loaded.adapters)
