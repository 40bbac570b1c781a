from .formats import IMAGE_SUFFIXES
from .image_set import ImageSet, Skipped, Source
from .lookup import CLASS_COLUMNS, IMAGE_COLUMNS, Found, ImageLookup, find_classes
from .pixels import read_image, thumbnail
from .sources.finding import find_images

__all__ = [
    "CLASS_COLUMNS",
    "IMAGE_COLUMNS",
    "IMAGE_SUFFIXES",
    "Found",
    "ImageLookup",
    "ImageSet",
    "Skipped",
    "Source",
    "find_classes",
    "find_images",
    "read_image",
    "thumbnail",
]
