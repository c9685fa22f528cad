// SPDX-License-Identifier: Apache-2.0
#include "exporter.h"

#include <errno.h>
#include <string.h>

#include <new>

#include "otlp/batch_source.h"
#include "otlp/request.h"
#include "process/quiet.h"
#include "process/wait.h"

namespace otelue_core {

using Listeners = Target::Listeners;

void add(const otlp::Account& account, otelue_result* result) {
  if (result->first_bad_reason == OTELUE_REASON_NONE && account.first_bad_reason != OTELUE_REASON_NONE) {
    result->first_bad_reason = account.first_bad_reason;
    result->first_bad_point = account.first_bad_point;
  }
  result->points_exported += account.exported;
  result->points_invalid += account.invalid;
  result->points_too_large += account.too_large;
  result->strings_as_bytes += account.changes.strings_as_bytes;
  result->values_emptied += account.changes.values_emptied;
  result->exemplars_dropped += account.changes.exemplars_dropped;
}

// Between enter() and leave() of the gate; the last one out of a shut gate ends what is behind it.
class Exporter::Call {
 public:
  Call(Exporter& exporter, News& news) : exporter_(exporter), news_(news), is_admitted_(exporter.gate_.enter()) {}
  ~Call() {
    exporter_.gate_.leave();
    exporter_.end_if_last(news_);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  explicit operator bool() const { return is_admitted_; }

 private:
  Exporter& exporter_;
  News& news_;
  const bool is_admitted_;
};

int Exporter::open(const Settings& settings, const char* recording, News& news) {
  settings_ = settings;
  if (!gate_.open()) return -ENOMEM;
  if (recording != nullptr) {
    target_ = new (&recording_) recording::Recording;
    return recording_.open(recording, &word_);
  }
  target_ = new (&tracepoint_) user_events::Tracepoint;
  return tracepoint_.open(&word_, news) ? 0 : -ENOMEM;
}

int Exporter::refuse(int error) {
  totals_.refuse();
  return error;
}

// The points that were neither exported nor counted otherwise had no listener any more.
int Exporter::finish(otelue_result* result) {
  const uint32_t lost = result->points_invalid + result->points_too_large + result->points_unwritten;
  result->points_unheard = result->points_total - result->points_exported - lost;
  result->step = target_->standing().step;
  totals_.add(*result);
  return lost == 0 ? 0 : OTELUE_PARTIAL;
}

// Writes what a packer makes, until there is no more or nobody listens any more. Says which.
template <typename Source>
[[gnu::noinline]] Listeners Exporter::write_events(otlp::Packer<Source>& packer, uint8_t* payload, Target::Link* link,
                                                   otelue_result* result, News& news) {
  otlp::Account account;
  otlp::Message message;
  Listeners listeners = Listeners::kHere;
  uint32_t since_pause = 0;
  while (packer.next(account, &message)) {
    if (settings_.pacing_bytes != 0 && since_pause >= settings_.pacing_bytes) {
      gate_.pause(settings_.pacing_microseconds);
      target_->renew(link, news);
      since_pause = 0;
    }
    const auto size = static_cast<uint32_t>(message.bytes.size);
    const int error = target_->write(link, payload, size, news);
    if (error == Target::kNobody) {
      listeners = Listeners::kNone;
      break;
    }
    if (error < 0) {
      account.note(message.first, OTELUE_REASON_WRITE);
      result->points_unwritten += message.points;
      result->last_errno = -error;
      continue;
    }
    account.exported += message.points;
    ++result->events;
    result->bytes += size;
    since_pause += size;
  }
  add(account, result);
  news.refusals = account.reasons & ~known_refusals_.fetch_or(account.reasons, std::memory_order_relaxed);
  news.first_bad_point = account.first_bad_point;
  news.first_bad_reason = account.first_bad_reason;
  return listeners;
}

template <size_t kLargest, typename Source>
[[gnu::noinline]] void Exporter::write_all_within(Source& source, Target::Link* link, otelue_result* result,
                                                  News& news) {
  alignas(8) uint8_t buffer[Target::kFrameBytes + kLargest + otlp::Event::kSlack] __attribute__((uninitialized));
  uint8_t* const payload = buffer + Target::kFrameBytes;
  otlp::Packer packer(source, settings_.limits, settings_.packing, payload);
  const Listeners listeners = write_events(packer, payload, link, result, news);
  target_->settle(*link, listeners, news);
}

// The frame is as large as the options' largest event: a thread that has room for that has room for its exports.
template <typename Source>
void Exporter::write_all(Source& source, Target::Link* link, otelue_result* result, News& news) {
  if (settings_.limits.max_event_bytes <= OTELUE_DEFAULT_MAX_EVENT_BYTES) {
    write_all_within<OTELUE_DEFAULT_MAX_EVENT_BYTES>(source, link, result, news);
  } else {
    write_all_within<OTELUE_LARGEST_MAX_EVENT_BYTES>(source, link, result, news);
  }
}

static bool is_somebody(Listeners listeners) {
  return listeners == Listeners::kHere || listeners == Listeners::kElsewhere;
}

int Exporter::export_batch(const void* data, size_t size, otelue_result* result, News& news) {
  const Call call(*this, news);
  if (!call) return refuse(-ESHUTDOWN);
  records::Batch batch;
  if (const int error = batch.open(data, size); error < 0) return refuse(error);
  result->points_total = batch.points().size();
  Target::Link link;
  const Listeners listeners = target_->find_listeners(&link, news);
  result->listening = is_somebody(listeners);
  if (result->listening != 0) {
    otlp::BatchSource source(batch);
    write_all(source, &link, result, news);
  } else {
    target_->settle(link, listeners, news);
  }
  return finish(result);
}

int Exporter::export_otlp(const void* data, size_t size, otelue_result* result, News& news) {
  const Call call(*this, news);
  if (!call) return refuse(-ESHUTDOWN);
  Target::Link link;
  const Listeners listeners = target_->find_listeners(&link, news);
  result->listening = is_somebody(listeners);
  if (result->listening == 0) {
    target_->settle(link, listeners, news);
    return finish(result);
  }
  otlp::Request source;
  if (!source.open(data, size, &result->points_total)) return refuse(-EBADMSG);
  write_all(source, &link, result, news);
  return finish(result);
}

bool Exporter::listening(uint32_t* step, News& news) {
  const Call call(*this, news);
  *step = OTELUE_STEP_SHUTDOWN;
  if (!call) return false;
  Target::Link link;
  const Listeners listeners = target_->find_listeners(&link, news);
  target_->settle(link, listeners, news);
  const bool is_listening = is_somebody(listeners);
  *step = is_listening ? uint32_t{OTELUE_STEP_REGISTERED} : target_->standing().step;
  return is_listening;
}

int Exporter::force_flush(News& news) {
  const Call call(*this, news);
  return call ? 0 : -ESHUTDOWN;
}

void Exporter::end_if_last(News& news) {
  if (!gate_.has_to_end()) return;
  target_->close(news);
  gate_.has_ended();
}

int Exporter::shutdown(News& news) {
  const uint64_t until = process::now() + process::kSecond;
  gate_.shut();
  end_if_last(news);
  return gate_.wait_for_end(until) ? 0 : -ETIMEDOUT;
}

// Steps at which nothing can be written; OTELUE_STEP_REGISTER may be one, or a word that cannot be healed.
static bool may_go_together(bool is_registered, uint32_t step) {
  const bool is_before = step == OTELUE_STEP_FIND || step == OTELUE_STEP_OPEN || step == OTELUE_STEP_SHUTDOWN;
  return step == OTELUE_STEP_REGISTER || is_registered != is_before;
}

// One view: what registration came to in this call, and the failure that goes with it.
void Exporter::status(otelue_status* out, News& news) {
  const Call call(*this, news);
  auto listeners = Listeners::kUnregistered;
  Standing::Snapshot standing{OTELUE_STEP_SHUTDOWN, 0};
  for (int tried = 0; call && tried < 8; ++tried) {
    Target::Link link;
    listeners = target_->probe(&link, news);
    target_->settle(link, listeners, news);
    standing = target_->standing();
    // Unless another thread has registered since, or has failed to.
    if (may_go_together(listeners != Listeners::kUnregistered, standing.step)) break;
    // Where that goes on and on, what this call has seen counts.
    standing = {OTELUE_STEP_REGISTERED, 0};
    if (listeners == Listeners::kUnregistered) standing = {OTELUE_STEP_OPEN, EBADF};
  }
  out->registered = listeners != Listeners::kUnregistered;
  out->enabled = word_.is_set();
  out->heard_here = listeners == Listeners::kHere;
  out->step = standing.step;
  out->last_errno = standing.error;
  if (standing.step != OTELUE_STEP_REGISTERED) {
    target_->explain(standing.step, standing.error, out->message, sizeof out->message);
  } else {
    strncpy(out->message, target_->describe(listeners), sizeof out->message - 1);
  }
}

void Exporter::statistics(otelue_statistics* out) const {
  totals_.store(out);
  out->registrations = target_->registrations();
}

void Exporter::tell(const News& news, const Log& log) const {
  if (log.function == nullptr) return;
  for (uint32_t i = 0; i < news.count; ++i) {
    const News::Item& item = news.items[i];
    char message[256];
    switch (item.kind) {
      case News::Kind::kFailed:
        target_->explain(item.step, item.error, message, sizeof message);
        log(OTELUE_LOG_WARNING, "%s", message);
        break;
      case News::Kind::kRegistered:
        log(OTELUE_LOG_INFO, "otlp_metrics: registered");
        break;
      case News::Kind::kRegisteredAgain:
        log(OTELUE_LOG_INFO, "otlp_metrics: registered again, the enable word was out of date");
        break;
      case News::Kind::kEnded:
        log(OTELUE_LOG_INFO, "otlp_metrics: unregistered");
        break;
    }
  }
  for (uint32_t reason = 0; news.refusals >> reason != 0; ++reason) {
    if ((news.refusals >> reason & 1) == 0) continue;
    if (reason == news.first_bad_reason) {
      log(OTELUE_LOG_ERROR, "a point (number %u of the export) was dropped: %s", news.first_bad_point,
          otelue_strreason(reason));
    } else {
      log(OTELUE_LOG_ERROR, "a point was dropped: %s", otelue_strreason(reason));
    }
  }
}

}  // namespace otelue_core
