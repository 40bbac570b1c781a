"""Drawing the sample animals."""
