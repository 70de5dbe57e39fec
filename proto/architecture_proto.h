#ifndef PROTO_ARCHITECTURE_PROTO_H_
#define PROTO_ARCHITECTURE_PROTO_H_

#include <optional>
#include <variant>

#include "proto/architecture.h"
#include "proto/v1/job.pb.h"

namespace penstock {

// The documented defaults are filled in; nothing is checked.
Gpt2Config Gpt2ConfigFromProto(const v1::Gpt2Spec& message);
LlamaConfig LlamaConfigFromProto(const v1::LlamaSpec& message);

// Every field set.
v1::Gpt2Spec Gpt2ConfigToProto(const Gpt2Config& config);
v1::LlamaSpec LlamaConfigToProto(const LlamaConfig& config);

// Of a message with the fields `architecture`, of a GPT-2, and
// `llama_architecture`, one of which holds what the files of a job say that
// starts from files: `init_from` takes its place in a ModelSpec.
template <typename Message>
std::optional<Architecture> ArchitectureIn(const Message& message) {
  if (message.has_llama_architecture()) {
    return LlamaConfigFromProto(message.llama_architecture());
  }
  if (!message.has_architecture()) return std::nullopt;
  return Gpt2ConfigFromProto(message.architecture());
}

template <typename Message>
void SetArchitecture(const Architecture& model, Message& message) {
  if (const auto* llama = std::get_if<LlamaConfig>(&model)) {
    *message.mutable_llama_architecture() = LlamaConfigToProto(*llama);
  } else {
    *message.mutable_architecture() =
        Gpt2ConfigToProto(std::get<Gpt2Config>(model));
  }
}

}  // namespace penstock

#endif  // PROTO_ARCHITECTURE_PROTO_H_
