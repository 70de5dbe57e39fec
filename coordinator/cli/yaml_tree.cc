#include "coordinator/cli/yaml_tree.h"

#include <set>
#include <sstream>
#include <utility>

#include "fmt/format.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/yaml.h"

namespace penstock {
namespace {

constexpr size_t kTextBytesMax = 1 << 20;
constexpr size_t kDepthMax = 16;

absl::Status ErrorAt(std::string_view file, int line, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{}:{}: {}", file, line, what));
}

// Bytes of the character that begins with `lead`; 0 when none does.
int Utf8Length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

// The line of the first byte that is not part of a character; 0 for none.
int FirstLineNotUtf8(std::string_view text) {
  int line = 1;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '\n') ++line;
    const int length = Utf8Length(static_cast<unsigned char>(text[i]));
    if (length == 0 || i + length > text.size()) return line;
    for (int k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return line;
    }
    i += length;
  }
  return 0;
}

// Builds the tree from the parser's events. After the first error it ignores
// what follows: nothing may be thrown through the parser.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::string_view file) : file_(file) {}

  const absl::Status& status() const { return status_; }
  YamlNode TakeRoot() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    if (!status_.ok()) return;
    if (ExpectsKey()) return Fail(mark, "a key is missing before ':'");
    Add({.kind = YamlNode::Kind::kNull, .line = Line(mark)});
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    Fail(mark, "aliases (*name) are not accepted; repeat the value");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/,
                YAML::anchor_t /*anchor*/, const std::string& value) override {
    if (!status_.ok()) return;
    if (!ExpectsKey()) {
      return Add({.kind = YamlNode::Kind::kScalar,
                  .line = Line(mark),
                  .scalar = value});
    }
    Frame& frame = open_.back();
    if (!frame.keys.insert(value).second) {
      return Fail(mark, fmt::format("\"{}\" appears twice", value));
    }
    frame.has_key = true;
    frame.key = value;
    frame.key_line = Line(mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, YamlNode::Kind::kList);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/,
                  YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    YamlNode node;
    std::set<std::string> keys;
    bool has_key = false;  // The next value belongs to `key`.
    std::string key;
    int key_line = 0;
  };

  static int Line(const YAML::Mark& mark) { return mark.line + 1; }

  bool ExpectsKey() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap &&
           !open_.back().has_key;
  }

  void Fail(const YAML::Mark& mark, std::string_view what) {
    if (status_.ok()) status_ = ErrorAt(file_, Line(mark), what);
  }

  void Open(const YAML::Mark& mark, YamlNode::Kind kind) {
    if (!status_.ok()) return;
    if (ExpectsKey()) return Fail(mark, "a key must be a plain word");
    if (open_.size() >= kDepthMax) {
      return Fail(mark, fmt::format("nested deeper than {}", kDepthMax));
    }
    open_.push_back({.node = {.kind = kind, .line = Line(mark)}});
  }

  void Close() {
    if (!status_.ok()) return;
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Add(std::move(node));
  }

  void Add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (frame.has_key) {
      frame.has_key = false;
      node.key = std::move(frame.key);
      node.line = frame.key_line;
    }
    frame.node.children.push_back(std::move(node));
  }

  const std::string file_;
  absl::Status status_;
  std::vector<Frame> open_;
  YamlNode root_;
};

}  // namespace

absl::StatusOr<YamlNode> ParseYaml(std::string_view text,
                                   std::string_view file) {
  if (text.size() > kTextBytesMax) {
    return absl::InvalidArgumentError(fmt::format(
        "{}: {} bytes; at most 1 MiB is accepted", file, text.size()));
  }
  if (const int line = FirstLineNotUtf8(text); line != 0) {
    return ErrorAt(file, line, "not UTF-8 text");
  }
  TreeBuilder builder(file);
  // yaml-cpp reports by exceptions; they end here.
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    if (builder.status().ok() && parser) {
      return absl::InvalidArgumentError(
          fmt::format("{}: holds more than one document (---)", file));
    }
  } catch (const YAML::Exception& error) {
    if (!builder.status().ok()) return builder.status();
    return ErrorAt(file, error.mark.line + 1,
                   fmt::format("not valid YAML: {}", error.msg));
  }
  if (!builder.status().ok()) return builder.status();
  return builder.TakeRoot();
}

}  // namespace penstock
