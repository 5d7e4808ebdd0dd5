// libqrencode finds the modules, libpng writes the dots.
#include "http/qr_png.hpp"

#include <png.h>
#include <qrencode.h>

#include <memory>
#include <stdexcept>
#include <vector>

namespace troupe {

namespace {

constexpr int dots = 8, quiet = 4;  // a module; modules around

using qr_code = std::unique_ptr<QRcode, decltype(&QRcode_free)>;

/// One row of modules, black or white.
std::vector<unsigned char> row_of(const QRcode& code, int y) {
  auto side = code.width + 2 * quiet;
  std::vector<unsigned char> row(static_cast<size_t>(side), 0xff);
  if (y < 0 || y >= code.width) return row;
  for (int x = 0; x < code.width; ++x)
    if (code.data[y * code.width + x] & 1) row[static_cast<size_t>(x + quiet)] = 0;
  return row;
}

}  // namespace

std::string qr_png(const std::string& text) {
  qr_code code{QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M), QRcode_free};
  if (!code) throw std::runtime_error{"that text is too long for a QR code"};
  auto side = code->width + 2 * quiet;
  std::vector<unsigned char> pixels;
  for (int y = -quiet; y < code->width + quiet; ++y) {
    auto row = row_of(*code, y);
    for (int i = 0; i < dots; ++i)
      for (auto module : row) pixels.insert(pixels.end(), dots, module);
  }
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = image.height = static_cast<png_uint_32>(side * dots);
  image.format = PNG_FORMAT_GRAY;
  png_alloc_size_t size = 0;
  auto write = [&](void* to) { return png_image_write_to_memory(&image, to, &size, 0, pixels.data(), 0, nullptr); };
  if (!write(nullptr)) throw std::runtime_error{image.message};
  std::string png(size, '\0');
  if (!write(png.data())) throw std::runtime_error{image.message};
  png.resize(size);
  return png;
}

}  // namespace troupe
