"""Sample pictures of animals, and a small encoder that was taught to read them.

For the demo, for teaching and for tests: nothing is downloaded. The encoder knows drawings, not
photographs; ``MODEL_CARD.md`` beside this file says what it can do and how it was trained.

    draw_animal("tiger", style="night", seed=3)          a picture
    write_sample_pictures("pictures/")                   a folder of them, and the truth
    load_sample_model()                                  model, preprocess, tokenizer, name
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
