#ifndef COORDINATOR_CLI_SVG_H_
#define COORDINATOR_CLI_SVG_H_

#include <string>
#include <string_view>

namespace penstock {

// One drawing that stands alone: SVG 1.1, no script, no font but the reader's
// own. Lengths are in pixels from the top left corner; what is drawn later lies
// above. Thread-compatible.
//
//   SvgDrawing drawing(200, 100, ".box { fill: #4878d0 }");
//   drawing.Box({.x = 10, .y = 10, .width = 50, .height = 20}, "box", "0F3");
//   std::cout << drawing.ToString();
class SvgDrawing {
 public:
  enum class Anchor { kStart, kMiddle, kEnd };

  struct Area {
    double x = 0;
    double y = 0;
    double width = 0;
    double height = 0;
  };

  // `style` is CSS for the classes that the drawing uses.
  SvgDrawing(double width, double height, std::string_view style);

  // A rectangle; `tip`, unless empty, shows when a mouse rests on it.
  void Box(const Area& area, std::string_view style_class,
           std::string_view tip = "");
  void Line(double x1, double y1, double x2, double y2,
            std::string_view style_class);
  void Circle(double x, double y, double radius, std::string_view style_class,
              std::string_view tip = "");
  // `y` is the base line's.
  void Text(double x, double y, Anchor anchor, std::string_view style_class,
            std::string_view text);

  // The whole document.
  std::string ToString() const;

 private:
  void End(std::string_view tag, std::string_view tip);

  std::string text_;
};

// `text` with what XML gives a meaning written as entities, and control
// characters, which it forbids, as spaces.
std::string EscapeXml(std::string_view text);

// A step of 1, 2 or 5 times a power of ten that divides `length` into at most
// `parts_max`. Requires length > 0 and parts_max >= 1.
double AxisStep(double length, int parts_max);

}  // namespace penstock

#endif  // COORDINATOR_CLI_SVG_H_
