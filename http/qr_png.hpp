// A QR code as a picture.
#pragma once

#include <string>

namespace troupe {

/// The bytes of a black and white PNG: error correction M, eight dots a module, four modules of quiet zone.
/// Throws std::runtime_error for a text that is too long for a QR code.
std::string qr_png(const std::string& text);

}  // namespace troupe
