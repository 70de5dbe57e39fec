#include "coordinator/schedule/list_search.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "coordinator/schedule/list_times.h"
#include "proto/base/check.h"
#include "proto/base/random.h"

namespace penstock {
namespace {

// Sums of activations are compared with limits; they are not exact.
constexpr double kRounding = 1e-9;

class Search {
 public:
  Search(const PipelineInstance& instance,
         std::vector<std::vector<Action>> programs,
         const SearchOptions& options)
      : instance_(instance),
        options_(options),
        random_(Mix64(options.seed)),
        timer_(instance),
        programs_(std::move(programs)),
        best_(programs_),
        counts_(instance.rank_of_stage.size()) {}

  std::vector<std::vector<Action>> Run() {
    double value = Value();
    const double first = value;
    Trace();
    for (int i = 0; i < options_.evaluations; ++i) {
      if (i % 256 == 0 && options_.stop()) break;
      // A few thousandths are about one action of a long pipeline.
      constexpr double kThreshold = 2e-3;
      const double threshold =
          first * kThreshold *
          (1 - static_cast<double>(i) / options_.evaluations);
      const Move move = Draw();
      if (move.from == move.to) continue;
      Shift(move.rank, move.from, move.to);
      const double moved = Relabel(move.rank) ? Value() : kNever;
      if (moved <= value + threshold) {
        value = moved;
        Trace();
        continue;
      }
      Shift(move.rank, move.to, move.from);
      PENSTOCK_CHECK(Relabel(move.rank));
    }
    return best_;
  }

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();
  struct Move {
    int rank = 0;
    int from = 0;
    int to = 0;
  };
  struct Counts {
    int forwards = 0;
    int inputs = 0;
    int weights = 0;
  };

  // What the search goes by; notes the best.
  double Value() {
    const std::optional<ListTimes> times = timer_.Run(programs_);
    if (!times) return kNever;
    const double value = times->Value(options_.objective);
    if (value < best_value_) {
      best_value_ = value;
      best_ = programs_;
    }
    // The mean shows progress while several ranks are equally long.
    constexpr double kMean = 0.2;
    return value + kMean * times->span_mean;
  }

  // Requires that the last Run was of `programs_`.
  void Trace() { timer_.TraceBack(programs_, CriticalRank(), path_); }

  int CriticalRank() {
    int critical = 0;
    double longest = -1;
    for (int rank = 0; rank < instance_.ranks; ++rank) {
      const double length =
          options_.objective == Objective::kSpan
              ? timer_.Span(rank)
              : timer_.End(
                    {rank, static_cast<int>(programs_[rank].size()) - 1});
      if (length > longest * (1 + kRounding)) {
        longest = length;
        critical = rank;
      }
    }
    // Other ranks' ends become critical next.
    return random_.Below(4) == 0
               ? static_cast<int>(random_.Below(instance_.ranks))
               : critical;
  }

  Move Draw() {
    const ListTimer::Position at = path_[random_.Below(path_.size())];
    const int size = static_cast<int>(programs_[at.rank].size());
    int distance = 1;
    while (distance < size && random_.Below(2) == 0) distance *= 2;
    distance = 1 + static_cast<int>(random_.Below(distance));
    if (random_.Below(2) == 0) distance = -distance;
    return {at.rank, at.index, std::clamp(at.index + distance, 0, size - 1)};
  }

  void Shift(int rank, int from, int to) {
    const auto begin = programs_[rank].begin();
    if (from < to) {
      std::rotate(begin + from, begin + from + 1, begin + to + 1);
    } else {
      std::rotate(begin + to, begin + from, begin + from + 1);
    }
  }

  // Numbers the micro-batches of every stage in order again. False when an
  // action comes before one of its rank that it needs, or memory does not do.
  bool Relabel(int rank) {
    std::fill(counts_.begin(), counts_.end(), Counts{});
    double held = 0;
    const double memory_max = instance_.memory_max[rank] * (1 + kRounding);
    bool valid = true;
    for (Action& action : programs_[rank]) {
      Counts& counts = counts_[action.stage];
      const ActivationMemory& memory = instance_.memory[action.stage];
      int place = 0;
      if (action.kind == ActionKind::kForward) {
        place = counts.forwards++;
        held += memory.activation;
        valid = valid && held <= memory_max;
      } else if (action.kind == ActionKind::kBackwardInput) {
        place = counts.inputs++;
        held -= memory.activation - memory.weight_input;
        valid = valid && place < counts.forwards;
      } else {
        place = counts.weights++;
        held -= memory.weight_input;
        valid = valid && place < counts.inputs;
      }
      action.microbatch = instance_.FirstMicrobatch(action.stage) + place;
    }
    return valid;
  }

  const PipelineInstance& instance_;
  const SearchOptions& options_;
  Random random_;
  ListTimer timer_;
  std::vector<std::vector<Action>> programs_;
  std::vector<std::vector<Action>> best_;
  double best_value_ = kNever;
  std::vector<Counts> counts_;
  std::vector<ListTimer::Position> path_;
};

}  // namespace

std::vector<std::vector<Action>> SearchLists(
    const PipelineInstance& instance, std::vector<std::vector<Action>> programs,
    const SearchOptions& options) {
  return Search(instance, std::move(programs), options).Run();
}

}  // namespace penstock
