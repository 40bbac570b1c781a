"""Where images come from: one adapter a kind of source."""
