"""Draws the pictures of the pages, each for a light and for a dark page: python docs/pictures/draw.py."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

FOLDER = Path(__file__).parent
THEMES: Mapping[str, Mapping[str, str]] = {
    "light": {
        "page": "#ffffff",
        "text": "#1f2328",
        "quiet": "#59636e",
        "line": "#59636e",
        "host": "#f6f8fa",
        "container": "#ddf4ff",
        "store": "#fff8c5",
        "step": "#dafbe1",
    },
    "dark": {
        "page": "#0d1117",
        "text": "#f0f6fc",
        "quiet": "#a8b1bb",
        "line": "#9198a1",
        "host": "#161b22",
        "container": "#12304f",
        "store": "#3d2f08",
        "step": "#12361f",
    },
}
"""Theme -> colour of each part."""


@dataclass(frozen=True)
class Box:
    """A machine, a container, a store or a step, with lines of text."""

    x: int
    y: int
    width: int
    height: int
    kind: str
    title: str
    lines: Sequence[str] = ()

    def svg(self, colours: Mapping[str, str]) -> Iterator[str]:
        """Draw it."""
        yield (
            f'<rect x="{self.x}" y="{self.y}" width="{self.width}" height="{self.height}" rx="8" '
            f'fill="{colours[self.kind]}" stroke="{colours["line"]}" stroke-width="1.5"/>'
        )
        yield text(self.x + 14, self.y + 24, self.title, colours["text"], bold=True)
        for row, line in enumerate(self.lines):
            yield text(self.x + 14, self.y + 46 + 19 * row, line, colours["text"])


@dataclass(frozen=True)
class Arrow:
    """Who connects to whom, along points, with lines of text beside it."""

    points: Sequence[tuple[int, int]]
    label: Sequence[str] = ()
    at: tuple[int, int] = (0, 0)
    """Where the text begins."""
    dashed: bool = False

    def svg(self, colours: Mapping[str, str]) -> Iterator[str]:
        """Draw it."""
        path = " ".join(f"{x},{y}" for x, y in self.points)
        dashes = ' stroke-dasharray="6 4"' if self.dashed else ""
        yield (
            f'<polyline points="{path}" fill="none" stroke="{colours["line"]}" stroke-width="2"{dashes} '
            'marker-end="url(#end)"/>'
        )
        for row, line in enumerate(self.label):
            yield text(self.at[0], self.at[1] + 18 * row, line, colours["quiet"])


@dataclass(frozen=True)
class Picture:
    """Boxes and arrows, and what they show in words."""

    shows: str
    width: int
    height: int
    boxes: Sequence[Box]
    arrows: Sequence[Arrow] = field(default=())

    def svg(self, theme: str) -> str:
        """Draw it for a page of that theme."""
        colours = THEMES[theme]
        drawn: Sequence[Box | Arrow] = (*self.boxes, *self.arrows)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" role="img" font-family="Helvetica, Arial, sans-serif" font-size="14">',
            f"<title>{escape(self.shows)}</title>",
            '<defs><marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="{colours["line"]}"/></marker></defs>',
            f'<rect width="{self.width}" height="{self.height}" rx="8" fill="{colours["page"]}"/>',
            *(line for part in drawn for line in part.svg(colours)),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"


def text(x: int, y: int, content: str, colour: str, *, bold: bool = False) -> str:
    """Draw a line of text."""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="{colour}"{weight}>{escape(content)}</text>'


OVERVIEW = Picture(
    "What runs where: clients reach nginx on port 443 of the server. nginx asks the login container and the registry. "
    "The images are in a volume or in an S3 bucket. The control machine reaches server and clients by SSH.",
    980,
    510,
    [
        Box(
            20,
            74,
            250,
            126,
            "host",
            "Clients: each listed host",
            ["CA in certs.d/HOST/ca.crt", "or in the system's trust store", "entry in /etc/hosts, if wanted"],
        ),
        Box(
            20,
            302,
            250,
            108,
            "host",
            "Control machine",
            ["your laptop or a CI runner", "Pulumi.<stack>.yaml, state", "pulumi up"],
        ),
        Box(400, 20, 560, 390, "host", "Server: one Docker host"),
        Box(
            420,
            74,
            200,
            126,
            "container",
            "nginx (…-proxy)",
            ["publishes port 443", "TLS, users, roles", "access log as JSON"],
        ),
        Box(740, 74, 200, 126, "container", "registry (…-registry-…)", ["CNCF Distribution", "publishes no port"]),
        Box(420, 300, 200, 76, "container", "login (…-login)", ["checks passwords"]),
        Box(740, 300, 200, 76, "store", "volume (…-data)", ["the images"]),
        Box(740, 430, 200, 60, "store", "or an S3 bucket", ["yours"]),
    ],
    [
        Arrow([(270, 137), (418, 137)], ["HTTPS", "push, pull"], (284, 110)),
        Arrow([(620, 137), (738, 137)], ["network", "…-backend"], (634, 108)),
        Arrow([(500, 200), (500, 298)], ["network", "…-login"], (510, 246)),
        Arrow([(840, 200), (840, 298)], ["reads, writes"], (850, 246)),
        Arrow([(606, 200), (738, 308)], ["reads layers"], (684, 246)),
        Arrow([(930, 200), (950, 200), (950, 460), (942, 460)], ["network …-storage"], (600, 465), dashed=True),
        Arrow([(145, 302), (145, 202)], ["SSH: installs the CA,", "tests login, push, pull"], (156, 248)),
        Arrow([(270, 356), (398, 356)], ["SSH"], (316, 348)),
    ],
)

UPDATE = Picture(
    "The order of an update. Settings are checked first. Then one way leads over the certificate to the trust of every "
    "client, the other one over the registry to nginx. When every client trusts the CA, nginx gets the certificate. "
    "Then every client verifies login, push and pull.",
    980,
    260,
    [
        Box(20, 90, 140, 80, "step", "1 Settings", ["all mistakes in", "one message"]),
        Box(200, 20, 170, 80, "step", "2 Certificate", ["CA and", "server certificate"]),
        Box(410, 20, 170, 80, "step", "3 Trust", ["the CA is on", "every client"]),
        Box(200, 160, 170, 80, "step", "2 Registry", ["tested, started,", "healthy"]),
        Box(410, 160, 170, 80, "step", "3 nginx", ["started, listens to", "no client yet"]),
        Box(620, 90, 150, 80, "step", "4 Serve", ["nginx gets the", "certificate"]),
        Box(810, 90, 150, 80, "step", "5 Verify", ["login, push, pull", "on every client"]),
    ],
    [
        Arrow([(160, 118), (198, 70)]),
        Arrow([(160, 142), (198, 190)]),
        Arrow([(370, 60), (408, 60)]),
        Arrow([(370, 200), (408, 200)]),
        Arrow([(580, 70), (618, 118)]),
        Arrow([(580, 190), (618, 142)]),
        Arrow([(770, 130), (808, 130)]),
    ],
)

REQUEST = Picture(
    "A request: nginx matches the route, checks the password or finds it in the cache, and looks up the role. Then it "
    "sends the layer from the volume or the cache, or asks the registry.",
    980,
    250,
    [
        Box(20, 20, 200, 80, "step", "1 Route", ["method and path of the", "OCI specification"]),
        Box(264, 20, 200, 80, "step", "2 Password", ["cached, or checked in", "the login container"]),
        Box(508, 20, 200, 80, "step", "3 Role", ["pull, push or admin", "in this repository"]),
        Box(752, 20, 208, 80, "step", "4 Answer", ["a layer from the disk,", "all else by the registry"]),
        Box(20, 164, 200, 66, "host", "404", ["not a route"]),
        Box(264, 164, 200, 66, "host", "401, 429, 503", ["wrong, too often, down"]),
        Box(508, 164, 200, 66, "host", "401, 403", ["log in first, denied"]),
        Box(752, 164, 208, 66, "host", "503", ["the registry is down"]),
    ],
    [
        *(Arrow([(x, 60), (x + 42, 60)]) for x in (220, 464, 708)),
        *(Arrow([(x, 100), (x, 162)], ["else"], (x + 10, 136), dashed=True) for x in (120, 364, 608, 856)),
    ],
)

PICTURES = {"overview": OVERVIEW, "update": UPDATE, "request": REQUEST}
"""Name of the files -> what is drawn."""


def files() -> dict[Path, str]:
    """Return each file with its content."""
    return {
        FOLDER / f"{name}-{theme}.svg": picture.svg(theme) for name, picture in PICTURES.items() for theme in THEMES
    }


def main() -> None:
    """Write all files."""
    for file, content in files().items():
        file.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
