#ifndef KERNELS_CPU_WIDENING_H_
#define KERNELS_CPU_WIDENING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "kernels/cpu/bfloat16.h"
#include "kernels/tensor.h"

namespace penstock::cpu {

// Lets operations on float32 have bfloat16 tensors: they compute on float32
// stand-ins and every value is rounded once, where it is stored. What is
// float32 already, an operation gets as it is.
//
// Keeps its memory from call to call. Thread-compatible.
class Widening {
 public:
  using Inputs = std::span<const ConstTensor>;
  using Outputs = std::span<const Tensor>;

  // Calls operation(begin, inputs, outputs) for blocks of rows [begin, ...) of
  // all tensors, which have equally many, in ascending order; so few that they
  // stay in the first-level cache, or all if none is bfloat16. Inputs may have
  // null data. Outputs may be inputs, and must be written whole.
  template <typename Operation>
  void ByRows(std::initializer_list<ConstTensor> inputs,
              std::initializer_list<Tensor> outputs,
              const Operation& operation) {
    const int64_t rows =
        outputs.size() > 0 ? outputs.begin()->rows : inputs.begin()->rows;
    const int64_t block = AnyNarrow(inputs, outputs) ? kRows : rows;
    std::vector<ConstTensor> input_rows(inputs.size());
    std::vector<Tensor> output_rows(outputs.size());
    for (int64_t begin = 0; begin < rows; begin += block) {
      const int64_t count = std::min(block, rows - begin);
      std::ranges::transform(inputs, input_rows.begin(), [&](ConstTensor x) {
        return x.data == nullptr ? x : Rows(x, begin, count);
      });
      std::ranges::transform(outputs, output_rows.begin(),
                             [&](Tensor x) { return Rows(x, begin, count); });
      Whole(input_rows, output_rows,
            [&](Inputs from, Outputs to) { operation(begin, from, to); });
    }
  }

  // Calls operation(begin, rows) likewise for blocks of a tensor that it
  // changes in place, none of which crosses a multiple of `period`.
  template <typename Operation>
  void InPlace(Tensor tensor, int64_t period, const Operation& operation) {
    if (tensor.type == DataType::kFloat32) {
      operation(0, tensor);
      return;
    }
    for (int64_t begin = 0, count = 0; begin < tensor.rows; begin += count) {
      count = std::min({kRows, tensor.rows - begin, period - begin % period});
      const Tensor rows = Rows(tensor, begin, count);
      const Tensor wide = StandIn(rows, 0);
      Convert(rows, wide);
      operation(begin, wide);
      Convert(wide, rows);
    }
  }

  // Calls operation(inputs, outputs) once, with tensors of any sizes.
  template <typename Operation>
  void Whole(Inputs inputs, Outputs outputs, const Operation& operation) {
    Widen(inputs, outputs);
    operation(Inputs(wide_inputs_), Outputs(wide_outputs_));
    Round(outputs);
  }

 private:
  static constexpr int64_t kRows = 16;

  static bool AnyNarrow(Inputs inputs, Outputs outputs);

  // Sets wide_inputs_ and wide_outputs_ to the tensors or their stand-ins.
  void Widen(Inputs inputs, Outputs outputs);
  // Stores the stand-ins of outputs.
  void Round(Outputs outputs);
  // Of `tensor`, in chunk `index`.
  Tensor StandIn(ConstTensor tensor, size_t index);

  std::vector<std::vector<float>> chunks_;
  std::vector<ConstTensor> wide_inputs_;
  std::vector<Tensor> wide_outputs_;
};

}  // namespace penstock::cpu

#endif  // KERNELS_CPU_WIDENING_H_
