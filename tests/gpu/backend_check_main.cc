// Holds what libraries compute for the CUDA backend to float64 on the device
// that is here, and times it: cuDNN's attention in both forms, cuBLASLt's
// products. Prints one table; fails if a line is beyond its limit.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "kernels/backend.h"
#include "tests/gpu/attention_oracle.h"
#include "tests/gpu/check.h"

namespace penstock::gpu {
namespace {

constexpr DataType kNarrow = DataType::kBFloat16;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

// Times calls of the backend, whose queue is its own.
double SecondsOf(Backend& backend, const std::function<absl::Status()>& call) {
  constexpr int kCalls = 10;
  Check(call());
  Check(backend.Synchronize());
  std::vector<double> seconds;
  for (int run = 0; run < 5; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) Check(call());
    Check(backend.Synchronize());
    const std::chrono::duration<double> passed =
        std::chrono::steady_clock::now() - begin;
    seconds.push_back(passed.count() / kCalls);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[2];
}

// The tensors of one attention in bfloat16.
struct Pass {
  explicit Pass(const AttentionShape& shape)
      : queries(shape.batch * shape.sequence),
        keys(shape.batch * shape.keys()),
        width(shape.heads * shape.head_dim),
        group_width(shape.groups() * shape.head_dim),
        q(Array::Random(kNarrow, queries, width)),
        k(Array::Random(kNarrow, keys, group_width)),
        v(Array::Random(kNarrow, keys, group_width)),
        dout(Array::Random(kNarrow, queries, width)),
        out(Array::Poison(kNarrow, queries, width)),
        dq(Array::Poison(kNarrow, queries, width)),
        dk(Array::Poison(kNarrow, keys, group_width)),
        dv(Array::Poison(kNarrow, keys, group_width)),
        lse(Array::Poison(DataType::kFloat32, 1, queries * shape.heads)) {}

  int64_t queries, keys, width, group_width;
  Array q, k, v, dout, out, dq, dk, dv, lse;
};

absl::Status Forward(Backend& backend, const AttentionShape& shape,
                     const Pass& pass) {
  return backend.Attention(shape, pass.q.tensor(), pass.k.tensor(),
                           pass.v.tensor(), pass.out.tensor(),
                           pass.lse.floats(), nullptr);
}

absl::Status Backward(Backend& backend, const AttentionShape& shape,
                      const Pass& pass) {
  return backend.AttentionBackward(
      shape, pass.q.tensor(), pass.k.tensor(), pass.v.tensor(),
      pass.out.tensor(), pass.dout.tensor(), pass.lse.floats(),
      pass.dq.tensor(), pass.dk.tensor(), pass.dv.tensor(), nullptr);
}

std::string NameOf(const AttentionShape& shape, const std::string& form) {
  return form + " " + std::to_string(shape.sequence) + " x " +
         std::to_string(shape.heads) + "/" + std::to_string(shape.groups()) +
         " x " + std::to_string(shape.head_dim) + " after " +
         std::to_string(shape.before);
}

void CheckAttention(Backend& backend, const std::string& form,
                    const AttentionShape& shape, Table& table) {
  const Pass pass(shape);
  Check(Forward(backend, shape, pass));
  Check(Backward(backend, shape, pass));
  Check(backend.Synchronize());
  const AttentionOracle oracle(shape, pass.q.values(), pass.k.values(),
                               pass.v.values(), pass.dout.values());
  const std::string name = NameOf(shape, form);
  table.Compare(name + " lse", DataType::kFloat32, pass.lse.Read(),
                oracle.lse());
  // The weights are rounded, too, before they meet v or dout.
  constexpr double kSlack = 2;
  table.Compare(name + " out", kNarrow, pass.out.Read(), oracle.out(), kSlack);
  const std::vector<double> dq = pass.dq.Read();
  table.Compare(name + " dq", kNarrow, dq, oracle.dq(), kSlack);
  table.Compare(name + " dk", kNarrow, pass.dk.Read(), oracle.dk(), kSlack);
  table.Compare(name + " dv", kNarrow, pass.dv.Read(), oracle.dv(), kSlack);
  if (form != "deterministic") return;
  Check(Backward(backend, shape, pass));
  Check(backend.Synchronize());
  table.Compare(name + " dq again", kNarrow, pass.dq.Read(), dq, 0);
}

// In TFLOP/s; the backward pass counts as 2.5 forward ones.
void TimeAttention(Backend& backend, const std::string& form,
                   const AttentionShape& shape, Table& table) {
  const Pass pass(shape);
  const double flops = 2.0 * static_cast<double>(shape.batch * shape.heads) *
                       static_cast<double>(shape.sequence * shape.sequence) *
                       static_cast<double>(shape.head_dim);
  const double forward =
      SecondsOf(backend, [&] { return Forward(backend, shape, pass); });
  table.Note(NameOf(shape, form) + " forward, TFLOP/s", forward * 1e6,
             flops / forward / 1e12);
  const double backward =
      SecondsOf(backend, [&] { return Backward(backend, shape, pass); });
  table.Note(NameOf(shape, form) + " backward, TFLOP/s", backward * 1e6,
             2.5 * flops / backward / 1e12);
}

void TimeProduct(Backend& backend, int64_t m, int64_t n, int64_t k,
                 Table& table) {
  const Array a = Array::Random(kNarrow, m, k);
  const Array b = Array::Random(kNarrow, n, k);
  const Array c = Array::Poison(kNarrow, m, n);
  const double seconds = SecondsOf(backend, [&] {
    return backend.Matmul({.a = a.tensor(),
                           .b = b.tensor(),
                           .c = c.tensor(),
                           .transpose_b = true});
  });
  table.Note("product " + std::to_string(m) + " x " + std::to_string(n) +
                 " x " + std::to_string(k) + ", TFLOP/s",
             seconds * 1e6,
             2.0 * static_cast<double>(m) * static_cast<double>(n) *
                 static_cast<double>(k) / seconds / 1e12);
}

void CheckForm(AttentionForm form, const std::string& name, Table& table) {
  auto backend = MakeCudaBackend(0, {.attention = form});
  Check(backend.status());
  for (const AttentionShape& shape :
       {AttentionShape{2, 256, 4, 64}, AttentionShape{1, 333, 2, 128},
        AttentionShape{2, 200, 8, 64, 56, 2}, AttentionShape{2, 64, 2, 12}}) {
    CheckAttention(**backend, name, shape, table);
  }
  TimeAttention(**backend, name, {16, 1024, 12, 64}, table);
  TimeAttention(**backend, name, {2, 4096, 32, 128, 0, 8}, table);
}

void TimeProducts(Table& table) {
  auto backend = MakeCudaBackend(0);
  Check(backend.status());
  TimeProduct(**backend, 8192, 8192, 8192, table);
  TimeProduct(**backend, 32768, 3072, 768, table);
  TimeProduct(**backend, 16384, 6400, 1600, table);
}

}  // namespace
}  // namespace penstock::gpu

int main() {
  penstock::gpu::Table table(/*timed=*/true);
  penstock::gpu::TimeProducts(table);
  penstock::gpu::CheckForm(penstock::AttentionForm::kDeterministic,
                           "deterministic", table);
  penstock::gpu::CheckForm(penstock::AttentionForm::kFast, "fast", table);
  std::printf("PENSTOCK_SEED=%llu\n%s",
              static_cast<unsigned long long>(penstock::gpu::Seed()),
              table.Text().c_str());
  return table.Passed() ? 0 : 1;
}
