// SPDX-License-Identifier: Apache-2.0
#include "otlp/batch_source.h"

#include "otlp/fields.h"

namespace otelue_core::otlp {
namespace {

constexpr auto kNothing = [](Writer&) {};

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
  return temporality_fits && monotonic_fits ? OTELUE_REASON_NONE : OTELUE_REASON_TEMPORALITY;
}

}  // namespace

// A text field, unless it is empty.
void BatchSource::put_text(Writer& out, uint32_t field, otelue_ref ref) const {
  std::string_view text;
  if (!batch_.text(ref, &text)) return out.fail(OTELUE_REASON_REFERENCE);
  if (!text.empty()) otlp::put_text(out, field, text);
}

// A repeated text field.
void BatchSource::put_texts(Writer& out, uint32_t field, otelue_ref ref) const {
  records::Run<otelue_ref> run;
  if (!batch_.run(ref, &run)) return out.fail(OTELUE_REASON_REFERENCE);
  for (uint32_t i = 0; i < run.size() && out.ok(); ++i) {
    std::string_view text;
    if (!batch_.text(run[i], &text)) return out.fail(OTELUE_REASON_REFERENCE);
    otlp::put_text(out, field, text);
  }
}

void BatchSource::put_entity_ref(Writer& out, const otelue_entity_ref& entity) const {
  const auto message = out.open(kResourceEntityRefs);
  put_text(out, kEntitySchemaUrl, entity.schema_url);
  put_text(out, kEntityType, entity.type);
  put_texts(out, kEntityIdKeys, entity.id_keys);
  put_texts(out, kEntityDescriptionKeys, entity.description_keys);
  out.close(message);
}

void BatchSource::put_resource(Writer& out, const otelue_resource& resource) const {
  records::Run<otelue_entity_ref> entities;
  if (!batch_.run(resource.entity_refs, &entities)) return out.fail(OTELUE_REASON_REFERENCE);
  const auto message = out.open(kResource);
  put_attributes(out, batch_, resource.attributes, kResourceAttributes, kResourceDepth);
  out.varint_unless_zero(kResourceDroppedAttributesCount, resource.dropped_attributes_count);
  for (uint32_t i = 0; i < entities.size() && out.ok(); ++i) put_entity_ref(out, entities[i]);
  out.close(message);
}

void BatchSource::put_scope(Writer& out) const {
  const auto message = out.open(kScope);
  put_text(out, kScopeName, scope_.name);
  put_text(out, kScopeVersion, scope_.version);
  put_attributes(out, batch_, scope_.attributes, kScopeAttributes, kScopeDepth);
  out.varint_unless_zero(kScopeDroppedAttributesCount, scope_.dropped_attributes_count);
  out.close(message);
}

uint32_t BatchSource::locate(uint64_t (&keys)[kLevels]) {
  if (!batch_.record(point_.metric, &metric_)) return OTELUE_REASON_REFERENCE;
  if (const uint32_t reason = check(metric_); reason != OTELUE_REASON_NONE) return reason;
  scope_ = {};
  if (metric_.scope != 0 && !batch_.record(metric_.scope, &scope_)) return OTELUE_REASON_REFERENCE;
  if (scope_.reserved != 0) return OTELUE_REASON_RESERVED;
  keys[0] = scope_.resource != 0 ? scope_.resource : batch_.default_resource();
  keys[1] = metric_.scope;
  keys[2] = keys[3] = point_.metric;
  return OTELUE_REASON_NONE;
}

uint32_t BatchSource::open(Event& event, size_t level) {
  switch (level) {
    case 0: {
      const uint32_t off = scope_.resource != 0 ? scope_.resource : batch_.default_resource();
      otelue_resource resource{};
      if (off == 0) return event.open(off, kResourceMetrics, kNothing, kNothing);
      if (!batch_.record(off, &resource)) return OTELUE_REASON_REFERENCE;
      if (resource.reserved0 != 0 || resource.reserved1 != 0) return OTELUE_REASON_RESERVED;
      return event.open(
          off, kResourceMetrics, [&](Writer& out) { put_resource(out, resource); },
          [&](Writer& out) { put_text(out, kResourceSchemaUrl, resource.schema_url); });
    }
    case 1:
      if (metric_.scope == 0) return event.open(0, kScopeMetrics, kNothing, kNothing);
      return event.open(
          metric_.scope, kScopeMetrics, [&](Writer& out) { put_scope(out); },
          [&](Writer& out) { put_text(out, kScopeSchemaUrl, scope_.schema_url); });
    case 2:
      return event.open(
          point_.metric, kMetrics,
          [&](Writer& out) {
            put_text(out, kMetricName, metric_.name);
            put_text(out, kMetricDescription, metric_.description);
            put_text(out, kMetricUnit, metric_.unit);
          },
          [&](Writer& out) { put_attributes(out, batch_, metric_.metadata, kMetricMetadata, kMetricDepth); });
    default:
      kind_ = metric_.kind;
      return event.open(point_.metric, metric_.kind, kNothing, [&](Writer& out) {
        out.varint_unless_zero(kTemporality, metric_.temporality);
        out.varint_unless_zero(kIsMonotonic, metric_.is_monotonic);
      });
  }
}

}  // namespace otelue_core::otlp
