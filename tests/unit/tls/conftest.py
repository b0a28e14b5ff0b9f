"""One pair of authorities for all tests of a process; whoever asks for it needs openssl."""

from __future__ import annotations

import shutil

import pytest

from tests.certificates import Authority
from tests.unit.tls.support import Pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    directory = tmp_path_factory.mktemp("certificates")
    return Pki(Authority(directory, "trusted"), Authority(directory, "stranger"))
