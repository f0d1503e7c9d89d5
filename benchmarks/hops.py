"""How roundabout the way of a request is: ``python -m benchmarks.hops [FOLDER]``.

Prints, for four kinds of request, how many files of the package are entered and how often the way
changes from one file to another. With the folder of another checkout its code is measured instead.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
RECORD = {"app_usage_min_per_day": 310, "screen_on_hours_per_day": 6.1, "apps_installed": 64}
FILE = "apps_installed,app_usage_min_per_day\n64,310\n12,30\n90,500\n"


class Trail:
    """Notes which files of the package are entered."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self._package = str(ROOT / "segmentation")

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """Note a call."""
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(self._package):
            self.files.append(name)

    def summary(self) -> str:
        """Return the number of files and of changes of file."""
        pairs = zip(self.files, self.files[1:], strict=False)
        n_changes = sum(first != second for first, second in pairs)
        return f"{len(set(self.files)):3} files, {n_changes:4} changes of file"


def requests() -> dict[str, tuple[str, str, str]]:
    """Return path, content type and body of each kind of request."""
    spelled = {"App Usage Time (min/day)": 310, "Number of Apps Installed": 64}
    kind = "application/json"
    return {
        "a plain prediction": ("/predict", kind, json.dumps(RECORD)),
        "another spelling": ("/predict", kind, json.dumps(spelled)),
        "an explained record": ("/explain", kind, json.dumps(RECORD)),
        "a file of three rows": ("/predict/file", "text/csv", FILE),
    }


def walk(post: Callable[..., Any], path: str, kind: str, body: str) -> Trail:
    """Return the trail of a request that has been answered once before."""
    post(path, data=body, content_type=kind).get_data()
    trail = Trail()
    sys.setprofile(trail)
    try:
        post(path, data=body, content_type=kind).get_data()
    finally:
        sys.setprofile(None)
    return trail


def main() -> None:
    """Print a line for each kind of request."""
    sys.path.insert(0, str(ROOT))
    from segmentation.service.app import create_app

    post = create_app().test_client().post
    for name, (path, kind, body) in requests().items():
        print(f"{name:22} {walk(post, path, kind, body).summary()}")


if __name__ == "__main__":
    main()
