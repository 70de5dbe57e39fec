#ifndef TESTS_GPU_FINDINGS_H_
#define TESTS_GPU_FINDINGS_H_

#include <string>
#include <vector>

namespace penstock::gpu {

// What a check has found, line by line, for people and for run.sh's table.
class Findings {
 public:
  // Passes if `value` is at most `limit`; NaN never does.
  void AtMost(const std::string& name, double value, double limit);

  // `detail` says what was found instead, or is empty.
  void Claim(const std::string& name, bool holds,
             const std::string& detail = "");

  // A line to read, which passes.
  void Note(const std::string& name, const std::string& value);

  bool passed() const { return failed_ == 0; }

  // A line each, and as the last one how many passed, after `summary`.
  std::string Text(const std::string& summary = "") const;

 private:
  void Add(const std::string& name, bool passed, const std::string& what);

  int failed_ = 0;
  int checked_ = 0;
  std::vector<std::string> lines_;
};

}  // namespace penstock::gpu

#endif  // TESTS_GPU_FINDINGS_H_
