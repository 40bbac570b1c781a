"""The panels of the studio, one per module."""
