from .exercises import (
    check_largest_variance,
    check_plain_step,
    check_prototypes,
    check_two_animals,
)
from .run import STORY_CLASSES, STORY_STYLE, run_demo

__all__ = [
    "STORY_CLASSES",
    "STORY_STYLE",
    "check_largest_variance",
    "check_plain_step",
    "check_prototypes",
    "check_two_animals",
    "run_demo",
]
