#include "coordinator/cli/table.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace penstock {
namespace {

constexpr int kGap = 2;

bool BeginsCharacter(char byte) { return (byte & 0xc0) != 0x80; }

std::string Padded(const std::string& text, int columns, bool right) {
  const std::string padding(std::max(0, columns - ColumnsOf(text)), ' ');
  return right ? padding + text : text + padding;
}

}  // namespace

int ColumnsOf(const std::string& text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), BeginsCharacter));
}

std::string Shorten(const std::string& text, int columns) {
  if (ColumnsOf(text) <= columns) return text;
  const int kept = std::max(0, columns - 3);
  size_t end = 0;
  for (int seen = 0; end < text.size(); ++end) {
    if (BeginsCharacter(text[end]) && seen++ == kept) break;
  }
  return text.substr(0, end) + std::string("...").substr(0, columns);
}

Table::Table(std::vector<std::string> headings) {
  for (std::string& heading : headings) {
    right_.push_back(heading.ends_with('>'));
    if (right_.back()) heading.pop_back();
  }
  rows_.push_back(std::move(headings));
}

void Table::AddRow(std::vector<std::string> cells) {
  PENSTOCK_CHECK(cells.size() == right_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::ToString(int width) const {
  std::vector<int> columns(right_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      columns[i] = std::max(columns[i], ColumnsOf(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      line += Padded(row[i], columns[i], right_[i]) + std::string(kGap, ' ');
    }
    const int left = std::max(3, width - ColumnsOf(line));
    line += right_.back() ? Padded(row.back(), columns.back(), true)
                          : Shorten(row.back(), left);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace penstock
