"""The sample encoder's vocabulary and its training captions."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protolabel.samples.drawing.shapes import Rng

__all__ = ["COLOURS", "SYNONYMS", "TEMPLATES", "caption", "colour_name", "vocabulary"]

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "dog": ("dog", "dogs", "puppy", "puppies", "hound", "doggy", "canine"),
    "cat": ("cat", "cats", "kitten", "kittens", "kitty", "pussycat", "house cat", "domestic cat"),
    "tiger": ("tiger", "tigers", "tigress", "tiger cub", "bengal tiger"),
    "lion": ("lion", "lions", "king of the jungle", "male lion", "african lion"),
    "giraffe": ("giraffe", "giraffes", "tall giraffe", "baby giraffe"),
    "elephant": ("elephant", "elephants", "baby elephant", "african elephant", "indian elephant"),
    "zebra": ("zebra", "zebras", "striped horse", "baby zebra"),
    "rabbit": ("rabbit", "rabbits", "bunny", "bunnies", "hare"),
    "panda": ("panda", "pandas", "panda bear", "giant panda"),
    "penguin": ("penguin", "penguins", "baby penguin", "emperor penguin"),
    "owl": ("owl", "owls", "barn owl", "owlet"),
    "fish": ("fish", "fishes", "goldfish", "clownfish"),
}
"""The names of each animal; the first is its class name."""

COLOURS: tuple[str, ...] = (
    "black", "white", "gray", "brown", "orange", "yellow", "red", "pink", "green", "blue", "purple",
)  # fmt: skip

TEMPLATES: tuple[str, ...] = (
    "{}", "a {}", "the {}", "one {}", "my {}", "this is a {}", "there is a {}",
    "a picture with a {}", "a photo of a {}", "a photo of the {}", "a photo of my {}",
    "a photo of one {}", "a picture of a {}", "a picture of the {}", "an image of a {}",
    "an image of the {}", "a drawing of a {}", "a drawing of the {}", "a sketch of a {}",
    "a sketch of the {}", "a cartoon of a {}", "a cartoon {}", "the cartoon {}",
    "a painting of a {}", "a painting of the {}", "art of a {}", "art of the {}",
    "an illustration of a {}", "a doodle of a {}", "a doodle of the {}", "a rendering of a {}",
    "a rendition of the {}", "a close-up photo of a {}", "a close-up photo of the {}",
    "a cropped photo of the {}", "a blurry photo of a {}", "a bright photo of the {}",
    "a dark photo of the {}", "a good photo of a {}", "a bad photo of the {}", "a nice {}",
    "a cute {}", "a happy {}", "a low resolution photo of the {}",
    "a jpeg corrupted photo of a {}", "a pixelated photo of a {}",
    "a black and white photo of the {}", "a photo of a hard to see {}", "a photo of many {}",
    "a photo of a clean {}", "a photo of the dirty {}", "a photo of a large {}",
    "a photo of the small {}", "a photo of the cool {}", "a photo of the weird {}", "a small {}",
    "a large {}", "a big {}", "a little {}", "a young {}", "an old {}", "many {}", "some {}",
    "two {}", "a wild {}", "a sculpture of a {}", "graffiti of a {}", "a tattoo of the {}",
    "the embroidered {}", "a plastic {}", "a toy {}", "a plushie {}", "the origami {}",
    "a {} in a video game", "itap of my {}", "a {} outside", "a {} at night",
    "a portrait of a {}", "the face of a {}", "the head of a {}", "a {} sitting", "a {} standing",
    "a {} walking", "a {} in the grass", "a {} on a plain background", "a {} in the zoo",
    "a photo of a {} an animal", "a photo of a {} a type of animal",
    "a photo of a {} a kind of pet", "animal {}", "an animal called {}", "a sticker of a {}",
    "an icon of a {}", "a logo with a {}", "clipart of a {}", "a poster of a {}", "a colorful {}",
    "a beautiful picture of a {}", "a simple drawing of a {}", "a funny {} looking at the camera",
    "a child s drawing of a {}", "a pencil drawing of a {}", "a chalk drawing of a {}",
    "a watercolor of a {}", "a paper {}", "a photograph of a {}", "a view of a {}",
    "a scene with a {}", "images of {}", "photos of {}", "pictures of {}", "drawings of {}",
    "animals such as {}", "a snapshot of a {}", "a colourful {}", "a watercolour of a {}",
    "a sketched {}", "a drawn {}", "a painted {}", "a digital image of a {}",
)  # fmt: skip
"""Caption templates. They do not describe the picture, so any template suits any picture."""


def vocabulary() -> list[str]:
    """Return every word of the captions, sorted."""
    text = " ".join(
        [*TEMPLATES, *COLOURS, *(n for names in SYNONYMS.values() for n in names), "grey"]
    )
    words = text.replace("{}", " ").replace("-", " ").split()
    return sorted(set(words))


def colour_name(rgb: tuple[int, int, int]) -> str:
    """Return the everyday name of a coat's colour."""
    hue, chroma, value = colorsys.rgb_to_hsv(*(c / 255 for c in rgb))
    if value < 0.36:
        return "black"
    if chroma < 0.17:
        return "white" if value > 0.85 else "gray"
    degrees = 360 * hue
    for limit, name in ((14, "red"), (38, "orange"), (66, "yellow"), (170, "green"), (255, "blue"),
                        (300, "purple"), (346, "pink"), (361, "red")):  # fmt: skip
        if degrees < limit:
            return "brown" if name in ("orange", "red") and value < 0.8 else name
    return "red"


def caption(animal: str, rng: Rng, *, colour: str | None = None) -> str:
    """Return a caption of one animal, with its colour where `colour` is given."""
    names = SYNONYMS[animal]
    name = names[0] if rng.random() < 0.5 else names[int(rng.integers(len(names)))]
    if colour is not None:
        name = f"{colour} {name}"
    return TEMPLATES[int(rng.integers(len(TEMPLATES)))].format(name)
