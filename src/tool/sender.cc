// SPDX-License-Identifier: Apache-2.0
#include "sender.h"

#include <otlp_metrics.pb.h>

#include <algorithm>
#include <string_view>

#include "request.h"
#include "text.h"

namespace otelue::tool {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstBackoff{1000};
constexpr milliseconds kLongestBackoff{30'000};
constexpr std::chrono::seconds kLongestRetryAfter{300};

// A part of a bundle: events from one to before another.
Bundle part_of(const Bundle& bundle, size_t first, size_t last) {
  Bundle part;
  size_t at = 0;
  for (size_t i = 0; i < last; ++i) {
    if (i >= first) {
      part.bytes.append(bundle.bytes, at, bundle.sizes[i]);
      part.sizes.push_back(bundle.sizes[i]);
    }
    at += bundle.sizes[i];
  }
  return part;
}

// What of a bundle decodes.
Bundle decodable_part_of(const Bundle& bundle) {
  Bundle part;
  std::string_view rest = bundle.bytes;
  for (const uint32_t size : bundle.sizes) {
    Request request;
    const std::string_view event = rest.substr(0, size);
    rest.remove_prefix(size);
    if (!parse_request(event, &request)) continue;
    part.bytes += event;
    part.sizes.push_back(size);
  }
  return part;
}

}  // namespace

Sender::Sender(HttpSettings settings, size_t most_bytes, Log log)
    : client_(std::move(settings)), most_bytes_(most_bytes), log_(std::move(log)), thread_([this] { run(); }) {}

Sender::~Sender() { stop(milliseconds(0)); }

void Sender::add(Bundle bundle) {
  std::unique_lock lock(mutex_);
  if (queued_bytes_ + bundle.bytes.size() > most_bytes_) {
    counts_.dropped_full += bundle.sizes.size();
    if (!is_full_) log_("the queue is full: events are dropped until it has room");
    is_full_ = true;
    return;
  }
  if (is_full_)
    log_("the queue has room again; " + std::to_string(counts_.dropped_full) + " events were dropped so far");
  is_full_ = false;
  queued_bytes_ += bundle.bytes.size();
  queue_.push_back(std::move(bundle));
  changed_.notify_all();
}

void Sender::stop(milliseconds within) {
  {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable()) return;
    is_ending_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, within, [&] { return queued_bytes_ == 0; });
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
  for (const Bundle& bundle : queue_) counts_.dropped_stop += bundle.sizes.size();
  queue_.clear();
}

Counts Sender::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Sender::count(uint64_t Counts::*which, uint64_t events) {
  const std::lock_guard lock(mutex_);
  counts_.*which += events;
}

void Sender::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || is_ending_ || !queue_.empty(); });
    if (stop_ || queue_.empty()) return;
    const Bundle bundle = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    send(bundle);
    lock.lock();
    queued_bytes_ -= bundle.bytes.size();
    changed_.notify_all();
  }
}

void Sender::send(const Bundle& bundle) {
  const Answer answer = post_until_answered(bundle);
  const uint64_t events = bundle.sizes.size();
  switch (answer.outcome) {
    case Outcome::kAccepted:
      count(&Counts::requests, 1);
      count(&Counts::sent, events);
      count(&Counts::rejected_points, answer.rejected_points);
      if (answer.rejected_points > 0) {
        log_(std::to_string(answer.rejected_points) + " points were rejected: " + quoted(answer.warning));
      } else if (!answer.warning.empty()) {
        log_("accepted with a warning: " + quoted(answer.warning));
      }
      return;
    case Outcome::kRetry:
    case Outcome::kAborted:
      return count(&Counts::dropped_stop, events);
    case Outcome::kTooLarge:
    case Outcome::kRefused:
      return divide(bundle, answer);
  }
}

// Without what cannot be decoded, which any writer can have put there, or by halves.
void Sender::divide(const Bundle& bundle, const Answer& answer) {
  const size_t events = bundle.sizes.size();
  if (answer.outcome == Outcome::kTooLarge && events > 1) {
    send(part_of(bundle, 0, events / 2));
    return send(part_of(bundle, events / 2, events));
  }
  const Bundle rest = decodable_part_of(bundle);
  const size_t undecodable = events - rest.sizes.size();
  if (undecodable > 0) {
    count(&Counts::dropped_undecodable, undecodable);
    log_(std::to_string(undecodable) + " events that are no ExportMetricsServiceRequest were dropped");
    if (!rest.sizes.empty()) send(rest);
    return;
  }
  count(&Counts::dropped_refused, events);
  log_(std::to_string(events) + " events were refused and dropped: " + answer.why);
}

Answer Sender::post_until_answered(const Bundle& bundle) {
  while (true) {
    Answer answer = client_.post(bundle.bytes, stop_);
    if (answer.outcome != Outcome::kRetry) {
      if (is_failing_ && answer.outcome == Outcome::kAccepted) log_("the other end accepts again");
      is_failing_ = false;
      backoff_ = milliseconds(0);
      return answer;
    }
    if (!is_failing_) log_("not accepted, it will be tried again: " + answer.why);
    is_failing_ = true;
    count(&Counts::retries, 1);
    if (!wait_before_retry(answer)) return answer;
  }
}

// Half as long again each time, and at random up to half more or less, so that many hosts do not come at once.
bool Sender::wait_before_retry(const Answer& answer) {
  backoff_ = backoff_ == milliseconds(0) ? kFirstBackoff : std::min(backoff_ * 3 / 2, kLongestBackoff);
  const auto jitter = std::uniform_int_distribution<int64_t>(backoff_.count() / 2, backoff_.count() * 3 / 2)(random_);
  milliseconds wait(jitter);
  if (answer.retry_after.count() > 0)
    wait = std::max(wait, milliseconds(std::min(answer.retry_after, kLongestRetryAfter)));
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, wait, [&] { return stop_.load(); });
}

}  // namespace otelue::tool
