#include "kernels/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "proto/base/status_macros.h"

namespace penstock {
namespace {

absl::Status CheckTensor(std::string_view operation,
                         const TensorArgument& named) {
  const ConstTensor& tensor = named.tensor;
  if (tensor.rows < 0 || tensor.cols < 0 || tensor.stride < tensor.cols) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} is [{}, {}] with stride {}; sizes must not be "
        "negative nor the stride below the columns",
        operation, named.name, tensor.rows, tensor.cols, tensor.stride));
  }
  if (tensor.data == nullptr && tensor.rows > 0 && tensor.cols > 0) {
    return absl::InvalidArgumentError(fmt::format("{}: {} [{}, {}] has no data",
                                                  operation, named.name,
                                                  tensor.rows, tensor.cols));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckShape(std::string_view operation, const TensorArgument& named,
                        int64_t rows, int64_t cols) {
  RETURN_IF_ERROR(CheckTensor(operation, named));
  if (named.tensor.rows != rows || named.tensor.cols != cols) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} is [{}, {}], must be [{}, {}]", operation, named.name,
        named.tensor.rows, named.tensor.cols, rows, cols));
  }
  return absl::OkStatus();
}

absl::Status CheckSameShape(std::string_view operation,
                            std::initializer_list<TensorArgument> tensors) {
  const ConstTensor& first = tensors.begin()->tensor;
  for (const TensorArgument& named : tensors) {
    RETURN_IF_ERROR(CheckShape(operation, named, first.rows, first.cols));
  }
  return absl::OkStatus();
}

absl::Status CheckCount(std::string_view operation, int64_t count) {
  if (count >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: count {} is negative", operation, count));
}

absl::Status CheckMatmul(const MatmulArgs& args) {
  const int64_t m = args.transpose_a ? args.a.cols : args.a.rows;
  const int64_t k = args.transpose_a ? args.a.rows : args.a.cols;
  const int64_t n = args.transpose_b ? args.b.rows : args.b.cols;
  const int64_t k_of_b = args.transpose_b ? args.b.cols : args.b.rows;
  RETURN_IF_ERROR(CheckTensor("matmul", {"a", args.a}));
  RETURN_IF_ERROR(CheckTensor("matmul", {"b", args.b}));
  if (k != k_of_b) {
    return absl::InvalidArgumentError(
        fmt::format("matmul: op(a) is [{}, {}] and op(b) [{}, {}]; the inner "
                    "sizes must be equal",
                    m, k, k_of_b, n));
  }
  RETURN_IF_ERROR(CheckShape("matmul", {"c", args.c}, m, n));
  if (args.addend.data != nullptr) {
    RETURN_IF_ERROR(CheckShape("matmul", {"addend", args.addend}, m, n));
  }
  const bool narrow_factors = args.a.type == DataType::kBFloat16;
  const bool narrow_result = args.c.type == DataType::kBFloat16;
  if (args.a.type != args.b.type || (narrow_result && !narrow_factors) ||
      (args.addend.data != nullptr && args.addend.type != args.c.type)) {
    return absl::InvalidArgumentError(
        "matmul: a and b must be of one type, addend of c's, and c float32 "
        "unless a and b are bfloat16");
  }
  if (args.accumulate &&
      (args.bias != nullptr || args.addend.data != nullptr)) {
    return absl::InvalidArgumentError(
        "matmul: accumulate excludes bias and addend");
  }
  return absl::OkStatus();
}

absl::Status CheckRound(ConstTensor x, ConstTensor out) {
  RETURN_IF_ERROR(CheckSameShape("round", {{"x", x}, {"out", out}}));
  if (x.type == DataType::kFloat32 && out.type == DataType::kBFloat16) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "round: x must be float32 and out bfloat16");
}

absl::Status CheckAttention(std::string_view operation,
                            const AttentionShape& shape,
                            std::initializer_list<TensorArgument> queries,
                            std::initializer_list<TensorArgument> keys) {
  if (shape.batch < 0 || shape.sequence < 0 || shape.heads < 0 ||
      shape.head_dim < 1 || shape.before < 0) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: batch {}, sequence {}, heads {}, head_dim {} and before {} must "
        "not be negative, head_dim at least 1",
        operation, shape.batch, shape.sequence, shape.heads, shape.head_dim,
        shape.before));
  }
  const int64_t groups = shape.groups();
  if (groups < 0 || (groups > 0 && shape.heads % groups != 0)) {
    return absl::InvalidArgumentError(
        fmt::format("{}: kv_heads {} must divide the {} heads", operation,
                    shape.kv_heads, shape.heads));
  }
  const int64_t width = shape.heads * shape.head_dim;
  for (const TensorArgument& named : queries) {
    RETURN_IF_ERROR(
        CheckShape(operation, named, shape.batch * shape.sequence, width));
  }
  for (const TensorArgument& named : keys) {
    RETURN_IF_ERROR(CheckShape(operation, named, shape.batch * shape.keys(),
                               groups * shape.head_dim));
  }
  return absl::OkStatus();
}

absl::Status CheckRope(std::string_view operation, const RopeShape& shape,
                       const TensorArgument& x) {
  if (shape.sequence < 1 || shape.before < 0 || shape.head_dim < 2 ||
      shape.head_dim % 2 != 0 || shape.frequencies == nullptr) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: sequence {} must be at least 1, before {} not negative, head_dim "
        "{} even and at least 2, and frequencies be there",
        operation, shape.sequence, shape.before, shape.head_dim));
  }
  RETURN_IF_ERROR(CheckTensor(operation, x));
  if (x.tensor.cols % shape.head_dim == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("{}: {} has {} columns, must be a multiple of head_dim {}",
                  operation, x.name, x.tensor.cols, shape.head_dim));
}

absl::Status CheckEmbedding(std::string_view operation, int64_t sequence,
                            ConstTensor token_table, ConstTensor position_table,
                            const TensorArgument& rows) {
  RETURN_IF_ERROR(CheckTensor(operation, rows));
  RETURN_IF_ERROR(CheckShape(operation, {"token_table", token_table},
                             token_table.rows, rows.tensor.cols));
  if (position_table.data == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(CheckShape(operation, {"position_table", position_table},
                             position_table.rows, rows.tensor.cols));
  const int64_t positions = std::min(sequence, rows.tensor.rows);
  if (sequence < 1 || positions > position_table.rows) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: sequence {} must be at least 1 and at most the {} rows of "
        "position_table",
        operation, sequence, position_table.rows));
  }
  return absl::OkStatus();
}

absl::Status CheckSums(int64_t arrays, int64_t sums) {
  if (arrays == sums) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "sums_of_squares: {} arrays need as many sums, not {}", arrays, sums));
}

absl::Status CheckAdamW(const AdamWArgs& args) {
  RETURN_IF_ERROR(CheckCount("adamw", args.count));
  const auto is_decay_rate = [](float beta) { return beta >= 0 && beta < 1; };
  if (args.step < 1 || !is_decay_rate(args.beta1) ||
      !is_decay_rate(args.beta2) || !(args.epsilon >= 0)) {
    return absl::InvalidArgumentError(fmt::format(
        "adamw: step {} must be at least 1, beta1 {} and beta2 {} in [0, 1), "
        "epsilon {} not negative",
        args.step, args.beta1, args.beta2, args.epsilon));
  }
  return absl::OkStatus();
}

}  // namespace penstock
