// SPDX-License-Identifier: Apache-2.0
#include "exporter.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "otlp/batch_source.h"
#include "user_events/explain.h"
#include "user_events/permanent.h"

namespace otelue_core {
namespace {

using user_events::Tracepoint;

constexpr size_t kBufferBytes = 65536;
constexpr uint32_t kLongestPause = 1'000'000;
static_assert(Tracepoint::kFrameBytes + OTELUE_LARGEST_MAX_EVENT_BYTES + otlp::Event::kSlack <= kBufferBytes);

void pause_for(uint32_t microseconds) {
  timespec left{static_cast<time_t>(microseconds / 1'000'000), static_cast<long>(microseconds % 1'000'000) * 1000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// write() and nanosleep() are cancellation points, and a thread that is cancelled never leaves the gate.
class NoCancellation {
 public:
  NoCancellation() { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state_); }
  ~NoCancellation() { pthread_setcancelstate(state_, &state_); }
  NoCancellation(const NoCancellation&) = delete;
  NoCancellation& operator=(const NoCancellation&) = delete;

 private:
  int state_ = 0;
};

}  // namespace

int Settings::from(const otelue_options* options, Settings* out) {
  otelue_options o{};
  if (options != nullptr) {
    uint32_t size = 0;
    memcpy(&size, &options->struct_size, sizeof size);
    if (size < sizeof size) return -EINVAL;
    const auto* bytes = reinterpret_cast<const uint8_t*>(options);
    for (size_t i = sizeof o; i < size; ++i) {
      if (bytes[i] != 0) return -E2BIG;
    }
    memcpy(&o, options, size < sizeof o ? size : sizeof o);
  }
  const uint32_t most = (o.flags & OTELUE_ALLOW_LARGE_EVENTS) != 0 ? OTELUE_LARGEST_MAX_EVENT_BYTES
                                                                           : OTELUE_DEFAULT_MAX_EVENT_BYTES;
  if ((o.flags & ~uint32_t{OTELUE_ALLOW_LARGE_EVENTS}) != 0 || o.reserved != 0) return -EINVAL;
  if (o.packing > OTELUE_PACK_REQUEST || o.pacing_microseconds > kLongestPause) return -EINVAL;
  if (o.max_event_bytes > most || o.target_event_bytes > most) return -EINVAL;
  if (o.max_event_bytes != 0 && o.target_event_bytes > o.max_event_bytes) return -EINVAL;

  uint32_t max_event = o.max_event_bytes;
  if (max_event == 0) max_event = o.target_event_bytes > OTELUE_DEFAULT_MAX_EVENT_BYTES ? o.target_event_bytes
                                                                                 : OTELUE_DEFAULT_MAX_EVENT_BYTES;
  uint32_t batch = o.target_event_bytes;
  if (batch == 0) batch = max_event < OTELUE_DEFAULT_TARGET_EVENT_BYTES ? max_event : OTELUE_DEFAULT_TARGET_EVENT_BYTES;
  *out = {{batch, max_event}, o.packing, o.pacing_bytes, o.pacing_microseconds};
  return 0;
}

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

bool Gate::enter() {
  inside_->fetch_add(1);
  if (!is_shut_.load()) return true;
  leave();
  return false;
}

void Gate::leave() {
  // A signal handler may have forked amid a call that the child then ends: it leaves a gate that nobody has entered.
  uint32_t inside = inside_->load();
  while (inside > 0 && !inside_->compare_exchange_weak(inside, inside - 1)) {
  }
}

bool Gate::shut() {
  if (is_shut_.exchange(true)) return false;
  while (inside_->load() > 0) pause_for(100);
  return true;
}

bool Exporter::open(const Settings& settings, const Log& log) {
  struct OfProcess {
    Tracepoint::OfProcess tracepoint;
    std::atomic<uint32_t> inside;
  };
  auto* own = static_cast<OfProcess*>(user_events::allocate_per_process(sizeof(OfProcess)));
  if (own == nullptr) return false;
  settings_ = settings;
  log_ = log;
  gate_.open(&own->inside);
  tracepoint_.open(log, &own->tracepoint);
  return true;
}

int Exporter::refuse(int error) {
  totals_.exports_refused.fetch_add(1, std::memory_order_relaxed);
  return error;
}

// Whether somebody listens.
bool Exporter::begin(otelue_result* result, Tracepoint::Target* target) {
  const auto listeners = tracepoint_.listen(false, target);
  result->listening = listeners == Tracepoint::Listeners::kHere || listeners == Tracepoint::Listeners::kElsewhere;
  return result->listening != 0;
}

int Exporter::finish(const otelue_result& result) {
  auto add_to = [](std::atomic<uint64_t>& total, uint64_t n) {
    if (n != 0) total.fetch_add(n, std::memory_order_relaxed);
  };
  add_to(totals_.exports, 1);
  add_to(totals_.exports_unheard, result.listening == 0);
  add_to(totals_.points_total, result.points_total);
  add_to(totals_.points_exported, result.points_exported);
  add_to(totals_.points_invalid, result.points_invalid);
  add_to(totals_.points_too_large, result.points_too_large);
  add_to(totals_.points_unwritten, result.points_unwritten);
  add_to(totals_.points_unheard, result.points_unheard);
  add_to(totals_.strings_as_bytes, result.strings_as_bytes);
  add_to(totals_.values_emptied, result.values_emptied);
  add_to(totals_.exemplars_dropped, result.exemplars_dropped);
  add_to(totals_.events, result.events);
  add_to(totals_.bytes, result.bytes);
  const uint32_t lost = result.points_invalid + result.points_too_large + result.points_unwritten;
  return lost == 0 ? 0 : OTELUE_PARTIAL;
}

// Logs the reasons that no earlier export had.
void Exporter::log_drops(const otlp::Account& account) {
  if (log_.function == nullptr || account.reasons == 0) return;
  const uint32_t fresh = account.reasons & ~logged_reasons_.fetch_or(account.reasons, std::memory_order_relaxed);
  for (uint32_t reason = 0; fresh >> reason != 0; ++reason) {
    if ((fresh >> reason & 1) == 0) continue;
    if (reason == account.first_bad_reason) {
      log_(OTELUE_LOG_ERROR, "a point (number %u of the export) was dropped: %s", account.first_bad_point,
                    otelue_strreason(reason));
    } else {
      log_(OTELUE_LOG_ERROR, "a point was dropped: %s", otelue_strreason(reason));
    }
  }
}

// Writes what a packer makes, until there is no more or nobody listens any more.
template <typename Packer>
void Exporter::write_events(Packer& packer, uint8_t* frame, const Tracepoint::Target& target, otelue_result* result) {
  otlp::Account account;
  otlp::Message message;
  uint32_t since_pause = 0;
  while (packer.next(account, &message)) {
    if (since_pause >= settings_.pacing_bytes && settings_.pacing_bytes != 0 && settings_.pacing_microseconds != 0) {
      pause_for(settings_.pacing_microseconds);
      since_pause = 0;
    }
    const int error = tracepoint_.write(target, frame, message.bytes.size);
    if (error == -EBADF) {
      tracepoint_.unheard();
      break;
    }
    if (error < 0) {
      account.note(message.first, OTELUE_REASON_WRITE);
      result->points_unwritten += message.points;
      result->last_errno = -error;
      continue;
    }
    const auto size = static_cast<uint32_t>(message.bytes.size);
    account.exported += message.points;
    ++result->events;
    result->bytes += size;
    since_pause += size;
  }
  add(account, result);
  log_drops(account);
}

[[gnu::noinline]] void Exporter::write_batch(const records::Batch& batch, const Tracepoint::Target& target,
                                             otelue_result* result) {
  alignas(8) uint8_t buffer[kBufferBytes] __attribute__((uninitialized));
  otlp::BatchSource source(batch);
  otlp::Packer packer(source, settings_.limits, settings_.packing, buffer + Tracepoint::kFrameBytes);
  write_events(packer, buffer, target, result);
}

[[gnu::noinline]] void Exporter::write_request(otlp::Request& request, const Tracepoint::Target& target,
                                               otelue_result* result) {
  alignas(8) uint8_t buffer[kBufferBytes] __attribute__((uninitialized));
  otlp::Packer packer(request, settings_.limits, settings_.packing, buffer + Tracepoint::kFrameBytes);
  write_events(packer, buffer, target, result);
}

int Exporter::export_batch(const void* data, size_t size, otelue_result* result) {
  if (!gate_.enter()) return refuse(-ESHUTDOWN);
  const NoCancellation guard;
  records::Batch batch;
  int error = batch.open(data, size);
  if (error == 0) {
    result->points_total = batch.points().size();
    Tracepoint::Target target;
    if (begin(result, &target)) write_batch(batch, target, result);
    result->step = tracepoint_.status().step;
    result->points_unheard = result->points_total - result->points_exported - result->points_invalid -
                             result->points_too_large - result->points_unwritten;
    error = finish(*result);
  } else {
    refuse(error);
  }
  gate_.leave();
  return error;
}

int Exporter::export_otlp(const void* data, size_t size, otelue_result* result) {
  if (!gate_.enter()) return refuse(-ESHUTDOWN);
  const NoCancellation guard;
  int error = 0;
  Tracepoint::Target target;
  if (begin(result, &target)) {
    otlp::Request request;
    if (!request.open(data, size, &result->points_total)) error = -EBADMSG;
    if (error == 0) {
      write_request(request, target, result);
      result->points_unheard = result->points_total - result->points_exported - result->points_invalid -
                               result->points_too_large - result->points_unwritten;
    }
  }
  if (error == 0) result->step = tracepoint_.status().step;
  error = error == 0 ? finish(*result) : refuse(error);
  gate_.leave();
  return error;
}

bool Exporter::listening(uint32_t* step) {
  otelue_result result{};
  bool found = false;
  if (gate_.enter()) {
    const NoCancellation guard;
    Tracepoint::Target target;
    found = begin(&result, &target);
    gate_.leave();
  }
  *step = found ? uint32_t{OTELUE_STEP_REGISTERED} : tracepoint_.status().step;
  return found;
}

int Exporter::force_flush() {
  if (!gate_.enter()) return -ESHUTDOWN;
  gate_.leave();
  return 0;
}

void Exporter::shutdown() {
  const NoCancellation guard;
  if (gate_.shut()) tracepoint_.close();
}

int Exporter::status(otelue_status* out) {
  auto listeners = Tracepoint::Listeners::kUnregistered;
  if (gate_.enter()) {
    const NoCancellation guard;
    Tracepoint::Target target;
    listeners = tracepoint_.listen(true, &target);
    gate_.leave();
  }
  const auto status = tracepoint_.status();
  out->registered = status.registered;
  out->enabled = tracepoint_.enabled();
  out->heard_here = listeners == Tracepoint::Listeners::kHere;
  out->step = status.step;
  out->last_errno = status.error;
  if (status.step != OTELUE_STEP_REGISTERED) {
    user_events::explain(status.step, status.error, out->message, sizeof out->message);
    return 0;
  }
  const char* words = listeners == Tracepoint::Listeners::kHere ? "otlp_metrics is registered, and somebody listens"
                      : listeners == Tracepoint::Listeners::kElsewhere
                          ? "otlp_metrics is registered and enabled, but nobody listens to this thread on this processor"
                          : "otlp_metrics is registered, nobody listens";
  strncpy(out->message, words, sizeof out->message - 1);
  return 0;
}

void Exporter::statistics(otelue_statistics* out) const {
  auto get = [](const std::atomic<uint64_t>& total) { return total.load(std::memory_order_relaxed); };
  out->exports = get(totals_.exports);
  out->exports_refused = get(totals_.exports_refused);
  out->exports_unheard = get(totals_.exports_unheard);
  out->points_total = get(totals_.points_total);
  out->points_exported = get(totals_.points_exported);
  out->points_invalid = get(totals_.points_invalid);
  out->points_too_large = get(totals_.points_too_large);
  out->points_unwritten = get(totals_.points_unwritten);
  out->points_unheard = get(totals_.points_unheard);
  out->strings_as_bytes = get(totals_.strings_as_bytes);
  out->values_emptied = get(totals_.values_emptied);
  out->exemplars_dropped = get(totals_.exemplars_dropped);
  out->events = get(totals_.events);
  out->bytes = get(totals_.bytes);
  out->registrations = tracepoint_.registrations();
}

}  // namespace otelue_core
