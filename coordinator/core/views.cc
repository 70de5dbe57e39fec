#include "coordinator/core/views.h"

#include <algorithm>

namespace penstock {

bool Changes::durable() const {
  return !workers.empty() ||
         std::any_of(jobs.begin(), jobs.end(),
                     [](const JobChange& job) { return job.durable; });
}

}  // namespace penstock
