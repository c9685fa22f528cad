// SPDX-License-Identifier: Apache-2.0
#include <otelue/otelue.h>

#include <vector>

#include "commands.h"
#include "damage.h"
#include "input.h"
#include "printer.h"
#include "text.h"

namespace otelue::tool {
namespace {

constexpr size_t kMostDamages = 5;  // that are named of one event

class Decoder {
 public:
  explicit Decoder(Format format) : printer_(out_, "", 0, format) {}

  int run(const DecodeOptions& options) {
    const InputFile file(options.file);
    if (!file.error().empty()) return fail(file.error());
    const Content content = options.from == Content::kUnknown ? detect(file.bytes()) : options.from;
    const Sink lines = printer_.sink();
    InputSink sink;
    sink.event = [&](const Event& event, uint64_t offset) { take(event, offset); };
    sink.batch = [&](std::string_view batch) { take_batch(batch); };
    sink.lost = lines.lost;
    sink.damaged = [&](uint64_t offset, const std::string& why) {
      lines.damaged("at byte " + std::to_string(offset) + ": " + why);
    };
    if (!read_input(file.bytes(), content, sink)) {
      if (is_interrupted()) return kDone;
      return fail(file.name() + ": " +
                  (content != Content::kUnknown ? std::string("this is not ") + content_text(content)
                   : file.bytes().empty()       ? "nothing is there"
                                                : "neither metrics in any form that is known here; see --from"));
    }
    printer_.flush();
    const int status = finish(out_, printer_.is_complete() ? kDone : kIncomplete);
    printer_.summarize();
    return status;
  }

 private:
  static int fail(const std::string& why) {
    complain(why);
    return kCannot;
  }

  void take(const Event& event, uint64_t offset) {
    if (out_.error() != 0) return;
    if (printer_.print_if_decodable(event)) return;
    const Salvage found = salvage(event.payload);
    std::string why;
    for (size_t i = 0; i < found.damages.size() && i < kMostDamages; ++i) {
      const Damage& damage = found.damages[i];
      why += (why.empty() ? "at byte " : "; at byte ") + std::to_string(offset + damage.offset) + ", " +
             (damage.path.empty() ? "" : "in " + damage.path + ": ") + damage.why;
    }
    if (found.damages.size() > kMostDamages) {
      why += "; and " + std::to_string(found.damages.size() - kMostDamages) + " more";
    }
    printer_.undecodable(why.empty() ? "protobuf refuses it" : why, event);
    Event rest = event;
    rest.payload = found.whole;
    if (!found.whole.empty()) printer_.print_rest(rest);
  }

  void take_batch(std::string_view batch) {
    otelue_options options{};
    options.struct_size = sizeof options;
    options.packing = OTELUE_PACK_REQUEST;
    options.flags = OTELUE_ALLOW_LARGE_EVENTS;
    options.target_event_bytes = options.max_event_bytes = OTELUE_LARGEST_MAX_EVENT_BYTES;
    std::vector<char> memory(OTELUE_LARGEST_MAX_EVENT_BYTES + OTELUE_ENCODE_SLACK);
    otelue_cursor cursor{};
    otelue_result result{};
    result.struct_size = sizeof result;
    size_t written = 0;
    int returned = 0;
    while ((returned = otelue_encode_next(batch.data(), batch.size(), &options, &cursor, memory.data(), memory.size(),
                                          &written, &result)) == 1) {
      Event event;
      event.payload = {memory.data(), written};
      take(event, 0);
    }
    if (returned == 0 && result.points_exported == result.points_total) return;
    char text[512];
    otelue_describe(batch.data(), batch.size(), returned, &result, text, sizeof text);
    printer_.undecodable(text, {});
  }

  Output out_{1};
  Printer printer_;
};

}  // namespace

int decode(const DecodeOptions& options) { return Decoder(options.format).run(options); }

}  // namespace otelue::tool
