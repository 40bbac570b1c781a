from .auditing import read_audit, record_audit, write_audit
from .checking import evaluate_dataset
from .dataset import ExportResult, check_export, export
from .duplicates import groups_of, near_duplicates
from .existing import read_metadata
from .job import ExportJob, Writer
from .splits import SPLITS, lasting_split, split_dataset
from .table import Column, records
from .training import SideScore, TorchDataset, torch_dataset
from .writers import DEFAULT_FORMATS, WRITERS, describe_formats
from .writers.label_studio import read_label_studio
from .writers.metadata import versions
from .writers.replay import replay_html, write_replay
from .writers.report import report_text

__all__ = [
    "DEFAULT_FORMATS",
    "SPLITS",
    "WRITERS",
    "Column",
    "ExportJob",
    "ExportResult",
    "SideScore",
    "TorchDataset",
    "Writer",
    "check_export",
    "describe_formats",
    "evaluate_dataset",
    "export",
    "groups_of",
    "lasting_split",
    "near_duplicates",
    "read_audit",
    "read_label_studio",
    "read_metadata",
    "record_audit",
    "records",
    "replay_html",
    "report_text",
    "split_dataset",
    "torch_dataset",
    "versions",
    "write_audit",
    "write_replay",
]
