#ifndef KERNELS_ARGUMENTS_H_
#define KERNELS_ARGUMENTS_H_

#include <initializer_list>
#include <string_view>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "kernels/tensor.h"

namespace penstock {

// Checks of arguments that every backend makes before it queues anything, so
// that all of them refuse the same calls with the same words. Messages begin
// with the operation, as in "layer_norm: out is [2, 1], must be [1, 2]".
//
// Errors of every function:
//   InvalidArgument: as its comment says.

// A tensor under the name by which a message calls it.
struct TensorArgument {
  std::string_view name;
  ConstTensor tensor;
};

// All have the first one's rows and columns. Refuses negative sizes, a stride
// below cols, and null data in a tensor that is not empty.
absl::Status CheckSameShape(std::string_view operation,
                            std::initializer_list<TensorArgument> tensors);

// `tensor` is [rows, cols] and valid as above.
absl::Status CheckShape(std::string_view operation,
                        const TensorArgument& tensor, int64_t rows,
                        int64_t cols);

absl::Status CheckCount(std::string_view operation, int64_t count);

// op(a), op(b), c, bias and addend agree.
absl::Status CheckMatmul(const MatmulArgs& args);

// out, bfloat16, has the shape of x, float32.
absl::Status CheckRound(ConstTensor x, ConstTensor out);

// `shape` has no negative size, heads of at least one column and in equal
// groups, each of `queries` is [batch * sequence, heads * head_dim] and each of
// `keys`, which are values, too, [batch * keys(), groups() * head_dim].
absl::Status CheckAttention(std::string_view operation,
                            const AttentionShape& shape,
                            std::initializer_list<TensorArgument> queries,
                            std::initializer_list<TensorArgument> keys);

// `shape` has positions and pairs, and x whole heads.
absl::Status CheckRope(std::string_view operation, const RopeShape& shape,
                       const TensorArgument& x);

// `rows` is [n, cols] with tables of cols columns; a sequence of at least one
// position fits into `position_table` where there is one.
absl::Status CheckEmbedding(std::string_view operation, int64_t sequence,
                            ConstTensor token_table, ConstTensor position_table,
                            const TensorArgument& rows);

// As many sums as arrays.
absl::Status CheckSums(int64_t arrays, int64_t sums);

// Sizes and hyperparameters for which the formula has a value.
absl::Status CheckAdamW(const AdamWArgs& args);

}  // namespace penstock

#endif  // KERNELS_ARGUMENTS_H_
