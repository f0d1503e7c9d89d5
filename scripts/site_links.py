"""Hooks of the documentation site: files that are included, and links out of docs.

MkDocs calls the functions by their names. A page may hold the line ``<!-- include: FILE -->``, for
a file at the top of the project. What a link to a file outside ``docs`` leads to is not on the
site, so the reader gets its path instead.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_INCLUDE = re.compile(r"^<!-- include: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#:\s]+)(#[^)\s]*)?\)")
# Files of the project that are pages of the site, too.
_PAGES = {
    "deployment_instructions.md": "deployment.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "README.md": "index.md",
    "docs/decisions": "decisions/index.md",
}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the Markdown of a page with its inclusions and its links."""
    folder = PurePosixPath("docs", page.file.src_uri).parent
    markdown = rewrite_links(markdown, folder, folder)
    return _INCLUDE.sub(lambda match: include_file(match[1], folder), markdown)


def include_file(name: str, folder: PurePosixPath) -> str:
    """Return a file of the project for a page in a folder."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return rewrite_links(text, PurePosixPath(name).parent, folder)


def rewrite_links(markdown: str, source: PurePosixPath, folder: PurePosixPath) -> str:
    """Return text in which links lead to pages of the site, or are paths of the project.

    Parameters
    ----------
    markdown : str
    source : PurePosixPath
        Folder that the links are relative to, below the project.
    folder : PurePosixPath
        Folder of the page that shows the text.
    """

    def rewrite(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        path = _normalize(source / target)
        page = _PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
        if not page:
            return f"{text} (`{path}`)" if path not in text else text
        up = "../" * (len(folder.parts) - 1)
        return f"[{text}]({up}{page}{anchor})"

    return _LINK.sub(rewrite, markdown)


def _normalize(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
