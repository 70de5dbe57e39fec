#include "coordinator/cli/job_file.h"

#include <filesystem>

#include "coordinator/cli/yaml_message.h"
#include "coordinator/cli/yaml_tree.h"
#include "fmt/format.h"
#include "proto/base/file.h"
#include "proto/base/status_macros.h"

namespace penstock {
namespace {

std::string Absolute(const std::string& path,
                     const std::string& current_directory) {
  return (std::filesystem::path(current_directory) / path)
      .lexically_normal()
      .string();
}

void MakePathsAbsolute(const std::string& current_directory,
                       v1::JobSpec& spec) {
  if (!spec.data().tokens().empty()) {
    spec.mutable_data()->set_tokens(
        Absolute(spec.data().tokens(), current_directory));
  }
  if (!spec.model().init_from().empty()) {
    spec.mutable_model()->set_init_from(
        Absolute(spec.model().init_from(), current_directory));
  }
  if (!spec.checkpoint().resume_from().empty()) {
    spec.mutable_checkpoint()->set_resume_from(
        Absolute(spec.checkpoint().resume_from(), current_directory));
  }
}

}  // namespace

absl::StatusOr<v1::JobSpec> ParseJobFile(std::string_view text,
                                         std::string_view file,
                                         const std::string& current_directory) {
  ASSIGN_OR_RETURN(const YamlNode root, ParseYaml(text, file));
  v1::JobSpec spec;
  RETURN_IF_ERROR(FillMessage(root, file, spec));
  MakePathsAbsolute(current_directory, spec);
  return spec;
}

absl::StatusOr<v1::JobSpec> ReadJobFile(const std::string& path,
                                        const std::string& current_directory) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJobFile(text, path, current_directory);
}

}  // namespace penstock
