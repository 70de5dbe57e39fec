#ifndef TESTS_GPU_NORM_ORACLE_H_
#define TESTS_GPU_NORM_ORACLE_H_

#include <vector>

namespace penstock::gpu {

// LayerNorm of one matrix in float64, with its gradients; RMSNorm, which has
// mean 0, without `bias`. Rows have as many columns as `gain` elements.
struct NormOracle {
  NormOracle(const std::vector<double>& x, const std::vector<double>& dout,
             const std::vector<double>& gain, const std::vector<double>* bias,
             double epsilon);

  std::vector<double> out, dx, dgain, dbias;

 private:
  void AddRow(const double* x, const double* dout,
              const std::vector<double>& gain, const std::vector<double>* bias,
              double epsilon);
};

}  // namespace penstock::gpu

#endif  // TESTS_GPU_NORM_ORACLE_H_
