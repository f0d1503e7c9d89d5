"""What looks after secrets in the repository (`make lint`): it knows one when it meets it."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shipped import ROOT

KEY = "-----BEGIN {} KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END {} KEY-----\n"


def scan(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Look through files."""
    return subprocess.run(
        [ROOT / "scripts/find-secrets", *paths],
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "text",
    [
        "id = 'AKIA" + "Z3QWERTYUIOPLKJH'",
        KEY.format("PRIVATE", "PRIVATE"),
        KEY.format("RSA PRIVATE", "RSA PRIVATE"),
        "tok" + "en = '{}'",
        "pass" + "word = 'correct horse'",
        "url = 'https://user:correct-horse" + "@example.org/'",
    ],
    ids=["AWS", "key", "RSA key", "random", "password", "address"],
)
def test_a_secret_is_noticed(tmp_path: Path, text: str) -> None:
    """Whatever kind it is of; only its place is printed."""
    path = tmp_path / "settings.py"
    secret = secrets.token_hex(32)
    path.write_text(text.format(secret) + "\n")
    result = scan(path)
    assert result.returncode != 0
    assert f"{path}:1\n" in result.stdout + result.stderr
    assert secret not in result.stdout + result.stderr
