from .audit import (
    Audit,
    AuditEstimate,
    ClassEstimate,
    draw_sample,
)
from .calibration import calibration_error, error_auroc, found_errors
from .diagnostics import Diagnostics, Finding, diagnose
from .fit import DEFAULT_STRICTNESS, Fit, check_strictness, measure_fit
from .intervals import anytime_interval, fixed_size_interval
from .missing import MissingName, missing_names
from .order import next_to_correct
from .results import Comparison, Evaluation
from .scoring import Labelled, accuracy, compare, evaluate, judge, share_right
from .sweep import SWEPT_METHODS, TemperatureSweep, sweep_temperatures
from .truth import (
    Truth,
    class_indices,
    known_truth,
    matched_truth,
    read_table,
    read_truth,
    renamed_truth,
)

__all__ = [
    "DEFAULT_STRICTNESS",
    "SWEPT_METHODS",
    "Audit",
    "AuditEstimate",
    "ClassEstimate",
    "Comparison",
    "Diagnostics",
    "Evaluation",
    "Finding",
    "Fit",
    "Labelled",
    "MissingName",
    "TemperatureSweep",
    "Truth",
    "accuracy",
    "anytime_interval",
    "calibration_error",
    "check_strictness",
    "class_indices",
    "compare",
    "diagnose",
    "draw_sample",
    "error_auroc",
    "evaluate",
    "fixed_size_interval",
    "found_errors",
    "judge",
    "known_truth",
    "matched_truth",
    "measure_fit",
    "missing_names",
    "next_to_correct",
    "read_table",
    "read_truth",
    "renamed_truth",
    "share_right",
    "sweep_temperatures",
]
