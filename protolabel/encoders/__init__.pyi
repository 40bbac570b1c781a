from .base import Encoder, EncoderInfo, checked_rows, encoder_info, unit_rows
from .function import CallableEncoder
from .loading import DEFAULT_MODEL, load_encoder

__all__ = [
    "DEFAULT_MODEL",
    "CallableEncoder",
    "Encoder",
    "EncoderInfo",
    "checked_rows",
    "encoder_info",
    "load_encoder",
    "unit_rows",
]
