// SPDX-License-Identifier: Apache-2.0
#ifndef OTELUE_SRC_TOOL_SENDER_H
#define OTELUE_SRC_TOOL_SENDER_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "otlp_http.h"

namespace otelue::tool {

// Events behind each other, which are one request.
struct Bundle {
  std::string bytes;
  std::vector<uint32_t> sizes;  // of the events
};

// What has become of events.
struct Counts {
  uint64_t sent = 0;
  uint64_t requests = 0;
  uint64_t retries = 0;
  uint64_t dropped_full = 0;         // the queue had no room
  uint64_t dropped_refused = 0;      // by the other end
  uint64_t dropped_undecodable = 0;  // they are no requests
  uint64_t dropped_stop = 0;         // not sent in time at the end
  uint64_t rejected_points = 0;      // of events that were sent: partial success

  uint64_t dropped() const { return dropped_full + dropped_refused + dropped_undecodable + dropped_stop; }
};

// Sends bundles one after another, in a thread of its own, until each was accepted or refused.
class Sender {
 public:
  using Log = std::function<void(const std::string& text)>;

  Sender(HttpSettings settings, size_t most_bytes, Log log);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // A bundle that the queue has no room for is dropped, and counted.
  void add(Bundle bundle);
  // Sends what there is, within so long.
  void stop(std::chrono::milliseconds within);
  Counts counts() const;

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void send(const Bundle& bundle);
  Answer post_until_answered(const Bundle& bundle);
  bool wait_before_retry(const Answer& answer);
  void divide(const Bundle& bundle, const Answer& answer);
  void count(uint64_t Counts::*which, uint64_t events);

  HttpClient client_;
  const size_t most_bytes_;
  const Log log_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Bundle> queue_;
  size_t queued_bytes_ = 0;  // with the one that is being sent
  Counts counts_;
  bool is_ending_ = false;          // what is there is sent, and no more
  std::atomic<bool> stop_ = false;  // at once

  std::chrono::milliseconds backoff_{0};
  std::minstd_rand random_{std::random_device{}()};
  bool is_failing_ = false;
  bool is_full_ = false;
  std::thread thread_;
};

}  // namespace otelue::tool

#endif
