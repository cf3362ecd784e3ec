"""What a page must be whatever it says: well formed, without anything to load or run, and readable by everybody.

The rules of WCAG 2.2 that a program can judge on one self-contained page: a language and a title, one h1 and no level
of headings left out, landmarks, names for drawings, regions and navigation, captions and scopes in tables, ids that are
unique and links that lead to them, and contrast of text in light and dark.
"""

import itertools
import re
from html.parser import HTMLParser

VOID = ("meta", "line", "polyline", "rect", "path", "circle", "br")
LEAST_CONTRAST = 4.5
"""Of text, WCAG 1.4.3."""
LEAST_OF_LINES = 3.0
"""Of what is drawn, WCAG 1.4.11."""


class Tags(HTMLParser):
    """Every tag with its attributes; complains about tags that are not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def require_harmless(page: str) -> None:
    """Nothing is loaded, and nothing can run."""
    tags = Tags(page).found
    assert not {tag for tag, _ in tags} & {"script", "img", "link", "iframe", "object", "embed", "form", "base"}
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "src"]
    assert all(str(attributes.get("href", "#")).startswith("#") for _, attributes in tags)
    assert "url(" not in page
    assert "@import" not in page


def require_accessible(page: str) -> None:
    """The rules above."""
    tags = Tags(page).found
    names = [tag for tag, _ in tags]
    assert ("html", {"lang": "en"}) in tags
    assert re.search(r"<title>[^<]+</title>", page)
    assert names.count("main") == names.count("h1") == 1
    levels = [int(tag[1]) for tag in names if re.fullmatch(r"h[1-6]", tag)]
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert not re.search(r"<h[1-6][^>]*>\s*</h", page)
    for tag, attributes in tags:
        if tag == "svg":
            assert attributes.get("role") == "img"
        if tag in ("svg", "nav") or attributes.get("role") in ("img", "region") or "tabindex" in attributes:
            assert attributes.get("aria-label")
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")
    assert names.count("table") == names.count("caption")
    _require_links(tags)
    _require_contrast(page)


def _require_links(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    ids = [str(attributes["id"]) for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        if (target := attributes.get("href")) is not None:
            assert target.removeprefix("#") in ids


def _require_contrast(page: str) -> None:
    for colours in (_colours(page, dark=False), _colours(page, dark=True)):
        for ground in ("paper", "box"):
            for name, colour in colours.items():
                if name not in ("paper", "box", "line"):
                    least = LEAST_OF_LINES if re.fullmatch(r"c\d", name) else LEAST_CONTRAST
                    assert _contrast(colour, colours[ground]) >= least, (name, ground)


def _colours(page: str, *, dark: bool) -> dict[str, str]:
    light, _, rest = page.partition("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", rest.partition("} }")[0] if dark else light))


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
