"""Colours of generated posters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one poster. `ink` is read on `ground`, with a contrast of at least 7:1."""

    sky: str
    glow: str
    far: str
    near: str
    accent: str
    ink: str
    ground: str


MIDNIGHT = Palette("#0b1026", "#2f4fa8", "#1c3072", "#0a0f24", "#ffd166", "#fff6e0", "#0a0f24")
EMBER = Palette("#2b0a0a", "#d63a1e", "#86190f", "#1a0505", "#ffb347", "#fff0dc", "#1a0505")
LAGOON = Palette("#032b30", "#17968f", "#0b5a5d", "#021b1f", "#f4d35e", "#eafff8", "#021b1f")
VIOLET = Palette("#1b0b33", "#8b34d6", "#4f1a8a", "#12061f", "#ff8fab", "#fff0fb", "#12061f")
WOOD = Palette("#0f2417", "#4d9460", "#235a37", "#08130c", "#e9c46a", "#f3ffe9", "#08130c")
NOIR = Palette("#141414", "#767676", "#383838", "#080808", "#e63946", "#f5f5f5", "#080808")
DUSK = Palette("#2d1b4e", "#ff7b54", "#a03f6c", "#1f1135", "#ffd56b", "#fff3e6", "#1f1135")
OCEAN = Palette("#00213f", "#1f7fc9", "#0d4a80", "#00101f", "#8fe3ff", "#e8f6ff", "#00101f")
WINE = Palette("#3a0717", "#d6304f", "#8a1230", "#22040e", "#ffe0a3", "#fff4ea", "#22040e")
CREAM = Palette("#f7ead2", "#fffaf0", "#e07a5f", "#3d405b", "#f2b84b", "#23253a", "#f7ead2")
MINT = Palette("#cfeede", "#f4fff9", "#43a58d", "#14443c", "#ff9f1c", "#0c332e", "#cfeede")
BLUSH = Palette("#ffdeda", "#fff7f5", "#ee7674", "#6d2e46", "#6f9283", "#43142c", "#ffdeda")
SKY = Palette("#d3eaff", "#f9fcff", "#4596db", "#12355b", "#ffc233", "#0d2a4a", "#d3eaff")
MUSTARD = Palette("#f4c542", "#ffe69a", "#d1495b", "#2e1f3e", "#fff3d1", "#26142f", "#f4c542")
CORAL = Palette("#ff8a66", "#ffc6ad", "#c9344a", "#351431", "#ffe9a8", "#2b0d27", "#ff8a66")
ALL = (MIDNIGHT, EMBER, LAGOON, VIOLET, WOOD, NOIR, DUSK, OCEAN, WINE, CREAM, MINT, BLUSH, SKY, MUSTARD, CORAL)


def mixed(first: str, second: str, share: float) -> str:
    """A colour between two, with a share of the second."""
    parts = (
        round(int(first[at : at + 2], 16) * (1 - share) + int(second[at : at + 2], 16) * share) for at in (1, 3, 5)
    )
    return "#" + "".join(f"{part:02x}" for part in parts)
