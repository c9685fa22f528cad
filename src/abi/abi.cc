// SPDX-License-Identifier: Apache-2.0
// The C functions: they check arguments, call inward, and leave errno as it was.
#include <errno.h>
#include <string.h>

#include <new>

#include "abi/options.h"
#include "exporter.h"
#include "otelue/otelue.h"
#include "otlp/attribute_set.h"
#include "otlp/batch_source.h"
#include "otlp/packer.h"
#include "otlp/request.h"
#include "process/memory.h"
#include "process/quiet.h"

struct otelue_exporter : otelue_core::Exporter {
  otelue_core::Log log;
};

namespace {

using otelue_core::News;
using otelue_core::Settings;
using otelue_core::abi::read_options;
using otelue_core::process::Quiet;

// A struct that begins with struct_size and is filled in for the caller: as much as fits is copied out.
template <typename Struct>
class Out {
 public:
  explicit Out(Struct* to) : to_(to) {
    if (to != nullptr) memcpy(&size_, &to->struct_size, sizeof size_);
  }
  bool is_valid() const { return to_ == nullptr || size_ >= sizeof size_; }
  // Takes what the caller has from earlier calls.
  void load() {
    if (to_ != nullptr) memcpy(&value, to_, size_ < sizeof value ? size_ : sizeof value);
  }
  void store() {
    value.struct_size = size_;
    if (to_ != nullptr) memcpy(to_, &value, size_ < sizeof value ? size_ : sizeof value);
  }

  Struct value{};

 private:
  Struct* to_;
  uint32_t size_ = 0;
};

// Makes a call, and tells its news behind it: when nothing is open or held any more, and all results are in place, as the
// log function may do anything.
template <typename Call>
auto run(otelue_exporter* exporter, Call&& call) {
  News news;
  auto returned = [&] {
    const Quiet guard;
    return call(news);
  }();
  if (news.count != 0 || news.refusals != 0) {
    const Quiet::Errno guard;
    exporter->tell(news, exporter->log);
  }
  return returned;
}

using Export = int (otelue_core::Exporter::*)(const void*, size_t, otelue_result*, News&);

int run_export(otelue_exporter* exporter, Export function, const void* data, size_t size, otelue_result* result) {
  Out<otelue_result> out(result);
  if (exporter == nullptr || data == nullptr || !out.is_valid()) return -EINVAL;
  return run(exporter, [&](News& news) {
    const int returned = (exporter->*function)(data, size, &out.value, news);
    out.store();
    return returned;
  });
}

int open(const otelue_options* options, const char* recording, otelue_log_function log, void* log_context,
         otelue_exporter** out) {
  if (out == nullptr) return -EINVAL;
  *out = nullptr;
  Settings settings;
  if (const int error = read_options(options, &settings); error < 0) return error;
  void* memory = otelue_core::process::allocate_permanently(sizeof(otelue_exporter));
  if (memory == nullptr) return -ENOMEM;
  auto* exporter = new (memory) otelue_exporter;
  exporter->log = {log, log_context};
  return run(exporter, [&](News& news) {
    const int error = exporter->open(settings, recording, news);
    if (error == 0) *out = exporter;
    return error;
  });
}

// What both cursors share: whether the walk has begun, and what it must not look at again. The rest is the walk's own.
struct BatchCursor {
  uint64_t has_begun;
  otelue_core::otlp::Refused refused;
  uint64_t point;
};
struct RequestCursor {
  uint64_t has_begun;
  otelue_core::otlp::Refused refused;
  otelue_core::otlp::Request::State state;
};
static_assert(sizeof(BatchCursor) <= sizeof(otelue_cursor) && sizeof(RequestCursor) <= sizeof(otelue_cursor));

// One step of encode_next or split_next: `step` opens the input, encodes, and moves the cursor.
template <typename Step>
int run_next(const void* data, const otelue_options* options, otelue_cursor* cursor, void* to, size_t capacity,
             size_t* written, otelue_result* result, Step&& step) {
  Out<otelue_result> out(result);
  if (data == nullptr || cursor == nullptr || to == nullptr || written == nullptr || !out.is_valid()) return -EINVAL;
  *written = 0;
  Settings settings;
  if (const int error = read_options(options, &settings); error < 0) return error;
  if (capacity < settings.limits.max_event_bytes + OTELUE_ENCODE_SLACK) return -ENOBUFS;
  if (cursor->opaque[0] != 0) out.load();

  otelue_core::otlp::Account account;
  otelue_core::otlp::Message message{};
  const int found = step(settings, &out.value, account, &message);
  if (found < 0) return found;
  account.exported = message.points;
  otelue_core::add(account, &out.value);
  if (found > 0) {
    *written = message.bytes.size;
    ++out.value.events;
    out.value.bytes += message.bytes.size;
  }
  out.store();
  return found;
}

}  // namespace

uint32_t otelue_version(void) {
  return OTELUE_VERSION_MAJOR << 16 | OTELUE_VERSION_MINOR << 8 | OTELUE_VERSION_PATCH;
}

uint32_t otelue_batch_version_max(void) { return OTELUE_BATCH_VERSION; }

const char* otelue_strerror(int result) {
  switch (result) {
    case 0:
      return "success";
    case OTELUE_PARTIAL:
      return "some points were not exported, see otelue_result";
    case -EINVAL:
      return "invalid argument";
    case -EBADMSG:
      return "malformed batch, request or attributes";
    case -EOPNOTSUPP:
      return "the batch is of a version that this library does not know";
    case -E2BIG:
      return "options of a newer version";
    case -EMSGSIZE:
      return "the attribute set is too large";
    case -ETIMEDOUT:
      return "an export is still under way";
    case -ENOBUFS:
      return "the buffer is too small";
    case -ENOMEM:
      return "out of memory";
    case -ESHUTDOWN:
      return "the exporter is shut down";
    default:
      return "unknown result";
  }
}

const char* otelue_strreason(uint32_t reason) {
  static constexpr const char* kTexts[] = {
      "no reason",
      "a reference is misaligned, ends outside the batch, or does not point down",
      "a reserved field or an unknown flag is not zero",
      "the metric's kind is unknown",
      "temporality or is_monotonic does not fit the metric's kind",
      "the value type does not fit the metric's kind",
      "an attribute's value has an unknown type, or is a bool that is neither 0 nor 1",
      "a name, unit, schema URL or key is not UTF-8",
      "the number of bucket counts does not fit the number of bounds",
      "an encoded attribute set is damaged",
      "an encoded attribute set is another release's",
      "the point, or what surrounds it, is malformed",
      "the point is too large for an event",
      "resource, scope and metric leave no room for a point in an event",
      "the event could not be written",
  };
  return reason < sizeof kTexts / sizeof kTexts[0] ? kTexts[reason] : "unknown reason";
}

int otelue_open(const otelue_options* options, otelue_log_function log, void* log_context, otelue_exporter** out) {
  return open(options, nullptr, log, log_context, out);
}

int otelue_open_recording(const otelue_options* options, const char* path, otelue_log_function log, void* log_context,
                          otelue_exporter** out) {
  if (path == nullptr) return -EINVAL;
  return open(options, path, log, log_context, out);
}

int otelue_enabled(const otelue_exporter* exporter) { return exporter != nullptr && exporter->enabled(); }

int otelue_listening(otelue_exporter* exporter, uint32_t* step) {
  uint32_t ignored = 0;
  if (step == nullptr) step = &ignored;
  *step = OTELUE_STEP_SHUTDOWN;
  return exporter != nullptr && run(exporter, [&](News& news) { return exporter->listening(step, news); });
}

int otelue_export(otelue_exporter* exporter, const void* batch, size_t size, otelue_result* result) {
  return run_export(exporter, &otelue_core::Exporter::export_batch, batch, size, result);
}

int otelue_export_otlp(otelue_exporter* exporter, const void* request, size_t size, otelue_result* result) {
  return run_export(exporter, &otelue_core::Exporter::export_otlp, request, size, result);
}

int otelue_force_flush(otelue_exporter* exporter) {
  if (exporter == nullptr) return -EINVAL;
  return run(exporter, [&](News& news) { return exporter->force_flush(news); });
}

int otelue_shutdown(otelue_exporter* exporter) {
  if (exporter == nullptr) return -EINVAL;
  return run(exporter, [&](News& news) { return exporter->shutdown(news); });
}

void otelue_close(otelue_exporter* exporter) { otelue_shutdown(exporter); }

int otelue_get_status(otelue_exporter* exporter, otelue_status* status) {
  Out<otelue_status> out(status);
  if (exporter == nullptr || status == nullptr || !out.is_valid()) return -EINVAL;
  return run(exporter, [&](News& news) {
    exporter->status(&out.value, news);
    out.store();
    return 0;
  });
}

int otelue_get_statistics(const otelue_exporter* exporter, otelue_statistics* statistics) {
  Out<otelue_statistics> out(statistics);
  if (exporter == nullptr || statistics == nullptr || !out.is_valid()) return -EINVAL;
  exporter->statistics(&out.value);
  out.store();
  return 0;
}

int otelue_encode_next(const void* batch, size_t size, const otelue_options* options, otelue_cursor* cursor, void* to,
                       size_t capacity, size_t* written, otelue_result* result) {
  using namespace otelue_core;
  auto step = [&](const Settings& settings, otelue_result* r, otlp::Account& account, otlp::Message* message) {
    BatchCursor at;
    memcpy(static_cast<void*>(&at), cursor, sizeof at);
    if (at.refused.level >= otlp::BatchSource::kLevels) return -EINVAL;
    records::Batch view;
    if (const int error = view.open(batch, size); error < 0) return error;
    r->points_total = view.points().size();
    otlp::BatchSource source(view, static_cast<uint32_t>(at.point));
    otlp::Packer packer(source, settings.limits, settings.packing, static_cast<uint8_t*>(to), at.refused);
    const bool found = packer.next(account, message);
    at = {1, packer.refused(), source.index()};
    memcpy(cursor, &at, sizeof at);
    return found ? 1 : 0;
  };
  return run_next(batch, options, cursor, to, capacity, written, result, step);
}

int otelue_split_next(const void* request, size_t size, const otelue_options* options, otelue_cursor* cursor, void* to,
                      size_t capacity, size_t* written, otelue_result* result) {
  using namespace otelue_core;
  auto step = [&](const Settings& settings, otelue_result* r, otlp::Account& account, otlp::Message* message) {
    RequestCursor at;
    memcpy(static_cast<void*>(&at), cursor, sizeof at);
    otlp::Request source;
    if (at.refused.level >= otlp::Request::kLevels) return -EINVAL;
    if (at.has_begun == 0 && !source.open(request, size, &r->points_total)) return -EBADMSG;
    if (at.has_begun != 0 && !source.resume(request, size, at.state)) return -EINVAL;
    otlp::Packer packer(source, settings.limits, settings.packing, static_cast<uint8_t*>(to), at.refused);
    const bool found = packer.next(account, message);
    at = {1, packer.refused(), source.state()};
    memcpy(cursor, &at, sizeof at);
    return found ? 1 : 0;
  };
  return run_next(request, options, cursor, to, capacity, written, result, step);
}

int otelue_encode_attributes(const void* memory, size_t size, uint32_t off, uint32_t len, void* to, size_t capacity,
                             size_t* written, uint32_t* reason, uint32_t* index) {
  using namespace otelue_core;
  if (memory == nullptr || written == nullptr || (to == nullptr && capacity != 0)) return -EINVAL;
  *written = 0;
  // Encoded aside first, so that the size is known and nothing half is left behind.
  alignas(8) uint8_t set[OTELUE_ENCODED_ATTRIBUTES_MAX] __attribute__((uninitialized));
  otlp::Writer writer(set, sizeof set);
  const uint32_t fault = otlp::encode_set(writer, records::Batch::over(memory, size), {off, len});
  const bool is_full = writer.error() == otlp::Writer::kFull;
  if (reason != nullptr) *reason = is_full ? uint32_t{OTELUE_REASON_NONE} : writer.error();
  if (index != nullptr) *index = writer.ok() ? 0 : fault;
  if (!writer.ok()) return is_full ? -EMSGSIZE : -EBADMSG;
  *written = writer.position();
  if (*written > capacity) return -ENOBUFS;
  memcpy(to, set, *written);
  return 0;
}
