#ifndef TESTS_NUMERICS_SMALL_JOB_H_
#define TESTS_NUMERICS_SMALL_JOB_H_

#include <string>
#include <vector>

#include "coordinator/planner/planner.h"
#include "gtest/gtest.h"
#include "tests/in_process/in_process_job.h"

namespace penstock {

// What must not depend on how a job was trained, and where it ended.
struct Outcome {
  std::vector<double> losses;
  std::vector<double> norms;
  std::string hash;  // Of the final weights.
  std::string checkpoint;

  bool operator==(const Outcome& other) const {
    return losses == other.losses && norms == other.norms && hash == other.hash;
  }
};

// For tests that train small models in this process and compare what comes out:
// a directory with tokens below 61, which goes with the test.
class SmallJobTest : public testing::Test {
 protected:
  SmallJobTest();
  ~SmallJobTest() override;

  // On one rank: four steps of four micro-batches of two samples.
  JobSpec SpecOf(const Architecture& model) const;

  // Has memory for anything. Its checkpoints go where the job's name says.
  Plan PlanOf(const JobSpec& spec, const LinkShape& link = {}) const;

  // A job that starts anew finds none of its earlier checkpoints. Expects it to
  // end well.
  InProcessResult Run(const Plan& plan, InProcessOptions options = {}) const;
  Outcome Train(const Plan& plan, const InProcessOptions& options = {}) const;

  std::string root_;
};

}  // namespace penstock

#endif  // TESTS_NUMERICS_SMALL_JOB_H_
