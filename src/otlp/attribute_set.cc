// SPDX-License-Identifier: Apache-2.0
#include "otlp/attribute_set.h"

#include <cstring>

#include "otlp/fields.h"

namespace otelue_core::otlp {
namespace {

// Fletcher's checksum, over words of 64 bits: every changed word changes `sum`, and words that changed in a way that
// leaves it alone change `sum_of_sums`.
struct Checksum {
  uint64_t sum = 0x5345544f;  // "OTES"
  uint64_t sum_of_sums = 0;

  bool operator==(const Checksum&) const = default;
  void add(uint64_t word) {
    sum += word;
    sum_of_sums += sum;
  }
};

// Of the format of sets. Another one is due whenever what lies in a set or its header changes.
constexpr uint32_t kVersion = 1;

// The header of an encoded set; its KeyValues follow. All versions agree in checksum, size and version.
struct SetHeader {
  Checksum checksum;  // of all that follows
  uint32_t size;      // of the set, this header included
  uint32_t version;
  uint32_t strings_as_bytes;
  uint32_t values_emptied;
};
static_assert(sizeof(SetHeader) == kSetHeaderBytes);

// Copies the KeyValues of a set and returns the checksum that its header should have.
Checksum copy_set(uint8_t* to, const SetHeader& header, const uint8_t* from, size_t size) {
  Checksum checksum;
  uint64_t word = 0;
  for (size_t at = sizeof checksum; at < sizeof header; at += sizeof word) {
    std::memcpy(&word, reinterpret_cast<const uint8_t*>(&header) + at, sizeof word);
    checksum.add(word);
  }
  auto copy = [&](size_t at) {
    std::memcpy(&word, from + at, sizeof word);
    std::memcpy(to + at, &word, sizeof word);
    checksum.add(word);
  };
  if (size < sizeof word) {
    word = 0;
    std::memcpy(&word, from, size);
    std::memcpy(to, &word, size);
    checksum.add(word);
    return checksum;
  }
  size_t at = 0;
  for (; size - at >= 4 * sizeof word; at += 4 * sizeof word) {
    copy(at);
    copy(at + 8);
    copy(at + 16);
    copy(at + 24);
  }
  for (; size - at >= sizeof word; at += sizeof word) copy(at);
  copy(size - sizeof word);  // overlaps the one before
  return checksum;
}

// Gives the KeyValues in [p, end) another field. False when they are none.
bool retag(uint8_t* p, const uint8_t* end, uint32_t field) {
  while (p < end) {
    // | tag | length, at most 3 bytes in a set that fits an event | KeyValue |
    *p++ = wire::tag(field, wire::WireType::kBytes);
    size_t length = 0;
    for (unsigned shift = 0; p < end && shift < 21; shift += 7) {
      const uint8_t byte = *p++;
      length |= size_t{byte & 0x7fu} << shift;
      if (byte < 0x80) break;
    }
    if (length > static_cast<size_t>(end - p)) return false;
    p += length;
  }
  return true;
}

}  // namespace

uint32_t encode_set(Writer& out, const records::Batch& memory, otelue_ref ref) {
  SetHeader header{};
  out.bytes(&header, sizeof header);
  const uint32_t written = put_attributes(out, memory, ref, kNumberAttributes, kPointDepth);
  if (!out.ok()) return written;
  header.size = static_cast<uint32_t>(out.position());
  header.version = kVersion;
  header.strings_as_bytes = out.changes.strings_as_bytes;
  header.values_emptied = out.changes.values_emptied;
  uint8_t* key_values = out.data() + sizeof header;
  header.checksum = copy_set(key_values, header, key_values, header.size - sizeof header);
  std::memcpy(out.data(), &header, sizeof header);
  return written;
}

void put_set(Writer& out, std::string_view set, uint32_t field) {
  SetHeader header;
  if (set.size() < sizeof header) return out.fail(OTELUE_REASON_ENCODED);
  std::memcpy(&header, set.data(), sizeof header);
  if (header.size != set.size()) return out.fail(OTELUE_REASON_ENCODED);
  const size_t size = set.size() - sizeof header;
  uint8_t* p = out.take(size);
  if (p == nullptr) return;
  const auto* key_values = reinterpret_cast<const uint8_t*>(set.data()) + sizeof header;
  if (copy_set(p, header, key_values, size) != header.checksum) return out.fail(OTELUE_REASON_ENCODED);
  if (header.version != kVersion) return out.fail(OTELUE_REASON_ENCODED_VERSION);
  if (field != kNumberAttributes && !retag(p, p + size, field)) return out.fail(OTELUE_REASON_ENCODED);
  out.changes.strings_as_bytes += header.strings_as_bytes;
  out.changes.values_emptied += header.values_emptied;
}

}  // namespace otelue_core::otlp
