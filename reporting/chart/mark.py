"""The marks every chart is drawn with: elements, numbers, shapes and a frame that says its finding in words."""

from html import escape

from reporting.safe import plain

Attribute = str | float | int


def number(value: float) -> str:
    """Return a coordinate with at most one decimal, so that the same drawing has the same bytes.

    >>> number(3.0), number(2.25), number(-0.01)
    ('3', '2.2', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def element(name: str, /, *inside: str, **attributes: Attribute) -> str:
    """Return one element around markup that is already safe; `class_` is class, `stroke_width` is stroke-width."""
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{_written(value)}"' for key, value in attributes.items())
    body = "".join(inside)
    return f"<{name}{written}>{body}</{name}>" if body else f"<{name}{written}/>"


def words(text: object, x: float, y: float, class_: str = "t3", anchor: str = "start") -> str:
    """Return text at its baseline; whatever it holds is shown, never read as markup."""
    attributes: dict[str, Attribute] = {"x": x, "y": y, "class_": class_}
    if anchor != "start":
        attributes["text_anchor"] = anchor
    return element("text", quoted(text), **attributes)


def quoted(text: object) -> str:
    """Return text made safe for markup and for templates that might read it later."""
    return escape(plain(text)).replace("{", "&#123;").replace("}", "&#125;")


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """Return a straight line."""
    return element("path", d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", class_=class_)


def path(points: list[tuple[float, float]], class_: str) -> str:
    """Return a line through points, nothing for fewer than two."""
    if len(points) < 2:
        return ""
    return element("path", d="M" + "L".join(f"{number(x)} {number(y)}" for x, y in points), class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, radius: float = 0) -> str:
    """Return a rectangle."""
    attributes: dict[str, Attribute] = {"x": x, "y": y, "width": width, "height": height, "class_": class_}
    if radius:
        attributes["rx"] = radius
    return element("rect", **attributes)


def dot(x: float, y: float, class_: str, radius: float = 3) -> str:
    """Return a round mark: inside what is expected."""
    return element("circle", cx=x, cy=y, r=radius, class_=class_)


def diamond(x: float, y: float, class_: str, radius: float = 4.2) -> str:
    """Return a diamond: outside what is expected."""
    return _shape([(x, y - radius), (x + radius, y), (x, y + radius), (x - radius, y)], class_)


def wedge(x: float, y: float, class_: str, radius: float = 4.2, up: bool = False) -> str:
    """Return a triangle with its tip at (x, y), pointing down unless `up`."""
    rise = radius * 1.5 if up else -radius * 1.5
    return _shape([(x, y), (x - radius, y + rise), (x + radius, y + rise)], class_)


def arrow(x: float, y: float, class_: str, radius: float = 4.2, left: bool = False) -> str:
    """Return a triangle with its tip at (x, y), pointing right unless `left`."""
    back = radius * 1.5 if left else -radius * 1.5
    return _shape([(x, y), (x + back, y - radius), (x + back, y + radius)], class_)


def hatched(x: float, y: float, width: float, height: float, class_: str, apart: float = 8.0) -> str:
    """Return a rectangle filled with slanting lines: nothing is known there."""
    slants = []
    for step in range(1, int((width + height) / apart) + 1):
        at = step * apart
        start, end = (x + max(0.0, at - height), y + min(height, at)), (x + min(width, at), y + max(0.0, at - width))
        slants.append(f"M{number(start[0])} {number(start[1])}L{number(end[0])} {number(end[1])}")
    return box(x, y, width, height, class_) + element("path", d="".join(slants), class_=class_)


def frame(width: float, height: float, finding: str, *marks: str, class_: str = "chart") -> str:
    """Return a chart: an image whose title is its finding in one sentence."""
    return element(
        "svg",
        element("title", quoted(finding)),
        *marks,
        class_=class_,
        role="img",
        width=width,
        height=height,
        viewBox=f"0 0 {number(width)} {number(height)}",
    )


def _shape(points: list[tuple[float, float]], class_: str) -> str:
    return element("path", d="M" + "L".join(f"{number(x)} {number(y)}" for x, y in points) + "Z", class_=class_)


def _written(value: Attribute) -> str:
    return value if isinstance(value, str) else number(value)
