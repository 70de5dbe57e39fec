#include "kernels/cpu/widening.h"

namespace penstock::cpu {
namespace {

bool IsNarrow(const ConstTensor& tensor) {
  return tensor.data != nullptr && tensor.type == DataType::kBFloat16;
}

}  // namespace

bool Widening::AnyNarrow(Inputs inputs, Outputs outputs) {
  return std::ranges::any_of(inputs, IsNarrow) ||
         std::ranges::any_of(outputs, IsNarrow);
}

void Widening::Widen(Inputs inputs, Outputs outputs) {
  wide_inputs_.assign(inputs.begin(), inputs.end());
  wide_outputs_.assign(outputs.begin(), outputs.end());
  size_t chunk = 0;
  for (ConstTensor& input : wide_inputs_) {
    if (!IsNarrow(input)) continue;
    const Tensor wide = StandIn(input, chunk++);
    Convert(input, wide);
    input = wide;
  }
  for (Tensor& output : wide_outputs_) {
    if (IsNarrow(output)) output = StandIn(output, chunk++);
  }
}

void Widening::Round(Outputs outputs) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (IsNarrow(outputs[i])) Convert(wide_outputs_[i], outputs[i]);
  }
}

Tensor Widening::StandIn(ConstTensor tensor, size_t index) {
  if (index >= chunks_.size()) chunks_.resize(index + 1);
  std::vector<float>& chunk = chunks_[index];
  const size_t count = static_cast<size_t>(tensor.rows * tensor.cols);
  if (chunk.size() < count) chunk.resize(count);
  return Float32(chunk.data(), tensor.rows, tensor.cols);
}

}  // namespace penstock::cpu
