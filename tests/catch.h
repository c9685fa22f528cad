// SPDX-License-Identifier: Apache-2.0
// Catch2 2.13 and 3.x.
#ifdef OTELUE_CATCH2_V2
#include <catch2/catch.hpp>
#else
#include <catch2/catch_test_macros.hpp>
#endif
