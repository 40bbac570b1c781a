"""Helpers for every room: files, progress, wording, row vectors."""
