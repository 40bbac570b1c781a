from .image_set import ImageSet, Skipped, find_images
from .pixels import read_image, thumbnail

__all__ = [
    "ImageSet",
    "Skipped",
    "find_images",
    "read_image",
    "thumbnail",
]
