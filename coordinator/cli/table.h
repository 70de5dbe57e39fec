#ifndef COORDINATOR_CLI_TABLE_H_
#define COORDINATOR_CLI_TABLE_H_

#include <string>
#include <vector>

namespace penstock {

// Columns of text under a heading, two spaces apart. A column whose heading
// ends with '>' is aligned to the right (the mark is not printed). When a line
// would be wider than `width`, its last cell is cut and ends in "...".
// Thread-compatible.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  // `cells` has as many entries as there are headings.
  void AddRow(std::vector<std::string> cells);

  // Lines that end in '\n', the first with the headings.
  std::string ToString(int width) const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;  // The headings first.
};

// The columns a terminal needs for `text`, which is UTF-8: characters, not
// bytes. (Double-width characters count as one.)
int ColumnsOf(const std::string& text);

// `text`, or its beginning with "..." when that is wider than `columns`.
std::string Shorten(const std::string& text, int columns);

}  // namespace penstock

#endif  // COORDINATOR_CLI_TABLE_H_
