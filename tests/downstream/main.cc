// SPDX-License-Identifier: Apache-2.0
// The same in C++.
#include <otelue/otelue.hpp>

int main() {
  otelue::Batch batch;
  batch.point(batch.gauge(batch.scope("meter"), "answer"), 42);
  otelue::Exporter exporter;
  return exporter.send(batch).ok() ? 0 : 1;
}
