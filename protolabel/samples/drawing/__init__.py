"""How the sample animals are drawn."""
