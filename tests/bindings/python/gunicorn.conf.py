# SPDX-License-Identifier: Apache-2.0
import os

workers = 3
preload_app = True
bind = "127.0.0.1:8000"
timeout = 120


def post_fork(_server, _worker):
    from workers import make_provider

    if "OTELUE_TEST_IN_PARENT" not in os.environ:
        make_provider()
