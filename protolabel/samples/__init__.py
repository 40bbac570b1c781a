"""Sample drawings of animals, and a small encoder trained on such drawings.

They serve the demo, teaching and tests without a download. The encoder was trained on drawings,
not on photographs; ``MODEL_CARD.md`` beside this file describes its training and its limits.

    draw_animal("tiger", style="night", seed=3)          a picture
    write_sample_pictures("pictures/")                   a folder of pictures and the true classes
    load_sample_model()                                  model, preprocess, tokenizer, name
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
