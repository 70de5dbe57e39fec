#include "coordinator/storage/job_record_proto.h"

#include <memory>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "google/protobuf/timestamp.pb.h"
#include "proto/architecture_proto.h"
#include "proto/base/status_macros.h"
#include "proto/internal/v1/journal.pb.h"
#include "proto/job_spec_proto.h"
#include "proto/plan_proto.h"
#include "proto/time_proto.h"

namespace penstock {
namespace {

// Names of both enums are in the order of the proto, which begins with
// UNSPECIFIED.
std::optional<JobState> JobStateFromProto(v1::JobState state) {
  if (state <= v1::JOB_STATE_UNSPECIFIED || state > v1::JOB_STATE_CANCELLED) {
    return std::nullopt;
  }
  return static_cast<JobState>(static_cast<int>(state) - 1);
}

void PlacesToProto(const JobRecord& record, internal::v1::JobRecord& message) {
  for (const Place& place : record.places) {
    internal::v1::PlaceRecord* added = message.add_places();
    added->set_worker(place.worker);
    added->set_incarnation(place.incarnation);
    added->set_device(place.device);
  }
}

void RequestsToProto(const JobRecord& record,
                     internal::v1::JobRecord& message) {
  for (const RequestRecord& request : record.requests) {
    internal::v1::RequestRecord* added = message.add_requests();
    added->set_id(request.id);
    added->set_call(request.call);
    *added->mutable_time() = TimeToProto(request.time);
  }
}

RevisionRecord RevisionFromProto(const v1::PlanRevision& message) {
  return {.epoch = message.epoch(),
          .revision = message.revision(),
          .step = message.step(),
          .time = TimeFromProto(message.time()),
          .schedule_before = message.schedule_before(),
          .schedule = message.schedule(),
          .reason = message.reason(),
          .measured = absl::Seconds(message.measured_seconds()),
          .predicted = absl::Seconds(message.predicted_seconds())};
}

void ListsFromProto(const internal::v1::JobRecord& message, JobRecord& record) {
  for (const internal::v1::PlaceRecord& place : message.places()) {
    record.places.push_back({.worker = place.worker(),
                             .incarnation = place.incarnation(),
                             .device = place.device()});
  }
  for (const v1::PlanRevision& revision : message.revisions()) {
    record.revisions.push_back(RevisionFromProto(revision));
  }
  for (const internal::v1::RequestRecord& request : message.requests()) {
    record.requests.push_back({.id = request.id(),
                               .call = request.call(),
                               .time = TimeFromProto(request.time())});
  }
}

absl::Status ModelFromProto(const internal::v1::JobRecord& message,
                            JobRecord& record) {
  ASSIGN_OR_RETURN(record.spec, JobSpecFromProto(message.spec()));
  if (const auto model = ArchitectureIn(message)) {
    record.spec.model.architecture = *model;
  }
  if (message.has_plan()) {
    ASSIGN_OR_RETURN(Plan plan, PlanFromProto(message.plan()));
    record.plan = std::make_shared<const Plan>(std::move(plan));
  }
  return absl::OkStatus();
}

absl::StatusOr<JobRecord> FromProto(const internal::v1::JobRecord& message) {
  JobRecord record;
  RETURN_IF_ERROR(ModelFromProto(message, record));
  const std::optional<JobState> state = JobStateFromProto(message.state());
  if (!state) {
    return absl::InvalidArgumentError(
        fmt::format("state: {}: unknown", static_cast<int>(message.state())));
  }
  record.state = *state;
  record.reason = message.reason();
  record.submit_time = TimeFromProto(message.submit_time());
  record.transition_time = TimeFromProto(message.transition_time());
  record.revision = message.revision();
  record.queue_number = message.queue_number();
  record.epoch = message.epoch();
  record.step = message.step();
  record.checkpoint = {.step = message.checkpoint_step(),
                       .checkpoint = message.checkpoint()};
  record.pause_requested = message.pause_requested();
  record.recoveries = message.recoveries();
  record.recoveries_without_progress = message.recoveries_without_progress();
  record.last_failure = message.last_failure();
  record.memory_bytes = message.memory_bytes();
  ListsFromProto(message, record);
  return record;
}

}  // namespace

v1::JobState JobStateToProto(JobState state) {
  return static_cast<v1::JobState>(static_cast<int>(state) + 1);
}

v1::PlanRevision RevisionToProto(const RevisionRecord& revision) {
  v1::PlanRevision message;
  message.set_epoch(revision.epoch);
  message.set_revision(revision.revision);
  message.set_step(revision.step);
  *message.mutable_time() = TimeToProto(revision.time);
  message.set_schedule_before(revision.schedule_before);
  message.set_schedule(revision.schedule);
  message.set_reason(revision.reason);
  message.set_measured_seconds(absl::ToDoubleSeconds(revision.measured));
  message.set_predicted_seconds(absl::ToDoubleSeconds(revision.predicted));
  return message;
}

std::string SerializeJobRecord(const JobRecord& record) {
  internal::v1::JobRecord message;
  *message.mutable_spec() = JobSpecToProto(record.spec);
  if (const auto* model =
          std::get_if<Architecture>(&record.spec.model.architecture);
      model != nullptr && !record.spec.model.init_from.empty()) {
    SetArchitecture(*model, message);
  }
  message.set_state(JobStateToProto(record.state));
  message.set_reason(record.reason);
  *message.mutable_submit_time() = TimeToProto(record.submit_time);
  *message.mutable_transition_time() = TimeToProto(record.transition_time);
  message.set_revision(record.revision);
  message.set_queue_number(record.queue_number);
  message.set_epoch(record.epoch);
  if (record.plan != nullptr) {
    *message.mutable_plan() = PlanToInternalProto(*record.plan);
  }
  message.set_step(record.step);
  message.set_checkpoint(record.checkpoint.checkpoint);
  message.set_checkpoint_step(record.checkpoint.step);
  message.set_pause_requested(record.pause_requested);
  message.set_recoveries(record.recoveries);
  message.set_recoveries_without_progress(record.recoveries_without_progress);
  message.set_last_failure(record.last_failure);
  message.set_memory_bytes(record.memory_bytes);
  PlacesToProto(record, message);
  RequestsToProto(record, message);
  for (const RevisionRecord& revision : record.revisions) {
    *message.add_revisions() = RevisionToProto(revision);
  }
  return message.SerializeAsString();
}

absl::StatusOr<JobRecord> ParseJobRecord(std::string_view name,
                                         std::string_view bytes) {
  internal::v1::JobRecord message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(
        fmt::format("journal: job '{}': not a job record", name));
  }
  absl::StatusOr<JobRecord> record = FromProto(message);
  if (!record.ok()) {
    return absl::DataLossError(fmt::format(
        "journal: job '{}': {}", name, std::string(record.status().message())));
  }
  return record;
}

}  // namespace penstock
