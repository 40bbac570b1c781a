"""What every room uses: files, progress, wording, row vectors."""
