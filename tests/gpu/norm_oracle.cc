#include "tests/gpu/norm_oracle.h"

#include <cmath>

namespace penstock::gpu {

NormOracle::NormOracle(const std::vector<double>& x,
                       const std::vector<double>& dout,
                       const std::vector<double>& gain,
                       const std::vector<double>* bias, double epsilon)
    : dgain(gain.size()), dbias(gain.size()) {
  for (size_t begin = 0; begin < x.size(); begin += gain.size()) {
    AddRow(&x[begin], &dout[begin], gain, bias, epsilon);
  }
}

void NormOracle::AddRow(const double* x, const double* dout,
                        const std::vector<double>& gain,
                        const std::vector<double>* bias, double epsilon) {
  const size_t cols = gain.size();
  const double n = static_cast<double>(cols);
  double mean = 0;
  for (size_t c = 0; bias != nullptr && c < cols; ++c) mean += x[c] / n;
  double variance = 0;
  for (size_t c = 0; c < cols; ++c) {
    variance += (x[c] - mean) * (x[c] - mean) / n;
  }
  const double rstd = 1 / std::sqrt(variance + epsilon);
  double g_mean = 0;
  double g_xhat_mean = 0;
  for (size_t c = 0; c < cols; ++c) {
    const double xhat = (x[c] - mean) * rstd;
    if (bias != nullptr) g_mean += dout[c] * gain[c] / n;
    g_xhat_mean += dout[c] * gain[c] * xhat / n;
    out.push_back(xhat * gain[c] + (bias == nullptr ? 0 : (*bias)[c]));
    dgain[c] += dout[c] * xhat;
    dbias[c] += dout[c];
  }
  for (size_t c = 0; c < cols; ++c) {
    const double xhat = (x[c] - mean) * rstd;
    dx.push_back(rstd * (dout[c] * gain[c] - g_mean - xhat * g_xhat_mean));
  }
}

}  // namespace penstock::gpu
