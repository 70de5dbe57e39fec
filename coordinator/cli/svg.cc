#include "coordinator/cli/svg.h"

#include <array>
#include <cmath>

#include "fmt/format.h"

namespace penstock {
namespace {

// To a hundredth of a pixel, without zeros at the end.
std::string Pixels(double length) {
  return fmt::format("{:.7g}", std::round(length * 100) / 100);
}

constexpr std::array<std::string_view, 3> kAnchors = {"start", "middle", "end"};

}  // namespace

std::string EscapeXml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return escaped;
}

double AxisStep(double length, int parts_max) {
  const double least = length / parts_max;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double step : {1.0, 2.0, 5.0}) {
    // The margin is for lengths that are a multiple but for rounding.
    if (step * power * parts_max >= length * (1 - 1e-9)) return step * power;
  }
  return 10 * power;
}

SvgDrawing::SvgDrawing(double width, double height, std::string_view style) {
  text_ = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" "
      "height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
      "<style>text {{ font-family: sans-serif }} {2}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      Pixels(width), Pixels(height), EscapeXml(style));
}

void SvgDrawing::End(std::string_view tag, std::string_view tip) {
  text_ += tip.empty()
               ? "/>\n"
               : fmt::format("><title>{}</title></{}>\n", EscapeXml(tip), tag);
}

void SvgDrawing::Box(const Area& area, std::string_view style_class,
                     std::string_view tip) {
  text_ += fmt::format(
      "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
      EscapeXml(style_class), Pixels(area.x), Pixels(area.y),
      Pixels(area.width), Pixels(area.height));
  End("rect", tip);
}

void SvgDrawing::Line(double x1, double y1, double x2, double y2,
                      std::string_view style_class) {
  text_ += fmt::format(
      "<line class=\"{}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n",
      EscapeXml(style_class), Pixels(x1), Pixels(y1), Pixels(x2), Pixels(y2));
}

void SvgDrawing::Circle(double x, double y, double radius,
                        std::string_view style_class, std::string_view tip) {
  text_ +=
      fmt::format("<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"",
                  EscapeXml(style_class), Pixels(x), Pixels(y), Pixels(radius));
  End("circle", tip);
}

void SvgDrawing::Text(double x, double y, Anchor anchor,
                      std::string_view style_class, std::string_view text) {
  text_ += fmt::format(
      "<text class=\"{}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n",
      EscapeXml(style_class), Pixels(x), Pixels(y),
      kAnchors[static_cast<size_t>(anchor)], EscapeXml(text));
}

std::string SvgDrawing::ToString() const { return text_ + "</svg>\n"; }

}  // namespace penstock
