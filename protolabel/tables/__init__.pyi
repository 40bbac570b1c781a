from .fitting import fit_table, read_fitted
from .labels import export_labels
from .runs import Summary, apply_table, embed_table

__all__ = ["Summary", "apply_table", "embed_table", "export_labels", "fit_table", "read_fitted"]
