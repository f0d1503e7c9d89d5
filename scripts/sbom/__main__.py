"""The command line: ``python -m scripts.sbom IMAGE FILE``, an image by its tag or an archive."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from scripts.images import ImageError, opened
from scripts.sbom.document import document


def main(arguments: list[str]) -> int:
    """Write the bill of materials of an image."""
    if len(arguments) != 2:  # noqa: PLR2004
        print("usage: python -m scripts.sbom IMAGE FILE", file=sys.stderr)
        return 2
    logging.getLogger("debian.copyright").setLevel(logging.ERROR)  # it mends old addresses aloud
    image, file = arguments[0], Path(arguments[1])
    try:
        with opened(image) as read:
            text = document(read)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except (OSError, ImageError) as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    print(f"{file}: what is in {image}, as CycloneDX")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
