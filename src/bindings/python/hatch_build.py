# SPDX-License-Identifier: Apache-2.0
"""Puts into a wheel the library that $OTELUE_WHEEL_LIBRARY names, for the platform $OTELUE_WHEEL_PLATFORM, as `package`
does; the license into both; and into an sdist the header that has the version."""

import os
import pathlib
import re

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = pathlib.Path(__file__).resolve().parent
SHARED = {"version.h": HERE / "../../../include/otelue/version.h", "LICENSE": HERE / "../../../LICENSE"}


def shared(name):
    """In an sdist beside this file, in the tree where the rest of the project has it."""
    return HERE / name if (HERE / name).exists() else SHARED[name].resolve()


def version():
    return ".".join(re.findall(r"#define OTELUE_VERSION_[A-Z]+ (\d+)", shared("version.h").read_text()))


class CustomBuildHook(BuildHookInterface):
    def initialize(self, _version, build_data):
        include = build_data["force_include"]
        if self.target_name == "sdist":
            include.update({str(shared(name)): name for name in SHARED})
            return
        include[str(shared("LICENSE"))] = "otelue/LICENSE"
        if library := os.environ.get("OTELUE_WHEEL_LIBRARY"):
            include[library] = "otelue/libotelue.so.1"
            build_data["pure_python"] = False
            build_data["tag"] = "py3-none-" + os.environ["OTELUE_WHEEL_PLATFORM"]
