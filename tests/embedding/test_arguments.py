from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from fakes import ColourEncoder, draw, slowdown

from protolabel.embedding import embed_images
from protolabel.errors import InputError
from protolabel.images import find_images


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0}, {"batch_size": 1j}, {"batch_size": {}}, {"batch_size": np.ones(2)},
        {"batch_size": 2.5}, {"dtype": "int8"}, {"dtype": np.ones(2)}, {"workers": 0},
        {"workers": "two"}, {"encoder": 4.5}, {"encoder": ColourEncoder}, {"images": 7},
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_used_are_an_input_error(image_folder, encoder, options):
    options = {"images": find_images(image_folder), "encoder": encoder} | options
    with pytest.raises(InputError, match="Expected"):
        embed_images(options.pop("images"), options.pop("encoder"), **options)


@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform == "win32", reason="signals differ there")
def test_ctrl_c_ends_decoding_within_two_seconds_whatever_a_decoder_does(tmp_path):
    draw().save(tmp_path / "x.png")
    script = textwrap.dedent(
        """
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
        from fakes import ColourEncoder
        from protolabel.common.progress import silent
        from protolabel.embedding import embed_images
        from protolabel.images import find_images
        encoder = ColourEncoder()
        def stuck(image):
            print("decoding", flush=True)
            time.sleep(60)
        encoder.preprocess = stuck
        embed_images(find_images(sys.argv[1]), encoder, progress=silent)
        """
    )

    def seconds_to_end():
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout.readline() == b"decoding\n"
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.wait(30)
        return time.monotonic() - start

    # On a busy machine two seconds are longer, and it may need another try.
    assert any(seconds_to_end() < 2 * slowdown() for _ in range(3))
