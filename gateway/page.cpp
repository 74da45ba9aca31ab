#include "page.h"

// The assembler reads the files from TOPK_GATEWAY_DIRECTORY (gateway/Makefile).
#define EMBED(name, file)                                                                                                   \
    asm(".section .rodata\n" #name "_begin:\n.incbin \"" TOPK_GATEWAY_DIRECTORY "/" file "\"\n" #name "_end:\n.byte 0\n"    \
        ".previous\n");                                                                                                     \
    extern "C" const char name##_begin[], name##_end[]

EMBED(gateway_index, "page/index.html");
EMBED(gateway_style, "page/style.css");
EMBED(gateway_script, "page/page.js");
EMBED(gateway_icon, "page/icon.svg");
EMBED(gateway_openapi, "openapi.json");

namespace gateway {

const Asset *find_asset(std::string_view path) {
    const auto content = [](const char *begin, const char *end) {
        return std::string_view(begin, static_cast<std::size_t>(end - begin));
    };
    static const Asset assets[] = {
        {"/", "text/html; charset=utf-8", content(gateway_index_begin, gateway_index_end)},
        {"/style.css", "text/css; charset=utf-8", content(gateway_style_begin, gateway_style_end)},
        {"/page.js", "text/javascript; charset=utf-8", content(gateway_script_begin, gateway_script_end)},
        {"/icon.svg", "image/svg+xml", content(gateway_icon_begin, gateway_icon_end)},
        {"/openapi.json", "application/json", content(gateway_openapi_begin, gateway_openapi_end)},
    };
    for (const Asset &asset : assets)
        if (asset.path == path)
            return &asset;
    return nullptr;
}

} // namespace gateway
