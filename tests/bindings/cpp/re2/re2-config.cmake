# SPDX-License-Identifier: Apache-2.0
# opentelemetry-cpp's packages of gRPC look for RE2, which nothing here needs, by a call of pkg-config that takes minutes.
if(NOT TARGET re2::re2)
  add_library(re2::re2 INTERFACE IMPORTED)
endif()
