#include "proto/architecture.h"

#include "fmt/format.h"

namespace penstock {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields FieldsOfConfig(const Gpt2Config& config) {
  return {{"layers", fmt::to_string(config.layers)},
          {"hidden", fmt::to_string(config.hidden)},
          {"heads", fmt::to_string(config.heads)},
          {"sequence_length", fmt::to_string(config.sequence_length)},
          {"vocabulary", fmt::to_string(config.vocabulary)},
          {"tied_embeddings", fmt::to_string(config.tied_embeddings)}};
}

Fields FieldsOfConfig(const LlamaConfig& config) {
  Fields fields{{"layers", fmt::to_string(config.layers)},
                {"hidden", fmt::to_string(config.hidden)},
                {"heads", fmt::to_string(config.heads)},
                {"kv_heads", fmt::to_string(config.kv_heads)},
                {"head_dim", fmt::to_string(config.head_dim)},
                {"intermediate", fmt::to_string(config.intermediate)},
                {"sequence_length", fmt::to_string(config.sequence_length)},
                {"vocabulary", fmt::to_string(config.vocabulary)},
                {"rope_theta", fmt::to_string(config.rope_theta)},
                {"rms_norm_epsilon", fmt::to_string(config.rms_norm_epsilon)},
                {"tied_embeddings", fmt::to_string(config.tied_embeddings)}};
  const std::optional<RopeScaling>& scaling = config.rope_scaling;
  fields.emplace_back("rope_scaling",
                      scaling ? fmt::format("{}/{}/{}/{}", scaling->factor,
                                            scaling->low_frequency_factor,
                                            scaling->high_frequency_factor,
                                            scaling->original_sequence_length)
                              : "none");
  return fields;
}

}  // namespace

std::string NameOf(const Architecture& model) {
  return std::holds_alternative<Gpt2Config>(model) ? "gpt2" : "llama";
}

int64_t LayersOf(const Architecture& model) {
  return std::visit([](const auto& config) { return config.layers; }, model);
}

int64_t HiddenOf(const Architecture& model) {
  return std::visit([](const auto& config) { return config.hidden; }, model);
}

int64_t SequenceLengthOf(const Architecture& model) {
  return std::visit([](const auto& config) { return config.sequence_length; },
                    model);
}

void SetSequenceLength(Architecture& model, int64_t sequence_length) {
  std::visit([&](auto& config) { config.sequence_length = sequence_length; },
             model);
}

int64_t VocabularyOf(const Architecture& model) {
  return std::visit([](const auto& config) { return config.vocabulary; },
                    model);
}

bool HasTiedEmbeddings(const Architecture& model) {
  return std::visit([](const auto& config) { return config.tied_embeddings; },
                    model);
}

int64_t UnitCount(const Architecture& model) {
  return std::visit([](const auto& config) { return UnitCount(config); },
                    model);
}

std::vector<Parameter> UnitParameters(const Architecture& model, int64_t unit) {
  return std::visit(
      [unit](const auto& config) { return UnitParameters(config, unit); },
      model);
}

BlockShape ShapeOfBlock(const Architecture& model) {
  return std::visit([](const auto& config) { return ShapeOfBlock(config); },
                    model);
}

HeadShape ShapeOfHead(const Architecture& model) {
  return std::visit([](const auto& config) { return ShapeOfHead(config); },
                    model);
}

UnitCost CostOfUnit(const Architecture& model, int64_t unit,
                    const PassShape& pass) {
  return std::visit(
      [&](const auto& config) { return CostOfUnit(config, unit, pass); },
      model);
}

std::vector<Parameter> AllParameters(const Architecture& model) {
  std::vector<Parameter> all;
  for (int64_t unit = 0; unit < UnitCount(model); ++unit) {
    for (Parameter& parameter : UnitParameters(model, unit)) {
      // The only tensor that two units have is the tied one, which comes first.
      if (unit > 0 && parameter.name == all.front().name) continue;
      all.push_back(std::move(parameter));
    }
  }
  return all;
}

Fields FieldsOf(const Architecture& model) {
  Fields fields{{"model", NameOf(model)}};
  const Fields others = std::visit(
      [](const auto& config) { return FieldsOfConfig(config); }, model);
  fields.insert(fields.end(), others.begin(), others.end());
  return fields;
}

}  // namespace penstock
