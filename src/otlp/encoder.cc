// SPDX-License-Identifier: Apache-2.0
#include "otlp/encoder.h"

#include "otlp/fields.h"
#include "otlp/points.h"
#include "records/utf8.h"

namespace otelue_core::otlp {
namespace {

constexpr uint32_t kNone = OTELUE_REASON_NONE;

constexpr auto kNothing = [](wire::Writer&) { return kNone; };

bool has_temporality(uint32_t kind) {
  return kind == OTELUE_SUM || kind == OTELUE_HISTOGRAM || kind == OTELUE_EXPONENTIAL_HISTOGRAM;
}

uint32_t check(const otelue_metric& metric) {
  switch (metric.kind) {
    case OTELUE_GAUGE:
    case OTELUE_SUM:
    case OTELUE_HISTOGRAM:
    case OTELUE_EXPONENTIAL_HISTOGRAM:
    case OTELUE_SUMMARY:
      break;
    default:
      return OTELUE_REASON_KIND;
  }
  if (metric.reserved != 0) return OTELUE_REASON_RESERVED;
  // The specification: UNSPECIFIED must not be used.
  const bool temporality_fits = has_temporality(metric.kind)
                                    ? metric.temporality == OTELUE_DELTA || metric.temporality == OTELUE_CUMULATIVE
                                    : metric.temporality == 0;
  const bool monotonic_fits = metric.is_monotonic <= (metric.kind == OTELUE_SUM ? 1u : 0u);
  return temporality_fits && monotonic_fits ? kNone : uint32_t{OTELUE_REASON_TEMPORALITY};
}

}  // namespace

uint32_t Encoder::put_text(wire::Writer& out, uint32_t field, otelue_ref ref) const {
  std::string_view text;
  if (!batch_.text(ref, &text)) return OTELUE_REASON_REFERENCE;
  if (!records::is_utf8(text)) return OTELUE_REASON_TEXT;
  out.bytes_unless_empty(field, text);
  return kNone;
}

Event::Fit Encoder::open_resource(uint32_t off, uint32_t* reason) {
  if (off == 0) return event_.open(off, kResourceMetrics, reason, kNothing, kNothing);
  otelue_resource resource{};
  if (!batch_.record(off, &resource)) {
    *reason = OTELUE_REASON_REFERENCE;
    return Fit::kInvalid;
  }
  if (resource.entity_refs.len != 0 || resource.reserved0 != 0 || resource.reserved1 != 0) {
    *reason = OTELUE_REASON_RESERVED;
    return Fit::kInvalid;
  }
  auto head = [&](wire::Writer& out) {
    const auto message = out.open(kResource);
    const uint32_t r = put_attributes(out, batch_, resource.attributes, kResourceAttributes, kResourceDepth,
                                      head_changes_[0]);
    out.varint_unless_zero(kResourceDroppedAttributesCount, resource.dropped_attributes_count);
    out.close(message);
    return r;
  };
  auto tail = [&](wire::Writer& out) { return put_text(out, kResourceSchemaUrl, resource.schema_url); };
  return event_.open(off, kResourceMetrics, reason, head, tail);
}

Event::Fit Encoder::open_scope(uint32_t off, const otelue_scope& scope, uint32_t* reason) {
  if (off == 0) return event_.open(off, kScopeMetrics, reason, kNothing, kNothing);
  auto head = [&](wire::Writer& out) {
    const auto message = out.open(kScope);
    uint32_t r = put_text(out, kScopeName, scope.name);
    if (r == kNone) r = put_text(out, kScopeVersion, scope.version);
    if (r == kNone) {
      r = put_attributes(out, batch_, scope.attributes, kScopeAttributes, kScopeDepth, head_changes_[1]);
    }
    out.varint_unless_zero(kScopeDroppedAttributesCount, scope.dropped_attributes_count);
    out.close(message);
    return r;
  };
  auto tail = [&](wire::Writer& out) { return put_text(out, kScopeSchemaUrl, scope.schema_url); };
  return event_.open(off, kScopeMetrics, reason, head, tail);
}

Event::Fit Encoder::open_metric(uint32_t off, const otelue_metric& metric, uint32_t* reason) {
  auto head = [&](wire::Writer& out) {
    uint32_t r = put_text(out, kMetricName, metric.name);
    if (r == kNone) r = put_text(out, kMetricDescription, metric.description);
    if (r == kNone) r = put_text(out, kMetricUnit, metric.unit);
    return r;
  };
  auto tail = [&](wire::Writer& out) {
    return put_attributes(out, batch_, metric.metadata, kMetricMetadata, kMetricDepth, head_changes_[2]);
  };
  return event_.open(off, kMetrics, reason, head, tail);
}

Event::Fit Encoder::open_data(uint32_t off, const otelue_metric& metric, uint32_t* reason) {
  auto tail = [&](wire::Writer& out) {
    out.varint_unless_zero(kTemporality, metric.temporality);
    out.varint_unless_zero(kIsMonotonic, metric.is_monotonic);
    return kNone;
  };
  return event_.open(off, metric.kind, reason, kNothing, tail);
}

// Opens what surrounds the points of a metric, closing what stands in the way.
Event::Fit Encoder::enter(uint32_t off, uint32_t* reason) {
  otelue_metric metric;
  otelue_scope scope{};
  *reason = OTELUE_REASON_REFERENCE;
  if (!batch_.record(off, &metric)) return Fit::kInvalid;
  *reason = check(metric);
  if (*reason != kNone) return Fit::kInvalid;
  *reason = OTELUE_REASON_REFERENCE;
  if (metric.scope != 0 && !batch_.record(metric.scope, &scope)) return Fit::kInvalid;
  *reason = OTELUE_REASON_RESERVED;
  if (scope.reserved != 0) return Fit::kInvalid;

  const uint64_t keys[kLevels] = {scope.resource != 0 ? scope.resource : batch_.default_resource(), metric.scope, off,
                                  off};
  size_t level = 0;
  while (level < kLevels && is_open(level, keys[level])) ++level;
  close_to(level);
  if (counted_levels_ > level) counted_levels_ = level;

  Fit fit = Fit::kAppended;
  for (; level < kLevels && fit == Fit::kAppended; ++level) {
    head_changes_[level] = {};
    switch (level) {
      case 0:
        fit = open_resource(static_cast<uint32_t>(keys[0]), reason);
        break;
      case 1:
        fit = open_scope(metric.scope, scope, reason);
        break;
      case 2:
        fit = open_metric(off, metric, reason);
        break;
      default:
        fit = open_data(off, metric, reason);
        break;
    }
  }
  kind_ = metric.kind;
  return fit;
}

// Makes a metric the one that points are appended to.
Event::Fit Encoder::change_metric(uint32_t off, uint32_t* reason) {
  *reason = off == refused_metric_ ? refused_reason_ : kNone;
  if (*reason != kNone) return Fit::kInvalid;
  Fit fit = enter(off, reason);
  if (fit == Fit::kFull && event_.empty()) {
    fit = Fit::kInvalid;
    *reason = OTELUE_REASON_TOO_LARGE;
  }
  if (fit == Fit::kInvalid) {
    refused_metric_ = off;
    refused_reason_ = *reason;
  }
  return fit;
}

[[gnu::always_inline]] inline Event::Fit Encoder::append(const otelue_point& point, bool with_exemplars,
                                                         uint32_t* reason, Changes& changes) {
  const Changes before = changes;
  const Fit fit = event_.append(kDataPoints, reason, [&](wire::Writer& out) {
    return put_point(out, batch_, kind_, point, with_exemplars, changes);
  });
  if (fit != Fit::kAppended) changes = before;
  return fit;
}

// What becomes of a point for which even an empty event has no room.
Event::Fit Encoder::shrink(const otelue_point& point, uint32_t* reason, Changes& changes) {
  if (point.exemplars.len != 0) {
    if (const Fit fit = append(point, false, reason, changes); fit != Fit::kFull) return fit;
  }
  *reason = OTELUE_REASON_TOO_LARGE;
  return Fit::kInvalid;
}

bool Encoder::next(Account& account, Message* out) {
  event_.restart();
  counted_levels_ = 0;
  out->first = next_;
  const auto& points = batch_.points();
  for (; next_ < points.size(); ++next_) {
    const otelue_point point = points[next_];
    const bool is_inside = is_open(kLevels - 1, point.metric);
    if (!event_.empty() && packing_ != OTELUE_PACK_REQUEST && (packing_ == OTELUE_PACK_POINT || !is_inside)) break;

    uint32_t reason = kNone;
    Fit fit = is_inside ? Fit::kAppended : change_metric(point.metric, &reason);
    if (fit == Fit::kAppended) {
      fit = append(point, true, &reason, account.changes);
      if (fit == Fit::kFull && event_.empty()) fit = shrink(point, &reason, account.changes);
    }
    if (fit == Fit::kFull) break;
    if (fit == Fit::kInvalid) {
      account.refuse(next_, reason);
      continue;
    }
    if (event_.points() == 1) out->first = next_;
    for (; counted_levels_ < kLevels; ++counted_levels_) account.changes += head_changes_[counted_levels_];
  }
  out->bytes = event_.finish();
  out->points = event_.points();
  return out->points > 0;
}

}  // namespace otelue_core::otlp
