"""protolabel: a folder of images and the names of some classes in, a labelled dataset out."""

__version__ = "0.1.0"
