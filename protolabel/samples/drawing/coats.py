"""The natural colours of each animal: several coats, each a map from the role of a part to RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protolabel.samples.drawing import birds_and_fish

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COATS", "COMMON", "RGB", "Palette"]

RGB = tuple[int, int, int]
Palette = dict[str, RGB]


# Eyes, tongues and noses, unless an animal has its own.
COMMON: Palette = {
    "dark": (38, 30, 32),
    "dark2": (52, 44, 46),
    "gleam": (255, 255, 255),
    "eye": (250, 250, 244),
    "hair": (70, 60, 60),
    "tongue": (232, 112, 128),
    "skin": (240, 170, 170),
    "nose": (52, 40, 42),
    "tusk": (250, 244, 225),
    "beak": (245, 160, 50),
    "light": (250, 240, 225),
}


COATS: Mapping[str, tuple[Palette, ...]] = {
    "dog": (
        {"coat": (196, 142, 88), "ear": (128, 82, 48)},
        {"coat": (150, 98, 58), "ear": (98, 60, 36)},
        {"coat": (236, 222, 196), "ear": (166, 112, 66)},
        {"coat": (84, 76, 76), "ear": (48, 42, 44), "light": (226, 196, 158)},
        {"coat": (240, 238, 234), "ear": (66, 58, 58)},
        {"coat": (224, 178, 108), "ear": (190, 136, 70)},
    ),
    "cat": (
        {
            "coat": (232, 158, 84),
            "mark": (196, 110, 46),
            "nose": (226, 120, 120),
            "eye": (150, 190, 90),
        },
        {
            "coat": (150, 152, 160),
            "mark": (104, 106, 116),
            "nose": (200, 120, 125),
            "eye": (222, 200, 80),
        },
        {
            "coat": (66, 62, 70),
            "mark": (48, 44, 52),
            "light": (120, 114, 122),
            "nose": (180, 110, 115),
            "eye": (170, 210, 80),
            "hair": (225, 225, 225),
        },
        {
            "coat": (246, 240, 232),
            "mark": (222, 208, 192),
            "nose": (232, 140, 140),
            "eye": (120, 180, 220),
        },
        {
            "coat": (226, 208, 178),
            "mark": (160, 124, 92),
            "nose": (120, 84, 76),
            "eye": (110, 170, 220),
        },
        {
            "coat": (164, 132, 98),
            "mark": (100, 76, 54),
            "nose": (205, 120, 115),
            "eye": (160, 190, 90),
        },
    ),
    "tiger": (
        {
            "coat": (240, 148, 44),
            "mark": (40, 30, 28),
            "nose": (214, 112, 108),
            "eye": (236, 214, 110),
        },
        {
            "coat": (226, 128, 40),
            "mark": (44, 32, 28),
            "nose": (200, 100, 100),
            "eye": (200, 210, 110),
        },
        {
            "coat": (246, 168, 70),
            "mark": (60, 42, 34),
            "nose": (220, 120, 110),
            "eye": (240, 220, 130),
        },
    ),
    "lion": (
        {
            "coat": (232, 184, 100),
            "mane": (154, 90, 40),
            "mane2": (122, 68, 30),
            "nose": (110, 66, 54),
            "light": (250, 226, 176),
        },
        {
            "coat": (224, 170, 88),
            "mane": (196, 108, 42),
            "mane2": (162, 84, 32),
            "nose": (120, 70, 56),
            "light": (246, 220, 170),
        },
        {
            "coat": (240, 204, 130),
            "mane": (110, 70, 44),
            "mane2": (84, 52, 34),
            "nose": (100, 60, 52),
            "light": (252, 236, 196),
        },
    ),
    "giraffe": (
        {
            "coat": (246, 212, 120),
            "mark": (176, 106, 46),
            "light": (250, 236, 196),
            "mane": (120, 70, 36),
            "dark2": (98, 60, 38),
        },
        {
            "coat": (240, 220, 160),
            "mark": (150, 86, 40),
            "light": (252, 242, 214),
            "mane": (110, 64, 36),
            "dark2": (84, 54, 38),
        },
        {
            "coat": (250, 202, 84),
            "mark": (196, 116, 40),
            "light": (252, 232, 170),
            "mane": (130, 76, 36),
            "dark2": (110, 66, 36),
        },
    ),
    "elephant": (
        {"coat": (150, 156, 168), "coat2": (134, 140, 154), "shade": (112, 118, 132)},
        {"coat": (168, 164, 164), "coat2": (150, 146, 148), "shade": (126, 122, 126)},
        {"coat": (132, 146, 170), "coat2": (118, 130, 156), "shade": (96, 108, 132)},
    ),
    "zebra": (
        {
            "coat": (248, 246, 240),
            "mark": (40, 38, 42),
            "mane": (48, 44, 48),
            "dark2": (56, 50, 54),
        },
        {
            "coat": (242, 234, 220),
            "mark": (58, 46, 44),
            "mane": (58, 48, 46),
            "dark2": (70, 58, 56),
        },
    ),
    "rabbit": (
        {"coat": (240, 236, 232), "nose": (230, 130, 140), "skin": (248, 186, 190)},
        {"coat": (186, 160, 134), "nose": (200, 120, 120), "skin": (232, 176, 168)},
        {"coat": (160, 160, 168), "nose": (210, 130, 136), "skin": (236, 184, 188)},
        {"coat": (222, 194, 158), "nose": (214, 124, 120), "skin": (240, 180, 170)},
    ),
    "panda": (
        {"coat": (248, 248, 244), "dark2": (44, 42, 48)},
        {"coat": (242, 238, 230), "dark2": (58, 52, 56)},
    ),
    "penguin": birds_and_fish.PENGUIN_COATS,
    "owl": birds_and_fish.OWL_COATS,
    "fish": birds_and_fish.FISH_COATS,
}
