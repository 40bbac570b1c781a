from .formats import IMAGE_SUFFIXES
from .image_set import ImageSet, Skipped, Source
from .pixels import read_image, thumbnail
from .sources.finding import find_images

__all__ = [
    "IMAGE_SUFFIXES",
    "ImageSet",
    "Skipped",
    "Source",
    "find_images",
    "read_image",
    "thumbnail",
]
