"""Sources of images: one adapter per kind."""
