#ifndef TESTS_GPU_ATTENTION_ORACLE_H_
#define TESTS_GPU_ATTENTION_ORACLE_H_

#include <vector>

#include "kernels/attention_shape.h"

namespace penstock::gpu {

// Attention and its gradients in float64, one score at a time. Tensors are
// dense, of the shapes in AttentionShape.
class AttentionOracle {
 public:
  AttentionOracle(const AttentionShape& shape, const std::vector<double>& q,
                  const std::vector<double>& k, const std::vector<double>& v,
                  const std::vector<double>& dout);

  const std::vector<double>& out() const { return out_; }
  const std::vector<double>& lse() const { return lse_; }
  const std::vector<double>& dq() const { return dq_; }
  const std::vector<double>& dk() const { return dk_; }
  const std::vector<double>& dv() const { return dv_; }

 private:
  std::vector<double> out_, lse_, dq_, dk_, dv_;
};

}  // namespace penstock::gpu

#endif  // TESTS_GPU_ATTENTION_ORACLE_H_
