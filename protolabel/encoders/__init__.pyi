from .loading import (
    DEFAULT_MODEL,
    CallableEncoder,
    Encoder,
    EncoderInfo,
    encoder_info,
    load_encoder,
    unit_rows,
)

__all__ = [
    "DEFAULT_MODEL",
    "CallableEncoder",
    "Encoder",
    "EncoderInfo",
    "encoder_info",
    "load_encoder",
    "unit_rows",
]
